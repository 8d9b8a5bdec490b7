"""Environment steps a second: the compiled particle worlds beside mpe2 and VMAS, games, dispersion, robots in workers.

A step of B copies is B environment steps, of all agents at once. To reach: ``mpe:`` 10⁵ a second on one core at B = 20
and 128; on a GPU a rollout of games and dispersion with a 64×64 policy at B = 4096, 10⁶. Environments in workers use
two processes besides this one, so they need three cores to show what they can.
"""

import functools
import sys
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from deep import envs
from marlcore.kit import peer
from marlcore.kit.benchmark import Case

BATCH = 4096


def cases() -> list[Case]:
    """Steps without a policy, then rollouts with one; peers where they are installed."""
    made = [
        steps("mpe:simple_spread", 20, "simple_spread"),
        steps("mpe:simple_spread", 128, "simple_spread"),
        steps("pettingzoo:mpe2.simple_spread_v3?workers=2&reward=sum&state=joined", 20, "simple_spread"),
        Case("mpe2 simple_spread, one copy, one core", mpe2_episode, 25, "env steps", peer=True, group="simple_spread"),
    ]
    made += [vmas(1), vmas(64), vmas(1024)]
    for name in ("game:climbing", "game:soccer", "dispersion:line", "dispersion:grid", "navigation:different"):
        made.append(steps(name, BATCH, "tensors"))
    made += [steps(f"mamujoco:{task}?workers=2", 20, "robots") for task in ("HalfCheetah-2x3", "Ant-2x4")]
    made.append(Case("HalfCheetah-2x3, one copy, one core", robot_steps, 100, "env steps", peer=True, group="robots"))
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if "cuda" not in devices:
        text = f"no CUDA device (torch {torch.__version__}): rollouts at B = {BATCH} are timed on the CPU alone"
        print(text, file=sys.stderr)
    for device in devices:
        for name in ("game:climbing", "game:soccer", "dispersion:line", "dispersion:grid"):
            made.append(rollout(name, device))
    return made


def steps(name, batch, group):
    """One step of ``batch`` copies, actions drawn beforehand."""

    @functools.cache
    def ready():
        env = envs.make(name, batch=batch)
        available = env.reset().available.clone()
        return env, [envs.random_actions(env.spec, available, 0, k) for k in range(8)]

    def job():
        env, actions = ready()
        for taken in actions:
            env.step(taken)

    return Case(f"{name}, B={batch}", job, 8 * batch, "env steps", group=group)


def rollout(name, device):
    """Steps in which a 64×64 network draws every agent's action."""

    @functools.cache
    def ready():
        env = envs.make(name, batch=BATCH, device=device)
        sizes = (env.spec.obs_size, 64, 64, env.spec.n_actions)
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.Tanh())]
        return env, nn.Sequential(*layers[:-1]).to(device), env.reset().obs

    def job():
        env, policy, obs = ready()
        with torch.no_grad():
            for _ in range(8):
                logits = policy(obs)
                noise = -torch.empty_like(logits).exponential_().log()
                obs = env.step((logits + noise).argmax(-1)).obs
        if device == "cuda":
            torch.cuda.synchronize()

    return Case(f"{name}, 64×64 policy, B={BATCH}, {device}", job, 8 * BATCH, "env steps", group=f"rollout, {device}")


@functools.cache
def _mpe2():
    from mpe2 import simple_spread_v3

    return simple_spread_v3.parallel_env()


def mpe2_episode():
    """An episode of mpe2 by itself."""
    env = _mpe2()
    env.reset(seed=0)
    while env.agents:
        env.step(dict.fromkeys(env.agents, 1))


@functools.cache
def _robot():
    from deep.worker.mamujoco import make

    robot = make("HalfCheetah-2x3", "HalfCheetah", "2x3", {})
    robot.reset(0)
    return robot


def robot_steps():
    """A hundred steps of Gymnasium-Robotics by itself."""
    env = _robot()._env
    for _ in range(100):
        env.step({agent: env.action_space(agent).high / 3 for agent in env.possible_agents})


def vmas(batch):
    """VMAS's own version of simple_spread, in the Python that has it."""
    job = peer.Peer(Path(__file__).parent / "peers" / "vmas_spread.py", "steps", batch, 5)
    name, absent = f"VMAS simple_spread, B={batch}", peer.missing("vmas")
    return Case(name, job, 5 * batch, "env steps", peer=True, group="simple_spread", absent=absent)
