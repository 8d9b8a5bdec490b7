"""Lemma 6, the advantage decomposition, for any table Q; and what it gives agents that choose in turn.

    A^{i_{1:m}}(s, a^{i_{1:m}}) = Σ_{j=1..m} A^{i_j}(s, a^{i_{1:j−1}}, a^{i_j})

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (Lemma 6 of the preprint; Kuba et al.,
ICLR 2022). ``at_once`` drops the predecessors from the condition: then the joint advantage may be negative.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.advantages import multi_agent_advantage
from proofs_check.claim import Claim, Family
from proofs_check.families import SMALL, squares
from proofs_check.instances import Choice, Instance, Layout, Reals, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024; Kuba et al., ICLR 2022"


def layout(states: int, actions: Sequence[int]) -> Layout:
    """Any table Q, any policy, any ordered subset of the agents."""
    n = len(actions)
    subsets = [order for m in range(1, n + 1) for order in itertools.permutations(range(n), m)]
    return {
        "Q": Reals((states, *actions)),
        "policy": tuple(Rows((states, a)) for a in actions),
        "order": Choice(tuple(sorted(subsets, key=lambda o: (-len(o), o)))),
    }


def margin(x: Instance) -> Any:
    """Both sides' difference, squared and summed over states and actions."""
    whole = multi_agent_advantage(x.Q, x.policy, (), x.order)
    parts = None
    for m in range(len(x.order)):
        term = multi_agent_advantage(x.Q, x.policy, x.order[:m], x.order[m : m + 1])
        term = term.reshape(*term.shape, *(1,) * (len(x.order) - m - 1))
        parts = term if parts is None else parts + term
    return squares(x, whole - parts)


def in_turn(x: Instance) -> Any:
    """The joint advantage, at the state where it is least, when each agent picks its best action given those before."""
    return _joint_advantage_of_choices(x, knows=True)


def at_once(x: Instance) -> Any:
    """The same when each agent looks at its own advantage and at nobody's choice."""
    return _joint_advantage_of_choices(x, knows=False)


def _joint_advantage_of_choices(x: Instance, knows: bool) -> Any:
    order = tuple(range(len(x.policy)))
    lead = len(x.batch_shape)
    chosen = numbers.moveaxis(x.Q, lead, 0)  # keep the state axis apart from what is picked
    states = chosen.shape[0]
    parts = []
    for s in range(states):
        Q = numbers.moveaxis(x.Q, lead, 0)[s]
        policy = tuple(numbers.moveaxis(table, lead, 0)[s][..., None, :] for table in x.policy)
        parts.append(_at_state(Q.reshape(*Q.shape[:lead], 1, *Q.shape[lead:]), policy, order, knows, lead))
    return numbers.amin(numbers.stack(parts, axis=-1), -1)


def _at_state(Q: Any, policy: Any, order: Sequence[int], knows: bool, lead: int) -> Any:
    table = multi_agent_advantage(Q, policy, (), tuple(order))
    picks: list[Any] = []
    for m, i in enumerate(order):
        given = tuple(order[:m]) if knows else ()
        own = multi_agent_advantage(Q, policy, given, (i,))
        for pick in picks if knows else ():
            own = _take(own, pick, lead + 1)
        picks.append(_best(own[(slice(None),) * lead + (0,)], lead))
    value = table
    for pick in picks:
        value = _take(value, pick, lead + 1)
    return value[(slice(None),) * lead + (0,)]


def _best(row: Any, lead: int) -> np.ndarray:
    return np.argmax(np.asarray(row), axis=-1) if lead else np.array(int(np.argmax(np.asarray(row))))


def _take(values: Any, pick: np.ndarray, axis: int) -> Any:
    """values[…, pick, …] along ``axis``, with a pick an instance."""
    moved = np.moveaxis(np.asarray(values), axis, 0)
    if not pick.shape:
        return moved[int(pick)]
    return moved[pick, np.arange(len(pick))]


FAMILY = Family(layout, SMALL)
decomposition = Claim(
    statement=r"A^{i_{1:m}}(s, a^{i_{1:m}}) = \sum_{j=1}^{m} A^{i_j}(s, a^{i_{1:j-1}}, a^{i_j})",
    plain="The joint advantage is the sum of the agents' advantages, each given its predecessors' actions.",
    source=SOURCE,
    locator="Lemma 6 of the preprint",
    status="proved",
    kind="identity",
    margin=margin,
    family=FAMILY,
    symbolic=({"states": 1, "actions": (2, 3)}, {"states": 1, "actions": (2, 2, 2)}),
    note="It holds for any table Q, not only for one that solves a Bellman equation.",
    figure="advantage_decomposition",
)
one_after_the_other = Claim(
    statement=r"a^{i_m} \in \arg\max A^{i_m}(s, a^{i_{1:m-1}}, \cdot) \ \forall m \Rightarrow A(s, a) \ge 0",
    plain="If each agent in turn picks its best action given its predecessors', the joint advantage is not negative.",
    source=SOURCE,
    locator="after Lemma 6 of the preprint",
    status="proved",
    kind="inequality",
    margin=in_turn,
    family=FAMILY,
    numbers=("float", "rational"),
    assumes=("harl/lemma_6/decomposition",),
    figure="advantage_decomposition",
)
independently = Claim(
    statement=r"a^{i} \in \arg\max A^{i}(s, \cdot) \ \forall i \Rightarrow A(s, a) \ge 0",
    plain="If each agent picks its best action by its own advantage, whatever the others pick, the"
    " joint advantage is not negative.",
    source="the corollary without its predecessors",
    locator="a common reading",
    status="refuted",
    kind="inequality",
    margin=at_once,
    family=FAMILY,
    expected="refuted",
    numbers=("float", "rational"),
    figure="advantage_decomposition",
)
