"""Definition 3, multi-agent values: its edge cases, which most mistakes are about.

    Q^{i_{1:n}} = Q        E_{a~π} Q = V (m = 0)        Q^{i,j}(s, a^i, a^j) = Q^{j,i}(s, a^j, a^i)

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Definition 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marlcore import numbers
from marlcore.advantages import multi_agent_q
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family
from proofs_check.families import SMALL, TEAM_PAIRS, squares, team
from proofs_check.instances import Instance, Layout, Reals, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"


def free_table(states: int, actions: Sequence[int]) -> Layout:
    """Any table Q and any policy: nothing here needs a Bellman equation."""
    return {"Q": Reals((states, *actions)), "policy": tuple(Rows((states, a)) for a in actions)}


FREE = Family(free_table, SMALL)
SHAPES = ({"states": 2, "actions": (2, 3)}, {"states": 1, "actions": (2, 2, 2)})


def everybody(x: Instance) -> Any:
    """Q^{i_{1:n}} − Q."""
    return squares(x, multi_agent_q(x.Q, x.policy, tuple(range(len(x.policy)))) - x.Q)


def nobody(x: Instance) -> Any:
    """E_{a~π} Q_π − V_π."""
    old = evaluate(team(x), x.policy)
    return squares(x, multi_agent_q(old.Q, x.policy, ()) - old.V)


def exchanged(x: Instance) -> Any:
    """Q^{i,j} − Q^{j,i} with the axes exchanged back, for the first and the last agent."""
    last = len(x.policy) - 1
    if last == 0:
        return squares(x, x.Q - x.Q)
    forth = multi_agent_q(x.Q, x.policy, (0, last))
    back = multi_agent_q(x.Q, x.policy, (last, 0))
    return squares(x, forth - numbers.moveaxis(back, -1, -2))


def _claim(margin: Any, family: Family, statement: str, plain: str, symbolic: Any = ()) -> Claim:
    return Claim(
        statement,
        plain,
        SOURCE,
        "Definition 3",
        "proved",
        "identity",
        margin,
        family,
        symbolic=symbolic,
    )


all_agents = _claim(
    everybody,
    FREE,
    r"Q^{i_{1:n}}(s, a) = Q(s, a)",
    "The multi-agent value of all agents is Q itself.",
    SHAPES,
)
no_agents = _claim(
    nobody,
    TEAM_PAIRS,
    r"Q^{\emptyset}_\pi(s) = V_\pi(s)",
    "The multi-agent value of no agent is V.",
)
order = _claim(
    exchanged,
    FREE,
    r"Q^{i,j}(s, a^i, a^j) = Q^{j,i}(s, a^j, a^i)",
    "The order of the agents only orders the axes.",
    SHAPES,
)
