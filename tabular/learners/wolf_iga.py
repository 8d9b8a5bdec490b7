"""WoLF-IGA: gradient ascent in 2×2 games, slow when winning and fast when losing.

    p ← [p + η ∂V₁/∂p]₀¹,  q ← [q + η ∂V₂/∂q]₀¹            p, q the probabilities of the first actions
    ηᵢ = η_min if Vᵢ(πᵢ, π₋ᵢ) > Vᵢ(πᵢ*, π₋ᵢ), else η_max            π* an equilibrium

Bowling & Veloso, "Multiagent learning using a variable learning rate", Artificial Intelligence 136, 2002, theorem 4:
for infinitesimal steps the strategies of a two-player two-action game converge to an equilibrium. Agents know the game.

*As printed in notes*, player 2 compares its payoff with V₁(π₁, π₂*). That misjudges winning even in zero-sum games,
unless the value is 0: with R₁ = [[3, 1], [1, 3]] (value 2) at p = 0.9, q = 0.1, player 2 gets −1.36 > V₂(π₁, q*) = −2
and wins, but −1.36 < V₁(π₁, q*) = 2 says that it loses. ``reference=(0, 0)`` runs that rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.policies import Policy, check
from marlcore.trace import Trace
from tabular.learners.checks import two_by_two_arena
from tabular.learners.rows import action_values
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule


def wolf_iga(
    game: MatrixGame,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta_min: Schedule = 0.0005,
    eta_max: Schedule = 0.001,
    equilibrium: Policy | None = None,
    reference: tuple[int, int] = (0, 1),
    **options: Unpack[Options],
) -> Trace:
    """Both players of a 2×2 game; ``reference[i]`` says whose payoff at (πᵢ*, π₋ᵢ) player i compares its own with.

    ``equilibrium`` is the one each player has in mind; unless given, the first pure one, else the mixed one.
    """
    place = two_by_two_arena("wolf_iga", game)
    if not isinstance(reference, Sequence) or len(reference) != 2 or any(i not in (0, 1) for i in reference):
        raise InputError(f"reference must name player 0 or 1 twice, not {reference!r}")
    payoffs = place.payoffs[0].T.reshape(2, 2, 2)
    stars = first_equilibrium(payoffs) if equilibrium is None else check(MatrixGame(payoffs), equilibrium)
    target = np.array([float(stars[0].reshape(-1)[0]), float(stars[1].reshape(-1)[0])])
    scratch = (target, np.array(reference, np.int64), np.zeros((2, 2)))
    rates = {"eta_min": eta_min, "eta_max": eta_max}
    config = {"equilibrium": target.tolist(), "reference": list(reference)}
    rule = Rule("wolf_iga", update, scratch=scratch, rates=rates, initial="random", config=config)
    return learn(rule, game, steps, seeds, **options)


def first_equilibrium(payoffs: np.ndarray) -> Policy:
    """The first pure equilibrium of a 2×2 game in C order, otherwise its only one, where each makes the other equal."""
    first, second = payoffs
    for a in (0, 1):
        for b in (0, 1):
            if first[a, b] >= first[1 - a, b] and second[a, b] >= second[a, 1 - b]:
                return np.eye(2)[a], np.eye(2)[b]
    # without a pure equilibrium both denominators are sums of two differences of one strict sign
    p = (second[1, 1] - second[1, 0]) / (second[0, 0] - second[0, 1] - second[1, 0] + second[1, 1])
    q = (first[1, 1] - first[0, 1]) / (first[0, 0] - first[0, 1] - first[1, 0] + first[1, 1])
    return np.array([p, 1 - p]), np.array([q, 1 - q])


@compiled
def update(memory, scratch, play, s, s_next):
    """Both verdicts and both gradients first, then both steps."""
    target, reference, values = scratch
    for i in range(2):
        action_values(play, play.policy, i, s, values[i])
    for i in range(2):
        p = play.policy[i, s, 0]
        own = p * values[i, 0] + (1.0 - p) * values[i, 1]
        winning = own > _payoff(play, s, reference[i], i, target[i])
        play.rewards[i] = (play.rates[0] if winning else play.rates[1]) * (values[i, 0] - values[i, 1])
    for i in range(2):
        p = min(max(play.policy[i, s, 0] + play.rewards[i], 0.0), 1.0)
        play.policy[i, s, 0] = p
        play.policy[i, s, 1] = 1.0 - p


@compiled
def _payoff(play, s, whose, i, p):
    """What player ``whose`` expects when player i plays its first action with probability p, the other as it does."""
    total = 0.0
    for joint in range(4):
        a = joint // play.strides[i] % 2
        b = joint // play.strides[1 - i] % 2
        total += (p if a == 0 else 1.0 - p) * play.policy[1 - i, s, b] * play.payoffs[s, joint, whose]
    return total
