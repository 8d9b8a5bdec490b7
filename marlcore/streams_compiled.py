"""The streams of ``marlcore.streams`` for compiled loops: one draw at a time, nothing allocated, the same bits.

    u = uniform(seed, stream, step, draw)          a = choice(probabilities, seed, stream, step, draw)

Arguments are integers in the ranges that ``marlcore.streams`` documents; nothing is checked here.
"""

from __future__ import annotations

import math

import numpy as np

from marlcore.compiled import compiled
from marlcore.streams import MULTIPLIERS, ROUNDS, WEYL

_M0, _M1 = (np.uint64(m) for m in MULTIPLIERS)
_W0, _W1 = (np.uint64(w) for w in WEYL)
_MASK, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_EIGHT, _ELEVEN, _UP = np.uint64(8), np.uint64(11), np.uint64(21)


@compiled
def words(seed, stream, step, draw):
    """The block of four 32-bit words at a counter, as four uint64: Philox4x32-10."""
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _HALF
    c0, c1, c2, c3 = np.uint64(draw), np.uint64(step) & _MASK, np.uint64(step) >> _HALF, np.uint64(stream)
    for _ in range(ROUNDS):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _MASK, (p0 >> _HALF) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@compiled
def uniform(seed, stream, step, draw):
    """Uniform on the multiples of 2⁻⁵³ in [0, 1)."""
    a, b, _, _ = words(seed, stream, step, draw)
    return _fraction(a, b)


@compiled
def uniform32(seed, stream, step, draw):
    """Uniform on the multiples of 2⁻²⁴ in [0, 1), float32."""
    return np.float32(words(seed, stream, step, draw)[0] >> _EIGHT) * np.float32(2.0**-24)


@compiled
def integers(bound, seed, stream, step, draw):
    """Uniform on 0, …, bound − 1 for 1 ≤ bound ≤ 2³¹."""
    a, b, _, _ = words(seed, stream, step, draw)
    n = np.uint64(bound)
    return np.int64((a * n + (b * n >> _HALF)) >> _HALF)


@compiled
def normal(seed, stream, step, draw):
    """Standard normal by Box & Muller."""
    a, b, c, d = words(seed, stream, step, draw)
    return math.sqrt(-2.0 * math.log(1.0 - _fraction(a, b))) * math.cos(2.0 * math.pi * _fraction(c, d))


@compiled
def choice(probabilities, seed, stream, step, draw):
    """The first action whose cumulated probability is above u; never one of probability 0."""
    return choose(probabilities, uniform(seed, stream, step, draw))


@compiled
def choose(probabilities, u):
    """``choice`` for a uniform number that is there already."""
    total, last = 0.0, 0
    for a in range(probabilities.shape[0]):
        total += probabilities[a]
        if total > u:
            return a
        if probabilities[a] > 0:
            last = a
    return last


@compiled
def _fraction(high, low):
    return np.float64((high << _UP) | (low >> _ELEVEN)) * 2.0**-53
