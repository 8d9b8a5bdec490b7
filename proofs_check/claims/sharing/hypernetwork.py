"""The gradient of a hypernetwork on an exact game: an agent's factor times a trajectory's factor, by autograd.

    ∇_ψ J = Σ_i ∇_ψ h_ψ(e_i) · E_{s~ρ, a~π}[A_π(s, a) ∇_{θ_i} log π_{θ_i}(a_i|s)],   θ_i = h_ψ(e_i)
    FuPS+ID, first layer tanh(Vx_s + U e_i + b):   ∂J/∂U = Σ_i E[A ∇_{b_i} log π_i] e_iᵀ,   b_i = U e_i + b

Source: Tessera et al., *HyperMARL*, 2024. J is differentiated straight through the linear solve that defines it, in
float64; the right side has the advantages and ρ of ``marlcore.values`` and differentiates log π and h alone. The two
agree to round-off. FuPS+ID factors in the same way: the factorisation by itself decouples nobody
(``sharing/parameter_sharing/factorisation_decouples``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.advantages import multi_agent_q
from marlcore.games import TeamGame
from marlcore.values import Evaluation, evaluate
from proofs_check.claim import Claim, Family
from proofs_check.instances import Between, Instance, Layout, Reals, Rows

SOURCE = "Tessera et al., HyperMARL, 2024"
AGENTS, ACTIONS = 2, 2


def game(states: int) -> Layout:
    """A team game of two agents with two actions, and their embeddings."""
    return {
        "transitions": Rows((states, ACTIONS, ACTIONS, states)),
        "rewards": Reals((states, ACTIONS, ACTIONS)),
        "discount": Between(0, "9/10"),
        "start": Rows((states,)),
        "e": Reals((AGENTS, 2)),
    }


def hyper(states: int = 2, hidden: int = 3) -> Layout:
    """An MLP hypernetwork from an embedding to the logits of every state."""
    outputs = states * ACTIONS
    return {
        **game(states),
        "W1": Reals((hidden, 2)),
        "b1": Reals((hidden,)),
        "W2": Reals((outputs, hidden)),
        "b2": Reals((outputs,)),
    }


def with_id(states: int = 2, hidden: int = 3) -> Layout:
    """One network for all agents: a state's column of V, U times the agent's embedding, and a bias, then a head."""
    return {
        **game(states),
        "V": Reals((hidden, states)),
        "U": Reals((hidden, 2)),
        "b": Reals((hidden,)),
        "W": Reals((ACTIONS, hidden)),
    }


def _tensors(x: Instance, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: numbers.convert(getattr(x, name), "torch").requires_grad_() for name in names}


def _evaluation(x: Instance, logits: list[Any]) -> Evaluation:
    """The exact evaluation of softmax policies (…, S, A), through which gradients flow."""
    transitions, rewards, discount, start = (
        numbers.convert(part, "torch") for part in (x.transitions, x.rewards, x.discount, x.start)
    )
    return evaluate(
        TeamGame(transitions, rewards, discount, start, x.batch_shape), tuple(t.softmax(-1) for t in logits)
    )


def _likelihood_gradient(x: Instance, logits: list[Any], i: int) -> Any:
    """E_{s~ρ, a~π}[A_π ∇ log π_i] with respect to the logits: ρ(s) π_i(b|s) (A^i(s, b) − Σ_a π_i(a|s) A^i(s, a))."""
    old = _evaluation(x, [t.detach() for t in logits])
    policy = tuple(t.detach().softmax(-1) for t in logits)
    own = multi_agent_q(old.A, policy, (i,))
    return old.rho[..., None] * policy[i] * (own - (policy[i] * own).sum(-1, keepdim=True))


def _apart(x: Instance, one: tuple[Any, ...], other: tuple[Any, ...]) -> Any:
    """Σ of the squared differences, an instance each."""
    lead = len(x.batch_shape)
    total: Any = sum(((a - b) ** 2).sum(tuple(range(lead, a.ndim))) for a, b in zip(one, other, strict=True))
    return np.asarray(total.detach().numpy())[()]


def factors(x: Instance) -> Any:
    """∇_ψ J by autograd minus the sum of both factors."""
    import torch

    psi = _tensors(x, ("W1", "b1", "W2", "b2"))
    e = numbers.convert(x.e, "torch")

    def h(i: int) -> Any:
        layer = torch.tanh((psi["W1"] * e[..., i, None, :]).sum(-1) + psi["b1"])
        return ((psi["W2"] * layer[..., None, :]).sum(-1) + psi["b2"]).reshape(*x.batch_shape, -1, ACTIONS)

    logits = [h(i) for i in range(AGENTS)]
    whole = torch.autograd.grad(_evaluation(x, logits).J.sum(), list(psi.values()), retain_graph=True)
    parts = [
        torch.autograd.grad(logits[i], list(psi.values()), _likelihood_gradient(x, logits, i), retain_graph=True)
        for i in range(AGENTS)
    ]
    return _apart(x, whole, tuple(sum(p) for p in zip(*parts, strict=True)))


def id_factors(x: Instance) -> Any:
    """∂J/∂U by autograd minus Σ_i E[A ∇_{b_i} log π_i] e_iᵀ."""
    import torch

    psi = _tensors(x, ("V", "U", "b", "W"))
    e = numbers.convert(x.e, "torch")
    biases = [(psi["U"] * e[..., i, None, :]).sum(-1) + psi["b"] for i in range(AGENTS)]

    def logits_of(bias: Any) -> Any:
        layer = torch.tanh(psi["V"] + bias[..., :, None])
        return (psi["W"][..., :, :, None] * layer[..., None, :, :]).sum(-2).transpose(-1, -2)

    logits = [logits_of(bias) for bias in biases]
    (whole,) = torch.autograd.grad(_evaluation(x, logits).J.sum(), [psi["U"]], retain_graph=True)
    total: Any = 0
    for i in range(AGENTS):
        (share,) = torch.autograd.grad(logits[i], [biases[i]], _likelihood_gradient(x, logits, i), retain_graph=True)
        total = total + share[..., :, None] * e[..., i, None, :]
    return _apart(x, (whole,), (total,))


SIZES = ({"states": 2}, {"states": 1}, {"states": 3, "hidden": 5})
FLOATS: dict[str, Any] = {"numbers": ("float",), "smooth": False, "cost": 4, "status": "proved", "kind": "identity"}
gradient_on_a_game = Claim(
    statement=r"\nabla_\psi J = \sum_i \nabla_\psi h_\psi(e_i) \cdot E_{s \sim \rho, a \sim \pi}"
    r"[A_\pi(s, a) \nabla_{\theta_i} \log \pi_{\theta_i}(a_i | s)]",
    plain="On an exact game a hypernetwork's gradient separates into an agent's and a trajectory's factor.",
    source=SOURCE,
    locator="the gradient decomposition",
    margin=factors,
    family=Family(hyper, SIZES),
    assumes=("sharing/parameter_sharing/gradient_factors",),
    note="Autograd in float64, to round-off; the same for a linear hypernetwork is exact in parameter_sharing.",
    **FLOATS,
    figure="interference",
)
shared_with_id = Claim(
    statement=r"\nabla_U J = \sum_i E_{s \sim \rho, a \sim \pi}[A_\pi \nabla_{b_i} \log \pi_i] \, e_i^\top,"
    r" \quad b_i = U e_i + b",
    plain="One shared network with agents' ids factors in the same way, through its first bias.",
    source=SOURCE,
    locator="the gradient decomposition, said of FuPS+ID",
    margin=id_factors,
    family=Family(with_id, SIZES),
    note="So the factorisation by itself does not tell a hypernetwork from a shared one, and decouples nobody.",
    **FLOATS,
    figure="interference",
)
