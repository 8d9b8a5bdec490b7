"""Multi-agent values and advantages (HARL, Def. 3), and the surrogates made of them (Def. 7, Prop. 11).

    Q^{i_{1:m}}(s, a^{i_{1:m}}) = E_{a^{-i_{1:m}} ~ π}[Q(s, a)]
    A^{i_{1:m}}(s, a^{j_{1:k}}, a^{i_{1:m}}) = Q^{j,i}(s, a^j, a^i) − Q^j(s, a^j)
    L^{i_{1:m}}_π(π̄^{i_{1:m−1}}, π̂^{i_m}) = E_{s~ρ_π, a^{i_{1:m−1}}~π̄, a^{i_m}~π̂}[A^{i_m}(s, a^{i_{1:m−1}}, a^{i_m})]

m = n gives Q itself, m = 0 gives V, and the order of the agents only orders the axes. Everything here holds for any
table Q, not only one that solves a Bellman equation. Statement numbers follow the preprint of Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning* (the JMLR version's are two lower). Arrays: Q (…, S, A1, …, An), policy
tables (…, S, A_i), ρ (…, S); agents are numbered from 0 in the order of the policy tuple.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Shaped

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.numbers import ARITHMETIC, primitive
from marlcore.policies import Policy, joint

Tables = tuple[Shaped[Any, "*B S _"], ...]
"""A joint policy whose tables agree in batch and state axes."""


@primitive(*ARITHMETIC)
def multi_agent_q(Q: Any, policy: Policy, agents: Sequence[int]) -> Any:
    """Q^{i_{1:m}} = E_{a^{-i_{1:m}}~π}[Q], (…, S, A_{i_1}, …, A_{i_m}), axes as in ``agents``  (HARL, Def. 3)."""
    agents = check_agents(agents, len(policy))
    n = len(policy)
    kept = list(range(n))
    for i in reversed(range(n)):
        if i not in agents:
            Q = average_out(Q, policy[i], kept.index(i) - len(kept))
            kept.remove(i)
    places = [kept.index(i) - len(kept) for i in agents]
    return numbers.moveaxis(Q, places, range(-len(kept), 0)) if kept else Q


@primitive(*ARITHMETIC)
def average_out(Q: Any, table: Any, axis: int) -> Any:
    """Σ_a π(a|s) Q(…, s, …, a, …): the action axis ``axis`` (counted from the end) averaged under one agent's table."""
    behind = -axis - 1
    before = Q.ndim - behind - table.ndim
    if before < 0:
        raise InputError(f"a policy table of shape {tuple(table.shape)} does not fit Q of shape {tuple(Q.shape)}")
    weights = table.reshape(*table.shape[:-1], *(1,) * before, table.shape[-1], *(1,) * behind)
    return (Q * weights).sum(axis)


@primitive(*ARITHMETIC)
def multi_agent_advantage(Q: Any, policy: Policy, given: Sequence[int], agents: Sequence[int]) -> Any:
    """A^{i_{1:m}}(s, a^{j_{1:k}}, a^{i_{1:m}}) = Q^{j,i} − Q^j, j = ``given``, i = ``agents``  (HARL, Def. 3).

    Axes: (…, S, A_{j_1}, …, A_{j_k}, A_{i_1}, …, A_{i_m}).
    """
    both = multi_agent_q(Q, policy, (*given, *agents))
    before = multi_agent_q(Q, policy, tuple(given))
    return both - before.reshape(*before.shape, *(1,) * len(agents))


@primitive(*ARITHMETIC)
def expected_advantage(Q: Any, policy: Policy, new: Policy, order: Sequence[int]) -> Any:
    """E_{a^{i_{1:m−1}}~π̄, a^{i_m}~π̂}[A^{i_m}(s, ·)] at every state, (…, S), for i_{1:m} = ``order``.

    ``new`` holds π̄ for the predecessors and π̂ for the last agent of ``order``, each at its own agent's place.
    """
    return contract(multi_agent_advantage(Q, policy, tuple(order[:-1]), tuple(order[-1:])), new, order)


@primitive(*ARITHMETIC)
def contract(values: Any, policy: Policy, order: Sequence[int]) -> Any:
    """Σ_a Π_k π^{i_k}(a_k|s) values(s, a): every action axis averaged, axes in the order of ``order``."""
    for i in reversed(tuple(order)):
        values = average_out(values, policy[i], -1)
    return values


@primitive(*ARITHMETIC)
def surrogate(
    Q: Shaped[Any, "..."], rho: Shaped[Any, "*B S"], policy: Tables, new: Tables, order: Sequence[int]
) -> Any:
    """L^{i_{1:m}}_π(π̄^{i_{1:m−1}}, π̂^{i_m}) = Σ_s ρ(s) E_{a^{i_{1:m−1}}~π̄, a^{i_m}~π̂}[A^{i_m}], (…)  (HARL, Def. 7).

    i_{1:m} = ``order``; π̄ and π̂ are read out of ``new``.

    It is 0 when π̂^{i_m} is the old policy, whatever π̄ is (HARL, after Def. 7).
    """
    return (rho * expected_advantage(Q, policy, new, order)).sum(-1)


@primitive(*ARITHMETIC)
def ratio_surrogate(
    A: Shaped[Any, "..."], rho: Shaped[Any, "*B S"], policy: Tables, new: Tables, order: Sequence[int]
) -> Any:
    """E_{s~ρ, a~π}[(π̂^{i_m}/π^{i_m} − 1)·(π̄^{i_{1:m−1}}/π^{i_{1:m−1}})·A(s,a)] (Prop. 11), equal to the surrogate.

    This is what HATRPO and HAPPO estimate from samples. It needs π^i(a|s) > 0 wherever π̄^i or π̂^i is; actions that no
    agent plays before or after count for nothing.
    """
    *predecessors, last = check_agents(order, len(policy))
    weighted = joint(policy) * A
    for i in predecessors:
        weighted = weighted * _along(ratio(policy[i], new[i]), i, len(policy))
    weighted = weighted * (_along(ratio(policy[last], new[last]), last, len(policy)) - 1)
    return (rho * weighted.reshape(*rho.shape, -1).sum(-1)).sum(-1)


@primitive(*ARITHMETIC)
def ratio(old: Shaped[Any, "*B A"], new: Shaped[Any, "*B A"]) -> Shaped[Any, "*B A"]:
    """r(a|s) = π̄(a|s)/π(a|s), and 1 where both are 0  (HARL, Prop. 11)."""
    absent = old == 0
    if numbers.kind_of(old, new) != "torch" and not absent.any():
        return new / old
    if bool((absent & (new != 0)).any()):
        raise InputError("a ratio π̄/π needs π(a|s) > 0 wherever π̄(a|s) > 0; here an action of probability 0 enters")
    return numbers.where(absent, 1, new / numbers.where(absent, 1, old))


def _along(table: Any, i: int, n: int) -> Any:
    return table.reshape(*table.shape[:-1], *(1,) * i, table.shape[-1], *(1,) * (n - 1 - i))


def check_agents(agents: Sequence[int], n: int) -> tuple[int, ...]:
    """``agents`` as a tuple of distinct indices below n, or an error that names the one that is not."""
    agents = tuple(int(i) for i in agents)
    for k, i in enumerate(agents):
        if not 0 <= i < n:
            raise InputError(f"agents[{k}] = {i} is not one of the {n} agents 0, …, {n - 1}")
        if i in agents[:k]:
            raise InputError(f"agents[{k}] = {i} stands twice in {agents}")
    return agents
