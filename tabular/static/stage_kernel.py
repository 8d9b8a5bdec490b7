"""An equilibrium of a stage game by a stated rule, for learners that solve one at every step; nothing is allocated.

    FIRST     two players: the end of Lemke & Howson's path from the first label that has one. More: the first pure
              equilibrium in C order, without one the end of the logit path (``logit_kernel``)
    OPTIMUM   the first joint action that is best for everybody at once (a global optimum), else as FIRST
    SADDLE    the first equilibrium found (pure ones in C order, then Lemke & Howson's from every label) at which nobody
              is hurt when the others deviate, else as FIRST

Payoffs are (n, J) over joint actions in C order. Hu & Wellman, "Nash Q-learning for general-sum stochastic games", JMLR
4, 2003, definitions 12 and 13, name the last two; all global optima, and all saddle points, of a game are worth the same.
Status: EXACT the rule's own; OTHER a fall back to FIRST; FAILED no equilibrium found, the strategies are uniform.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.lemke_howson_kernel import bimatrix_workspace, lemke_howson_into
from tabular.static.logit_kernel import logit_equilibrium_into, logit_workspace

FIRST, OPTIMUM, SADDLE = 0, 1, 2
EXACT, OTHER, FAILED = 0, 1, 2
ROUNDING = 1e-9
"""A mixed equilibrium counts as a saddle point when what others can do to it is below this, of the payoffs' range."""


def stage_workspace(counts):
    """What ``stage_equilibrium_into`` needs for agents with so many actions."""
    m, k = (int(counts[0]), int(counts[1])) if len(counts) == 2 else (1, 1)
    pair = (np.zeros((m, k)), np.zeros((m, k)), np.zeros(m), np.zeros(k), *bimatrix_workspace(m, k))
    return pair, logit_workspace(counts)


@compiled
def stage_equilibrium_into(payoffs, counts, strides, rule, sigma, work):
    """Write an equilibrium into ``sigma`` (n, A); return its status."""
    if rule == OPTIMUM:
        best = global_optimum(payoffs)
        if best >= 0:
            _pure(best, counts, strides, sigma)
            return EXACT
    if rule == SADDLE and _saddle(payoffs, counts, strides, sigma, work):
        return EXACT
    found = _first(payoffs, counts, strides, sigma, work)
    if not found:
        for i in range(counts.shape[0]):
            for a in range(counts[i]):
                sigma[i, a] = 1.0 / counts[i]
        return FAILED
    return EXACT if rule == FIRST else OTHER


@compiled
def expected_payoff(payoffs, counts, strides, sigma, i):
    """What player i expects under the product of the strategies."""
    total = 0.0
    for joint in range(payoffs.shape[1]):
        weight = 1.0
        for j in range(counts.shape[0]):
            weight *= sigma[j, joint // strides[j] % counts[j]]
        total += weight * payoffs[i, joint]
    return total


@compiled
def global_optimum(payoffs):
    """The first joint action that is best for every player, −1 where there is none."""
    for joint in range(payoffs.shape[1]):
        best = True
        for i in range(payoffs.shape[0]):
            for other in range(payoffs.shape[1]):
                if payoffs[i, other] > payoffs[i, joint]:
                    best = False
                    break
            if not best:
                break
        if best:
            return joint
    return -1


@compiled
def pure_equilibrium(payoffs, counts, strides, start):
    """The first joint action from ``start`` on that nobody gains by leaving alone, −1 where there is none."""
    for joint in range(start, payoffs.shape[1]):
        stays = True
        for i in range(counts.shape[0]):
            base = joint - joint // strides[i] % counts[i] * strides[i]
            for a in range(counts[i]):
                if payoffs[i, base + a * strides[i]] > payoffs[i, joint]:
                    stays = False
        if stays:
            return joint
    return -1


@compiled
def _first(payoffs, counts, strides, sigma, work):
    pair, logit = work
    if counts.shape[0] == 2:
        for label in range(counts[0] + counts[1]):
            if _lemke_howson(payoffs, counts, label, sigma, pair):
                return True
    joint = pure_equilibrium(payoffs, counts, strides, 0)
    if joint >= 0:
        _pure(joint, counts, strides, sigma)
        return True
    return logit_equilibrium_into(payoffs, counts, strides, sigma, logit)


@compiled
def _lemke_howson(payoffs, counts, label, sigma, pair):
    first, second, row, column, p, q, scratch, labels = pair
    for a in range(counts[0]):
        for b in range(counts[1]):
            first[a, b] = payoffs[0, a * counts[1] + b]
            second[a, b] = payoffs[1, a * counts[1] + b]
    if lemke_howson_into(first, second, label, row, column, p, q, scratch, labels) < 0:
        return False
    for a in range(counts[0]):
        sigma[0, a] = row[a]
    for b in range(counts[1]):
        sigma[1, b] = column[b]
    return True


@compiled
def _saddle(payoffs, counts, strides, sigma, work):
    """Look for an equilibrium that is a saddle point; whether one was found."""
    pair, _ = work
    joint = pure_equilibrium(payoffs, counts, strides, 0)
    while joint >= 0:
        _pure(joint, counts, strides, sigma)
        if _nobody_is_hurt(payoffs, counts, strides, sigma):
            return True
        joint = pure_equilibrium(payoffs, counts, strides, joint + 1)
    if counts.shape[0] == 2:
        for label in range(counts[0] + counts[1]):
            if _lemke_howson(payoffs, counts, label, sigma, pair) and _nobody_is_hurt(payoffs, counts, strides, sigma):
                return True
    return False


@compiled
def _nobody_is_hurt(payoffs, counts, strides, sigma):
    """Whether each player gets at least as much when the others do anything else: uᵢ(σᵢ, a₋ᵢ) ≥ uᵢ(σ) for every a₋ᵢ."""
    for i in range(counts.shape[0]):
        low, high = payoffs[i, 0], payoffs[i, 0]
        for joint in range(payoffs.shape[1]):
            low, high = min(low, payoffs[i, joint]), max(high, payoffs[i, joint])
        least = expected_payoff(payoffs, counts, strides, sigma, i) - ROUNDING * (high - low)
        for joint in range(payoffs.shape[1]):
            if joint // strides[i] % counts[i] == 0:
                total = 0.0
                for a in range(counts[i]):
                    total += sigma[i, a] * payoffs[i, joint + a * strides[i]]
                if total < least:
                    return False
    return True


@compiled
def _pure(joint, counts, strides, sigma):
    for i in range(counts.shape[0]):
        for a in range(counts[i]):
            sigma[i, a] = 1.0 if joint // strides[i] % counts[i] == a else 0.0
