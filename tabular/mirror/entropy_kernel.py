"""The summand of KL for two floats, compiled: p ln(p/q) − p + q = p·φ(q/p − 1) with φ(x) = x − ln(1+x) ≥ 0.

Near q = p the textbook form loses half the digits; the series loses none. ``numbers.relative_entropy`` is the same
function over arrays of any kind of number, and the tests hold the two against each other.
"""

from __future__ import annotations

import math

from marlcore.compiled import compiled

SMALLEST = 5e-324
"""An action in the support stays there, however little is left of it: forward KL never drops one."""


@compiled
def relative_entropy(p, q):
    """p ln(p/q) − p + q for two floats, without cancellation: the scalar twin of ``numbers.relative_entropy``."""
    if p <= 0.0:
        return q
    if q <= 0.0:
        return math.inf
    x = (q - p) / p
    if abs(x) < 0.25:
        return p * phi_near(x)
    r = q / p
    if r == 0.0 or math.isinf(r):
        return p * (math.log(p) - math.log(q)) - p + q
    return p * (r - 1.0 - math.log(r))


@compiled
def phi_near(x):
    """x − ln(1+x) for |x| < ¼: Taylor's series to x⁸ below 0.004, else r·(x − 2r²(1/3 + r²/5 + …)), r = x/(2+x)."""
    if abs(x) < 0.004:
        tail = 1.0 / 4.0 - x * (1.0 / 5.0 - x * (1.0 / 6.0 - x * (1.0 / 7.0 - x * (1.0 / 8.0))))
        return x * x * (1.0 / 2.0 - x * (1.0 / 3.0 - x * tail))
    r = x / (2.0 + x)
    u = r * r
    if u < 1e-3:
        tail = 1.0 / 3.0 + u * (1.0 / 5.0 + u * (1.0 / 7.0 + u * (1.0 / 9.0 + u * (1.0 / 11.0))))
    else:
        tail = 1.0 / 15.0 + u * (1.0 / 17.0 + u * (1.0 / 19.0 + u * (1.0 / 21.0 + u * (1.0 / 23.0))))
        tail = 1.0 / 7.0 + u * (1.0 / 9.0 + u * (1.0 / 11.0 + u * (1.0 / 13.0 + u * tail)))
        tail = 1.0 / 3.0 + u * (1.0 / 5.0 + u * tail)
    return r * (x - 2.0 * u * tail)
