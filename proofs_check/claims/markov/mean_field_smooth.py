"""The mean-field bound beyond quadratics: any M-smooth function of the neighbours' mean action.

    f(a) = Σ_j c_j φ_j(u_j·a + b_j),   φ ∈ {√(1+t²), ln(1+t²), 1/(1+t²)},   |φ''| ≤ 1, 2, 2
    ∇f is M-Lipschitz with M = Σ_j |c_j| sup|φ_j''| ‖u_j‖²   ⇒   |Σ_k w_k f(e_k) − f(ā)| ≤ (M/2)(1 − ‖ā‖²)

Source: Yang et al., *Mean field multi-agent reinforcement learning*, ICML 2018 (who print 2M); the sharper form is of
``markov/mean_field``, where f is a quadratic. "M-smooth" is about the gradient. Notes that ask for a continuous M-th
derivative have no bound at all: ``continuous_derivative``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family, Hypothesis, Step
from proofs_check.families import exact_instance
from proofs_check.instances import Between, Instance, Layout, Reals, Rows

SOURCE = "Yang et al., Mean field multi-agent reinforcement learning, ICML 2018"
KINDS: tuple[Kind, ...] = ("float", "torch", "ball")
CURVATURE = (1, 2, 2)
"""sup|φ''| of the three ridges."""


def layout(actions: int = 3, least: str = "1") -> Layout:
    """A ridge of each kind, how often the neighbours play each action, and M over its bound."""
    return {
        "c": Reals((3,)),
        "u": Between(-3, 3, (3, actions)),
        "b": Between(-3, 3, (3,)),
        "weights": Rows((actions,)),
        "share": Between(least, 2),
    }


def _ridges(t: Any) -> Any:
    """φ_j(t_j) along the last axis."""
    bowl = numbers.sqrt(1 + t[..., 0] * t[..., 0])
    cup = numbers.log(1 + t[..., 1] * t[..., 1])
    bump = 1 / (1 + t[..., 2] * t[..., 2])
    return numbers.stack([bowl, cup, bump], axis=-1)


def gap(x: Instance) -> Any:
    """Σ_k w_k f(e_k) − f(ā)."""
    at_mean = (x.c * _ridges((x.u * x.weights[..., None, :]).sum(-1) + x.b)).sum(-1)
    corners = [(x.c * _ridges(x.u[..., k] + x.b)).sum(-1) for k in range(x.u.shape[-1])]
    return (x.weights * numbers.stack(corners, axis=-1)).sum(-1) - at_mean


def smoothness(x: Instance) -> Any:
    """M, the share of the bound on the Lipschitz constant of ∇f that the instance states."""
    squares = (x.u * x.u).sum(-1)
    return x.share * sum(bound * numbers.absolute(x.c[..., j]) * squares[..., j] for j, bound in enumerate(CURVATURE))


def spread(x: Instance) -> Any:
    """1 − ‖ā‖², the variance of the neighbours' one-hot actions."""
    return 1 - (x.weights * x.weights).sum(-1)


def sharp(x: Instance) -> Any:
    """(M/2)(1 − ‖ā‖²) − |gap|."""
    return smoothness(x) * spread(x) / 2 - numbers.absolute(gap(x))


def printed(x: Instance) -> Any:
    """2M − |gap|."""
    return 2 * smoothness(x) - numbers.absolute(gap(x))


def enough(x: Instance) -> Any:
    """Whether the stated M is at least the bound."""
    return numbers.convert(x.share, "float") >= 1


def too_small() -> Instance:
    """M = 0 for a function that bends."""
    sizes = {"actions": 3, "least": "0"}
    rows = [[3, -3, 0]] * 3
    return exact_instance(layout(**sizes), sizes, c=[1, 0, 0], u=rows, b=[0, 0, 0], weights=["1/2", "1/2", 0], share=0)


def ridges() -> Sequence[Step]:
    """The curvatures of the three ridges, and why they bound the gap."""
    import sympy

    t = sympy.Symbol("t", real=True)
    bowl, cup, bump = sympy.sqrt(1 + t**2), sympy.log(1 + t**2), 1 / (1 + t**2)
    s = 1 + t**2
    return (
        Step("√(1+t²)'' = (1+t²)^(−3/2) ≤ 1:", sympy.simplify(sympy.diff(bowl, t, 2) - s ** sympy.Rational(-3, 2))),
        Step("ln(1+t²)'' = 2(1−t²)/(1+t²)², and |1−t²| ≤ 1+t² ≤ (1+t²)²:",
             sympy.simplify(sympy.diff(cup, t, 2) - 2 * (1 - t**2) / s**2)),
        Step("(1/(1+t²))'' = (6t²−2)/(1+t²)³, between −2 and 2, as |3t²−1| ≤ (1+t²)³:",
             sympy.simplify(sympy.diff(bump, t, 2) - (6 * t**2 - 2) / s**3)),
        Step("The Hessian of c·φ(u·a + b) is c·φ''·uuᵀ, so ∇f is Lipschitz with Σ_j |c_j| sup|φ_j''| ‖u_j‖²."),
        Step("|f(x) − f(ā) − ∇f(ā)·(x − ā)| ≤ (M/2)‖x − ā‖²; averaged over x = e_k with weights w the linear term"
             " vanishes and E‖x − ā‖² = 1 − ‖ā‖²."),
    )  # fmt: skip


def steep() -> Layout:
    """f(a) = −(c/2)‖a‖², whose derivatives of every order are continuous."""
    return {"c": Between(0, 20), "weights": Rows((3,))}


def by_order(x: Instance) -> Any:
    """2M − |gap| with M = 1: the first derivative is continuous."""
    return 2 - x.c / 2 * (1 - (x.weights * x.weights).sum(-1))


SIZES = ({"actions": 3}, {"actions": 2}, {"actions": 5})
GAP = r"|\textstyle\sum_k w_k f(e_k) - f(\bar a)|"
SMOOTH = {"smooth": Hypothesis("∇f is M-Lipschitz: M ≥ Σ_j |c_j| sup|φ_j''| ‖u_j‖²", enough, too_small)}
sharper_bound = Claim(
    statement=GAP + r" \le \tfrac{M}{2} (1 - \|\bar a\|^2) \text{ for every } M\text{-smooth } f",
    plain="The sharper mean-field bound holds for sums of ridges that are no quadratics.",
    source=SOURCE,
    locator="sharper than the paper's 2M, beyond quadratics",
    status="ours",
    kind="inequality",
    margin=sharp,
    scale=lambda x: smoothness(x) * spread(x) / 2,
    family=Family(layout, SIZES),
    hypotheses=SMOOTH,
    numbers=KINDS,
    derivation=ridges,
    assumes=("markov/mean_field/sharper_bound",),
    figure="mean_field",
)
paper_bound = Claim(
    statement=GAP + r" \le 2 M \text{ for every } M\text{-smooth } f",
    plain="The paper's 2M holds for sums of ridges that are no quadratics; how loose it is, the tightness says.",
    source=SOURCE,
    locator="Proposition 1",
    status="proved",
    kind="inequality",
    margin=printed,
    scale=lambda x: 2 * smoothness(x),
    family=Family(layout, SIZES),
    hypotheses=SMOOTH,
    numbers=KINDS,
    figure="mean_field",
)
continuous_derivative = Claim(
    statement=r"f^{(M)} \text{ continuous}, M = 1 \Rightarrow " + GAP + r" \le 2 M",
    plain="A continuous M-th derivative bounds the mean-field gap by 2M.",
    source="notes on mean-field reinforcement learning",
    locator="as printed: 'M-th derivative continuous' for M-smooth",
    status="refuted",
    kind="inequality",
    margin=by_order,
    family=Family(steep),
    expected="refuted",
    numbers=("float", "torch", "rational", "ball"),
)
