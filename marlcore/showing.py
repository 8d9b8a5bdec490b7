"""Games as a notebook shows them: payoff tables, and for Markov games what every state pays and where it leads.

A table shows what fits: payoffs of two players in full (a pair a cell, one number where the game is zero-sum or a
team's), of more players one table for each of the first profiles of the others; of many states the first and the last.
A batch is told by its shape. ``MatrixGame``, ``MarkovGame`` and ``TeamGame`` call ``of_game``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from marlcore.kit import html
from marlcore.kit.html import Markup
from marlcore.kit.tables import cell

if TYPE_CHECKING:
    from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame

SLICES = 4
"""Of a game of more than two players: for how many profiles of the others a table is shown."""


def of_game(game: Game) -> Markup:
    """A game's name, its sizes, and its payoffs or its states."""
    from marlcore.games import MatrixGame

    title = f"{type(game).__name__} {game.name}".strip()
    if game.batch_shape:
        return html.block(title, html.facts({"batch": game.batch_shape} | _sizes(game)))
    if isinstance(game, MatrixGame):
        return html.block(title, *_payoffs(game))
    return html.block(title, html.facts(_sizes(game) | _dynamics(game)), _states(game))


def payoff_table(tables: list[Any]) -> Markup:
    """The payoffs of one or two players (…, A1, A2) as one table: cells "u₁, u₂"."""
    rows, columns = tables[0].shape
    pair = len(tables) > 1
    cells = [
        [", ".join(cell(u[i, j]) for u in tables) if pair else tables[0][i, j] for j in range(columns)]
        for i in range(rows)
    ]
    return html.grid(cells, rows=range(rows), columns=range(columns), corner="a₁ \\ a₂")


def _sizes(game: Game) -> dict[str, Any]:
    from marlcore.games import MatrixGame

    sizes = {"numbers": game.kind, "agents": game.n, "actions": ", ".join(map(str, game.action_counts))}
    return sizes if isinstance(game, MatrixGame) else sizes | {"states": game.S}


def _payoffs(game: MatrixGame) -> Iterator[Markup]:
    from marlcore.games import is_team, is_zero_sum

    players = list(game.payoffs)
    note = "payoffs of " + " and ".join(f"agent {i}" for i in range(game.n))
    if is_team(game):
        players, note = players[:1], "all agents are paid the same"
    elif game.n == 2 and is_zero_sum(game):
        players, note = players[:1], "zero-sum: payoffs of agent 0, whom agent 1 pays"
    yield html.paragraph(note)
    if game.n == 1:
        yield html.grid([players[0].tolist()], columns=range(game.action_counts[0]))
    elif game.n == 2:
        yield payoff_table(players)
    else:
        others = list(itertools.islice(itertools.product(*map(range, game.action_counts[2:])), SLICES))
        for profile in others:
            yield html.paragraph(", ".join(f"a{_sub(k + 3)} = {a}" for k, a in enumerate(profile)))
            yield payoff_table([u[(slice(None), slice(None), *profile)] for u in players])
        left = math.prod(game.action_counts[2:]) - len(others)
        if left:
            yield html.paragraph(f"and {left} more such tables")


def _dynamics(game: MarkovGame | TeamGame) -> dict[str, Any]:
    begins = [s for s, chance in enumerate(game.start.tolist()) if chance != 0]
    return {
        "discount γ": game.discount,
        "rewards": _range(game, game.rewards),
        "starts in": f"state {begins[0]}" if len(begins) == 1 else f"one of {len(begins)} states",
        "transitions": f"sparse, {game.transitions.nnz} entries" if game.sparse else None,
    }


def _states(game: MarkovGame | TeamGame) -> Markup:
    """A line a state: the range of each agent's reward there, and the states that some joint action leads to."""
    from marlcore.games import TeamGame

    team = isinstance(game, TeamGame)
    rewards = [game.rewards] if team else list(game.rewards)
    columns = ["reward of all"] if team else [f"reward of agent {i}" for i in range(game.n)]
    shown = html.kept(game.S)
    lines = [
        ["…"] * (len(columns) + 1) if s is None else [*(_range(game, r[s]) for r in rewards), _successors(game, s)]
        for s in shown
    ]
    return html.grid(lines, rows=["…" if s is None else s for s in shown], columns=[*columns, "leads to"], corner="s")


def _successors(game: MarkovGame | TeamGame, s: int) -> str:
    if game.sparse:
        width = game.joint_actions
        found = np.unique(game.transitions[s * width : (s + 1) * width].indices).tolist()
    else:
        rows = game.transitions[s].reshape(-1, game.S).tolist()
        found = [t for t in range(game.S) if any(row[t] != 0 for row in rows)]
    if len(found) == game.S > 1:
        return "every state"
    return ", ".join(map(str, found[:8])) + (f", … {len(found)} states" if len(found) > 8 else "")


def _range(game: Game, values: Any) -> str:
    if game.kind in ("ball", "symbol"):  # these have no order
        return "–"
    flat = values.reshape(-1).tolist()
    return " to ".join(dict.fromkeys((cell(min(flat)), cell(max(flat)))))


def _sub(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
