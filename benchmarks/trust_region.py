"""One agent's exact trust-region step beside Clarabel, and a whole HATRL iteration on a large sparse game."""

import functools

import numpy as np

from marlcore import policies
from marlcore.games import TeamGame
from marlcore.kit.benchmark import Case
from marlcore.values import evaluate
from tabular.mirror.hatrl import hatrl_iteration
from tabular.mirror.step import trust_region_step

PENALTY = 1e4
"""As large as the theory makes it: the printed C of a game with ε = 2 at γ = 0.97."""


def cases() -> list[Case]:
    """States a second at |A| = 5, also at a moderate penalty; iterations a second at S = 10⁴, n = 3."""
    made = []
    for S in (100, 10**4, 10**6):
        data = {"amount": S, "unit": "states", "bytes": 8 * S * (3 * 5 + 3), "group": "step"}
        made.append(Case(f"step, S={S:_}", lambda S=S: trust_region_step(*instance(S), PENALTY), **data))
    moderate = {"amount": 10**4, "unit": "states", "group": "moderate"}
    made.append(Case("step, S=10_000, C=40", lambda: trust_region_step(*instance(10**4), 40.0), **moderate))
    made.append(
        Case("Clarabel, S=100", lambda: programme(100).solve(solver="CLARABEL"), 100, "states", peer=True, group="step")
    )
    made.append(Case("HATRL iteration, sparse, S=10⁴, n=3", iteration, unit="iterations", group="iteration"))
    made.append(Case("its evaluation alone", lambda: evaluate(*large()), unit="iterations", group="evaluation"))
    return made


@functools.cache
def instance(S):
    """Old table, centred weights and measure of one agent with five actions."""
    rng = np.random.default_rng(S)
    p, w = rng.dirichlet(np.ones(5), S), rng.normal(size=(S, 5))
    return p, w - (p * w).sum(-1, keepdims=True), rng.dirichlet(np.ones(S)) * 10


@functools.cache
def programme(S):
    """The same step as a cone programme; building it is not timed."""
    import cvxpy as cp

    p, w, rho = instance(S)
    q, t = cp.Variable(p.shape, nonneg=True), cp.Variable()
    gain = cp.sum(cp.multiply(rho[:, None] * w, q - p)) - PENALTY * t
    return cp.Problem(cp.Maximize(gain), [cp.sum(q, axis=1) == 1, cp.sum(cp.kl_div(p, q), axis=1) <= t])


@functools.cache
def large():
    """A sparse team game with three agents of three actions, and a policy."""
    rng = np.random.default_rng(0)
    game = TeamGame.random(10**4, (3, 3, 3), rng, discount=0.95, successors=4)
    return game, policies.random(game, rng)


def iteration():
    """Evaluation, three certified steps and the promised bound."""
    game, policy = large()
    return hatrl_iteration(game, policy, evaluate(game, policy), (2, 0, 1), "sharp")
