"""A batch whose copies live in worker processes and share their memory with this one.

    env = WorkerEnvironment(name, make, arguments, batch, device, seed, first, workers=2, timeout=60)

``make(*arguments)`` gives one copy (``deep.worker.single.Single``); it runs in the workers, which import no torch, have
one thread each and end with this process. The copies are cut into as many slices as there are workers.

A worker that dies, fails or does not answer within ``timeout`` seconds is reported with its traceback, as a warning and
in ``env.incidents``, and made again, once; the second time the run ends with ``LostWorkerError``. Its copies go on with
their next episodes: in this step they are truncated, with reward 0, the last view that they gave is ``final``, and
``t.info["lost"]`` is 1. One that is lost while it is asked what to save ends its episodes in the step that follows.
Bad input (``InputError``) is not tried again. An interrupt waits until the call under way is whole, and is raised then:
no answer is left over for the next call. A second one ends the workers.

A copy is a function of its seed and actions, so nothing of the task itself is stored: ``save`` keeps the actions of the
episodes that are under way, and ``load`` plays them again from their seeds. A copy that then shows something else is no
such function: it is reported and starts its next episode.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.envs.options import Reader
from deep.envs.protocol import Environment, Final, Timestep, check_actions, check_seed
from deep.worker.copies import SLOTS, Copies, layout
from deep.worker.single import Single
from marlcore.errors import InputError
from marlcore.kit.workers import Block, LostWorkerError, Worker, undivided

TIMEOUT = 60.0
START = 120.0
"""Seconds that a worker has, besides its timeout, to import what it needs and make its copies."""
RESTARTS = 1
SHOWN = ("obs", "state", "available", "alive")


class WorkerEnvironment(Environment):
    """B copies in W processes. Its tensors are overwritten by the step after the next."""

    def __init__(
        self,
        name: str,
        make: Callable[..., Single],
        arguments: Sequence[Any],
        batch: int,
        device: torch.device,
        seed: int,
        first: int = 0,
        *,
        workers: int | None = None,
        timeout: float = TIMEOUT,
        limit: int | None = None,
        reward: str = "own",
    ) -> None:
        self.batch, self.device, self.seed, self.first = batch, device, seed, first
        self.incidents: list[str] = []
        self._timeout, self._limit, self._reward = timeout, limit, reward
        count = min(batch, workers or os.cpu_count() or 1)
        self._cuts = [round(batch * w / count) for w in range(count + 1)]
        self._make, self._arguments = make, tuple(arguments)
        self._restarts = [0] * count
        self._owed: set[int] = set()
        """Workers that are there again, whose copies still have to begin their next episodes."""
        self._workers: list[Worker] = []
        self._finalizer = weakref.finalize(self, _close, self._workers)
        for w in range(count):
            self._workers.append(self._start(w))
        spec, self._figures = self._described(name)
        team = reward != "own" or spec.team
        self.spec = replace(spec, name=name, team=team, episode_limit=limit or spec.episode_limit)
        self._block = Block(layout(self.spec, batch, len(self._figures)))
        self._memory = self._block.arrays()
        self._tensors = {key: torch.from_numpy(array) for key, array in self._memory.items()}
        self._episodes, self._slot = np.zeros(batch, dtype=np.int64), 0
        for w in range(count):
            self._attach(w)
        self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        with self._whole():
            self.seed = self.seed if seed is None else check_seed(seed)
            self._episodes[:] = 0
            self._slot = (self._slot + 1) % SLOTS
            for w, worker in enumerate(self._workers):
                worker.ask("reset", self.seed, self._rows(w, self._episodes), self._slot)
            self._owed.clear()
            self._gather()
            return self._show()

    def step(self, actions: Tensor) -> Timestep:
        """One step of every copy, the slices side by side."""
        check_actions(self.spec, actions.cpu(), self._tensors[f"available{self._slot}"])
        with self._whole():
            self._memory["actions"][:] = actions.detach().cpu().numpy().reshape(self._memory["actions"].shape)
            self._slot = (self._slot + 1) % SLOTS
            for w, worker in enumerate(self._workers):
                if w not in self._owed:
                    worker.ask("step", self._slot)
            lost = self._gather()
            done = self._memory[f"terminated{self._slot}"] | self._memory[f"truncated{self._slot}"]
            self._episodes += done
            final = Final(self._tensor("final_obs"), self._tensor("final_state")) if done.any() else None
            return self._show(final, lost)

    def save(self) -> dict[str, Any]:
        """Seed, episodes, their actions so far, and what is shown.

        Of copies that are lost here no actions are known: loaded, they do not come back, and begin their next episodes.
        """
        with self._whole():
            played = self._histories()
        return {
            "seed": self.seed,
            "episodes": torch.from_numpy(self._episodes.copy()),
            "played": [torch.from_numpy(history) for history in played],
            **{name: self._tensors[f"{name}{self._slot}"].clone() for name in SHOWN},
        }

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Play the saved episodes again."""
        if len(saved["played"]) != self.batch:
            raise InputError(
                f"{self.spec.name}: a saved batch of {len(saved['played'])} does not fit {self.batch} copies"
            )
        with self._whole():
            return self._replayed(saved)

    def close(self) -> None:
        """End the workers."""
        self._finalizer()

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """A call to the workers that an interrupt does not cut in two; one that is cut all the same ends them."""
        if not self._finalizer.alive:
            raise InputError(f"{self.spec.name} is closed: make it again")
        try:
            with undivided():
                yield
        except (KeyboardInterrupt, SystemExit) as stop:
            if not getattr(stop, "whole", False):
                self.close()
            raise

    def _histories(self) -> list[np.ndarray]:
        """The actions of every copy's episode."""
        for worker in self._workers:
            worker.ask("history")
        played: list[np.ndarray] = []
        for w, worker in enumerate(self._workers):
            try:
                played += worker.answer(self._timeout)
            except LostWorkerError as error:
                self._again(w, error)
                self._owed.add(w)
                played += [self._memory["actions"][:0].copy()] * (self._cuts[w + 1] - self._cuts[w])
        return played

    def _replayed(self, saved: Mapping[str, Any]) -> Timestep:
        self._owed.clear()
        self.seed = int(saved["seed"])
        self._episodes[:] = saved["episodes"].cpu().numpy()
        played = [history.cpu().numpy() for history in saved["played"]]
        self._slot = (self._slot + 1) % SLOTS
        for name in SHOWN:
            self._tensors[f"{name}{self._slot}"].copy_(saved[name])
        for name in ("reward", "terminated", "truncated", "figures"):
            self._memory[f"{name}{self._slot}"][:] = 0
        for w, worker in enumerate(self._workers):
            worker.ask("replay", self.seed, self._rows(w, self._episodes), self._rows(w, played), self._slot)
        steps = max(len(history) for history in played) * self.batch
        same = [agrees for worker in self._workers for agrees in worker.answer(self._timeout * (1 + steps))]
        for b in np.flatnonzero(~np.array(same)):
            self._episodes[b] += 1
            self._report(
                f"{self.spec.name}: environment {b} does not come back to where it was when its actions are played "
                "again: it starts its next episode, and this run is not the one that was saved, bit for bit"
            )
        return self._show()

    def _start(self, w: int) -> Worker:
        return Worker(Copies, self._make, self._arguments, self._cuts[w], self._cuts[w + 1] - self._cuts[w])

    def _described(self, name: str) -> tuple[Any, tuple[str, ...]]:
        """What the first worker says of the task, when all are there."""
        for worker in self._workers:
            worker.answer(START + self._timeout)
        self._workers[0].ask("describe")
        return self._workers[0].answer(self._timeout)

    def _attach(self, w: int) -> None:
        self._workers[w].ask("attach", self._block, self.seed, self.first, self._limit, self._reward)
        self._workers[w].answer(self._timeout)

    def _gather(self) -> Tensor:
        """Wait for every worker; which copies were lost, (B,) float32."""
        until = time.monotonic() + self._timeout
        lost = torch.zeros(self.batch)
        for w, worker in enumerate(self._workers):
            try:
                if w not in self._owed:
                    worker.answer(max(0.0, until - time.monotonic()))
                    continue
                self._owed.discard(w)
            except LostWorkerError as error:
                self._again(w, error)
            except InputError:
                self.close()
                raise
            self._next(w)
            lost[self._cuts[w] : self._cuts[w + 1]] = 1
        return lost

    def _again(self, w: int, error: LostWorkerError) -> None:
        """Make a worker again, once."""
        rows = slice(self._cuts[w], self._cuts[w + 1])
        where = f"{self.spec.name}: worker {w} (environments {rows.start} to {rows.stop - 1}) {error}"
        if self._restarts[w] >= RESTARTS:
            self.close()
            raise LostWorkerError(f"{where}\nit had been started again before; the run ends here") from None
        self._restarts[w] += 1
        self._report(f"{where}\nit is started again, its environments with their next episodes")
        self._workers[w] = self._start(w)
        self._workers[w].answer(START + self._timeout)
        self._attach(w)

    def _next(self, w: int) -> None:
        """A worker's copies begin their next episodes, and this step is the end of the last ones."""
        rows = slice(self._cuts[w], self._cuts[w + 1])
        self._workers[w].ask("reset", self.seed, self._rows(w, self._episodes + 1), self._slot)
        self._workers[w].answer(self._timeout)
        before = (self._slot + 1) % SLOTS
        self._memory[f"truncated{self._slot}"][rows] = True
        for name in ("obs", "state"):
            self._memory[f"final_{name}{self._slot}"][rows] = self._memory[f"{name}{before}"][rows]

    def _report(self, text: str) -> None:
        self.incidents.append(text)
        warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _rows(self, w: int, values: Any) -> list[Any]:
        part = values[self._cuts[w] : self._cuts[w + 1]]
        return part.tolist() if isinstance(part, np.ndarray) else list(part)

    def _tensor(self, name: str) -> Tensor:
        return self._tensors[f"{name}{self._slot}"].to(self.device)

    def _show(self, final: Final | None = None, lost: Tensor | None = None) -> Timestep:
        figures = self._tensor("figures")
        lost = torch.zeros(self.batch) if lost is None else lost
        info = {"lost": lost.to(self.device), **{name: figures[:, k] for k, name in enumerate(self._figures)}}
        shown = {name: self._tensor(name) for name in (*SHOWN, "reward", "terminated", "truncated")}
        return Timestep(**shown, final=final, info=info)


def worker_options(read: Reader) -> dict[str, Any]:
    """The options that every family in workers has: ``workers``, ``timeout``, ``limit``."""
    return {
        "workers": read.integer("workers", 0) or None,
        "timeout": read.number("timeout", TIMEOUT, 0.01),
        "limit": read.integer("limit", 0) or None,
    }


def _close(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
