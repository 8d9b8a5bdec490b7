"""Theorem 16: mirror learning raises J in every iteration, and its limits are Nash equilibria.

    J(π_{k+1}) ≥ J(π_k)          V_{π_k} → a Nash value, J(π_k) → a Nash return, ω-limit set ⊆ Nash equilibria

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering), for every drift of
Definition 12 and every neighbourhood of Definition 13 that is closed under resetting one state. The convergence needs
the hypotheses of Theorem 10 as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import policies
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import constant, each, team, team_pair
from proofs_check.instances import Choice, Instance, Layout

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
ROUND_OFF = "1/1000000000"
DRIFTS = ("zero", "forward-kl", "reverse-kl", "squared-l2", "clip")
SIZES = ({"states": 2, "actions": (2, 2)}, {"states": 3, "actions": (3, 2)})
ITERATIONS, SHARE = 200, 0.1


def layout(states: int, actions: Any) -> Layout:
    """A team game, a fully mixed policy, an order, and a drift."""
    made = dict(team_pair(states, actions, ("0", "9/10")))
    del made["new"]
    return {**made, "drift": Choice(DRIFTS)}


@each
def improvement(x: Instance) -> Any:
    """J(π_{k+1}) − J(π_k) for one iteration with the drift of the instance, no neighbourhood, β = ρ_π."""
    from tabular.mirror.drifts import DRIFTS as KNOWN
    from tabular.mirror.haml import haml_iteration
    from tabular.mirror.neighbourhoods import EVERYTHING

    game, policy = team(x).convert("float"), policies.convert(x.policy, "float")
    new, _ = haml_iteration(game, policy, evaluate(game, policy), x.order, KNOWN[x.drift](), EVERYTHING, "occupancy")
    rows = tuple(np.maximum(t, 0) / np.maximum(t, 0).sum(-1, keepdims=True) for t in new)
    tables = rows if x.kind == "float" else policies.convert(rows, "rational")
    return evaluate(team(x), tables).J - evaluate(team(x), x.policy).J + constant(x, ROUND_OFF)


@each
def gap_closes(x: Instance) -> Any:
    """A tenth of the largest reward minus the Nash gap after 200 iterations."""
    from tabular.mirror.drifts import DRIFTS as KNOWN
    from tabular.mirror.haml import haml

    game = team(x)
    start = policies.mix(x.policy, policies.uniform(game), 0.5)
    game = type(game)(game.transitions, game.rewards, game.discount, 0.5 * game.start + 0.5 / game.S)
    run = haml(game, start, KNOWN[x.drift](), iterations=ITERATIONS, rng=0, every=ITERATIONS)
    return SHARE * float(np.abs(x.rewards).max()) - float(np.max(run.nash_gaps[-1]))


def runs(states: int, actions: Any) -> Layout:
    """The same with γ ≤ 1/2 and the drifts whose steps the horizon suffices for."""
    return {**layout(states, actions), **{"drift": Choice(("zero", "squared-l2", "forward-kl"))}}


monotone = Claim(
    statement=r"J(\pi_{k+1}) \ge J(\pi_k)",
    plain="The return never falls along heterogeneous-agent mirror learning, for each drift that ships.",
    source=SOURCE,
    locator="Theorem 16 (1) of the preprint",
    status="proved",
    kind="inequality",
    margin=improvement,
    family=Family(layout, SIZES),
    numbers=("float", "rational"),
    assumes=("harl/lemma_15/every_state",),
    cost=20,
    smooth=False,
    figure="monotone_improvement",
)
nash_limit = Claim(
    statement=r"\max_i \left[ \max_{\pi^i} J(\pi^i, \pi_k^{-i}) - J(\pi_k) \right] \to 0",
    plain="From a fully mixed start with d(s) > 0 the Nash gap vanishes: below a tenth of the"
    " largest reward after 200 iterations.",
    source=SOURCE,
    locator="Theorem 16 (2) to (4) of the preprint",
    status="proved",
    kind="limit",
    margin=gap_closes,
    family=Family(runs, SIZES),
    numbers=("float",),
    cost=400,
    smooth=False,
    assumes=("harl/theorem_16/monotone",),
    note="200 iterations, start and d mixed half with uniform; drifts zero, squared L2 and forward KL of scale 1.",
    figure="nash_gap",
)
