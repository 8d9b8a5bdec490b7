"""Nash-Q: Q-learning whose value of a state is each agent's payoff in an equilibrium of the stage game.

    Qᵢ(s,a) ← (1 − α)Qᵢ(s,a) + α(rᵢ + γVᵢ(s'))            Vᵢ(s) = Σ_a Π_j σ_j(a_j) Qᵢ(s,a), σ an equilibrium of Q(s, ·)

Hu & Wellman, "Nash Q-learning for general-sum stochastic games", JMLR 4, 2003. Every agent keeps all agents' tables;
since all see the same and select by the same rule the copies agree, and one is kept. Converges to an equilibrium's
values when every stage game met has a global optimum, or every one a saddle point, and that is the one selected (every
(s,a) visited for ever, Robbins–Monro rates); it need not otherwise. The selection rules are ``stage_kernel``'s:
"first", "optimum" and "saddle"; ``trace.state["memory.selections"]`` counts per seed how often the rule's own
equilibrium was taken, how often "first" stood in for it, and how often none was found.

*Departures.* The stage game at s is solved when Q(s, ·) has moved, not again when s is the next state: the same values.
With three or more agents and no pure equilibrium, the one at the end of the logit path is taken, where the paper has no
method. α = 1/visits(s, a), the paper's; agents explore half of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.environment import arena
from tabular.learners.rows import joint_action
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, Visits, check_rate
from tabular.static.stage_kernel import (
    FIRST,
    OPTIMUM,
    SADDLE,
    expected_payoff,
    many_equilibrium_into,
    pair_equilibrium_into,
    stage_workspace,
)

RULES = {"first": FIRST, "optimum": OPTIMUM, "saddle": SADDLE}
ALPHA = Visits()


def nash_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    select: str = "first",
    alpha: Any = ALPHA,
    epsilon: Schedule = 0.5,
    **options: Unpack[Options],
) -> Trace:
    """All agents learn together; ``select`` says which equilibrium of a stage game they take."""
    check_rate("alpha", alpha, most=1.0, visits=True)
    if select not in RULES:
        raise InputError(f"select must be one of {', '.join(RULES)}, not {select!r}")
    place = arena(game)
    if place.n < 2:
        raise InputError("nash_q needs at least two agents; try independent_q")
    memory = {"Q": np.zeros((place.S, place.n, place.J)), "selections": np.zeros(3, np.int64)}
    scratch = (np.array([RULES[select]], np.int64), np.zeros((place.n, place.A)), *stage_workspace(place.counts))
    update = pair_update if place.n == 2 else many_update
    rule = Rule("nash_q", update, memory, scratch, {"alpha": alpha}, epsilon, config={"select": select})
    return learn(rule, game, steps, seeds, **options)


@compiled
def pair_update(memory, scratch, play, s, s_next):
    """Two agents: move both Q(s,a), then solve the stage game at s."""
    Q, selections = memory
    sigma = scratch[1]
    _move(Q, play, s, s_next)
    status = pair_equilibrium_into(Q[s], play.counts, play.strides, scratch[0][0], sigma, scratch[2:])
    selections[status] += 1
    _take(Q, play, s, sigma)


@compiled
def many_update(memory, scratch, play, s, s_next):
    """The same for any number of agents."""
    Q, selections = memory
    sigma = scratch[1]
    _move(Q, play, s, s_next)
    status = many_equilibrium_into(Q[s], play.counts, play.strides, scratch[0][0], sigma, scratch[2:])
    selections[status] += 1
    _take(Q, play, s, sigma)


@compiled(forceinline=True)
def _move(Q, play, s, s_next):
    joint = joint_action(play)
    for i in range(play.counts.shape[0]):
        target = play.rewards[i] + play.gamma * play.values[i, s_next]
        Q[s, i, joint] += play.rates[0] * (target - Q[s, i, joint])


@compiled(forceinline=True)
def _take(Q, play, s, sigma):
    for i in range(play.counts.shape[0]):
        play.values[i, s] = expected_payoff(Q[s], play.counts, play.strides, sigma, i)
        for a in range(play.counts[i]):
            play.policy[i, s, a] = sigma[i, a]
