"""MADDPG: the gradient of deterministic policies, exactly, and targets that need the next observations.

    ∂J/∂θ_i(s) = ρ_μ(s) · ∂Q_μ(s, a)/∂a_i at a = μ(s),   μ_i(s) = θ_i(s)
    Q_μ(s, a) = r(s, a) + γ Σ_s' P(s'|s, a) Q_μ(s', μ_1(o'_1), …, μ_n(o'_n))          as printed: μ_j(o_j)

Sources: Silver et al., *Deterministic policy gradient algorithms*, ICML 2014; Lowe et al., *Multi-agent actor-critic
for mixed cooperative-competitive environments*, NeurIPS 2017. The model is a minimal exact one: continuous actions
a_i ∈ [0, 1], rewards and transitions linear in each of them, agents that see the state. Then J is a ratio of linear
functions of one θ_i(s), and for such a ratio f the differences over ±h give the derivative without any limit:

    f'(0)·h·(f(h) − f(−h)) = 2 (f(h) − f(0))(f(0) − f(−h))
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.advantages import multi_agent_q
from marlcore.games import TeamGame
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Step
from proofs_check.families import along, constant, squares
from proofs_check.instances import Between, Choice, Instance, Layout, Reals, Rows

SOURCE = "Lowe et al., Multi-agent actor-critic for mixed cooperative-competitive environments, NeurIPS 2017"
STEP = "1/20"


def layout(states: int = 2) -> Layout:
    """Rewards and transitions at the corners of [0, 1]², γ, a start, and both agents' actions at every state."""
    return {
        "transitions": Rows((states, 2, 2, states)),
        "rewards": Reals((states, 2, 2)),
        "discount": Between(0, "9/10"),
        "start": Rows((states,)),
        "theta": Between("1/10", "9/10", (2, states)),
    }


def _solved(x: Instance, theta: Any) -> Any:
    """The evaluation of μ = θ; an action a_i is the corner 1 with probability a_i, as everything is linear in it."""
    game = TeamGame(x.transitions, x.rewards, x.discount, x.start, x.batch_shape)
    return evaluate(game, tuple(numbers.stack([1 - theta[..., i, :], theta[..., i, :]], axis=-1) for i in (0, 1)))


def _slope(x: Instance, i: int) -> Any:
    """∂Q_μ(s, a)/∂a_i at a = μ(s), the others at their actions too."""
    theta = x.theta
    policy = tuple(numbers.stack([1 - theta[..., j, :], theta[..., j, :]], axis=-1) for j in (0, 1))
    own = multi_agent_q(x.once("solved", lambda x: _solved(x, x.theta)).Q, policy, (i,))
    return own[..., 1] - own[..., 0]


def _differences(x: Instance, weights: Any) -> Any:
    """Σ over agents and states of the squared difference of both sides for weights·∂Q/∂a_i."""
    solved = x.once("solved", lambda x: _solved(x, x.theta))
    h, total = constant(x, STEP), 0
    for i in (0, 1):
        gradient = weights * _slope(x, i)
        for s in range(x.theta.shape[-1]):
            step = np.zeros((2, x.theta.shape[-1]), dtype=int)
            step[i, s] = 1
            move = numbers.convert(step, x.kind) * h
            up, down = (_solved(x, x.theta + sign * move).J for sign in (1, -1))
            off = gradient[..., s] * h * (up - down) - 2 * (up - solved.J) * (solved.J - down)
            total = total + off * off
    return total


def gradient(x: Instance) -> Any:
    """The gradient with ρ_μ as the weights of states."""
    return _differences(x, x.once("solved", lambda x: _solved(x, x.theta)).rho)


def gradient_at_start(x: Instance) -> Any:
    """The same with the start d as the weights."""
    return _differences(x, x.start)


def ratio() -> Sequence[Step]:
    """The difference formula of a ratio of linear functions."""
    import sympy

    a, b, d, h = sympy.symbols("alpha beta delta h")
    f = lambda t: (a + b * t) / (1 + d * t)  # noqa: E731
    return (
        Step("One θ_i(s) changes one row of P_μ and one entry of r_μ, linearly; by Cramer's rule J is a ratio"
             " (α+βh)/(1+δh)."),
        Step("Its derivative at 0 is β − αδ, and (β − αδ)·h·(f(h) − f(−h)) = 2(f(h) − f(0))(f(0) − f(−h)):",
             (b - a * d) * h * (f(h) - f(-h)) - 2 * (f(h) - f(0)) * (f(0) - f(-h))),
        Step("Differentiating J = d·(I − γP_μ)⁻¹r_μ gives Σ_s ρ_μ(s)·(∂r_μ + γ∂P_μ V_μ)(s) = Σ_s ρ_μ(s)·∂Q_μ/∂a_i."),
    )  # fmt: skip


def deterministic(states: int = 2) -> Layout:
    """A team game and a deterministic policy of both agents: an action for every agent and state."""
    tables = tuple(itertools.product((0, 1), repeat=2 * states))
    made = {name: spec for name, spec in layout(states).items() if name != "theta"}
    return {**made, "actions": Choice(tables)}


def _target(x: Instance, now: bool) -> Any:
    """Q_μ(s, a) − r(s, a) − γ Σ_s' P(s'|s, a) Q_μ(s', μ(o')), with μ(o) in place of μ(o') if ``now``."""
    S = x.start.shape[-1]
    chosen = np.array(x.actions).reshape(2, S)
    tables = tuple(numbers.convert(np.eye(2, dtype=int)[row], x.kind) + along(x.discount, 2) * 0 for row in chosen)
    game = TeamGame(x.transitions, x.rewards, x.discount, x.start, x.batch_shape)
    Q = evaluate(game, tables).Q
    if now:  # one continuation for every present state: (…, S, S')
        after = numbers.stack([Q[..., :, chosen[0, s], chosen[1, s]] for s in range(S)], axis=-2)
    else:
        own = numbers.stack([Q[..., s, chosen[0, s], chosen[1, s]] for s in range(S)], axis=-1)
        after = numbers.stack([own] * S, axis=-2)
    return Q - x.rewards - along(x.discount, 3) * (x.transitions * after[..., :, None, None, :]).sum(-1)


def targets(x: Instance) -> Any:
    """The Bellman residual with the next observations."""
    return squares(x, _target(x, now=False))


def targets_printed(x: Instance) -> Any:
    """The same with the present ones."""
    return squares(x, _target(x, now=True))


SIZES = ({"states": 2}, {"states": 3}, {"states": 1})
deterministic_gradient = Claim(
    statement=r"\nabla_{\theta_i} J = E_{s \sim \rho_\mu}\left[\nabla_{\theta_i} \mu_i(o_i) \,"
    r" \nabla_{a_i} Q_\mu(s, a)|_{a = \mu(o)}\right]",
    plain="MADDPG's gradient for deterministic policies: each agent climbs the joint Q along its own action.",
    source=SOURCE,
    locator="equation 5; Silver et al. 2014, theorem 1",
    status="proved",
    kind="identity",
    margin=gradient,
    family=Family(layout, SIZES),
    derivation=ratio,
    note="Exact: rewards and transitions are linear in each agent's action, so differences give the derivative.",
    cost=2,
)
gradient_over_starts = Claim(
    statement=r"\nabla_{\theta_i} J = E_{s \sim d}\left[\nabla_{\theta_i} \mu_i(o_i) \,"
    r" \nabla_{a_i} Q_\mu(s, a)|_{a = \mu(o)}\right]",
    plain="The deterministic gradient may be averaged over the states in which episodes start.",
    source="the theorem read without its state measure",
    locator="a check that ρ matters",
    status="refuted",
    kind="identity",
    margin=gradient_at_start,
    family=Family(layout, SIZES[:2]),
    expected="refuted",
    cost=2,
)
next_observations = Claim(
    statement=r"Q_\mu(x, a) = r + \gamma E_{x'}[Q_\mu(x', \mu_1(o'_1), \ldots, \mu_n(o'_n))]",
    plain="MADDPG's target evaluates all policies at their next observations.",
    source=SOURCE,
    locator="equation 6",
    status="proved",
    kind="identity",
    margin=targets,
    family=Family(deterministic, SIZES),
)
present_observations = Claim(
    statement=r"Q_\mu(x, a) = r + \gamma E_{x'}[Q_\mu(x', \mu_1(o_1), \ldots, \mu_n(o_n))]",
    plain="MADDPG's target evaluates all policies at their present observations.",
    source="notes on MADDPG",
    locator="as printed: o_j where o'_j is meant",
    status="refuted",
    kind="identity",
    margin=targets_printed,
    family=Family(deterministic, SIZES[:2]),
    expected="refuted",
)
