"""What makes an array a game: shapes, finite numbers, rows that are distributions, a discount in [0, 1).

Every check refuses with one sentence that names the symbol, the index and the value. Floats may miss a sum of 1 by
``TOLERANCE``, because files carry rounded numbers; rationals may not; a ball must contain 1; a symbolic row must not
sum to another *number* than 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.numbers import Kind

TOLERANCE = 1e-9
"""How far from 1 a row of float probabilities may sum."""


def check_dynamics(game: Any, states: int) -> dict[str, Any]:
    """The fields ``transitions``, ``start`` and ``discount`` of a game whose rewards are checked, made arrays."""
    counts, batch = game.action_counts, game.batch_shape
    if not counts:
        raise InputError("rewards have no action axis: a game needs at least one agent")
    check_no_empty_axis("rewards", game.rewards.shape)
    if is_sparse(game.transitions):
        transitions = _check_csr(game.transitions, states, counts, batch, game.kind)
    else:
        transitions = finite_numbers("transitions", game.transitions)
        if transitions.shape != (*batch, states, *counts, states):
            raise InputError(
                f"transitions must have shape {(*batch, states, *counts, states)} to go with rewards "
                f"{game.rewards.shape}, not {transitions.shape}"
            )
        _check_rows("P(·|s={0}, a={1})", transitions, len(batch), len(counts))
    start = game.start
    if start is None:
        start = integers_like(game.rewards, np.ones((*batch, states), dtype=int)) * numbers.number(
            f"1/{states}", game.kind
        )
    start = finite_numbers("start", start)
    if start.shape != (*batch, states):
        raise InputError(f"start must have shape {(*batch, states)}, not {start.shape}")
    _check_rows("start", start, len(batch), -1)
    discount = _check_discount(game.discount, batch, game.kind)
    numbers.kind_of(game.rewards, start, discount, *(() if game.sparse else (transitions,)))
    return {"transitions": transitions, "start": start, "discount": discount}


def _check_csr(matrix: Any, states: int, counts: tuple[int, ...], batch: tuple[int, ...], kind: Kind) -> Any:
    if batch:
        raise InputError("sparse transitions cannot be a batch: batch_shape must be ()")
    if kind != "float":
        raise InputError(f"sparse transitions go with float rewards, not {kind}")
    rows = states * math.prod(counts)
    if matrix.shape != (rows, states):
        raise InputError(f"sparse transitions must have shape (S·A1·…·An, S) = {(rows, states)}, not {matrix.shape}")
    matrix = matrix.tocsr()
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        bad = int(np.flatnonzero(~np.isfinite(matrix.data) | (matrix.data < 0))[0])
        row = int(np.searchsorted(matrix.indptr, bad, side="right")) - 1
        raise InputError(f"P({matrix.indices[bad]}|{_row_name(row, counts)}) = {matrix.data[bad]} is not a probability")
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    if (np.abs(sums - 1) > TOLERANCE).any():
        row = int(np.flatnonzero(np.abs(sums - 1) > TOLERANCE)[0])
        raise InputError(f"P(·|{_row_name(row, counts)}) is not a distribution: it sums to {sums[row]:.12g}")
    return matrix


def _row_name(row: int, counts: tuple[int, ...]) -> str:
    state, action = divmod(row, math.prod(counts))
    return f"s={state}, a={tuple(int(x) for x in np.unravel_index(action, counts))}"


def check_distributions(name: str, array: Any, batch_axes: int = 0) -> None:
    """Refuse rows (last axis) that are negative or do not sum to 1; ``name`` may hold {0}, the index."""
    _check_rows(name, array, batch_axes, None)


def _check_rows(name: str, array: Any, batch_axes: int, action_axes: int | None) -> None:
    kind = numbers.kind_of(array)
    if kind == "symbol":
        return _check_symbolic_rows(name, array, batch_axes, action_axes)
    values = array.detach() if kind == "torch" else array
    total = values.sum(-1)
    if kind == "rational":
        off, negative = total != 1, (values < 0).any(-1)
    elif kind == "ball":
        off = np.vectorize(lambda x: not (x.is_finite() and x.overlaps(_one_ball())), otypes=[bool])(total)
        negative = np.vectorize(lambda x: bool(x < 0), otypes=[bool])(values).any(-1)
    else:
        slack = TOLERANCE if values.dtype.itemsize == 8 else 1e-5
        off, negative = ~(abs(total - 1) <= slack), (values < 0).any(-1)  # written so that NaN is off
    bad = np.asarray(off | negative if kind != "torch" else (off | negative).cpu().numpy())
    if bad.any():
        index = tuple(int(x) for x in np.argwhere(np.atleast_1d(bad))[0])[: bad.ndim]
        row = values[index]
        what = f"it sums to {total[index]}" if not (row < 0).any() else f"it has the negative entry {min(row)}"
        raise InputError(f"{_row_label(name, index, batch_axes, action_axes)} is not a distribution: {what}")
    return None


def _check_symbolic_rows(name: str, array: Any, batch_axes: int, action_axes: int | None) -> None:
    import sympy

    for index in np.ndindex(*array.shape[:-1]):
        defect: Any = sympy.simplify(sympy.Add(*array[index], -1))
        if defect.is_number and defect != 0:
            label = _row_label(name, index, batch_axes, action_axes)
            raise InputError(f"{label} is not a distribution: it sums to {defect + 1}")


def _row_label(name: str, index: tuple[int, ...], batch_axes: int, action_axes: int | None) -> str:
    batch, own = index[:batch_axes], index[batch_axes:]
    if action_axes is None:
        label = name.format(own[0] if len(own) == 1 else own)
    elif action_axes >= 0:
        label = name.format(own[0], own[1:])
    else:
        label = name
    return label + (f" of game {batch}" if batch else "")


def _one_ball() -> Any:
    import flint

    return flint.arb(1)


def _check_discount(discount: Any, batch: tuple[int, ...], game_kind: Kind) -> Any:
    kind = numbers.kind_of(discount)
    if kind == "symbol":
        return discount
    if hasattr(discount, "shape") and tuple(discount.shape) not in ((), batch):
        raise InputError(f"discount must be one number or have the batch shape {batch}, not {tuple(discount.shape)}")
    values = np.atleast_1d(numbers.convert(discount, "float"))
    if not ((values >= 0) & (values < 1)).all():
        bad = values[~((values >= 0) & (values < 1))].flat[0]
        raise InputError(f"discount must be in [0, 1), not {bad}")
    # an integer belongs to every kind: beside rationals it stays what it is
    plain = isinstance(discount, np.floating) or (isinstance(discount, int) and game_kind == "float")
    return float(discount) if plain else discount


def check_batch(name: str, shape: tuple[int, ...], batch: tuple[int, ...]) -> None:
    """Refuse a shape that does not start with the batch axes."""
    if tuple(shape[: len(batch)]) != batch:
        raise InputError(f"{name} of shape {tuple(shape)} do not start with the batch shape {batch}")


def check_no_empty_axis(name: str, shape: tuple[int, ...]) -> None:
    """Refuse a shape with a 0 in it."""
    if 0 in shape:
        raise InputError(f"{name} of shape {tuple(shape)} have an empty axis: every agent needs an action")


def check_agent(i: int, n: int) -> None:
    """Refuse an index that is no agent."""
    if not 0 <= i < n:
        raise InputError(f"agent {i} is not one of the {n} agents 0, …, {n - 1}")


def finite_numbers(name: str, values: Any) -> Any:
    """``values`` as an array of one kind with no NaN and no infinity."""
    kind = numbers.kind_of(values)
    if kind == "torch":
        finite = bool(values.isfinite().all())
        if not finite:
            index = tuple(int(x) for x in (~values.isfinite()).nonzero()[0])
            raise InputError(f"{name}{list(index)} = {values[index]} is not a finite number")
        return values
    array = np.asarray(values)
    if array.dtype == object:
        _check_objects(name, array, kind)
    if kind == "float":
        array = array.astype(float, copy=False)
    if kind == "float" and not np.isfinite(array).all():
        index = tuple(int(x) for x in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}{list(index)} = {array[index]} is not a finite number")
    return array


def _check_objects(name: str, array: np.ndarray, kind: Kind) -> None:
    for index in np.ndindex(*array.shape):
        value: Any = array[index]
        found = numbers.kind_of(value)
        if found != kind and not isinstance(value, int):
            raise InputError(f"{name}{list(index)} = {value!r} is no {kind} number like the others")
        bad_ball = kind == "ball" and not isinstance(value, int) and not value.is_finite()
        if bad_ball or (kind == "symbol" and getattr(value, "is_finite", None) is False):
            raise InputError(f"{name}{list(index)} = {value} is not a finite number")


def integers_like(reference: Any, integers: np.ndarray) -> Any:
    """Integers as an array of the kind of ``reference``."""
    kind = numbers.kind_of(reference)
    if kind == "torch":
        return numbers.convert(integers.astype(float), "torch", dtype=reference.dtype, device=reference.device)
    return numbers.convert(integers, kind)


def is_sparse(matrix: Any) -> bool:
    """Whether ``matrix`` is a SciPy sparse matrix (asked without importing SciPy)."""
    return type(matrix).__module__.startswith("scipy.sparse")
