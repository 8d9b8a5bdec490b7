"""Settings that were found to work on a task, kept as data with where they come from (``deep/tuned.json``).

    config("mappo", "skirmish:2s3z", sharing="fups", seed=1)      the settings of the task, the rest as asked
    find("skirmish:2s3z")                                         the entry: settings, pilots, what was tried, or None

An entry holds, as in a run's config.json, only what differs from the plain defaults of ``deep.config``; ``options`` is
by algorithm, since each has its own. Its pilots say on which seeds and for how many steps each candidate was tried and
what it reached, so that results can be reported on seeds that no choice was made on. ``marlcore train`` starts from an
entry where there is one and says so; ``--tuned False`` starts from the plain defaults.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.config import Config, from_data
from marlcore.kit import files

FILE = Path(__file__).with_name("tuned.json")


@dataclass(frozen=True)
class Pilot:
    """One candidate that was tried."""

    candidate: str
    """What it changed; "as recorded" for the one that was kept."""
    algorithm: str
    sharing: str
    seeds: tuple[int, ...]
    steps: int
    score: str
    """What it reached at the end of training, with its measure."""


@dataclass(frozen=True)
class Tuned:
    """The settings of one task."""

    env: str
    settings: Mapping[str, Any]
    """Keys of a config that differ from the plain defaults; ``options`` by algorithm."""
    pilots: tuple[Pilot, ...]

    @property
    def seeds(self) -> frozenset[int]:
        """Those that choices were made on: figures to report come from others."""
        return frozenset(seed for pilot in self.pilots for seed in pilot.seeds)


def find(env: str) -> Tuned | None:
    """The entry of a task, whatever options follow its name's ``?``; None where nothing is recorded."""
    return entries().get(env.partition("?")[0])


def config(algorithm: str, env: str, **asked: Any) -> Config:
    """A run of ``algorithm`` on ``env`` with the task's settings; ``asked`` are keys of a config and win."""
    return from_data(merged({"algorithm": algorithm, "env": env, **asked}))


def merged(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a config with the settings of its task put under what they say themselves."""
    entry = find(str(data.get("env", "")))
    if entry is None:
        return dict(data)
    settings = {key: value for key, value in entry.settings.items() if key != "options"}
    own = entry.settings.get("options", {}).get(data.get("algorithm"))
    return _under(settings | ({} if own is None else {"options": own}), data)


@functools.cache
def entries() -> Mapping[str, Tuned]:
    """Every entry by the name of its task."""
    found = {}
    for env, entry in files.read_json(FILE).items():
        pilots = tuple(Pilot(**{**pilot, "seeds": tuple(pilot["seeds"])}) for pilot in entry["pilots"])
        found[env] = Tuned(env, entry["settings"], pilots)
    return found


def _under(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """``high`` over ``low``, objects key by key."""
    both = {**low, **high}
    for key in low.keys() & high.keys():
        if isinstance(low[key], Mapping) and isinstance(high[key], Mapping):
            both[key] = _under(low[key], high[key])
    return both
