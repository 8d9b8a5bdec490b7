"""Shapley's operator contracts, an equilibrium policy is not rational, and joint actions make the world stationary.

    T V(s) = val[R(s, ·) + γ P V]          ‖TV − TW‖_∞ ≤ γ‖V − W‖_∞
    P(s'|s, a, π) = P(s'|s, a)              but P(s'|s, a_i) depends on the other agents' policies

Sources: Shapley 1953; Littman 1994; Lowe et al. 2017 (MADDPG). The value of a 2×2 game is written out: the saddle
point's if there is one, else (ad − bc)/(a + d − b − c).
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family
from proofs_check.families import along, squares
from proofs_check.instances import Between, Fixed, Instance, Layout, Reals, Rows

KINDS: tuple[Kind, ...] = ("float", "torch", "rational")
CYCLE = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]


def layout(states: int = 2) -> Layout:
    """A zero-sum game with two actions each, γ, and two value functions."""
    return {
        "transitions": Rows((states, 2, 2, states)),
        "rewards": Reals((states, 2, 2)),
        "discount": Between(0, "99/100"),
        "V": Reals((states,)),
        "W": Reals((states,)),
    }


def value(table: Any) -> Any:
    """val of (…, 2, 2) tables, the row player maximises."""
    low = numbers.amax(numbers.amin(table, -1), -1)
    high = numbers.amin(numbers.amax(table, -2), -1)
    a, b, c, d = table[..., 0, 0], table[..., 0, 1], table[..., 1, 0], table[..., 1, 1]
    slope = a + d - b - c
    saddle = low == high
    mixed = (a * d - b * c) / numbers.where(saddle | (slope == 0), slope * 0 + 1, slope)
    return numbers.where(saddle, low, mixed)


def operator(x: Instance, V: Any) -> Any:
    """T V (…, S)."""
    return value(x.rewards + along(x.discount, 3) * (x.transitions * V[..., None, None, None, :]).sum(-1))


def contraction(x: Instance) -> Any:
    """γ‖V − W‖ − ‖TV − TW‖."""
    before = numbers.amax(numbers.absolute(x.V - x.W), -1)
    after = numbers.amax(numbers.absolute(operator(x, x.V) - operator(x, x.W)), -1)
    return x.discount * before - after


def half_contraction(x: Instance) -> Any:
    """The same with γ/2: how tight the modulus is."""
    before = numbers.amax(numbers.absolute(x.V - x.W), -1)
    after = numbers.amax(numbers.absolute(operator(x, x.V) - operator(x, x.W)), -1)
    return x.discount * before / 2 - after


def against() -> Layout:
    """Rock-paper-scissors and a fixed opponent."""
    return {"R": Fixed(CYCLE), "opponent": Rows((3,))}


def rational(x: Instance) -> Any:
    """What the equilibrium policy, uniform, gets against the opponent minus what a best response gets."""
    answers = (x.R * x.opponent[..., None, :]).sum(-1)
    return answers.sum(-1) / 3 - numbers.amax(answers, -1)


def safe(x: Instance) -> Any:
    """What the equilibrium policy gets against the opponent minus the value 0."""
    return (x.R * x.opponent[..., None, :]).sum(-1).sum(-1) / 3


def two_policies(states: int = 2) -> Layout:
    """Dynamics of two agents, one policy of the first and two of the second."""
    return {
        "transitions": Rows((states, 2, 2, states)),
        "first": Rows((states, 2), interior=True),
        "second": Rows((states, 2), interior=True),
        "other": Rows((states, 2), interior=True),
    }


def _conditioned(x: Instance, second: Any) -> tuple[Any, Any]:
    """P(s'|s, a, π) by Bayes' rule from the joint law of (a, s'), and P(s'|s, a_1, π)."""
    joint = x.first[..., :, :, None, None] * second[..., :, None, :, None] * x.transitions
    given_all = joint / joint.sum(-1)[..., None]
    own = joint.sum(-2)
    return given_all, own / own.sum(-1)[..., None]


def stationary(x: Instance) -> Any:
    """P(s'|s, a, π) − P(s'|s, a)."""
    return squares(x, _conditioned(x, x.second)[0] - x.transitions)


def stationary_alone(x: Instance) -> Any:
    """P(s'|s, a_1, (π_1, π_2)) − P(s'|s, a_1, (π_1, π'_2))."""
    return squares(x, _conditioned(x, x.second)[1] - _conditioned(x, x.other)[1])


SIZES = ({"states": 2}, {"states": 1}, {"states": 4})
contracts = Claim(
    statement=r"\|T V - T W\|_\infty \le \gamma \|V - W\|_\infty, \quad T V(s) = \mathrm{val}[R(s,"
    r" \cdot) + \gamma P V]",
    plain="Shapley's operator is a contraction with modulus γ; its fixed point is the value of the game.",
    source="Shapley, Stochastic games, PNAS 1953",
    locator="the main theorem",
    status="proved",
    kind="inequality",
    margin=contraction,
    scale=lambda x: x.discount * numbers.amax(numbers.absolute(x.V - x.W), -1),
    family=Family(layout, SIZES),
    numbers=KINDS,
    figure="shapley_contraction",
)
contracts_faster = Claim(
    statement=r"\|T V - T W\|_\infty \le \tfrac{\gamma}{2} \|V - W\|_\infty",
    plain="Averaging over two players' actions halves the modulus.",
    source="a natural strengthening",
    locator="Shapley's theorem",
    status="refuted",
    kind="inequality",
    margin=half_contraction,
    family=Family(layout, SIZES),
    expected="refuted",
    numbers=KINDS,
    figure="shapley_contraction",
)
equilibrium_is_safe = Claim(
    statement=r"x^{* \top} R y = v \ \forall y \text{ in rock-paper-scissors}",
    plain="The equilibrium policy of rock-paper-scissors gets exactly the value against any opponent.",
    source="Littman, ICML 1994",
    locator="what Minimax-Q converges to",
    status="proved",
    kind="identity",
    margin=safe,
    family=Family(against),
    symbolic=({},),
    figure="rationality",
)
equilibrium_is_rational = Claim(
    statement=r"x^{* \top} R y \ge \max_i (R y)_i \ \forall y",
    plain="Minimax-Q's policy is a best response to whatever fixed opponent it meets.",
    source="Bowling & Veloso, Artificial Intelligence 136, 2002",
    locator="rationality, as a property of Minimax-Q",
    status="refuted",
    kind="inequality",
    margin=rational,
    family=Family(against),
    expected="refuted",
    numbers=("float", "torch", "rational", "ball"),
    figure="rationality",
)
stationary_with_all_actions = Claim(
    statement=r"P(s' | s, a_1, \ldots, a_n, \pi_1, \ldots, \pi_n) = P(s' | s, a_1, \ldots, a_n)",
    plain="With everybody's actions given, the environment is stationary whatever the policies are.",
    source="Lowe et al., Multi-agent actor-critic for mixed cooperative-competitive environments, 2017",
    locator="equation before the MADDPG gradient",
    status="proved",
    kind="identity",
    margin=stationary,
    family=Family(two_policies, SIZES),
)
stationary_with_own_action = Claim(
    statement=r"P(s' | s, a_1, \pi_1, \pi_2) = P(s' | s, a_1, \pi_1, \pi'_2)",
    plain="An independent learner's environment is stationary.",
    source="what independent Q-learning relies on",
    locator="the negation is in Lowe et al. 2017",
    status="refuted",
    kind="identity",
    margin=stationary_alone,
    family=Family(two_policies, SIZES),
    expected="refuted",
)
