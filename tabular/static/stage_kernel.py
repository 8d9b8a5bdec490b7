"""An equilibrium of a stage game by a stated rule, for learners that solve one at every step; nothing is allocated.

    FIRST     two players: the end of Lemke & Howson's path from the first label that has one. More: the first pure
              equilibrium in C order, without one the end of the logit path (``logit_kernel``)
    OPTIMUM   the first joint action that is best for everybody at once (a global optimum), else as FIRST
    SADDLE    the first pure equilibrium in C order at which nobody is hurt when the others deviate. Without one, two
              players: a mixed one wherever there is one (``saddle_kernel``); more: the end of the logit path if it is
              one (others are missed). Else as FIRST

Payoffs are (n, J) over joint actions in C order. Hu & Wellman, "Nash Q-learning for general-sum stochastic games", JMLR
4, 2003, definitions 12 and 13, name the last two; all global optima, and all saddle points, of a game are worth the
same. Status: EXACT the rule's own; OTHER a fall back to FIRST; FAILED no equilibrium found, the strategies are uniform.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.lemke_howson_kernel import bimatrix_workspace, lemke_howson_into
from tabular.static.logit_kernel import logit_equilibrium_into, logit_workspace
from tabular.static.saddle_kernel import ROUNDING, saddle_into, saddle_workspace

FIRST, OPTIMUM, SADDLE = 0, 1, 2
EXACT, OTHER, FAILED = 0, 1, 2


def stage_workspace(counts):
    """What these need for agents with so many actions."""
    if len(counts) != 2:
        return logit_workspace(counts)
    m, k = int(counts[0]), int(counts[1])
    pair = (np.zeros((m, k)), np.zeros((m, k)), np.zeros(m), np.zeros(k), *bimatrix_workspace(m, k))
    return pair, saddle_workspace(m, k)


@compiled
def pair_equilibrium_into(payoffs, counts, strides, rule, sigma, work):
    """Two players: write an equilibrium into ``sigma`` (2, A); return its status."""
    joint = _pure_by_rule(payoffs, counts, strides, rule, sigma)
    if joint >= 0:
        _pure(joint, counts, strides, sigma)
        return EXACT
    pair, saddle = work
    _as_matrices(payoffs, counts, pair)
    if rule == SADDLE and saddle_into(pair[0], pair[1], pair[2], pair[3], saddle):
        _copy(pair, counts, sigma)
        return EXACT
    for label in range(counts[0] + counts[1]):
        if lemke_howson_into(pair[0], pair[1], label, pair[2], pair[3], pair[4], pair[5], pair[6], pair[7]) >= 0:
            _copy(pair, counts, sigma)
            return EXACT if rule == FIRST else OTHER
    return _pure_or_uniform(payoffs, counts, strides, rule, sigma)


@compiled
def many_equilibrium_into(payoffs, counts, strides, rule, sigma, work):
    """Any number of players: write an equilibrium into ``sigma`` (n, A); return its status."""
    joint = _pure_by_rule(payoffs, counts, strides, rule, sigma)
    if joint >= 0:
        _pure(joint, counts, strides, sigma)
        return EXACT
    status = _pure_or_uniform(payoffs, counts, strides, rule, sigma)
    if status == FAILED and logit_equilibrium_into(payoffs, counts, strides, sigma, work):
        hurt = rule == OPTIMUM or (rule == SADDLE and not _nobody_is_hurt(payoffs, counts, strides, sigma))
        return OTHER if hurt else EXACT
    return status


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
def _pure_by_rule(payoffs, counts, strides, rule, sigma):
    """The pure equilibrium that OPTIMUM or SADDLE asks for, −1 where there is none; ``sigma`` is overwritten."""
    if rule == OPTIMUM:
        return global_optimum(payoffs)
    if rule == SADDLE:
        joint = pure_equilibrium(payoffs, counts, strides, 0)
        while joint >= 0:
            _pure(joint, counts, strides, sigma)
            if _nobody_is_hurt(payoffs, counts, strides, sigma):
                return joint
            joint = pure_equilibrium(payoffs, counts, strides, joint + 1)
    return -1


@compiled
def _pure_or_uniform(payoffs, counts, strides, rule, sigma):
    """The first pure equilibrium, or else uniform strategies and FAILED."""
    joint = pure_equilibrium(payoffs, counts, strides, 0)
    if joint >= 0:
        _pure(joint, counts, strides, sigma)
        return EXACT if rule == FIRST else OTHER
    for i in range(counts.shape[0]):
        for a in range(counts[i]):
            sigma[i, a] = 1.0 / counts[i]
    return FAILED


@compiled
def _as_matrices(payoffs, counts, pair):
    for a in range(counts[0]):
        for b in range(counts[1]):
            pair[0][a, b] = payoffs[0, a * counts[1] + b]
            pair[1][a, b] = payoffs[1, a * counts[1] + b]


@compiled
def _copy(pair, counts, sigma):
    for a in range(counts[0]):
        sigma[0, a] = pair[2][a]
    for b in range(counts[1]):
        sigma[1, b] = pair[3][b]


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
