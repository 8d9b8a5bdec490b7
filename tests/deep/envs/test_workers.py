"""Environments in worker processes: adapters, padding, ends, masks, what is refused, and workers that are lost."""

import importlib
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs.protocol import Box, Discrete, MultiDiscrete, random_actions
from marlcore.errors import InputError
from marlcore.kit.workers import LostWorkerError, Worker


@pytest.fixture
def make():
    made = []

    def build(name, **more):
        made.append(envs.make(name, **more))
        return made[-1]

    yield build
    for env in made:
        env.close()


def planted(options="", workers=1):
    return f"pettingzoo:planted_parallel?workers={workers}" + (f"&{options}" if options else "")


def steps(env, count, seed=0):
    t = env.reset()
    for k in range(count):
        t = env.step(random_actions(env.spec, t.available, seed, k))
        yield t


def test_unequal_sizes_are_padded_and_said_in_the_spec(make):
    env = make(planted(), batch=3)
    assert env.spec.obs_sizes == (3, 2)
    assert env.spec.state_size == 5  # it has no state(): all observations
    assert env.spec.spaces == (Discrete(3), Discrete(2))
    assert env.spec.agent_names == ("long", "short")
    assert not env.spec.team
    t = env.reset()
    assert t.obs[:, 1, 2].tolist() == [0, 0, 0]
    assert torch.equal(t.state, torch.cat([t.obs[:, 0], t.obs[:, 1, :2]], 1))
    assert t.available[0].tolist() == [[True, True, True], [False, True, False]]
    assert len(set(t.obs[:, 0, 1].tolist())) == 3, "copies must have seeds of their own"


def test_steps_rewards_and_masks_are_the_environment_s(make):
    env = make(planted(), batch=2)
    for k, t in enumerate(steps(env, 4), start=1):
        assert t.obs[:, 0, 0].tolist() == [k, k]
        assert t.reward.tolist() == [[k, 0.5]] * 2
        assert t.available[0, 1].tolist() == [k % 2 == 1, True, False]
        assert not bool(t.done.any())


def test_a_truncated_episode_keeps_its_last_view_and_the_next_has_another_seed(make):
    env = make(planted(), batch=2, seed=3)
    first = env.reset().obs[:, 0, 1].tolist()
    *_, t = steps(env, 5)
    assert t.truncated.tolist() == [True, True]
    assert not bool(t.terminated.any())
    assert t.final is not None
    assert t.final.obs[:, 0, 0].tolist() == [5, 5]
    assert t.final.obs[:, 0, 1].tolist() == first
    assert t.obs[:, 0, 0].tolist() == [0, 0]
    assert not set(t.obs[:, 0, 1].tolist()) & set(first)


@pytest.mark.parametrize("how", ["terminates", "both", "terminates&limit=5"])
def test_an_end_of_all_agents_terminates_and_that_alone(make, how):
    *_, t = steps(make(planted(f"how={how}")), 5)
    assert t.terminated.tolist() == [True]
    assert t.truncated.tolist() == [False]


def test_a_dead_agent_stays_with_its_no_op_until_the_episode_ends(make):
    env = make(planted("how=dies-early"))
    seen = [(t.alive.tolist(), t.available[0, 1].tolist(), bool(t.done), t.obs[0, 1].tolist()) for t in steps(env, 5)]
    assert seen[0][0] == [[True, True]]
    for alive, mask, done, obs in seen[1:4]:
        assert (alive, mask, done, obs) == ([[True, False]], [True, False, False], False, [0, 0, 0])
    assert seen[4][0] == [[True, True]]
    assert seen[4][2]


def test_the_limit_truncates_before_the_environment_does(make):
    env = make(planted("limit=2"))
    assert env.spec.episode_limit == 2
    assert [bool(t.truncated) for t in steps(env, 4)] == [False, True, False, True]


@pytest.mark.parametrize(("word", "expected"), [("sum", 1.5), ("mean", 0.75), ("own", None)])
def test_the_team_s_reward_is_an_option(make, word, expected):
    env = make(planted(f"reward={word}"))
    t = next(steps(env, 1))
    assert t.reward.tolist() == [[expected] * 2 if expected else [1.0, 0.5]]
    assert env.spec.team == (word != "own")


def test_masks_may_come_in_the_observation(make):
    env = make(planted("kind=dict"))
    assert env.spec.obs_sizes == (4, 2)  # Discrete(4) is a unit vector
    t = next(steps(env, 1))
    assert t.obs[0, 0].tolist() == [0, 1, 0, 0]
    assert t.available[0, 0].tolist() == [True, False, True]


def test_several_action_dimensions_are_padded(make):
    env = make(planted("kind=multi"))
    assert env.spec.spaces == (MultiDiscrete((2, 3)), MultiDiscrete((2,)))
    t = env.reset()
    assert t.available[0].tolist() == [[True, False, False, True, True], [True, True, True, False, False]]
    env.step(torch.tensor([[[0, 2], [1, 0]]]))


def test_boxes_keep_their_own_bounds(make):
    env = make(planted("kind=box"))
    assert env.spec.spaces == (Box((-2.0, -2.0), (2.0, 2.0)), Box((0.0,), (1.0,)))
    env.step(torch.tensor([[[2.0, -2.0], [1.0, 0.0]]]))
    with pytest.raises(InputError, match=r"agent 1 in environment 0, dimension 0 is not in \[0.0, 1.0\]"):
        env.step(torch.tensor([[[2.0, -2.0], [1.5, 0.0]]]))


def test_actions_reach_the_environment_as_it_wants_them():
    from deep.worker.pettingzoo import make as single

    one = single("x", "planted_parallel", {})
    one.reset(0)
    one.step(np.array([[2], [1]]))
    assert one._env.received == {"long": 12, "short": 11}
    many = single("x", "planted_parallel", {"kind": "multi"})
    many.reset(0)
    many.step(np.array([[1, 2], [1, 0]]))
    assert [value.tolist() for value in many._env.received.values()] == [[1, 2], [1]]
    box = single("x", "planted_parallel", {"kind": "box"})
    box.reset(0)
    box.step(np.array([[0.5, -1.5], [1, 0]], dtype=np.float32))
    assert [value.tolist() for value in box._env.received.values()] == [[[0.5], [-1.5]], [1.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("how=nan-obs", r"environment 0, step 3: the observation of agent 1 \(short\) is nan at index 1"),
        ("how=huge-obs", r"environment 0, step 3: the observation of agent 1 \(short\) is inf at index 1"),
        ("how=wrong-shape", r"step 3: the observation of agent 0 \(long\) has shape \(2,\), not \(3,\)"),
        ("how=no-obs", "agent long is alive and has no observation"),
        ("how=nan-reward", r"step 3: the reward of agent 1 \(short\) is nan"),
        ("how=no-action", r"step 3: no action of agent 1 \(short\) is available"),
        ("how=wrong-mask", r"step 3: the action mask of agent 1 \(short\) has shape \(3,\), not \(2,\)"),
        ("how=nan-state&stateful=true", "step 3: the state is nan at index 0"),
        ("how=wrong-state&stateful=true", r"step 3: the state has shape \(2,\), not \(1,\)"),
        ("kind=mixed", "several kinds"),
        ("kind=text", r"agent long acts in Text.*can be Discrete"),
        ("colour=red", r"parallel_env\(colour='red'\) raises TypeError"),
    ],
    ids=lambda text: text if "=" in text and " " not in text else "",
)
def test_an_environment_that_breaks_the_contract_is_refused_by_name(make, options, message):
    name = planted(options)
    with pytest.raises(InputError, match=message) as refused:
        for _ in steps(make(name, batch=2), 5):
            pass
    assert name.partition("?")[0] in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pettingzoo:no.such_module", r"no cannot be imported|cannot be imported.*pip install 'marlcore\[deep\]'"),
        ("pettingzoo:planted_parallel:nothing", r"has no nothing\(\)"),
        ("pettingzoo:planted_parallel:refuses", "raises AssertionError: only with love"),
        ("pettingzoo:planted_parallel?workers=-1", "workers must be a whole number"),
        ("pettingzoo:planted_parallel?timeout=0", "timeout must be a number in"),
        ("mamujoco:HalfCheetah", "write ROBOT-PARTS"),
        ("mamujoco:Elephant-2x3?workers=1", "Elephant 2x3"),
        ("mamujoco:HalfCheetah-5x3?workers=1", "HalfCheetah 5x3"),
    ],
)
def test_tasks_that_cannot_be_made_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gymnasium_robotics", "mamujoco:Hopper-3x1?workers=1"),
        ("mpe2", "pettingzoo:mpe2.simple_spread_v3?workers=1"),
        ("gymnasium", "pettingzoo:planted_bare?workers=1"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(module, name, tmp_path, monkeypatch):
    """Workers get this process's sys.path, so a module planted in front of it hides the installed one."""
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('No module named {module}')")
    bare = "class E:\n    possible_agents = ['a']\n    action_space = observation_space = lambda self, agent: None\n"
    (tmp_path / "planted_bare.py").write_text(f"{bare}parallel_env = E\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=rf"No module named {module}.*pip install 'marlcore\[deep\]'"):
        envs.make(name)


@pytest.mark.parametrize(
    ("how", "place"), [("raises", "the planted failure"), ("exits", "exit status 3"), ("hangs", "")]
)
def test_a_lost_worker_is_reported_and_started_again_and_the_run_goes_on(make, tmp_path, how, place):
    """Worker 0 of 2 fails at step 3; worker 1's copies do not notice."""
    flag = tmp_path / "failed"
    timeout = "&timeout=2" if how == "hangs" else ""
    env = make(planted(f"how={how}&flag={flag}{timeout}", workers=2), batch=4, seed=1)
    calm = make(planted(workers=2), batch=4, seed=1)
    # only one of the two workers is to fail: the first one there makes the flag
    t, u = env.reset(), calm.reset()
    for k in range(7):
        before = t.obs.clone()
        actions = random_actions(env.spec, t.available, 5, k)
        if k == 2:
            with pytest.warns(RuntimeWarning, match=r"worker \d \(environments \d to \d\)") as warned:
                t = env.step(actions)
            lost = t.info["lost"].bool()
            report = str(warned[0].message)
            assert lost.sum() in (2, 4)
            assert place in report
            assert "planted_parallel.py" in report or how == "exits"
            assert torch.equal(t.truncated, lost)
            assert t.final is not None
            assert torch.equal(t.final.obs[lost], before[lost])
            assert t.reward[lost].abs().sum() == 0
            assert (t.obs[lost][:, 0, 0] == 0).all()
        else:
            t = env.step(actions)
            assert not bool(t.info["lost"].any())
        u = calm.step(random_actions(calm.spec, u.available, 5, k))
        if k == 2:
            # the lost copies go on with what would have been their next episode
            draws = t.obs[lost][:, 0, 1]
        if k == 4:
            assert torch.equal(u.obs[lost][:, 0, 1], draws)
    assert len(env.incidents) == (1 if lost.sum() == 2 else 2)


def test_the_second_loss_ends_the_run(make):
    env = make(planted("how=raises"), batch=2)
    with (
        pytest.warns(RuntimeWarning, match="the planted failure"),
        pytest.raises(LostWorkerError, match="again before"),
    ):
        for _ in steps(env, 6):
            pass
    assert not any(worker.process.is_alive() for worker in env._workers)


def test_a_worker_that_is_lost_while_saving_is_started_again_too(make):
    """Its copies end in the next step; what was saved of them goes on with the same next episodes."""
    env, calm = (make(planted(workers=2), batch=4, seed=1) for _ in range(2))
    for t, u in zip(steps(env, 2), steps(calm, 2), strict=True):
        assert torch.equal(t.obs, u.obs)
    env._workers[0].process.kill()
    with pytest.warns(RuntimeWarning, match=r"worker 0 \(environments 0 to 1\) died"):
        saved = env.save()
    env.save()  # a second time before the next step
    actions = random_actions(env.spec, t.available, 0, 2)
    after, u = env.step(actions), calm.step(actions)
    assert after.info["lost"].tolist() == [1, 1, 0, 0]
    assert after.truncated.tolist() == [True, True, False, False]
    assert after.final is not None
    assert torch.equal(after.final.obs[:2], t.obs[:2])
    assert after.reward[:2].abs().sum() == 0
    assert torch.equal(after.obs[2:], u.obs[2:])
    assert after.obs[:2, 0, 0].tolist() == [0, 0]
    begun = after.obs[:2].clone()
    for k in (3, 4):
        after = env.step(random_actions(env.spec, after.available, 0, k))
        u = calm.step(random_actions(calm.spec, u.available, 0, k))
    assert torch.equal(u.obs[:2, 0, 1], begun[:, 0, 1]), "not what would have been their next episodes"
    assert not bool(after.info["lost"].any())
    other = make(planted(workers=2), batch=4, seed=7)
    with pytest.warns(RuntimeWarning, match="environment [01] does not come back"):
        t = other.load(saved)
    assert torch.equal(t.obs[:2], begun)
    assert len(other.incidents) == 2


def interrupting(monkeypatch, times):
    """The next wait for a worker meets that many Ctrl-C."""
    answer, left = Worker.answer, [times]

    def interrupted(self, timeout):
        while left[0]:
            left[0] -= 1
            signal.raise_signal(signal.SIGINT)
        return answer(self, timeout)

    monkeypatch.setattr(Worker, "answer", interrupted)


@pytest.mark.parametrize("call", ["step", "save"])
def test_an_interrupt_waits_until_the_call_is_whole(make, monkeypatch, call):
    env, calm = (make(planted(workers=2), batch=4, seed=1) for _ in range(2))
    t, u = env.reset(), calm.reset()
    interrupting(monkeypatch, 1)
    actions = random_actions(env.spec, t.available, 0, 0)
    with pytest.raises(KeyboardInterrupt):
        env.save() if call == "save" else env.step(actions)
    if call == "step":
        u = calm.step(actions)
    for k in range(1, 7):
        actions = random_actions(calm.spec, u.available, 0, k)
        t, u = env.step(actions), calm.step(actions)
        assert torch.equal(t.obs, u.obs)
        assert torch.equal(t.reward, u.reward)
        for mine, theirs in zip(env.save()["played"], calm.save()["played"], strict=True):
            assert torch.equal(mine, theirs)


def test_a_second_interrupt_ends_the_workers(make, monkeypatch):
    env = make(planted(workers=2), batch=4, seed=1)
    t = env.reset()
    interrupting(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        env.step(random_actions(env.spec, t.available, 0, 0))
    assert not any(worker.process.is_alive() for worker in env._workers)
    for call in (env.save, env.reset):
        with pytest.raises(InputError, match="is closed: make it again"):
            call()


def test_a_state_that_fails_is_no_missing_state(make):
    with pytest.raises(InputError, match=r"state\(\) raises AttributeError: .*'missing'.*state=joined"):
        make(planted("stateful=true&how=state-bug"))
    assert make(planted("stateful=true&how=state-bug&state=joined")).spec.state_size == 5
    assert make(planted("stateful=true&how=no-state-inside")).spec.state_size == 5


def test_what_does_not_repeat_is_said_when_it_is_loaded(make):
    env = make(planted("how=forgets-seed"), batch=2)
    for _ in steps(env, 2):
        pass
    saved = env.save()
    with pytest.warns(RuntimeWarning, match="environment [01] does not come back"):
        t = env.load(saved)
    assert t.obs[:, 0, 0].tolist() == [0, 0]
    assert len(env.incidents) == 2


def test_a_saved_batch_must_fit(make):
    with pytest.raises(InputError, match="saved batch of 1 does not fit 2"):
        make(planted(), batch=2).load(make(planted(), batch=1).save())


def test_the_number_of_workers_changes_nothing(make):
    one, three = (make(planted(workers=w), batch=5, seed=2) for w in (1, 3))
    assert len(three._workers) == 3
    for t, u in zip(steps(one, 12), steps(three, 12), strict=True):
        assert torch.equal(t.obs, u.obs)
        assert torch.equal(t.reward, u.reward)


def test_what_runs_in_workers_imports_no_torch():
    modules = "deep.worker.copies, deep.worker.pettingzoo, deep.worker.mamujoco, marlcore.kit.workers"
    code = f"import sys, {modules}; print('torch' in sys.modules, 'numba' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_a_state_may_be_the_observations_instead(make):
    """mpe2's state() is all observations one after another."""
    own, joined = (
        make(f"pettingzoo:mpe2.simple_spread_v3?workers=1&state={word}", batch=2) for word in ("own", "joined")
    )
    for t, u in zip(steps(own, 30), steps(joined, 30), strict=True):
        assert torch.equal(t.state, u.state)
    name = planted("stateful=true&state=joined")
    assert make(name).spec.state_size == 5
    assert make(planted("stateful=true")).spec.state_size == 1


def test_mpe2_through_workers_is_mpe2(make):
    """Episodes from the same seeds and actions, in the parent by mpe2 itself."""
    from marlcore import streams

    env = make("pettingzoo:mpe2.simple_spread_v3?workers=1", batch=2, seed=9)
    peer = importlib.import_module("mpe2.simple_spread_v3").parallel_env()
    t = env.reset()
    for episode in range(2):
        seen, _ = peer.reset(seed=int(streams.words(9, 1, episode)[0]) >> 1)
        for k in range(25):
            np.testing.assert_array_equal(t.obs[1].numpy(), np.stack(list(seen.values())))
            np.testing.assert_array_equal(t.state[1].numpy(), peer.state())
            actions = random_actions(env.spec, t.available, episode, k)
            t = env.step(actions)
            seen, reward, *_ = peer.step(dict(zip(peer.agents, actions[1].tolist(), strict=True)))
            np.testing.assert_array_equal(t.reward[1].numpy(), np.float32(list(reward.values())))
        assert bool(t.truncated[1])


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("HalfCheetah-2x3", (12, 12)),
        ("HalfCheetah-6x1", (8, 9, 9, 8, 9, 9)),
        ("Ant-2x4", (63, 63)),
        ("Walker2d-2x3", (12, 12)),
    ],
)
def test_robots_step_save_and_load(make, task, sizes):
    env = make(f"mamujoco:{task}?workers=1", batch=1, seed=3)
    assert len(env.spec.obs_sizes) == len(sizes)
    assert env.spec.team
    assert env.spec.episode_limit == 1000
    for t in steps(env, 8):
        available = t.available
    saved, actions = env.save(), random_actions(env.spec, available, 1, 0)
    before = t.obs.clone()
    ahead = env.step(actions)
    other = make(f"mamujoco:{task}?workers=1", batch=1, seed=4)
    assert torch.equal(other.load(saved).obs, before)
    again = other.step(actions)
    assert torch.equal(again.obs, ahead.obs)
    assert torch.equal(again.state, ahead.state)
    assert torch.equal(again.reward, ahead.reward)
    assert not torch.equal(again.obs, before)
    assert not other.incidents


SCRIPT = """
    import torch
    from deep import envs
    env = envs.make("pettingzoo:mpe2.simple_spread_v3?workers=2", batch=2)
    env.step(torch.zeros(2, 3, dtype=torch.int64))
    print("once")
"""


@pytest.mark.parametrize("typed", [False, True], ids=["script", "prompt"])
def test_a_script_without_a_main_guard_runs_once(tmp_path, typed):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    source = "-" if typed else str(script)  # typed at a prompt or in a notebook: no file at all
    done = subprocess.run([sys.executable, source], input=script.read_text(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "once\n"), done.stderr
    assert not re.search("leaked|Traceback", done.stderr)
