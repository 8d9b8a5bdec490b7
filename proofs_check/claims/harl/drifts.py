"""Definition 12, drifts: not negative, zero at the old policy, with zero gradient there; and where KL fails the last.

    D(π̂ | s) ≥ 0        D(π | s) = 0        d/dh D(π + h(q − π))|_{h=0} = 0 for every q

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). For the forward KL
drift the derivative is −Σ_{a: π(a)>0} (q − π)(a) = Σ_{a: π(a)=0} q(a): zero at fully mixed π, 1 at a vertex.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore import numbers
from marlcore.divergences import kl
from marlcore.numbers import ANALYTIC, Kind
from marlcore.objectives import clip_drift, marginal_clip_drift, step_of
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Hypothesis, Step
from proofs_check.families import along, exact_instance, over_states, squares, team, team_pair
from proofs_check.instances import Between, Instance, Layout, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
SIZES = ({"states": 2, "actions": (2, 2)}, {"states": 1, "actions": (3, 2)})


def layout(states: int, actions: Sequence[int]) -> Layout:
    """A team game, two fully mixed policies and a clip range."""
    return {**team_pair(states, actions, ("0", "9/10")), "epsilon": Between("1/20", "1/2")}


def _at(x: Instance, table: Any) -> tuple[Any, Any]:
    at = step_of(evaluate(team(x), x.policy).A, x.policy, x.new, x.order)
    return clip_drift(along(x.epsilon, 3))(table, at), marginal_clip_drift(along(x.epsilon, 2))(table, at)


def clip_never_negative(x: Instance) -> Any:
    """The least of both clip drifts over states."""
    joint, marginal = _at(x, x.new[x.order[-1]])
    return numbers.minimum(over_states(x, joint), over_states(x, marginal))


def clip_zero_at_old(x: Instance) -> Any:
    """Both clip drifts at the old policy."""
    return squares(x, *_at(x, x.policy[x.order[-1]]))


def rows(actions: int = 3) -> Layout:
    """Two distributions, the first fully mixed."""
    return {"p": Rows((actions,), interior=True), "q": Rows((actions,))}


def rows_anywhere(actions: int = 3) -> Layout:
    """Two distributions."""
    return {"p": Rows((actions,)), "q": Rows((actions,))}


def slope(x: Instance) -> Any:
    """The derivative of KL(p ‖ p + h(q − p)) at h = 0: the mass that q puts where p has none."""
    outside = numbers.indicator(x.p == 0, x.p)
    return (outside * x.q).sum(-1)


def kl_never_negative(x: Instance) -> Any:
    """KL(p ‖ q)."""
    return kl(x.p, x.q)


def mixed(x: Instance) -> Any:
    """Whether p is fully mixed."""
    return (numbers.convert(x.p, "float") > 0).all(-1)


def vertex() -> Instance:
    """p = (1, 0, 0), q = (0, 1, 0)."""
    return exact_instance(rows_anywhere(3), {"actions": 3}, p=[1, 0, 0], q=[0, 1, 0])


def differentiate() -> Sequence[Step]:
    """The derivative of forward KL towards q, inside and at a vertex."""
    import sympy

    h, p, q = sympy.symbols("h p q", positive=True)
    inside = p * sympy.log(p / (p + h * (q - p))) + (1 - p) * sympy.log((1 - p) / (1 - p - h * (q - p)))
    return (
        Step("For p with full support d/dh KL(p ‖ p + h(q − p)) at 0 is −Σ(q − p) = 0:",
             sympy.diff(inside, h).subs(h, 0)),
        Step("At p = (1, 0), q = (0, 1): KL = −ln(1 − h), whose slope at 0 is 1:",
             sympy.diff(-sympy.log(1 - h) - h, h).subs(h, 0)),
    )  # fmt: skip


def _claim(margin: Any, family: Family, statement: str, plain: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": SOURCE,
        "locator": "Definition 12 of the preprint",
        "status": "proved",
        "kind": "inequality",
        "numbers": KINDS,
    }
    return Claim(statement=statement, plain=plain, margin=margin, family=family, **(defaults | fields))


clip_positive = _claim(
    clip_never_negative,
    Family(layout, SIZES),
    r"D^{clip}(\hat\pi | s) \ge 0",
    "Both forms of the clip drift are never negative.",
    figure="drifts",
)
clip_zero = _claim(
    clip_zero_at_old,
    Family(layout, SIZES),
    r"D^{clip}(\pi | s) = 0",
    "Both forms of the clip drift are zero at the old policy.",
    kind="identity",
    figure="drifts",
)
kl_positive = _claim(
    kl_never_negative,
    Family(rows, ({"actions": 3}, {"actions": 2})),
    r"D_{KL}(p \| q) \ge 0",
    "The KL drift is never negative.",
    numbers=ANALYTIC,
    figure="drifts",
)
kl_gradient = _claim(
    slope,
    Family(rows, ({"actions": 3},)),
    r"\tfrac{d}{dh} D_{KL}(p \| p + h(q - p)) |_{h=0} = 0 \text{ at fully mixed } p",
    "The forward KL drift has zero gradient at a fully mixed policy.",
    kind="identity",
    hypotheses={"fully_mixed": Hypothesis("p(a) > 0 for every a", mixed, vertex)},
    numbers=("float", "rational"),
    derivation=differentiate,
    figure="drifts",
)
kl_gradient_anywhere = _claim(
    slope,
    Family(rows_anywhere, ({"actions": 3},)),
    r"\tfrac{d}{dh} D_{KL}(p \| p + h(q - p)) |_{h=0} = 0 \text{ at every } p",
    "The forward KL drift has zero gradient at every policy.",
    kind="identity",
    status="refuted",
    expected="refuted",
    locator="Definition 12 of the preprint, with KL named as a drift without a condition",
    witness=vertex,
    numbers=("float", "rational"),
    figure="drifts",
)
