"""HAPPO's clipped objective is a mirror operator, with a drift in the joint M; the printed drift is another one.

    E[min(r·M, clip(r, 1±ε)·M)] = E[r·M] − E[ReLU((r − clip(r, 1±ε))·M)],   M = (π̄^{i_{1:m−1}}/π^{i_{1:m−1}})·A
    E_{a^{-i}} ReLU((r − clip r)·M)  ≥  ReLU((r − clip r)·E_{a^{-i}} M)

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Section 4 and Appendix F (which writes
the second form). Jensen: the mean over the other agents and the ReLU do not commute, so the two are not equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore.advantages import expected_advantage
from marlcore.numbers import Kind
from marlcore.objectives import clip_drift, clip_penalty, clipped_objective, marginal_clip_drift, step_of
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import along, over_states, squares, team, team_pair
from proofs_check.instances import Between, Instance, Layout, Reals

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
SIZES = ({"states": 2, "actions": (2, 2)}, {"states": 1, "actions": (2, 3)}, {"states": 2, "actions": (2, 2, 2)})


def numbers_only(entries: int = 4) -> Layout:
    """Ratios, factors and a clip range."""
    return {"r": Between(0, 3, (entries,)), "M": Reals((entries,)), "epsilon": Between("1/20", "1/2")}


def elementwise(x: Instance) -> Any:
    """min(rM, clip(r)M) − rM + ReLU((r − clip r)M)."""
    eps = along(x.epsilon, 1)
    return squares(x, clipped_objective(x.r, x.M, eps) - x.r * x.M + clip_penalty(x.r, x.M, eps))


def layout(states: int, actions: Sequence[int]) -> Layout:
    """A team game, two fully mixed policies, an order, and a clip range."""
    return {**team_pair(states, actions, ("0", "9/10")), "epsilon": Between("1/20", "1/2")}


def _drifts(x: Instance) -> tuple[Any, Any]:
    """The joint and the marginal drift of the first agent that moves, at every state."""
    A = evaluate(team(x), x.policy).A
    at = step_of(A, x.policy, x.new, x.order[:1])
    hat = x.new[x.order[0]]
    eps = along(x.epsilon, 3)
    return clip_drift(eps)(hat, at), marginal_clip_drift(along(x.epsilon, 2))(hat, at)


def equal(x: Instance) -> Any:
    """Joint drift minus marginal drift."""
    joint, marginal = _drifts(x)
    return squares(x, joint - marginal)


def jensen(x: Instance) -> Any:
    """The least of joint drift minus marginal drift over states."""
    joint, marginal = _drifts(x)
    return over_states(x, joint - marginal)


def reversed_jensen(x: Instance) -> Any:
    """The least of marginal drift minus joint drift over states."""
    joint, marginal = _drifts(x)
    return over_states(x, marginal - joint)


def shift(x: Instance) -> Any:
    """E[r·M] − E[A^{i_m}] at π̂ minus the same at π: the part that would depend on π̂."""
    old = evaluate(team(x), x.policy)
    at = step_of(old.A, x.policy, x.new, x.order)
    i = x.order[-1]
    hat, base = x.new[i], x.policy[i]
    stay = tuple(base if j == i else x.new[j] for j in range(len(x.policy)))
    moved = (hat * at.advantage).sum(-1) - expected_advantage(old.Q, x.policy, x.new, x.order)
    rested = (base * at.advantage).sum(-1) - expected_advantage(old.Q, x.policy, stay, x.order)
    return squares(x, moved - rested)


FAMILY = Family(layout, SIZES)
identity = Claim(
    statement=r"\min(rM, \mathrm{clip}(r, 1 \pm \epsilon) M) = rM - \mathrm{ReLU}((r -"
    r" \mathrm{clip}(r, 1 \pm \epsilon)) M)",
    plain="The clipped objective is the plain one less a penalty that is never negative.",
    source=SOURCE,
    locator="Appendix F",
    status="proved",
    kind="identity",
    margin=elementwise,
    family=Family(numbers_only, ({"entries": 4},)),
    numbers=KINDS,
)
constant_shift = Claim(
    statement=r"E[r M] = E[A^{i_m}] + \text{a constant that does not depend on } \hat\pi",
    plain="Maximising E[r·M] is maximising the agent's expected advantage.",
    source=SOURCE,
    locator="Section 4",
    status="proved",
    kind="identity",
    margin=shift,
    family=FAMILY,
)
drifts_are_equal = Claim(
    statement=r"E_{a^{-i} \sim \pi}\left[\mathrm{ReLU}((r - \mathrm{clip}\, r) M)\right]"
    r" = \mathrm{ReLU}\left((r - \mathrm{clip}\, r) A^{i_{1:m}}\right)",
    plain="The drift in the joint M and the printed drift in the marginal advantage are the same.",
    source=SOURCE,
    locator="Appendix F, as printed",
    status="refuted",
    kind="identity",
    margin=equal,
    family=FAMILY,
    expected="refuted",
    numbers=KINDS,
    figure="drifts",
)
joint_is_larger = Claim(
    statement=r"E_{a^{-i} \sim \pi}\left[\mathrm{ReLU}((r - \mathrm{clip}\, r) M)\right]"
    r" \ge \mathrm{ReLU}\left((r - \mathrm{clip}\, r) A^{i_{1:m}}\right)",
    plain="The drift in the joint M is never smaller than the printed one.",
    source="Jensen's inequality",
    locator="marlcore.objectives.clip_drift",
    status="ours",
    kind="inequality",
    margin=jensen,
    family=FAMILY,
    numbers=KINDS,
    figure="drifts",
)
printed_is_larger = Claim(
    statement=r"\mathrm{ReLU}\left((r - \mathrm{clip}\, r) A^{i_{1:m}}\right)"
    r" \ge E_{a^{-i} \sim \pi}\left[\mathrm{ReLU}((r - \mathrm{clip}\, r) M)\right]",
    plain="The printed drift is never smaller than the one in the joint M.",
    source="Jensen's inequality, the wrong way round",
    locator="marlcore.objectives.marginal_clip_drift",
    status="refuted",
    kind="inequality",
    margin=reversed_jensen,
    family=FAMILY,
    expected="refuted",
    numbers=KINDS,
    figure="drifts",
)
