"""Small games that refute a statement as it is printed or told: each fact is the number that decides.

vertex                 every deterministic policy is a fixed point of Algorithm 1 (Theorem 10 needs π₀ fully mixed)
stop_or_go             a start that does not cover the states keeps the Nash gap (Theorem 10 needs d(s) > 0)
far_policy             a neighbourhood must be closed under resetting one state (HAML)
wolf_misprint          WoLF-IGA's test with the other player's value misjudges who wins
van_der_wal            the Newton iteration of Pollatschek and Avi-Itzhak cycles
coarse_correlation     a coarse correlated equilibrium that is not a correlated one
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.advantages import surrogate
from marlcore.bounds import largest_advantage, paper_constant
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.library.exact import bimatrix, exact, markov, team, zero_sum
from marlcore.library.facts import Gap, Measured, PerfectEquilibrium, TeamOptimum, Value
from marlcore.library.registry import game
from marlcore.values import evaluate

_HARL = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"


def _penalty_excess(game: TeamGame) -> Any:
    """C − ε/(1−γ) at the policy that plays action 0."""
    A = evaluate(game, (exact([[1, 0]], game.kind),)).A
    eps = largest_advantage(A, 1)
    return paper_constant(game.discount, eps) - eps / (1 - game.discount)


@game(
    "vertex",
    "One agent, one state, two rewards: Algorithm 1 never leaves a deterministic policy, here the worse one.",
    "derived against " + _HARL + ", Theorem 10 of the preprint, whose π₀ must be fully mixed",
    [
        TeamOptimum(values=(2,), actions=((1,),), source="1/(1 − γ)"),
        Gap(profile=((0,),), gap=2, label="action 0", source="derived"),
        Measured(
            what="C − ε/(1−γ): a step of size η gains at most ηε/(1−γ) and costs at least Cη",
            value=6,
            measure=_penalty_excess,
            source="derived: positive for every γ > 1/5",
        ),
    ],
)
def vertex() -> TeamGame:
    """r = (0, 1), γ = 1/2."""
    return team([[[1], [1]]], [[0, 1]], "1/2", [1])


_SLOW = (("999/1000", "1/1000"), ("95/100", "5/100"), (1, 0))


@game(
    "stop_or_go",
    "Stop for 1, or go to where one action pays 10: with d on the first state alone, learning stops at stopping.",
    "derived against " + _HARL + ", Theorem 10 of the preprint, whose d must be positive everywhere",
    [
        TeamOptimum(values=(9, 10, 0), actions=((1,), (1,), (0,)), source="derived: γ·10 > 1"),
        Gap(
            profile=(_SLOW,),
            gap=Fraction(9) - Fraction("0.999") - Fraction("0.00045"),
            label="π₀(go) = 1/1000, π₀(good) = 1/20",
            source="derived: 9 − (999/1000 + 1/1000·9/10·1/2)",
        ),
    ],
)
def stop_or_go() -> TeamGame:
    """State 0: stop (+1, the end) or go to state 1; state 1 pays 0 or 10, then the end; γ = 9/10, d = (1, 0, 0)."""
    end, there = [0, 0, 1], [0, 1, 0]
    return team([[end, there], [end, end], [end, end]], [[1, 0], [0, 10], [0, 0]], "9/10", [1, 0, 0])


def _sides(game: TeamGame, weights: Any) -> Any:
    old, far = (exact(row, game.kind) for row in ([[1, 0], [1, 0]], [[0, 1], [0, 1]]))
    return surrogate(evaluate(game, (old,)).Q, exact(weights, game.kind), (old,), (far,), (0,))


@game(
    "far_policy",
    "One state gains what the other loses: weighed by β the far policy looks better, weighed by d it is worse.",
    "derived against the neighbourhoods of " + _HARL + ", Definition 13 of the preprint",
    [
        Measured(
            what="E_{s~β} of the far policy's advantage, β = (9/10, 1/10)",
            value="4/5",
            measure=lambda game: _sides(game, ("9/10", "1/10")),
            source="derived",
        ),
        Measured(
            what="J(far) − J(old), d = (1/10, 9/10)",
            value="-4/5",
            measure=lambda game: _sides(game, ("1/10", "9/10")),
            source="derived: γ = 0",
        ),
        TeamOptimum(values=(1, 0), actions=((1,), (0,)), source="derived: state by state"),
    ],
)
def far_policy() -> TeamGame:
    """Two states for ever, γ = 0, d = (1/10, 9/10): action 1 pays 1 in state 0 and −1 in state 1, action 0 pays 0."""
    stay = [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]
    return team(stay, [[0, 1], [0, -1]], 0, ["1/10", "9/10"])


_HALF = ("1/2", "1/2")


def _winning(game: MatrixGame, compared: int) -> Any:
    """V₂(π₁, π₂) − V(π₁, π₂*) at π₁ = action 0, π₂ = action 1, V the value of player ``compared``."""
    return game.payoffs[1, 0, 1] - game.payoffs[compared, 0] @ exact(_HALF, game.kind)


@game(
    "wolf_misprint",
    "Matching pennies plus 1: player 2 is winning, but a test against player 1's value says that it loses.",
    "derived against a printed form of WoLF-IGA; Bowling & Veloso, Artificial Intelligence 136, 2002, compare with V₂",
    [
        Value(value=1, row=_HALF, column=_HALF, source="derived"),
        Measured(
            what="V₂(π) − V₂(π₁, π₂*) at π₁ = (1, 0), π₂ = (0, 1): positive, player 2 wins",
            value=1,
            measure=lambda game: _winning(game, 1),
            source="derived",
        ),
        Measured(
            what="V₂(π) − V₁(π₁, π₂*) there, as printed: negative, 'player 2 loses'",
            value=-1,
            measure=lambda game: _winning(game, 0),
            source="derived",
        ),
    ],
)
def wolf_misprint() -> MatrixGame:
    """[[2, 0], [0, 2]], zero-sum: the value is 1, not 0."""
    return zero_sum([[2, 0], [0, 2]])


def _newton_values(game: MarkovGame) -> Any:
    """V(0) after each of four steps from V = 0: a saddle point of R + γPV, then its value for ever."""
    V, trace = np.array([numbers.number(0, game.kind)] * 2), []
    for _ in range(4):
        table = (game.rewards[0] + game.discount * (game.transitions @ V))[0]
        saddle = (table == table.min(1, keepdims=True)) & (table == table.max(0, keepdims=True))
        row, column = (int(k) for k in np.argwhere(saddle)[0])
        stay = game.transitions[0, row, column, 0]
        V = np.array([game.rewards[0, 0, row, column] / (1 - game.discount * stay), V[1] * 0])
        trace.append(V[0])
    return np.array(trace)


_WAL = "van der Wal, Discounted Markov games: generalized policy iteration method, JOTA 25, 1978, pages 125–138"


@game(
    "van_der_wal",
    "Newton's method for Shapley's equation jumps between 12 and 4 for ever; the value is 8.",
    _WAL,
    [
        PerfectEquilibrium(
            profile=((0, 0), (1, 0)),
            values=((0, (8, -8)), (1, (0, 0))),
            label="a pure saddle point",
            source="derived: v = 6 + v/4",
        ),
        Measured(
            what="V(0) after one, two, three and four steps of Pollatschek and Avi-Itzhak from V = 0",
            value=(12, 4, 12, 4),
            measure=_newton_values,
            source=_WAL,
        ),
    ],
)
def van_der_wal() -> MarkovGame:
    """State 0 pays [[3, 6], [2, 1]] and stays, after (0, 1) with probability 1/3; state 1 is the end; γ = 3/4."""
    stay, end, mostly_end = [1, 0], [0, 1], ["1/3", "2/3"]
    transitions = [[[stay, mostly_end], [stay, stay]], [[end, end], [end, end]]]
    first = np.array([[[3, 6], [2, 1]], [[0, 0], [0, 0]]])
    return markov(transitions, np.stack([first, -first]).tolist(), "3/4", [1, 0])


def _gains_by_swapping(game: MatrixGame) -> tuple[Any, Any]:
    """What player 1 gains at most over ½, ½ on the diagonal by one action for all advice, and by answering advice."""
    weight = numbers.number("1/3", game.kind)
    table = game.payoffs[0]
    diagonal = np.arange(3)
    advised = weight * table[diagonal, diagonal].sum()
    return numbers.amax(weight * table.sum(1), 0) - advised, weight * table.max(0).sum() - advised


@game(
    "coarse_correlation",
    "Rock-paper-scissors: 'both play the same, uniformly' is a coarse correlated equilibrium, not a correlated one.",
    "Moulin & Vial 1978 (the notion); a test for solvers of correlated-Q that use the coarse constraints",
    [
        Measured(
            what="player 1's gain over the uniform diagonal by one action whatever the advice, and by answering it",
            value=(0, 1),
            measure=lambda game: np.array(_gains_by_swapping(game)),
            source="derived: every action pays 0 against uniform, the winning answer pays 1",
        )
    ],
)
def coarse_correlation() -> MatrixGame:
    """[[0, −1, 1], [1, 0, −1], [−1, 1, 0]], zero-sum."""
    cycle = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return bimatrix(cycle.tolist(), (-cycle).tolist())
