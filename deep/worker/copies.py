"""The copies of a worker: they step in turn, and what they show is checked and written into shared memory.

An observation of a wrong shape, a number that is not finite, and a mask without an available action are refused with
the copy, the step and the agent named. An ended copy starts its next episode within the same step. Episode k of copy b
begins with seed  ⌊word 0 of (seed, b, k) / 2⌋,  so a copy can be brought to where it was by playing the actions of its
episode again (``history``, ``replay``): bit for bit, if the task is a function of its seed and actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deep.spaces import Box, Discrete, MultiDiscrete, Spec
from deep.worker.single import Single, View
from marlcore import streams
from marlcore.errors import InputError
from marlcore.kit.workers import Block

SLOTS = 2
"""What is shown is written into two sets of arrays in turn, so a worker that is lost leaves the last view whole."""


def layout(spec: Spec, batch: int, figures: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """The arrays that a batch of copies shares with its owner."""
    n = spec.n_agents
    shown = {
        "obs": ((batch, n, spec.obs_size), "float32"),
        "state": ((batch, spec.state_size), "float32"),
        "available": ((batch, n, spec.n_actions), "bool"),
        "alive": ((batch, n), "bool"),
        "reward": ((batch, n), "float32"),
        "terminated": ((batch,), "bool"),
        "truncated": ((batch,), "bool"),
        "final_obs": ((batch, n, spec.obs_size), "float32"),
        "final_state": ((batch, spec.state_size), "float32"),
        "figures": ((batch, figures), "float32"),
    }
    twice = {f"{name}{slot}": shape for slot in range(SLOTS) for name, shape in shown.items()}
    kind = "float32" if spec.action_kind == "box" else "int64"
    return {"actions": ((batch, n, spec.action_size), kind), **twice}


class Copies:
    """Rows ``start``, …, ``start + count − 1`` of a batch."""

    def __init__(self, make: Callable[..., Single], arguments: Sequence[Any], start: int, count: int) -> None:
        self._singles = [make(*arguments) for _ in range(count)]
        self._spec = self._singles[0].spec
        self._start = start
        self._own_choices = self._mask(0, View([], np.empty(0)), np.ones(self._spec.n_agents, dtype=bool))
        self._age = [0] * count
        self._played: list[list[np.ndarray]] = [[] for _ in range(count)]

    def describe(self) -> tuple[Spec, tuple[str, ...]]:
        """The spec, and the names of the figures."""
        return self._spec, self._singles[0].figures

    def attach(self, block: Block, seed: int, first: int, limit: int | None, team: str) -> None:
        """Share this memory from here on; ``team`` is what agents get of all rewards: own, sum or mean."""
        self._memory, self._seed, self._first, self._limit, self._team = block.arrays(), seed, first, limit, team

    def reset(self, seed: int, episodes: Sequence[int], slot: int) -> None:
        """Every copy at the start of an episode."""
        self._seed, self._episodes = seed, list(episodes)
        for c in range(len(self._singles)):
            self._begin(c, slot)
            for name in ("reward", "terminated", "truncated", "figures"):
                self._memory[f"{name}{slot}"][self._start + c] = 0

    def step(self, slot: int) -> None:
        """One step of every copy."""
        for c, single in enumerate(self._singles):
            b = self._start + c
            actions = self._memory["actions"][b].copy()
            outcome = single.step(actions)
            self._played[c].append(actions)
            self._age[c] += 1
            cut = self._limit is not None and self._age[c] >= self._limit
            terminated = bool(outcome.terminated)
            truncated = not terminated and (bool(outcome.truncated) or cut)
            self._memory[f"terminated{slot}"][b] = terminated
            self._memory[f"truncated{slot}"][b] = truncated
            self._memory[f"reward{slot}"][b] = self._rewards(c, outcome.rewards)
            self._memory[f"figures{slot}"][b] = [outcome.figures.get(name, 0.0) for name in single.figures]
            if terminated or truncated:
                self._look(c, outcome.view, self._memory[f"final_obs{slot}"], self._memory[f"final_state{slot}"])
                self._episodes[c] += 1
                self._begin(c, slot)
            else:
                self._write(c, outcome.view, slot)

    def history(self) -> list[np.ndarray]:
        """The actions of each copy's episode so far, (age, n, d)."""
        empty = self._memory["actions"][:0]
        return [np.array(played) if played else empty.copy() for played in self._played]

    def replay(self, seed: int, episodes: Sequence[int], histories: Sequence[np.ndarray], slot: int) -> list[bool]:
        """Play those episodes again; whether each copy then shows what ``slot`` holds. The others begin anew."""
        self._seed, self._episodes = seed, list(episodes)
        same = []
        for c, history in enumerate(histories):
            b, names = self._start + c, ("obs", "state", "available", "alive")
            wanted = {name: self._memory[f"{name}{slot}"][b].copy() for name in names}
            self._begin(c, slot)
            for actions in history:
                outcome = self._singles[c].step(actions)
                self._played[c].append(actions)
                self._age[c] += 1
                self._write(c, outcome.view, slot)
            same.append(all(np.array_equal(self._memory[f"{name}{slot}"][b], wanted[name]) for name in names))
            if not same[-1]:
                self._episodes[c] += 1
                self._begin(c, slot)
        return same

    def close(self) -> None:
        """Close every copy."""
        for single in self._singles:
            single.close()

    def _begin(self, c: int, slot: int) -> None:
        self._age[c], self._played[c] = 0, []
        b = self._first + self._start + c
        seed = int(streams.words(self._seed, b, self._episodes[c])[0]) >> 1
        self._write(c, self._singles[c].reset(seed), slot)

    def _write(self, c: int, view: View, slot: int) -> None:
        b = self._start + c
        self._look(c, view, self._memory[f"obs{slot}"], self._memory[f"state{slot}"])
        alive = self._memory[f"alive{slot}"][b]
        alive[:] = True if view.alive is None else view.alive
        masked = view.available is not None and any(own is not None for own in view.available)
        plain = not masked and bool(alive.all())
        self._memory[f"available{slot}"][b] = self._own_choices if plain else self._mask(c, view, alive)

    def _look(self, c: int, view: View, obs: np.ndarray, state: np.ndarray) -> None:
        """The observations and the state into their rows, zeros beyond each agent's own size."""
        b = self._start + c
        for i, (own, size) in enumerate(zip(view.obs, self._spec.obs_sizes, strict=True)):
            obs[b, i, 0 if own is None else size :] = 0
            if own is None:
                continue
            if own.shape != (size,):
                self._refuse(c, f"the observation of {self._agent(i)} has shape {own.shape}, not {(size,)}")
            obs[b, i, :size] = own
        if view.state.shape != (self._spec.state_size,):
            self._refuse(c, f"the state has shape {view.state.shape}, not {(self._spec.state_size,)}")
        state[b] = view.state
        if not np.isfinite(obs[b]).all():
            i, k = np.argwhere(~np.isfinite(obs[b]))[0]
            self._refuse(c, f"the observation of {self._agent(i)} is {obs[b, i, k]} at index {k}")
        if not np.isfinite(state[b]).all():
            k = int(np.argwhere(~np.isfinite(state[b]))[0, 0])
            self._refuse(c, f"the state is {state[b, k]} at index {k}")

    def _mask(self, c: int, view: View, alive: np.ndarray) -> np.ndarray:
        """(n, A): own choices where there is no mask; only the first of each dimension for the dead."""
        spec = self._spec
        mask = np.zeros((spec.n_agents, spec.n_actions), dtype=bool)
        for i, space in enumerate(spec.spaces):
            if isinstance(space, Box):
                continue
            counts = (space.n,) if isinstance(space, Discrete) else space.counts
            own = None if view.available is None else view.available[i]
            if own is not None and alive[i] and own.shape != (sum(counts),):
                self._refuse(c, f"the action mask of {self._agent(i)} has shape {own.shape}, not {(sum(counts),)}")
            begin = taken = 0
            for k, width in enumerate(spec.action_counts):
                count = counts[k] if k < len(counts) else 1
                row = mask[i, begin : begin + count]
                row[:] = [True] + [False] * (count - 1)
                if alive[i] and k < len(counts):
                    row[:] = True if own is None else own[taken : taken + count].astype(bool)
                    if not row.any():
                        where = f" in dimension {k}" if isinstance(space, MultiDiscrete) else ""
                        self._refuse(c, f"no action of {self._agent(i)} is available{where}")
                begin, taken = begin + width, taken + count
        return mask

    def _rewards(self, c: int, rewards: np.ndarray) -> np.ndarray:
        n = self._spec.n_agents
        rewards = np.asarray(rewards)
        if rewards.shape != (n,):
            self._refuse(c, f"the rewards have shape {rewards.shape}, not {(n,)}")
        if not np.isfinite(rewards.astype(np.float32)).all():
            i = int(np.argwhere(~np.isfinite(rewards.astype(np.float32)))[0, 0])
            self._refuse(c, f"the reward of {self._agent(i)} is {rewards[i]}")
        if self._team == "own":
            return rewards
        return np.full(n, rewards.sum() if self._team == "sum" else rewards.mean())

    def _agent(self, i: int) -> str:
        names = self._spec.agent_names
        return f"agent {i} ({names[i]})" if names else f"agent {i}"

    def _refuse(self, c: int, what: str) -> None:
        raise InputError(f"{self._spec.name}: environment {self._start + c}, step {self._age[c]}: {what}")
