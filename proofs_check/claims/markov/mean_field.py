"""Mean-field Q: how far the mean action is from the mean over neighbours.

    |Σ_k w_k Q(s, a_j, e_k) − Q(s, a_j, ā)| ≤ (M/2)(1 − ‖ā‖²) ≤ 2M,   ā = Σ_k w_k e_k, Q(s, a_j, ·) M-smooth

Source: Yang et al., *Mean field multi-agent reinforcement learning*, ICML 2018 (2M); the sharper bound is ours: for an
M-smooth f, |E f(X) − f(E X)| ≤ (M/2) Var X, and Var of one-hot X is 1 − ‖ā‖². Here Q is any quadratic in the
neighbour's action, M the largest absolute row sum of its Hessian (Gershgorin). Notes print the policy with exp(−βQ),
and the next state's value with π(·|s).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family, Hypothesis, Step
from proofs_check.families import exact_instance, squares
from proofs_check.instances import Between, Instance, Layout, Reals, Rows

SOURCE = "Yang et al., Mean field multi-agent reinforcement learning, ICML 2018"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")


def layout(actions: int = 3) -> Layout:
    """A quadratic f(a) = ½aᵀHa + bᵀa on the simplex and how often the neighbours play each action."""
    return {"half": Reals((actions, actions)), "b": Reals((actions,)), "weights": Rows((actions,))}


def _parts(x: Instance) -> tuple[Any, Any, Any]:
    """Mean over neighbours minus value at the mean, M, and 1 − ‖ā‖²."""
    H = x.half + numbers.moveaxis(x.half, -1, -2)
    diagonal = (H * numbers.identity(H.shape[-1], H)).sum(-1)
    at_mean = (x.weights[..., :, None] * H * x.weights[..., None, :]).sum(-1).sum(-1) / 2
    gap = (x.weights * diagonal).sum(-1) / 2 - at_mean  # the linear term has no gap
    M = numbers.amax(numbers.absolute(H).sum(-1), -1)
    return gap, M, 1 - (x.weights * x.weights).sum(-1)


def printed_bound(x: Instance) -> Any:
    """2M − |gap|."""
    gap, M, _ = _parts(x)
    return 2 * M - numbers.absolute(gap)


def sharp_bound(x: Instance) -> Any:
    """(M/2)(1 − ‖ā‖²) − |gap|."""
    gap, M, spread = _parts(x)
    return M * spread / 2 - numbers.absolute(gap)


def half_sharp_bound(x: Instance) -> Any:
    """(M/4)(1 − ‖ā‖²) − |gap|."""
    gap, M, spread = _parts(x)
    return M * spread / 4 - numbers.absolute(gap)


def bowl(actions: int = 3) -> Layout:
    """f(a) = −(M/2)‖a‖²."""
    return {"M": Between("1/10", 2), "weights": Rows((actions,))}


def attained(x: Instance) -> Any:
    """|gap| − (M/2)(1 − ‖ā‖²) for f = −(M/2)‖a‖²: the mean over one-hot actions is −M/2."""
    square = (x.weights * x.weights).sum(-1)
    gap = -x.M / 2 + x.M / 2 * square
    return -gap - x.M / 2 * (1 - square)


def jensen() -> Sequence[Step]:
    """Why (M/2)(1 − ‖ā‖²)."""
    import sympy

    w = sympy.Symbol("w", positive=True)
    variance = w * ((1 - w) ** 2 + (1 - w) ** 2) + (1 - w) * (w**2 + w**2)
    return (
        Step("f M-smooth: |f(x) − f(ā) − ∇f(ā)·(x − ā)| ≤ (M/2)‖x − ā‖²."),
        Step("Average over x = e_k with weights w: the linear term vanishes, as E x = ā."),
        Step("E‖x − ā‖² = E‖x‖² − ‖ā‖² = 1 − ‖ā‖² for one-hot x; for two actions:",
             sympy.expand(variance - (1 - w**2 - (1 - w) ** 2))),
        Step("1 − ‖ā‖² < 1 ≤ 4, so the bound is below M/2 and far below 2M."),
    )  # fmt: skip


def choice(actions: int = 2) -> Layout:
    """Q values, and β (through the series of exp to second order the sign is already decided)."""
    return {"Q": Reals((actions,)), "beta": Between("1/10", 2)}


def _boltzmann(x: Instance, sign: int) -> Any:
    """E_{a∝exp(sign·βQ)}Q − mean Q for two actions: (Q₁ − Q₀)/2 · tanh(sign·β(Q₁ − Q₀)/2), by a positive minorant."""
    difference = x.Q[..., 1] - x.Q[..., 0]
    z = x.beta * difference / 2
    # tanh z has the sign of z and |tanh z| ≥ |z|/(1 + |z|)
    return sign * difference / 2 * z / (1 + numbers.absolute(z))


def prefers_best(x: Instance) -> Any:
    """At least how much better than uniform exp(+βQ) does."""
    return _boltzmann(x, 1)


def prefers_best_printed(x: Instance) -> Any:
    """At most minus how much worse than uniform exp(−βQ) does."""
    return _boltzmann(x, -1)


def next_state(states: int = 2, actions: int = 2) -> Layout:
    """Q and a policy at two states, the next one and the present one."""
    return {"Q": Reals((actions,)), "here": Rows((actions,)), "there": Rows((actions,))}


def value_printed(x: Instance) -> Any:
    """Σ_a π(a|s) Q(s', a) − Σ_a π(a|s') Q(s', a)."""
    return squares(x, (x.here * x.Q).sum(-1) - (x.there * x.Q).sum(-1))


def value_linear() -> Layout:
    """A linear f: H = 0."""
    return {"b": Reals((3,)), "weights": Rows((3,))}


def exact_when_linear(x: Instance) -> Any:
    """Σ_k w_k b_k − b·ā."""
    return squares(x, sum(x.weights[..., k] * x.b[..., k] for k in range(3)) - (x.weights * x.b).sum(-1))


def smooth_layout() -> Layout:
    """f(a) = (c/2)(1 − ‖a‖²) with a stated M that may be too small."""
    return {"c": Between(0, 2), "slack": Between(0, 1), "weights": Rows((3,))}


def stated_bound(x: Instance) -> Any:
    """((c + slack)/2)(1 − ‖ā‖²) − gap for f = −(c/2)‖a‖²: M = c + slack."""
    spread = 1 - (x.weights * x.weights).sum(-1)
    return (x.c + x.slack) * spread / 2 - x.c * spread / 2


def smooth_enough(x: Instance) -> Any:
    """Whether the stated M is at least the smoothness c."""
    return numbers.convert(x.slack, "float") >= 0


def too_rough() -> Instance:
    """c = 2 with M = 1."""
    layout = {**smooth_layout(), "slack": Between(-1, 1)}
    return exact_instance(layout, c=2, slack=-1, weights=["1/2", "1/2", 0])


SIZES = ({"actions": 3}, {"actions": 2}, {"actions": 6})


def _claim(margin: Any, statement: str, plain: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": SOURCE,
        "locator": "the mean-field approximation",
        "status": "proved",
        "kind": "inequality",
        "numbers": KINDS,
        "family": Family(layout, SIZES),
    }
    return Claim(statement=statement, plain=plain, margin=margin, **(defaults | fields))


GAP = r"|\textstyle\sum_k w_k Q(s, a_j, e_k) - Q(s, a_j, \bar a)|"
paper_bound = _claim(
    printed_bound,
    GAP + r" \le 2 M",
    "The mean-field approximation is off by at most 2M.",
    scale=lambda x: 2 * _parts(x)[1],
    figure="mean_field",
)
sharper_bound = _claim(
    sharp_bound,
    GAP + r" \le \tfrac{M}{2} (1 - \|\bar a\|^2)",
    "The mean-field approximation is off by at most (M/2)(1 − ‖ā‖²).",
    status="ours",
    locator="sharper than the paper's 2M",
    scale=lambda x: _parts(x)[1] * _parts(x)[2] / 2,
    derivation=jensen,
    figure="mean_field",
)
sharper_by_half = _claim(
    half_sharp_bound,
    GAP + r" \le \tfrac{M}{4} (1 - \|\bar a\|^2)",
    "Half of the sharper bound would do.",
    status="refuted",
    expected="refuted",
    locator="a natural strengthening",
    figure="mean_field",
)
equality = _claim(
    attained,
    GAP + r" = \tfrac{M}{2} (1 - \|\bar a\|^2) \text{ for } Q = -\tfrac{M}{2} \|a\|^2",
    "The sharper bound is attained.",
    status="ours",
    kind="identity",
    family=Family(bowl, SIZES),
    numbers=("float", "torch", "rational", "ball", "symbol"),
    symbolic=({"actions": 3},),
    figure="mean_field",
)
smoothness = _claim(
    stated_bound,
    r"\nabla Q \text{ is } M\text{-Lipschitz} \Rightarrow " + GAP + r" \le \tfrac{M}{2} (1 - \|\bar a\|^2)",
    "The bound needs the gradient to be M-Lipschitz (notes ask for a continuous M-th derivative).",
    family=Family(smooth_layout),
    hypotheses={"smooth": Hypothesis("Q(s, a_j, ·) is M-smooth", smooth_enough, too_rough)},
)
linear = _claim(
    exact_when_linear,
    GAP + r" = 0 \text{ for } Q \text{ linear in the neighbour's action}",
    "The mean-field approximation is exact when Q is linear in the neighbour's action.",
    kind="identity",
    family=Family(value_linear),
    numbers=("float", "torch", "rational", "ball", "symbol"),
    symbolic=({},),
)
boltzmann = _claim(
    prefers_best,
    r"\pi \propto \exp(+\beta Q): \quad E_\pi Q \ge \text{mean } Q",
    "A Boltzmann policy with exp(+βQ) is at least as good as a uniform one.",
    family=Family(choice),
)
boltzmann_printed = _claim(
    prefers_best_printed,
    r"\pi \propto \exp(-\beta Q): \quad E_\pi Q \ge \text{mean } Q",
    "The mean-field policy is proportional to exp(−βQ).",
    status="refuted",
    expected="refuted",
    locator="as printed in notes",
    family=Family(choice),
)
next_value_printed = _claim(
    value_printed,
    r"V(s') = \sum_a \pi(a | s) Q(s', a)",
    "The value of the next state averages over the present state's policy.",
    status="refuted",
    expected="refuted",
    kind="identity",
    locator="as printed in notes",
    family=Family(next_state),
)
