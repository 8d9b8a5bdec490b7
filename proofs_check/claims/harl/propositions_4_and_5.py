"""The two traps: sharing one policy (Proposition 4), and moving at the same time (Proposition 5).

    n even, r = 1 on (0^{n/2}, 1^{n/2}) and (1^{n/2}, 0^{n/2}), else 0:   max over shared π of J = 2/2ⁿ, while J* = 1
    r = [[0, 2], [2, −1]], π_old(0) > 3/5 for both, both best-respond to π_old at once:   J(π_new) = −1 = min J

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). ``shrinks`` is a
retelling of Proposition 4 with the direction reversed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.policies import joint
from proofs_check.claim import Claim, Family, Hypothesis, Step
from proofs_check.families import constant, each, exact_instance
from proofs_check.instances import Between, Choice, Fixed, Instance, Layout, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"


def trap(n: int = 2) -> Layout:
    """The payoffs of Proposition 4 and one policy for all."""
    payoffs = np.zeros((2,) * n, dtype=int)
    half = n // 2
    payoffs[(0,) * half + (1,) * half] = payoffs[(1,) * half + (0,) * half] = 1
    return {"payoffs": Fixed(payoffs.tolist()), "shared": Rows((2,))}


def shared_return(x: Instance, n: int) -> Any:
    """J when every agent plays ``x.shared``."""
    return (
        (joint((x.shared[..., None, :],) * n)[(..., 0, *(slice(None),) * n)] * x.payoffs)
        .reshape(*x.batch_shape, -1)
        .sum(-1)
    )


def sharing(x: Instance) -> Any:
    """2/2ⁿ minus the return of the shared policy."""
    n = len(x.payoffs.shape) - len(x.batch_shape)
    return constant(x, f"2/{2**n}") - shared_return(x, n)


def at_half(x: Instance) -> Any:
    """The shared policy ½, ½ attains 2/2ⁿ."""
    n = len(x.payoffs.shape) - len(x.batch_shape)
    return constant(x, f"2/{2**n}") - shared_return(x, n)


def half_layout(n: int = 2) -> Layout:
    """The same with the shared policy fixed at one half."""
    return {**trap(n), "shared": Fixed(["1/2", "1/2"])}


def growing(x: Instance) -> Any:
    """The ratio for n + 2 agents minus that for n: it would have to grow for the effect to shrink."""
    n = x.agents
    return x.one_number * (constant(x, f"2/{2 ** (n + 2)}") - constant(x, f"2/{2**n}"))


def amgm() -> Sequence[Step]:
    """p(1−p) ≤ ¼, hence 2(p(1−p))^{n/2} ≤ 2/2ⁿ."""
    import sympy

    p = sympy.Symbol("p", real=True)
    return (
        Step("With one policy p for all, J = p^{n/2}(1−p)^{n/2} + (1−p)^{n/2}p^{n/2} = 2(p(1−p))^{n/2}."),
        Step(
            "¼ − p(1−p) is the square of p − ½:", sympy.Rational(1, 4) - p * (1 - p) - (p - sympy.Rational(1, 2)) ** 2
        ),
        Step("x ↦ x^{n/2} is increasing for x ≥ 0, so J ≤ 2·(¼)^{n/2} = 2/2ⁿ, with equality at p = ½."),
    )


TRAPS = tuple({"n": n} for n in (2, 4, 6))
one_policy = Claim(
    statement=r"\max_{\pi} J(\pi, \ldots, \pi) = \frac{2}{2^n} J^*",
    plain="With one policy for all agents and no agent id, at most 2/2ⁿ of the optimum is reached.",
    source=SOURCE,
    locator="Proposition 4 of the preprint",
    status="proved",
    kind="inequality",
    margin=sharing,
    family=Family(trap, TRAPS),
    derivation=amgm,
    scale=lambda x: constant(x, f"2/{2 ** (len(x.payoffs.shape) - len(x.batch_shape))}"),
    figure="homogeneity_trap",
)
one_policy_attained = Claim(
    statement=r"J(\tfrac12, \ldots, \tfrac12) = \frac{2}{2^n}",
    plain="The shared policy one half attains 2/2ⁿ.",
    source=SOURCE,
    locator="Proposition 4 of the preprint",
    status="proved",
    kind="identity",
    margin=at_half,
    family=Family(half_layout, TRAPS),
    symbolic=TRAPS,
    figure="homogeneity_trap",
)
shrinks = Claim(
    statement=r"\frac{J^*_{share}}{J^*}(n+2) \ge \frac{J^*_{share}}{J^*}(n)",
    plain="As n grows the effect of sharing shrinks.",
    source="a retelling of Proposition 4",
    locator="as told",
    status="refuted",
    kind="inequality",
    margin=growing,
    family=Family(lambda: {"agents": Choice((2, 4, 6)), "one_number": Fixed(1)}),
    expected="refuted",
    assumes=("harl/propositions_4_and_5/one_policy",),
    witness=lambda: exact_instance({"agents": Choice((2, 4, 6)), "one_number": Fixed(1)}, agents=2),
    figure="homogeneity_trap",
)

# ---------------------------------------------------------------- Proposition 5

GAME = [[0, 2], [2, -1]]


def start(low: str = "61/100", high: str = "1") -> Layout:
    """The game of Proposition 5 and the probabilities that the two agents give to action 0."""
    return {"payoffs": Fixed(GAME), "first": Between(low, high, (2,))}


def _answer(table: Any, first: Any) -> int:
    """The best action against an agent that plays action 0 with probability ``first``."""
    values = table[:, 0] * first + table[:, 1] * (1 - first)
    return 0 if values[0] >= values[1] else 1


@each
def simultaneous(x: Instance) -> Any:
    """J after both moved at once, minus min J."""
    moves = [_answer(x.payoffs, x.first[1 - i]) for i in (0, 1)]
    return x.payoffs[moves[0], moves[1]] - x.payoffs.min()


@each
def sequential(x: Instance) -> Any:
    """J after one moved and then the other, minus the optimum 2."""
    one = _answer(x.payoffs, x.first[1])
    return x.payoffs[one, _answer(x.payoffs, constant(x, 1 - one))] - 2


@each
def monotone(x: Instance) -> Any:
    """J after both moved at once, minus J before."""
    p, q = x.first
    rows = np.array([p, 1 - p], dtype=object) if x.kind != "float" else np.array([p, 1 - p])
    columns = np.array([q, 1 - q], dtype=object) if x.kind != "float" else np.array([q, 1 - q])
    moves = [_answer(x.payoffs, x.first[1 - i]) for i in (0, 1)]
    return x.payoffs[moves[0], moves[1]] - rows @ x.payoffs @ columns


def above_three_fifths(x: Instance) -> Any:
    """Whether π_old(0) > 3/5 for both."""
    return (numbers.convert(x.first, "float") > 0.6).all(-1)


def _at(first: str) -> Instance:
    return exact_instance(start("0", "1"), {"low": "0", "high": "1"}, first=[first, first])


FAMILY = Family(start, ({"low": "61/100", "high": "1"},))
ANYWHERE = Family(start, ({"low": "0", "high": "1"},))
together = Claim(
    statement=r"\pi_{old}^i(0) > \tfrac35 \ \forall i \Rightarrow J(\pi_{new}) = -1 = \min_\pi J(\pi)",
    plain="Two agents that best-respond at the same time both move, and reach the worst return.",
    source=SOURCE,
    locator="Proposition 5 of the preprint",
    status="proved",
    kind="identity",
    margin=simultaneous,
    family=FAMILY,
    hypotheses={"above": Hypothesis("π_old^i(0) > 3/5 for both agents", above_three_fifths, lambda: _at("1/2"))},
    numbers=("float", "rational"),
    smooth=False,
    figure="heterogeneity_trap",
)
one_by_one = Claim(
    statement=r"\pi_{old}^i(0) > \tfrac35 \ \forall i \Rightarrow J(\pi_{new}) = 2 = J^* \text{ for"
    r" sequential updates}",
    plain="From the same starts agents that move one after the other reach the optimum.",
    source=SOURCE,
    locator="after Proposition 5 of the preprint",
    status="proved",
    kind="identity",
    margin=sequential,
    family=FAMILY,
    numbers=("float", "rational"),
    smooth=False,
    figure="heterogeneity_trap",
)
simultaneous_improves = Claim(
    statement=r"J(\pi_{new}) \ge J(\pi_{old}) \text{ for simultaneous best responses}",
    plain="Best responses, all at the same time, never lower the return.",
    source="what independent learners rely on",
    locator="folklore",
    status="refuted",
    kind="inequality",
    margin=monotone,
    family=ANYWHERE,
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
    figure="heterogeneity_trap",
)
