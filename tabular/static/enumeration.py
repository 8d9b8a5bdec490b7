"""All equilibria of a two-player game: extreme equilibria, the maximal Nash subsets they span, and their components.

With payoffs scaled to be positive, vertices of the best-response polytopes

    P = {x ≥ 0, Bᵀx ≤ 1}        Q = {y ≥ 0, Ay ≤ 1}

carry labels: i where x_i = 0 or row i is a best response, m + j likewise. A pair of vertices other than (0, 0), scaled
to sum 1, that carries every label between them is an *extreme equilibrium*; there are finitely many. Every equilibrium
is a pair (convex combination of x's, convex combination of y's) from some *maximal Nash subset* conv X × conv Y, where
X × Y is a maximal set of extreme equilibria of product form: a maximal biclique of the graph that joins x and y when
(x, y) is one (Winkels 1979, Jansen 1981; Avis, Rosenberg, Savani, von Stengel 2010). Subsets that share an extreme
point hang together: the *components* are the connected parts of that graph.

Vertices are found by walking the edges of the polytopes, perturbed lexicographically so that each vertex is simple.
Floats run compiled (``enumeration_kernel``): they walk P only, and complete each vertex by the linear system that its
labels give. If anything there is nearly tied, the game may be degenerate, and it is solved as the rationals that its
floats are. A game is nondegenerate exactly when each x meets one y; all its equilibria are extreme then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.games import MatrixGame
from marlcore.kit import html
from marlcore.kit.tables import cell
from tabular.static.enumeration_kernel import enumerate_nondegenerate
from tabular.static.equilibrium import check_single, check_two_players, rounding
from tabular.static.exact_tableau import integer_payoffs, lexicographic_row, pivot

CERTIFICATE = 1e-10


@dataclass(frozen=True)
class NashSubset:
    """conv(rows) × conv(columns): a maximal convex set of equilibria; indices of extreme points."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Equilibria:
    """Every extreme equilibrium of a two-player game and how they hang together."""

    rows: Any
    """The distinct extreme strategies of the row player, (X, m)."""
    columns: Any
    """The distinct extreme strategies of the column player, (Y, k)."""
    pairs: np.ndarray
    """Which make extreme equilibria: (E, 2) indices into ``rows`` and ``columns``, in lexicographic order."""
    payoffs: Any
    """(E, 2)."""
    regret: Any
    """(E, 2): exactly 0 for rational payoffs."""
    subsets: tuple[NashSubset, ...]
    components: tuple[tuple[int, ...], ...]
    """Indices of the subsets in each connected component of the set of all equilibria."""
    method: str
    """``compiled`` for a nondegenerate game of floats, ``rational`` for any other."""

    def __len__(self) -> int:
        return len(self.pairs)

    def _repr_html_(self) -> str:
        cells = [[cell(x), cell(y), *u] for (x, y), u in zip(self.profiles, self.payoffs, strict=True)]
        columns = ["row", "column", "payoff of row", "payoff of column"]
        facts = {
            "extreme equilibria": len(self),
            "connected components": len(self.components),
            "continua": self.degenerate,
            "largest regret": np.max(self.regret) if len(self) else None,
            "method": self.method,
        }
        return html.block("Equilibria", html.facts(facts), html.grid(cells, range(len(self)), columns))

    @property
    def profiles(self) -> list[tuple[Any, Any]]:
        """The extreme equilibria (x, y)."""
        return [(self.rows[u], self.columns[w]) for u, w in self.pairs]

    @property
    def degenerate(self) -> bool:
        """Whether some subset is more than one point: then there is a continuum of equilibria."""
        return any(len(s.rows) > 1 or len(s.columns) > 1 for s in self.subsets)


def nash_equilibria(game: MatrixGame) -> Equilibria:
    """Every extreme equilibrium, maximal Nash subset and component of a two-player game of floats or rationals."""
    game = check_single(check_two_players(game, "nash_equilibria"), "nash_equilibria")
    if game.kind == "float":
        found = _compiled(game)
        if found is not None:
            return found
    rows, columns, edges = _extreme_points(numbers.convert(game.payoffs, "rational"))
    rows, columns = (numbers.convert(points, game.kind) for points in (rows, columns))
    return _assemble(game, rows, columns, edges, "rational")


def _compiled(game: MatrixGame) -> Equilibria | None:
    """The equilibria of a game of floats; None where it may be degenerate or an answer is not certified."""
    if sum(game.action_counts) > 62:
        return None
    status, rows, columns = enumerate_nondegenerate(np.ascontiguousarray(game.payoffs))
    if not status:
        return None
    order, other = np.lexsort(rows.T[::-1])[::-1], np.lexsort(columns.T[::-1])[::-1]
    edges = np.stack([np.arange(len(rows)), np.argsort(other)[order]], axis=1)
    found = _assemble(game, rows[order], columns[other], edges, "compiled")
    spread = game.payoffs.max(axis=(1, 2)) - game.payoffs.min(axis=(1, 2))
    return found if (found.regret <= CERTIFICATE * spread).all() else None


def _assemble(game: MatrixGame, rows: Any, columns: Any, edges: np.ndarray, method: str) -> Equilibria:
    """The result with payoffs and regrets of every extreme equilibrium: ``equilibrium.certified`` for two players."""
    x, y = rows[edges[:, 0]], columns[edges[:, 1]]
    payoffs, regrets = [], []
    for player, own in enumerate(game.payoffs):
        low = own.min()
        shifted = own - low
        values = y @ shifted.T if player == 0 else x @ shifted
        payoff = ((x if player == 0 else y) * values).sum(1)
        payoffs.append(payoff + low)
        regrets.append(values.max(1) - payoff + rounding(shifted, game.kind))
    # the largest of the values is at least their mean, up to the rounding that is added
    regret = np.stack(regrets, 1)
    return Equilibria(rows, columns, edges, np.stack(payoffs, 1), regret, *_subsets_and_components(edges), method)


def _subsets_and_components(edges: np.ndarray) -> tuple[tuple[NashSubset, ...], tuple[tuple[int, ...], ...]]:
    """Maximal bicliques of the bipartite graph, and which of them are connected through shared points."""
    partners: dict[int, int] = {}
    for u, w in edges:
        partners[int(u)] = partners.get(int(u), 0) | 1 << int(w)
    # the columns of a maximal biclique are an intersection of neighbourhoods, and every such non-empty set gives one
    closed: set[int] = set()
    for neighbours in partners.values():
        closed |= {neighbours & c for c in closed if neighbours & c} | {neighbours}
    subsets = sorted(
        (NashSubset(tuple(u for u, own in partners.items() if own & c == c), _members(c)) for c in closed),
        key=lambda s: (s.rows, s.columns),
    )
    components: list[tuple[set[int], int]] = []
    for index, subset in enumerate(subsets):
        mask = sum(1 << w for w in subset.columns)
        joined, apart = {index}, []
        for members, own in components:
            if own & mask:
                joined, mask = joined | members, own | mask
            else:
                apart.append((members, own))
        components = [*apart, (joined, mask)]
    return tuple(subsets), tuple(sorted(tuple(sorted(members)) for members, _ in components))


def _members(mask: int) -> tuple[int, ...]:
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


def _extreme_points(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The extreme strategies of both players that occur in an equilibrium, and the pairs that are one, exactly."""
    m, k = payoffs.shape[1:]
    first = _vertices(integer_payoffs(payoffs[1])[0], range(m), range(m, m + k), transposed=True)
    second = _vertices(integer_payoffs(payoffs[0])[0], range(m, m + k), range(m), transposed=False)
    everything = (1 << m + k) - 1
    pairs = [(x, y) for x, seen in first.items() for y, labels in second.items() if seen | labels == everything]
    rows = sorted({x for x, _ in pairs}, reverse=True)
    columns = sorted({y for _, y in pairs}, reverse=True)
    at_row, at_column = ({point: i for i, point in enumerate(points)} for points in (rows, columns))
    edges = np.array(sorted((at_row[x], at_column[y]) for x, y in pairs), dtype=np.int64)
    return np.array(rows, dtype=object), np.array(columns, dtype=object), edges


def _vertices(payoffs: list[list[Any]], own: range, slacks: range, transposed: bool) -> dict[tuple[Any, ...], int]:
    """Each vertex but 0 of {z ≥ 0, Mz ≤ 1}, scaled to sum 1, with the bit mask of its labels."""
    import flint

    matrix = [list(r) for r in zip(*payoffs, strict=True)] if transposed else payoffs
    low = min(min(r) for r in matrix)
    tableau = [[entry - low + 1 for entry in r] + [flint.fmpz(1)] for r in matrix]
    variables = [*own, *slacks]
    visited = {frozenset(own)}
    found: dict[tuple[Any, ...], int] = {}
    queue = deque([(tableau, variables, flint.fmpz(1))])
    while queue:
        tableau, variables, denominator = queue.popleft()
        point, labels = _point(tableau, variables, own, len(own) + len(slacks))
        if point is not None:
            found[point] = labels
        columns = len(own)
        for column in range(columns):
            row = lexicographic_row(tableau, variables, slacks, denominator, column)
            if row < 0:
                continue
            nonbasic = frozenset(variables[:columns]) - {variables[column]} | {variables[columns + row]}
            if nonbasic not in visited:
                visited.add(nonbasic)
                copy, moved = [list(r) for r in tableau], list(variables)
                moved[column], moved[columns + row] = moved[columns + row], moved[column]
                queue.append((copy, moved, pivot(copy, row, column, denominator)))
    return found


def _point(tableau: list[list[Any]], variables: list[int], own: range, size: int) -> tuple[Any, int]:
    """The vertex (None for 0) and its labels: the variables that are 0, basic ones included."""
    import flint

    columns = len(own)
    labels = (1 << size) - 1
    values = {}
    for i, row in enumerate(tableau):
        if row[columns]:
            labels ^= 1 << variables[columns + i]
            values[variables[columns + i]] = row[columns]
    weights = [values.get(v, 0) for v in own]
    total = sum(weights, flint.fmpz(0))
    return (tuple(flint.fmpq(w, total) for w in weights) if total else None), labels
