"""Theorem 10: the limit points of Algorithm 1 are Nash equilibria, and what its statement leaves out.

    max_i [ max_{π^i} J(π^i, π_k^{-i}) − J(π_k) ] → 0

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). It needs π_0 fully
mixed and d(s) > 0 everywhere. Without the first it is refuted: a step of size η from a deterministic policy gains at
most ηε/(1−γ) and costs −C·ln(1−η) ≥ Cη, so if C > ε/(1−γ) (for the printed C: γ > 1/5) every deterministic joint policy
is a fixed point, equilibrium or not. Limits are checked at a stated horizon; the zero-gradient step of the published
proof is delicate at the boundary, so this is evidence, not proof. Is the random order needed? An open entry.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from marlcore import library, numbers, policies
from marlcore.bounds import largest_advantage, paper_constant
from marlcore.responses import nash_gap
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import constant, each, exact_instance, team, team_pair
from proofs_check.instances import Between, Choice, Instance, Layout

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
ITERATIONS = 300
SHARE = 0.1


def deterministic(states: int, actions: Any) -> Layout:
    """A team game with γ ≥ 1/4 and a deterministic joint policy."""
    made = dict(team_pair(states, actions, ("1/4", "9/10")))
    for name in ("policy", "new", "order"):
        del made[name]
    options = tuple(itertools.product(*(range(a) for a in actions)))
    return {**made, "actions": Choice(options)}


@each
def fixed_points(x: Instance) -> Any:
    """Minus the Nash gap where Algorithm 1 provably stays put, else 0."""
    game = team(x)
    policy = policies.deterministic(game, x.actions)
    eps = largest_advantage(evaluate(game, policy).A, game.n)
    stuck = paper_constant(game.discount, eps) * (1 - game.discount) > eps
    return -nash_gap(game, policy).max if stuck else constant(x, 0)


def vertex() -> Instance:
    """One agent, one state, r = (0, 1), γ = ½, π_0 = (1, 0): the Nash gap is 2 for ever."""
    sizes = {"states": 1, "actions": (2,)}
    return exact_instance(
        deterministic(**sizes),
        sizes,
        transitions=[[[1], [1]]],
        rewards=[[0, 1]],
        discount="1/2",
        start=[1],
        actions=(0,),
    )


def runs(states: int, actions: Any) -> Layout:
    """A team game with γ between 1/10 and 1/2 and a fully mixed start."""
    made = dict(team_pair(states, actions, ("1/10", "1/2")))
    del made["new"]
    return {**made, "order": Choice(("random", "fixed"))}


def _final_gap(x: Instance, order: str) -> float:
    from tabular.mirror.hatrl import hatrl

    game = team(x).convert("float")
    start = policies.mix(policies.convert(x.policy, "float"), policies.uniform(game), 0.5)
    d = 0.5 * game.start + 0.5 / game.S
    game = type(game)(game.transitions, game.rewards, game.discount, d)
    run = hatrl(game, start, ITERATIONS, "sharp", order, 0, every=ITERATIONS)
    return float(np.max(run.nash_gaps[-1]))


@each
def gap_closes(x: Instance) -> Any:
    """A tenth of the largest reward minus the gap at the horizon, random order, C*."""
    return SHARE * float(np.abs(x.rewards).max()) - _final_gap(x, "random")


@each
def gap_closes_in_order(x: Instance) -> Any:
    """The same with the agents always in the order 0, 1, …"""
    return SHARE * float(np.abs(x.rewards).max()) - _final_gap(x, "fixed")


@each
def gap_closes_anyway(x: Instance) -> Any:
    """1 − the gap at the horizon on "stop or go", d on the first state alone, π_0(go) = x.go, π_0(good) = 1/20."""
    from tabular.mirror.hatrl import hatrl

    game = library.load("stop_or_go").convert("float")
    start = (np.array([[1 - x.go, x.go], [0.95, 0.05], [0.5, 0.5]], dtype=float),)
    run = hatrl(game, start, ITERATIONS, "sharp", "fixed", 0, every=ITERATIONS)
    return 1.0 - float(np.max(run.nash_gaps[-1]))


def fully_mixed(x: Instance) -> Any:
    """Whether the start is fully mixed."""
    lead = len(x.batch_shape)
    rows = [(numbers.convert(p, "float") > 0).reshape(*p.shape[:lead], -1).all(-1) for p in x.policy]
    return np.all(np.stack(rows), axis=0)


SIZES = ({"states": 2, "actions": (2, 2)}, {"states": 3, "actions": (2, 3)})
any_start = Claim(
    statement=r"\pi \text{ a fixed point of Algorithm 1} \Rightarrow \pi \text{ is a Nash equilibrium}",
    plain="Theorem 10 from any start: what Algorithm 1 never leaves is an equilibrium.",
    source=SOURCE,
    locator="Theorem 10 of the preprint, whose statement does not ask for a fully mixed start",
    status="refuted",
    kind="inequality",
    margin=fixed_points,
    family=Family(deterministic, SIZES),
    expected="refuted",
    numbers=("float", "rational"),
    witness=vertex,
    cost=10,
    smooth=False,
    note="Fixedness is derived, not run: a step of size η gains at most ηε/(1−γ) and costs at least Cη.",
    figure="nash_gap",
)
interior_start = Claim(
    statement=r"\max_i \left[ \max_{\pi^i} J(\pi^i, \pi_k^{-i}) - J(\pi_k) \right] \to 0",
    plain="From a fully mixed start with d(s) > 0 the Nash gap vanishes: below a tenth of the"
    " largest reward after 300 iterations.",
    source=SOURCE,
    locator="Theorem 10 of the preprint",
    status="proved",
    kind="limit",
    margin=gap_closes,
    family=Family(runs, SIZES),
    hypotheses={
        "fully_mixed": Hypothesis(
            "π_0^i(a|s) > 0 everywhere", fully_mixed, "the claim any_start is this claim without it, with its witness"
        ),
    },
    numbers=("float",),
    cost=800,
    smooth=False,
    assumes=("harl/theorem_9/monotone",),
    note="γ ≤ ½, penalty C*, 300 iterations, start mixed half with uniform, d mixed half with uniform.",
    figure="nash_gap",
)
fixed_order = Claim(
    statement=r"\max_i \left[ \max_{\pi^i} J(\pi^i, \pi_k^{-i}) - J(\pi_k) \right] \to 0 \text{ with one fixed order}",
    plain="Is the random order needed in Theorem 10? With a fixed order the gap vanished in every run so far.",
    source="open",
    locator="Theorem 10 asks for a random order; with the printed C convergence to an interior limit needs none",
    status="conjectured",
    kind="limit",
    margin=gap_closes_in_order,
    family=Family(runs, SIZES),
    expected="open",
    numbers=("float",),
    cost=800,
    smooth=False,
    assumes=("harl/theorem_9/spare_progress",),
    figure="nash_gap",
)
start_on_one_state = Claim(
    statement=r"d(s_1) = 0: \quad \max_i \left[ \max_{\pi^i} J(\pi^i, \pi_k^{-i}) - J(\pi_k) \right] \to 0",
    plain="Does the gap close when d misses a state? On 'stop or go' it stays near 8 for as long as anyone has looked.",
    source=SOURCE,
    locator="Theorem 10 of the preprint, without d(s) > 0",
    status="conjectured",
    kind="limit",
    margin=gap_closes_anyway,
    family=Family(lambda: {"go": Between("1/2000", "1/500")}),
    expected="open",
    numbers=("float",),
    cost=1000,
    smooth=False,
    note="A negative margin at a horizon refutes nothing about the limit: the entry stays open, with its evidence.",
    figure="nash_gap",
)
