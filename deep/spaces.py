"""Action spaces and the spec of a task: what a policy must know before it meets an environment. No torch here.

Worker processes, which need no torch, describe their task with these (``deep.worker``); ``deep.envs.protocol`` has them
too, beside the rest of the contract.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marlcore.errors import InputError


@dataclass(frozen=True)
class Discrete:
    """Actions 0, …, n − 1."""

    n: int


@dataclass(frozen=True)
class MultiDiscrete:
    """A vector of d actions, the k-th from 0, …, counts[k] − 1."""

    counts: tuple[int, ...]


@dataclass(frozen=True)
class Box:
    """Vectors between ``low`` and ``high``, entry by entry."""

    low: tuple[float, ...]
    high: tuple[float, ...]


Space = Discrete | MultiDiscrete | Box


@dataclass(frozen=True)
class Spec:
    """The sizes of a task, agent by agent and padded, and what its environment promises."""

    name: str
    obs_sizes: tuple[int, ...]
    """Each agent's own observation size."""
    state_size: int
    spaces: tuple[Space, ...]
    """Each agent's own action space; all of one kind."""
    episode_limit: int | None = None
    discount: float | None = None
    """The task's own γ, where it has one: an exact game is only solved by the γ that it was given."""
    team: bool = True
    """Whether all agents get one and the same reward."""
    saves: bool = True
    agent_names: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a family wants to say besides, as plain data."""

    def __post_init__(self) -> None:
        """Refuse spaces of mixed kinds and sizes that do not fit together."""
        if not self.spaces or len(self.obs_sizes) != len(self.spaces):
            raise InputError(
                f"{self.name}: {len(self.obs_sizes)} observation sizes for {len(self.spaces)} action spaces"
            )
        if len({type(space) for space in self.spaces}) > 1:
            raise InputError(f"{self.name}: action spaces of several kinds in one task: {self.spaces}")

    @functools.cached_property
    def n_agents(self) -> int:
        """n."""
        return len(self.spaces)

    @functools.cached_property
    def obs_size(self) -> int:
        """The padded observation size o."""
        return max(self.obs_sizes)

    @functools.cached_property
    def action_kind(self) -> str:
        """``discrete``, ``multi-discrete`` or ``box``."""
        return {Discrete: "discrete", MultiDiscrete: "multi-discrete", Box: "box"}[type(self.spaces[0])]

    @functools.cached_property
    def action_counts(self) -> tuple[int, ...]:
        """The padded number of choices of each action dimension; () for a box."""
        if self.action_kind == "box":
            return ()
        rows = [(s.n,) if isinstance(s, Discrete) else s.counts for s in self.spaces if not isinstance(s, Box)]
        return tuple(max((row[k] for row in rows if k < len(row)), default=1) for k in range(max(map(len, rows))))

    @functools.cached_property
    def n_actions(self) -> int:
        """A: the last axis of ``available``; the choices of all dimensions one after another, 0 for a box."""
        return sum(self.action_counts)

    @functools.cached_property
    def action_size(self) -> int:
        """d: the padded length of an action vector (1 for ``Discrete``, whose actions have no last axis)."""
        if self.action_kind == "box":
            return max(len(s.low) for s in self.spaces if isinstance(s, Box))
        return len(self.action_counts)
