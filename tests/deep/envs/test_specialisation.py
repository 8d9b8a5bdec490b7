"""Dispersion and navigation against plain Python, and what makes them need specialisation."""

import math

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs.dispersion import distinct
from deep.envs.protocol import Box, random_actions
from marlcore.errors import InputError

MOVES = {"line": [(0,), (-1,), (1,)], "grid": [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]}


def cells(env):
    return [[tuple(c) for c in row] for row in env.world["cell"].tolist()]


@pytest.mark.parametrize("task", ["line", "grid"])
def test_dispersion_is_what_its_page_says(task):
    """Moves, borders, rewards and observations of 20 copies by plain Python."""
    env = envs.make(f"dispersion:{task}?n=3&size=3&limit=10", batch=20, seed=1)
    t = env.reset()
    covered = set()
    for k in range(9):
        before, actions = cells(env), random_actions(env.spec, t.available, 1, k)
        t = env.step(actions)
        for b in range(20):
            expected = [
                tuple(min(max(x + dx, 0), 2) for x, dx in zip(before[b][i], MOVES[task][actions[b, i]], strict=True))
                for i in range(3)
            ]
            assert cells(env)[b] == expected
            numbers = [sum(x * 3**axis for axis, x in enumerate(cell)) for cell in expected]
            sites = set(env.world["sites"][b].nonzero()[:, 0].tolist())
            assert len(sites) == 3
            share = len(sites & set(numbers)) / 3
            covered.add(share)
            assert t.reward[b].tolist() == [pytest.approx(share)] * 3
            assert float(t.info["covered"][b]) == pytest.approx(share)
            own, shown, crowd = t.obs[b].reshape(3, 3, -1).unbind(1)
            assert own.argmax(-1).tolist() == numbers
            assert torch.equal(own.sum(-1), torch.ones(3))
            assert all(set(row.nonzero()[:, 0].tolist()) == sites for row in shown)
            for row in crowd:
                assert [round(3 * x) for x in row.tolist()] == [numbers.count(c) for c in range(row.numel())]
            assert torch.equal(t.state[b], t.obs[b, 0, -t.state.shape[1] :])
    assert len(covered) > 1


@pytest.mark.parametrize("task", ["line", "grid"])
def test_a_deterministic_policy_that_all_share_keeps_them_together(task):
    """Whatever the function of the observation: one cell for all, at most 1/n a step."""
    env = envs.make(f"dispersion:{task}", batch=200, seed=2)
    weights = torch.randn(env.spec.obs_size, env.spec.n_actions, generator=torch.Generator().manual_seed(0))
    t, rewarded = env.reset(), 0
    for _ in range(60):
        t = env.step((t.obs @ weights).argmax(-1))
        assert torch.equal(env.world["cell"], env.world["cell"][:, :1].expand_as(env.world["cell"]))
        assert float(t.reward.max()) <= 0.25 + 1e-6
        rewarded += int((t.reward > 0).sum())
    assert rewarded > 0


@pytest.mark.parametrize(("task", "furthest"), [("line", 7), ("grid", 8)])
def test_agents_that_know_who_they_are_cover_everything(task, furthest):
    """Agent i walks to the i-th site: all rewards are 1 from step ``furthest`` on, and no later one is missed."""
    env = envs.make(f"dispersion:{task}", batch=100, seed=3)
    env.reset()
    size, axes = env.size, env.world["cell"].shape[-1]
    for k in range(25):
        goal = env.world["sites"].nonzero()[:, 1].reshape(100, 4)
        goal = torch.stack([goal // size**axis % size for axis in range(axes)], -1)
        off = goal - env.world["cell"]
        axis = (off != 0).float().argmax(-1)
        sign = off.gather(-1, axis[..., None])[..., 0].sign()
        t = env.step(torch.where(sign == 0, 0, 1 + 2 * axis + (sign > 0)))
        assert k + 1 < furthest or bool((t.reward == 1).all())
    assert bool(t.truncated.all())
    assert bool((t.info["covered"] == 1).all())


def test_sites_are_uniform_among_all_choices():
    """The six ordered pairs of three cells, each 1/6 within 5 standard errors."""
    u = torch.rand(60_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pairs = distinct(3, u)
    counts = torch.bincount(3 * pairs[:, 0] + pairs[:, 1], minlength=9).reshape(3, 3).double() / 60_000
    assert counts.diag().tolist() == [0, 0, 0]
    off = counts[~torch.eye(3, dtype=torch.bool)]
    assert float((off - 1 / 6).abs().max()) < 5 * math.sqrt(5 / 36 / 60_000)


@pytest.mark.parametrize(("task", "whose"), [("different", [0, 1, 2]), ("same", [0, 0, 0]), ("mixed", [0, 1, 0])])
@pytest.mark.parametrize("word", ["mean", "own"])
def test_navigation_is_what_its_page_says(task, whose, word):
    env = envs.make(f"navigation:{task}?n=3&reward={word}", batch=20, seed=4)
    assert env.spec.team == (word == "mean")
    t = env.reset()
    moves = 0.1 * np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
    for k in range(20):
        x, goals = env.world["x"].numpy().astype(float), env.world["goals"].numpy()[:, whose]
        actions = random_actions(env.spec, t.available, 2, k)
        after = np.clip(x + moves[actions.numpy()], -1, 1)
        t = env.step(actions)
        gained = np.linalg.norm(x - goals, axis=-1) - np.linalg.norm(after - goals, axis=-1)
        if word == "mean":
            gained = np.repeat(gained.mean(-1, keepdims=True), 3, -1)
        np.testing.assert_allclose(t.reward, gained, atol=1e-6)
        np.testing.assert_allclose(env.world["x"], after, atol=1e-6)
        seen = np.concatenate([after[:, :, None], env.world["goals"].numpy()[:, None] - after[:, :, None]], 2)
        np.testing.assert_allclose(t.obs, seen.reshape(20, 3, -1), atol=1e-6)
        np.testing.assert_allclose(t.info["distance"], np.linalg.norm(after - goals, axis=-1).mean(-1), atol=1e-6)


def test_the_rewards_of_an_episode_add_up_to_the_way_gained():
    env = envs.make("navigation:different?continuous=true", batch=50, seed=5)
    assert env.spec.spaces[0] == Box((-1.0, -1.0), (1.0, 1.0))
    t = env.reset()
    start, total = t.info["distance"].clone(), torch.zeros(50)
    for k in range(30):
        t = env.step(random_actions(env.spec, t.available, 3, k))
        total += t.reward[:, 0]
    assert bool(t.truncated.all())
    torch.testing.assert_close(total, start - t.info["distance"], atol=1e-5, rtol=0)


def test_whoever_knows_its_goal_gets_there():
    """No goal is further than 2 along an axis, so 20 + 20 moves of 0.1 bring every agent within half a move a side."""
    env = envs.make("navigation:different?limit=42", batch=100, seed=6)
    t = env.reset()
    for _ in range(42):
        off = t.obs[:, :, 2:].reshape(100, 4, 4, 2)[:, range(4), range(4)]
        axis = off.abs().argmax(-1)
        ahead = off.gather(-1, axis[..., None])[..., 0]
        t = env.step(torch.where(ahead.abs() < 0.05, 0, 1 + 2 * axis + (ahead > 0)))
    assert bool(t.truncated.all())
    assert float(t.info["distance"].max()) < 0.05 * math.sqrt(2) + 1e-5


def test_nobody_is_told_which_goal_is_whose():
    """Two agents that change places see each other's observations."""
    env = envs.make("navigation:different?n=2", batch=5)
    saved = env.save()
    one = env.reset().obs.clone()
    saved["world"]["x"] = saved["world"]["x"].flip(1)
    assert torch.equal(env.load(saved).obs, one.flip(1))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dispersion:ring", "unknown task of dispersion"),
        ("dispersion:line?n=9", "9 agents need 9 sites, and there are 8 cells"),
        ("dispersion:line?size=1", "size must be a whole number ≥ 2"),
        ("dispersion:line?m=9", "unknown option"),
        ("navigation:other", "unknown task of navigation"),
        ("navigation:same?reward=sum", "reward must be mean or own"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)


@pytest.mark.parametrize("name", ["dispersion:line?limit=3", "navigation:same?limit=3"])
def test_every_episode_has_its_length(name):
    env = envs.make(name, batch=2)
    seen = []
    for _ in range(7):
        t = env.step(torch.zeros(2, 4, dtype=torch.int64))
        seen.append(t.truncated.tolist())
    assert seen == [[k % 3 == 0] * 2 for k in range(1, 8)]


def test_a_saved_world_must_fit():
    saved = envs.make("dispersion:line?n=3", batch=2).save()
    with pytest.raises(InputError, match=r"saved cell of shape \(2, 3, 1\) does not fit \(2, 4, 1\)"):
        envs.make("dispersion:line", batch=2).load(saved)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["dispersion:grid", "navigation:different", "game:soccer", "mpe:simple_spread"])
def test_a_gpu_shows_what_the_cpu_shows(name):
    here, there = (envs.make(name, batch=64, device=device, seed=7) for device in ("cpu", "cuda"))
    t, u = here.reset(), there.reset()
    for k in range(60):
        actions = random_actions(here.spec, t.available, 4, k)
        t, u = here.step(actions), there.step(actions.cuda())
        assert u.obs.device.type == "cuda"
        torch.testing.assert_close(u.obs.cpu(), t.obs, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(u.reward.cpu(), t.reward, atol=1e-6, rtol=1e-6)
        assert torch.equal(u.done.cpu(), t.done)
