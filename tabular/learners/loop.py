"""The loop that every learner shares, compiled once per learner with the learner's update bound into it.

    for t = 0, 1, …:   aᵢ ~ (1 − ε_t)·πᵢ(·|s) + ε_t/Aᵢ,   s' ~ P(·|s, a),   π̄ᵢ(·|s) += (πᵢ(·|s) − π̄ᵢ(·|s))/visits(s)
                       update(memory, scratch, play, s, s')

An update is a compiled function of five arguments that changes arrays in place and allocates nothing:

    memory    the learner's own arrays, a tuple: what a continued run needs
    scratch   arrays that it needs but that carry nothing from step to step (workspaces, constants), a tuple
    play      ``Play``: policies, averages, values, the actions and rewards of this step, the rates
    s, s_next the state that was left and the one that was reached

It writes ``play.policy[i, s]`` and ``play.values[i, s]`` for its agents and nothing in other states.
Randomness is a counter-based stream: step t of seed k is the blocks words(k, STEP, t, ·), agent i taking word i and the
transition the two after the last agent's; so a run does not depend on threads, on other seeds or on where it was cut.
A word has 32 bits: an action of probability below 2⁻³² may never be played.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from marlcore.compiled import compiled, specialise
from marlcore.streams_compiled import uniform, words
from tabular.learners.environment import begin, successor

STEP, RESTART, LEARNER = 0, 1, 2
"""Streams of a seed: the loop's own, restarts, and the first that an update may use for draws of its own."""
_UNIT = 2.0**-32


class Play(NamedTuple):
    """What the loop and an update share; arrays are padded to the largest number of actions, A."""

    policy: np.ndarray
    """πᵢ(a|s), (n, S, A)."""
    average: np.ndarray
    """The mean of the policies played at s, (n, S, A)."""
    values: np.ndarray
    """Vᵢ(s) as the learner has it, (n, S)."""
    visits: np.ndarray
    """How often s was played, (S,)."""
    payoffs: np.ndarray
    """rᵢ(s, j), (S, J, n): for updates that know the game."""
    counts: np.ndarray
    """Aᵢ, (n,)."""
    strides: np.ndarray
    """The joint action is Σ aᵢ·strides[i]."""
    actions: np.ndarray
    """aᵢ of this step, (n,)."""
    rewards: np.ndarray
    """rᵢ of this step, (n,)."""
    rates: np.ndarray
    """The learner's schedules at this step, in the order in which it names them."""
    clock: np.ndarray
    """t and the seed, (2,): what streams of the update's own are keyed by."""
    gamma: float


class Log(NamedTuple):
    """Where a run writes its records: the axes are those of ``Play`` behind a record axis."""

    policy: np.ndarray
    average: np.ndarray
    values: np.ndarray
    sums: np.ndarray
    """Rewards received since step 0, (R, n)."""


class Habits(NamedTuple):
    """What a run needs besides the learner: agents that do not learn, and rates that count visits."""

    fixed: np.ndarray
    """The agents whose tables stay, (F,)."""
    tables: np.ndarray
    """Their tables, (n, S, A)."""
    pairs: np.ndarray
    """How often (s, j) was updated, (S, J); (1, 1) where no rate asks."""
    visit_rate: np.ndarray
    """(asked, c, τ, p) of a schedule by visits, for rate 0."""


def update(memory: Any, scratch: Any, play: Play, s: int, s_next: int) -> None:
    """Stands for the learner's update; ``bind`` puts the learner's own in its place."""


def bind(learner_update: Any) -> Any:
    """The compiled loop of one learner, cached between processes."""
    return specialise(run, update=learner_update)


@compiled(_nrt=False)
def run(memory, scratch, play, world, habits, log, position, sums, rates, drawn, origin, start, stop, every, record):
    """Steps start, …, stop − 1 of one seed; ``rates`` (T, 1 + m) holds ε and the learner's rates from time ``origin``.

    A record is made after every ``every`` steps, the first of this call in place ``record``; ``drawn`` holds a step's
    words. Nothing is allocated here or below, so numba need not count references (``_nrt``): a count is an atomic
    instruction, and forty of them a step take longer than Minimax-Q's programme.
    """
    n = play.counts.shape[0]
    seed, s = play.clock[1], position[0]
    due = (start // every + 1) * every
    for t in range(start, stop):
        for block in range(drawn.shape[0] // 4):
            w = words(seed, STEP, t, block)
            drawn[4 * block] = w[0]
            drawn[4 * block + 1] = w[1]
            drawn[4 * block + 2] = w[2]
            drawn[4 * block + 3] = w[3]
        row = t - origin
        joint = 0
        for i in range(n):
            a = act(play, i, s, drawn[i], rates[row, 0])
            play.actions[i] = a
            joint += a * play.strides[i]
        for i in range(n):
            play.rewards[i] = play.payoffs[s, joint, i]
            sums[i] += play.rewards[i]
        s_next = successor(world, s * play.payoffs.shape[1] + joint, drawn[n], drawn[n + 1])
        _average(play, s)
        play.clock[0] = t
        for j in range(play.rates.shape[0]):
            play.rates[j] = rates[row, j + 1]
        if habits.visit_rate[0] > 0.0:
            play.rates[0] = _rate_of_visit(habits, s, joint)
        update(memory, scratch, play, s, s_next)
        for f in range(habits.fixed.shape[0]):
            i = habits.fixed[f]
            for a in range(play.counts[i]):
                play.policy[i, s, a] = habits.tables[i, s, a]
        s = begin(world, uniform(seed, RESTART, t, 0)) if world.final[s] else s_next
        if t + 1 == due:
            _record(play, log, sums, record)
            record += 1
            due += every
    position[0] = s


@compiled(forceinline=True)
def act(play, i, s, word, epsilon):
    """Agent i's action at s: one 32-bit word decides whether to explore, and which action."""
    u = word * _UNIT
    if u < epsilon:
        return min(np.int64(u / epsilon * play.counts[i]), play.counts[i] - 1)
    u -= epsilon
    total, last = 0.0, 0
    for a in range(play.counts[i]):
        p = play.policy[i, s, a]
        total += p * (1.0 - epsilon)
        if total > u:
            return a
        if p > 0.0:
            last = a
    return last


@compiled(forceinline=True)
def _average(play, s):
    play.visits[s] += 1
    weight = 1.0 / play.visits[s]
    for i in range(play.counts.shape[0]):
        for a in range(play.counts[i]):
            play.average[i, s, a] += weight * (play.policy[i, s, a] - play.average[i, s, a])


@compiled(forceinline=True)
def _rate_of_visit(habits, s, joint):
    earlier = habits.pairs[s, joint]
    habits.pairs[s, joint] = earlier + 1
    base = 1.0 + earlier / habits.visit_rate[2]
    power = habits.visit_rate[3]
    return habits.visit_rate[1] / (base if power == 1.0 else base**power)


@compiled
def _record(play, log, sums, record):
    for i in range(play.counts.shape[0]):
        log.sums[record, i] = sums[i]
        for s in range(play.visits.shape[0]):
            log.values[record, i, s] = play.values[i, s]
            for a in range(play.counts[i]):
                log.policy[record, i, s, a] = play.policy[i, s, a]
                log.average[record, i, s, a] = play.average[i, s, a]
