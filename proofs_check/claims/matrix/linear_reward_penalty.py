"""L_R-P keeps the simplex for any number of actions, and does not rest at a mixed equilibrium.

    p_c += η₁r(1 − p_c) − η₂(1 − r)p_c        p_j += −η₁r p_j + η₂(1 − r)(1/(m−1) − p_j)

Source: Schwartz, *Multi-Agent Machine Learning*, 2014. 0 < η₂ < η₁, η₁ + η₂ ≤ 1. An interior equilibrium is a rest
point only when it is uniform (or r ≡ 1): R₁ = [[1, 0], [0, ½]], R₂ = 1 − R₁ has the equilibrium (1/3, 1/3), where it
moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family
from proofs_check.families import along, squares
from proofs_check.instances import Between, Choice, Fixed, Instance, Layout, Rows

SOURCE = "Schwartz, Multi-Agent Machine Learning, 2014"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")


def layout(actions: int = 3) -> Layout:
    """Probabilities, a chosen action, a reward in [0, 1], and step sizes η₁ = rate·(1 − share/2), η₂ = rate·share/2."""
    return {
        "p": Rows((actions,)),
        "chosen": Choice(tuple(range(actions))),
        "r": Between(0, 1),
        "rate": Between("1/100", 1),
        "share": Between("1/100", "99/100"),
    }


def step(p: Any, chosen: int, r: Any, up: Any, down: Any) -> Any:
    """p after one update."""
    m = p.shape[-1]
    mask = np.arange(m) == chosen
    one = numbers.identity(m, p)[chosen]
    rewarded = up * r * (one - p)
    target = (1 - one) * numbers.number(f"1/{m - 1}", numbers.kind_of(p))
    assert mask.sum() == 1
    return p + rewarded + down * (1 - r) * (target - p)


def _moved(x: Instance) -> Any:
    down = x.rate * x.share / 2
    return step(x.p, x.chosen, along(x.r, 1), along(x.rate - down, 1), along(down, 1))


def stays_positive(x: Instance) -> Any:
    """The smallest probability after the update."""
    return numbers.amin(_moved(x), -1)


def stays_whole(x: Instance) -> Any:
    """Σp − 1 after the update."""
    off = _moved(x).sum(-1) - 1
    return off * off


def meeting() -> Layout:
    """The game R₁, R₂ = 1 − R₁ at its equilibrium (1/3, 1/3), with step sizes."""
    return {
        "R": Fixed([["1", "0"], ["0", "1/2"]]),
        "p": Fixed(["1/3", "2/3"]),
        "q": Fixed(["1/3", "2/3"]),
        "rate": Between("1/10", 1),
        "share": Between("1/10", "9/10"),
    }


def rests(x: Instance) -> Any:
    """The expected motion of the row player at the equilibrium."""
    down = x.rate * x.share / 2
    moved: Any = 0
    for a in range(2):
        for b in range(2):
            weight = x.p[..., a] * x.q[..., b]
            to = step(x.p, a, along(x.R[..., a, b], 1), along(x.rate - down, 1), along(down, 1))
            moved = moved + along(weight, 1) * (to - x.p)
    return squares(x, moved)


SIZES = ({"actions": 3}, {"actions": 2}, {"actions": 5})
positive = Claim(
    statement=r"p \in \Delta, \ 0 < \eta_2 < \eta_1, \ \eta_1 + \eta_2 \le 1 \Rightarrow p' \ge 0",
    plain="Linear reward-penalty keeps probabilities positive for any number of actions.",
    source=SOURCE,
    locator="the L_R-P update",
    status="proved",
    kind="inequality",
    margin=stays_positive,
    family=Family(layout, SIZES),
    numbers=KINDS,
)
whole = Claim(
    statement=r"\sum_a p'_a = 1",
    plain="Linear reward-penalty keeps the sum of the probabilities, so it does not depend on there being two actions.",
    source=SOURCE,
    locator="the L_R-P update",
    status="proved",
    kind="identity",
    margin=stays_whole,
    family=Family(layout, SIZES),
    symbolic=({"actions": 3}, {"actions": 4}),
)
rests_at_equilibrium = Claim(
    statement=r"E[p' - p] = 0 \text{ at an interior equilibrium}",
    plain="L_R-P converges to mixed equilibria, so it rests there.",
    source="notes on learning automata",
    locator="as stated",
    status="refuted",
    kind="identity",
    margin=rests,
    family=Family(meeting),
    expected="refuted",
    note="The rest point is (.374, .290) at η₂/η₁ = 0.1 and (.337, .327) at 0.01: it approximates.",
)
