"""What sums (VDN) and monotone mixers (QMIX) can represent: the best fits of two team games, exactly.

    additive   min Σ (R(a,b) − f(a) − g(b))²          monotone   min Σ (R(a,b) − F(f(a), g(b)))², F non-decreasing
    climbing   the best monotone fit has the squared error 11969/12 ≈ 997.42 and prefers (2, 2), worth 5 of 11
    penalty k  the best monotone fit prefers an optimum for −8 ≤ k ≤ 0, ties for −12 ≤ k ≤ −10, misses for k ≤ −20

Sources: Sunehag et al. 2018 (VDN); Rashid et al. 2018 (QMIX); the games of Claus & Boutilier 1998. The fits are those
of ``marlcore.library.fits``: isotonic regression over all orders of the actions, uniform weights. ``no_closer`` does
not trust them: it holds the error of any monotone table against the number.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.library.fits import additive_fit, monotone_fit
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import along, constant, each, exact_instance, squares
from proofs_check.instances import Between, Choice, Fixed, Instance, Layout, Reals

SOURCE = "derived for the games of Claus & Boutilier, AAAI 1998"
CLIMBING = [[11, -30, 0], [-30, 7, 6], [0, 0, 5]]
ERROR = "11969/12"
"""The squared error of the best monotone fit of the climbing game."""


def scaled() -> Layout:
    """The climbing game in other units, from another zero."""
    return {"payoffs": Fixed(CLIMBING), "unit": Between("1/10", 10), "zero": Reals()}


@each
def climbing_error(x: Instance) -> Any:
    """The error of the best monotone fit in those units minus ERROR."""
    table = x.unit * x.payoffs + x.zero
    return monotone_fit(np.asarray(table))[0] / x.unit**2 - constant(x, ERROR)


@each
def climbing_choice(x: Instance) -> Any:
    """What the best monotone fit prefers minus 5."""
    fit = monotone_fit(np.asarray(x.unit * x.payoffs + x.zero))[1]
    return sum(abs(x.payoffs[at] - 5) for at in maxima(x, fit))


def maxima(x: Instance, fit: np.ndarray) -> list[tuple[int, ...]]:
    """Where a fit is largest, up to the round-off of floats."""
    near = 1e-9 * float(np.abs(fit).max()) if x.kind == "float" else 0
    return [at for at in np.ndindex(*fit.shape) if fit[at] >= fit.max() - near]


def monotone_tables(most: str = "0") -> Layout:
    """Any table, whose running maxima along both axes are any monotone table, the order of the agents' actions, and by
    how much each entry is less than that."""
    orders = tuple(itertools.product(itertools.permutations(range(3)), repeat=2))
    return {"table": Between(-40, 40, (3, 3)), "less": Between(0, most, (3, 3)), "orders": Choice(orders)}


def further(x: Instance) -> Any:
    """The squared error of a monotone table minus ERROR."""
    cells: dict[tuple[int, int], Any] = {}
    for a, b in np.ndindex(3, 3):
        cell = x.table[..., a, b]
        for before in ((a - 1, b), (a, b - 1)):
            cell = numbers.maximum(cell, cells[before]) if before in cells else cell
        cells[a, b] = cell
    rows, columns = x.orders
    total: Any = 0
    for (a, b), cell in cells.items():
        off = cell - x.less[..., a, b] - CLIMBING[rows[a]][columns[b]]
        total = total + off * off
    return total - constant(x, ERROR)


def monotone(x: Instance) -> Any:
    """Whether the table is its own running maxima."""
    return (numbers.convert(x.less, "float") == 0).reshape(*x.batch_shape, -1).all(-1)


def itself() -> Instance:
    """The climbing game, 11 less something everywhere."""
    sizes = {"most": "41"}
    less = [[11 - payoff for payoff in row] for row in CLIMBING]
    order = ((0, 1, 2), (0, 1, 2))
    return exact_instance(monotone_tables(**sizes), sizes, table=[[11] * 3] * 3, less=less, orders=order)


def table(actions: int = 3) -> Layout:
    """A team's payoffs."""
    return {"payoffs": Reals((actions, actions))}


@each
def monotone_choice(x: Instance) -> Any:
    """The best payoff among what the best monotone fit prefers, minus the largest payoff."""
    fit = monotone_fit(np.asarray(x.payoffs))[1]
    return max(x.payoffs[at] for at in maxima(x, fit)) - x.payoffs.max()


@each
def monotone_distance(x: Instance) -> Any:
    """The squared error of the best monotone fit."""
    return monotone_fit(np.asarray(x.payoffs))[0]


def additive_distance(x: Instance) -> Any:
    """The squared error of the best additive fit of two by two payoffs: a quarter of (a − b − c + d)²."""
    cross = x.payoffs[..., 0, 0] - x.payoffs[..., 0, 1] - x.payoffs[..., 1, 0] + x.payoffs[..., 1, 1]
    return cross * cross / 4


# ---------------------------------------------------------------- penalty


def penalty(low: str, high: str) -> Layout:
    """k of the penalty game [[10, 0, k], [0, 2, 0], [k, 0, 10]]."""
    return {"k": Between(low, high)}


def _payoffs(k: Any) -> Any:
    """The table, (…, 3, 3)."""
    zero = k * 0
    cells = [[zero + 10, zero, k], [zero, zero + 2, zero], [k, zero, zero + 10]]
    return numbers.stack([numbers.stack(row, axis=-1) for row in cells], axis=-2)


@each
def misses_by(x: Instance) -> Any:
    """10 minus the worst payoff among what the best monotone fit prefers."""
    R = np.asarray(_payoffs(x.k))
    return 10 - min(R[at] for at in maxima(x, monotone_fit(R)[1]))


@each
def only_the_middle(x: Instance) -> Any:
    """How many joint actions other than (1, 1) the best monotone fit prefers; 1 more if not (1, 1) itself."""
    found = maxima(x, monotone_fit(np.asarray(_payoffs(x.k)))[1])
    return constant(x, len([at for at in found if at != (1, 1)]) + ((1, 1) not in found))


@each
def corner_over_middle(x: Instance) -> Any:
    """The best monotone fit at the better optimum minus at (1, 1)."""
    fit = monotone_fit(np.asarray(_payoffs(x.k)))[1]
    return max(fit[0, 0], fit[2, 2]) - fit[1, 1]


def _additive(x: Instance) -> Any:
    """The additive fit, (…, 3, 3): row mean + column mean − mean."""
    R = _payoffs(x.k)
    rows, columns = R.sum(-1) / 3, R.sum(-2) / 3
    return rows[..., :, None] + columns[..., None, :] - along(rows.sum(-1) / 3, 2)


def middle_first(x: Instance) -> Any:
    """The additive fit at (1, 1) minus the largest elsewhere."""
    fit = _additive(x)
    others = [fit[..., a, b] for a, b in np.ndindex(3, 3) if (a, b) != (1, 1)]
    return fit[..., 1, 1] - numbers.amax(numbers.stack(others, axis=-1), -1)


def corners_tie(x: Instance) -> Any:
    """The additive fit at (0, 0) minus at the other three corners."""
    fit = _additive(x)
    return squares(x, *(fit[..., 0, 0] - fit[..., a, b] for a, b in ((0, 2), (2, 0), (2, 2))))


@each
def greedy_on_additive(x: Instance) -> Any:
    """The worst payoff among what the best additive fit prefers, minus 10."""
    R = np.asarray(_payoffs(x.k))
    return min(R[at] for at in maxima(x, additive_fit(R))) - 10


def below(x: Instance) -> Any:
    """Whether k < −8."""
    return numbers.convert(x.k, "float") < -8


def at_k(low: str, high: str, k: int) -> Instance:
    """One penalty game."""
    return exact_instance(penalty(low, high), {"low": low, "high": high}, k=k)


def _claim(margin: Any, family: Family, statement: str, plain: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": SOURCE,
        "locator": "what QMIX can represent",
        "status": "ours",
        "kind": "identity",
        "numbers": ("float", "rational"),
        "smooth": False,
        "cost": 40,
        "figure": "representable",
    }
    return Claim(statement=statement, plain=plain, margin=margin, family=family, **(defaults | fields))


def _penalties(low: str, high: str) -> Family:
    return Family(penalty, ({"low": low, "high": high},))


MONOTONE = r"\min_{F \text{ monotone}} \textstyle\sum (R - F)^2"
EXACT: dict[str, Any] = {"numbers": ("float", "torch", "rational", "ball"), "smooth": True, "cost": 1}
SYMBOLS: dict[str, Any] = {"numbers": numbers.ARITHMETIC, "smooth": True, "cost": 1}
climbing_fit = _claim(
    climbing_error,
    Family(scaled),
    MONOTONE + r" = \tfrac{11969}{12} \approx 997.42 \text{ on climbing}",
    "The best monotone fit of the climbing game has the squared error 997.42, in any units and from any zero.",
)
no_closer = _claim(
    further,
    Family(monotone_tables),
    r"\textstyle\sum (R - F)^2 \ge \tfrac{11969}{12} \text{ for every monotone } F \text{ on climbing}",
    "No monotone table is closer to the climbing game.",
    kind="inequality",
    scale=lambda x: constant(x, ERROR),
    hypotheses={"monotone": Hypothesis("F rises along some order of both agents' actions", monotone, itself)},
    **EXACT,
)
climbing_prefers = _claim(
    climbing_choice,
    Family(scaled),
    r"\arg\max F^* = \{(2, 2)\} \text{ on climbing}",
    "The best monotone fit of the climbing game prefers (2, 2), which pays 5 where 11 is there.",
    assumes=("markov/factored/climbing_fit",),
)
monotone_finds_optimum = _claim(
    monotone_choice,
    Family(table),
    r"a \in \arg\max F^* \Rightarrow R(a) = \max R",
    "The best monotone fit of a team's payoffs prefers an optimum.",
    source="a hope about QMIX",
    locator="folklore",
    status="refuted",
    kind="inequality",
    expected="refuted",
    witness=lambda: exact_instance(table(), {"actions": 3}, payoffs=CLIMBING),
)
every_game_is_monotone = _claim(
    monotone_distance,
    Family(table, ({"actions": 2},)),
    MONOTONE + r" = 0",
    "A monotone mixer can represent every team game.",
    source="a hope about QMIX",
    locator="folklore",
    status="refuted",
    expected="refuted",
    witness=lambda: exact_instance(table(2), {"actions": 2}, payoffs=[[1, 0], [0, 1]]),
)
every_game_is_additive = _claim(
    additive_distance,
    Family(table, ({"actions": 2},)),
    r"\min_{f, g} \textstyle\sum (R(a, b) - f(a) - g(b))^2 = 0",
    "A sum of the agents' own values can represent every team game.",
    source="a hope about VDN",
    locator="folklore",
    status="refuted",
    expected="refuted",
    **EXACT,
)
penalty_hits = _claim(
    misses_by,
    _penalties("-8", "0"),
    r"-8 \le k \le 0 \Rightarrow R(\arg\max F^*) = 10 \text{ on penalty}(k)",
    "The best monotone fit of the penalty game prefers an optimum while the penalty is at most 8.",
)
penalty_ties = _claim(
    corner_over_middle,
    _penalties("-12", "-10"),
    r"-12 \le k \le -10 \Rightarrow F^*(0, 0) = F^*(1, 1) \text{ on penalty}(k)",
    "For penalties from 10 to 12 the best monotone fit ties an optimum with the poor middle.",
)
penalty_misses = _claim(
    only_the_middle,
    _penalties("-100", "-20"),
    r"-100 \le k \le -20 \Rightarrow \arg\max F^* = \{(1, 1)\} \text{ on penalty}(k)",
    "For penalties from 20 to 100, so at 30 and 100, the best monotone fit prefers the poor middle alone.",
)
penalty_always_hits = _claim(
    misses_by,
    _penalties("-100", "0"),
    r"R(\arg\max F^*) = 10 \text{ on penalty}(k) \text{ for every } k \le 0",
    "A monotone mixer finds the optimum of the penalty game whatever the penalty.",
    source="a hope about QMIX",
    locator="folklore",
    status="refuted",
    expected="refuted",
    witness=lambda: at_k("-100", "0", -30),
)
additive_below = _claim(
    middle_first,
    _penalties("-100", "-801/100"),
    r"k < -8 \Rightarrow \arg\max (f^* + g^*) = \{(1, 1)\} \text{ on penalty}(k)",
    "For penalties above 8 the best additive fit prefers the poor middle.",
    locator="what VDN can represent",
    kind="inequality",
    hypotheses={"below": Hypothesis("k < −8", below, lambda: at_k("-100", "0", -4))},
    **EXACT,
)
additive_above = _claim(
    corners_tie,
    _penalties("-8", "0"),
    r"f^* + g^* \text{ ties at } (0,0), (0,2), (2,0), (2,2) \text{ on penalty}(k)",
    "The best additive fit of the penalty game cannot tell the optima (0,0) and (2,2) from (0,2) and (2,0).",
    locator="what VDN can represent",
    symbolic=({"low": "-8", "high": "0"},),
    **SYMBOLS,
)
greedy_is_safe = _claim(
    greedy_on_additive,
    _penalties("-7", "0"),
    r"-8 < k \le 0 \Rightarrow R(a) = 10 \text{ at every } a \in \arg\max (f^* + g^*)",
    "Above k = −8 greedy agents on the best additive fit play an optimum.",
    source="a hope about VDN",
    locator="folklore",
    status="refuted",
    kind="inequality",
    expected="refuted",
    note="Rows and columns 0 and 2 tie, so greedy agents may play (0, 2), which pays k.",
)
