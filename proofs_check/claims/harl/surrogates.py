"""The surrogate of Definition 7: it is zero at the old policy, and an expectation under the old policy (Prop. 11).

    L^{i_{1:m}}_π(π̄^{i_{1:m−1}}, π^{i_m}) = 0
    L^{i_{1:m}}_π(π̄, π̂) = E_{s~ρ, a~π}[(π̂^{i_m}/π^{i_m} − 1)·(π̄^{i_{1:m−1}}/π^{i_{1:m−1}})·A_π(s, a)]

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). The estimator needs
π^i(a|s) > 0 wherever π̄^i or π̂^i is: what the old policy never plays is never seen. ``lost_bar`` is the estimator as
notes print it, (π̂·π − 1) in place of (π̂/π − 1).
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.advantages import multi_agent_advantage, ratio, ratio_surrogate, surrogate
from marlcore.policies import joint
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import SMALL, TEAM_PAIRS, exact_instance, squares, team, team_pair
from proofs_check.instances import Instance, Layout, Reals, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"


def at_old(x: Instance) -> Any:
    """L with π̂ = π, for every m along the order."""
    old = evaluate(team(x), x.policy)
    values = []
    for m, i in enumerate(x.order):
        mixed = tuple(x.policy[j] if j == i else x.new[j] for j in range(len(x.policy)))
        values.append(surrogate(old.Q, old.rho, x.policy, mixed, x.order[: m + 1]))
    return sum(v * v for v in values)


def free_layout(states: int, actions: Any) -> Layout:
    """Any table Q and any weights in place of ρ."""
    shapes = tuple((states, a) for a in actions)
    return {
        "Q": Reals((states, *actions)),
        "rho": Reals((states,)),
        "policy": tuple(Rows(s) for s in shapes),
        "new": tuple(Rows(s) for s in shapes),
    }


def at_old_free(x: Instance) -> Any:
    """The same for any Q and any ρ, along the order 0, 1, …"""
    n = len(x.policy)
    values = []
    for m in range(n):
        mixed = tuple(x.policy[j] if j == m else x.new[j] for j in range(n))
        values.append(surrogate(x.Q, x.rho, x.policy, mixed, tuple(range(m + 1))))
    return squares(x, numbers.stack(values, axis=-1)) if x.batch_shape else squares(x, *values)


def estimator(x: Instance) -> Any:
    """Prop. 11's right side minus its left, for the whole order; actions that π never plays are not seen."""
    old = evaluate(team(x), x.policy)
    seen = tuple(numbers.where(p == 0, p, q) for p, q in zip(x.policy, x.new, strict=True))
    difference = ratio_surrogate(old.A, old.rho, x.policy, seen, x.order) - surrogate(
        old.Q, old.rho, x.policy, x.new, x.order
    )
    return difference * difference


def lost_bar(x: Instance) -> Any:
    """The difference when (π̂·π − 1) stands for (π̂/π − 1), at m = 1."""
    old = evaluate(team(x), x.policy)
    n, i = len(x.policy), x.order[0]
    product = x.policy[i] * x.new[i] - 1
    table = product.reshape(*product.shape[:-1], *(1,) * i, product.shape[-1], *(1,) * (n - 1 - i))
    printed = (joint(x.policy) * table * old.A).reshape(*old.rho.shape, -1).sum(-1)
    difference = (old.rho * printed).sum(-1) - surrogate(old.Q, old.rho, x.policy, x.new, x.order[:1])
    return difference * difference


def support(x: Instance) -> Any:
    """Whether π plays whatever π̄ or π̂ plays."""
    lead = len(x.batch_shape)
    good = True
    for p, q in zip(x.policy, x.new, strict=True):
        inside = numbers.convert(p, "float") * 1.0 > 0
        outside = numbers.convert(q, "float") > 0
        row = (inside | ~outside).reshape(*inside.shape[:lead], -1).all(-1)
        good = row & good
    return good


def unsupported() -> Instance:
    """One state, one agent, r = (0, 1): π plays the first action only, π̂ the second."""
    return exact_instance(
        team_pair(1, (2,)),
        {"states": 1, "actions": (2,)},
        transitions=[[[1], [1]]],
        rewards=[[0, 1]],
        discount=0,
        start=[1],
        policy=([[1, 0]],),
        new=([[0, 1]],),
        order=(0,),
    )


def at_equal(x: Instance) -> Any:
    """π̄/π at π̄ = π, minus 1."""
    return squares(x, ratio(x.policy, x.policy) - 1)


def at_equal_printed(x: Instance) -> Any:
    """π̄·π at π̄ = π, minus 1."""
    return squares(x, x.policy * x.policy - 1)


def zero_mean(x: Instance) -> Any:
    """E_{a~π} A^i(s, a) for a free Q."""
    own = multi_agent_advantage(x.Q, x.policy, (), (0,))
    return squares(x, (own * x.policy[0]).sum(-1))


ROW = Family(lambda actions=2: {"policy": Rows((actions,), interior=True)}, ({"actions": 2}, {"actions": 3}))
SHAPES = ({"states": 1, "actions": (2, 2)},)
zero = Claim(
    statement=r"L^{i_{1:m}}_{\pi}(\bar\pi^{i_{1:m-1}}, \pi^{i_m}) = 0",
    plain="An agent that does not move has surrogate zero, whatever its predecessors did.",
    source=SOURCE,
    locator="after Definition 7 of the preprint",
    status="proved",
    kind="identity",
    margin=at_old,
    family=TEAM_PAIRS,
)
zero_for_any_table = Claim(
    statement=r"\sum_s w(s) \, E_{\bar\pi^{i_{1:m-1}}, \pi^{i_m}}[A^{i_m}] = 0 \text{ for any table }"
    r" Q \text{ and any } w",
    plain="The same needs no Bellman equation and no particular state measure.",
    source=SOURCE,
    locator="after Definition 7 of the preprint",
    status="proved",
    kind="identity",
    margin=at_old_free,
    family=Family(free_layout, SMALL),
    symbolic=SHAPES,
)
mean_zero = Claim(
    statement=r"E_{a^i \sim \pi^i}[A^{i}(s, a^i)] = 0",
    plain="An agent's advantage averages to zero under its own policy.",
    source=SOURCE,
    locator="Definition 3",
    status="proved",
    kind="identity",
    margin=zero_mean,
    family=Family(free_layout, SMALL),
    symbolic=({"states": 2, "actions": (2, 3)},),
)
ratio_estimator = Claim(
    statement=r"L^{i_{1:m}}_\pi = E_{s \sim \rho, a \sim \pi}\left[ \left( \tfrac{\hat\pi^{i_m}}{\pi^{i_m}} - 1 \right)"
    r" \tfrac{\bar\pi^{i_{1:m-1}}}{\pi^{i_{1:m-1}}} A_\pi(s, a) \right]",
    plain="The surrogate is an expectation under the old policy, with ratios: what HATRPO and HAPPO estimate.",
    source=SOURCE,
    locator="Proposition 11 of the preprint",
    status="proved",
    kind="identity",
    margin=estimator,
    family=TEAM_PAIRS,
    hypotheses={
        "support": Hypothesis("π^i(a|s) > 0 wherever π̄^i(a|s) > 0 or π̂^i(a|s) > 0", support, unsupported),
    },
)
estimator_lost_bar = Claim(
    statement=r"L^{i}_\pi = E_{s \sim \rho, a \sim \pi}\left[ (\hat\pi^{i} \cdot \pi^{i} - 1) A_\pi(s, a) \right]",
    plain="The estimator with its fraction bar lost.",
    source="notes on HAPPO",
    locator="as printed",
    status="refuted",
    kind="identity",
    margin=lost_bar,
    family=TEAM_PAIRS,
    expected="refuted",
)
ratio_is_one = Claim(
    statement=r"r(\bar\pi) = \frac{\bar\pi}{\pi_{old}} = 1 \text{ at } \bar\pi = \pi_{old}",
    plain="The ratio of a policy to itself is one.",
    source=SOURCE,
    locator="Definition of the ratio",
    status="proved",
    kind="identity",
    margin=at_equal,
    family=ROW,
    symbolic=({"actions": 3},),
)
ratio_lost_bar = Claim(
    statement=r"r(\bar\pi) = \bar\pi \cdot \pi_{old} = 1 \text{ at } \bar\pi = \pi_{old}",
    plain="The ratio with its fraction bar lost: π = (½, ½) gives ¼.",
    source="notes on HAPPO",
    locator="as printed",
    status="refuted",
    kind="identity",
    margin=at_equal_printed,
    family=ROW,
    expected="refuted",
)
