"""Why Nash-Q asks for global optima or saddle points: their values move no faster than the tables, others' jump.

    σ a global optimum of Q, σ' of Q'   ⇒   |Q_i(σ) − Q'_i(σ')| ≤ ‖Q_i − Q'_i‖_∞        the same for saddle points

Source: Hu & Wellman, *Nash Q-learning for general-sum stochastic games*, JMLR 2003: with γ before it, this makes their
operator a contraction. A saddle point is an equilibrium at which nobody is hurt when the others deviate; here pure
ones. The first pure equilibrium of a game is neither, and its value jumps. ``values_settle`` is where that leads: in
the game of Zinkevich, Greenwald & Littman (2005), whose only stationary equilibrium is mixed, whoever is to move
prefers an action by its Q alone, and the values go round.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import constant, each, exact_instance
from proofs_check.instances import Between, Choice, Instance, Layout, Reals

SOURCE = "Hu & Wellman, Nash Q-learning for general-sum stochastic games, JMLR 2003"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")


def _places(actions: int) -> Choice:
    """Where the two games have their selected joint action."""
    joint = tuple(itertools.product(range(actions), repeat=2))
    return Choice(tuple(itertools.product(joint, repeat=2)))


def optima(actions: int = 2, least: str = "0") -> Layout:
    """What two games of two players pay at their global optima, and how much less elsewhere."""
    shape = (2, actions, actions)
    return {
        "top": Reals((2,)),
        "top2": Reals((2,)),
        "less": Between(least, 2, shape),
        "less2": Between(least, 2, shape),
        "at": _places(actions),
    }


def _mask(at: tuple[int, int], like: Any) -> Any:
    """0 at ``at``, else 1."""
    mask = np.ones(like.shape[-2:], dtype=int)
    mask[at] = 0
    return numbers.convert(mask, numbers.kind_of(like))


def _with_optimum(top: Any, less: Any, at: tuple[int, int]) -> Any:
    return top[..., None, None] - less * _mask(at, less)


def _moved(x: Instance, one: Any, other: Any, value: Any, value2: Any) -> Any:
    """‖Q_i − Q'_i‖ − |value_i − value'_i| of the worse player."""
    return numbers.amin(numbers.amax(numbers.absolute(one - other), (-2, -1)) - numbers.absolute(value - value2), -1)


def optimum_moves(x: Instance) -> Any:
    """The same for the global optima."""
    one, other = _with_optimum(x.top, x.less, x.at[0]), _with_optimum(x.top2, x.less2, x.at[1])
    return _moved(x, one, other, x.top, x.top2)


def best_for_all(x: Instance) -> Any:
    """Whether nobody gets more anywhere else."""
    good = [numbers.convert(t * _mask(at, t), "float") >= 0 for t, at in zip((x.less, x.less2), x.at, strict=True)]
    return (good[0] & good[1]).reshape(*x.batch_shape, -1).all(-1)


def another_is_better() -> Instance:
    """One table in both games: the first selects (0, 0), worth 0, the second (1, 1), worth 1."""
    sizes = {"actions": 2, "least": "-1"}
    first = [[[0, 1], [1, -1]], [[0, 1], [1, -1]]]
    second = [[[1, 2], [2, 0]], [[1, 2], [2, 0]]]
    at = ((0, 0), (1, 1))
    return exact_instance(optima(**sizes), sizes, top=[0, 0], top2=[1, 1], less=first, less2=second, at=at)


def saddles(actions: int = 2) -> Layout:
    """What two games pay at their saddle points, how much a deviation costs and gives the other, and the rest."""
    shape = (2, actions, actions)
    return {
        "value": Reals((2,)),
        "value2": Reals((2,)),
        "edge": Between(0, 1, shape),
        "edge2": Between(0, 1, shape),
        "rest": Reals(shape),
        "rest2": Reals(shape),
        "at": _places(actions),
    }


def _with_saddle(value: Any, edge: Any, rest: Any, at: tuple[int, int], sign: int) -> Any:
    """Each loses by leaving alone and gains (``sign`` 1) where the other leaves alone."""
    n = edge.shape[-1]
    own, other, neither = (np.zeros((2, n, n), dtype=int) for _ in range(3))
    neither[:] = 1
    neither[:, at[0], :] = neither[:, :, at[1]] = 0
    own[0, :, at[1]] = own[1, at[0], :] = 1
    other[0, at[0], :] = other[1, :, at[1]] = 1
    own[:, at[0], at[1]] = other[:, at[0], at[1]] = 0
    own, other, neither = (numbers.convert(mask, numbers.kind_of(edge)) for mask in (own, other, neither))
    return (value[..., None, None] + edge * (sign * other - own)) * (1 - neither) + rest * neither


def saddle_moves(x: Instance, sign: int = 1) -> Any:
    """‖Q_i − Q'_i‖ − |value_i − value'_i| of the worse player, for saddle points."""
    one = _with_saddle(x.value, x.edge, x.rest, x.at[0], sign)
    other = _with_saddle(x.value2, x.edge2, x.rest2, x.at[1], sign)
    return _moved(x, one, other, x.value, x.value2)


def hurt_by_deviations(x: Instance) -> Any:
    """The same for equilibria at which each loses when the other deviates."""
    return saddle_moves(x, -1)


def two_games() -> Layout:
    """Two games of two players."""
    return {"Q": Reals((2, 2, 2)), "W": Reals((2, 2, 2))}


def first_pure(table: Any) -> tuple[int, int] | None:
    """The first pure equilibrium in C order."""
    for a, b in itertools.product((0, 1), repeat=2):
        if table[0, a, b] >= table[0, 1 - a, b] and table[1, a, b] >= table[1, a, 1 - b]:
            return a, b
    return None


@each
def first_moves(x: Instance) -> Any:
    """max_i ‖Q_i − W_i‖ − max_i |Q_i(first) − W_i(first)|; nothing is claimed without pure equilibria."""
    one, other = first_pure(x.Q), first_pure(x.W)
    if one is None or other is None:
        return constant(x, 0)
    apart = max(abs(x.Q[i][one] - x.W[i][other]) for i in (0, 1))
    return abs(x.Q - x.W).max() - apart


def nearby() -> Instance:
    """(0, 0) is an equilibrium while both actions of player 1 pay 1 against 0; a tenth more, and only (1, 1) is."""
    second = [[1, 0], [0, 2]]
    return exact_instance(two_games(), Q=[[[1, 0], [1, 2]], second], W=[[[1, 0], ["11/10", 2]], second])


def keep_or_send() -> Layout:
    """Values of both players at both states; at state i player i keeps (and stays) or sends (and moves on)."""
    return {"V": Reals((2, 2))}


DAYS = 43
"""A day of the cycle on which the largest move is a fall."""
DISCOUNT = "3/4"
KEEP = ((1, 0), (3, 1))
"""What the two players get while the state's player keeps, at state 1 and at state 2."""
SEND = ((0, 3), (0, 0))


@each
def settled(x: Instance) -> Any:
    """1/10 minus how far the values move on the last of DAYS days, each player taking what its own Q prefers."""
    gamma = constant(x, DISCOUNT)
    V, moved = x.V, constant(x, 0)
    for _ in range(DAYS):
        new = V.copy()
        for s in (0, 1):
            keep = [KEEP[s][i] + gamma * V[i, s] for i in (0, 1)]
            send = [SEND[s][i] + gamma * V[i, 1 - s] for i in (0, 1)]
            new[0, s], new[1, s] = keep if keep[s] >= send[s] else send
        moved = abs(new - V).max()
        V = new
    return constant(x, "1/10") - moved


SIZES = ({"actions": 2}, {"actions": 3})
global_optimum = Claim(
    statement=r"|Q_i(\sigma) - Q'_i(\sigma')| \le \|Q_i - Q'_i\|_\infty \text{ at global optima } \sigma, \sigma'",
    plain="The values of global optima move no faster than the games do.",
    source=SOURCE,
    locator="Lemma 16 for global optima",
    status="proved",
    kind="inequality",
    margin=optimum_moves,
    family=Family(optima, SIZES),
    hypotheses={
        "global_optimum": Hypothesis("nobody gets more at another joint action", best_for_all, another_is_better)
    },
    numbers=KINDS,
)
saddle_point = Claim(
    statement=r"|Q_i(\sigma) - Q'_i(\sigma')| \le \|Q_i - Q'_i\|_\infty \text{ at saddle points } \sigma, \sigma'",
    plain="The values of saddle points move no faster than the games do.",
    source=SOURCE,
    locator="Lemma 16 for saddle points",
    status="proved",
    kind="inequality",
    margin=saddle_moves,
    family=Family(saddles, SIZES),
    numbers=KINDS,
)
without_safety = Claim(
    statement=r"|Q_i(\sigma) - Q'_i(\sigma')| \le \|Q_i - Q'_i\|_\infty \text{ at strict pure equilibria }"
    r" \sigma, \sigma'",
    plain="The values of pure equilibria at which each is hurt when the other deviates move no faster than the games.",
    source="Hu & Wellman's lemma without its condition",
    locator="markov/stage_games/saddle_point with the second inequality turned",
    status="refuted",
    kind="inequality",
    margin=hurt_by_deviations,
    family=Family(saddles, SIZES),
    expected="refuted",
    numbers=KINDS,
)
any_equilibrium = Claim(
    statement=r"|Q_i(\sigma) - W_i(\sigma')| \le \max_i \|Q_i - W_i\|_\infty \text{ at the first pure equilibria}",
    plain="The operator of Nash-Q contracts whichever equilibrium is selected.",
    source="Hu & Wellman's theorem without its condition",
    locator="the first pure equilibrium in lexicographic order",
    status="refuted",
    kind="inequality",
    margin=first_moves,
    family=Family(two_games),
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
    witness=nearby,
)
values_settle = Claim(
    statement=r"\|V_{43} - V_{42}\|_\infty \le \tfrac{1}{10}, \quad V_{k+1} = \text{the values of stage equilibria of }"
    r" Q_k",
    plain="Iterating the values of stage equilibria settles in every game.",
    source="Zinkevich, Greenwald & Littman, Cyclic equilibria in Markov games, NeurIPS 2005",
    locator="keep or send, γ = 3/4: the negation",
    status="refuted",
    kind="limit",
    margin=settled,
    family=Family(keep_or_send),
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
    cost=20,
    note="A pure choice of the mover decides; the only stationary equilibrium is mixed, and the values go round.",
)
