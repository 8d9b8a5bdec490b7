"""``marlcore solve GAME``: what can be computed about a game: values of a policy, gaps, optima.

GAME is a library game with its parameters (``penalty:k=-30``), a file (``.npz``, ``.nfg``), or a random game
``random:S,A1,…,An`` (S states, A_i actions; made from ``--seed``), which ``,successors=k`` makes sparse.

A matrix game is solved for its value and optimal strategies (zero-sum), or for its equilibria, all of them where two
players have few actions, and its best correlated one. A Markov game is solved by what fits it: a zero-sum game by
Shapley's equation, a team by policy iteration over joint actions, any other by value iteration over stage equilibria;
and with ``--friends`` as a coalition against the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from marlcore import policies
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame, as_team, is_team, is_zero_sum
from marlcore.kit.tables import cell, emit
from marlcore.policies import Policy
from tabular.commands import markov, matrix

EXAMPLE = "marlcore solve matching_pennies"


@dataclass(frozen=True)
class Config:
    """What ``marlcore solve`` takes."""

    game: Positional[Annotated[str, arg(metavar="GAME")]]
    """A library game (penalty:k=-30), a .npz or .nfg file, or random:S,A1,...,An[,successors=k]."""
    policy: str = "uniform"
    """The policy that is evaluated: uniform, random, or a .json file with a table (S, A_i) for each agent."""
    rewards: Literal["general", "zero-sum", "team"] = "general"
    """What a random game's rewards are."""
    discount: float = 0.9
    """A random game's discount γ."""
    method: Literal["newton", "value-iteration", "policy-iteration"] = "newton"
    """How zero-sum Markov games are solved."""
    select: Literal["first", "welfare", "egalitarian", "pure", "global-optimum", "saddle-point"] = "first"
    """Which equilibrium of each stage game, in a general-sum Markov game."""
    friends: str = ""
    """Agents (0,2) whose guarantee against all others is computed, of the first one's reward."""
    seed: int = 0
    """Seed of a random game and of a random policy."""
    json: bool = False
    """Print JSON instead of tables."""


@dataclass(frozen=True)
class Report:
    """One part of the answer: a title, the games that it is about, and what it computes."""

    title: str
    applies: Callable[[Game], bool]
    compute: Callable[[Game, Policy, Config], dict[str, Any]]


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore solve", "Values, gaps and optima of a game.", EXAMPLE)
    rng = np.random.default_rng(config.seed)
    game = read_game(config.game, config.rewards, config.discount, rng)
    if game.kind != "float":
        game = game.convert("float")
    if game.batch_shape:
        raise InputError(f"{config.game} is a batch of games of shape {game.batch_shape}: unstack it and solve each")
    policy = read_policy(config.policy, game, rng)
    answer = {"game": _facts_of(config.game, game), "policy": config.policy}
    for title, report in REPORTS.items():
        if report.applies(game):
            answer[title] = report.compute(game, policy, config)
    if config.friends:
        answer["friends"] = markov.coalition_value(game, config.friends, config.method)
    emit(answer, *_shown(answer), as_json=config.json)
    return 0


def read_game(text: str, rewards: str, discount: float, rng: np.random.Generator) -> Game:
    """The game that ``text`` names."""
    if Path(text).suffix in (".npz", ".nfg"):
        from marlcore import io

        return io.load(text)
    family, _, details = text.partition(":")
    if family == "random":
        return _random_game(details, rewards, discount, rng)
    from marlcore import library

    return library.load(family, **_parameters(details, text))


def _random_game(details: str, rewards: str, discount: float, rng: np.random.Generator) -> Game:
    sizes, _, successors = details.partition(",successors=")
    try:
        states, *counts = (int(part) for part in sizes.split(","))
        entries = int(successors) if successors else None
    except ValueError:
        raise InputError(
            f"a random game is random:S,A1,...,An[,successors=k] with whole numbers, not random:{details}"
        ) from None
    if rewards == "team":
        return TeamGame.random(states, counts, rng, discount=discount, successors=entries)
    zero_sum = rewards == "zero-sum"
    return MarkovGame.random(states, counts, rng, discount=discount, successors=entries, zero_sum=zero_sum)


def _parameters(details: str, text: str) -> dict[str, Any]:
    pairs = [part.partition("=") for part in details.split(",") if part]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"parameters are written name:k=-30,n=4, not {text}")
    return {name: value for name, _, value in pairs}


def read_policy(text: str, game: Game, rng: np.random.Generator) -> Policy:
    """The policy that ``text`` names."""
    if text == "uniform":
        return policies.uniform(game)
    if text == "random":
        return policies.random(game, rng)
    if not text.endswith(".json"):
        raise InputError(f"a policy is uniform, random or a .json file, not {text}")
    try:
        tables = json.loads(Path(text).read_text(encoding="utf-8"))
        policy = tuple(np.array(table, dtype=float) for table in tables)
    except (ValueError, TypeError) as error:
        raise InputError(f"{text} is no JSON list of one table (S, A_i) for each agent: {error}") from None
    return policies.check(game, policy, text)


# ---------------------------------------------------------------- reports


def values_and_gaps(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """J of the policy from the start, what each agent could gain alone, and a bound on the error of these."""
    from marlcore.responses import nash_gap
    from marlcore.values import evaluate

    gap = nash_gap(game, policy)
    J = np.atleast_1d(evaluate(game, policy).J)
    return {"J": J.tolist(), "gaps": gap.gaps.tolist(), "max_gap": float(gap.max), "error": float(gap.error)}


def optimum(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """The best joint policy of a team: policy iteration over joint actions, which is one agent with all of them."""
    return markov.team_optimum(as_team(game))


def duality_gap(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """The sum of both players' gaps, 0 exactly at an equilibrium."""
    from marlcore.responses import exploitability

    assert not isinstance(game, TeamGame)
    return {"exploitability": float(exploitability(game, policy))}


def zero_sum(game: Game) -> bool:
    """Whether two players' payoffs add up to 0."""
    return not isinstance(game, TeamGame) and is_zero_sum(game)


def zero_sum_value(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """The value of a zero-sum game and optimal policies."""
    assert not isinstance(game, TeamGame)
    if isinstance(game, MatrixGame):
        return matrix.zero_sum_value(game)
    return markov.zero_sum_value(game, config.method)


def equilibrium(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """An equilibrium of a general-sum Markov game."""
    assert isinstance(game, MarkovGame)
    return markov.equilibrium(game, config.select)


def static_equilibria(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """All equilibria of a small two-player matrix game, one of a larger one or of more players."""
    assert isinstance(game, MatrixGame)
    return matrix.equilibria(game)


def correlated(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """The best correlated equilibrium of a matrix game."""
    assert isinstance(game, MatrixGame)
    return matrix.correlated(game)


def shared(game: Game, policy: Policy, config: Config) -> dict[str, Any]:
    """The best policy that all agents of a common-payoff matrix game share."""
    assert isinstance(game, MatrixGame)
    return matrix.shared(game)


def general_matrix(game: Game) -> bool:
    """Whether the game is a matrix game, and not zero-sum."""
    return isinstance(game, MatrixGame) and not zero_sum(game)


REPORTS: dict[str, Report] = {
    "values": Report("values of the policy, and what each agent could gain alone", lambda game: True, values_and_gaps),
    "duality": Report(
        "distance from equilibrium (zero-sum)",
        zero_sum,
        duality_gap,
    ),
    "solution": Report(
        "value and optimal policies (zero-sum)",
        zero_sum,
        zero_sum_value,
    ),
    "equilibrium": Report(
        "equilibrium by value iteration over stage equilibria",
        lambda game: isinstance(game, MarkovGame) and not zero_sum(game) and not is_team(game),
        equilibrium,
    ),
    "equilibria": Report("equilibria", general_matrix, static_equilibria),
    "correlated": Report("best correlated equilibrium (largest sum of payoffs)", general_matrix, correlated),
    "optimum": Report("optimum of the team", is_team, optimum),
    "shared": Report(
        "best policy shared by all agents",
        lambda game: isinstance(game, MatrixGame) and is_team(game) and matrix.can_share(game),
        shared,
    ),
}
"""What is reported about a game, in this order; each applies to some types of game."""


def _facts_of(text: str, game: Game) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": game.name or text, "type": type(game).__name__, "agents": game.n}
    facts["actions"] = list(game.action_counts)
    if not isinstance(game, MatrixGame):
        facts |= {"states": game.S, "discount": float(game.discount)}
    return facts


def _shown(answer: dict[str, Any]) -> Iterator[Any]:
    from rich.table import Table

    yield ", ".join(f"{key}: {_text(value)}" for key, value in answer["game"].items())
    yield f"policy: {answer['policy']}"
    titles = {name: report.title for name, report in REPORTS.items()} | {"friends": "friends against foes"}
    for name, title in titles.items():
        if name in answer:
            yield f"\n{title}"
            rows = Table.grid(padding=(0, 2))
            for key, value in answer[name].items():
                rows.add_row(f"  {key}", _text(value))
            yield rows


def _text(value: Any) -> str:
    if not isinstance(value, list):
        return cell(value)
    if value and all(isinstance(v, list) for v in value) and max(map(len, value)) > 8:
        shape = " + ".join(" × ".join(map(str, np.shape(v))) for v in value)
        return f"{shape} numbers (--json shows them)"
    shown = ", ".join(map(cell, value[:8]))
    return shown + (f", … ({len(value)} in all; --json shows them)" if len(value) > 8 else "")
