"""Values of policies: small games in batches, a large sparse one against a pass over its data, a ball certificate."""

import functools

import numpy as np

from marlcore import bounds, policies, sparse
from marlcore.games import TeamGame
from marlcore.kit.benchmark import Case
from marlcore.values import evaluate

BATCH = 20_000
STATES, ACTIONS, SUCCESSORS = 10**5, (3, 3, 3, 3), 4


def cases() -> list[Case]:
    """Games a second; bytes of transition data a second; certificates a second."""
    rng = np.random.default_rng(0)
    game = TeamGame.random(3, (2, 2), rng, batch=BATCH)
    policy = policies.random(game, rng)
    tensors, tensor_policy = game.convert("torch"), policies.convert(policy, "torch")
    batch = {"amount": BATCH, "unit": "games", "bytes": 8 * (3 * 4 * 3 + 3 * 4) * BATCH, "group": "batch"}
    data = {"bytes": 12 * STATES * int(np.prod(ACTIONS)) * SUCCESSORS, "unit": "games", "group": "sparse"}
    return [
        Case("NumPy batch, S=3, n=2", lambda: evaluate(game, policy), **batch),
        Case("torch batch, S=3, n=2", lambda: evaluate(tensors, tensor_policy), **batch),
        Case("sparse, S=10⁵, n=4", lambda: evaluate(*large()), **data),
        Case("the same less its two solves", lambda: passes(*large()), **data),
        Case("one pass over its data", lambda: one_pass(large()[0].transitions), **data, peer=True),
        Case("ball margin of Lemma 8", lambda: margin(*ball()), unit="games", group="certificate"),
    ]


@functools.cache
def large():
    """The sparse game and a policy; made at the first call, which is not timed."""
    rng = np.random.default_rng(1)
    game = TeamGame.random(STATES, ACTIONS, rng, successors=SUCCESSORS)
    return game, policies.random(game, rng)


def one_pass(matrix):
    """What reading every entry and its column once costs: P·1, a product of the whole matrix with a vector."""
    return matrix @ np.ones(matrix.shape[1])


def passes(game, policy):
    """What ``evaluate`` does beside solving for V and ρ: r_π, the choice of the operator, Q and A."""
    packed = sparse._packed(policy)
    r_pi, tables = np.empty(game.S), np.empty((2, game.rewards.size))
    sparse._average_rewards(game.rewards.ravel(), *packed, r_pi)
    sparse.induced_operator(game.transitions, game.joint_actions, packed)
    parts = sparse._parts(game.transitions)
    sparse._contract(*parts, game.rewards.ravel(), r_pi, game.discount, game.joint_actions, *tables)


@functools.cache
def ball():
    """A game of three states and two agents, with two policies, in 128-bit balls."""
    rng = np.random.default_rng(2)
    game = TeamGame.random(3, (2, 2), rng, discount=0.9)
    pair = policies.random(game, rng), policies.random(game, rng)
    return game.convert("ball"), *(policies.convert(p, "ball") for p in pair)


def margin(game, policy, new):
    """J(π̄) minus the lower bound, as a ball."""
    return evaluate(game, new).J - bounds.lower_bound(game, policy, new).value
