"""Zero-sum matrix games: the value is unique, equilibria are interchangeable, and there may be many of them.

    gap(x, y) = max_i (R y)_i − min_j (xᵀR)_j ≥ 0
    |xᵀRy − x'ᵀRy'| ≤ gap(x, y) + gap(x', y')          gap(x, y') ≤ gap(x, y) + gap(x', y')

Source: von Neumann 1928; Schwartz, *Multi-Agent Machine Learning*. At gap 0 the two lines say that all equilibria have
one value and that their strategies can be exchanged; here they are proved for approximate equilibria too. "A zero-sum
game has only one equilibrium point" is how the first half of a sentence is quoted: a constant matrix refutes it.
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family
from proofs_check.families import exact_instance, squares
from proofs_check.instances import Instance, Layout, Reals, Rows

SOURCE = "von Neumann 1928; Schwartz, Multi-Agent Machine Learning, 2014"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
SIZES = ({"rows": 2, "columns": 2}, {"rows": 3, "columns": 2}, {"rows": 1, "columns": 4}, {"rows": 4, "columns": 4})


def layout(rows: int = 2, columns: int = 2) -> Layout:
    """The row player's payoffs and two profiles."""
    return {
        "R": Reals((rows, columns)),
        "x": Rows((rows,)),
        "y": Rows((columns,)),
        "x2": Rows((rows,)),
        "y2": Rows((columns,)),
    }


def payoff(x: Instance, row: Any, column: Any) -> Any:
    """xᵀRy."""
    return (row[..., :, None] * x.R * column[..., None, :]).sum(-1).sum(-1)


def gap(x: Instance, row: Any, column: Any) -> Any:
    """max_i (Ry)_i − min_j (xᵀR)_j."""
    best = numbers.amax((x.R * column[..., None, :]).sum(-1), -1)
    return best - numbers.amin((row[..., :, None] * x.R).sum(-2), -1)


def gap_positive(x: Instance) -> Any:
    """Weak duality."""
    return gap(x, x.x, x.y)


def one_value(x: Instance) -> Any:
    """gap + gap' − |value − value'|."""
    apart = numbers.absolute(payoff(x, x.x, x.y) - payoff(x, x.x2, x.y2))
    return gap(x, x.x, x.y) + gap(x, x.x2, x.y2) - apart


def exchange(x: Instance) -> Any:
    """gap + gap' − gap(x, y')."""
    return gap(x, x.x, x.y) + gap(x, x.x2, x.y2) - gap(x, x.x, x.y2)


def only_one(x: Instance) -> Any:
    """Minus the squared distance of two profiles that are both equilibria; 0 for others."""
    gaps = gap(x, x.x, x.y) + gap(x, x.x2, x.y2)
    return numbers.where(gaps == 0, -squares(x, x.x - x.x2, x.y - x.y2), gaps * 0)


def constant_matrix() -> Instance:
    """R = 0, two different profiles."""
    return exact_instance(layout(), SIZES[0], R=[[0, 0], [0, 0]], x=[1, 0], y=[1, 0], x2=[0, 1], y2=[0, 1])


def _claim(margin: Any, statement: str, plain: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": SOURCE,
        "locator": "the minimax theorem",
        "status": "proved",
        "kind": "inequality",
        "numbers": KINDS,
        "family": Family(layout, SIZES),
    }
    return Claim(statement=statement, plain=plain, margin=margin, **(defaults | fields))


weak_duality = _claim(
    gap_positive,
    r"\max_i (R y)_i \ge \min_j (x^\top R)_j",
    "The duality gap of a profile is never negative.",
    figure="zero_sum_lp",
)
unique_value = _claim(
    one_value,
    r"|x^\top R y - x'^\top R y'| \le gap(x, y) + gap(x', y')",
    "Approximate equilibria have almost the same payoff; exact ones have the same: the value is unique.",
    assumes=("matrix/zero_sum/weak_duality",),
    figure="zero_sum_lp",
)
interchangeable = _claim(
    exchange,
    r"gap(x, y') \le gap(x, y) + gap(x', y')",
    "Strategies of two equilibria can be exchanged.",
    assumes=("matrix/zero_sum/weak_duality",),
    figure="zero_sum_lp",
)
only_one_equilibrium = _claim(
    only_one,
    r"gap(x, y) = gap(x', y') = 0 \Rightarrow (x, y) = (x', y')",
    "A zero-sum game has only one equilibrium point.",
    status="refuted",
    expected="refuted",
    locator="half of a sentence, as quoted",
    numbers=("float", "rational"),
    smooth=False,
    witness=constant_matrix,
    note="The whole sentence: even with several strategies the payoff is the same (unique_value).",
    figure="zero_sum_lp",
)
