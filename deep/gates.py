"""A GRU's elementwise work, compiled: one pass over a step's rows where torch's kernels take a dozen.

    forward     r, z, c, h of step t, and p of step t + 1 (h, or 0 where an episode starts)
    backward    ∂g, ∂s of step t and e·z, out of ∂h_t and what comes back from step t + 1

The formulas are those of ``deep.recurrence``. σ is 1/(1 + 2^(−x·log₂e)); 2^y is 2^n, written into the exponent's bits,
times Taylor's polynomial of 2^f for the rest |f| ≤ ½, whose eighth term is below 6·10⁻⁹. So a whole vector goes through
the same instructions (a library's ``exp`` is called number by number). float32 alone: everything else stays in torch.
"""

from __future__ import annotations

import math

import numpy as np

from marlcore.compiled import compiled

_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_LOG2E, _LARGEST = np.float32(1 / math.log(2)), np.float32(126)
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(math.log(2) ** k / math.factorial(k)) for k in range(1, 8))
_ROUND = np.float32(3 * 2**22)
"""Added to a float of at most 2²² it leaves the nearest integer in the last bits, all others being 0 or shifted out."""
_BIAS, _BITS = np.int32(127), np.int32(23)


@compiled(inline="always")
def sigmoid(x):
    """σ(x); the exponent stays within what a float has bits for."""
    y = min(max(-x * _LOG2E, -_LARGEST), _LARGEST)
    shifted = y + _ROUND
    f = y - (shifted - _ROUND)
    power = _ONE + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * (_C6 + f * _C7))))))
    scale = np.int32((np.float32(shifted).view(np.int32) + _BIAS) << _BITS).view(np.float32)
    return _ONE / (_ONE + power * scale)


@compiled
def forward(s, gates, previous, states, s_c, keep, t):
    """Step t, in place of g in ``gates`` (T, R, 3H); s (R, 3H) is p_t·U + d, whose third part ``s_c`` keeps."""
    T, R, H = states.shape
    for i in range(R):
        g, si = gates[t, i], s[i]
        # a loop for each array that is written: only so the compiler sees that they do not overlap
        for j in range(2 * H):
            g[j] = sigmoid(g[j] + si[j])
        r, z, c, hc = g[:H], g[H : 2 * H], g[2 * H :], si[2 * H :]
        for j in range(H):
            c[j] = _TWO * sigmoid(_TWO * (c[j] + r[j] * hc[j])) - _ONE
        p, h = previous[t, i], states[t, i]
        for j in range(H):
            h[j] = c[j] + z[j] * (p[j] - c[j])
        s_c[t, i, :] = hc
        if t + 1 < T:
            if keep[t + 1, i, 0]:
                previous[t + 1, i, :] = h
            else:
                previous[t + 1, i, :] = _ZERO


@compiled
def backward(back, gates, previous, s_c, keep, grad, by_g, by_s, direct, t):
    """Step t; ``back`` (R, H) is ∂s_{t+1}·Uᵀ and ``direct`` (R, H) holds e·z of step t + 1, then of step t."""
    T, R, H = previous.shape
    for i in range(R):
        g, sc, p, gt, st, own = gates[t, i], s_c[t, i], previous[t, i], by_g[t, i], by_s[t, i], direct[i]
        passes = np.float32(t + 1 < T and keep[t + 1, i, 0])
        for j in range(H):
            r, z, c = g[j], g[H + j], g[2 * H + j]
            e = grad[t, i, j] + (back[i, j] + own[j] if passes > 0 else _ZERO)
            by_c = e * (_ONE - z) * (_ONE - c * c)
            by_r = by_c * sc[j] * r * (_ONE - r)
            by_z = e * (p[j] - c) * z * (_ONE - z)
            gt[j], gt[H + j], gt[2 * H + j] = by_r, by_z, by_c
            st[j], st[H + j], st[2 * H + j] = by_r, by_z, by_c * r
            own[j] = e * z
