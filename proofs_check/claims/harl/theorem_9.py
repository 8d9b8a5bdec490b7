"""Theorem 9: J never falls along Algorithm 1, for every permutation and every start.

    J(π_{k+1}) ≥ J(π_k)        and, with the printed C:  J(π_{k+1}) − J(π_k) ≥ (C − C*)·Σ_m D^max_KL(π_k^m, π_{k+1}^m)

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). The second line is
ours: Lemma 8 holds with C*, each step gains at least C·D in its surrogate. The update runs in floats; the policies
before and after are then taken exactly, and J is computed in rationals. ROUND_OFF allows for the update's round-off.
"""

from __future__ import annotations

from typing import Any

from marlcore import policies
from marlcore.bounds import largest_advantage, paper_constant, sharp_constant_for
from marlcore.divergences import max_kl
from marlcore.policies import Policy
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import constant, each, team, team_pair
from proofs_check.instances import Choice, Instance, Layout

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
ROUND_OFF = "1/1000000000000"
SIZES = ({"states": 2, "actions": (2, 2)}, {"states": 3, "actions": (3, 2)}, {"states": 1, "actions": (2, 2, 2)})


def layout(states: int, actions: Any) -> Layout:
    """A team game, a policy, an order and a penalty."""
    made = dict(team_pair(states, actions, ("0", "9/10"), interior=False))
    del made["new"]
    return {**made, "penalty": Choice(("paper", "sharp"))}


def iterate(x: Instance) -> Policy:
    """π_{k+1} of Algorithm 1, in the kind of number of ``x``."""
    from tabular.mirror.hatrl import hatrl_iteration

    game, policy = team(x).convert("float"), policies.convert(x.policy, "float")
    new = hatrl_iteration(game, policy, evaluate(game, policy), x.order, x.penalty).policy
    rows = tuple(table / table.sum(-1, keepdims=True) for table in new)
    return rows if x.kind == "float" else policies.convert(rows, "rational" if x.kind == "rational" else "ball")


@each
def improvement(x: Instance) -> Any:
    """J(π_{k+1}) − J(π_k)."""
    return evaluate(team(x), iterate(x)).J - evaluate(team(x), x.policy).J + constant(x, ROUND_OFF)


@each
def progress(x: Instance) -> Any:
    """J(π_{k+1}) − J(π_k) − (C − C*)·ΣD with the printed C; nothing is claimed where γ = 0 (C = C* = 0)."""
    game, new = team(x), iterate(x)
    old = evaluate(game, x.policy)
    eps = largest_advantage(old.A, game.n)
    spare = paper_constant(game.discount, eps) - sharp_constant_for(game.discount, eps)
    moved = sum(max_kl(p, q) for p, q in zip(x.policy, new, strict=True))
    return evaluate(game, new).J - old.J - spare * moved + constant(x, ROUND_OFF)


def paper_layout(states: int, actions: Any) -> Layout:
    """The same with the printed penalty, a fully mixed start and γ ≥ 1/10."""
    made = dict(team_pair(states, actions, ("1/10", "9/10")))
    del made["new"]
    return {**made, "penalty": Choice(("paper",))}


monotone = Claim(
    statement=r"J(\pi_{k+1}) \ge J(\pi_k)",
    plain="The return never falls along HATRL, whatever the order and the start.",
    source=SOURCE,
    locator="Theorem 9 of the preprint",
    status="proved",
    kind="inequality",
    margin=improvement,
    family=Family(layout, SIZES),
    numbers=("float", "rational"),
    assumes=("harl/lemma_8/paper", "harl/lemma_8/sharp"),
    cost=10,
    smooth=False,
    figure="monotone_improvement",
)
spare_progress = Claim(
    statement=r"J(\pi_{k+1}) - J(\pi_k) \ge (C - C^*) \sum_m D^{\max}_{KL}(\pi_k^{m}, \pi_{k+1}^{m})",
    plain="With the printed C every step that moves raises the return by a definite amount, so steps vanish.",
    source="derived from Lemma 8 with C*",
    locator="towards Theorem 10 with any fixed order",
    status="ours",
    kind="inequality",
    margin=progress,
    family=Family(paper_layout, SIZES),
    numbers=("float", "ball"),
    assumes=("harl/lemma_8/sharp",),
    cost=10,
    smooth=False,
    figure="monotone_improvement",
)
