"""Lemma 8, the joint lower bound, with its constant as printed, halved, sharper, and in two forms that are wrong.

    J(π̄) ≥ J(π) + Σ_m [ L^{i_{1:m}}_π(π̄^{i_{1:m−1}}, π̄^{i_m}) − C·D^max_KL(π^{i_m}, π̄^{i_m}) ],   C = 4γε/(1−γ)²

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (Lemma 8 of the preprint). The proof uses
Pinsker's inequality in the form TV² ≤ KL; in full (TV² ≤ KL/2) it gives C/2. ``sharp`` is C* = 2ε·Li_{−1/2}(γ) of
``marlcore.bounds``. ``misprint`` has lost its fraction bar; ``horizon`` asks whether 1/(1−γ) would do instead of
1/(1−γ)², and a random walk on a line says no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.bounds import largest_advantage, lower_bound_from, paper_constant, sharp_constant_for
from marlcore.numbers import ANALYTIC
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Step
from proofs_check.families import SMALL, exact_instance, team, team_pair
from proofs_check.instances import Fixed, Instance, Layout, sample

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
BOUND = (
    r"J(\bar\pi) \ge J(\pi) + \sum_{m=1}^{n} \left[ L^{i_{1:m}}_{\pi}(\bar\pi^{i_{1:m-1}}, \bar\pi^{i_m})"
    r" - C \cdot D^{\max}_{KL}(\pi^{i_m}, \bar\pi^{i_m}) \right], \quad C = "
)

Constant = Callable[[Any, Any], Any]


def margin_with(constant: Constant) -> Callable[[Instance], Any]:
    """J(π̄) minus the bound in which ``constant(γ, ε)`` stands for C."""

    def margin(x: Instance) -> Any:
        bound, J_new = x.once("bound", _bound)
        return J_new - bound.J - sum(bound.surrogates) + constant(x.discount, _eps(x)) * sum(bound.divergences)

    return margin


def penalty_with(constant: Constant) -> Callable[[Instance], Any]:
    """C·ΣD: what the gap between the surrogates and J may use up; the tightness is the share that it does."""
    return lambda x: constant(x.discount, _eps(x)) * sum(x.once("bound", _bound)[0].divergences)


def _bound(x: Instance) -> tuple[Any, Any]:
    game = team(x)
    return lower_bound_from(x.once("old", _old), x.discount, x.policy, x.new, x.order, 0), evaluate(game, x.new).J


def _old(x: Instance) -> Any:
    return evaluate(team(x), x.policy)


def _eps(x: Instance) -> Any:
    return largest_advantage(x.once("old", _old).A, len(x.policy))


def half_constant(gamma: Any, eps: Any) -> Any:
    """2γε/(1−γ)²."""
    return 2 * gamma * eps / ((1 - gamma) * (1 - gamma))


def misprinted_constant(gamma: Any, eps: Any) -> Any:
    """4γε(1−γ)²."""
    return 4 * gamma * eps * (1 - gamma) * (1 - gamma)


def horizon_constant(gamma: Any, eps: Any) -> Any:
    """4γε/(1−γ)."""
    return 4 * gamma * eps / (1 - gamma)


# ---------------------------------------------------------------- the chain


CHAIN_STATES = 20


def chain(states: int) -> Layout:
    """A random walk on a line, reflected at the ends: graph, γ = 99/100 and the start are fixed, the rest is free."""
    at = np.arange(states)
    transitions = np.zeros((states, 2, states), dtype=int)
    transitions[at, 0, np.maximum(at - 1, 0)] = 1
    transitions[at, 1, np.minimum(at + 1, states - 1)] = 1
    start = np.where((at == states // 2 - 1) | (at == states // 2), 1, 0)
    layout = dict(team_pair(states, (2,)))
    layout["transitions"] = Fixed(transitions.tolist())
    layout["discount"] = Fixed("99/100")
    layout["start"] = Fixed([f"{s}/2" for s in start])
    return layout


def chain_seeds(
    rng: np.random.Generator, restarts: int, states: int = CHAIN_STATES
) -> tuple[Instance, tuple[str, ...]]:
    """Random rewards and policies on the chain; none of them is a violation."""
    return sample(chain(states), rng, min(restarts, 12), {"chain": states}), ()


def layout(states: int = 3, actions: Sequence[int] = (2, 2), chain: int = 0) -> Layout:
    """Team games with two policies; with ``chain`` the random walk of that many states."""
    return _chain(chain) if chain else team_pair(states, actions)


_chain = chain
FAMILY = Family(layout, SMALL)
WITH_CHAIN = Family(layout, SMALL, seeds=chain_seeds)

# ---------------------------------------------------------------- the claims


def derivation() -> Sequence[Step]:
    """Why C* suffices, and why it is at most C/2."""
    import sympy

    t, D, eps, gamma = sympy.symbols("t D epsilon gamma", positive=True)
    pinsker = sympy.sqrt(2 * t * D) * eps * sympy.sqrt(2 * D)
    k = sympy.symbols("k", positive=True, integer=True)
    return (
        Step("Let D = Σ_i D^max_KL(π^i, π̄^i) and Ā(s) = E_{a~π̄} A_π(s, a). By Lemma 6 ΣL = E_{ρ_π} Ā."),
        Step("Performance difference: J(π̄) − J(π) = E_{ρ_π̄} Ā, so the gap is Σ_t γᵗ Σ_s (ρᵗ_π − ρᵗ_π̄)(s) Ā(s)."),
        Step("Chain rule and data processing: KL(ρᵗ_π ‖ ρᵗ_π̄) ≤ tD. Pinsker: ‖ρᵗ_π − ρᵗ_π̄‖₁ ≤ √(2tD)."),
        Step("E_{a~π} A_π(s, a) = 0, so |Ā(s)| ≤ ε‖π̄ − π‖₁ ≤ ε√(2D)."),
        Step("The product at time t is 2ε√t·D:", pinsker - 2 * eps * sympy.sqrt(t) * D),
        Step("Summing γᵗ over t ≥ 1 gives 2ε·Li_{−1/2}(γ)·D = C*·D, as the term t = 0 vanishes."),
        Step("√t ≤ t for whole t ≥ 1, and Σ t γᵗ = γ/(1−γ)², so C* ≤ 2γε/(1−γ)² = C/2:",
             sympy.simplify(sympy.summation(k * sympy.Rational(1, 3) ** k, (k, 1, sympy.oo))
                            - sympy.Rational(1, 3) / (1 - sympy.Rational(1, 3)) ** 2)),
        Step("The generating function itself: γ d/dγ of 1/(1−γ) is γ/(1−γ)²:",
             gamma * sympy.diff(1 / (1 - gamma), gamma) - gamma / (1 - gamma) ** 2),
    )  # fmt: skip


def _claim(constant: Constant, latex: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "statement": BOUND + latex,
        "source": SOURCE,
        "kind": "inequality",
        "margin": margin_with(constant),
        "scale": penalty_with(constant),
        "family": FAMILY,
        "numbers": ANALYTIC,
    }
    return Claim(**(defaults | fields))


paper = _claim(
    paper_constant,
    r"\frac{4 \gamma \epsilon}{(1-\gamma)^2}",
    plain="The return of a new joint policy is at least the old one's plus the agents' surrogates"
    " less C times their KL.",
    locator="Lemma 8 of the preprint",
    status="proved",
    assumes=("harl/lemma_6/decomposition",),
    figure="lower_bound",
)
half = _claim(
    half_constant,
    r"\frac{2 \gamma \epsilon}{(1-\gamma)^2}",
    plain="Half of the printed constant suffices, by Pinsker's inequality with its factor.",
    locator="Lemma 8 of the preprint, its proof read with TV² ≤ KL/2",
    status="ours",
    figure="loose_constant",
)
sharp = _claim(
    sharp_constant_for,
    r"2 \epsilon \, \mathrm{Li}_{-1/2}(\gamma) = 2 \epsilon \sum_{t \ge 1} \sqrt{t} \, \gamma^t",
    plain="The bound holds with C* = 2ε·Li_{−1/2}(γ), which grows like (1−γ)^{−3/2} and not like (1−γ)^{−2}.",
    locator="marlcore.bounds; sharper than Lemma 8",
    status="ours",
    family=WITH_CHAIN,
    derivation=derivation,
    note="The random walk uses about 0.80 of C* in the limit of long horizons: √(2/π) = 0.798.",
    figure="loose_constant",
)
misprint = _claim(
    misprinted_constant,
    r"4 \gamma \epsilon (1-\gamma)^2",
    plain="The bound with its fraction bar lost, as some notes print it.",
    locator="Lemma 8 as notes print it",
    status="refuted",
    expected="refuted",
    figure="lower_bound",
)
horizon = _claim(
    horizon_constant,
    r"\frac{4 \gamma \epsilon}{1-\gamma}",
    plain="One power of the horizon 1/(1−γ) would suffice in the constant.",
    locator="a natural strengthening of Lemma 8",
    status="refuted",
    expected="refuted",
    family=WITH_CHAIN,
    note="False on long chains: the drift of a random walk shows only after many steps.",
    figure="loose_constant",
)


def _portion(share: str) -> Constant:
    """That share of C*."""
    return lambda gamma, eps: numbers.number(share, numbers.kind_of(gamma, eps)) * sharp_constant_for(gamma, eps)


def fork() -> Instance:
    """s₀ forks to s₁ or s₂, whose rewards ±1 point the other way; then the end; γ = 1/50."""
    to = [[[0, 1, 0, 0], [0, 0, 1, 0]], [[0, 0, 0, 1]] * 2, [[0, 0, 0, 1]] * 2, [[0, 0, 0, 1]] * 2]
    step = [["49/100", "51/100"], ["49/100", "51/100"], ["49/100", "51/100"], ["1/2", "1/2"]]
    return exact_instance(
        layout(4, (2,)),
        {"states": 4, "actions": (2,)},
        transitions=to,
        rewards=[[0, 0], [-1, 1], [1, -1], [0, 0]],
        discount="1/50",
        start=[1, 0, 0, 0],
        policy=([["1/2", "1/2"]] * 4,),
        new=(step,),
        order=(0,),
    )


nine_tenths = _claim(
    _portion("9/10"),
    r"\frac{9}{10} \cdot 2 \epsilon \, \mathrm{Li}_{-1/2}(\gamma)",
    plain="Nine tenths of C* suffice for every discount.",
    locator="a natural question about C*",
    status="refuted",
    expected="refuted",
    witness=fork,
    note="As γ → 0 the fork uses γ/Li_{−1/2}(γ) → 1 of C*: no smaller multiple holds for all γ.",
    figure="loose_constant",
)


def at_nine_tenths(states: int = 3, actions: Sequence[int] = (2, 2), chain: int = 0) -> Layout:
    """The same families with γ = 9/10."""
    return {**layout(states, actions, chain), "discount": Fixed("9/10")}


def _seeds_at_nine_tenths(rng: np.random.Generator, restarts: int) -> tuple[Instance, tuple[str, ...]]:
    return sample(at_nine_tenths(chain=CHAIN_STATES), rng, min(restarts, 12), {"chain": CHAIN_STATES}), ()


best_constant = _claim(
    _portion("81/100"),
    r"\frac{81}{100} \cdot 2 \epsilon \, \mathrm{Li}_{-1/2}(\gamma), \quad \gamma = \tfrac{9}{10}",
    plain="What is the best constant in place of C* at γ = 0.9? Here 0.81·C*; the random walk uses 0.803 of C*.",
    locator="open",
    status="conjectured",
    expected="open",
    family=Family(at_nine_tenths, SMALL, seeds=_seeds_at_nine_tenths),
    note="The tightness is the largest share of 0.81·C* that any instance was found to use; its instance is kept.",
    figure="loose_constant",
)
