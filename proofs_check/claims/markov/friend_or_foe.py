"""Friend-or-Foe-Q: friends choose a joint mixed strategy; a product of their own strategies is worth less.

    Q(a₁, a₂, o) = 1 if a₁ = a₂ ≠ o else 0:    max over joint strategies of min_o = ½,    over products = ¼

Source: Littman, *Friend-or-Foe Q-learning*, ICML 2001. Notes print the product form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family, Step
from proofs_check.families import constant, exact_instance
from proofs_check.instances import Instance, Layout, Rows

SOURCE = "Littman, Friend-or-Foe Q-learning in general-sum games, ICML 2001"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")


def friends() -> Layout:
    """A strategy of each of the two friends."""
    return {"x": Rows((2,)), "y": Rows((2,))}


def together() -> Layout:
    """A joint strategy of the two friends over (0,0), (0,1), (1,0), (1,1)."""
    return {"joint": Rows((4,))}


def product_value(x: Instance) -> Any:
    """¼ − min_o of the friends' product strategy: foe o leaves the friends the pair (1−o, 1−o)."""
    one, other = x.x[..., 1] * x.y[..., 1], x.x[..., 0] * x.y[..., 0]
    return constant(x, "1/4") - numbers.minimum(one, other)


def joint_value(x: Instance, bound: str) -> Any:
    """``bound`` − min_o of a joint strategy."""
    return constant(x, bound) - numbers.minimum(x.joint[..., 0], x.joint[..., 3])


def amgm() -> Sequence[Step]:
    """min(xy, (1−x)(1−y)) ≤ ¼."""
    import sympy

    x, y = sympy.symbols("x y", positive=True)
    product = x * y * (1 - x) * (1 - y)
    squares = (sympy.Rational(1, 4) - (x - sympy.Rational(1, 2)) ** 2) * (
        sympy.Rational(1, 4) - (y - sympy.Rational(1, 2)) ** 2
    )
    return (
        Step("min(u, w)² ≤ uw with u = xy, w = (1−x)(1−y)."),
        Step("uw = (¼ − (x−½)²)(¼ − (y−½)²):", sympy.expand(product - squares)),
        Step("so min(u, w)² ≤ 1/16 and min(u, w) ≤ ¼, attained at x = y = ½."),
    )


product_is_a_quarter = Claim(
    statement=r"\max_{x, y} \min_o E_{a_1 \sim x, a_2 \sim y} Q(a_1, a_2, o) \le \tfrac14",
    plain="No product of the friends' strategies guarantees more than a quarter.",
    source=SOURCE,
    locator="the example of this page",
    status="ours",
    kind="inequality",
    margin=product_value,
    scale=lambda x: constant(x, "1/4"),
    family=Family(friends),
    numbers=KINDS,
    derivation=amgm,
)
joint_is_a_half = Claim(
    statement=r"\max_{\sigma} \min_o E_{(a_1, a_2) \sim \sigma} Q(a_1, a_2, o) \le \tfrac12",
    plain="No joint strategy of the friends guarantees more than a half.",
    source=SOURCE,
    locator="the example of this page",
    status="ours",
    kind="inequality",
    margin=lambda x: joint_value(x, "1/2"),
    scale=lambda x: constant(x, "1/2"),
    family=Family(together),
    numbers=KINDS,
)
product_suffices = Claim(
    statement=r"\max_{\sigma} \min_o E_{\sigma} Q \le \max_{x, y} \min_o E_{x \times y} Q = \tfrac14",
    plain="A product of the friends' strategies is worth as much as a joint one.",
    source="notes on Friend-or-Foe-Q",
    locator="as printed",
    status="refuted",
    kind="inequality",
    margin=lambda x: joint_value(x, "1/4"),
    family=Family(together),
    expected="refuted",
    numbers=KINDS,
    assumes=("markov/friend_or_foe/product_is_a_quarter",),
    witness=lambda: exact_instance(together(), joint=["1/2", 0, 0, "1/2"]),
)
