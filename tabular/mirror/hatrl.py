"""HATRL: heterogeneous-agent trust-region learning with exact maximisation (Zhong et al., Algorithm 1).

    for m = 1, …, n:   π^{i_m} ← argmax [ L^{i_{1:m}}_π(π_new^{i_{1:m−1}}, ·) − C·D^max_KL(π^{i_m}, ·) ]

in an order i_{1:n} drawn for each iteration, with A_π, ε = max|A_π| and C computed exactly. Source: Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning* (preprint numbering; JMLR's is two lower).

Guarantee. J(π_{k+1}) ≥ J(π_k) + Σ_m [L_m − C·D_m] ≥ J(π_k) for every order and every start (Theorem 9), for the printed
C = 4γε/(1−γ)² and for C* = 2ε·Li_{−1/2}(γ) (``bounds``). With the printed C, J_{k+1} − J_k ≥ (C − C*)·Σ_m D_m besides.
Every step carries its certified optimality gap.

Departures. γ = 0 gives C = 0: the step is a best response. Theorem 10 (limit points are Nash equilibria) needs a fully
mixed π_0 and d(s) > 0 everywhere, which its statement omits: from a deterministic policy nothing moves once
C > ε/(1−γ), and a state that the policy stops visiting stops learning. A Nash equilibrium need not be optimal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.bounds import largest_advantage, penalty_constant
from marlcore.errors import InputError
from marlcore.games import Game, TeamGame
from marlcore.kit.html import Shown
from marlcore.policies import Policy
from marlcore.trace import Trace
from marlcore.values import Evaluation
from tabular.mirror.record import run
from tabular.mirror.step import TrustRegionStep, trust_region_step
from tabular.mirror.team import Order, agents_in_order, as_team, order_name, step_weights


def hatrl(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    penalty: str | float = "paper",
    order: Order = "random",
    rng: np.random.Generator | int = 0,
    every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Run Algorithm 1 from ``policy``, or go on from the end of an earlier run (its trace), and return the trace.

    ``penalty`` is "paper" (C), "sharp" (C*) or a positive number. Every ``every``-th iteration and the last are
    recorded: ``returns``, ``bounds`` (what the iteration was promised), ``nash_gaps``, ``policies``, and in ``extras``
    "constants" (C), "orders", and per agent "surrogates" (L), "divergences" (D^max_KL) and "step_gaps" (certified).
    A continuation takes its generator from the trace.
    """
    team = as_team(game)
    check_penalty(penalty)

    def update(policy: Policy, old: Evaluation, k: int, rng: np.random.Generator) -> tuple[Policy, dict[str, Any]]:
        step = hatrl_iteration(team, policy, old, agents_in_order(order, team.n, k, rng), penalty)
        return step.policy, step.facts

    config = {"penalty": penalty, "order": order_name(order)}
    return run("hatrl", game, team, policy, update, iterations, rng, config, every, progress)


def check_penalty(penalty: str | float) -> None:
    """Refuse what is neither a known constant's name nor a positive number."""
    if isinstance(penalty, str):
        if penalty not in ("paper", "sharp"):
            raise InputError(f'penalty must be "paper", "sharp" or a positive number, not "{penalty}"')
    elif isinstance(penalty, bool) or not 0 < float(penalty) < np.inf:
        raise InputError(f'penalty must be "paper", "sharp" or a positive number, not {penalty}')


@dataclass(frozen=True, eq=False)
class Iteration(Shown):
    """One iteration: the new policy, the agents' steps in the order in which they were taken, and the constant C."""

    policy: Policy
    steps: tuple[TrustRegionStep, ...]
    order: tuple[int, ...]
    constant: float
    bound: float
    """J(π) + Σ_m [L_m − C·D_m]: the new policy's J is at least this (Lemma 8)."""

    @property
    def facts(self) -> dict[str, Any]:
        """What a run records, per agent where it is one number for each."""
        by_agent = sorted(zip(self.order, self.steps, strict=True), key=lambda pair: pair[0])
        return {
            "bounds": self.bound,
            "constants": self.constant,
            "orders": np.array(self.order),
            "surrogates": np.array([s.surrogate for _, s in by_agent]),
            "divergences": np.array([s.divergence for _, s in by_agent]),
            "step_gaps": np.array([s.gap for _, s in by_agent]),
        }


def hatrl_iteration(
    game: TeamGame, policy: Policy, old: Evaluation, order: Sequence[int], penalty: str | float
) -> Iteration:
    """One iteration from a policy and its evaluation, the agents in ``order``."""
    constant = float(penalty_constant(penalty, game.discount, largest_advantage(old.A, game.n)))
    rho = np.maximum(old.rho, 0)  # a linear solver may leave −1e-17 at a state that is never reached
    new, steps = list(policy), []
    for m, i in enumerate(order):
        w = step_weights(old.A, policy, tuple(new), order[: m + 1])
        steps.append(trust_region_step(policy[i], w, rho, constant))
        new[i] = steps[-1].table
    return Iteration(tuple(new), tuple(steps), tuple(order), constant, float(old.J) + sum(s.gain for s in steps))
