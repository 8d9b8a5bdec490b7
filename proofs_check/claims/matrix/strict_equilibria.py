"""Strict pure equilibria of a 2×2 game: r_lf > r_{−l f} and c_lf > c_{l −f} make every deviation a loss.

    u_1(l, f) − u_1(x, f) = (1 − x_l)·(r_lf − r_{−l f}) ≥ 0

Source: Schwartz, *Multi-Agent Machine Learning*, 2014.
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import exact_instance
from proofs_check.instances import Between, Instance, Layout, Reals, Rows


def layout(least: str = "1/100") -> Layout:
    """Both players' payoffs against the other's equilibrium action, and a deviation of each."""
    return {"rest": Reals((2,)), "edge": Between(least, 1, (2,)), "x": Rows((2,)), "y": Rows((2,))}


def loss(x: Instance) -> Any:
    """The smaller of the two players' losses by deviating; action 0 is the equilibrium's."""
    best = x.rest + x.edge
    own = numbers.stack([x.x[..., 0], x.y[..., 0]], axis=-1)
    mixed = own * best + (1 - own) * x.rest
    return numbers.amin(best - mixed, -1)


def strict(x: Instance) -> Any:
    """Whether both edges are positive."""
    return (numbers.convert(x.edge, "float") > 0).all(-1)


def not_strict() -> Instance:
    """Player 1 would gain 1/2 by its other action."""
    return exact_instance(layout("-1"), {"least": "-1"}, rest=[0, 0], edge=["-1/2", 1], x=[0, 1], y=[1, 0])


claim = Claim(
    statement=r"r_{lf} > r_{-l f}, \ c_{lf} > c_{l -f} \Rightarrow (l, f) \text{ is a strict equilibrium}",
    plain="In a 2×2 game two strict inequalities make a profile of actions a strict equilibrium.",
    source="Schwartz, Multi-Agent Machine Learning, 2014",
    locator="strict Nash equilibrium in pure strategies",
    status="proved",
    kind="inequality",
    margin=loss,
    family=Family(layout),
    hypotheses={"strict": Hypothesis("r_lf > r_{−l f} and c_lf > c_{l −f}", strict, not_strict)},
    numbers=("float", "torch", "rational", "ball"),
)
