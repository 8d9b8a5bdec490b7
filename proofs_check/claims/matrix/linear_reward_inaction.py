"""L_R-I moves like the replicator on average, and at a fixed step size it may be absorbed anywhere.

    p_c += η r (1 − p_c),  p_j −= η r p_j          E[p'_a − p_a] = η p_a (r̄_a − Σ_b p_b r̄_b)

Source: Sastry, Phansalkar & Thathachar 1994; Schwartz, *Multi-Agent Machine Learning*, 2014. Notes say that it
converges where the only equilibria are strict pure ones. At every fixed η > 0 that fails with positive probability: in
the prisoner's dilemma both may play "cooperate" for ever, with probability at least

    Π_{t<T} (1 − u_t)(1 − w_t) · (1 − u_T/(ηr) − w_T/(ηr)) > 0,   u_t = (1 − p_0)(1 − ηr)ᵗ,  w_t = (1 − q_0)(1 − ηr)ᵗ

by Weierstrass's inequality Π(1 − u) ≥ 1 − Σu for the tail. (For small η the probability is small; what notes lack
there is shown by Shapley's cycle plus a strict equilibrium, a statistical claim.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import numbers
from proofs_check.claim import Claim, Family
from proofs_check.families import along, each, squares
from proofs_check.instances import Between, Fixed, Instance, Layout, Rows

SOURCE = "Sastry, Phansalkar & Thathachar 1994; Schwartz, Multi-Agent Machine Learning, 2014"
COOPERATION = "3/5"
"""The reward of both in the prisoner's dilemma with temptation 1, punishment 1/5 and sucker's payoff 0."""
TERMS = 40


def automaton(actions: int = 3) -> Layout:
    """One automaton: probabilities, the mean reward of each action, a step size."""
    return {"p": Rows((actions,)), "r": Between(0, 1, (actions,)), "eta": Between(0, 1)}


def expected_motion(x: Instance) -> Any:
    """E[p' − p] over the chosen action minus η·p∘(r̄ − p·r̄)."""
    actions = x.p.shape[-1]
    eta = along(x.eta, 1)
    eye = numbers.identity(actions, x.p)
    moved = x.p * 0
    for c in range(actions):
        weight = (x.p[..., c] * x.r[..., c])[..., None] if x.batch_shape else x.p[c] * x.r[c]
        moved = moved + eta * weight * (eye[c] - x.p)
    mean = (x.p * x.r).sum(-1)
    replicator = eta * x.p * (x.r - (mean[..., None] if x.batch_shape else mean))
    return squares(x, moved - replicator)


def dilemma() -> Layout:
    """A step size, and the probabilities of "cooperate" at the start."""
    return {"eta": Between("1/5", "9/10"), "start": Between("1/10", "9/10", (2,))}


def never_elsewhere(x: Instance) -> Any:
    """Minus a lower bound on the probability that both cooperate for ever."""
    step = x.eta * numbers.number(COOPERATION, x.kind)
    probability: Any = None
    tail: Any = 0
    for i in (0, 1):
        missing = 1 - x.start[..., i]
        for _ in range(TERMS):
            probability = 1 - missing if probability is None else probability * (1 - missing)
            missing = missing * (1 - step)
        tail = tail + missing / step
    return -probability * numbers.maximum(1 - tail, tail * 0)


RUNS, STEPS, LEVEL = 40, 5_000, 1e-6


def trials() -> Layout:
    """A step size, where the seeds of RUNS runs start, and what the strict equilibrium pays."""
    return {"eta": Between("1/50", "1/10"), "seed": Between(0, 1), "worth": Fixed("1/10")}


@each
def misses(x: Instance) -> Any:
    """LEVEL minus the p-value of "at least three runs in ten reach the strict equilibrium" (one-sided, binomial)."""
    from scipy.stats import binom

    from marlcore.games import MatrixGame
    from tabular.learners import linear_reward_inaction

    payoffs = np.zeros((2, 4, 4))
    payoffs[0, :3, :3] = np.eye(3)
    payoffs[1, :3, :3] = np.roll(np.eye(3), 1, axis=1)
    payoffs[:, 3, 3] = float(x.worth)
    first = int(float(x.seed) * 2**31)
    run = linear_reward_inaction(MatrixGame(payoffs), STEPS, range(first, first + RUNS), eta=float(x.eta))
    reached = int(((run.policies[0][-1, :, 0, 3] > 0.5) & (run.policies[1][-1, :, 0, 3] > 0.5)).sum())
    return LEVEL - float(binom.cdf(reached, RUNS, 0.3))


misses_the_strict_equilibrium = Claim(
    statement=r"P(\text{a run from uniform reaches the only strict equilibrium}) < \tfrac{3}{10}",
    plain="On Shapley's cycle plus a strict equilibrium, L_R-I from uniform seldom reaches the strict equilibrium.",
    source="derived against notes on learning automata",
    locator="A = I₃ ⊕ (1/10), B = the cycle ⊕ (1/10)",
    status="ours",
    kind="statistical",
    margin=misses,
    family=Family(trials),
    numbers=("float",),
    cost=1000,
    smooth=False,
    note="One-sided binomial test of P ≥ 3/10: 40 runs of 5000 steps an instance, level 10⁻⁶; if no run ever reaches it"
    " the test rejects with power 1 (0.7⁴⁰ < 10⁻⁶).",
    figure="limit_points",
)
replicator = Claim(
    statement=r"E[p'_a - p_a] = \eta \, p_a \left( \bar r_a - \sum_b p_b \bar r_b \right)",
    plain="The expected motion of linear reward-inaction is the replicator equation.",
    source=SOURCE,
    locator="the ordinary differential equation of L_R-I",
    status="proved",
    kind="identity",
    margin=expected_motion,
    family=Family(automaton, ({"actions": 3}, {"actions": 2})),
    symbolic=({"actions": 3},),
)
converges = Claim(
    statement=r"\text{the only equilibrium is strict and pure} \Rightarrow P(p_t \to \text{it}) = 1"
    r" \text{ at every fixed } \eta",
    plain="L_R-I converges where the only equilibria are strict pure ones.",
    source="notes on learning automata",
    locator="as stated",
    status="refuted",
    kind="inequality",
    margin=never_elsewhere,
    family=Family(dilemma),
    expected="refuted",
    numbers=("float", "torch", "rational", "ball"),
    note="Prisoner's dilemma with payoffs 1, 3/5, 1/5, 0: 'defect' is the only equilibrium, and strict.",
    figure="limit_points",
)
