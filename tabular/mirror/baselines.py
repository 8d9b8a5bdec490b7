"""What sequential updates are meant to beat: agents that all move at once, and agents that share one policy.

    simultaneous   π^i ← argmax_{π̂ ∈ U} E_β[E_{a^i~π̂, rest~π}[A_π] − D^i_π(π̂)]   for all i from the same π
    shared         the same with one table for all agents: π̂ maximises the mean over the agents

Each agent's step is the one it would take alone, so its own HAMO does not decrease, and yet J can fall (Prop. 5):
nothing is guaranteed. With zero drift these are simultaneous best responses, with an expected KL ball MATRPO-like
steps, with the clip drift MAPPO- or IPPO-like ones. The mean of the agents' objectives is the one-table problem with
the mean advantage, where all agents hold the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game, TeamGame
from marlcore.objectives import Drift, Step
from marlcore.policies import Policy
from marlcore.trace import Trace
from marlcore.values import Evaluation
from tabular.mirror.drifts import ZERO
from tabular.mirror.haml import check_choices, describe, inner_maximum, sampling_weights, step_at
from tabular.mirror.neighbourhoods import EVERYTHING, Neighbourhood
from tabular.mirror.record import run
from tabular.mirror.team import as_team, start_policy


def simultaneous(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    drift: Drift = ZERO,
    neighbourhood: Neighbourhood = EVERYTHING,
    sampling: str = "occupancy",
    every: int = 1,
) -> Trace:
    """All agents update at once against the old policy; the default is the simultaneous best response."""
    choices = (drift, neighbourhood, sampling)
    return _at_once("simultaneous", lambda steps: steps, as_team(game), game, policy, iterations, choices, every)


def shared(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    drift: Drift = ZERO,
    neighbourhood: Neighbourhood = EVERYTHING,
    sampling: str = "occupancy",
    every: int = 1,
) -> Trace:
    """All agents play one table, which moves to the maximum of the mean of their objectives (parameter sharing)."""
    team = as_team(game)
    if len(set(team.action_counts)) > 1:
        raise InputError(f"a shared policy needs agents with equally many actions, not {team.action_counts}")
    if not isinstance(policy, Trace):
        tables = start_policy(team, policy)
        for i, table in enumerate(tables):
            if not np.array_equal(table, tables[0]):
                raise InputError(f"a shared policy is one table, but policy[{i}] differs from policy[0]")
    return _at_once("shared", _mean, team, game, policy, iterations, (drift, neighbourhood, sampling), every)


def _mean(steps: list[Step]) -> list[Step]:
    """One objective for all: M and the others' weights side by side, since the mean over agents is one more average."""
    n = len(steps)
    mean = Step(
        steps[0].old,
        np.mean([x.advantage for x in steps], axis=0),
        np.concatenate([x.others / n for x in steps], axis=-1),
        np.concatenate([x.M for x in steps], axis=-1),
    )
    return [mean]


def _at_once(
    name: str,
    objectives: Callable[[list[Step]], list[Step]],
    team: TeamGame,
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    choices: tuple[Drift, Neighbourhood, str],
    every: int,
) -> Trace:
    """Every agent's step is against the old policy; ``objectives`` makes of them what is maximised, one or n."""
    drift, neighbourhood, sampling = choices
    check_choices(team, neighbourhood, sampling)

    def update(old: Policy, at: Evaluation, k: int, rng: np.random.Generator) -> tuple[Policy, dict[str, Any]]:
        beta = sampling_weights(team, at, sampling)
        steps = objectives([step_at(at.A, old, old, (i,)) for i in range(team.n)])
        found = [inner_maximum(drift, step, neighbourhood, beta) for step in steps]
        found = found * (team.n // len(found))
        facts = {
            "margins": np.array([f.gains.min() for f in found]),
            "step_gaps": np.array([f.gap for f in found]),
        }
        return tuple(f.table for f in found), facts

    config = describe(drift, neighbourhood, sampling)
    return run(name, game, team, policy, update, iterations, 0, config, every)
