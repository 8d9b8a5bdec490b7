"""The sequential step of HATRL, compiled: the dual solver of ``step`` (what judges it is in ``step_certificate``).

One state at a fixed radius t. With the support's largest weight ŵ, μ = ŵ + ν and e_a = μ − w(a), the maximiser of
⟨w,q⟩ over KL(p‖q) ≤ t is q = λp/e with 1/λ = Σ p/e, and everything is written around q = p so that nothing cancels
when the step is small: with w̄ = ⟨p,w⟩ and z = (w − w̄)/e,

    q/p − 1 = v = (z − z̄)/(1 + z̄)     KL = Σ p·(v − ln(1+v))     λ = (μ − w̄)/(1 + z̄)
    dKL/dν = −Σ p v²/λ         d ln λ/dt = −(1 + Σ p v²)/Σ p v²

KL^(−1/2) is nearly linear in ν for small t, and KL in ln ν for large t: Newton's method on these, inside a bracket.
An action a₀ outside the support with w(a₀) > ŵ caps the descent of μ at w(a₀), where KL = t₀ and λ = λ₀; beyond,
λ = λ₀·e^(t₀−t) and a₀ has the mass 1 − e^(t₀−t). Over the radius: Newton on ln Σ_s ρ(s)λ_s(t) = ln C.
"""

from __future__ import annotations

import math

import numpy as np

from marlcore.compiled import compiled
from tabular.mirror.entropy_kernel import SMALLEST, phi_near

EXACT, LOOSE = 1e-14, 1e-7
"""How closely KL = t is met, relative to t: in what is returned, and during the search for t."""
TINY = 1e-150
"""A probability up to this is 0 for the search: such an action enters as one of probability 0 does, because its
p ln(p/q) is below round-off whatever q is."""
_UNDERFLOW = 1e-290
_IDLE, _INSIDE, _ENTRY = 0, 1, 2


@compiled
def invalid_entry(p, w, rho):
    """The first (code, s, a) that is no input: 1 = p(a|s), 2 = the row p(·|s), 3 = w, 4 = ρ; (0, 0, 0) if all are."""
    for s in range(p.shape[0]):
        total = 0.0
        for a in range(p.shape[1]):
            if not (p[s, a] >= 0.0 and p[s, a] <= 1.0 + 1e-8):
                return 1, s, a
            if not abs(w[s, a]) < 1e300:
                return 3, s, a
            total += p[s, a]
        if not abs(total - 1.0) < 1e-8:
            return 2, s, 0
        if not (rho[s] >= 0.0 and rho[s] < 1e300):
            return 4, s, 0
    return 0, 0, 0


@compiled
def solve(p, w, rho, penalty, q, kappa, excess):
    """Fill q, the multipliers κ = ρλ and the excess μ − max_a w(a) of every state; return (t, passes over the states).

    ``passes`` is 0 where no search was needed and −1 if the radius was not found.
    """
    S = p.shape[0]
    spread = _largest_spread(p, w, rho)
    kind = np.zeros(S, dtype=np.int8)
    nu, cap, cap_t, cap_lam, top, mean = np.empty(S), np.empty(S), np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    total, at_zero = _prepare(p, w, rho, spread, kind, nu, cap, cap_t, cap_lam, top, mean)
    t, passes = 0.0, 0
    if spread == 0.0 or not (total > 0.0 or at_zero > penalty):
        t = 0.0
    else:
        x = total / penalty
        first = 0.5 * x * x if x < 1.0 else 0.5 + math.log(x)
        first = first if total > 0.0 else math.log(at_zero / penalty)
        t, passes = _find_radius(p, w, rho, penalty, first, kind, nu, cap, cap_t, cap_lam, top, mean)
    shares = 0.0
    for s in range(S):
        shares += _fill(p[s], w[s], rho[s], t, kind[s], nu[s], cap[s], cap_t[s], cap_lam[s], s, q[s], kappa, excess)
    if shares > 0.0 and (t > 0.0 or total > 0.0):
        for s in range(S):
            kappa[s] *= penalty / shares
            if t == 0.0 and kind[s] == _INSIDE:
                excess[s] = kappa[s] / rho[s]
    return t, passes


@compiled
def _largest_spread(p, w, rho):
    """max over the states that count of max w − min w."""
    largest = 0.0
    for s in range(p.shape[0]):
        if rho[s] > 0.0:
            low, high = w[s, 0], w[s, 0]
            for a in range(1, p.shape[1]):
                low, high = min(low, w[s, a]), max(high, w[s, a])
            largest = max(largest, high - low)
    return largest


@compiled
def _support(p, w):
    """ŵ on the support, w̄, the variance of w under p, and the best weight outside the support (−∞ if none)."""
    top, outside, mean = -math.inf, -math.inf, 0.0
    for a in range(len(p)):
        if p[a] > TINY:
            top = max(top, w[a])
        else:
            outside = max(outside, w[a])
    for a in range(len(p)):
        mean += p[a] * (w[a] - top)
    variance = 0.0
    for a in range(len(p)):
        variance += p[a] * (w[a] - top - mean) ** 2
    return top, top + mean, variance, outside


@compiled
def _is_tied(p, w):
    """Whether all actions of the support have one weight."""
    low, high = math.inf, -math.inf
    for a in range(len(p)):
        if p[a] > TINY:
            low, high = min(low, w[a]), max(high, w[a])
    return low == high


@compiled
def _prepare(p, w, rho, spread, kind, nu, cap, cap_t, cap_lam, top, mean):
    """Sort the states into kinds; return Σ ρσ of those with a spread inside the support and Σ ρλ(0) of the others."""
    total, at_zero = 0.0, 0.0
    v = np.empty(p.shape[1])
    for s in range(p.shape[0]):
        kind[s], nu[s], cap[s], cap_t[s], cap_lam[s] = _IDLE, 0.0, -1.0, math.inf, 0.0
        if not rho[s] > 0.0:
            continue
        top[s], mean[s], variance, outside = _support(p[s], w[s])
        inside = variance > 1e-280 * spread * spread and not _is_tied(p[s], w[s])
        if inside:
            kind[s] = _INSIDE
            total += rho[s] * math.sqrt(variance)
        if outside > top[s]:
            kind[s] = _ENTRY
            cap[s] = outside - top[s]
            if inside:
                cap_t[s], _, cap_lam[s] = _at_excess(p[s], w[s], top[s], mean[s], cap[s], v)
            else:
                cap_t[s], cap_lam[s] = 0.0, outside - mean[s]
                at_zero += rho[s] * cap_lam[s]
    return total, at_zero


@compiled
def _at_excess(p, w, top, mean, nu, v):
    """(KL, Σ p v², λ) at μ = ŵ + ν, and v = q/p − 1 itself."""
    height = nu + (top - mean)
    z_mean = 0.0
    for a in range(len(p)):
        if p[a] > TINY:
            v[a] = (w[a] - mean) / (nu + (top - w[a]))
            z_mean += p[a] * v[a]
    scale = 1.0 / (1.0 + z_mean)
    lam = height * scale
    divergence, square = 0.0, 0.0
    for a in range(len(p)):
        if p[a] > TINY:
            x = (v[a] - z_mean) * scale
            v[a] = x
            square += p[a] * x * x
            if abs(x) < 0.25:
                divergence += p[a] * phi_near(x)
            else:
                r = lam / (nu + (top - w[a]))
                divergence += p[a] * (r - 1.0 - math.log(r)) if r > 0.0 else 0.0
    return divergence, square, lam


@compiled
def _solve_state(p, w, top, mean, t, nu, tolerance, v):
    """ν with |KL − t| ≤ tolerance·t, from a first guess (or from the moments if it is 0); (ν, λ, Σ p v²) there.

    A loose tolerance means that only λ matters: then λ and ν are moved to t by their derivatives, an error of its
    square.
    """
    if nu <= 0.0:
        nu = _first_excess(p, w, top, mean, t)
    low, high = 0.0, math.inf
    square, lam = 0.0, 0.0
    for _ in range(200):
        divergence, square, lam = _at_excess(p, w, top, mean, nu, v)
        candidate = _newton(divergence, t, square / lam, nu)
        if abs(divergence - t) <= tolerance * t:
            if tolerance > EXACT and candidate > 0.0:
                return candidate, lam * (1.0 - (t - divergence) * (1.0 + square) / square), square
            break
        if divergence > t:
            low = nu
        else:
            high = nu
        if not (candidate > low and candidate < high):
            candidate = 4.0 * nu if math.isinf(high) else math.sqrt(low) * math.sqrt(high) if low > 0.0 else nu / 64.0
        if candidate == nu or candidate < _UNDERFLOW:
            break
        nu = candidate
    return nu, lam, square


@compiled
def _newton(divergence, t, slope, nu):
    """Newton's step on KL^(−1/2) in ν where t is small, on KL in ln ν where it is large."""
    if not (slope > 0.0 and divergence > 0.0):
        return -1.0
    if t < 0.5 and divergence < 4.0:
        return nu + 2.0 * divergence * (math.sqrt(divergence / t) - 1.0) / slope
    return nu * math.exp(min(50.0, max(-600.0, (divergence - t) / (slope * nu))))


@compiled
def _first_excess(p, w, top, mean, t):
    """From KL^(−1/2) = √(2/m₂)·(h − ⅔a + b/h) + O(h⁻²), h = μ − w̄, a = m₃/m₂, b = ⅔a² − ¾m₄/m₂ + ½m₂.

    m_k are the central moments of w under p; the last term helps for small t only.
    """
    m2, m3, m4 = 0.0, 0.0, 0.0
    for a in range(len(p)):
        c = w[a] - mean
        x = p[a] * c * c
        m2, m3, m4 = m2 + x, m3 + x * c, m4 + x * c * c
    far = math.sqrt(m2 / (2.0 * t))
    skew = m3 / m2
    guess = far + 2.0 / 3.0 * skew - (top - mean)
    if t < 0.01:
        guess -= (2.0 / 3.0 * skew * skew - 0.75 * m4 / m2 + 0.5 * m2) / far
    return guess if guess > 0.0 else 0.05 * far


@compiled
def _find_radius(p, w, rho, penalty, t, kind, nu, cap, cap_t, cap_lam, top, mean):
    """The t with Σ ρ(s)λ_s(t) = C, by Newton on ln Σρλ inside a bracket, in ln t below ½ and in t above.

    ln λ is convex in t, so that Newton from the left does not overshoot there; ν keeps the warm starts.
    """
    low, high, before = 0.0, math.inf, t
    v, rate = np.empty(p.shape[1]), np.zeros(p.shape[0])
    if t < _UNDERFLOW:  # a step that no float can show
        return 0.0, 0
    for passes in range(1, 101):
        total, slope = 0.0, 0.0
        for s in range(p.shape[0]):
            if kind[s] == _IDLE:
                continue
            if t >= cap_t[s]:
                lam = cap_lam[s] * math.exp(cap_t[s] - t)
                total += rho[s] * lam
                slope -= rho[s] * lam
                continue
            ahead = nu[s] - rate[s] * (t - before)
            nu[s], lam, square = _solve_state(p[s], w[s], top[s], mean[s], t, ahead if ahead > 0.0 else nu[s], LOOSE, v)
            rate[s] = lam / square if square > 0.0 else 0.0  # −dν/dt
            total += rho[s] * lam
            slope -= rho[s] * lam * (1.0 + square) / square if square > 0.0 else 0.0
        if total > penalty:
            low = t
        else:
            high = t
        if abs(total / penalty - 1.0) < LOOSE:  # one more step of Newton squares that
            last = math.log(penalty / total) * total / slope
            for s in range(p.shape[0]):
                nu[s] = max(nu[s] - rate[s] * last, 0.5 * nu[s])
            return t + last, passes
        before = t
        t = _next_radius(t, total, slope, penalty, low, high)
        if not math.isinf(high) and high - low <= 1e-15 * high:
            return t, passes
    return t, -1


@compiled
def _next_radius(t, total, slope, penalty, low, high):
    candidate = -1.0
    if total > 0.0 and slope < 0.0:
        ahead = math.log(penalty / total) * total / slope
        candidate = t + ahead if t > 0.5 else t * math.exp(min(5.0, max(-50.0, ahead / t)))
    if candidate > low and candidate < high:
        return candidate
    if math.isinf(high):
        return 8.0 * t + 1.0
    return math.sqrt(low) * math.sqrt(high) if low > 0.0 else t / 64.0


@compiled
def _fill(p, w, rho, t, kind, nu, cap, cap_t, cap_lam, s, q, kappa, excess):
    """q(·|s), κ(s) and the excess of one state at the radius t; returns its share κ(s)."""
    excess[s], kappa[s] = 0.0, 0.0
    for a in range(len(p)):
        q[a] = p[a]
    if kind == _IDLE:
        return 0.0
    top, mean, variance, outside = _support(p, w)
    if t == 0.0 and cap_t > 0.0:  # the shares of a step too small for floats
        kappa[s] = rho * math.sqrt(variance)
        return kappa[s]
    if t >= cap_t:
        nu, lam = cap, cap_lam * math.exp(cap_t - t)
    else:
        nu, lam, _ = _solve_state(p, w, top, mean, t, nu, EXACT, q)  # q holds v = q/p − 1 here
    for a in range(len(p)):
        if p[a] > TINY and t < cap_t and q[a] > -0.25:
            q[a] = p[a] + p[a] * q[a]
        else:
            room = nu + (top - w[a])
            q[a] = max(lam * p[a] / room if room > 0.0 else 0.0, SMALLEST) if p[a] > 0.0 else 0.0
    excess[s] = max(nu - max(cap, 0.0), 0.0)
    if t > cap_t:
        a = _entering(p, w, outside)
        q[a] = -math.expm1(cap_t - t)
        excess[s] = lam * p[a] / q[a]
    _normalise(q)
    kappa[s] = rho * lam
    return kappa[s]


@compiled
def _entering(p, w, weight):
    for a in range(len(p)):
        if p[a] <= TINY and w[a] == weight:
            return a
    return 0


@compiled
def _normalise(q):
    total = 0.0
    for a in range(len(q)):
        total += q[a]
    if total != 1.0:
        for a in range(len(q)):
            q[a] /= total


@compiled
def best_rows(p, w, rho, q):
    """C = 0: the old policy restricted to the best actions, or the first of them if it plays none; ρ = 0 stays."""
    for s in range(p.shape[0]):
        best, mass = w[s, 0], 0.0
        for a in range(1, p.shape[1]):
            best = max(best, w[s, a])
        for a in range(p.shape[1]):
            mass += p[s, a] if w[s, a] == best else 0.0
        entered = False
        for a in range(p.shape[1]):
            if rho[s] <= 0.0:
                q[s, a] = p[s, a]
            elif w[s, a] < best:
                q[s, a] = 0.0
            elif mass > 0.0:
                q[s, a] = p[s, a] / mass
            else:
                q[s, a] = 0.0 if entered else 1.0
                entered = True
