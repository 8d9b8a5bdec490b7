"""Every learner step by step against its formula, written once more in NumPy from the page's equation.

The play is read off the trace: the rewards of agent 0 are all different, so a reward tells the state and the joint
action. Each oracle moves its own policies and values by what was played, and must meet the trace at every step.
"""

from dataclasses import dataclass, field
from itertools import product
from math import comb
from types import SimpleNamespace

import numpy as np
import pytest

from marlcore import library
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.responses import nash_gap
from marlcore.streams_compiled import words
from tabular import learners
from tabular.learners import run, schedules
from tabular.learners.environment import arena
from tabular.learners.loop import Play
from tabular.learners.mean_field_q import configuration
from tabular.learners.minimax_q import update as minimax_update
from tabular.learners.schedules import BLOCK, Power, Visits, block
from tabular.learners.wolf_iga import first_equilibrium
from tabular.static.zero_sum import solve_zero_sum
from tabular.static.zero_sum_kernel import workspace
from tabular.static.zero_sum_warm_kernel import NO_GUESS

STEPS = 25
RATE = Power(0.5, 10.0, 1.0)


def rates(t):
    return 0.5 / (1 + t / 10)


def codes(*shape, low=0.0, high=1.0):
    """Different multiples of 2⁻⁷ in [low, high], which sums keep exactly."""
    count = int(np.prod(shape))
    numbers = np.arange(int(low * 128), int(high * 128) + 1)
    return np.random.default_rng(count).choice(numbers, count, replace=False).reshape(shape) / 128


def matrix_game(*counts):
    n = len(counts)
    others = np.random.default_rng(n).integers(0, 129, (n - 1, *counts)) / 128
    return MatrixGame(np.concatenate([codes(*counts)[None], others]))


def markov_game(*counts, zero_sum=False, team=False, S=3):
    rng = np.random.default_rng(len(counts) + S)
    P = rng.dirichlet(np.ones(S), size=(S, *counts))
    r = codes(S, *counts, low=-1.0)
    if team:
        return TeamGame(P, r, 0.75)
    others = -r[None] if zero_sum else rng.integers(-128, 129, (len(counts) - 1, S, *counts)) / 128
    return MarkovGame(P, np.concatenate([r[None], others]), 0.75)


@dataclass
class Table:
    """What a learner has, kept by the oracle."""

    game: object
    policy: list
    average: list
    values: np.ndarray
    visits: np.ndarray
    memory: dict = field(default_factory=dict)

    @property
    def n(self):
        return len(self.policy)

    @property
    def gamma(self):
        return 0.0 if isinstance(self.game, MatrixGame) else self.game.discount


def plays(trace, rewards):
    """(s, joint action, rewards) of every step; ``rewards`` is (S, A1, …, An) of agent 0, all different."""
    received = np.diff(trace.extras["reward_sums"][:, 0], axis=0)
    for got in received:
        (place,) = np.argwhere(rewards == got[0])
        yield int(place[0]), tuple(int(a) for a in place[1:]), got


def follow(learner, game, update, steps=STEPS, tolerance=1e-12, memory=None, **options):
    """Run the learner and its oracle side by side."""
    trace = learner(game, steps + 1, [3], record_every=1, **options)
    rewards = (
        np.asarray(game.rewards if isinstance(game, TeamGame) else game.rewards[0])
        if not isinstance(game, MatrixGame)
        else game.payoffs[0][None]
    )
    played = list(plays(trace, rewards))
    first = [p[0, 0].copy() for p in trace.policies]
    own = Table(game, first, [p.copy() for p in first], np.zeros((len(first), len(rewards))), np.zeros(len(rewards)))
    own.memory.update(memory or {})
    for t in range(steps):
        s, actions, got = played[t]
        own.visits[s] += 1
        for i in range(own.n):
            own.average[i][s] += (own.policy[i][s] - own.average[i][s]) / own.visits[s]
        update(own, SimpleNamespace(t=t, s=s, a=actions, r=got, s_next=played[t + 1][0]))
        for i in range(own.n):
            np.testing.assert_allclose(trace.policies[i][t + 1, 0], own.policy[i], rtol=0, atol=tolerance)
            np.testing.assert_allclose(trace.average_policies[i][t + 1, 0], own.average[i], rtol=0, atol=tolerance)
        np.testing.assert_allclose(trace.values[t + 1, 0], own.values, rtol=0, atol=tolerance)
    return trace, own


def payoffs(own, i, tables):
    """uᵢ(a, π₋ᵢ) by summing over everybody else."""
    u = np.asarray(own.game.payoffs[i])
    for j in reversed(range(own.n)):
        if j != i:
            u = np.tensordot(u, tables[j][0], axes=(j, 0))
    return u


def nearest(v):
    """The nearest distribution to v, by bisection of τ in Σ max(v − τ, 0) = 1."""
    low, high = v.min() - 1, v.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(v - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(v - high, 0)


# ------------------------------------------------------------ the play


@pytest.mark.parametrize("counts", [(2, 3), (3, 2, 4), (2, 2, 2, 2)], ids=str)
def test_actions_are_read_off_the_stream_of_the_seed(counts):
    # word i of step t decides what agent i does: the first ε of its range explores, the rest follows the policy
    game = matrix_game(*counts)
    rng = np.random.default_rng(len(counts))
    start = tuple(rng.dirichlet(np.ones(count)) for count in counts)
    epsilon = Power(0.6, 5.0)
    trace = learners.phc(game, 40, [9], delta=0.0, epsilon=epsilon, initial=start, record_every=1)
    explored = 0
    for t, (_, actions, _) in enumerate(plays(trace, game.payoffs[0][None])):
        drawn = [w / 2**32 for block in range((len(counts) + 5) // 4) for w in map(int, words(9, 0, t, block))]
        share = 0.6 / (1 + t / 5)
        for i, count in enumerate(counts):
            u = drawn[i]
            explored += u < share
            by_policy = np.searchsorted((1 - share) * np.cumsum(start[i]), u - share, side="right")
            assert actions[i] == (int(u / share * count) if u < share else min(by_policy, count - 1))
    assert 5 < explored < 40 * len(counts) - 5


def test_rates_follow_time_across_blocks_of_it(monkeypatch):
    def update(own, now):
        for i, p in enumerate(row[0] for row in own.policy):
            step = rates(now.t) * now.r[i]
            own.policy[i][0] = p + step * (np.eye(len(p))[now.a[i]] - p)

    for module in (run, schedules):
        monkeypatch.setattr(module, "BLOCK", 8)
    follow(learners.linear_reward_inaction, matrix_game(2, 3), update, eta=RATE)


# ------------------------------------------------------------ own tables


def own_q(own, now):
    """Qᵢ(s, aᵢ) moved towards rᵢ + γ max Qᵢ(s'); the greedy actions. Nobody's V(s') changes before all have moved."""
    Q = own.memory.setdefault("Q", [np.zeros_like(p) for p in own.policy])
    greedy = []
    for i in range(own.n):
        target = now.r[i] + own.gamma * own.values[i, now.s_next]
        Q[i][now.s, now.a[i]] = (1 - rates(now.t)) * Q[i][now.s, now.a[i]] + rates(now.t) * target
        own.values[i, now.s] = Q[i][now.s].max()
        greedy.append(int(Q[i][now.s].argmax()))
    return Q, greedy


def climbed(row, best, delta):
    given = np.minimum(row, delta / (len(row) - 1))
    given[best] = 0
    out = row - given
    out[best] += given.sum()
    return out


@pytest.mark.parametrize("counts", [(2, 3), (3, 2, 2), (1, 3)], ids=str)
def test_phc(counts):
    def update(own, now):
        _, greedy = own_q(own, now)
        for i in range(own.n):
            if counts[i] > 1:
                own.policy[i][now.s] = climbed(own.policy[i][now.s], greedy[i], 0.1)

    follow(learners.phc, markov_game(*counts), update, alpha=RATE, delta=0.1, epsilon=0.3)


def test_wolf_phc():
    used = set()

    def update(own, now):
        Q, greedy = own_q(own, now)
        for i in range(own.n):
            here, average = own.policy[i][now.s] @ Q[i][now.s], own.average[i][now.s] @ Q[i][now.s]
            used.add(bool(here > average))
            own.policy[i][now.s] = climbed(own.policy[i][now.s], greedy[i], 0.02 if here > average else 0.3)

    follow(learners.wolf_phc, markov_game(2, 3), update, alpha=RATE, delta_win=0.02, delta_lose=0.3, epsilon=0.3)
    assert used == {True, False}


def test_independent_q():
    def update(own, now):
        _, greedy = own_q(own, now)
        for i in range(own.n):
            own.policy[i][now.s] = np.eye(len(own.policy[i][now.s]))[greedy[i]]

    follow(learners.independent_q, markov_game(2, 3, 2), update, alpha=RATE, epsilon=0.4)


# ------------------------------------------------------------ tables over joint actions


def joint_q(own, now, alpha):
    """Every agent's Qᵢ(s, a) moved towards rᵢ + γVᵢ(s'); the stage game (n, A1, …, An)."""
    shape = tuple(p.shape[1] for p in own.policy)
    Q = own.memory.setdefault("Q", np.zeros((own.n, len(own.visits), *shape)))
    for i in range(own.n):
        place = (i, now.s, *now.a)
        Q[place] = (1 - alpha) * Q[place] + alpha * (now.r[i] + own.gamma * own.values[i, now.s_next])
    return Q[:, now.s]


def test_joint_q():
    def update(own, now):
        stage = joint_q(own, now, rates(now.t))[0]
        best = np.unravel_index(stage.argmax(), stage.shape)
        for i in range(own.n):
            own.policy[i][now.s] = np.eye(stage.shape[i])[best[i]]
            own.values[i, now.s] = stage.max()

    follow(learners.joint_q, markov_game(2, 3, team=True), update, alpha=RATE, epsilon=0.5)


def test_minimax_q():
    def update(own, now):
        stage = joint_q(own, now, rates(now.t))[0]
        found = solve_zero_sum(stage)
        own.values[:, now.s] = found.value, -found.value
        # the strategies need not be unique: those of the trace are compared by what they guarantee
        for i in range(2):
            own.policy[i][now.s] = trace.policies[i][now.t + 1, 0, now.s]
        x, y = own.policy[0][now.s], own.policy[1][now.s]
        assert (x @ stage).min() >= found.value - 1e-12
        assert (stage @ y).max() <= found.value + 1e-12

    game = markov_game(3, 2, zero_sum=True)
    options = {"alpha": RATE, "epsilon": 0.3}
    trace = learners.minimax_q(game, STEPS + 1, [3], record_every=1, **options)
    follow(learners.minimax_q, game, update, **options)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)], ids=str)
def test_minimax_q_plays_uniformly_while_nothing_tells_its_actions_apart(shape):
    game = MatrixGame([np.ones(shape), -np.ones(shape)])
    corner = tuple(np.eye(count)[-1] for count in shape)
    trace = learners.minimax_q(game, 80, 1, alpha=1.0, epsilon=1.0, initial=corner, record_every=1)
    for i, count in enumerate(shape):
        np.testing.assert_array_equal(trace.policies[i][-1], 1 / count)
        assert (trace.policies[i] != 1 / count).any()
    np.testing.assert_array_equal(trace.values[-1, 0, :, 0], [1, -1])
    value = learners.minimax_q(game, 3, 1, alpha=0.0, Q_0=0.5).values[-1, 0, :, 0]
    np.testing.assert_array_equal(value, [0.5, -0.5])


def test_a_uniform_policy_ends_the_guess_at_its_support():
    # Q becomes constant, where the policies are uniform; the guess from before would stand again, for its support alone
    game = markov_game(2, 2, zero_sum=True)
    place = arena(game)
    memory = (np.zeros((3, 2, 2)), np.full((3, 4), -1))
    memory[1][0] = 1, 1, 0, 0
    memory[0][0, 0, 0] = 5.0
    play = Play(
        *(np.zeros((2, 3, 2)) for _ in range(2)),
        *(np.zeros((2, 3)), np.zeros(3, np.int64), place.payoffs, place.counts, place.strides),
        *(np.zeros(2, np.int64), np.zeros(2), np.ones(1), np.zeros(2, np.int64), 0.0),
    )
    minimax_update(memory, workspace(2, 2), play, 0, 1)
    np.testing.assert_array_equal(play.policy[:, 0], 0.5)
    assert memory[1][0, 0] == NO_GUESS
    play.rewards[0] = -1.0
    minimax_update(memory, workspace(2, 2), play, 0, 1)
    np.testing.assert_array_equal(play.policy[:, 0].sum(-1), 1)


def test_joint_q_is_for_teams():
    with pytest.raises(InputError, match="joint_q needs a team"):
        learners.joint_q(MatrixGame(np.array([[[1, 2], [3, 4]], [[1, 0], [0, 0]]])), 5)


def test_visits_count_joint_actions():
    seen = {}

    def update(own, now):
        key = (now.s, *now.a)
        alpha = 0.9 / (1 + seen.get(key, 0) / 2) ** 0.7
        seen[key] = seen.get(key, 0) + 1
        stage = joint_q(own, now, alpha)
        for i in range(2):
            own.policy[i][now.s] = trace.policies[i][now.t + 1, 0, now.s]
        sigma = np.outer(own.policy[0][now.s], own.policy[1][now.s])
        own.values[:, now.s] = (stage * sigma).sum((1, 2))
        assert nash_gap(MatrixGame(stage), (own.policy[0][now.s], own.policy[1][now.s])).max < 1e-9

    options = {"alpha": Visits(0.9, 2.0, 0.7), "epsilon": 1.0}
    game = markov_game(2, 2)
    trace = learners.nash_q(game, 61, [3], record_every=1, **options)
    follow(learners.nash_q, game, update, 60, **options)
    assert max(seen.values()) > 5
    assert trace.state["memory.selections"].tolist() == [[61, 0, 0]]


@pytest.mark.parametrize("select", ["first", "optimum", "saddle"])
@pytest.mark.parametrize("counts", [(2, 3), (2, 2, 2)], ids=str)
def test_nash_q(counts, select):
    def update(own, now):
        stage = joint_q(own, now, rates(now.t))
        sigma = np.ones(())
        for i in range(own.n):
            own.policy[i][now.s] = trace.policies[i][now.t + 1, 0, now.s]
            sigma = np.multiply.outer(sigma, own.policy[i][now.s])
        own.values[:, now.s] = (stage * sigma).reshape(own.n, -1).sum(1)
        assert nash_gap(MatrixGame(stage), tuple(p[now.s] for p in own.policy)).max < 1e-4
        status.append(by_rule(stage))

    def by_rule(stage):
        """0 where the game has what the rule asks for, 1 where something else stands in for it."""
        flat = stage.reshape(len(stage), -1)
        return int(select == "optimum" and not (flat == flat.max(1, keepdims=True)).all(0).any())

    status = []
    options = {"select": select, "alpha": RATE, "epsilon": 0.5}
    game = markov_game(*counts)
    trace = learners.nash_q(game, STEPS + 1, [3], record_every=1, **options)
    follow(learners.nash_q, game, update, **options)
    counted = learners.nash_q(game, STEPS, [3], **options).state["memory.selections"][0]
    assert counted.sum() == STEPS
    assert counted[2] == 0
    if select != "saddle":
        assert counted.tolist() == [status.count(0), status.count(1), 0]


SPLITS = {
    "12 against 3": [[1], [0], []],
    "23 against 1": [[], [2], [1]],
    "everybody is a friend of 2": [[], [0, 2], []],
    "foes": None,
}


@pytest.mark.parametrize("friends", SPLITS.values(), ids=SPLITS)
def test_friend_or_foe_q(friends):
    sides = [[i, *sorted(own)] for i, own in enumerate(friends or [[], [], []])]

    def update(own, now):
        stage = joint_q(own, now, rates(now.t))
        for i, side in enumerate(sides):
            foes = [j for j in range(3) if j not in side]
            counts = [stage.shape[1 + j] for j in side]
            game = stage[i].transpose(*side, *foes).reshape(int(np.prod(counts)), -1)
            own.values[i, now.s] = solve_zero_sum(game).value
            own.policy[i][now.s] = trace.policies[i][now.t + 1, 0, now.s]
            np.testing.assert_allclose(own.policy[i][now.s].sum(), 1)

    options = {"friends": friends, "alpha": RATE, "epsilon": 0.5}
    game = markov_game(2, 3, 2)
    trace = learners.friend_or_foe_q(game, STEPS + 1, [3], record_every=1, **options)
    follow(learners.friend_or_foe_q, game, update, **options)


def test_foes_play_what_guarantees_the_value_and_friends_their_part_of_the_best():
    game = markov_game(2, 3)
    trace = learners.friend_or_foe_q(game, 60, [3], record_every=60, alpha=RATE)
    Q = trace.state["memory.Q"][0].reshape(2, 3, 2, 3)
    for s in np.flatnonzero(trace.state["visits"][0]):
        x, y = (p[-1, 0, s] for p in trace.policies)
        assert (x @ Q[0, s]).min() >= trace.values[-1, 0, 0, s] - 1e-12
        assert (Q[1, s] @ y).min() >= trace.values[-1, 0, 1, s] - 1e-12
    trace = learners.friend_or_foe_q(game, 60, [3], friends=[[1], [0]], record_every=60, alpha=RATE)
    Q = trace.state["memory.Q"][0].reshape(2, 3, 2, 3)
    for s in np.flatnonzero(trace.state["visits"][0]):
        for i in range(2):
            best = np.unravel_index(Q[i, s].argmax(), (2, 3))
            assert trace.policies[i][-1, 0, s, best[i]] == 1


def test_correlated_q():
    def update(own, now):
        stage = joint_q(own, now, rates(now.t))
        for i in range(2):
            own.policy[i][now.s] = trace.policies[i][now.t + 1, 0, now.s]
        own.values[:, now.s] = trace.values[now.t + 1, 0, :, now.s]
        totals.append((stage, own.values[:, now.s].copy()))

    totals = []
    options = {"alpha": RATE, "epsilon": 0.5}
    game = markov_game(2, 3)
    trace = learners.correlated_q(game, STEPS + 1, [3], record_every=1, **options)
    _, own = follow(learners.correlated_q, game, update, **options)
    # at the end: σ is a correlated equilibrium of the last stage game, the values are its, the policies its marginals
    end = learners.correlated_q(game, STEPS, [3], record_every=1, **options)
    sigma, Q = end.state["memory.sigma"][0], end.state["memory.Q"][0]
    np.testing.assert_allclose(Q, own.memory["Q"].swapaxes(0, 1).reshape(Q.shape), rtol=0, atol=1e-12)
    for s in np.flatnonzero(end.state["visits"][0]):
        joint, stage = sigma[s].reshape(2, 3), Q[s].reshape(2, 2, 3)
        np.testing.assert_allclose(end.values[-1, 0, :, s], (stage * joint).sum((1, 2)), atol=1e-12)
        np.testing.assert_allclose(end.policies[0][-1, 0, s], joint.sum(1), atol=1e-12)
        np.testing.assert_allclose(end.policies[1][-1, 0, s], joint.sum(0), atol=1e-12)
        for told, other in product(range(2), repeat=2):
            assert joint[told] @ (stage[0, other] - stage[0, told]) < 1e-9
        for told, other in product(range(3), repeat=2):
            assert joint[:, told] @ (stage[1, :, other] - stage[1, :, told]) < 1e-9


# ------------------------------------------------------------ automata


def test_linear_reward_inaction():
    def update(own, now):
        for i, p in enumerate(row[0] for row in own.policy):
            step = rates(now.t) * now.r[i]
            chosen = np.eye(len(p))[now.a[i]]
            own.policy[i][0] = np.where(chosen > 0, p + step * (1 - p), p - step * p)

    follow(learners.linear_reward_inaction, matrix_game(2, 4, 3), update, eta=RATE)


def test_linear_reward_penalty():
    def update(own, now):
        up, down = 0.3, 0.2
        for i, p in enumerate(row[0] for row in own.policy):
            r, m, c = now.r[i], len(p), now.a[i]
            q = p - up * r * p + down * (1 - r) * (1 / (m - 1) - p)
            q[c] = p[c] + up * r * (1 - p[c]) - down * (1 - r) * p[c]
            own.policy[i][0] = q

    follow(learners.linear_reward_penalty, matrix_game(2, 4, 3), update, eta_reward=0.3, eta_penalty=0.2)


def test_lagging_anchor_sampled():
    def update(own, now):
        anchors = own.memory.setdefault("anchors", [p[0].copy() for p in own.policy])
        for i in range(own.n):
            p, bar, eta = own.policy[i][0].copy(), anchors[i].copy(), rates(now.t)
            own.policy[i][0] = p + eta * now.r[i] * (np.eye(len(p))[now.a[i]] - p) + eta * (bar - p)
            anchors[i] = bar + eta * (p - bar)

    follow(learners.lagging_anchor_sampled, matrix_game(2, 3), update, eta=RATE)


# ------------------------------------------------------------ learners that know the game


def test_lagging_anchor():
    def update(own, now):
        anchors = own.memory.setdefault("anchors", [p[0].copy() for p in own.policy])
        before = [p.copy() for p in own.policy]
        for i in range(own.n):
            p, bar, eta = before[i][0], anchors[i].copy(), rates(now.t)
            own.policy[i][0] = nearest(p + eta * payoffs(own, i, before) + eta * 0.4 * (bar - p))
            anchors[i] = bar + eta * 0.4 * (p - bar)

    follow(learners.lagging_anchor, matrix_game(2, 3, 2), update, tolerance=1e-9, eta=RATE, eta_d=0.4)


def test_gradient_ascent():
    def update(own, now):
        before = [p.copy() for p in own.policy]
        for i in range(own.n):
            own.policy[i][0] = nearest(before[i][0] + rates(now.t) * payoffs(own, i, before))

    follow(learners.gradient_ascent, matrix_game(2, 3, 4), update, tolerance=1e-9, eta=RATE)


def test_giga_wolf():
    held = []

    def update(own, now):
        slow = own.memory.setdefault("slow", [p[0].copy() for p in own.policy])
        before = [p.copy() for p in own.policy]
        for i in range(own.n):
            step = rates(now.t) * payoffs(own, i, before)
            fast, ahead = nearest(before[i][0] + step), nearest(slow[i] + step / 3)
            moved, apart = np.linalg.norm(ahead - slow[i]), np.linalg.norm(ahead - fast)
            share = 1.0 if moved >= apart else moved / apart
            held.append(share)
            own.policy[i][0], slow[i] = fast + share * (ahead - fast), ahead

    follow(learners.giga_wolf, matrix_game(3, 4), update, tolerance=1e-7, eta=RATE)
    assert min(held) < 0.9
    nearly_pennies = MatrixGame(np.array([[[127, 1], [0, 126]], [[2, 125], [124, 3]]]) / 128)
    follow(learners.giga_wolf, nearly_pennies, update, 100, tolerance=1e-7, eta=RATE)
    assert max(held) == 1


def test_replicator():
    def velocity(own, tables):
        out = []
        for i, x in enumerate(tables):
            u = payoffs(own, i, tables)
            out.append(x * (u - x[0] @ u))
        return out

    def update(own, now):
        eta, x = rates(now.t), [p.copy() for p in own.policy]
        k1 = velocity(own, x)
        k2 = velocity(own, [p + eta / 2 * k for p, k in zip(x, k1, strict=True)])
        k3 = velocity(own, [p + eta / 2 * k for p, k in zip(x, k2, strict=True)])
        k4 = velocity(own, [p + eta * k for p, k in zip(x, k3, strict=True)])
        for i in range(own.n):
            own.policy[i] = x[i] + eta / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i])

    follow(learners.replicator, matrix_game(2, 3, 2), update, eta=RATE)


def test_fictitious_play():
    def update(own, now):
        for i in range(own.n):
            u = payoffs(own, i, own.average)
            own.values[i, 0] = u.max()
            own.policy[i][0] = np.eye(len(u))[u.argmax()]

    follow(learners.fictitious_play, matrix_game(2, 3, 4), update)


@pytest.mark.parametrize("sampled", [False, True])
def test_regret_matching(sampled):
    def update(own, now):
        regrets = own.memory.setdefault("regrets", [np.zeros(p.shape[1]) for p in own.policy])
        before = [p.copy() for p in own.policy]
        for i in range(own.n):
            if sampled:
                at = list(now.a)
                at[i] = slice(None)
                regrets[i] += own.game.payoffs[i][tuple(at)] - now.r[i]
            else:
                u = payoffs(own, i, before)
                regrets[i] += u - before[i][0] @ u
            good = np.maximum(regrets[i], 0)
            own.policy[i][0] = good / good.sum() if good.sum() > 0 else np.full(len(good), 1 / len(good))

    follow(learners.regret_matching, matrix_game(2, 3, 4), update, sampled=sampled)


def test_regret_matching_answers_the_others_before_they_move():
    # both regrets are against the policies of this step: with rows and columns swapped the swapped run comes out
    game = library.load("biased_rock_paper_scissors")
    start = (np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3]))
    one = learners.regret_matching(game, 5, 1, initial=start, record_every=1)
    mirrored = MatrixGame(np.stack([game.payoffs[1].T, game.payoffs[0].T]))
    two = learners.regret_matching(mirrored, 5, 1, initial=start[::-1], record_every=1)
    np.testing.assert_allclose(one.policies[0], two.policies[1], atol=1e-15)


def test_wolf_iga():
    winning = set()

    def update(own, now):
        A, B = own.game.payoffs
        p, q = own.policy[0][0].copy(), own.policy[1][0].copy()
        won = p @ A @ q > x @ A @ q, p @ B @ q > p @ B @ y
        winning.add(won)
        for i, gain in enumerate(((A[0] - A[1]) @ q, p @ (B[:, 0] - B[:, 1]))):
            eta = (0.25 if won[i] else 1.0) * rates(now.t)
            moved = np.clip(own.policy[i][0, 0] + eta * gain, 0, 1)
            own.policy[i][0] = moved, 1 - moved

    games = [
        MatrixGame(np.array([[[127, 1], [10, 126]], [[2, 125], [100, 3]]]) / 128),  # mixed
        MatrixGame(np.array([[[60, 20], [100, 40]], [[60, 100], [20, 40]]]) / 128),  # dominant
        MatrixGame(np.array([[[60, 20], [10, 40]], [[60, 0], [20, 40]]]) / 128),  # coordination
    ]
    for game in games:
        x, y = first_equilibrium(game.payoffs)
        assert nash_gap(game, (x, y)).max < 1e-12
        slow = Power(0.125, 10.0, 1.0)
        follow(learners.wolf_iga, game, update, eta_min=slow, eta_max=RATE)
    assert winning >= {(True, False), (False, True), (False, False)}


def test_wolf_iga_compares_with_an_equilibrium_and_a_payoff_that_one_names():
    game = MatrixGame(np.array([[[60, 20], [10, 40]], [[61, 0], [20, 40]]]) / 128)
    A, B = game.payoffs
    start = (np.array([0.9, 0.1]), np.array([0.3, 0.7]))
    star = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    for reference in ((0, 1), (0, 0), (1, 1), (1, 0)):
        trace = learners.wolf_iga(
            game, 1, 1, eta_min=0.01, eta_max=0.05, equilibrium=star, reference=reference, initial=start
        )
        p, q = start
        own, other = (p @ A @ q, p @ B @ q), ((A, B)[reference[0]], (A, B)[reference[1]])
        won = own[0] > star[0] @ other[0] @ q, own[1] > p @ other[1] @ star[1]
        for i, gain in enumerate(((A[0] - A[1]) @ q, p @ (B[:, 0] - B[:, 1]))):
            moved = start[i][0] + (0.01 if won[i] else 0.05) * gain
            np.testing.assert_allclose(trace.policies[i][-1, 0, 0, 0], moved, atol=1e-15)


# ------------------------------------------------------------ mean field


def test_mean_field_q():
    graph = [[1, 2], [0], [0, 1]]
    beta = 1.5

    def update(own, now):
        A = own.policy[0].shape[1]
        Q = own.memory.setdefault("Q", [{} for _ in range(3)])
        seen = own.memory.setdefault("seen", [[None] * len(own.visits) for _ in range(3)])
        zero = np.zeros(A)
        for i, around in enumerate(graph):
            mean = tuple(int(x) for x in np.bincount([now.a[j] for j in around], minlength=A))
            # before anything was seen at s' the table's first configuration stands for it: all neighbours on action 0
            first = (len(around), *[0] * (A - 1))
            last = seen[i][now.s_next] or next(v for v in vectors(most, A) if configuration(v) == 0)
            if len(around) < most and seen[i][now.s_next] is None:
                last = first
            ahead = own.policy[i][now.s_next] @ Q[i].get((now.s_next, last), zero)
            row = Q[i].get((now.s, mean), zero).copy()
            row[now.a[i]] += rates(now.t) * (now.r[i] + own.gamma * ahead - row[now.a[i]])
            Q[i][now.s, mean] = row
            seen[i][now.s] = mean
        for i in range(3):
            row = Q[i][now.s, seen[i][now.s]]
            weights = np.exp(beta * row)
            own.policy[i][now.s] = weights / weights.sum()
            own.values[i, now.s] = own.policy[i][now.s] @ row

    most = 2
    game = markov_game(2, 2, 2)
    follow(learners.mean_field_q, game, update, 60, neighbours=graph, alpha=RATE, beta=beta, epsilon=0.3)


def vectors(total, parts):
    return [v for v in product(range(total + 1), repeat=parts) if sum(v) == total]


def test_configurations_are_ranked_in_falling_order_of_the_first_count():
    for total, parts in ((2, 3), (3, 2), (4, 1)):
        ranked = sorted(vectors(total, parts), reverse=True)
        assert [configuration(v) for v in ranked] == list(range(comb(total + parts - 1, parts - 1)))


# ------------------------------------------------------------ what one need not say


DEFAULTS = {  # ε and the rates at step 0 and at step 10⁶; 1/visits stands for Visits()
    "minimax_q": (0.2, {"alpha": (1.0, 0.01)}),
    "nash_q": (0.5, {"alpha": "1/visits"}),
    "friend_or_foe_q": (0.5, {"alpha": "1/visits"}),
    "correlated_q": (0.5, {"alpha": "1/visits"}),
    "wolf_phc": (
        0.05,
        {"alpha": (1 / 10, 1 / 110), "delta_win": (1 / 20e3, 1 / 120e3), "delta_lose": (1e-4, 1 / 60e3)},
    ),
    "phc": (0.05, {"alpha": (1 / 10, 1 / 110), "delta": (1 / 10e3, 1 / 60e3)}),
    "independent_q": (0.1, {"alpha": (0.1, 0.1)}),
    "joint_q": (0.1, {"alpha": (0.1, 0.1)}),
    "mean_field_q": (0.0, {"alpha": (0.1, 0.1), "beta": (1.0, 1.0)}),
    "linear_reward_inaction": (0.0, {"eta": (0.01, 0.01)}),
    "linear_reward_penalty": (0.0, {"eta_reward": (0.01, 0.01), "eta_penalty": (0.001, 0.001)}),
    "gradient_ascent": (0.0, {"eta": (0.001, 0.001)}),
    "wolf_iga": (0.0, {"eta_min": (0.0005, 0.0005), "eta_max": (0.001, 0.001)}),
    "lagging_anchor": (0.0, {"eta": (0.01, 0.01), "eta_d": (1.0, 1.0)}),
    "lagging_anchor_sampled": (0.0, {"eta": (0.001, 0.001)}),
    "giga_wolf": (0.0, {"eta": (0.1, 0.1 / np.sqrt(1e6 + 1))}),
    "replicator": (0.0, {"eta": (0.01, 0.01)}),
    "fictitious_play": (0.0, {}),
    "regret_matching": (0.0, {}),
}


def game_for(name):
    game = MatrixGame(np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]))
    return (
        MatrixGame(game.payoffs[[0, 0]])
        if name == "joint_q"
        else MatrixGame(2 * game.payoffs - 1)
        if (name == "minimax_q")
        else game
    )


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_are_those_of_the_pages(name, monkeypatch):
    seen = []
    real = run.learn
    module = __import__(getattr(learners, name).__module__, fromlist=["learn"])
    monkeypatch.setattr(module, "learn", lambda rule, *rest, **more: seen.append(rule) or real(rule, *rest, **more))
    trace = getattr(learners, name)(game_for(name), 1)
    epsilon, rates_of = DEFAULTS[name]
    (rule,) = seen
    assert trace.seeds == 1
    assert rule.epsilon == epsilon
    assert rule.rates.keys() == rates_of.keys()
    for key, expected in rates_of.items():
        if expected == "1/visits":
            assert rule.rates[key] == Visits(1.0, 1.0, 1.0)
            continue
        for t, rate in zip((0, 10**6), expected, strict=True):
            found = block(key, rule.rates[key], t // BLOCK)[t % BLOCK]
            np.testing.assert_allclose(found, rate, rtol=1e-9)


@pytest.mark.parametrize("name", [n for n, (_, own) in DEFAULTS.items() if "alpha" in own])
def test_alpha_is_at_most_one_and_counts_visits_where_tables_are_joint(name):
    learner, game = getattr(learners, name), game_for(name)
    with pytest.raises(InputError, match=r"alpha starts at 1\.5; it must be at most 1"):
        learner(game, 1, alpha=1.5)
    learner(game, 1, alpha=1.0)
    if name in ("minimax_q", "nash_q", "friend_or_foe_q", "correlated_q", "joint_q"):
        learner(game, 1, alpha=Visits())
    else:
        with pytest.raises(InputError, match="alpha cannot count visits"):
            learner(game, 1, alpha=Visits())


@pytest.mark.parametrize("name", ["linear_reward_inaction", "lagging_anchor_sampled"])
def test_automata_keep_the_simplex(name):
    learner, most = getattr(learners, name), {"linear_reward_inaction": 1.0, "lagging_anchor_sampled": 0.5}[name]
    learner(game_for(name), 1, eta=most)
    with pytest.raises(InputError, match=f"eta starts at {most + 0.01:g}; it must be at most {most:g}"):
        learner(game_for(name), 1, eta=most + 0.01)
    for payoff in (-0.5, 1.5):
        with pytest.raises(InputError, match=rf"rewards in \[0, 1\], but agent 1 gets {payoff} at \(1, 0\)"):
            learner(MatrixGame(np.array([[[1, 0], [0, 1]], [[0, 1], [payoff, 0]]])), 1)


def test_reward_penalty_keeps_the_simplex():
    game = game_for("linear_reward_penalty")
    learners.linear_reward_penalty(game, 1, eta_reward=0.6, eta_penalty=0.4)
    for up, down in ((0.6, 0.41), (0.1, 0.1), (0.1, 0.2), (0.1, 0.0)):
        with pytest.raises(InputError, match="0 < η₂ < η₁ and η₁ \\+ η₂ ≤ 1 are needed"):
            learners.linear_reward_penalty(game, 1, eta_reward=up, eta_penalty=down)
    with pytest.raises(InputError, match="at least two actions"):
        learners.linear_reward_penalty(MatrixGame(np.zeros((2, 1, 2))), 1)
