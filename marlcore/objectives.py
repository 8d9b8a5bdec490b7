"""Update objectives: clipped ratio, drifts, the sequential factor M, advantage estimates; for tables and tensors.

The line that a table maximises exactly is the line that a network's loss averages over samples. Nothing here takes a
mean: the caller weighs by ρ_π, by a batch or by a mask, and says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Shaped

from marlcore import numbers
from marlcore.advantages import average_out, check_agents, ratio
from marlcore.divergences import kl
from marlcore.errors import InputError
from marlcore.numbers import ARITHMETIC, primitive
from marlcore.policies import Policy


@primitive(*ARITHMETIC)
def clip_ratio(r: Shaped[Any, "*B"], epsilon: Any) -> Shaped[Any, "*B"]:
    """clip(r, 1−ε, 1+ε) = min(max(r, 1−ε), 1+ε)  (Schulman et al. 2017)."""
    return numbers.minimum(numbers.maximum(r, 1 - epsilon), 1 + epsilon)


@primitive(*ARITHMETIC)
def clipped_objective(r: Any, M: Any, epsilon: Any) -> Any:
    """min(r·M, clip(r, 1±ε)·M), elementwise (Schulman et al. 2017, eq. 7; HAPPO with M the sequential factor)."""
    return numbers.minimum(r * M, clip_ratio(r, epsilon) * M)


@primitive(*ARITHMETIC)
def clip_penalty(r: Any, M: Any, epsilon: Any) -> Any:
    """ReLU((r − clip(r, 1±ε))·M), elementwise: r·M less this is the clipped objective (HARL, App. F)."""
    return numbers.maximum((r - clip_ratio(r, epsilon)) * M, 0)


@primitive(*ARITHMETIC)
def sequential_factor(advantage: Any, ratios: Sequence[Any]) -> Any:
    """M_{i_{1:m}} = Π_{j<m} π̄^{i_j}/π^{i_j} · Â, elementwise, from the ratios of the predecessors  (HARL, Prop. 11).

    A ratio over several action dimensions is the exponential of its log-probabilities' sum, taken once.
    """
    M = advantage
    for r in ratios:
        M = M * r
    return M


@dataclass(frozen=True, eq=False)
class Step:
    """Where one agent's update stands: what a drift may look at, besides the candidate π̂^i.

    ``old`` (…, S, A_i) is π^i; ``others`` (…, S, K) the probability under π of each joint action of the others;
    ``M`` (…, S, A_i, K) the sequential factor at each; ``advantage`` (…, S, A_i) its mean over the others, which is
    E_{a^{i_{1:m−1}}~π̄, rest~π}[A_π(s, ·)].
    """

    old: Shaped[Any, "*B S A"]
    advantage: Shaped[Any, "*B S A"]
    others: Shaped[Any, "*B S K"]
    M: Shaped[Any, "*B S A K"]


Drift = Callable[[Any, Step], Any]
"""D^i_π(π̂^i | s, π̄^{i_{1:m−1}}) as a function of π̂^i (…, S, A_i) and the step: (…, S)  (HARL, Def. 12)."""


def step_of(A: Any, policy: Policy, new: Policy, order: Sequence[int]) -> Step:
    """The step of the last agent of ``order``, whose predecessors there have moved to their tables in ``new``."""
    n = len(policy)
    *predecessors, i = check_agents(order, n)
    ratios = []
    for j in predecessors:
        r = ratio(policy[j], new[j])
        ratios.append(r.reshape(*r.shape[:-1], *(1,) * j, r.shape[-1], *(1,) * (n - 1 - j)))
    M = numbers.moveaxis(sequential_factor(A, ratios), i - n, -n)
    lead = policy[i].shape[:-1]
    others = None
    for j in (j for j in range(n) if j != i):
        factor = policy[j][..., None, :]
        others = policy[j] if others is None else (others[..., :, None] * factor).reshape(*lead, -1)
    if others is None:
        others = policy[i][..., :1] * 0 + 1
    M = M.reshape(*lead, policy[i].shape[-1], -1)
    return Step(policy[i], (M * others[..., None, :]).sum(-1), others, M)


@primitive(*ARITHMETIC)
def hamo(hat: Shaped[Any, "*B S A"], advantage: Shaped[Any, "*B S A"], drift: Any) -> Shaped[Any, "*B S"]:
    """[M^{π̂^i}A_π](s) = Σ_a π̂^i(a|s) A^i(s, a) − D^i_π(π̂^i | s), (…, S): the mirror operator (HARL, Def. 14)."""
    return (hat * advantage).sum(-1) - drift


def zero_drift(hat: Any, at: Step) -> Any:
    """D = 0 (HAA2C, HADDPG)."""
    return (hat * 0).sum(-1)


def forward_kl_drift(scale: Any = 1) -> Drift:
    """D = scale·KL(π^i ‖ π̂^i); zero gradient at fully mixed π only: at a vertex its slope is ``scale``."""
    return lambda hat, at: scale * kl(at.old, hat)


def reverse_kl_drift(scale: Any = 1) -> Drift:
    """D = scale·KL(π̂^i ‖ π^i); infinite where π̂^i plays an action that π^i does not."""
    return lambda hat, at: scale * kl(hat, at.old)


def squared_l2_drift(scale: Any = 1) -> Drift:
    """D = scale·Σ_a (π̂^i − π^i)²."""
    return lambda hat, at: scale * ((hat - at.old) * (hat - at.old)).sum(-1)


def clip_drift(epsilon: Any) -> Drift:
    """D = E_{a~π}[ReLU((r − clip(r, 1±ε))·M)], the drift in the joint M that makes HAPPO's objective a HAMO."""

    def drift(hat: Any, at: Step) -> Any:
        r = ratio(at.old, hat)
        return average_out((clip_penalty(r[..., None], at.M, epsilon) * at.others[..., None, :]).sum(-1), at.old, -1)

    return drift


def marginal_clip_drift(epsilon: Any) -> Drift:
    """The same with the mean over the others inside the ReLU, as HARL's App. F prints it: a smaller drift for n > 1."""

    def drift(hat: Any, at: Step) -> Any:
        return average_out(clip_penalty(ratio(at.old, hat), at.advantage, epsilon), at.old, -1)

    return drift


@primitive(*ARITHMETIC)
def gae(rewards: Any, values: Any, next_values: Any, terminated: Any, truncated: Any, gamma: Any, lam: Any) -> Any:
    """Â_t = δ_t + γλ·Â_{t+1} within an episode, δ_t = r_t + γ·V(s_{t+1}) − V(s_t)  (Schulman et al. 2016), (T, …).

    ``next_values[t]`` is V of the state that step t led to, before any reset. It counts for nothing where the episode
    ``terminated``, and bootstraps where it was ``truncated``; at both the recursion starts afresh.
    """
    if rewards.shape != values.shape or rewards.shape != next_values.shape:
        raise InputError(
            f"rewards {tuple(rewards.shape)}, values {tuple(values.shape)} and next_values "
            f"{tuple(next_values.shape)} must have one shape (T, …)"
        )
    alive = numbers.indicator(~terminated, rewards)
    going_on = numbers.indicator(~(terminated | truncated), rewards)
    deltas = rewards + gamma * alive * next_values - values
    estimates, running = [], 0
    for t in reversed(range(rewards.shape[0])):
        running = deltas[t] + gamma * lam * going_on[t] * running
        estimates.append(running)
    return numbers.stack(estimates[::-1])
