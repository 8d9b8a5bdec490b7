"""Mean-field Q: each agent learns against the mean of its neighbours' actions, over a neighbourhood graph.

    Qᵢ(s,aᵢ,ā) ← (1 − α)Qᵢ(s,aᵢ,ā) + α(rᵢ + γvᵢ(s'))            ā the mean of the neighbours' one-hot actions
    πᵢ(a|s) ∝ exp(+β Qᵢ(s,a,ā)),  vᵢ(s') = Σ_a πᵢ(a|s') Qᵢ(s',a,ā'),  ā' the mean action last seen at s'

Yang et al., "Mean field multi-agent reinforcement learning", ICML 2018. *As printed in notes*, exp(−βQ) prefers the
worst action, and vᵢ(s') averages with π(·|s). Convergence is proved there under a unique equilibrium (or optimum) of
every stage game met.

The table is over the counts of the neighbours' actions, so where rᵢ is the mean of pairwise rewards it stands for the
pairwise game *exactly*: the paper's error |Qᵢ(s,a) − Qᵢ(s,aᵢ,ā)| ≤ 2M arises when Q is a smooth function evaluated at ā
between the corners, and is then at most (M/2)(1 − ‖ā‖²) for an M-Lipschitz gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import comb
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import lists_of_agents
from tabular.learners.environment import Arena, arena
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def mean_field_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    neighbours: Sequence[Sequence[int]] | None = None,
    alpha: Any = 0.1,
    beta: Schedule = 1.0,
    epsilon: Schedule = 0.0,
    **options: Unpack[Options],
) -> Trace:
    """All agents must have the same actions; ``neighbours[i]`` are those that agent i sees, None: all the others."""
    return learn(mean_field_rule(game, neighbours, alpha, beta, epsilon), game, steps, seeds, **options)


def mean_field_rule(
    game: Game, neighbours: Sequence[Sequence[int]] | None, alpha: Any, beta: Schedule, epsilon: Schedule, sign: int = 1
) -> Rule:
    """The learner as a rule; ``sign`` −1 makes it prefer what is worst, as misprinted."""
    check_rate("alpha", alpha, most=1.0)
    place = arena(game)
    if place.counts.min() != place.counts.max():
        raise InputError(f"mean_field_q needs the same actions for all agents, not {tuple(map(int, place.counts))}")
    graph = _graph(place, neighbours)
    sizes = [len(seen) for seen in graph]
    A, most = place.A, max(sizes)
    configurations = comb(most + A - 1, A - 1)
    padded = np.full((place.n, most), -1, np.int64)
    for i, seen in enumerate(graph):
        padded[i, : len(seen)] = seen
    scratch = (padded, np.array(sizes), np.zeros(A, np.int64), _binomials(most + A), np.array([sign], float))
    memory = {"Q": np.zeros((place.n, place.S, configurations, A)), "seen": np.zeros((place.n, place.S), np.int64)}
    config = {"neighbours": graph, "sign": sign}
    rates = {"alpha": alpha, "beta": beta}
    return Rule("mean_field_q", update, memory, scratch, rates, epsilon, config=config)


def configuration(counts: Sequence[int]) -> int:
    """The number of a vector of action counts among all vectors of the same sum, as the table is indexed."""
    return int(_rank(np.asarray(counts, np.int64), _binomials(int(sum(counts)) + len(counts))))


def _graph(place: Arena, neighbours: Sequence[Sequence[int]] | None) -> list[list[int]]:
    if neighbours is None:
        return [[j for j in range(place.n) if j != i] for i in range(place.n)]
    graph = lists_of_agents("neighbours", neighbours, place.n)
    for i, seen in enumerate(graph):
        if i in seen or len(set(seen)) < len(seen) or not seen:
            raise InputError(f"neighbours[{i}] must be other agents, each once and at least one, not {seen}")
    return graph


def _binomials(size: int) -> np.ndarray:
    table = np.zeros((size + 1, size + 1), np.int64)
    for n, k in itertools.product(range(size + 1), repeat=2):
        table[n, k] = comb(n, k)
    return table


@compiled
def _rank(counts, binomials):
    """Position among the compositions of Σ counts into len(counts) parts, in falling order of the first part.

    With m left for the parts a, a+1, …, those whose part a is above counts[a] number C(m − counts[a] − 1 + k, k), where
    k parts follow.
    """
    left, rank, parts = 0, 0, counts.shape[0]
    for a in range(parts):
        left += counts[a]
    for a in range(parts - 1):
        left -= counts[a]
        behind = parts - 1 - a
        if left > 0:
            rank += binomials[left - 1 + behind, behind]
    return rank


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every agent: its table, then its policy against what it has just seen."""
    Q, seen = memory
    graph, sizes, counts, binomials, sign = scratch
    A = Q.shape[3]
    for i in range(play.counts.shape[0]):
        counts[:] = 0
        for place in range(sizes[i]):
            counts[play.actions[graph[i, place]]] += 1
        mean = _rank(counts, binomials)
        ahead, last = 0.0, seen[i, s_next]
        for a in range(A):
            ahead += play.policy[i, s_next, a] * Q[i, s_next, last, a]
        action = play.actions[i]
        target = play.rewards[i] + play.gamma * ahead
        Q[i, s, mean, action] += play.rates[0] * (target - Q[i, s, mean, action])
        seen[i, s] = mean
    for i in range(play.counts.shape[0]):
        _boltzmann(Q, play, i, s, seen[i, s], sign[0] * play.rates[1])


@compiled
def _boltzmann(Q, play, i, s, mean, beta):
    """πᵢ(a|s) ∝ exp(β Q), and Vᵢ(s) = Σ π Q."""
    A = Q.shape[3]
    highest = beta * Q[i, s, mean, 0]
    for a in range(A):
        highest = max(highest, beta * Q[i, s, mean, a])
    total = 0.0
    for a in range(A):
        play.policy[i, s, a] = np.exp(beta * Q[i, s, mean, a] - highest)
        total += play.policy[i, s, a]
    play.values[i, s] = 0.0
    for a in range(A):
        play.policy[i, s, a] /= total
        play.values[i, s] += play.policy[i, s, a] * Q[i, s, mean, a]
