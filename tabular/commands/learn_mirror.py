"""``marlcore learn hatrl`` and ``marlcore learn haml``: trust regions and mirror learning on a team game.

``marlcore learn`` hands over to ``main`` when its first word is ``hatrl`` or ``haml``. GAME is what ``marlcore solve``
takes, for one whose players are all paid the same. The trace goes to a ``.npz`` file, which ``--resume`` continues;
where a drawing is registered under the algorithm's name, or under ``learner`` for all, a picture goes beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marlcore import registry
from marlcore.cli_config import parse
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame
from marlcore.kit.files import plain
from marlcore.kit.progress import Progress
from marlcore.kit.tables import emit, table
from marlcore.policies import Policy
from marlcore.trace import Trace
from tabular.commands import outcome
from tabular.commands.solve import read_game, read_policy

EXAMPLES = {
    "hatrl": "marlcore learn hatrl --game climbing --discount 0.5 --penalty sharp --iterations 500",
    "haml": "marlcore learn haml --game climbing --drift clip:0.2 --iterations 100",
}


@dataclass(frozen=True)
class Common:
    """What both commands take."""

    game: str
    """A library game (penalty:k=-30), a .npz or .nfg file, or random:S,A1,...,An; all agents paid the same."""
    iterations: int = 200
    """How many iterations, each with one step of every agent."""
    policy: str = "uniform"
    """The start: uniform, random, or a .json file with a table (S, A_i) for each agent."""
    order: str = "random"
    """The order of the agents: random, fixed, or a permutation 2,0,1."""
    discount: float | None = None
    """γ of a random game (0.9 unless given), or with which a matrix game is played for ever (else one shot)."""
    seed: int = 0
    """Seed of the orders, of a random game and of a random policy."""
    record_every: int = 1
    """Iterations between two records."""
    resume: Path | None = None
    """A trace file to continue, by --iterations more."""
    out: Path | None = None
    """The trace file; ALGORITHM-GAME.npz unless given."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class HatrlConfig(Common):
    """What ``marlcore learn hatrl`` takes."""

    penalty: str = "paper"
    """paper (C), sharp (C*), or a positive number."""


@dataclass(frozen=True)
class HamlConfig(Common):
    """What ``marlcore learn haml`` takes."""

    drift: str = "zero"
    """zero, forward-kl:c, reverse-kl:c, squared-l2:c, clip:ε, marginal-clip:ε, or a registered drift."""
    neighbourhood: str = "everything"
    """everything, expected-kl:δ, max-kl:δ or tv:δ."""
    sampling: str = "occupancy"
    """occupancy (ρ_π), uniform, or start (d, positive everywhere)."""


def main(argv: Sequence[str]) -> int:
    """Run ``hatrl …`` or ``haml …``."""
    name, rest = (argv[0], argv[1:]) if argv else ("", ())
    if name not in COMMANDS:
        raise registry.unknown("algorithm", name, sorted(COMMANDS))
    config_type, start_run, title = COMMANDS[name]
    config = parse(config_type, rest, f"marlcore learn {name}", title, EXAMPLES[name])
    rng = np.random.default_rng(config.seed)
    game = _game(config, rng)
    out = outcome.place(config.out, name, game.name)
    start = Trace.load(config.resume) if config.resume else read_policy(config.policy, game, rng)
    with Progress(f"{name} on {config.game}", total=config.iterations) as progress:
        trace = start_run(config, game, start, progress.advance)
    places, lines = outcome.keep(name, trace, out)
    answer = summary(trace) | places
    emit(answer, table(_team_rows(answer), _title(trace)), table(answer["agents"]), *lines, as_json=config.json)
    return 0


def hatrl(config: Any, game: Game, start: Policy | Trace, progress: Callable[[float], None]) -> Trace:
    """The run that ``marlcore learn hatrl`` asks for."""
    from tabular.mirror.hatrl import hatrl as run

    penalty = config.penalty if config.penalty in ("paper", "sharp") else _number("penalty", config.penalty)
    return run(
        game, start, config.iterations, penalty, _order(config.order), config.seed, config.record_every, progress
    )


def haml(config: Any, game: Game, start: Policy | Trace, progress: Callable[[float], None]) -> Trace:
    """The run that ``marlcore learn haml`` asks for."""
    from tabular.mirror.haml import haml as run

    drift, ball = read_drift(config.drift), read_neighbourhood(config.neighbourhood)
    order, every = _order(config.order), config.record_every
    return run(game, start, drift, ball, config.sampling, config.iterations, order, config.seed, every, progress)


COMMANDS: dict[str, tuple[Any, Any, str]] = {
    "hatrl": (HatrlConfig, hatrl, "Trust-region learning with exact maximisation (HARL, Algorithm 1)."),
    "haml": (HamlConfig, haml, "Mirror learning with a drift, a neighbourhood and a sampling distribution (HARL)."),
}


def read_drift(text: str) -> Any:
    """A drift of the house with its parameter, or one that is registered."""
    from tabular.mirror.drifts import DRIFTS

    name, _, parameter = text.partition(":")
    if name in DRIFTS:
        return DRIFTS[name](*([_number(f"the parameter of {name}", parameter)] if parameter else []))
    if name in registry.names("drifts"):
        return registry.load("drifts", name)
    raise registry.unknown("drift", name, sorted({*DRIFTS, *registry.names("drifts")}))


def read_neighbourhood(text: str) -> Any:
    """A neighbourhood with its radius."""
    from tabular.mirror.neighbourhoods import EVERYTHING, NEIGHBOURHOODS

    name, _, parameter = text.partition(":")
    if name not in NEIGHBOURHOODS:
        raise registry.unknown("neighbourhood", name, sorted(NEIGHBOURHOODS))
    if name == "everything":
        return EVERYTHING
    if not parameter:
        raise InputError(f"a ball has a radius: {name}:0.01")
    return NEIGHBOURHOODS[name](_number(f"the radius of {name}", parameter))


def summary(trace: Trace) -> dict[str, Any]:
    """J at the start and the end, what the last iteration was promised, and each agent's payoff and gap at the end."""
    extras = {name: np.asarray(values)[-1, 0] for name, values in trace.extras.items()}
    agents = []
    for i in range(trace.n):
        row: dict[str, Any] = {"agent": i, "payoff": float(trace.payoffs[-1, 0, i])}
        row["gap"] = float(extras["agent_gaps"][i])
        for name in ("surrogates", "divergences", "margins", "step_gaps"):
            if name in extras:
                row[name] = float(extras[name][i])
        agents.append(row)
    returns = np.asarray(trace.returns)[:, 0]
    team = {"J at the start": float(returns[0]), "J": float(returns[-1]), "bound": float(extras["bounds"])}
    team |= {
        "Nash gap": float(extras["nash_gaps"]),
        "falls of J": int((np.diff(returns) < -1e-12 * np.abs(returns[1:])).sum()),
    }
    if "constants" in extras:
        team["C"] = float(extras["constants"])
    head = {"learner": trace.algorithm, "game": trace.game, "iterations": int(trace.steps[-1])}
    return {**head, "config": plain(dict(trace.config)), "team": team, "agents": agents}


def _title(trace: Trace) -> str:
    return f"{trace.algorithm} on {trace.game}: {trace.steps[-1]} iterations"


def _team_rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer["team"]]


def _game(config: Common, rng: np.random.Generator) -> Game:
    game = read_game(config.game, "team", 0.9 if config.discount is None else config.discount, rng)
    game = game if game.kind == "float" else game.convert("float")
    if isinstance(game, MatrixGame) and config.discount is not None:
        return game.as_markov(config.discount)
    return game


def _order(text: str) -> Any:
    if text in ("random", "fixed"):
        return text
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"order must be random, fixed, or a permutation such as 1,0, not {text}") from None


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{what} must be a number, not {text!r}") from None
