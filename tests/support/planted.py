"""Claims that hold on random samples and fail in a corner of tiny measure: what an adversary is for."""

import numpy as np

from marlcore import numbers
from marlcore.divergences import kl
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import constant, team, team_pair
from proofs_check.instances import Reals, Rows

KINDS = ("float", "torch", "rational", "ball")


def planted(name, margin, layout, **fields):
    words = {"statement": "x", "plain": "planted", "source": "a test", "locator": "here", "status": "conjectured"}
    defaults = {"kind": "inequality", "numbers": KINDS, "expected": "refuted", "id": name}
    return Claim(**(words | defaults | fields), margin=margin, family=Family(layout))


def far_from_a_point(x):
    """(r − c)² summed over six reals is never below 10⁻³: a ball of relative volume 10⁻⁹."""
    center = numbers.convert(np.array([0.5, -0.25, 0.125, 0.75, -0.5, 0.25]), "rational")
    off = x.r - (numbers.convert(center, x.kind) if x.kind != "float" else numbers.convert(center, "float"))
    return (off * off).sum(-1) - constant(x, "1/1000")


def far_from_a_row(x):
    """KL from a certain distribution over seven actions is never below 1/1000."""
    target = numbers.convert(np.array([0.4, 0.3, 0.1, 0.08, 0.06, 0.04, 0.02]), "rational")
    target[0] += 1 - target.sum()
    row = numbers.convert(target, x.kind)
    return kl(row + x.p * 0, x.p) - constant(x, "1/1000")


def never_near_the_best(x):
    """|J| stays below 98% of max|r|/(1 − γ)."""
    top = numbers.amax(numbers.absolute(x.rewards), tuple(range(-3, 0)))
    J = evaluate(team(x), x.policy).J
    return constant(x, "98/100") * top / (1 - x.discount) - numbers.absolute(J)


POINT = planted("point", far_from_a_point, lambda: {"r": Reals((6,))}, scale=lambda x: 1)
ROW = planted("row", far_from_a_row, lambda: {"p": Rows((7,), interior=True)}, numbers=("float", "torch", "ball"))
BEST = planted("best", never_near_the_best, lambda: team_pair(4, (3, 3), ("4/5", "19/20")))
POINT_WITHOUT_GRADIENTS = planted(
    "rough", far_from_a_point, lambda: {"r": Reals((6,))}, scale=lambda x: 1, smooth=False
)
