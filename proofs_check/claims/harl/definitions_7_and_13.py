"""Definitions 7, 13 and 14 at their edges: one agent, all agents, staying, and balls that states may leave alone.

    L^{i_1} = E_{ρ, π̂}[A^{i_1}]  (m = 1)        Σ_m L^{i_{1:m}} = E_{ρ, π̄}[A]  (m = n)        [M^{π^i} A_π](s) = 0
    D(π, π̄_{s→π}) ≤ D(π, π̄) for max KL, expected KL and max TV: their balls are closed under resetting one state

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). Definition 13 asks
for a ball only; what it needs is the second line (``harl/lemma_15/ball_suffices``). A ball in the distance of returns
contains a ball of policies too, and is not closed under resets.
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.advantages import expected_advantage, multi_agent_q, surrogate
from marlcore.divergences import expected_kl, max_kl, max_tv
from marlcore.numbers import Kind
from marlcore.objectives import clip_drift, forward_kl_drift, squared_l2_drift, step_of, zero_drift
from marlcore.policies import joint
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import SMALL, TEAM_PAIRS, squares, team, team_pair
from proofs_check.instances import Between, Instance, Layout

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"


def _old(x: Instance) -> Any:
    return x.once("old", lambda x: evaluate(team(x), x.policy))


def first_agent(x: Instance) -> Any:
    """L^{i_1} − Σ_s ρ(s) Σ_a π̂(a|s) (Q^{i_1}(s, a) − V(s))."""
    old, i = _old(x), x.order[0]
    own = multi_agent_q(old.Q, x.policy, (i,)) - old.V[..., None]
    direct = (old.rho * (x.new[i] * own).sum(-1)).sum(-1)
    return squares(x, surrogate(old.Q, old.rho, x.policy, x.new, (i,)) - direct)


def all_agents(x: Instance) -> Any:
    """Σ_m L^{i_{1:m}} − Σ_s ρ(s) Σ_a π̄(a|s) A(s, a)."""
    old = _old(x)
    total = sum(surrogate(old.Q, old.rho, x.policy, x.new, x.order[: m + 1]) for m in range(len(x.order)))
    direct = (old.rho * (joint(x.new) * old.A).reshape(*old.rho.shape, -1).sum(-1)).sum(-1)
    return squares(x, total - direct)


def _operator_at_old(x: Instance, *drifts: Any) -> Any:
    """[M^{π^i}A_π](s) of the last agent of the order under each drift, its predecessors at their new tables."""
    i = x.order[-1]
    stay = tuple(old if j == i else new for j, (old, new) in enumerate(zip(x.policy, x.new, strict=True)))
    gain = expected_advantage(_old(x).Q, x.policy, stay, x.order)
    at = step_of(_old(x).A, x.policy, x.new, x.order)
    return squares(x, *(gain - drift(x.policy[i], at) for drift in drifts))


def staying(x: Instance) -> Any:
    """With no drift, the squared L2 drift and the clip drift."""
    return _operator_at_old(x, zero_drift, squared_l2_drift(), clip_drift(numbers.number("1/5", x.kind)))


def staying_kl(x: Instance) -> Any:
    """With the KL drift."""
    return _operator_at_old(x, forward_kl_drift())


def _resets(x: Instance) -> list[Any]:
    """The first agent's new table with each state in turn put back to the old row."""
    old, new = x.policy[0], x.new[0]
    S = old.shape[-2]
    eye = numbers.identity(S, old)
    return [new + eye[s][:, None] * (old - new) for s in range(S)]


def _shrink(x: Instance, distance: Any) -> Any:
    """The least of D(π, π̄) − D(π, π̄ reset at s) over s."""
    far = distance(x.policy[0], x.new[0])
    return numbers.amin(numbers.stack([far - distance(x.policy[0], table) for table in _resets(x)], axis=-1), -1)


def max_kl_shrinks(x: Instance) -> Any:
    """For D^max_KL."""
    return _shrink(x, max_kl)


def expected_kl_shrinks(x: Instance) -> Any:
    """For E_{s~d} KL."""
    return _shrink(x, lambda p, q: expected_kl(x.start, p, q))


def max_tv_shrinks(x: Instance) -> Any:
    """For max_s TV."""
    return _shrink(x, max_tv)


def return_shrinks(x: Instance) -> Any:
    """For |J(π̄) − J(π)|, a distance that mixes the states."""
    old = _old(x).J

    def distance(_: Any, table: Any) -> Any:
        return numbers.absolute(evaluate(team(x), (table, *x.policy[1:])).J - old)

    return _shrink(x, distance)


def layout(states: int, actions: Any) -> Layout:
    """A team game with two policies and γ ≤ 9/10."""
    return {**team_pair(states, actions), "discount": Between("0", "9/10")}


def _claim(margin: Any, statement: str, plain: str, locator: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {"source": SOURCE, "status": "proved", "kind": "identity", "family": TEAM_PAIRS}
    return Claim(statement=statement, plain=plain, margin=margin, locator=locator, **(defaults | fields))


MIXED = Family(layout, SMALL)
EXACT: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
LOGS: tuple[Kind, ...] = ("float", "torch", "ball")
one_agent = _claim(
    first_agent,
    r"L^{i_1}_\pi(\hat\pi^{i_1}) = E_{s \sim \rho, a \sim \hat\pi}[A^{i_1}(s, a)]",
    "The surrogate of the first agent is the mean of its own advantage.",
    "Definition 7, m = 1",
)
whole_team = _claim(
    all_agents,
    r"\sum_{m=1}^{n} L^{i_{1:m}}_\pi(\bar\pi^{i_{1:m-1}}, \bar\pi^{i_m})"
    r" = E_{s \sim \rho, a \sim \bar\pi}[A_\pi(s, a)]",
    "The surrogates of all agents add up to the mean of the joint advantage, in whatever order.",
    "Definition 7, m = n",
    assumes=("harl/lemma_6/decomposition",),
)
operator_at_old = _claim(
    staying,
    r"[\mathcal{M}^{\pi^{i_m}} A_\pi](s) = 0",
    "The mirror operator is zero for an agent that stays, whatever its predecessors did.",
    "Definition 14",
    numbers=EXACT,
    family=MIXED,
)
operator_at_old_with_kl = _claim(
    staying_kl,
    r"[\mathcal{M}^{\pi^{i_m}} A_\pi](s) = 0 \text{ with the KL drift}",
    "The same with the KL drift.",
    "Definition 14",
    numbers=LOGS,
    family=MIXED,
)
max_kl_balls = _claim(
    max_kl_shrinks,
    r"D^{\max}_{KL}(\pi, \bar\pi_{s \to \pi}) \le D^{\max}_{KL}(\pi, \bar\pi)",
    "A ball of the largest KL is closed under putting one state back.",
    "Definition 13 with the condition that it needs",
    kind="inequality",
    status="ours",
    numbers=LOGS,
    figure="trust_region",
)
expected_kl_balls = _claim(
    expected_kl_shrinks,
    r"E_{s \sim d} D_{KL}(\pi, \bar\pi_{s \to \pi}) \le E_{s \sim d} D_{KL}(\pi, \bar\pi)",
    "A ball of the expected KL is closed under putting one state back.",
    "Definition 13 with the condition that it needs",
    kind="inequality",
    status="ours",
    numbers=LOGS,
    figure="trust_region",
)
max_tv_balls = _claim(
    max_tv_shrinks,
    r"\max_s TV(\pi, \bar\pi_{s \to \pi}) \le \max_s TV(\pi, \bar\pi)",
    "A ball of the largest total variation is closed under putting one state back.",
    "Definition 13 with the condition that it needs",
    kind="inequality",
    status="ours",
    numbers=EXACT,
    figure="trust_region",
)
any_balls = _claim(
    return_shrinks,
    r"|J(\bar\pi_{s \to \pi}) - J(\pi)| \le |J(\bar\pi) - J(\pi)|",
    "A ball of any distance between policies is closed under putting one state back.",
    "Definition 13, with the distance of returns for an example",
    kind="inequality",
    source="Definition 13 read loosely",
    status="refuted",
    expected="refuted",
    numbers=("float", "torch", "rational"),
    family=MIXED,
)
