"""``smac:3m`` and ``smacv2:terran_5_vs_5``: StarCraft II itself, where it and oxwhirl's packages are installed.

The environments are those of Samvelyan et al. (2019) and Ellis et al. (2023), through their Python interface:

    reset() → obs, state      step(actions) → reward, terminated, info      get_avail_actions()      get_env_info()

One copy is one game process; copies step one after another. The packages come from their repositories alone, and the
game is StarCraft II 4.10 under ``SC2PATH``. The package index has another project named ``smac``, a hyperparameter
optimiser with the same import name: it is recognised. Their protobuf stubs ask for protobuf ≤ 3.20, so they need an
environment of their own. Without them ``skirmish`` plays the same tasks.

A copy's game is seeded by (seed, copy number); how far the game itself repeats from a seed is its own affair, so a run
on it cannot be saved. An end by the limit (``info["episode_limit"]``) is truncated, every other terminated.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.envs.protocol import Discrete, Environment, Family, Final, Spec, Timestep, check_actions, check_seed
from deep.envs.skirmish import maps
from marlcore import streams
from marlcore.errors import InputError

SOURCES = {
    "smac": "pip install git+https://github.com/oxwhirl/smac.git",
    "smacv2": "pip install git+https://github.com/oxwhirl/smacv2.git",
}


class StarCraft(Environment):
    """B games; ``start(seed)`` makes one."""

    def __init__(self, name: str, start: Callable[[int], Any], batch: int, device: torch.device, seed: int, first: int):
        self.batch, self.device, self.first, self.seed = batch, device, first, seed
        self._start, self._name = start, name
        self._games: list[Any] = []
        self._open(seed)
        facts = _facts(self._games[0])
        n = facts["n_agents"]
        self.spec = Spec(
            name=name,
            obs_sizes=(facts["obs_shape"],) * n,
            state_size=facts["state_shape"],
            spaces=(Discrete(facts["n_actions"]),) * n,
            episode_limit=facts["episode_limit"],
            saves=False,
        )
        self._fresh = True
        self._t = self._first_step()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every game from its first episode: the games are started anew, since a running one cannot be seeded."""
        if not self._fresh or (seed is not None and seed != self.seed):
            self.close()
            self._open(self.seed if seed is None else check_seed(seed))
            self._t = self._first_step()
            self._fresh = True
        return self._t

    def step(self, actions: Tensor) -> Timestep:
        """A step of every game; those that end start their next episode."""
        check_actions(self.spec, actions, self._t.available)
        self._fresh = False
        rewards, ends, limits, wins, dead = [], [], [], [], []
        last: tuple[list[Any], list[Any]] = ([], [])
        for game, chosen in zip(self._games, actions.cpu().tolist(), strict=True):
            reward, terminated, info = game.step(chosen)
            over = bool(info.get("episode_limit", False))
            rewards.append([float(reward)] * self.spec.n_agents)
            ends.append(bool(terminated) and not over)
            limits.append(bool(terminated) and over)
            wins.append(bool(info.get("battle_won", False)))
            dead.append((int(info.get("dead_allies", 0)), int(info.get("dead_enemies", 0))))
            last[0].append(np.array(game.get_obs(), dtype=np.float32))
            last[1].append(np.array(game.get_state(), dtype=np.float32))
            if terminated:
                game.reset()
        ended = any(ends) or any(limits)
        info = {
            "won": self._tensor(wins, torch.bool),
            "dead_allies": self._tensor([a for a, _ in dead], torch.int64),
            "dead_enemies": self._tensor([b for _, b in dead], torch.int64),
        }
        final = Final(self._tensor(np.stack(last[0])), self._tensor(np.stack(last[1]))) if ended else None
        self._t = self._show(rewards, ends, limits, final, info)
        return self._t

    def close(self) -> None:
        """End the game processes."""
        for game in self._games:
            game.close()
        self._games = []

    def _open(self, seed: int) -> None:
        self.seed = seed
        self._games = [self._start(int(streams.words(seed, self.first + b)[0] & 0x7FFFFFFF)) for b in range(self.batch)]

    def _first_step(self) -> Timestep:
        for game in self._games:
            try:
                game.reset()
            except Exception as error:
                if type(error).__name__ not in ("SC2LaunchError", "FileNotFoundError"):
                    raise
                raise InputError(
                    f"{self._name} needs StarCraft II 4.10 and SMAC's maps under SC2PATH, and it did not start "
                    f"({error}); {_instead(self._name)}"
                ) from error
        no = [False] * self.batch
        return self._show(
            [[0.0] * self.spec.n_agents] * self.batch, no, no, None, {"won": self._tensor(no, torch.bool)}
        )

    def _show(self, rewards: Any, ends: Any, limits: Any, final: Final | None, info: dict[str, Tensor]) -> Timestep:
        available = self._tensor(np.array([game.get_avail_actions() for game in self._games]), torch.bool)
        return Timestep(
            obs=self._tensor(np.array([game.get_obs() for game in self._games])),
            state=self._tensor(np.array([game.get_state() for game in self._games])),
            available=available,
            alive=~available[..., 0],
            reward=self._tensor(rewards),
            terminated=self._tensor(ends, torch.bool),
            truncated=self._tensor(limits, torch.bool),
            final=final,
            info=info,
        )

    def _tensor(self, values: Any, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=self.device)


def _facts(game: Any) -> dict[str, int]:
    return {key: int(value) for key, value in game.get_env_info().items() if np.ndim(value) == 0}


def make_smac(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **options: str) -> StarCraft:
    """SMAC's map of that name; options go to its constructor as text is not: only ``difficulty`` is taken."""
    allowed = {"difficulty"}
    if set(options) - allowed:
        raise InputError(f"smac:{task} has no option {min(set(options) - allowed)!r}; there is difficulty=1…9, A")
    if task not in maps.MAPS:
        maps.find(task)  # a wrong name is refused with the nearest
        raise InputError(f"smac:{task} is no map of SMAC; random teams are smacv2:{task}")
    kind = _load("smac", "smac.env", "StarCraft2Env", task)
    return StarCraft(f"smac:{task}", lambda s: kind(map_name=task, seed=s, **options), batch, device, seed, first)


def make_smacv2(
    task: str, batch: int, device: torch.device, seed: int, first: int = 0, units: str = "5", enemies: str = "5"
) -> StarCraft:
    """SMACv2's random teams: ``terran_5_vs_5``, or ``sc2_gen_terran?units=5&enemies=5``."""
    if task.startswith("sc2_gen_"):
        if not (units.isdigit() and enemies.isdigit()):
            raise InputError(f"smacv2:{task}: units and enemies are numbers, not {units!r} and {enemies!r}")
        race, n, m = task.removeprefix("sc2_gen_"), int(units), int(enemies)
        if race not in maps.RACES:
            raise InputError(f"smacv2:{task}: the races are {', '.join(maps.RACES)}")
    else:
        found = maps.find(task)
        if not found.generator:
            raise InputError(f"smacv2:{task} is a map of SMAC: smac:{task}")
        race, n, m = found.generator, found.n, found.m
    kind = _load("smacv2", "smacv2.env.starcraft2.wrapper", "StarCraftCapabilityEnvWrapper", f"{race}_{n}_vs_{m}")
    config = _generator(race, n, m)
    return StarCraft(f"smacv2:{task}", lambda s: kind(seed=s, **config), batch, device, seed, first)


def _generator(race: str, n: int, m: int) -> dict[str, Any]:
    """SMACv2's published configuration of a race."""
    alone = [name for name in maps.RACES[race] if name in maps.NEVER_ALONE]
    return {
        "map_name": f"10gen_{race}",
        "capability_config": {
            "n_units": n,
            "n_enemies": m,
            "team_gen": {
                "dist_type": "weighted_teams",
                "unit_types": list(maps.RACES[race]),
                "weights": list(maps.TYPE_WEIGHTS),
                "exception_unit_types": alone,
                "observe": True,
            },
            "start_positions": {"dist_type": "surrounded_and_reflect", "p": 0.5, "map_x": 32, "map_y": 32},
        },
        "conic_fov": False,
        "use_unit_ranges": True,
        "min_attack_range": 2,
        "obs_own_pos": True,
        "num_fov_actions": 12,
    }


def _load(package: str, module: str, name: str, task: str) -> Any:
    """The environment's class, or one line that says what is missing."""
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"{package}:{task} needs oxwhirl's {package} ({SOURCES[package]}) and StarCraft II 4.10 under SC2PATH; "
            f"{_instead(task)}"
        )
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        if package == "smac" and importlib.util.find_spec("smac.env") is None:
            raise InputError(
                f"smac:{task}: the installed package smac is another project, the hyperparameter optimiser of that "
                f"name; oxwhirl's is only in its repository ({SOURCES['smac']}); {_instead(task)}"
            ) from error
        raise InputError(f"{package}:{task}: {package} is installed and does not import ({error})") from error


def _instead(name: str) -> str:
    task = name.partition(":")[2] or name
    return f"without them, skirmish:{task if task in maps.names() else '3m'} plays the same task"


def _random_tasks() -> Sequence[str]:
    return [name for name in maps.names() if name not in maps.MAPS]


SMAC = Family(make_smac, lambda: list(maps.MAPS), ("3m",))
SMACV2 = Family(make_smacv2, _random_tasks, ("terran_5_vs_5", "sc2_gen_zerg?units=5&enemies=5"))
