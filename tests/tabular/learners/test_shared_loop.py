"""What every learner shares: sampling, averages, seeds, threads, records, continuation, fixed agents, bad input."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from marlcore import library, policies
from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.trace import Trace
from tabular import learners
from tabular.learners.environment import arena
from tabular.learners.schedules import BLOCK, Geometric, Power, Visits

UNIT_PENNIES = MatrixGame([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
RPS = library.load("rock_paper_scissors")


def alias_probabilities(place, row):
    """The distribution that the alias tables of a row stand for."""
    world, p = place.world, np.zeros(place.S)
    slots = range(world.first[row], world.first[row + 1])
    for k in slots:
        share = int(world.threshold[k]) / 2**32
        p[world.target[k]] += share / len(slots)
        p[world.other[k]] += (1 - share) / len(slots)
    return p


@pytest.mark.parametrize("successors", [None, 3])
def test_the_alias_tables_are_the_transitions(successors):
    game = MarkovGame.random(7, (2, 3), np.random.default_rng(0), successors=successors)
    place = arena(game)
    P = game.transitions.toarray() if game.sparse else np.asarray(game.transitions).reshape(-1, 7)
    for row in range(len(P)):
        np.testing.assert_allclose(alias_probabilities(place, row), P[row], atol=7 * 2.0**-32)


def test_joint_actions_and_rewards_follow_the_games_axes():
    rng = np.random.default_rng(1)
    game = MarkovGame.random(2, (2, 3, 4), rng)
    place = arena(game)
    assert list(place.strides) == [12, 4, 1]
    assert place.payoffs[1, 12 + 2 * 4 + 3, 2] == game.rewards[2, 1, 1, 2, 3]


def test_play_has_the_frequencies_of_the_policies_and_of_the_transitions():
    # nobody learns (rate 0), so reward sums are those of a known Markov chain: r counts visits of (s, a, b)
    rng = np.random.default_rng(2)
    P = rng.dirichlet(np.ones(3), size=(3, 2, 2))
    rewards = np.zeros((2, 3, 2, 2))
    rewards[0, 1, 0, 1], rewards[1, 2] = 1, 1
    game = MarkovGame(P, rewards, 0.5)
    start = tuple(rng.dirichlet(np.ones(2), size=3) for _ in range(2))
    trace = learners.phc(game, 200_000, 8, delta=0.0, epsilon=0.2, initial=start, record_every=200_000)
    played = tuple(0.8 * table + 0.1 for table in start)
    chain = np.einsum("sa,sb,sabt->st", *played, P)
    values, vectors = np.linalg.eig(chain.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    expected = [stationary[1] * played[0][1, 0] * played[1][1, 1], stationary[2]]
    frequency = trace.extras["reward_sums"][-1] / 200_000
    # 1.6 million steps: the standard deviation of a frequency is below 5e-4 for this chain
    np.testing.assert_allclose(frequency.mean(0), expected, atol=2e-3)
    np.testing.assert_allclose(trace.average_policies[0][-1, 0], start[0], atol=1e-12)


def test_average_policies_are_the_means_of_the_policies_played():
    trace = learners.gradient_ascent(RPS, 50, 3, eta=0.05, record_every=1)
    mean = trace.policies[0][:50].mean(0)  # the policy after the last step is not played
    np.testing.assert_allclose(trace.average_policies[0][-1], mean, atol=1e-14)


def test_an_episode_that_ends_starts_again_from_the_start_distribution():
    # 0 → 1 → 1 …: state 1 is final and pays 1, so half of the steps are played there
    P = np.zeros((2, 1, 2))
    P[:, 0, 1] = 1
    game = TeamGame(P, np.array([[0.0], [1.0]]), 0.5, np.array([1.0, 0.0]))
    trace = learners.independent_q(game, 1000, alpha=0.5)
    assert trace.extras["reward_sums"][-1, 0, 0] == 500
    np.testing.assert_allclose(trace.values[-1, 0, 0], [1.0, 2.0], atol=1e-9)  # 1/(1 − γ) at the end, γ times it before


CONTINUED = {  # each kind of state: averages, tables, counted visits, copies that start with the policies
    "wolf_phc": RPS,
    "minimax_q": library.load("van_der_wal") if "van_der_wal" in library.names() else RPS,
    "nash_q": library.load("grid_game_1"),
    "linear_reward_penalty": UNIT_PENNIES,
    "giga_wolf": RPS,
    "lagging_anchor": RPS,
    "mean_field_q": UNIT_PENNIES,
}


@pytest.mark.parametrize("name", CONTINUED)
def test_a_continued_run_is_one_longer_run_bit_for_bit(name, tmp_path):
    learner, game = getattr(learners, name), CONTINUED[name]
    whole = learner(game, 900, [5, 2, 9], record_every=250, threads=1)
    part = learner(game, 333, [5, 2, 9], record_every=250, threads=3)
    part.save(tmp_path / "part.npz")
    loaded = Trace.load(tmp_path / "part.npz")
    assert learner(game, 567, after=loaded).identical(whole)
    assert list(whole.steps) == [0, 250, 500, 750, 900]


def test_a_run_cut_at_and_across_blocks_of_time_is_the_same():
    rate = Power(0.3, 17.0, 0.6)
    whole = learners.phc(RPS, BLOCK + 1000, 2, delta=rate, record_every=BLOCK // 2)
    part = learners.phc(RPS, BLOCK - 7, 2, delta=rate, record_every=BLOCK // 2)
    part = learners.phc(RPS, 7, delta=rate, after=part)
    part = learners.phc(RPS, 1000, delta=rate, after=part)
    assert part.identical(whole)


def test_a_seed_does_not_depend_on_its_neighbours_and_seeds_differ():
    together = learners.wolf_phc(RPS, 400, [3, 8])
    alone = learners.wolf_phc(RPS, 400, [8])
    np.testing.assert_array_equal(together.policies[0][:, 1], alone.policies[0][:, 0])
    assert (together.policies[0][-1, 0] != together.policies[0][-1, 1]).any()


def test_continuing_with_other_parameters_is_refused_by_name():
    trace = learners.phc(RPS, 100, delta=0.01)
    with pytest.raises(InputError, match="keeps its rates"):
        learners.phc(RPS, 100, delta=0.02, after=trace)
    with pytest.raises(InputError, match="keeps its game"):
        learners.phc(library.load("shapley"), 100, delta=0.01, after=trace)
    with pytest.raises(InputError, match="a trace of phc, not of wolf_phc"):
        learners.wolf_phc(RPS, 100, after=trace)


def test_fixed_agents_play_their_tables_for_ever():
    table = np.array([0.2, 0.5, 0.3])
    trace = learners.independent_q(RPS, 20_000, 4, alpha=Power(1.0, 10.0, 0.8), epsilon=0.1, fixed={1: table})
    assert (trace.policies[1] == table).all()
    Q = trace.state["memory.Q"][:, 0, 0]
    # against (0.2, 0.5, 0.3), ε-mixed with uniform: u = R y
    y = 0.9 * table + 0.1 / 3
    np.testing.assert_allclose(Q, np.tile(RPS.payoffs[0] @ y, (4, 1)), atol=0.08)
    assert (trace.policies[0][-1].argmax(-1) == 2).all()  # scissors beat the paper that comes most


def test_payoffs_are_exact_values_of_the_recorded_policies():
    from marlcore.values import evaluate

    game = MarkovGame.random(4, (2, 3), np.random.default_rng(3))
    trace = learners.wolf_phc(game, 1000, 2, record_every=400)
    for r, k in ((0, 0), (2, 1)):
        J = evaluate(game, tuple(p[r, k] for p in trace.policies)).J
        np.testing.assert_array_equal(trace.payoffs[r, k], J)


def test_a_rate_by_visits_makes_q_the_mean_of_the_rewards():
    # α = 1/visits(s, a): with γ = 0 and fixed play, Q(a) is the mean of r over the times when the joint action was a
    trace = learners.nash_q(MatrixGame.random((2, 3), np.random.default_rng(4)), 500, 2)
    game = MatrixGame.random((2, 3), np.random.default_rng(4))
    np.testing.assert_allclose(trace.state["memory.Q"][0, 0], game.payoffs.reshape(2, -1), atol=1e-14)


def test_random_starts_are_distributions_that_differ_by_seed_agent_and_action():
    trace = learners.replicator(RPS, 1, 2000)
    start = trace.policies[0][0, :, 0]
    np.testing.assert_allclose(start.mean(0), 1 / 3, atol=0.02)  # Dirichlet(1): mean 1/3, sd √(1/18)/√2000 = 0.005
    np.testing.assert_allclose(start.std(0), np.sqrt(1 / 18), atol=0.02)
    assert (trace.policies[0][0] != trace.policies[1][0]).all()


BAD = [
    (lambda: learners.wolf_phc(RPS, 0), "steps must be a positive integer, not 0"),
    (lambda: learners.wolf_phc(RPS, 2.5), "steps must be a positive integer"),
    (lambda: learners.wolf_phc(RPS, 10, 0), "seeds must be a positive integer"),
    (lambda: learners.wolf_phc(RPS, 10, [1, 1]), "seeds must be how many, or different"),
    (lambda: learners.wolf_phc(RPS, 10, alpha=-0.1), "alpha is -0.1 at step 0"),
    (lambda: learners.wolf_phc(RPS, 10, alpha=1.5), "alpha starts at 1.5; it must be at most 1"),
    (lambda: learners.wolf_phc(RPS, 10, delta_win=lambda t: 1.0 - t), "delta_win is -1 at step 2"),
    (lambda: learners.wolf_phc(RPS, 10, epsilon=1.5), "epsilon starts at 1.5"),
    (lambda: learners.wolf_phc(RPS, 10, epsilon=Visits()), "epsilon cannot count visits"),
    (lambda: learners.independent_q(RPS, 10, alpha=Visits()), "alpha cannot count visits"),
    (lambda: learners.wolf_phc(RPS, 10, delta_lose=Visits()), "delta_lose cannot count visits"),
    (lambda: learners.wolf_phc(RPS, 10, alpha="fast"), "alpha must be a number, a schedule or a function"),
    (lambda: learners.wolf_phc(RPS, 10, fixed={2: [1, 0, 0]}), "fixed names agent 2"),
    (lambda: learners.wolf_phc(RPS, 10, fixed={0: [1, 1, 0]}), "fixed"),
    (lambda: learners.wolf_phc(RPS, 10, fixed={0: [1, 0, 0], 1: [1, 0, 0]}), "nobody to learn"),
    (lambda: learners.wolf_phc(RPS, 10, initial="greedy"), "initial must be tables"),
    (lambda: learners.wolf_phc(RPS, 10, record_every=0), "record_every must be a positive integer"),
    (lambda: learners.wolf_phc("rps", 10), "a learner needs a game, not str"),
    (lambda: learners.wolf_phc(MatrixGame.random((2, 2), np.random.default_rng(0), batch=3), 10), "not a batch"),
    (lambda: learners.minimax_q(library.load("shapley"), 10), "minimax_q needs a two-player zero-sum game"),
    (lambda: learners.minimax_q(library.load("climbing"), 10), "minimax_q needs a two-player zero-sum game"),
    (lambda: learners.wolf_iga(RPS, 10), "two players with two actions each, not 3×3"),
    (lambda: learners.linear_reward_inaction(RPS, 10), r"rewards in \[0, 1\], but agent 0 gets -1 at \(0, 1\)"),
    (lambda: learners.linear_reward_penalty(UNIT_PENNIES, 10, eta_penalty=0.02), "0 < η₂ < η₁"),
    (lambda: learners.lagging_anchor_sampled(RPS, 10), r"rewards in \[0, 1\]"),
    (lambda: learners.gradient_ascent(library.load("grid_game_1"), 10), "needs a matrix game, not 58 states"),
    (lambda: learners.joint_q(RPS, 10), "joint_q needs a team"),
    (lambda: learners.nash_q(RPS, 10, select="best"), "select must be one of first, optimum, saddle"),
    (lambda: learners.friend_or_foe_q(RPS, 10, friends=[[1]]), "a list for each of the 2 agents"),
    (lambda: learners.friend_or_foe_q(RPS, 10, friends="all"), "friends must be a list for each of the 2 agents"),
    (lambda: learners.friend_or_foe_q(RPS, 10, friends=[1, 0]), r"friends\[0\] must be a list of agents"),
    (lambda: learners.friend_or_foe_q(RPS, 10, friends=[["1"], []]), r"friends\[0\] names agent '1'"),
    (lambda: learners.regret_matching(RPS, 10, sampled="no"), "sampled must be true or false, not 'no'"),
    (lambda: learners.minimax_q(RPS, 10, Q_0="high"), "Q_0 must be a finite number, not 'high'"),
    (lambda: learners.minimax_q(RPS, 10, Q_0=np.inf), "Q_0 must be a finite number, not inf"),
    (lambda: learners.wolf_iga(UNIT_PENNIES, 10, reference=[0]), "reference must name player 0 or 1 twice"),
    (lambda: learners.wolf_iga(UNIT_PENNIES, 10, reference=1), "reference must name player 0 or 1 twice, not 1"),
    (lambda: learners.wolf_phc(RPS, 10, threads=0), "threads must be a positive integer, not 0"),
    (lambda: learners.friend_or_foe_q(RPS, 10, friends=[[2], []]), r"friends\[0\] names agent 2"),
    (lambda: learners.mean_field_q(RPS, 10, neighbours=[[0], [1]]), r"neighbours\[0\] must be other agents"),
    (lambda: learners.mean_field_q(RPS, 10, neighbours=[[1], []]), r"neighbours\[1\] must be other agents"),
    (lambda: learners.mean_field_q(RPS, 10, neighbours=[[1, 1], [0]]), "must be other agents, each once"),
    (lambda: learners.mean_field_q(RPS, 10, neighbours=[[1], [2]]), r"neighbours\[1\] names agent 2"),
    (lambda: learners.mean_field_q(RPS, 10, neighbours=[1, 0]), r"neighbours\[0\] must be a list of agents"),
    (lambda: learners.mean_field_q(library.load("von_stengel"), 10), "the same actions for all agents"),
    (lambda: Power(-1.0), "Power needs c > 0"),
    (lambda: Geometric(1.0, 1.5), "0 < d ≤ 1"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_input_is_refused_with_what_is_needed(call, message):
    with pytest.raises(InputError, match=message):
        call()


OWN = """
    import numpy as np
    from marlcore.compiled import compiled
    from tabular.learners import Rule, learn

    @compiled
    def update(memory, scratch, play, s, s_next):
        (counts,) = memory
        for i in range(play.counts.shape[0]):
            counts[i, play.actions[i]] += {step}
            for a in range(play.counts[i]):
                play.policy[i, s, a] = counts[i, a] / counts[i].sum()

    def polya(game, steps, seeds=1, **options):
        memory = {{"counts": np.ones((game.n, max(game.action_counts)))}}
        return learn(Rule("polya", update, memory), game, steps, seeds, **options)
"""
MAIN = """
    import json, sys
    from pathlib import Path
    sys.path.insert(0, str(Path(__file__).parent))
    from marlcore import library
    from own import polya, update
    from tabular.learners.loop import bind
    trace = polya(library.load("rock_paper_scissors"), 1000, 2)
    loop = bind(update)
    print(json.dumps([trace.policies[0][-1, 0, 0].tolist(), sum(loop.stats.cache_hits.values())]))
"""


def test_a_learner_in_a_file_of_its_own_is_cached_between_processes(tmp_path):
    import json

    def run():
        environment = {**os.environ, "MARLCORE_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(tmp_path / "main.py")], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (tmp_path / "own.py").write_text(textwrap.dedent(OWN).format(step=1))
    (tmp_path / "main.py").write_text(textwrap.dedent(MAIN))
    first, hits = run()
    assert hits == 0
    assert abs(sum(first) - 1) < 1e-12
    again, hits = run()
    assert (again, hits) == (first, 1)
    (tmp_path / "own.py").write_text(textwrap.dedent(OWN).format(step=5))
    changed, hits = run()
    assert hits == 0
    assert changed != first


@compiled
def allocating_update(memory, scratch, play, s, s_next):
    """Makes an array, which the loop would never free."""
    play.policy[0, s] = play.policy[0, s] * 1.0


def test_an_update_that_allocates_is_refused():
    with pytest.raises(InputError, match="the update of mine does not compile; it allocates nothing"):
        learners.learn(learners.Rule("mine", allocating_update), RPS, 10)


def test_policies_stay_distributions_and_traces_hold_every_axis():
    game = MarkovGame.random(3, (2, 4), np.random.default_rng(5), zero_sum=True)
    for learner in (learners.minimax_q, learners.wolf_phc, learners.nash_q, learners.correlated_q):
        trace = learner(game, 300, 2, record_every=100)
        assert trace.policies[1].shape == (4, 2, 3, 4)
        assert trace.values.shape == (4, 2, 2, 3)
        policies.check(game, tuple(p[-1, 0] for p in trace.policies))


@pytest.mark.parametrize("name", [n for n in learners.__all__ if n[0].islower() and n != "learn"])
def test_every_learner_passes_the_suite_of_its_extension_point(name):
    from marlcore import conformance, registry

    assert registry.summary("learners", name)
    conformance.check("learners", name)
