"""Concave problems over one simplex whose objective is a sum over actions, compiled: the engine below ``separable``.

    maximise Σ_a [w_a q_a − D_a(q_a)]   over the simplex, maybe inside KL(p‖q) ≤ t or TV(p,q) ≤ δ

Every D_a is convex with D_a(p_a) = D_a'(p_a) = 0. For a level μ and a price κ of KL, an action's demand is
q_a(μ) = argmax over [0,1] of w q − D_a(q) − κ(p ln(p/q) − p + q) − μq, non-increasing in μ; at the right level the
demands sum to 1, and that level lies between the least weight on the support and the largest. Bisection finds it
to the last bit, and where the demand jumps there, the two sides are mixed to sum to 1. KL^(−1/2) is nearly linear in κ,
so that a secant with bisection finds the price. Inside a TV ball, actions above a level u take what those below a level
l ≤ u give, δ in all.

A drift is its kind, a parameter c, and for the clip drift slopes ``up`` ≥ w ≥ ``down``.
"""

from __future__ import annotations

import math

import numpy as np

from marlcore.compiled import compiled
from tabular.mirror.entropy_kernel import SMALLEST, relative_entropy

ZERO, FORWARD_KL, REVERSE_KL, SQUARED_L2, CLIP = range(5)


@compiled
def kl_demand(p, w, price, level):
    """argmax of wq − κ(p ln(p/q) − p + q) − μq: κp/(κ + μ − w), or all there is where w > μ + κ."""
    room = price + level - w
    if p > 0.0 and price > 0.0:
        return min(max(price * p / room, SMALLEST), 1.0) if room > 0.0 else 1.0
    return 1.0 if room < 0.0 else 0.0


@compiled
def reverse_kl_demand(p, w, c, level, price):
    """D = c·(q ln(q/p) − q + p): ln(q/p) = x with cx + κ(1 − e^(−x)) = w − μ, concave in x."""
    if p == 0.0:
        return 0.0
    goal = w - level
    x = goal / c
    if price > 0.0:
        # both starts lie to the left of the root, from where Newton's steps on a concave function never cross it
        x = max(goal / (c + price), -math.log1p(-goal / price)) if goal < 0.0 else 0.0
        for _ in range(100):
            miss = goal - c * x - price * -math.expm1(-x)
            step = miss / (c + price * math.exp(-x))
            x += step
            if abs(step) <= 1e-16 * (1e-300 + abs(x)):
                break
    return min(p * math.exp(min(x, 700.0)), 1.0)


@compiled
def squared_l2_demand(p, w, c, level, price):
    """D = c·(q − p)²: the positive root of 2cq² + (κ + μ − w − 2cp)q − κp = 0."""
    b = price + level - w - 2.0 * c * p
    root = math.sqrt(b * b + 8.0 * c * price * p)
    q = (root - b) / (4.0 * c) if b <= 0.0 else 2.0 * price * p / (b + root)
    return min(max(q, 0.0), 1.0)


@compiled
def clip_demand(p, w, up, down, c, level, price):
    """wq − D has the slope ``up`` below (1−ε)p, w up to (1+ε)p, ``down`` above; no action enters (r is undefined)."""
    if p == 0.0:
        return 0.0
    first = min(kl_demand(p, up, price, level), (1.0 - c) * p)
    second = min(kl_demand(p, w, price, level), (1.0 + c) * p)
    return max(first, second, kl_demand(p, down, price, level))


@compiled
def demand(kind, p, w, up, down, c, level, price):
    """One action's share at the level μ and the price κ, for a drift of this kind with parameter c."""
    if kind == REVERSE_KL:
        return reverse_kl_demand(p, w, c, level, price)
    if kind == SQUARED_L2:
        return squared_l2_demand(p, w, c, level, price)
    if kind == CLIP:
        return clip_demand(p, w, up, down, c, level, price)
    return kl_demand(p, w, c + price, level)  # forward KL is a price of its own; c = 0 is no drift


@compiled
def demand_table(kind, p, w, up, down, c, level, price, out):
    """q_a(μ_s) for every state and action."""
    for s in range(p.shape[0]):
        for a in range(p.shape[1]):
            out[s, a] = demand(kind, p[s, a], w[s, a], up[s, a], down[s, a], c, level[s], price[s])


@compiled
def fill_row(kind, p, w, up, down, c, price, q):
    """The demands at the level where they sum to 1; returns the level."""
    low, high = math.inf, -math.inf
    for a in range(len(p)):
        low, high = min(low, w[a]) if p[a] > 0.0 else low, max(high, w[a])
    if low == high:  # nothing is better than what p plays
        q[:] = p
        return high
    low = 2.0 * low - high  # below all weights of the support: there no action wants less than p
    for _ in range(1100):
        middle = 0.5 * low + 0.5 * high
        if middle <= low or middle >= high:
            break
        total = 0.0
        for a in range(len(p)):
            total += demand(kind, p[a], w[a], up[a], down[a], c, middle, price)
        if total == 1.0:
            low = high = middle
        elif total > 1.0:
            low = middle
        else:
            high = middle
    settle(kind, p, w, up, down, c, low, high, price, q)
    return high


@compiled
def settle(kind, p, w, up, down, c, low, high, price, q):
    """Shares between the demands at two neighbouring levels, summing to 1: of equally good ones, those nearest to p."""
    least, most, nearest = 0.0, 0.0, 0.0
    for a in range(len(p)):
        x = demand(kind, p[a], w[a], up[a], down[a], c, high, price)
        y = demand(kind, p[a], w[a], up[a], down[a], c, low, price)
        q[a] = min(max(p[a], x), y)
        least, most, nearest = least + x, most + y, nearest + q[a]
    grow = (1.0 - nearest) / (most - nearest) if nearest < 1.0 and most > nearest else 0.0
    shrink = (nearest - 1.0) / (nearest - least) if nearest > 1.0 and nearest > least else 0.0
    total = 0.0
    for a in range(len(p)):
        if grow > 0.0:
            y = demand(kind, p[a], w[a], up[a], down[a], c, low, price)
            q[a] += min(grow, 1.0) * (y - q[a])
        elif shrink > 0.0:
            x = demand(kind, p[a], w[a], up[a], down[a], c, high, price)
            q[a] += min(shrink, 1.0) * (x - q[a])
        total += q[a]
    for a in range(len(p)):
        q[a] /= total


@compiled
def fill_rows(kind, p, w, up, down, c, price, counts, q, level):
    """Every state at its own price; states that do not count keep p. Returns Σ counts(s)·KL(p_s‖q_s)."""
    spent = 0.0
    for s in range(p.shape[0]):
        if counts[s] > 0.0:
            level[s] = fill_row(kind, p[s], w[s], up[s], down[s], c, price[s], q[s])
            for a in range(p.shape[1]):
                spent += counts[s] * relative_entropy(p[s, a], q[s, a])
        else:
            q[s], level[s] = p[s], 0.0
    return spent


@compiled
def fill_ball(kind, p, w, up, down, c, counts, radius, q, level, price):
    """The same inside Σ counts(s)·KL(p_s‖q_s) ≤ t, with one price for all states."""
    low, high = 0.0, 0.0
    for s in range(p.shape[0]):
        if counts[s] > 0.0:
            high += counts[s] * (w[s].max() - w[s].min())
    high = high / radius
    negligible = 1e-15 * high  # at such a price the unused budget is worth nothing
    price[:] = 0.0
    spent = fill_rows(kind, p, w, up, down, c, price, counts, q, level)
    if spent <= radius:
        return
    goal = 1.0 / math.sqrt(radius)
    f_low = (0.0 if math.isinf(spent) else 1.0 / math.sqrt(spent)) - goal
    f_high, side = 0.0, 0
    price[:] = high
    spent = fill_rows(kind, p, w, up, down, c, price, counts, q, level)
    f_high = 1.0 / math.sqrt(spent) - goal if spent > 0.0 else goal
    for k in range(300):
        if high - low <= 1e-15 * high or 0.0 <= f_high <= 1e-14 * goal or high <= negligible:
            break
        # Illinois: a secant whose stale end is weighed down; every third step halves the bracket's logarithm
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        if k % 3 == 2 or not (middle > low and middle < high):
            middle = math.sqrt(low) * math.sqrt(high) if low > 0.0 else 1e-12 * high
        price[:] = middle
        spent = fill_rows(kind, p, w, up, down, c, price, counts, q, level)
        f = (1.0 / math.sqrt(spent) if spent > 0.0 else 2.0 * goal) - goal
        if f < 0.0:
            low, f_low = middle, f
            f_high = 0.5 * f_high if side == -1 else f_high
            side = -1
        else:
            high, f_high = middle, f
            f_low = 0.5 * f_low if side == 1 else f_low
            side = 1
    price[:] = high
    fill_rows(kind, p, w, up, down, c, price, counts, q, level)


@compiled
def fill_balls(kind, p, w, up, down, c, counts, radius, q, level, price):
    """The same inside KL(p_s‖q_s) ≤ t at every state."""
    one = np.ones(1)
    for s in range(p.shape[0]):
        k = slice(s, s + 1)
        if counts[s] > 0.0:
            fill_ball(kind, p[k], w[k], up[k], down[k], c, one, radius, q[k], level[k], price[k])
        else:
            q[s], level[s], price[s] = p[s], 0.0, 0.0


@compiled
def fill_tv(kind, p, w, up, down, c, counts, radius, q, above, below):
    """The same inside TV(p_s, q_s) ≤ δ at every state, with the levels of those that take and those that give."""
    for s in range(p.shape[0]):
        if not counts[s] > 0.0:
            q[s], above[s], below[s] = p[s], 0.0, 0.0
            continue
        level = fill_row(kind, p[s], w[s], up[s], down[s], c, 0.0, q[s])
        moved = 0.0
        for a in range(p.shape[1]):
            moved += max(q[s, a] - p[s, a], 0.0)
        above[s] = below[s] = level
        if moved > radius:
            q[s] = p[s]
            above[s] = shift(kind, p[s], w[s], up[s], down[s], c, radius, 1.0, q[s])
            below[s] = shift(kind, p[s], w[s], up[s], down[s], c, radius, -1.0, q[s])


@compiled
def shift(kind, p, w, up, down, c, radius, sign, q):
    """Move δ to the actions of highest demand (sign 1) or from those of lowest (−1); returns the level."""
    high = w.max()
    low = 2.0 * w.min() - high  # below all weights: there everything is in demand
    for _ in range(1100):
        middle = 0.5 * low + 0.5 * high
        if middle <= low or middle >= high:
            break
        total = 0.0
        for a in range(len(p)):
            total += max(sign * (demand(kind, p[a], w[a], up[a], down[a], c, middle, 0.0) - p[a]), 0.0)
        if sign * (total - radius) > 0.0:
            low = middle
        else:
            high = middle
    more, less = (low, high) if sign > 0.0 else (high, low)
    much, little = 0.0, 0.0
    for a in range(len(p)):
        much += max(sign * (demand(kind, p[a], w[a], up[a], down[a], c, more, 0.0) - p[a]), 0.0)
        little += max(sign * (demand(kind, p[a], w[a], up[a], down[a], c, less, 0.0) - p[a]), 0.0)
    share = (radius - little) / (much - little) if much > little else 0.0
    share = min(max(share, 0.0), 1.0)
    for a in range(len(p)):
        x = max(sign * (demand(kind, p[a], w[a], up[a], down[a], c, less, 0.0) - p[a]), 0.0)
        y = max(sign * (demand(kind, p[a], w[a], up[a], down[a], c, more, 0.0) - p[a]), 0.0)
        q[a] += sign * (x + share * (y - x))
    return less
