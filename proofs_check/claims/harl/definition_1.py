"""Definition 1, the game and its values: the Bellman equation, the improper state measure, γ = 0 and one action.

    V = r_π + γ P_π V        Σ_s ρ(s) = 1/(1−γ)        J = Σ_s d(s) V(s) = Σ_s ρ(s) r_π(s)        Q = r at γ = 0

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Definition 1 and the values after it. The
values come out of one linear solve (``marlcore.values``); here they are unrolled. ``proper_measure`` is the reading of
ρ as a distribution, ``rows_of_transitions`` a transposed P.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore.policies import joint
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import SMALL, TEAM_PAIRS, along, squares, team, team_pair
from proofs_check.instances import Fixed, Instance, Layout

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
STEPS = 3


def _induced(x: Instance) -> tuple[Any, Any]:
    """r_π (…, S) and P_π (…, S, S), summed over joint actions."""
    lead, S = x.batch_shape, x.start.shape[-1]
    pi = joint(x.policy).reshape(*lead, S, -1)
    rewards = (pi * x.rewards.reshape(*lead, S, -1)).sum(-1)
    return rewards, (pi[..., None] * x.transitions.reshape(*lead, S, -1, S)).sum(-2)


def _old(x: Instance) -> Any:
    return x.once("old", lambda x: evaluate(team(x), x.policy))


def unrolled(x: Instance) -> Any:
    """V − (r_π + γP_π r_π + … + γ^STEPS P_π^STEPS V)."""
    rewards, P = _induced(x)
    V = _old(x).V
    for _ in range(STEPS):
        V = rewards + along(x.discount, 1) * (P * V[..., None, :]).sum(-1)
    return squares(x, _old(x).V - V)


def mass(x: Instance) -> Any:
    """(1 − γ)Σρ − 1."""
    return squares(x, (1 - x.discount) * _old(x).rho.sum(-1) - 1)


def mass_of_one(x: Instance) -> Any:
    """Σρ − 1."""
    return squares(x, _old(x).rho.sum(-1) - 1)


def both_sums(x: Instance) -> Any:
    """Σ_s d V − Σ_s ρ r_π, and J − Σ_s d V."""
    rewards, _ = _induced(x)
    of_values = (x.start * _old(x).V).sum(-1)
    return squares(x, of_values - (_old(x).rho * rewards).sum(-1), _old(x).J - of_values)


def flow(x: Instance) -> Any:
    """ρ(s') − d(s') − γ Σ_s ρ(s) P_π(s'|s)."""
    _, P = _induced(x)
    return squares(x, _old(x).rho - x.start - along(x.discount, 1) * (_old(x).rho[..., :, None] * P).sum(-2))


def flow_transposed(x: Instance) -> Any:
    """The same with P_π(s|s')."""
    _, P = _induced(x)
    return squares(x, _old(x).rho - x.start - along(x.discount, 1) * (_old(x).rho[..., None, :] * P).sum(-1))


def myopic_layout(states: int, actions: Sequence[int]) -> Layout:
    """γ = 0."""
    return {**team_pair(states, actions), "discount": Fixed(0)}


def myopic(x: Instance) -> Any:
    """Q − r, and ρ − d."""
    return squares(x, _old(x).Q - x.rewards, _old(x).rho - x.start)


def no_choice(x: Instance) -> Any:
    """V of both policies where every agent has one action, and A."""
    return squares(x, _old(x).V - evaluate(team(x), x.new).V, _old(x).A)


def _claim(margin: Any, statement: str, plain: str, family: Family = TEAM_PAIRS, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": SOURCE,
        "locator": "Definition 1 and the values after it",
        "status": "proved",
        "kind": "identity",
    }
    return Claim(statement=statement, plain=plain, margin=margin, family=family, **(defaults | fields))


bellman = _claim(
    unrolled,
    r"V_\pi = r_\pi + \gamma P_\pi r_\pi + \gamma^2 P_\pi^2 r_\pi + \gamma^3 P_\pi^3 V_\pi",
    "The value is the reward of the first steps and the discounted value of what follows.",
)
improper_measure = _claim(
    mass,
    r"\sum_s \rho_\pi(s) = \frac{1}{1 - \gamma}",
    "The discounted state measure has mass 1/(1−γ).",
)
proper_measure = _claim(
    mass_of_one,
    r"\sum_s \rho_\pi(s) = 1",
    "The discounted state measure is a distribution.",
    source="a common reading of ρ",
    locator="folklore",
    status="refuted",
    expected="refuted",
)
state_flow = _claim(
    flow,
    r"\rho_\pi(s') = d(s') + \gamma \sum_s \rho_\pi(s) P_\pi(s' | s)",
    "What flows into a state is its start and the discounted flow from the others.",
)
rows_of_transitions = _claim(
    flow_transposed,
    r"\rho_\pi(s') = d(s') + \gamma \sum_s P_\pi(s | s') \rho_\pi(s)",
    "The state measure solves the same equation with the transposed transitions.",
    source="the flow equation with its index swapped",
    locator="a check that the direction matters",
    status="refuted",
    expected="refuted",
)
two_sums = _claim(
    both_sums,
    r"J(\pi) = \sum_s d(s) V_\pi(s) = \sum_s \rho_\pi(s) r_\pi(s)",
    "The return is the start's mean value, and the reward's mean under the state measure.",
)
no_future = _claim(
    myopic,
    r"\gamma = 0 \Rightarrow Q_\pi = r, \ \rho_\pi = d",
    "Without a future Q is the reward and the state measure is the start.",
    Family(myopic_layout, SMALL),
)
one_action = _claim(
    no_choice,
    r"|A^i| = 1 \ \forall i \Rightarrow V_\pi = V_{\bar\pi}, \ A_\pi = 0",
    "Where every agent has one action there is one value and no advantage.",
    Family(team_pair, ({"states": 3, "actions": (1, 1)}, {"states": 1, "actions": (1,)})),
)
