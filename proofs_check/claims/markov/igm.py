"""IGM: with a sum (VDN) or a monotone mixer (QMIX), local argmaxes form a joint argmax; not the other way round.

    Q_tot = f(Q_1, …, Q_n), ∂f/∂Q_i ≥ 0   ⇒   (argmax Q_1, …, argmax Q_n) ∈ argmax Q_tot

Sources: Sunehag et al. 2018 (VDN); Rashid et al. 2018 (QMIX). The mixer here is exact: two layers with weights ≥ 0 and
the leaky hinge max(u, u/10). Neither can represent every team game: the best additive fit of a table may prefer a
joint action that is not the best.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import each, exact_instance
from proofs_check.instances import Between, Instance, Layout, Reals

SOURCE = "Rashid et al., QMIX, ICML 2018; Sunehag et al., Value-decomposition networks, AAMAS 2018"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")


def layout(actions: int = 3, units: int = 2, least: str = "0") -> Layout:
    """Two agents' utilities and a mixer's weights."""
    return {
        "first": Reals((actions,)),
        "second": Reals((actions,)),
        "inner": Between(least, 1, (units, 2)),
        "bias": Reals((units,)),
        "outer": Between(least, 1, (units,)),
    }


def mixed(x: Instance) -> Any:
    """Q_tot over joint actions, (…, A, A)."""
    one, two = x.first[..., :, None, None], x.second[..., None, :, None]
    inner, bias = x.inner[..., None, None, :, :], x.bias[..., None, None, :]
    u = one * inner[..., 0] + two * inner[..., 1] + bias
    return (x.outer[..., None, None, :] * numbers.maximum(u, u / 10)).sum(-1)


def at_greedy(x: Instance) -> Any:
    """Q_tot at the largest utilities minus the largest Q_tot."""
    best = (
        numbers.amax(x.first, -1)[..., None] * x.inner[..., 0] + numbers.amax(x.second, -1)[..., None] * x.inner[..., 1]
    )
    u = best + x.bias
    greedy = (x.outer * numbers.maximum(u, u / 10)).sum(-1)
    return greedy - numbers.amax(mixed(x), (-2, -1))


@each
def only_greedy(x: Instance) -> Any:
    """How far a joint argmax of Q_tot (the first of equals) is from the agents' own maxima."""
    table = np.asarray(mixed(x))
    best = max(np.ndindex(*table.shape), key=lambda index: table[index])
    return x.first[best[0]] - x.first.max() + x.second[best[1]] - x.second.max()


def non_negative(x: Instance) -> Any:
    """Whether the mixer's weights are ≥ 0."""
    lead = len(x.batch_shape)
    inner = (numbers.convert(x.inner, "float") >= 0).reshape(*x.batch_shape, -1).all(-1)
    outer = (numbers.convert(x.outer, "float") >= 0).all(-1)
    assert lead == len(np.shape(outer))
    return inner & outer


def falling() -> Instance:
    """One unit that falls in the first utility."""
    sizes: dict[str, Any] = {"actions": 2, "units": 1, "least": "-1"}
    return exact_instance(layout(**sizes), sizes, first=[0, 1], second=[0, 1], inner=[[-1, 1]], bias=[0], outer=[1])


def silent() -> Instance:
    """Q_tot ≡ 0 beside utilities that differ."""
    sizes: dict[str, Any] = {"actions": 2, "units": 1}
    return exact_instance(layout(**sizes), sizes, first=[0, 1], second=[0, 1], inner=[[0, 0]], bias=[0], outer=[0])


def table(actions: int = 3) -> Layout:
    """A team's payoffs."""
    return {"payoffs": Reals((actions, actions))}


@each
def additive(x: Instance) -> Any:
    """The payoff where the best additive fit (row mean + column mean) is largest, minus the largest payoff."""
    rows, columns = x.payoffs.sum(1), x.payoffs.sum(0)
    return x.payoffs[int(np.argmax(rows)), int(np.argmax(columns))] - x.payoffs.max()


def climbing() -> Instance:
    """The climbing game."""
    return exact_instance(table(), {"actions": 3}, payoffs=[[11, -30, 0], [-30, 7, 6], [0, 0, 5]])


SIZES = ({"actions": 3, "units": 2}, {"actions": 2, "units": 1}, {"actions": 4, "units": 5})
local_maxima_are_joint = Claim(
    statement=r"\partial f / \partial Q_i \ge 0 \Rightarrow (\arg\max Q_1, \ldots, \arg\max Q_n) \in"
    r" \arg\max f(Q_1, \ldots, Q_n)",
    plain="With a monotone mixer the agents' own best actions form a best joint action.",
    source=SOURCE,
    locator="the IGM condition",
    status="proved",
    kind="inequality",
    margin=at_greedy,
    family=Family(layout, SIZES),
    hypotheses={"monotone": Hypothesis("the mixer's weights are ≥ 0", non_negative, falling)},
    numbers=KINDS,
)
sets_are_equal = Claim(
    statement=r"\arg\max f(Q_1, \ldots, Q_n) = \arg\max Q_1 \times \cdots \times \arg\max Q_n",
    plain="Every best joint action is made of the agents' own best actions.",
    source="the IGM condition as an equality of sets",
    locator="as printed",
    status="refuted",
    kind="inequality",
    margin=only_greedy,
    family=Family(layout, SIZES),
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
    witness=silent,
    note="Q_tot ≡ 0 is monotone, and every joint action is a maximum.",
)
additive_finds_optimum = Claim(
    statement=r"a \in \arg\max \text{ of the best additive fit} \Rightarrow r(a) = \max r",
    plain="The best additive fit of a team's payoffs prefers the optimum.",
    source="a hope about VDN",
    locator="folklore",
    status="refuted",
    kind="inequality",
    margin=additive,
    family=Family(table),
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
    witness=climbing,
    figure="representable",
)
