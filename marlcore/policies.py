"""Product policies π = Π π^i: a tuple of tables, one per agent, (…, S, A_i), whose rows are distributions.

A matrix game's profile is a tuple of vectors (…, A_i). Agents are independent given the state: what is correlated is a
distribution over joint actions, which ``joint`` makes of a product policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame
from marlcore.numbers import ARITHMETIC, Kind, primitive
from marlcore.validation import check_distributions

Policy = tuple[Any, ...]


def uniform(game: Game) -> Policy:
    """Every agent plays every action with the same probability in every state."""
    weights = [np.ones((*_rows(game), a), dtype=int) for a in game.action_counts]
    return tuple(_in_kind_of(game, w) * numbers.number(f"1/{w.shape[-1]}", game.kind) for w in weights)


def random(game: Game, rng: np.random.Generator, concentration: float = 1.0) -> Policy:
    """Rows independent and Dirichlet(concentration); small values give nearly deterministic rows."""
    if not concentration > 0:
        raise InputError(f"concentration must be positive, not {concentration}")
    tables = []
    for a in game.action_counts:
        # log-gamma draws: Dirichlet rows stay distributions for tiny concentrations, where plain gammas underflow to 0
        rows = (*_rows(game), a)
        logs = np.log(rng.gamma(concentration + 1, size=rows)) + np.log(rng.random(rows)) / concentration
        weights = np.exp(logs - logs.max(-1, keepdims=True))
        tables.append(weights / weights.sum(-1, keepdims=True))
    return convert(tuple(tables), game.kind) if game.kind != "float" else tuple(tables)


def deterministic(game: Game, actions: Sequence[Any]) -> Policy:
    """Agent i plays ``actions[i]``: one action for every state, or an array of one action per state."""
    if len(actions) != game.n:
        raise InputError(f"deterministic needs an action for each of the {game.n} agents, not {len(actions)}")
    tables = []
    for i, (chosen, count) in enumerate(zip(actions, game.action_counts, strict=True)):
        chosen = np.broadcast_to(np.asarray(chosen, dtype=int), _rows(game))
        if not ((chosen >= 0) & (chosen < count)).all():
            bad = chosen[(chosen < 0) | (chosen >= count)].flat[0]
            raise InputError(f"agent {i} has actions 0, …, {count - 1}, not {bad}")
        tables.append(_in_kind_of(game, (chosen[..., None] == np.arange(count)).astype(int)))
    return tuple(tables)


def mix(policy: Policy, other: Policy, weight: Any) -> Policy:
    """(1 − weight)·policy + weight·other, row by row: each agent mixes for itself."""
    return tuple(p + weight * (q - p) for p, q in zip(policy, other, strict=True))


def support(policy: Policy) -> tuple[Any, ...]:
    """Which actions have positive probability, as boolean tables."""
    return tuple(table > 0 for table in policy)


def entropy(policy: Policy) -> tuple[Any, ...]:
    """−Σ_a π^i(a|s) ln π^i(a|s) per agent and state, (…, S) each."""
    from marlcore.divergences import entropy as row_entropy

    return tuple(row_entropy(table) for table in policy)


@primitive(*ARITHMETIC)
def joint(policy: tuple[Shaped[Any, "*B S _"], ...]) -> Shaped[Any, "*B S *A"]:
    """π(a|s) = Π_i π^i(a_i|s), (…, S, A1, …, An): the product policy as one table over joint actions."""
    n = len(policy)
    product = None
    for i, table in enumerate(policy):
        factor = table.reshape(*table.shape[:-1], *(1,) * i, table.shape[-1], *(1,) * (n - 1 - i))
        product = factor if product is None else product * factor
    return product


def convert(policy: Policy, kind: Kind, **options: Any) -> Policy:
    """The policy in another kind of number; float rows become rationals (or balls) that sum to 1 exactly."""
    exact = kind in ("rational", "ball") and numbers.kind_of(*policy) in ("float", "torch")
    if exact:
        return tuple(numbers.exact_distribution(table, kind) for table in policy)
    return tuple(numbers.convert(table, kind, **options) for table in policy)


def check(game: Game, policy: Policy, name: str = "policy") -> Policy:
    """``policy`` with every table an array, or an error that names the agent and the row that is no distribution."""
    if len(policy) != game.n:
        raise InputError(f"{name} has {len(policy)} tables, the game {game.n} agents")
    tables = tuple(t if numbers.kind_of(t) == "torch" else np.asarray(t) for t in policy)
    for i, (table, count) in enumerate(zip(tables, game.action_counts, strict=True)):
        if tuple(table.shape) != (*_rows(game), count):
            raise InputError(f"{name}[{i}] must have shape {(*_rows(game), count)}, not {tuple(table.shape)}")
        label = f"{name}[{i}]" if isinstance(game, MatrixGame) else f"{name}[{i}](·|s={{0}})"
        check_distributions(label, table, len(game.batch_shape))
    return tables


def action_index(game: Game, actions: Sequence[int]) -> int:
    """Position of a joint action in C order, which is how CSR rows and joint tables count."""
    return int(np.ravel_multi_index(tuple(actions), game.action_counts))


def _rows(game: Game) -> tuple[int, ...]:
    return game.batch_shape if isinstance(game, MatrixGame) else (*game.batch_shape, game.S)


def _in_kind_of(game: Game, integers: np.ndarray) -> Any:
    reference = game.payoffs if isinstance(game, MatrixGame) else game.rewards
    options = {"dtype": reference.dtype, "device": reference.device} if game.kind == "torch" else {}
    return numbers.convert(integers, game.kind, **options)
