"""Exact games as environments: draws of P, rewards, J up to the bias, absorbing states, sizes, kinds of number."""

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs.game import GameEnvironment
from deep.envs.protocol import random_actions
from marlcore import library, policies, streams
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.values import evaluate

CPU = torch.device("cpu")


def test_transitions_and_rewards_are_the_game_s():
    """Frequencies of (s, a) → s' within five standard errors of P, and every reward r(s, a)."""
    game = MarkovGame.random(4, (2, 3), np.random.default_rng(1), discount=0.9)
    env = GameEnvironment(game, "game:random", 4000, CPU, 5)
    t = env.reset()
    counts = np.zeros(game.transitions.shape)
    for k in range(30):
        actions = random_actions(env.spec, t.available, 7, k)
        s, a = t.state.argmax(-1), actions
        t = env.step(actions)
        np.testing.assert_allclose(
            t.reward.numpy(), game.rewards[:, s, a[:, 0], a[:, 1]].T.astype(np.float32), rtol=1e-6
        )
        np.add.at(counts, (s.numpy(), a[:, 0].numpy(), a[:, 1].numpy(), t.state.argmax(-1).numpy()), 1)
    visits = counts.sum(-1, keepdims=True)
    P = np.asarray(game.transitions)
    error = np.abs(counts / visits - P) / np.sqrt(P * (1 - P) / visits)
    assert visits.min() > 1000
    assert error.max() < 5


def test_a_state_of_probability_zero_is_never_drawn():
    transitions = np.zeros((2, 2, 2))
    transitions[:, 0, 0] = transitions[:, 1, 1] = 1.0
    game = TeamGame(transitions, np.ones((2, 2)), 0.5, start=np.array([0.0, 1.0]))
    env = GameEnvironment(game, "game:sure", 500, CPU, 0)
    assert bool((env.reset().state[:, 1] == 1).all())
    t = env.step(torch.zeros(500, 1, dtype=torch.int64))
    assert bool((t.state[:, 0] == 1).all())


def test_the_sampled_return_is_j_up_to_the_stated_bias():
    game = TeamGame.random(3, (2, 2), np.random.default_rng(3), discount=0.8)
    policy = policies.uniform(game)
    env = GameEnvironment(game, "game:random", 20_000, CPU, 1)
    t, total = env.reset(), 0.0
    for k in range(env.limit):
        t = env.step(random_actions(env.spec, t.available, 2, k))
        total = total + 0.8**k * t.reward[:, 0].double().numpy()
    assert bool(t.truncated.all())
    assert t.final is not None
    bias = env.spec.extra["truncation_bias"]
    assert bias == pytest.approx(0.8**env.limit * np.abs(game.rewards).max() / 0.2)
    assert 0.8**env.limit <= 0.01 < 0.8 ** (env.limit - 1)
    assert abs(total.mean() - evaluate(game, policy).J) <= bias + 5 * total.std() / np.sqrt(20_000)


def test_a_matrix_game_is_played_once_and_a_repeated_one_is_truncated():
    once = envs.make("game:prisoners_dilemma", batch=2)
    t = once.step(torch.tensor([[0, 1], [1, 1]]))
    payoffs = np.asarray(library.load("prisoners_dilemma").payoffs, dtype=float)
    np.testing.assert_array_equal(t.reward.numpy(), np.stack([payoffs[:, 0, 1], payoffs[:, 1, 1]]))
    assert bool(t.terminated.all())
    assert once.spec.discount == 0
    again = envs.make("game:prisoners_dilemma?discount=0.5&limit=2", batch=2)
    assert not bool(again.step(torch.tensor([[0, 1], [1, 1]])).done.any())
    t = again.step(torch.tensor([[0, 1], [1, 1]]))
    assert bool(t.truncated.all())
    assert again.spec.name == "game:prisoners_dilemma?limit=2&discount=0.5"


def test_the_last_observation_of_a_truncated_episode_is_kept():
    game = library.load("soccer")
    env = GameEnvironment(game, "game:soccer", 8, CPU, 0, limit=3)
    other = GameEnvironment(game, "game:soccer", 8, CPU, 0, limit=10)
    t, u = env.reset(), other.reset()
    for k in range(3):
        actions = random_actions(env.spec, t.available, 0, k)
        t, u = env.step(actions), other.step(actions)
    assert t.final is not None
    assert torch.equal(t.final.state, u.state)
    assert torch.equal(t.final.obs, u.obs)


def test_games_load_from_a_file(tmp_path):
    from marlcore import io

    game = MatrixGame(np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 2.0]]]))
    io.save(game, tmp_path / "mine.npz")
    env = envs.make(f"game:{tmp_path / 'mine.npz'}", batch=1)
    assert env.step(torch.tensor([[1, 1]])).reward.tolist() == [[2.0, 2.0]]
    with pytest.raises(InputError, match="has no parameters k"):
        envs.make(f"game:{tmp_path / 'mine.npz'}?k=1")


def test_a_saved_batch_must_fit():
    env = envs.make("game:climbing", batch=2)
    with pytest.raises(InputError, match="saved batch of 2 does not fit 3"):
        envs.make("game:climbing", batch=3).load(env.save())


@pytest.mark.parametrize("name", library.names())
def test_every_game_of_the_library_is_an_environment(name):
    env = envs.make(f"game:{name}", batch=2)
    t = env.reset()
    game = library.load(name)
    assert env.spec.n_agents == (game.n if not isinstance(game, MatrixGame) else len(game.action_counts))
    t = env.step(random_actions(env.spec, t.available, 0, 0))
    assert bool(torch.isfinite(t.reward).all())


@pytest.mark.parametrize("kind", ["rational", "ball"])
def test_a_game_of_other_numbers_is_played_in_floats(kind):
    game = TeamGame.random(3, (2, 2), np.random.default_rng(0), discount=0.5)
    one, other = (GameEnvironment(g, "game:x", 20, CPU, 0) for g in (game, game.convert(kind)))
    for k in range(5):
        actions = random_actions(one.spec, one._available, 0, k)
        t, u = one.step(actions), other.step(actions)
        assert torch.equal(t.obs, u.obs)
        assert torch.equal(t.reward, u.reward)


def test_a_batch_of_games_is_refused():
    with pytest.raises(InputError, match=r"batch of games of shape \(4,\)"):
        GameEnvironment(TeamGame.random(3, (2, 2), np.random.default_rng(0), batch=4), "game:x", 2, CPU, 0)


def chain(end_reward=0.0):
    """0 → 1 → 2 for reward 1 by action 1, where 2 leads back to itself; action 0 stays."""
    transitions = np.zeros((3, 2, 3))
    transitions[[0, 1, 2], 0, [0, 1, 2]] = 1
    transitions[[0, 1, 2], 1, [1, 2, 2]] = 1
    rewards = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, end_reward]])
    return TeamGame(transitions, rewards, 0.9, start=np.array([1.0, 0, 0]))


def test_an_absorbing_state_without_reward_terminates_where_asked():
    go, stay = torch.ones(1, 1, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64)
    env = GameEnvironment(chain(), "game:chain", 1, CPU, 0, limit=3, stops=True)
    seen = [env.step(a) for a in (go, go, go, stay, stay, go, stay, go)]
    assert [bool(t.terminated) for t in seen] == [False, True, False, False, False, False, False, True]
    assert [bool(t.truncated) for t in seen] == [False, False, False, False, True, False, False, False]
    assert seen[1].final is not None
    assert seen[1].final.state.tolist() == [[0, 0, 1]]
    assert seen[1].state.tolist() == [[1, 0, 0]]
    plain = GameEnvironment(chain(), "game:chain", 1, CPU, 0, limit=4)
    assert not any(bool(plain.step(go).terminated) for _ in range(8))


def test_a_state_that_pays_for_ever_is_not_an_end():
    env = GameEnvironment(chain(end_reward=1.0), "game:chain", 1, CPU, 0, limit=5, stops=True)
    go = torch.ones(1, 1, dtype=torch.int64)
    assert [bool(env.step(go).terminated) for _ in range(4)] == [False] * 4


def test_stopping_at_absorbing_states_leaves_j_as_it_is():
    game = library.load("grid_game_1")
    env = envs.make("game:grid_game_1?absorbing=stop&limit=200", batch=4000)
    assert env.spec.name == "game:grid_game_1?limit=200&absorbing=stop"
    t, total, going = env.reset(), np.zeros((4000, 2)), np.ones((4000, 1), dtype=bool)
    for k in range(200):
        t = env.step(random_actions(env.spec, t.available, 2, k))
        total += 0.99**k * going * t.reward.double().numpy()
        going &= ~t.done.numpy()[:, None]
    assert not going.any()
    J = evaluate(game, policies.uniform(game)).J
    bound = 5 * total.std(0) / np.sqrt(4000) + env.spec.extra["truncation_bias"] * 0.01
    assert (np.abs(total.mean(0) - J) <= bound).all()


def test_a_million_states_need_no_table_of_unit_vectors():
    """S² numbers would be 4 TB; a step needs B·S."""
    game = TeamGame.random(10**6, (2,), np.random.default_rng(0), discount=0.5, successors=2)
    env = GameEnvironment(game, "game:large", 2, CPU, 0)
    t = env.step(torch.zeros(2, 1, dtype=torch.int64))
    assert t.state.shape == (2, 10**6)
    assert t.state.sum(-1).tolist() == [1, 1]
    assert t.obs.untyped_storage().data_ptr() == t.state.untyped_storage().data_ptr(), "obs is a view of state"
    assert torch.equal(t.state.argmax(-1), env.state)


def test_draws_are_the_streams():
    from deep.envs import draws

    copies = torch.arange(7, 12)
    expected = streams.uniform(2**40 + 5, copies, 3, 1)
    assert torch.equal(draws.uniform(2**40 + 5, copies, 3, 1), expected)
    assert torch.equal(draws.uniforms(2**40 + 5, copies, 3, 0, 2)[:, 1], expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("game:climbing?limit=0", "limit must be a whole number ≥ 1"),
        ("game:soccer?absorbing=maybe", "absorbing must be stay or stop"),
        ("game:penalty?k=1/0", "k must be a number"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)
