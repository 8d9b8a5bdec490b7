"""A game as flat arrays that a compiled loop samples: (s, a) → s' in constant time, r(s, a) of all agents in one row.

    world.first[s·J + j] …       where the successors of (s, joint action j) begin
    world.target, world.other    successor k, and the one it shares its slot with (Walker's alias method)
    world.threshold              slot k gives target where a 32-bit word is below the threshold, else other

J = A1·…·An; joint actions count in C order. A slot is chosen by one 32-bit word and split by another, so a probability
p is met within L·2⁻³² where the row has L successors (an exact 0 stays 0). Walker, "An efficient method for generating
discrete random variables with general distributions", 1977; Vose's order of filling, 1991.

A state that every joint action leaves as it is ends an episode: it is played once more, with its own rewards, and then
the next state is drawn from the start distribution. A matrix game is one state with γ = 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame


class World(NamedTuple):
    """What the compiled loop samples from."""

    first: np.ndarray
    target: np.ndarray
    other: np.ndarray
    threshold: np.ndarray
    final: np.ndarray
    """Whether a state ends an episode."""
    start: np.ndarray
    """The start distribution, cumulated."""


@dataclass(frozen=True, eq=False)
class Arena:
    """A game made ready for learning."""

    game: MarkovGame
    payoffs: np.ndarray
    """r_i(s, j) as (S, J, n)."""
    counts: np.ndarray
    strides: np.ndarray
    """Agent i's action a adds a·strides[i] to the joint action."""
    world: World
    digest: str

    @property
    def n(self) -> int:
        """Number of agents."""
        return len(self.counts)

    @property
    def S(self) -> int:
        """Number of states."""
        return self.payoffs.shape[0]

    @property
    def J(self) -> int:
        """Number of joint actions."""
        return self.payoffs.shape[1]

    @property
    def A(self) -> int:
        """The largest number of actions."""
        return int(self.counts.max())

    @property
    def gamma(self) -> float:
        """The discount."""
        return float(self.game.discount)


def arena(game: Game) -> Arena:
    """``game`` in floats, as a Markov game with flat arrays; a batch is refused."""
    if not isinstance(game, (MatrixGame, MarkovGame, TeamGame)):
        raise InputError(f"a learner needs a game, not {type(game).__name__}")
    if game.batch_shape:
        raise InputError(f"a learner needs one game, not a batch of shape {game.batch_shape}; unstack it first")
    game = game if game.kind == "float" else game.convert("float")
    if isinstance(game, MatrixGame):
        game = game.as_markov(0)
    elif isinstance(game, TeamGame):
        game = game.as_markov()
    n, S, J = game.n, game.S, game.joint_actions
    payoffs = np.ascontiguousarray(np.moveaxis(np.asarray(game.rewards, float).reshape(n, S, J), 0, -1))
    counts = np.array(game.action_counts, np.int64)
    strides = np.cumprod([1, *counts[:0:-1]])[::-1].astype(np.int64)
    first, target, p = _rows(game)
    other, threshold = np.empty_like(target), np.empty(len(p), np.uint64)
    _fill_alias(first, target, p, other, threshold)
    final = np.array([(target[first[s * J] : first[(s + 1) * J]] == s).all() for s in range(S)])
    start = np.cumsum(np.asarray(game.start, float))
    world = World(first, target, other, threshold, final, start)
    parts = [np.float64(game.discount), counts, payoffs, first, target, p, start]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in parts)).hexdigest()[:16]
    return Arena(game, payoffs, counts, np.ascontiguousarray(strides), world, digest)


def _rows(game: MarkovGame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The possible successors of every (s, j) and their probabilities, row after row."""
    if game.sparse:
        P = game.transitions.tocsr()
        rows = np.repeat(np.arange(P.shape[0]), np.diff(P.indptr))
        target, p = P.indices, P.data
    else:
        dense = np.asarray(game.transitions, float).reshape(-1, game.S)
        rows, target = np.nonzero(dense)
        p = dense[rows, target]
    kept = p > 0
    rows, target, p = rows[kept], target[kept], p[kept]
    first = np.zeros(game.S * game.joint_actions + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(first) - 1), out=first[1:])
    return first, np.ascontiguousarray(target, np.int32), np.ascontiguousarray(p, float)


@compiled
def _fill_alias(first, target, p, other, threshold):
    """Walker's tables: every slot holds 1/L of the probability, shared by at most two successors."""
    longest = 0
    for row in range(first.shape[0] - 1):
        longest = max(longest, first[row + 1] - first[row])
    share, small, large = np.empty(longest), np.empty(longest, np.int64), np.empty(longest, np.int64)
    for row in range(first.shape[0] - 1):
        base = first[row]
        size = first[row + 1] - base
        total = 0.0
        for k in range(size):
            total += p[base + k]
        smalls = larges = 0
        for k in range(size):
            share[k] = p[base + k] / total * size
            other[base + k] = target[base + k]
            threshold[base + k] = np.uint64(1 << 32)
            if share[k] < 1.0:
                small[smalls] = k
                smalls += 1
            else:
                large[larges] = k
                larges += 1
        while smalls > 0 and larges > 0:
            smalls -= 1
            k, donor = small[smalls], large[larges - 1]
            other[base + k] = target[base + donor]
            threshold[base + k] = np.uint64(share[k] * 4294967296.0)
            share[donor] -= 1.0 - share[k]
            if share[donor] < 1.0:
                larges -= 1
                small[smalls] = donor
                smalls += 1


@compiled(forceinline=True)
def successor(world, row, slot_word, split_word):
    """The next state after ``row`` = s·J + j, from two 32-bit words."""
    base = world.first[row]
    size = np.uint64(world.first[row + 1] - base)
    k = base + np.int64((slot_word * size) >> np.uint64(32))
    if split_word < world.threshold[k]:
        return np.int64(world.target[k])
    return np.int64(world.other[k])


@compiled
def begin(world, u):
    """A start state from a uniform number."""
    last = 0
    previous = 0.0
    for s in range(world.start.shape[0]):
        if world.start[s] > u:
            return s
        if world.start[s] > previous:
            last = s
        previous = world.start[s]
    return last
