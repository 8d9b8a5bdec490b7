"""HAML: heterogeneous-agent mirror learning, the template (Zhong et al., Defs 12–14, Algorithm "HAML").

    for m = 1, …, n:   π^{i_m} ← argmax_{π̂ ∈ U^{i_m}(π)} E_{s~β_π}[ [M^{π̂}A_π](s) ]
    [M^{π̂^i}A_π](s) = E_{a^{i_{1:m−1}}~π_new, a^i~π̂^i}[A^i_π(s, ·)] − D^i_π(π̂^i | s, π_new^{i_{1:m−1}})

with a drift D, a neighbourhood U and a sampling distribution β. HATRPO, HAPPO, HAA2C and HADDPG are instances
(``instances``).

Guarantee. If HAMO at every state is at least its value at the agent's old policy, for each agent in turn, then
V_new(s) ≥ V_old(s) at every state (Lemma 15). The condition is measured: ``margins`` records the least gain of each
agent. And what it promises is recorded: with G(s) = Σ_m gain_m(s) ≥ 0, J_new ≥ J_old + Σ_s d(s)G(s) (``bounds``),
because J_new − J_old = Σ_s ρ_new(s)·E_{a~π_new}[A_π(s,a)], ρ_new ≥ d, and the advantage at s is Σ_m gain_m + D ≥ G.

Departures. Drifts of ``drifts`` are maximised exactly, with a certified gap; any other function is maximised by an
ascent that only promises that HAMO does not decrease (its gap is infinite). Where β(s) = 0 the row stays as it is; the
theory asks for β > 0 everywhere. From a deterministic policy a KL drift can be stuck for ever (Theorem 16 needs π_0
fully mixed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from marlcore import policies
from marlcore.advantages import ratio
from marlcore.errors import InputError
from marlcore.games import Game, TeamGame
from marlcore.objectives import Drift, Step
from marlcore.policies import Policy
from marlcore.trace import Trace
from marlcore.values import Evaluation
from tabular.mirror.ascent import ascend
from tabular.mirror.drifts import ZERO, SeparableDrift
from tabular.mirror.neighbourhoods import EVERYTHING, Neighbourhood
from tabular.mirror.record import run
from tabular.mirror.separable import InnerMaximum, maximise
from tabular.mirror.team import Order, agents_in_order, as_team, conditional_advantage, order_name

SAMPLING = ("occupancy", "uniform", "start")


def haml(
    game: Game,
    policy: Policy | Trace,
    drift: Drift = ZERO,
    neighbourhood: Neighbourhood = EVERYTHING,
    sampling: str = "occupancy",
    iterations: int = 100,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
    every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run mirror learning from ``policy``, or go on from the end of an earlier run (its trace).

    ``sampling`` is β: "occupancy" (ρ_π), "uniform", or "start" (d, which must be positive everywhere). The trace has
    ``returns``, ``bounds``, ``nash_gaps``, ``policies``, and in ``extras`` "orders" and per agent "margins" (Lemma 15's
    condition, the least gain in HAMO over the states) and "step_gaps" (certified distance from the inner maximum).
    """
    team = as_team(game)
    check_choices(team, neighbourhood, sampling)

    def update(old: Policy, at: Evaluation, k: int, rng: np.random.Generator) -> tuple[Policy, dict[str, Any]]:
        chosen = agents_in_order(order, team.n, k, rng)
        return haml_iteration(team, old, at, chosen, drift, neighbourhood, sampling)

    config = {**describe(drift, neighbourhood, sampling), "order": order_name(order)}
    return run("haml", game, team, policy, update, iterations, rng, config, every, progress)


def haml_iteration(
    game: TeamGame,
    policy: Policy,
    old: Evaluation,
    order: Sequence[int],
    drift: Drift,
    neighbourhood: Neighbourhood,
    sampling: str,
) -> tuple[Policy, dict[str, Any]]:
    """One iteration with the agents in ``order``: the new policy and the facts about it."""
    beta = sampling_weights(game, old, sampling)
    new = list(policy)
    margins, gaps, gains = np.zeros(game.n), np.zeros(game.n), np.zeros(game.S)
    for m, i in enumerate(order):
        found = inner_maximum(drift, step_at(old.A, policy, tuple(new), order[: m + 1]), neighbourhood, beta)
        new[i] = found.table
        margins[i], gaps[i] = found.gains.min(), found.gap
        gains += found.gains
    # a loss, be it of round-off, can be visited for as long as 1/(1 − γ)
    promised = game.start @ np.maximum(gains, 0) + np.minimum(gains, 0).sum() / (1 - game.discount)
    facts = {"bounds": float(old.J) + promised, "orders": np.array(order), "margins": margins, "step_gaps": gaps}
    return tuple(new), facts


def inner_maximum(drift: Drift, at: Step, neighbourhood: Neighbourhood, beta: np.ndarray) -> InnerMaximum:
    """The exact maximiser where the drift is a sum over actions, else the ascent."""
    if isinstance(drift, SeparableDrift):
        return maximise(drift, at, neighbourhood, beta)
    return ascend(drift, at, neighbourhood, beta)


def step_at(A: np.ndarray, policy: Policy, new: Policy, order: Sequence[int]) -> Step:
    """``objectives.step_of`` for tables at which a predecessor may have taken up an action of old probability 0.

    The advantage then counts that action, as the definition says; M, which is about joint actions that the old policy
    plays, has no value for it and is 0 there.
    """
    *predecessors, i = order
    n, S = len(policy), len(policy[i])
    M = A
    for j in predecessors:
        played = policy[j] > 0
        r = ratio(np.where(played, policy[j], 1.0), np.where(played, new[j], 0.0))
        M = M * r.reshape(S, *(1,) * j, -1, *(1,) * (n - 1 - j))
    rest = tuple(policy[j] for j in range(n) if j != i)
    others = policies.joint(rest).reshape(S, -1) if rest else np.ones((S, 1))
    M = np.moveaxis(M, i + 1, 1).reshape(S, policy[i].shape[1], -1)
    return Step(policy[i], conditional_advantage(A, policy, new, order), others, M)


def sampling_weights(game: TeamGame, at: Evaluation, sampling: str) -> np.ndarray:
    """β (S,): ρ_π, the uniform or the start distribution."""
    if sampling == "occupancy":
        return np.maximum(at.rho, 0)
    return np.full(game.S, 1 / game.S) if sampling == "uniform" else np.asarray(game.start, dtype=float)


def check_choices(game: TeamGame, neighbourhood: Any, sampling: str) -> None:
    """Refuse an unknown sampling distribution, one that misses a state, and what is no neighbourhood."""
    if not isinstance(neighbourhood, Neighbourhood):
        raise InputError(
            f"neighbourhood must be Everything(), ExpectedKL, MaxKL or TotalVariation, not {neighbourhood}"
        )
    if sampling not in SAMPLING:
        raise InputError(f'sampling must be one of {", ".join(SAMPLING)}, not "{sampling}"')
    missed = np.flatnonzero(np.asarray(game.start, dtype=float) <= 0)
    if sampling == "start" and len(missed):
        raise InputError(f'sampling "start" needs d(s) > 0 everywhere, but d(s={missed[0]}) = {game.start[missed[0]]}')


def describe(drift: Any, neighbourhood: Any, sampling: str) -> dict[str, Any]:
    """The choices as a run's config records them."""

    def text(x: Any) -> str:
        if is_dataclass(x) and not isinstance(x, type):
            return f"{type(x).__name__}({', '.join(f'{k}={v}' for k, v in asdict(x).items())})"
        return getattr(x, "__qualname__", type(x).__qualname__)

    return {"drift": text(drift), "neighbourhood": text(neighbourhood), "sampling": sampling}
