"""Mirror learning: exact inner maxima against Clarabel, Lemma 15 measured, instances, baselines."""

import numpy as np
import pytest

from marlcore import objectives, policies
from marlcore.advantages import multi_agent_advantage
from marlcore.divergences import tv
from marlcore.errors import InputError
from marlcore.games import MatrixGame, TeamGame
from marlcore.objectives import clipped_objective, hamo, step_of
from marlcore.values import evaluate
from tabular.mirror.ascent import ascend
from tabular.mirror.baselines import shared, simultaneous
from tabular.mirror.drifts import DRIFTS, ZERO, Clip, ForwardKL, MarginalClip, ReverseKL, SquaredL2
from tabular.mirror.haml import haml, haml_iteration, step_at
from tabular.mirror.instances import haa2c, haddpg, happo, hatrpo
from tabular.mirror.neighbourhoods import EVERYTHING, ExpectedKL, MaxKL, TotalVariation, distance
from tabular.mirror.separable import maximise
from tabular.mirror.team import step_weights

DRIFT_CASES = (ZERO, ForwardKL(0.3), ReverseKL(0.3), SquaredL2(0.5), Clip(0.2), MarginalClip(0.3))
BALLS = (EVERYTHING, ExpectedKL(0.05), MaxKL(0.05), TotalVariation(0.1))
PROPOSITION_5 = np.array([[0.0, 2.0], [2.0, -1.0]])


def random_step(seed, S=3):
    rng = np.random.default_rng(seed)
    game = TeamGame.random(S, (3, 4, 2), rng, discount=0.8)
    old, new = policies.random(game, rng), policies.random(game, rng)
    at = evaluate(game, old)
    return step_of(at.A, old, new, (2, 0, 1)), at.rho


def clarabel(drift, at, ball, beta):
    """The inner maximum as a cone programme, each drift written out by its definition."""
    import cvxpy as cp

    p, w = at.old, at.advantage
    q, b = cp.Variable(p.shape, nonneg=True), beta[:, None] * np.ones_like(p)
    if isinstance(drift, (Clip, MarginalClip)):
        M = at.M if isinstance(drift, Clip) else at.advantage[..., None]
        others = at.others if isinstance(drift, Clip) else np.ones((len(p), 1))
        gain = 0
        for k in range(M.shape[-1]):  # min(rM, clip(r)M) = min(rM, (1+ε)M) for M ≥ 0, min(rM, (1−ε)M) for M < 0
            m = M[..., k]
            edge = np.where(m >= 0, 1 + drift.epsilon, 1 - drift.epsilon) * p * m
            gain += cp.sum(cp.multiply(b * others[:, None, k], cp.minimum(cp.multiply(m, q), edge)))
    else:
        gain = cp.sum(cp.multiply(b * w, q))
        costs = {
            ForwardKL: lambda: cp.kl_div(p, q),
            ReverseKL: lambda: cp.kl_div(q, p),
            SquaredL2: lambda: cp.square(q - p),
        }
        if type(drift) in costs:
            gain -= drift.scale * cp.sum(cp.multiply(b, costs[type(drift)]()))
    limits = [cp.sum(q, axis=1) == 1]
    if isinstance(ball, ExpectedKL):
        limits.append(cp.sum(cp.multiply(b / beta.sum(), cp.kl_div(p, q))) <= ball.radius)
    if isinstance(ball, MaxKL):
        limits.append(cp.sum(cp.kl_div(p, q), axis=1) <= ball.radius)
    if isinstance(ball, TotalVariation):
        limits.append(cp.sum(cp.abs(q - p), axis=1) / 2 <= ball.radius)
    return cp.Problem(cp.Maximize(gain), limits).solve(solver=cp.CLARABEL)


@pytest.mark.parametrize("ball", BALLS, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("drift", DRIFT_CASES, ids=lambda d: type(d).__name__)
def test_inner_maximum_agrees_with_clarabel(drift, ball):
    at, beta = random_step(1)
    found = maximise(drift, at, ball, beta)
    value = float((beta * hamo(found.table, at.advantage, drift(found.table, at))).sum())
    best = clarabel(drift, at, ball, beta)
    assert value == pytest.approx(best, rel=1e-5, abs=1e-6)
    assert value + found.gap >= best - 1e-6
    assert found.gap <= 1e-12
    assert found.gains.min() >= -1e-14
    np.testing.assert_allclose(found.table.sum(-1), 1, rtol=1e-14)
    assert ball is EVERYTHING or distance(ball, at.old, found.table, beta) <= ball.radius * (1 + 1e-12)


@pytest.mark.parametrize("drift", DRIFT_CASES, ids=lambda d: type(d).__name__)
def test_certificate_covers_wide_ranges(drift):
    for seed in range(4):
        at, beta = random_step(10 + seed, S=8)
        for ball in (ExpectedKL(1e-6), ExpectedKL(2.0), MaxKL(1e-6), MaxKL(3.0), TotalVariation(1e-4)):
            found = maximise(drift, at, ball, beta)
            assert found.gap <= 1e-10 * max(1.0, float((beta * found.gains).sum()))
            assert distance(ball, at.old, found.table, beta) <= ball.radius * (1 + 1e-9)


def test_clip_objective_is_the_one_of_happo():
    # E_{a~π}[min(rM, clip(r)M)] = HAMO with the joint-M drift, at any candidate
    at, _ = random_step(2)
    hat = np.random.default_rng(0).dirichlet(np.ones(at.old.shape[1]), 3)
    r = hat / at.old
    direct = (at.old[..., None] * at.others[:, None, :] * clipped_objective(r[..., None], at.M, 0.2)).sum((-1, -2))
    np.testing.assert_allclose(hamo(hat, at.advantage, Clip(0.2)(hat, at)), direct, rtol=1e-12)
    assert (Clip(0.2)(hat, at) >= MarginalClip(0.2)(hat, at) - 1e-15).all()
    assert (Clip(0.2)(hat, at) > MarginalClip(0.2)(hat, at) + 1e-6).any()


def test_weights_are_the_multi_agent_advantage():
    rng = np.random.default_rng(3)
    game = TeamGame.random(4, (2, 3, 2), rng)
    old, new = policies.random(game, rng), policies.random(game, rng)
    at = evaluate(game, old)
    for order in ((1,), (2, 0), (0, 2, 1), (2, 1, 0)):
        slow = multi_agent_advantage(at.Q, old, order[:-1], order[-1:])
        for j in reversed(range(len(order) - 1)):
            slow = np.einsum("sa,s...ab->s...b", new[order[j]], slow)
        np.testing.assert_allclose(step_weights(at.A, old, new, order), slow, atol=1e-13)
        ours, theirs = step_at(at.A, old, new, order), step_of(at.A, old, new, order)
        for name in ("old", "advantage", "others", "M"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-13)


PLAIN = pytest.param(objectives.squared_l2_drift(0.5), id="a plain function")


@pytest.mark.parametrize("drift", [*DRIFT_CASES, PLAIN], ids=str)
def test_lemma_15_every_state_improves(drift):
    rng = np.random.default_rng(4)
    for k in range(4):
        game = TeamGame.random(3, (2, 3), rng, discount=float(rng.choice([0.0, 0.9, 0.99])))
        ball = BALLS[k]
        sampling = ("occupancy", "uniform", "start", "uniform")[k]
        run = haml(game, policies.random(game, rng), drift, ball, sampling, 4, rng=k)
        V = run.values[:, 0, 0]
        assert (np.diff(V, axis=0) >= -1e-11 * np.abs(V).max()).all()
        assert run.extras["margins"].min() >= -1e-13
        J = run.returns[:, 0]
        assert (J - run.bounds[:, 0] >= -1e-11 * np.abs(J).max()).all()
        assert J[-1] > J[0] + 1e-4
        assert run.bounds[-1, 0] > J[0]


def test_ascent_finds_the_maximum_of_a_smooth_convex_drift():
    at, beta = random_step(5)
    for ours, plain in (
        (SquaredL2(0.5), objectives.squared_l2_drift(0.5)),
        (ForwardKL(0.3), objectives.forward_kl_drift(0.3)),
    ):
        exact, found = maximise(ours, at, EVERYTHING, beta), ascend(plain, at, EVERYTHING, beta)
        np.testing.assert_allclose(found.gains, exact.gains, rtol=1e-6)
        assert found.gap == np.inf
    ball = TotalVariation(0.05)
    found = ascend(objectives.zero_drift, at, ball, beta)
    assert (tv(at.old, found.table) <= 0.05 + 1e-12).all()
    assert (found.gains > 0).all()


def test_hatrpo_spends_its_radius():
    rng = np.random.default_rng(6)
    game = TeamGame.random(5, (2, 3), rng, discount=0.95)
    policy = policies.uniform(game)
    at = evaluate(game, policy)
    new, facts = haml_iteration(game, policy, at, (1, 0), ZERO, ExpectedKL(0.01), "occupancy")
    for i in range(2):
        assert distance(ExpectedKL(0.01), policy[i], new[i], at.rho) == pytest.approx(0.01, rel=1e-9)
    assert facts["step_gaps"].max() < 1e-12
    run = hatrpo(game, policy, 60, 0.01)
    assert (np.diff(run.returns[:, 0]) >= -1e-12).all()
    assert run.nash_gaps[-1] < 0.1 * run.nash_gaps[0]


def test_happo_moves_by_the_clip_range():
    # one agent, one state, M = A: mass goes to the better action until r = 1 + ε, or the other has reached 1 − ε
    game = TeamGame(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.0)
    run = happo(game, (np.array([[0.5, 0.5]]),), 1, epsilon=0.2)
    np.testing.assert_allclose(run.policies[0][1, 0], [[0.4, 0.6]], rtol=1e-14)
    rng = np.random.default_rng(7)
    team = TeamGame.random(3, (2, 3, 2), rng, discount=0.9)
    start = policies.random(team, rng)
    joint, marginal = happo(team, start, 15), happo(team, start, 15, drift=MarginalClip)
    for run in (joint, marginal):
        assert (np.diff(run.returns[:, 0]) >= -1e-12).all()
    assert not np.allclose(joint.policies[0], marginal.policies[0])


def test_haa2c_and_haddpg_end_at_equilibria():
    rng = np.random.default_rng(8)
    for _ in range(5):
        game = TeamGame.random(4, (3, 2, 2), rng, discount=0.9)
        for run in (haa2c(game, policies.uniform(game), 40), haddpg(game, policies.deterministic(game, (0, 1, 0)), 40)):
            assert run.nash_gaps[-1] < 1e-10
            assert (np.diff(run.returns[:, 0]) >= -1e-12).all()
            assert all(set(np.unique(t)) <= {0.0, 1.0} for t in run.policy)


def test_haddpg_is_the_argmax_of_q():
    rng = np.random.default_rng(9)
    game = TeamGame.random(3, (3, 2), rng)
    start = policies.deterministic(game, (2, 1))
    Q = evaluate(game, start).Q
    run = haddpg(game, start, 1, order=(1, 0))
    second = Q[:, 2, :].argmax(-1)
    first = Q[np.arange(3), :, second].argmax(-1)
    np.testing.assert_array_equal(run.policies[1][1, 0].argmax(-1), second)
    np.testing.assert_array_equal(run.policies[0][1, 0].argmax(-1), first)
    with pytest.raises(InputError, match=r"policy\[0\]\(·\|s=0\) is mixed"):
        haddpg(game, policies.uniform(game), 1)


def test_a_forward_kl_drift_is_stuck_at_a_vertex_when_it_is_large():
    game = TeamGame(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.0)
    vertex = (np.array([[1.0, 0.0]]),)
    assert haml(game, vertex, ForwardKL(1.0), iterations=5).returns[-1] == 0
    assert haml(game, vertex, ForwardKL(0.5), iterations=1).policies[0][1, 0, 0, 1] == pytest.approx(0.5, rel=1e-12)
    assert haml(game, vertex, SquaredL2(10.0), iterations=50).returns[-1] > 0.9


def test_a_weak_neighbourhood_breaks_monotonicity():
    # γ = 0, two states, U = a tiny ball ∪ {one far policy} is not closed under putting one state back
    r = np.array([[0.0, 1.0], [1.0, 0.0]])
    beta, d = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    game = TeamGame(np.repeat(np.eye(2)[:, None], 2, 1), r, 0.0, d)
    old, far = (np.array([[1.0, 0.0]] * 2),), (np.array([[0.0, 1.0]] * 2),)
    at = step_at(evaluate(game, old).A, old, old, (0,))
    gains = hamo(far[0], at.advantage, 0) - hamo(old[0], at.advantage, 0)
    assert beta @ gains == pytest.approx(0.8)  # HAMO under β takes the far policy
    change = evaluate(game, far).J - evaluate(game, old).J
    assert change == pytest.approx(-0.8)  # and J falls
    # a ball, which is closed under that, keeps the state that would lose
    run = haml(game, old, neighbourhood=TotalVariation(1.0), sampling="uniform", iterations=1)
    np.testing.assert_array_equal(run.policies[0][1, 0], [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(("mix", "after"), [(0.65, -1.0), (0.61, -1.0), (0.59, 0.0)])
def test_proposition_5(mix, after):
    game = MatrixGame(np.stack([PROPOSITION_5, PROPOSITION_5]))
    start = (np.array([mix, 1 - mix]),) * 2
    together, in_turn = simultaneous(game, start, 1), haa2c(game, start, 2)
    assert together.returns[1, 0] == after  # −1 is the least that any policy gets
    assert together.returns[1, 0] < together.returns[0, 0]
    assert in_turn.returns[-1, 0] == 2.0


def test_simultaneous_steps_lose_on_many_random_games():
    rng, fell = np.random.default_rng(10), 0
    for _ in range(12):
        game = TeamGame.random(2, (2, 2, 2), rng, discount=0.9)
        start = policies.random(game, rng)
        fell += int(np.diff(simultaneous(game, start, 10).returns[:, 0]).min() < -1e-6)
        assert np.diff(haa2c(game, start, 5).returns[:, 0]).min() >= -1e-12
    assert fell >= 4


def test_shared_policies_are_caught_in_proposition_4():
    # n = 2: r = 1 on (0,1) and (1,0); with one table and no agent id the best is 2·¼ = ½ at uniform
    r = np.array([[0.0, 1.0], [1.0, 0.0]])
    game = MatrixGame(np.stack([r, r]))
    start = (np.array([0.7, 0.3]),) * 2
    run = shared(game, start, 200, SquaredL2(2.0))
    assert run.returns[-1, 0] == pytest.approx(0.5, abs=1e-9)
    assert haa2c(game, start, 2).returns[-1, 0] == 1.0
    for i in range(2):
        np.testing.assert_array_equal(run.policies[i], run.policies[0])


def test_shared_clip_step_is_the_mean_over_agents():
    rng = np.random.default_rng(11)
    table = rng.dirichlet(np.ones(3), 2)
    game = TeamGame.random(2, (3, 3), rng)
    run = shared(game, (table, table), 1, Clip(0.2))
    at = evaluate(game, (table, table))
    steps = [step_at(at.A, (table, table), (table, table), (i,)) for i in range(2)]

    def mean(hat):
        return sum((at.rho * hamo(hat, x.advantage, Clip(0.2)(hat, x))).sum() for x in steps) / 2

    best = mean(run.policies[0][1, 0])
    for size in (0.3, 0.01):
        for _ in range(100):
            assert mean((1 - size) * run.policies[0][1, 0] + size * rng.dirichlet(np.ones(3), 2)) <= best + 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, p: haml(g, p, sampling="start"), r'"start" needs d\(s\) > 0 everywhere, but d\(s=1\) = 0.0'),
        (lambda g, p: haml(g, p, sampling="beta"), "sampling must be one of occupancy, uniform, start"),
        (lambda g, p: haml(g, p, neighbourhood="tv"), "neighbourhood must be"),
        (lambda g, p: haml(g, p, ForwardKL(0.0)), "scale c of a drift must be a positive number, not 0.0"),
        (lambda g, p: haml(g, p, Clip(1.5)), "clip range ε must be between 0 and 1, not 1.5"),
        (lambda g, p: haml(g, p, neighbourhood=MaxKL(-1.0)), "radius δ of a neighbourhood must be a positive number"),
        (lambda g, p: haml(g, p, neighbourhood=TotalVariation(1.5)), "a TV distance is at most 1"),
        (lambda g, p: shared(g, p, 1), "agents with equally many actions"),
    ],
)
def test_bad_input_is_named(call, message):
    game = TeamGame.random(2, (2, 3), np.random.default_rng(12))
    game = TeamGame(game.transitions, game.rewards, 0.9, np.array([1.0, 0.0]))
    with pytest.raises(InputError, match=message):
        call(game, policies.uniform(game))


def test_the_registry_of_drifts_holds_them_all():
    assert len(DRIFTS) == len({type(d) for d in DRIFT_CASES})
