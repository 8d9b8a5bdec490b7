"""Do agents' gradients agree on shared parameters?  Exact gradients on exact games, and how a generator factors them.

    g_i = ∇_ψ J(π_ψ^i, π^{-i})          ∇_ψ J = Σ_i g_i          c_ij = ⟨g_i, g_j⟩ / (‖g_i‖·‖g_j‖)

g_i moves ψ for agent i's policy alone, the others' held. c_ij < 0 says that a step that helps agent i's policy undoes
part of agent j's. Agents with parameters of their own have disjoint g_i, so c_ij = 0 by definition.

Tessera et al. (*HyperMARL*) write the gradient of a hypernetwork as the product of an agent-conditioned and a
trajectory-conditioned factor,

    ∇_ψ J = Σ_i ∇_ψ h_ψ(e_i) · E[A ∇_{θ_i} log π_{θ_i}],

and it holds by the chain rule (``factored_gradient``). It holds just so for an id that shifts the first bias, whose
"generator" is θ_i = (θ, b + W_id e_i): the factorisation alone does not keep agents apart. Whether they interfere is a
matter of measurement (benchmarks/experiments/gradients.py).

Policies are tables on the states' unit vectors: π_i(·|s) = softmax(body(θ_i, s)), in double precision, and values are
``marlcore.values``, so nothing here is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deep.networks import Weights, apply
from deep.sharing.scheme import Scheme
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.values import evaluate


@dataclass(frozen=True, eq=False)
class Interference:
    """Of n agents' gradients on shared parameters."""

    cosines: Tensor
    """(n, n): c_ij; 0 where either gradient is 0."""
    norms: Tensor
    """(n,): ‖g_i‖"""

    @property
    def pairs(self) -> Tensor:
        """c_ij of the pairs i < j, (n(n−1)/2,)."""
        n = len(self.norms)
        i, j = torch.triu_indices(n, n, 1)
        return self.cosines[i, j]

    @property
    def mean(self) -> float:
        """Over pairs."""
        return float(self.pairs.mean())

    @property
    def conflicts(self) -> float:
        """The share of pairs with c_ij < −10⁻⁹."""
        return float((self.pairs < -1e-9).double().mean())


def interference(gradients: Tensor) -> Interference:
    """From g (n, |ψ|)."""
    norms = gradients.norm(dim=1)
    unit = gradients / torch.where(norms > 0, norms, 1.0)[:, None]
    return Interference(unit @ unit.T, norms)


def agent_gradients(scheme: Scheme, game: Game) -> Tensor:
    """g_i (n, |ψ|) on all trainable parameters of the scheme, agent by agent."""
    tables = policy_tables(scheme, game)
    parameters = _trainable(scheme)
    rows = []
    for table, slope in zip(tables, _slopes(game, tables), strict=True):
        found = torch.autograd.grad(table, parameters, slope, retain_graph=True, allow_unused=True)
        rows.append(_flat(found, parameters))
    return torch.stack(rows)


def gradient(scheme: Scheme, game: Game) -> Tensor:
    """∇_ψ J (|ψ|) by differentiating J itself; a team game's, since agents of other games have a J each."""
    parameters = _trainable(scheme)
    (J,) = _returns(game, policy_tables(scheme, game))[:1]
    return _flat(torch.autograd.grad(J, parameters, allow_unused=True), parameters)


def factored_gradient(scheme: Scheme, game: Game) -> tuple[Tensor, Weights]:
    """Σ_i ∇_ψ h_ψ(e_i)·g_i (|ψ|), and the second factor g_i = E[A ∇_{θ_i} log π_{θ_i}], weight by weight (n, …).

    E is over ρ(s)π(a|s), which carries Q − V, not the gradient of ``evaluate``: the two are computed apart.
    """
    if scheme.conditioned:
        raise InputError("weights that observations generate have no factor of the agent alone")
    n, made = scheme.n, dict(scheme.weights())
    stacked = {name: w if _has_rows(name, w, n) else w.expand(n, *w.shape) for name, w in made.items()}
    leaves = {name: w.detach().requires_grad_() for name, w in stacked.items()}
    _check(scheme, game)
    x = _observations(scheme, game)
    tables = _tables(apply(scheme.body, leaves, x)[0], game)
    with torch.no_grad():
        at = evaluate(_torch(game), tuple(tables))
    S = tables[0].shape[0]
    objective = torch.zeros((), dtype=torch.float64)
    for i, table in enumerate(tables):
        A = at.A if at.A.ndim == n + 1 else at.A[i]
        weighed = A * at.rho.reshape(S, *(1,) * n)
        for j, other in enumerate(tables):
            weighed = weighed * other.detach().reshape(S, *(-1 if k == j else 1 for k in range(n)))
        marginal = weighed.sum([k + 1 for k in range(n) if k != i])
        objective = objective + (marginal * table.log()).sum()
    names = list(leaves)
    factors = torch.autograd.grad(objective, [leaves[name] for name in names])
    parameters = _trainable(scheme)
    found = torch.autograd.grad([stacked[name] for name in names], parameters, factors, allow_unused=True)
    return _flat(found, parameters), dict(zip(names, factors, strict=True))


def policy_tables(scheme: Scheme, game: Game) -> list[Tensor]:
    """π_i(a|s) (S, A_i) of each agent, with gradients."""
    _check(scheme, game)
    starts = torch.ones(1, _states(game), dtype=torch.bool)
    out, _ = scheme(_observations(scheme, game), scheme.initial_state(_states(game)), starts)
    return _tables(out, game)


def _check(scheme: Scheme, game: Game) -> None:
    counts, body = game.action_counts, scheme.body
    if scheme.n != len(counts) or body.inputs != _states(game) or body.outputs < max(counts):
        raise InputError(
            f"the game has {len(counts)} agents, {_states(game)} states and {max(counts)} actions; "
            f"the scheme {scheme.n} agents, {body.inputs} inputs and {body.outputs} outputs"
        )
    if next(scheme.parameters()).dtype != torch.float64:
        raise InputError("exact gradients are taken in double precision: call scheme.double() first")


def _states(game: Game) -> int:
    return 1 if isinstance(game, MatrixGame) else game.S


def _observations(scheme: Scheme, game: Game) -> Tensor:
    """(1, S, n, S): every agent sees the state's unit vector."""
    eye = torch.eye(_states(game), dtype=torch.float64)
    return eye[None, :, None, :].expand(1, -1, scheme.n, -1)


def _tables(out: Tensor, game: Game) -> list[Tensor]:
    return [out[0, :, i, :count].softmax(-1) for i, count in enumerate(game.action_counts)]


def _torch(game: Game) -> TeamGame | MarkovGame:
    found = game.as_markov(0) if isinstance(game, MatrixGame) else game
    return found if found.kind == "torch" else found.convert("torch")


def _returns(game: Game, tables: list[Tensor]) -> Tensor:
    """J_i (n,) of every agent; the same number n times in a team game."""
    J = evaluate(_torch(game), tuple(tables)).J
    return J.expand(len(tables)) if J.ndim == 0 else J


def _slopes(game: Game, tables: list[Tensor]) -> list[Tensor]:
    """∂J_i/∂π_i of every agent."""
    leaves = [table.detach().requires_grad_() for table in tables]
    J = _returns(game, leaves)
    return [torch.autograd.grad(J[i], leaf, retain_graph=True)[0] for i, leaf in enumerate(leaves)]


def _trainable(scheme: nn.Module) -> list[nn.Parameter]:
    return [p for p in scheme.parameters() if p.requires_grad]


def _flat(gradients: Any, parameters: list[nn.Parameter]) -> Tensor:
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(gradients, parameters, strict=True)]
    )


def _has_rows(name: str, weight: Tensor, n: int) -> bool:
    """Whether a weight already has a row for each agent: matrices have two axes of their own, the rest one."""
    own = 2 if name.endswith((".weight", "gru.input", "gru.state")) else 1
    return weight.ndim == own + 1 and weight.shape[0] == n
