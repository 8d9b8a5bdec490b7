"""Gambit's verdicts on a fixed set of games, and files that Gambit wrote: the data beside this script.

    python tests/data/gambit/make.py            writes verdicts.json and the .nfg files
    python tests/data/gambit/make.py --check    makes them again and compares; exit status 1 on a difference

Needs the extra [oracles] (pygambit); the tests need only the data. Games come from ``random.Random(SEED).random()``,
whose stream Python guarantees, so that every machine makes the same ones. PROVENANCE.md says what each part is.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import random
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pygambit

HERE = Path(__file__).parent
SEED = 20260
Matrix = list[list[int]]

MCKELVEY_MCLENNAN = {(0, 0, 0): (9, 8, 12), (1, 1, 0): (9, 8, 2), (0, 1, 1): (3, 4, 6), (1, 0, 1): (3, 4, 6)}

HARD: dict[str, tuple[Matrix, Matrix]] = {
    "lemke-howson cycles under careless ties": (
        [[0, 0, 0], [0, 1, 1], [1, 1, 0]],
        [[1, 1, 0], [0, 1, 0], [1, 0, 2]],
    ),
    "von Stengel": ([[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]]),
    "von Stengel, degenerate": ([[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]),
    "two libraries miss the second": ([[-3, 3], [-3, 5]], [[2, 7], [4, 2]]),
    "degenerate zero-sum": ([[0, -1, 1], [-1, 0, 1], [-1, 0, 1]], [[0, 1, -1], [1, 0, -1], [1, 0, -1]]),
    "Shapley": ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "biased rock-paper-scissors": (
        [[0, -25, 50], [25, 0, -5], [-50, 5, 0]],
        [[0, 25, -50], [-25, 0, 5], [50, -5, 0]],
    ),
}


def main() -> int:
    """Write the data, or compare them with what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="make the data again and compare, write nothing")
    check = parser.parse_args().check
    made = {"verdicts.json": verdicts(), **{name: game.to_nfg() for name, game in written_games().items()}}
    different = []
    for name, text in made.items():
        path = HERE / name
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or not same(path.read_text(encoding="utf-8"), text):
            different.append(name)
    for name in different:
        print(f"{name} is not what Gambit {pygambit.__version__} says", file=sys.stderr)
    print(f"{len(made)} files {'compared' if check else 'written'}, {len(different)} differ")
    return 1 if different else 0


def same(stored: str, made: str) -> bool:
    """Equal up to the Gambit version that is named, and to 1e-8 in what Gambit computes in floats."""
    if not stored.startswith("{"):
        return stored == made
    old, new = json.loads(stored), json.loads(made)
    three = [[row for game in data.pop("three_players") for row in game["equilibria"]] for data in (old, new)]
    close = [[len(e) for e in equilibria] for equilibria in three]
    flat = [[p for e in equilibria for x in e for p in x] for equilibria in three]
    del old["gambit"], new["gambit"]
    return old == new and close[0] == close[1] and all(abs(a - b) < 1e-8 for a, b in zip(*flat, strict=True))


def verdicts() -> str:
    """The JSON text: one line a game."""
    parts = {
        "extreme": [extreme(family, A, B) for family, A, B in bimatrix_games()],
        "accessible": [accessible(A, B) for A, B in generic_games()],
        "three_players": [three_players(payoffs) for payoffs in three_player_games()],
        "files": [{"file": name, **contents(game)} for name, game in written_games().items()],
    }
    lines = [f'"gambit": {json.dumps(pygambit.__version__)}', f'"seed": {SEED}']
    for part, games in parts.items():
        lines.append(f"{json.dumps(part)}: [\n" + ",\n".join(json.dumps(game) for game in games) + "\n]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


# ---------------------------------------------------------------- two players


def bimatrix_games() -> Iterator[tuple[str, Matrix, Matrix]]:
    """(family, A, B), most of them degenerate on purpose."""
    rng = random.Random(SEED)
    sizes = [(m, k) for m in range(1, 6) for k in range(1, 6)]
    for m, k in sizes:
        for _ in range(24):
            yield "integers 0..3", draw(rng, m, k, 4), draw(rng, m, k, 4)
        yield "zero-sum 0..3", (A := draw(rng, m, k, 4)), [[-a for a in row] for row in A]
        yield "integers 0..1", draw(rng, m, k, 2), draw(rng, m, k, 2)
        yield "both all zero", draw(rng, m, k, 1), draw(rng, m, k, 1)
        yield "one all zero", draw(rng, m, k, 1), draw(rng, m, k, 4)
        yield "constant", [[2] * k] * m, [[3] * k] * m
    for m, k in [(2, 2), (3, 2), (3, 3), (3, 4), (4, 4), (5, 4), (5, 5)]:
        for _ in range(3):
            A, B = draw(rng, m, k, 4), draw(rng, m, k, 4)
            yield "last row repeats the first", [*A[:-1], A[0]], [*B[:-1], B[0]]
            yield "symmetric", (S := draw(rng, m, m, 4)), [list(column) for column in zip(*S, strict=True)]
            yield "coordination", [[int(i == j) for j in range(k)] for i in range(m)], B
            yield "times 10^6", [[a * 10**6 for a in row] for row in A], [[b * 10**6 for b in row] for row in B]
            yield "plus 10^6", [[a + 10**6 for a in row] for row in A], [[b - 10**6 for b in row] for row in B]
    for family, (A, B) in HARD.items():
        yield family, A, B


def draw(rng: random.Random, m: int, k: int, values: int) -> Matrix:
    """An m × k matrix of integers 0, …, values − 1."""
    return [[int(rng.random() * values) for _ in range(k)] for _ in range(m)]


def extreme(family: str, A: Matrix, B: Matrix) -> dict[str, Any]:
    """Every extreme equilibrium, exactly (Gambit's enumeration of mixed equilibria, which may repeat one)."""
    found = pygambit.nash.enummixed_solve(pygambit.Game.from_arrays(A, B), rational=True).equilibria
    return {"family": family, "A": A, "B": B, "equilibria": sorted({spelled(e) for e in found})}


def generic_games() -> Iterator[tuple[Matrix, Matrix]]:
    """Games without ties, on which Lemke–Howson has one path a label."""
    rng = random.Random(SEED + 1)
    for m, k in [(2, 2), (3, 2), (3, 3), (4, 3), (4, 4), (5, 5), (6, 6)]:
        for _ in range(6):
            yield draw(rng, m, k, 10**4), draw(rng, m, k, 10**4)


def accessible(A: Matrix, B: Matrix) -> dict[str, Any]:
    """The equilibria that Lemke–Howson paths reach from the artificial one and from each other."""
    game = pygambit.Game.from_arrays(A, B)
    found = pygambit.nash.lcp_solve(game, rational=True, use_strategic=True).equilibria
    return {"A": A, "B": B, "equilibria": sorted(spelled(e) for e in found)}


def spelled(equilibrium: Any) -> str:
    """ "1/2 1/2 | 0 1": the players' strategies."""
    return " | ".join(" ".join(map(str, x)) for x in strategies(equilibrium))


def strategies(equilibrium: Any) -> list[list[Any]]:
    """Each player's probabilities, in the order of its strategies."""
    return [[equilibrium[s] for s in player.strategies] for player in equilibrium.game.players]


# ---------------------------------------------------------------- three players


def three_player_games() -> Iterator[list[Any]]:
    """McKelvey and McLennan's 2×2×2 with nine equilibria, then games without ties."""
    yield payoff_array(MCKELVEY_MCLENNAN)
    rng = random.Random(SEED + 2)
    for _ in range(20):
        yield [[draw(rng, 2, 2, 100) for _ in range(2)] for _ in range(3)]


def payoff_array(payoffs: dict[tuple[int, int, int], tuple[int, int, int]]) -> list[Any]:
    """Payoffs [i][a][b][c] of a 2×2×2 game that pays 0 where nothing is said."""
    bits = (0, 1)
    return [[[[payoffs.get((a, b, c), (0, 0, 0))[i] for c in bits] for b in bits] for a in bits] for i in range(3)]


def three_players(payoffs: list[Any]) -> dict[str, Any]:
    """Every equilibrium, in floats to nine decimals (Gambit's enumeration of supports, polynomials solved)."""
    found = pygambit.nash.enumpoly_solve(pygambit.Game.from_arrays(*payoffs)).equilibria
    tables = sorted([[round(float(p), 9) for p in x] for x in strategies(e)] for e in found)
    return {"payoffs": payoffs, "equilibria": tables}


# ---------------------------------------------------------------- files that Gambit writes


def written_games() -> dict[str, Any]:
    """Games by the names of their files: two and three players, both versions, names, quotes, fractions, decimals."""
    fractions = pygambit.Game.from_arrays(
        [[Fraction(1, 3), Fraction(-7, 2), 2], [0, Fraction(22, 7), -1]],
        [[1, Fraction(1, 6), 0], [Fraction(5, 4), 2, Fraction(-1, 3)]],
        title='Fractions and a "quoted" title',
    )
    fractions.description = 'A comment with "quotes",\nin two lines'
    rename(fractions, ["Ann", 'Bob "B"'], [["Up", "Down"], ["Left", "Middle, or so", "Right"]])
    decimals = pygambit.Game.from_arrays(
        [[Decimal("0.1"), Decimal("-2.50")], [Decimal("1E-7"), Decimal("3.14159265358979323846")]],
        [[Decimal("12345678901234567890.5"), 0], [1, Decimal("0.25")]],
        title="Decimals",
    )
    each = [[[[100 * i + 12 * a + 4 * b + c for c in range(4)] for b in range(3)] for a in range(2)] for i in range(3)]
    missing = pygambit.Game.from_arrays(
        [[1, 2, 3], [4, 5, 6]], [[-1, -2, -3], [-4, -5, -6]], title="Two cells pay nothing"
    )
    for outcome in list(missing.outcomes)[1:4:2]:
        missing.delete_outcome(outcome)
    return {
        "fractions_outcomes.nfg": fractions,
        "decimals_outcomes.nfg": decimals,
        "three_players_outcomes.nfg": pygambit.Game.from_arrays(*each, title="Each profile pays its own"),
        "missing_outcomes.nfg": missing,
        "shared_outcomes.nfg": pygambit.read_nfg(io.StringIO(SHARED)),
        "mckelvey_mclennan_outcomes.nfg": pygambit.Game.from_arrays(*payoff_array(MCKELVEY_MCLENNAN)),
        "two_players_payoffs.nfg": pygambit.read_efg(io.StringIO(TREE_2)),
        "three_players_payoffs.nfg": pygambit.read_efg(io.StringIO(TREE_3)),
    }


# Gambit writes the payoff version for the strategic form of a tree
TREE_2 = """EFG 2 R "Entry with a \\"quoted\\" title" { "Entrant" "Incumbent" } "A tree"
p "" 1 1 "" { "out" "in" } 0
t "" 1 "" { 0, 2.5 }
p "" 2 1 "" { "fight" "share" "yield" } 0
t "" 2 "" { -1/3, -1 }
t "" 3 "" { 1, 1/7 }
t "" 4 "" { 2, 0 }
"""
TREE_3 = """EFG 2 R "Three in turn" { "A" "B" "C" } ""
p "" 1 1 "" { "l" "r" } 0
p "" 2 1 "" { "l" "m" "r" } 0
t "" 1 "" { 1, 2, 3 }
p "" 3 1 "" { "l" "r" } 0
t "" 2 "" { 4, 5, 6 }
t "" 3 "" { 7, 8, 9/2 }
t "" 4 "" { 0.125, 11, 12 }
p "" 3 1 "" { "l" "r" } 0
t "" 5 "" { -1, -2, -3 }
t "" 6 "" { -4, -5, -6 }
"""
SHARED = """NFG 1 R "Outcomes in several cells" { "P" "Q" } { { "x" "y" "z" } { "u" "v" } } "comment"
{ { "win" 1, -1 } { "loss" -1, 1 } } 1 2 0 2 1 1
"""


def rename(game: Any, players: list[str], labels: list[list[str]]) -> None:
    """Name players and strategies."""
    for player, name, own in zip(game.players, players, labels, strict=True):
        player.label = name
        for strategy, label in zip(player.strategies, own, strict=True):
            strategy.label = label


def contents(game: Any) -> dict[str, Any]:
    """What Gambit says is in the game: names, and payoffs by profile (player 1's strategy outermost), exactly."""
    players = list(game.players)
    return {
        "title": game.title,
        "comment": game.description,
        "players": [player.label for player in players],
        "strategies": [[strategy.label for strategy in player.strategies] for player in players],
        "payoffs": [
            " ".join(str(payoff(game[tuple(profile)], player)) for player in players)
            for profile in itertools.product(*(range(len(player.strategies)) for player in players))
        ],
    }


def payoff(outcome: Any, player: Any) -> Fraction:
    """What ``outcome`` pays; a cell without one pays nothing."""
    return Fraction(outcome[player.label]) if outcome is not None else Fraction(0)


if __name__ == "__main__":
    sys.exit(main())
