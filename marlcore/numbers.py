"""The seam: the few operations that differ between the kinds of number a formula is written over.

    float     NumPy float arrays                          batches, tests, the tabular algorithms
    torch     tensors, any device, with gradients         the adversary, the losses
    rational  object arrays of python-flint ``fmpq``      identities, exactly; inequalities, decided
    ball      object arrays of python-flint ``arb``       logarithms and roots, with a rigorous error
    symbol    object arrays of sympy expressions          proofs for a shape

Everything else in a formula is + − × ÷, ``@``, indexing, ``reshape`` and ``sum(axis)``, which all five share. A formula
never uses Python's ``if``, ``<``, ``max`` or ``abs`` on its numbers: two overlapping balls have no order, and Python's
``max`` would pick one of them in silence. Kinds do not mix; integers belong to every kind.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np

from marlcore.errors import InputError

Kind = Literal["float", "torch", "rational", "ball", "symbol"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ARITHMETIC: tuple[Kind, ...] = KINDS
"""The kinds of a formula made of + − × ÷, comparisons of decided numbers and linear solves."""
ANALYTIC: tuple[Kind, ...] = ("float", "torch", "ball", "symbol")
"""The kinds of a formula into which a logarithm or a root enters: no rationals."""

PRIMITIVES: dict[str, Primitive] = {}
"""Every declared primitive by its qualified name (the tests run each on each kind that it declares)."""

F = TypeVar("F", bound=Callable[..., Any])


class Primitive:
    """What a formula declares about itself: its function and the kinds of number that it takes."""

    def __init__(self, function: Callable[..., Any], kinds: tuple[Kind, ...]) -> None:
        self.function, self.kinds = function, kinds


class OfOneKind(abc.ABC):
    """A record made of one kind of number that says which (a game)."""

    @property
    @abc.abstractmethod
    def kind(self) -> Kind:
        """The kind of number that it is made of."""


def primitive(*kinds: Kind) -> Callable[[F], F]:
    """Declare the kinds of number that a formula takes; any other kind, and a mixture, is an error that says so."""

    def declare(function: F) -> F:
        name = f"{function.__module__}.{function.__qualname__}"
        PRIMITIVES[name] = Primitive(function, kinds)

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            found = kind_of(*args, *kwargs.values())
            if found not in kinds:
                raise InputError(f"{function.__name__} takes {', '.join(kinds)} numbers, not {found}")
            return function(*args, **kwargs)

        return cast(F, checked)

    return declare


def kind_of(*values: Any) -> Kind:
    """The one kind of number among ``values`` (integers and non-numbers fit any; tuples are looked into).

    Nothing but integers is ``float``. Plain Python floats go with tensors, so that γ may be written 0.9 beside them.
    """
    found: Kind | None = None
    for value in values:
        kind = _kind(value)
        if kind is None or kind == found:
            continue
        if found is None or (found == "float" and kind == "torch"):
            found = kind
        elif not (found == "torch" and kind == "float"):
            raise InputError(f"kinds of number do not mix: found {found} and {kind}; convert one (numbers.convert)")
    return found or "float"


def _kind(value: Any) -> Kind | None:
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return next((k for k in map(_scalar_kind, value.flat) if k is not None), None)
        return "float" if value.dtype.kind == "f" else None
    if isinstance(value, (tuple, list)):
        return kind_of(*value) if any(_kind(v) is not None for v in value) else None
    if isinstance(value, OfOneKind):
        return value.kind
    return _scalar_kind(value)


@functools.cache
def _kind_of_type(kind: type) -> Kind | None:
    root = kind.__module__.partition(".")[0]
    if issubclass(kind, (bool, int, np.integer, np.bool_)):
        return None
    if issubclass(kind, (float, np.floating)):
        return "float"
    if root == "torch" and kind.__name__ in ("Tensor", "Parameter"):
        return "torch"
    if root == "flint":
        return cast(Kind | None, {"fmpq": "rational", "arb": "ball"}.get(kind.__name__))
    return "symbol" if root == "sympy" else None


def _scalar_kind(value: Any) -> Kind | None:
    return _kind_of_type(type(value))


def number(value: int | Fraction | str, kind: Kind) -> Any:
    """An exact constant (an integer, a ``Fraction`` or a string such as "1/3") as a scalar of ``kind``."""
    exact = Fraction(value)
    if kind in ("float", "torch"):
        return exact.numerator / exact.denominator
    if kind == "symbol":
        import sympy

        return sympy.Rational(exact.numerator, exact.denominator)
    import flint

    rational = flint.fmpq(exact.numerator, exact.denominator)
    return rational if kind == "rational" else flint.arb(rational)


def convert(values: Any, kind: Kind, dtype: Any = None, device: Any = None) -> Any:
    """``values`` as an array of ``kind``: exact where the target can hold it, rounded to nearest in ``float``.

    Floats go to rationals and balls as the dyadic numbers that they are; a ball goes to its midpoint.
    """
    source = kind_of(values)
    if kind == "torch":
        import torch

        return torch.as_tensor(
            values if source == "torch" else convert(values, "float"), dtype=dtype or torch.float64, device=device
        )
    if source == "torch":
        return convert(values.detach().cpu().numpy(), kind)
    array = np.asarray(values)
    if source == kind and (kind != "float" or array.dtype.kind == "f"):
        return array
    if kind == "float":
        return _objects(_to_float, array).astype(float) if array.dtype == object else array.astype(float)
    if source == "rational" and kind == "ball":  # the way of every certificate: without a Fraction in between
        import flint

        return _objects(lambda x: flint.arb(x if _scalar_kind(x) else int(x)), array)
    return _objects(lambda x: number(_to_fraction(x), kind), array)


def _to_float(x: Any) -> float:
    kind = _scalar_kind(x)
    if kind == "rational":
        return int(x.p) / int(x.q)
    return float(x.mid() if kind == "ball" else x)


def _to_fraction(x: Any) -> Fraction:
    kind = _scalar_kind(x)
    if kind == "rational":
        return Fraction(int(x.p), int(x.q))
    if kind == "ball":
        if not x.is_exact():
            raise InputError(f"the ball {x} has no single exact value: take its midpoint (convert to float) first")
        return _to_fraction(x.fmpq())
    if kind == "symbol":
        if not x.is_Rational:
            raise InputError(f"the expression {x} is not a rational number")
        return Fraction(int(x.p), int(x.q))
    return Fraction(float(x)) if isinstance(x, (float, np.floating)) else Fraction(int(x))


def _objects(function: Callable[..., Any], *arrays: Any) -> np.ndarray:
    """Apply ``function`` to every element; always an object array, also for a single number."""
    with np.errstate(invalid="ignore"):  # floating-point flags that exact arithmetic leaves behind mean nothing
        return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=object)


def exact_distribution(weights: Any, kind: Kind = "rational") -> np.ndarray:
    """The rows of ``weights`` in ``kind`` with each row's rounding defect given to its largest entry: rows sum to 1."""
    exact = convert(weights, "rational").copy()
    rows = exact.reshape(-1, exact.shape[-1])
    for row in rows:
        row[np.argmax(row)] += 1 - row.sum()
    return convert(exact, kind)


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic at ``bits`` bits inside the block."""
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


# ---------------------------------------------------------------- operations that differ between kinds


def log(x: Any) -> Any:
    """Natural logarithm."""
    kind = kind_of(x)
    if kind == "torch":
        return x.log()
    if kind == "float":
        return np.log(x)
    if kind == "symbol":
        import sympy

        return _objects(sympy.log, x)
    return _objects(lambda v: v.log() if _scalar_kind(v) else number(v, "ball").log(), x)


def sqrt(x: Any) -> Any:
    """Square root."""
    kind = kind_of(x)
    if kind == "torch":
        return x.sqrt()
    if kind == "float":
        return np.sqrt(x)
    if kind == "symbol":
        import sympy

        return _objects(sympy.sqrt, x)
    return _objects(lambda v: v.sqrt() if _scalar_kind(v) else number(v, "ball").sqrt(), x)


def maximum(x: Any, y: Any) -> Any:
    """Elementwise larger of two; for overlapping balls a ball that contains it."""
    return _extreme(x, y, "maximum")


def minimum(x: Any, y: Any) -> Any:
    """Elementwise smaller of two; for overlapping balls a ball that contains it."""
    return _extreme(x, y, "minimum")


def _extreme(x: Any, y: Any, which: str) -> Any:
    kind = kind_of(x, y)
    if kind == "torch":
        import torch

        reference = x if isinstance(x, torch.Tensor) else y
        x, y = (torch.as_tensor(v, dtype=reference.dtype, device=reference.device) for v in (x, y))
        return getattr(torch, which)(x, y)
    if kind == "float":
        return getattr(np, which)(x, y)
    return _objects(_extreme_of_two(kind, which), x, y)


def _extreme_of_two(kind: Kind, which: str) -> Callable[[Any, Any], Any]:
    if kind == "symbol":
        import sympy

        return sympy.Max if which == "maximum" else sympy.Min
    if kind == "ball":
        import flint

        method = "max" if which == "maximum" else "min"
        return lambda a, b: getattr(flint.arb(a), method)(flint.arb(b))
    return (lambda a, b: a if a >= b else b) if which == "maximum" else (lambda a, b: a if a <= b else b)


def amax(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Largest entry along ``axis`` (one axis or several)."""
    return _extreme_along(x, axis, "maximum")


def amin(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Smallest entry along ``axis`` (one axis or several)."""
    return _extreme_along(x, axis, "minimum")


def _extreme_along(x: Any, axis: int | tuple[int, ...], which: str) -> Any:
    kind = kind_of(x)
    if kind == "torch":
        return x.amax(axis) if which == "maximum" else x.amin(axis)
    if kind == "float":
        return x.max(axis=axis) if which == "maximum" else x.min(axis=axis)
    axes = sorted(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis))
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), -1)
    pick = _extreme_of_two(kind, which)
    return np.asarray(functools.reduce(lambda a, b: _objects(pick, a, b), np.moveaxis(rows, -1, 0)), dtype=object)


def absolute(x: Any) -> Any:
    """Absolute value."""
    if kind_of(x) == "torch":
        return x.abs()
    return np.abs(x)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    if kind_of(*arrays) == "torch":
        import torch

        return torch.stack(tuple(arrays), axis)
    return np.stack([np.asarray(a) for a in arrays], axis)


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays along an axis that they have."""
    if kind_of(*arrays) == "torch":
        import torch

        return torch.cat(tuple(arrays), axis)
    return np.concatenate([np.asarray(a) for a in arrays], axis)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Move axes to new places, the others keep their order."""
    if kind_of(x) == "torch":
        return x.movedim(*(a if isinstance(a, int) else tuple(a) for a in (source, destination)))
    return np.moveaxis(x, source, destination)


def where(mask: Any, x: Any, y: Any) -> Any:
    """``x`` where the mask holds, else ``y``; both must be finite where a gradient is to flow."""
    if kind_of(x, y) == "torch":
        import torch

        return torch.where(mask, x, y)
    return np.where(mask, x, y)


def indicator(mask: Any, like: Any) -> Any:
    """1 where the mask holds, else 0, as numbers that multiply those of ``like``."""
    if kind_of(like) == "torch":
        return mask.to(like.dtype)
    return np.asarray(mask).astype(float if kind_of(like) == "float" else int)


def identity(size: int, like: Any) -> Any:
    """The identity matrix in the kind of ``like`` (zeros and ones are integers, which every kind takes)."""
    kind = kind_of(like)
    if kind == "torch":
        import torch

        return torch.eye(size, dtype=like.dtype, device=like.device)
    return np.eye(size, dtype=float if kind == "float" else int)


def solve(matrix: Any, right: Any) -> Any:
    """X of M X = B for square M (..., S, S) and B (..., S, k)."""
    kind = kind_of(matrix, right)
    if kind == "torch":
        import torch

        return torch.linalg.solve(matrix, right)
    if kind == "float":
        return np.linalg.solve(matrix, right)
    lead = np.broadcast_shapes(matrix.shape[:-2], right.shape[:-2])
    matrix = np.broadcast_to(matrix, lead + matrix.shape[-2:])
    right = np.broadcast_to(right, lead + right.shape[-2:])
    solution = np.empty(right.shape, dtype=object)
    one_system = {"rational": _solve_flint, "ball": _solve_flint, "symbol": _solve_symbolic}[kind]
    for index in np.ndindex(*lead):
        solution[index] = one_system(matrix[index], right[index], kind)
    return solution


def _solve_flint(matrix: np.ndarray, right: np.ndarray, kind: Kind) -> np.ndarray:
    import flint

    make: Any = flint.fmpq_mat if kind == "rational" else flint.arb_mat
    solution = make(matrix.tolist()).solve(make(right.tolist()))
    return np.array(solution.entries(), dtype=object).reshape(right.shape)


def _solve_symbolic(matrix: np.ndarray, right: np.ndarray, kind: Kind) -> np.ndarray:
    import sympy
    from sympy.polys.matrices import DomainMatrix

    left, rhs = DomainMatrix.from_Matrix(sympy.Matrix(matrix)).unify(DomainMatrix.from_Matrix(sympy.Matrix(right)))
    solution = left.to_field().lu_solve(rhs.to_field()).to_Matrix()
    return np.array(solution.tolist(), dtype=object).reshape(right.shape)


def relative_entropy(p: Any, q: Any) -> Any:
    """k(p, q) = p ln(p/q) − p + q ≥ 0, the summand of KL between distributions, with 0·ln 0 = 0 and ∞ where p > 0 = q.

    Floats use p·φ(q/p − 1) with φ(x) = x − ln(1+x), by a series near 0: where p ≈ q the textbook form loses half the
    digits, this one none. Masks come before the logarithm, so that gradients are finite wherever the value is.
    A ball p that contains 0 gives an enclosure of the whole range.
    """
    kind = kind_of(p, q)
    if kind == "torch":
        import torch

        return _relative_entropy_floats(torch, p, q)
    if kind == "float":
        with np.errstate(over="ignore"):
            return _relative_entropy_floats(np, *np.broadcast_arrays(np.asarray(p, float), np.asarray(q, float)))
    return _objects(_relative_entropy_symbol if kind == "symbol" else _relative_entropy_ball, p, q)


def _relative_entropy_floats(xp: Any, p: Any, q: Any) -> Any:
    # ln(1+x) = 2 artanh(r), r = x/(2+x), so φ(x) = x·r − 2(r³/3 + r⁵/5 + …) = r·(x − 2r²(1/3 + r²/5 + …))
    both = (p > 0) & (q > 0)
    one = xp.ones_like(p)
    p_safe, q_safe = xp.where(both, p, one), xp.where(both, q, one)
    x = (q_safe - p_safe) / p_safe
    near = xp.abs(x) < 0.25
    x_near = xp.where(near, x, xp.zeros_like(x))
    r = x_near / (2 + x_near)
    r2 = r * r
    tail = xp.zeros_like(r)
    for k in range(23, 1, -2):
        tail = 1 / k + r2 * tail
    phi_near = r * (x_near - 2 * r2 * tail)
    ratio_far = xp.where(near, one, q_safe / p_safe)
    phi_far = ratio_far - 1 - xp.log(ratio_far)
    inside = p_safe * xp.where(near, phi_near, phi_far)
    outside = xp.where(p > 0, xp.full_like(p, math.inf), q)
    return xp.where(both, inside, outside)


def _relative_entropy_symbol(p: Any, q: Any) -> Any:
    import sympy

    if p == 0:
        return q
    return sympy.oo if q == 0 else p * sympy.log(p / q) - p + q


def _relative_entropy_ball(p: Any, q: Any) -> Any:
    import flint

    p, q = flint.arb(p), flint.arb(q)
    if p.is_zero():
        return q
    if q.is_zero():
        return flint.arb.pos_inf() if p > 0 else flint.arb.nan()
    if p > 0 and q > 0:
        return p * (p / q).log() - p + q
    if not q > 0:  # the ratio is unbounded: nothing finite encloses it
        return flint.arb(0, math.inf)
    # p touches 0: x ln x is monotone on either side of its minimum −1/e at 1/e, and 0 at 0
    top = p.upper()
    ends = (top * top.log()).union(flint.arb(0)) if top > 0 else flint.arb(0)
    x_log_x = ends if top * flint.arb.const_e() < 1 else ends.union(-1 / flint.arb.const_e())
    return x_log_x - p.nonnegative_part() * q.log() - p + q
