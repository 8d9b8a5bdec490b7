"""What an environment is here: B copies of one task that step together, tensors in, tensors out.

    t = env.reset()             t.obs (B, n, o)   t.state (B, s)   t.available (B, n, A)   t.alive (B, n)
    t = env.step(actions)       t.reward (B, n)   t.terminated (B,)   t.truncated (B,)   t.final

- **Actions** are ``(B, n)`` int64 (``Discrete``), ``(B, n, d)`` int64 (``MultiDiscrete``) or ``(B, n, d)`` float32
  (``Box``). One that is out of range or not available is refused with agent and environment named, never clamped.
- **Ends.** ``terminated`` means that nothing follows, so the value after it is 0; ``truncated`` that the clock ran
  out, so the value after it is that of the last observation. Never both. A finished copy starts its next episode
  within the same step: ``t.obs``, ``t.state``, ``t.available`` and ``t.alive`` are then the first of the next episode,
  and ``t.final`` holds the last observation and state of the one that ended (rows of copies that go on have no
  meaning; it is None when no copy ended).
- **Seeds.** Copy b is number ``first + b`` of ``seed``; all that happens to it is a function of (seed, first + b,
  its actions). So a batch may be cut into shards, and copy b does not notice how many others there are. ``reset()``
  goes back to the first episode of every copy, ``reset(seed)`` to that of another seed.
- **Padding.** Agents of unequal observation or action sizes are padded to the largest: zeros in ``obs``, False in
  ``available``. The spec has each agent's own sizes.
- **Dtypes.** obs, state, reward float32; masks bool; all on ``env.device``. An environment may use the memory of a
  ``Timestep`` again at the next step: copy what you keep.
- **State.** ``save()`` gives plain data (tensors, numbers, strings, bytes, in dicts and lists) from which ``load()``
  goes on bit for bit; where that cannot be, ``spec.saves`` is False and both refuse.
- **Worker processes** (``deep.envs.workers``) may die or hang. One that does is reported and started again once; in
  that step its copies are truncated with reward 0 and the last view they gave as ``final``, ``info["lost"]`` is 1 for
  them, and they go on with their next episodes. An environment that gives NaN, a wrong shape or a mask without an
  available action is bad input, named by environment, step and agent.
- **Alive** marks the agents that act. A dead agent stays in the batch with ``available`` true for its no-op only; an
  episode's end, not the death of one agent, ends the recurrent state.
- **Names** are ``family:task`` or ``family:task?key=value&key=value`` (``deep.envs.naming``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from deep.spaces import Box, Discrete, MultiDiscrete, Space, Spec
from marlcore import streams
from marlcore.errors import InputError

__all__ = [
    "Box",
    "Discrete",
    "Environment",
    "Family",
    "Final",
    "MultiDiscrete",
    "Space",
    "Spec",
    "Timestep",
    "bounds",
    "check_actions",
    "check_seed",
    "full_mask",
    "random_actions",
]


@dataclass(frozen=True)
class Final:
    """The last observation and state of the episodes that ended in this step."""

    obs: Tensor
    """(B, n, o)"""
    state: Tensor
    """(B, s)"""


@dataclass(frozen=True)
class Timestep:
    """What all copies show after a reset or a step."""

    obs: Tensor
    """(B, n, o) float32"""
    state: Tensor
    """(B, s) float32"""
    available: Tensor
    """(B, n, A) bool"""
    alive: Tensor
    """(B, n) bool"""
    reward: Tensor
    """(B, n) float32; zeros after a reset"""
    terminated: Tensor
    """(B,) bool"""
    truncated: Tensor
    """(B,) bool"""
    final: Final | None = None
    info: Mapping[str, Tensor] = field(default_factory=dict)
    """Figures of the episodes that ended in this step, each (B,): ``won``, …; read them where ``done``."""

    @property
    def done(self) -> Tensor:
        """(B,): terminated or truncated."""
        return self.terminated | self.truncated


class Environment(ABC):
    """B copies of a task. A concrete environment is final and keeps the contract of this module."""

    spec: Spec
    batch: int
    device: torch.device

    @abstractmethod
    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""

    @abstractmethod
    def step(self, actions: Tensor) -> Timestep:
        """One step of every copy; finished copies start again."""

    def save(self) -> dict[str, Any]:
        """All that the next step depends on, as plain data."""
        raise InputError(f"{self.spec.name} cannot be saved: a run on it that is resumed goes on with other episodes")

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from what ``save`` gave; the ``Timestep`` that was current then, its reward and ends left out."""
        raise InputError(f"{self.spec.name} cannot be loaded: a run on it that is resumed goes on with other episodes")

    def close(self) -> None:  # noqa: B027 - most environments hold nothing to release
        """Release processes and memory; a second call does nothing."""


@dataclass(frozen=True)
class Family:
    """An entry of the extension point ``environments``: the tasks of one family and how to make them."""

    make: Callable[..., Environment]
    """make(task, batch, device, seed, first, **options): the options are those of the name, text by text."""
    tasks: Callable[[], Sequence[str]]
    """The tasks that are known by name (any other may work as well: a file, a parameter)."""
    examples: tuple[str, ...]
    """The tasks that the conformance suite runs."""
    apart: bool = False
    """Whether copies live in processes of their own."""


def check_actions(spec: Spec, actions: Tensor, available: Tensor) -> None:
    """Refuse actions of a wrong shape or dtype, out of range, or not available: agent and copy are named."""
    batch, n = available.shape[:2]
    shape = (batch, n) if spec.action_kind == "discrete" else (batch, n, spec.action_size)
    if tuple(actions.shape) != shape:
        raise InputError(f"actions of {spec.name} have shape {tuple(actions.shape)} where {shape} is asked for")
    if spec.action_kind == "box":
        if actions.dtype != torch.float32:
            raise InputError(f"actions of {spec.name} are {actions.dtype} where torch.float32 is asked for")
        _check_box(spec, actions)
        return
    if actions.dtype != torch.int64:
        raise InputError(f"actions of {spec.name} are {actions.dtype} where torch.int64 is asked for")
    start = 0
    for k, count in enumerate(spec.action_counts):
        chosen = actions if spec.action_kind == "discrete" else actions[..., k]
        mask = available[..., start : start + count]
        # one look at the device for both faults: a choice out of range is clamped only to be looked up
        good = mask.gather(-1, chosen.clamp(0, count - 1)[..., None])[..., 0] & (chosen >= 0) & (chosen < count)
        if not bool(good.all()):
            _refuse_choice(spec, chosen, mask, ~good, "" if spec.action_kind == "discrete" else f", dimension {k}")
        start += count


def _refuse_choice(spec: Spec, chosen: Tensor, mask: Tensor, bad: Tensor, where: str) -> None:
    b, i = (int(x) for x in bad.nonzero()[0])
    action, count = int(chosen[b, i]), mask.shape[-1]
    what = f"{spec.name}: action {action} of agent {i} in environment {b}{where}"
    if not 0 <= action < count:
        raise InputError(f"{what} is not in 0..{count - 1}")
    raise InputError(f"{what} is not available; available are {mask[b, i].nonzero()[:, 0].tolist()}")


def _check_box(spec: Spec, actions: Tensor) -> None:
    low, high = bounds(spec, actions.device)
    good = (actions >= low) & (actions <= high) & torch.isfinite(actions)
    if not bool(good.all()):
        b, i, k = (int(x) for x in (~good).nonzero()[0])
        value = float(actions[b, i, k])
        what = f"{spec.name}: action {value} of agent {i} in environment {b}, dimension {k}"
        if not math.isfinite(value):
            raise InputError(what)
        raise InputError(f"{what} is not in [{float(low[i, k])}, {float(high[i, k])}]")


def bounds(spec: Spec, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """The lower and upper ends (n, d) of a box spec; padded dimensions have none."""
    boxes = [space for space in spec.spaces if isinstance(space, Box)]
    size = spec.action_size
    low = [[*box.low, *[-math.inf] * (size - len(box.low))] for box in boxes]
    high = [[*box.high, *[math.inf] * (size - len(box.high))] for box in boxes]
    return torch.tensor(low, device=device), torch.tensor(high, device=device)


def check_seed(seed: int) -> int:
    """The seed; one that the streams cannot take is refused."""
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be in [0, 2⁶³), not {seed}")
    return seed


def full_mask(spec: Spec, batch: int, device: torch.device | str = "cpu") -> Tensor:
    """(B, n, A): every action that an agent has; in a dimension that it has not, choice 0."""
    mask = torch.zeros(spec.n_agents, spec.n_actions, dtype=torch.bool)
    for i, space in enumerate(spec.spaces):
        own = (space.n,) if isinstance(space, Discrete) else space.counts if isinstance(space, MultiDiscrete) else ()
        start = 0
        for k, count in enumerate(spec.action_counts):
            mask[i, start : start + (own[k] if k < len(own) else 1)] = True
            start += count
    return mask.to(device).expand(batch, -1, -1)


def random_actions(spec: Spec, available: Tensor, seed: int, step: int) -> Tensor:
    """Uniform among the available actions, or in the box within [−1, 1]: a function of (seed, copy, agent, step)."""
    batch, n = available.shape[:2]
    device = available.device
    stream = torch.arange(batch * n, device=device).reshape(batch, n)
    if spec.action_kind == "box":
        low, high = (end.clamp(-1, 1) for end in bounds(spec, device))
        draws = [streams.uniform(seed, stream, step, k) for k in range(spec.action_size)]
        return (low + (high - low) * torch.stack(draws, -1)).float().clamp(low, high)
    chosen, start = [], 0
    for k, count in enumerate(spec.action_counts):
        mask = available[..., start : start + count].double()
        chosen.append(streams.choice(mask / mask.sum(-1, keepdim=True), seed, stream, step, k))
        start += count
    return chosen[0] if spec.action_kind == "discrete" else torch.stack(chosen, -1)
