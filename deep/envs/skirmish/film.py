"""An episode of a battle as frames: a ``Recorder`` stands between whoever plays and the first copy of a ``Skirmish``.

    recorder = Recorder(envs.make("skirmish:3m"))      recorder.frames, recorder.title

It is an environment itself, so whatever plays environments can be filmed. When the episode ends the environment has
started the next one within the step; the last picture is that step taken once more from a copy of the battle before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from deep.envs.protocol import Environment, Timestep
from deep.envs.skirmish import fields, render, step
from deep.envs.skirmish.env import Skirmish
from marlcore.errors import InputError

FRAMES = 1000
"""More frames than this are not kept: an episode of the longest map has 400 steps."""


class Recorder(Environment):
    """``env`` as it is, and pictures of its copy 0 until its first episode ends."""

    def __init__(self, env: Environment, title: str = "") -> None:
        if not isinstance(env, Skirmish):
            raise InputError(f"only battles can be watched: {env.spec.name} is none; for example --env skirmish:3m")
        self.env, self.title = env, title
        self.spec, self.batch, self.device = env.spec, env.batch, env.device
        self.frames: list[np.ndarray] = []
        self.result: dict[str, Any] = {}
        self._total, self._age = 0.0, 0

    def reset(self, seed: int | None = None) -> Timestep:
        """The start of the first episode."""
        t = self.env.reset(seed)
        self.frames, self.result, self._total, self._age = [], {}, 0.0, 0
        self._keep(*self._units(), before=None)
        return t

    def step(self, actions: Tensor) -> Timestep:
        """A step of the environment and a frame of what happened."""
        env = self.env
        arrays = [x[0].cpu().numpy().copy() for x in (env.f, env.k, env.c, env.g)]
        t = env.step(actions)
        if self.result:
            return t
        self._age += 1
        self._total += float(t.reward[0, 0])
        if bool(t.done[0]):
            ending = "won" if bool(t.info["won"][0]) else "lost" if bool(t.terminated[0]) else "out of time"
            self.result = {
                "outcome": ending,
                "return": self._total,
                "steps": self._age,
                "dead_allies": int(t.info["dead_allies"][0]),
                "dead_enemies": int(t.info["dead_enemies"][0]),
            }
            before = arrays[0].copy()
            self._once_more(arrays, actions[0].cpu().numpy())
            self._keep(arrays[0], arrays[1], before, ending)
        else:
            self._keep(*self._units(), before=arrays[0])
        return t

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        return self.env.f[0].cpu().numpy().copy(), self.env.k[0].cpu().numpy().copy()

    def _once_more(self, arrays: list[np.ndarray], actions: np.ndarray) -> None:
        scene, env = self.env.scene, self.env
        scratch = np.zeros((fields.SCRATCH, arrays[0].shape[1]), dtype=np.float32)
        step.step_battle(
            *(*arrays, scratch, scene.table, scene.sizes, scene.values, scene.ground, scene.paths),
            *(env.seed, env.first, actions),
        )

    def _keep(self, f: np.ndarray, k: np.ndarray, before: np.ndarray | None, ending: str = "") -> None:
        if len(self.frames) >= FRAMES:
            return
        n = self.env.map.n
        alive = f[fields.HP] > 0
        score = f"allies {alive[:n].sum()}/{n}  enemies {alive[n:].sum()}/{len(alive) - n}  return {self._total:.2f}"
        text = f"{self.env.map.name}  {self.title}  step {self._age}  {score}  {ending}"
        self.frames.append(render.frame(render.View(self.env.scene, f, k, before, text)))


def play_script(env: Environment, policy: str, seed: int) -> None:
    """One episode of copy 0 by a scripted policy."""
    from deep.envs.skirmish import policies

    inner = env.env if isinstance(env, Recorder) else env
    env.reset()
    done, age = False, 0
    while not done:
        done = bool(env.step(policies.act(inner, policy, seed, age)).done[0])
        age += 1
