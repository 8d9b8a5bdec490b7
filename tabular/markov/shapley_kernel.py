"""P_π and r_π of two mixed strategies in a sparse game: the rows of the joint actions that are played, no others.

    P_π(s'|s) = Σ_{a,b} x(a|s) y(b|s) P(s'|s, a, b)        r_π(s) = Σ_{a,b} x(a|s) y(b|s) r(s, a, b)

Basic optimal strategies of an m×k game play few of the m·k joint actions (about 4 of 25 in random 5×5 games), so the
matrix has that share of the game's entries, and every product in the linear solve moves as much less. Columns that
occur twice in a row stay apart: CSR products add them up, and merging costs more than it saves.
"""

import numpy as np

from marlcore.compiled import compiled


@compiled
def induce(indptr, indices, data, rewards, x, y):
    """(data, indices, indptr) of P_π and r_π for strategies x (S, m), y (S, k) and rewards (S·m·k)."""
    S, m = x.shape
    k = y.shape[1]
    out_ptr = np.empty(S + 1, dtype=indptr.dtype)
    out_ptr[0] = 0
    entries = 0
    for s in range(S):
        for a in range(m):
            if x[s, a] > 0.0:
                for b in range(k):
                    if y[s, b] > 0.0:
                        row = (s * m + a) * k + b
                        entries += indptr[row + 1] - indptr[row]
        out_ptr[s + 1] = entries
    out_indices = np.empty(entries, dtype=indices.dtype)
    out_data = np.empty(entries)
    r_pi = np.zeros(S)
    filled = 0
    for s in range(S):
        for a in range(m):
            if x[s, a] > 0.0:
                for b in range(k):
                    weight = x[s, a] * y[s, b]
                    if y[s, b] > 0.0:
                        row = (s * m + a) * k + b
                        r_pi[s] += weight * rewards[row]
                        for e in range(indptr[row], indptr[row + 1]):
                            out_indices[filled] = indices[e]
                            out_data[filled] = weight * data[e]
                            filled += 1
    return out_data, out_indices, out_ptr, r_pi
