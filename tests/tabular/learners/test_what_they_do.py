"""What the learners must be seen to do, on small games with teeth; the recorded experiments are longer versions."""

import numpy as np
import pytest

from marlcore import library
from marlcore.games import MarkovGame, MatrixGame
from marlcore.library.grid_games import states
from marlcore.responses import best_response, nash_gap
from tabular import learners
from tabular.learners.mean_field_q import configuration, mean_field_rule
from tabular.learners.schedules import Power, Visits
from tabular.learners.wolf_iga import first_equilibrium
from tabular.markov.shapley import shapley
from tabular.static.zero_sum import solve_zero_sum

PENNIES, RPS = library.load("matching_pennies"), library.load("rock_paper_scissors")
UNIT_PENNIES = MatrixGame((PENNIES.payoffs + 1) / 2)
SEEDS = 20


def distance(trace, point=None):
    """How far the policies are from ``point`` (uniform), (R, K)."""
    squares = 0.0
    for i, table in enumerate(trace.policies):
        centre = 1 / table.shape[-1] if point is None else point[i]
        squares = squares + ((table[:, :, 0] - centre) ** 2).sum(-1)
    return np.sqrt(squares)


# ------------------------------------------------------------ zero-sum Markov games


def test_minimax_q_converges_to_shapleys_values_at_the_rate_of_its_schedule():
    slopes = []
    for k in range(4):
        game = MarkovGame.random(4, (2, 3), np.random.default_rng(k), discount=0.7, zero_sum=True)
        V = shapley(game).V
        trace = learners.minimax_q(game, 300_000, 8, alpha=Power(1.0, 300.0, 0.8), epsilon=0.5, record_every=10_000)
        error = np.sqrt(((trace.values[:, :, 0] - V) ** 2).mean((1, 2)))
        np.testing.assert_array_equal(trace.values[:, :, 1], -trace.values[:, :, 0])
        late = trace.steps >= 20_000
        slopes.append(np.polyfit(np.log(trace.steps[late]), np.log(error[late]), 1)[0])
        assert error[-1] < 0.02
        assert nash_gap(game, tuple(p[-1, 0] for p in trace.policies)).max < 0.1
    # the error follows √α ∝ t^−0.4
    assert -0.55 < np.mean(slopes) < -0.25


def test_minimax_qs_values_and_policies_are_those_of_its_table_at_every_step():
    # the update tries the supports that stood before; the oracle solves every game afresh
    game = MarkovGame.random(3, (3, 4), np.random.default_rng(7), discount=0.8, zero_sum=True)
    trace = learners.minimax_q(game, 400, 2, alpha=0.3, epsilon=0.3, record_every=1)
    part = None
    for steps in (1, 2, 5, 20, 100, 272):
        part = learners.minimax_q(game, steps, 2, alpha=0.3, epsilon=0.3, record_every=1, after=part)
        t = int(part.steps[-1])
        for k in range(2):
            seen = part.state["visits"][k] > 0
            Q, (x, y) = part.state["memory.Q"][k], (p[-1, k] for p in part.policies)
            V = solve_zero_sum(Q).value
            np.testing.assert_allclose(part.values[-1, k, 0][seen], V[seen], rtol=0, atol=1e-13)
            np.testing.assert_array_less((V - np.einsum("sa,sab->sb", x, Q).min(-1))[seen], 1e-13)
            np.testing.assert_array_less((np.einsum("sab,sb->sa", Q, y).max(-1) - V)[seen], 1e-13)
            np.testing.assert_array_equal(x, trace.policies[0][t, k])
    assert part is not None
    assert part.identical(trace)


def test_minimax_q_plays_uniformly_where_its_table_tells_nothing():
    # every payoff is 1, so that the table goes from all 0 through mixtures to all 1
    game = MatrixGame([np.ones((2, 2)), -np.ones((2, 2))])
    corner = (np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    trace = learners.minimax_q(game, 200, 3, alpha=1.0, epsilon=1.0, initial=corner)
    for table in trace.policies:
        np.testing.assert_array_equal(table[-1], 0.5)
    np.testing.assert_array_equal(trace.values[-1, :, 0], 1.0)


def test_minimax_q_does_not_exploit_a_weak_opponent_and_rational_learners_do():
    weak = np.array([0.6, 0.2, 0.2])
    best = float(best_response(RPS, (weak, weak), 0).J)
    fixed = {1: weak}
    minimax = learners.minimax_q(RPS, 50_000, SEEDS, alpha=Visits(1, 10, 0.8), fixed=fixed)
    wolf = learners.wolf_phc(RPS, 50_000, SEEDS, delta_win=0.001, delta_lose=0.004, fixed=fixed)
    q = learners.independent_q(RPS, 50_000, SEEDS, alpha=Power(1.0, 10.0, 0.7), fixed=fixed)
    assert best == pytest.approx(0.4)
    assert np.abs(minimax.payoffs[-1, :, 0]).max() < 0.01  # the equilibrium policy gets the value, 0
    assert wolf.payoffs[-1, :, 0].min() > 0.39
    assert q.payoffs[-1, :, 0].min() > 0.39


# ------------------------------------------------------------ general-sum Markov games


@pytest.mark.parametrize("select", ["first", "optimum"])
def test_nash_q_reaches_hu_and_wellmans_values(select):
    one, two = library.load("grid_game_1"), library.load("grid_game_2")
    trace = learners.nash_q(one, 200_000, 10, select=select, record_every=200_000)
    there = np.abs(trace.payoffs[-1] - 97.0299).max(-1) < 1e-9  # 0.99³·100 for both
    assert there.mean() >= 0.7  # neither game's stage games all have what convergence needs
    assert trace.state["memory.selections"][:, 2].sum() == 0  # an equilibrium was found at every step
    trace = learners.nash_q(two, 200_000, 10, select=select, record_every=200_000)
    start = states((7, 7)).index((0, 2))
    pairs = np.sort(trace.payoffs[-1], -1)
    there = np.abs(pairs - [49.005, 98.01]).max(-1) < 1e-9
    assert there.mean() >= 0.7
    values = trace.values[-1, :, :, start]
    # with 1/visits and γ = 0.99 values creep up for long: the middle seed is within 3
    assert np.median(np.abs(values - trace.payoffs[-1])[there]) < 3


def test_nash_q_solves_games_of_three_agents():
    trace = learners.nash_q(library.load("three_player_matching_pennies"), 500, 2)
    for table in trace.policies:
        np.testing.assert_allclose(table[-1], 0.5, atol=1e-9)
    game = MatrixGame.random((2, 2, 2), np.random.default_rng(3))
    trace = learners.nash_q(game, 2000, 2)
    assert nash_gap(game, tuple(p[-1, 0, 0] for p in trace.policies)).max < 1e-4


def test_friend_q_is_right_with_a_global_optimum_and_wrong_with_foes():
    climbing = library.load("climbing")
    friends = learners.friend_or_foe_q(climbing, 5000, 3, friends=[[1], [0]])
    foes = learners.friend_or_foe_q(climbing, 5000, 3)
    np.testing.assert_allclose(friends.values[-1], 11, atol=1e-9)
    security = solve_zero_sum(climbing.payoffs[0]).value
    np.testing.assert_allclose(foes.values[-1, :, 0], security, atol=1e-9)
    assert security < 11
    friends = learners.friend_or_foe_q(PENNIES, 5000, 3, friends=[[1], [0]])
    foes = learners.friend_or_foe_q(PENNIES, 5000, 3)
    np.testing.assert_allclose(friends.values[-1], 1, atol=1e-9)  # each believes that the other lets it win
    np.testing.assert_allclose(foes.values[-1], 0, atol=1e-9)


def test_friends_against_a_foe_mix_jointly():
    # Q = 1 iff a₁ = a₂ ≠ o: ½ with a joint strategy; the product of the friends' parts has ¼ (as misprinted)
    trace = learners.friend_or_foe_q(library.load("friends_and_foe"), 5000, 3, friends=[[1], [0], []])
    np.testing.assert_allclose(trace.values[-1, :, :2, 0], 0.5, atol=1e-9)
    np.testing.assert_allclose(trace.payoffs[-1, :, 0], 0.25, atol=1e-9)


def test_foe_q_is_minimax_q():
    game = MarkovGame.random(3, (2, 3), np.random.default_rng(0), zero_sum=True, discount=0.6)
    own = {"alpha": Visits(1.0, 1.0, 0.8), "epsilon": 1.0}
    foe, minimax = learners.friend_or_foe_q(game, 2000, 2, **own), learners.minimax_q(game, 2000, 2, **own)
    np.testing.assert_allclose(foe.values[-1], minimax.values[-1], atol=1e-9)


def test_correlated_q_learns_the_best_correlated_equilibrium_of_chicken():
    row = np.array([[6.0, 2.0], [7.0, 0.0]])
    trace = learners.correlated_q(MatrixGame([row, row.T]), 2000, 2)
    np.testing.assert_allclose(trace.state["memory.sigma"][0, 0], [0.5, 0.25, 0.25, 0.0], atol=1e-9)
    np.testing.assert_allclose(trace.values[-1, :, :, 0], 5.25, atol=1e-9)
    assert trace.state["memory.failures"].sum() == 0


def test_joint_q_finds_the_climbing_optimum_and_independent_q_need_not():
    climbing = library.load("climbing")
    joint = learners.joint_q(climbing, 3000, SEEDS, alpha=Visits(), epsilon=1.0)
    alone = learners.independent_q(climbing, 20_000, SEEDS)
    assert (joint.payoffs[-1] == 11).all()
    assert (alone.payoffs[-1, :, 0] < 11).sum() >= SEEDS // 2


# ------------------------------------------------------------ hill climbing


def test_wolf_phc_comes_to_rest_where_phc_goes_round_and_neither_does_on_shapleys_game():
    last = {}
    for game in (PENNIES, RPS, library.load("shapley")):
        away = tuple(0.8 * np.eye(a)[0] + 0.2 / a for a in game.action_counts)
        for learner in (learners.wolf_phc, learners.phc):
            trace = learner(game, 300_000, SEEDS, initial=away, record_every=3000)
            last[game.name, learner.__name__] = distance(trace)[67:].max(0).mean()
    for name in ("matching_pennies", "rock_paper_scissors"):
        assert last[name, "wolf_phc"] < 0.2
        assert last[name, "phc"] > 0.4
    assert last["shapley", "wolf_phc"] > 0.6
    assert last["shapley", "phc"] > 0.6


# ------------------------------------------------------------ automata


def test_reward_inaction_is_absorbed_at_a_strict_equilibrium_that_better_replies_lead_to():
    dilemma = MatrixGame([[[0.6, 0.0], [1.0, 0.2]], [[0.6, 1.0], [0.0, 0.2]]])
    trace = learners.linear_reward_inaction(dilemma, 30_000, 40, eta=0.02)
    for table in trace.policies:
        assert table[-1, :, 0, 1].min() > 1 - 1e-9


def test_reward_inaction_is_absorbed_elsewhere_on_the_counterexample_and_never_rests_on_a_mixed_one():
    beside = library.load("shapley_with_a_strict_equilibrium")
    trace = learners.linear_reward_inaction(beside, 100_000, 40, eta=0.05, record_every=100_000)
    ends = np.array([t[-1, :, 0] for t in trace.policies])
    assert ends.max(-1).min() > 0.999  # absorbed at a vertex
    assert (ends.argmax(-1) == 3).all(0).sum() == 0  # never at the strict equilibrium
    mixed = learners.linear_reward_inaction(UNIT_PENNIES, 100_000, 40, eta=0.05, record_every=100_000)
    assert np.array([t[-1, :, 0] for t in mixed.policies]).max(-1).min() > 0.999


def cyclic_game(x):
    """A constant-sum game in [0, 1] with the interior equilibrium (x, x)."""
    m = len(x)
    step = (np.arange(m)[:, None] - np.arange(m)) % m
    K = np.where(step == 0, 0, np.where(step <= m // 2, 1.0, -1.0)) / np.outer(x, x)
    first = 0.5 + 0.5 * K / np.abs(K).max()
    return MatrixGame([first, 1 - first])


def rest_point(game, star, first, second):
    """Where E[Δp] = 0, by Newton's method from the equilibrium, the rule written in expectations."""
    from scipy.optimize import fsolve

    m = len(star)

    def mean_step(z):
        out = []
        for own, f in ((z[:m], game.payoffs[0] @ z[m:]), (z[m:], game.payoffs[1].T @ z[:m])):
            failed = own * (1 - f)
            out.append(first * own * (f - own @ f) + second * ((failed.sum() - failed) / (m - 1) - own * failed.sum()))
        return np.concatenate(out) + np.repeat([1 - z[:m].sum(), 1 - z[m:].sum()], m)

    return fsolve(mean_step, np.concatenate([star, star]))


CASES = [
    (MatrixGame([[[1, 0], [0, 0.5]], [[0, 1], [1, 0.5]]]), [1 / 3, 2 / 3], (0.374, 0.290)),
    (cyclic_game(np.array([0.2, 0.3, 0.5])), [0.2, 0.3, 0.5], None),
    (cyclic_game(np.array([0.1, 0.15, 0.2, 0.25, 0.3])), [0.1, 0.15, 0.2, 0.25, 0.3], None),
]


@pytest.mark.parametrize(("game", "star", "printed"), CASES, ids=["2", "3", "5"])
def test_reward_penalty_stays_at_the_biased_rest_point_of_its_mean_step(game, star, printed):
    star, m = np.array(star), len(star)
    assert nash_gap(game, (star, star)).max < 1e-12
    rest = rest_point(game, star, 1.0, 0.1)
    if printed is not None:
        np.testing.assert_allclose(rest[[0, m]], printed, atol=1e-3)
    trace = learners.linear_reward_penalty(
        game, 400_000, SEEDS, eta_reward=0.01, eta_penalty=0.001, record_every=200_000
    )
    played = np.concatenate([2 * a[-1, :, 0] - a[-2, :, 0] for a in trace.average_policies], -1)
    np.testing.assert_allclose(played.mean(0), rest, atol=0.01)
    assert np.abs(rest - np.concatenate([star, star])).max() > 0.02  # the bias is there to be seen


# ------------------------------------------------------------ gradients


def test_gradient_ascent_circles_and_wolf_iga_spirals_in():
    plain = learners.gradient_ascent(PENNIES, 20_000, SEEDS, eta=0.001)
    wolf = learners.wolf_iga(PENNIES, 20_000, SEEDS, eta_min=0.0005, eta_max=0.001)
    assert (distance(plain)[-1] > 0.7 * distance(plain)[0]).all()
    assert (distance(wolf)[-1] < 0.01 * distance(wolf)[0]).all()
    # the average payoff of the circling play converges to the value 0 (Singh, Kearns & Mansour)
    every = learners.gradient_ascent(PENNIES, 20_000, 5, eta=0.005, record_every=1)
    assert np.abs(every.payoffs[..., 0].mean(0)).max() < 0.02


def test_wolf_iga_moves_by_its_formula():
    game = MatrixGame.random((2, 2), np.random.default_rng(5))
    p, q = np.array([0.3, 0.7]), np.array([0.6, 0.4])
    trace = learners.wolf_iga(game, 1, 1, eta_min=0.01, eta_max=0.03, initial=(p, q))
    stars = first_equilibrium(np.asarray(game.payoffs))
    A, B = game.payoffs
    rates = [0.01 if p @ A @ q > stars[0] @ A @ q else 0.03, 0.01 if p @ B @ q > p @ B @ stars[1] else 0.03]
    expected = p[0] + rates[0] * (A[0] - A[1]) @ q, q[0] + rates[1] * p @ (B[:, 0] - B[:, 1])
    got = trace.policies[0][-1, 0, 0, 0], trace.policies[1][-1, 0, 0, 0]
    np.testing.assert_allclose(got, np.clip(expected, 0, 1), atol=1e-15)


def test_the_misprinted_comparison_of_player_two_misjudges_winning_and_still_settles():
    # value 2: V₂ = −1.36 > V₂(π₁, q*) = −2 wins, but is below V₁(π₁, q*) = 2
    R = np.array([[3.0, 1.0], [1.0, 3.0]])
    game = MatrixGame([R, -R])
    start = (np.array([0.9, 0.1]), np.array([0.1, 0.9]))
    right = learners.wolf_iga(game, 1, 1, eta_min=0.01, eta_max=0.03, initial=start)
    wrong = learners.wolf_iga(game, 1, 1, eta_min=0.01, eta_max=0.03, initial=start, reference=(0, 0))
    step = [abs(t.policies[1][-1, 0, 0, 0] - 0.1) for t in (right, wrong)]
    np.testing.assert_allclose(step[1] / step[0], 3.0)
    long = learners.wolf_iga(game, 30_000, SEEDS, eta_min=0.0005, eta_max=0.001, reference=(0, 0))
    assert distance(long)[-1].max() < 0.05


def test_first_equilibria_are_equilibria():
    rng = np.random.default_rng(0)
    for _ in range(200):
        game = MatrixGame(rng.integers(-2, 3, (2, 2, 2)).astype(float))
        assert nash_gap(game, first_equilibrium(game.payoffs)).max < 1e-12


def test_giga_wolf_settles_on_matching_pennies_and_leaves_no_regret():
    trace = learners.giga_wolf(PENNIES, 20_000, SEEDS)
    assert distance(trace)[-1].max() < 0.05
    rng = np.random.default_rng(1)
    game = MatrixGame.random((4, 4), rng, zero_sum=True)
    trace = learners.giga_wolf(game, 20_000, 5)
    for k in range(5):
        assert nash_gap(game, tuple(a[-1, k, 0] for a in trace.average_policies)).max < 0.05


def test_the_anchor_brings_in_what_circles_and_diverges_without_the_transpose():
    anchored = learners.lagging_anchor(RPS, 5000, SEEDS, eta=0.02)
    free = learners.lagging_anchor(RPS, 5000, SEEDS, eta=0.02, eta_d=0.0)
    printed = learners.lagging_anchor(MatrixGame([RPS.payoffs[0], RPS.payoffs[1].T]), 5000, SEEDS, eta=0.02)
    assert distance(anchored)[-1].max() < 1e-9
    assert (distance(free)[-1] > 0.6 * distance(free)[0]).all()
    assert distance(printed)[-1].min() > 1.1  # a pair of vertices is 1.155 away


def test_the_anchored_automaton_comes_nearer_than_reward_inaction_which_is_absorbed():
    anchored = learners.lagging_anchor_sampled(UNIT_PENNIES, 500_000, SEEDS, eta=0.002)
    assert distance(anchored)[-1].mean() < 0.2
    plain = learners.linear_reward_inaction(UNIT_PENNIES, 500_000, SEEDS, eta=0.01)
    assert distance(plain)[-1].mean() > 0.9


# ------------------------------------------------------------ averages and populations


def test_fictitious_play_and_regret_matching_average_to_the_equilibrium_of_a_biased_game():
    biased = library.load("biased_rock_paper_scissors")
    equilibrium = np.array([1, 10, 5]) / 16
    play = learners.fictitious_play(biased, 100_000, 5)
    regret = learners.regret_matching(biased, 100_000, 5)
    sampled = learners.regret_matching(biased, 100_000, 5, sampled=True)
    for trace, tolerance in ((play, 0.02), (regret, 0.01), (sampled, 0.05)):
        for table in trace.average_policies:
            np.testing.assert_allclose(table[-1, :, 0], np.tile(equilibrium, (5, 1)), atol=tolerance)


def test_fictitious_play_cycles_on_shapleys_game():
    game = library.load("shapley")
    trace = learners.fictitious_play(game, 100_000, SEEDS, record_every=1000)
    late = np.array([a[50:, :, 0] for a in trace.average_policies])
    # from some starts the averages do converge: simultaneous play then keeps to short runs of equal length
    assert (np.abs(late - 1 / 3).max(axis=(0, 1, 3)) > 0.1).mean() >= 0.5


def test_regret_matching_keeps_its_bound():
    game = MatrixGame.random((5, 5), np.random.default_rng(2))
    trace = learners.regret_matching(game, 2000, 1, record_every=1)
    x, y = (p[:2000, 0, 0] for p in trace.policies)
    for u, own in ((y @ game.payoffs[0].T, x), (x @ game.payoffs[1], y)):
        regret = u.sum(0).max() - (u * own).sum()
        assert regret <= 2.0 * np.sqrt(5 * 2000)  # range·√(|A| T)
    np.testing.assert_allclose(
        trace.state["memory.regrets"][0, 0],
        ((y @ game.payoffs[0].T).T - (x * (y @ game.payoffs[0].T)).sum(1)).sum(1),
        atol=1e-9,
    )


def test_the_replicator_conserves_its_divergence_in_zero_sum_games_and_leaves_for_strict_equilibria():
    def divergence(trace):
        return -sum(np.log(p[:, :, 0]).mean(-1) for p in trace.policies)

    trace = learners.replicator(RPS, 5000, SEEDS, eta=0.01, record_every=1000)
    np.testing.assert_allclose(divergence(trace), np.tile(divergence(trace)[0], (6, 1)), rtol=1e-7)
    hunt = library.load("stag_hunt")
    trace = learners.replicator(hunt, 20_000, SEEDS, eta=0.01)
    assert np.array([p[-1, :, 0].max(-1) for p in trace.policies]).min() > 0.999


# ------------------------------------------------------------ mean field


def ring_of_taste(n):
    """An agent gets 0.7 for its first action, and 0.15 for each of its two neighbours that act as it does."""
    a = np.indices((2,) * n)
    alike = [0.5 * (a[i] == a[i - 1]) + 0.5 * (a[i] == a[(i + 1) % n]) for i in range(n)]
    pay = [0.7 * (a[i] == 0) + 0.3 * alike[i] for i in range(n)]
    return MatrixGame(np.stack(pay)), [[(i - 1) % n, (i + 1) % n] for i in range(n)]


def test_mean_field_q_improves_and_with_the_sign_as_printed_it_gets_worse():
    game, ring = ring_of_taste(6)
    reward = {}
    for sign in (1, -1):
        trace = learners.learn(mean_field_rule(game, ring, 0.1, 6.0, 0.0, sign), game, 10_000, SEEDS)
        reward[sign] = trace.extras["reward_sums"][-1].mean(-1) / 10_000
    assert reward[1].min() > 0.85  # random play: 0.5
    assert reward[-1].max() < 0.4


def test_mean_field_tables_hold_the_pairwise_game_exactly():
    game, ring = ring_of_taste(4)
    trace = learners.mean_field_q(game, 20_000, 2, neighbours=ring, alpha=0.5, epsilon=0.5)
    Q = trace.state["memory.Q"][:, :, 0]
    for zeros in range(3):
        exact = np.array([0.7 + 0.15 * zeros, 0.15 * (2 - zeros)])
        got = Q[:, :, configuration([zeros, 2 - zeros])]
        np.testing.assert_allclose(got, np.broadcast_to(exact, got.shape), atol=1e-9)


def test_configurations_are_numbered_without_gaps():
    import itertools

    for total, parts in ((3, 4), (5, 3), (1, 2)):
        vectors = [v for v in itertools.product(range(total + 1), repeat=parts) if sum(v) == total]
        assert sorted(configuration(v) for v in vectors) == list(range(len(vectors)))


def test_the_mean_fields_error_is_within_half_the_papers_bound_and_reaches_it():
    # Q(x) = ½xᵀHx at corners e_k: |mean Q(e_k) − Q(ē)| ≤ (M/2)(1 − ‖ē‖²), M = ‖H‖; equality for H = −M·1
    rng = np.random.default_rng(0)
    for H in [-3 * np.eye(4), *((h + h.T) / 2 for h in rng.normal(size=(200, 4, 4)))]:
        M = np.abs(np.linalg.eigvalsh(H)).max()
        corners = np.eye(4)[rng.integers(0, 4, 5)]
        mean = corners.mean(0)
        error = abs(np.mean([e @ H @ e for e in corners]) - mean @ H @ mean) / 2
        bound = M / 2 * (1 - mean @ mean)
        assert error <= bound + 1e-12
        if np.allclose(H, -3 * np.eye(4)):
            assert error == pytest.approx(bound)


# ------------------------------------------------------------ longer


@pytest.mark.slow
def test_minimax_q_approaches_the_value_of_soccer_and_wolf_phc_gets_hard_to_exploit():
    soccer = library.load("soccer")
    V = shapley(soccer).V
    trace = learners.minimax_q(soccer, 4_000_000, 4, alpha=Visits(1, 10, 0.8), record_every=500_000)
    error = np.abs(trace.values[:, :, 0] - V).mean((1, 2))
    assert (np.diff(error) < 0).all()
    assert error[-1] < 0.05
    kick_off = soccer.start > 0
    np.testing.assert_allclose(trace.values[-1, :, 0][:, kick_off], np.tile(V[kick_off], (4, 1)), atol=0.03)
    np.testing.assert_allclose(V[kick_off].max(), 0.2184844, atol=1e-6)
    wolf = learners.wolf_phc(
        soccer,
        5_000_000,
        2,
        delta_win=Power(2e-4, 1e6),
        delta_lose=Power(8e-4, 1e6),
        epsilon=0.2,
        record_every=5_000_000,
    )
    uniform = tuple(np.full((soccer.S, 5), 0.2) for _ in range(2))
    for k in range(2):
        gap = nash_gap(soccer, tuple(p[-1, k] for p in wolf.policies)).gaps.sum()
        assert gap < 0.6 * nash_gap(soccer, uniform).gaps.sum()
