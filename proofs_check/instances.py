"""Instances: what a claim is about, as named arrays whose layout says what each may be.

    Rows(shape)            distributions along the last axis
    Reals(shape)           any real numbers
    Between(low, high)     a number, or an array of them, in [low, high]
    Choice(options)        one of a few structures (an order of the agents); a batch shares one
    Fixed(value)           exact numbers that are part of the family (a graph, a game of the library)

A layout is a dictionary from names to such fields, or to tuples of them (a policy has a table an agent). It is enough
to draw instances, to search over them (softmax of logits, free reals), to round them to rationals, to give them
symbols and to write them down; so a claim writes its layout once and every engine can use it. Instances are valid by
construction: whatever is drawn, searched or rounded satisfies the layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.numbers import Kind


@dataclass(frozen=True)
class Rows:
    """Distributions along the last axis; ``near`` names a field of this shape that some samples stay close to."""

    shape: tuple[int, ...]
    near: str = ""
    interior: bool = False
    """Whether every entry is positive."""


@dataclass(frozen=True)
class Reals:
    """Real numbers; samples are uniform on [−1, 1], some rounded to −1, 0, 1 so that there are ties."""

    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Between:
    """Numbers in [low, high]; the ends are strings or fractions, so that they are exact."""

    low: str | int | Fraction
    high: str | int | Fraction
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One of ``options``, the same for a whole batch; an engine that enumerates goes through all of them."""

    options: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Exact numbers: integers, fractions, strings such as "1/3", in nested lists."""

    value: Any


Field = Rows | Reals | Between | Choice | Fixed
Layout = Mapping[str, "Field | tuple[Field, ...]"]


@dataclass(frozen=True, eq=False)
class Instance:
    """Values for a layout, all of one kind of number: one instance, or a batch whose axis leads every array.

    A value is read by its name, ``x.rewards``; a tuple of fields is a tuple of arrays.
    """

    layout: Layout
    values: Mapping[str, Any]
    batch_shape: tuple[int, ...] = ()
    sizes: Mapping[str, Any] = field(default_factory=dict)
    _memo: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, compute: Callable[[Instance], Any]) -> Any:
        """``compute(self)``, remembered: a margin and its scale share what is dear."""
        if name not in self._memo:
            self._memo[name] = compute(self)
        return self._memo[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(
                f"an instance with the fields {', '.join(self.__dict__['values'])} has no {name}"
            ) from None

    @property
    def kind(self) -> Kind:
        """The kind of number that the instance is made of."""
        return numbers.kind_of(*(value for _, _, value in self.leaves() if not isinstance(value, str)))

    def leaves(self) -> Iterator[tuple[str, Field, Any]]:
        """(label, field, value) of every array and structure; the parts of a tuple are labelled name[0], name[1], …"""
        for name, spec in self.layout.items():
            if isinstance(spec, tuple):
                for i, part in enumerate(spec):
                    yield f"{name}[{i}]", part, self.values[name][i]
            else:
                yield name, spec, self.values[name]

    def map(self, function: Callable[[Field, Any], Any], batch_shape: tuple[int, ...]) -> Instance:
        """The same layout with ``function(field, value)`` for every array."""
        return Instance(
            self.layout, over(self.layout, lambda _, s, v: function(s, v), self.values), batch_shape, self.sizes
        )

    def one(self, index: int) -> Instance:
        """The instance at ``index`` of a batch."""
        if not self.batch_shape:
            return self
        return self.map(lambda spec, value: value if is_shared(spec) else value[index], ())

    def convert(self, kind: Kind) -> Instance:
        """The same instance in another kind of number (exact: rationals to balls, to symbols, to floats)."""
        return self.map(
            lambda s, v: v if isinstance(s, Choice) else _scalar(numbers.convert(v, kind)), self.batch_shape
        )


def over(
    layout: Layout, function: Callable[[str, Field, Any], Any], values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``function(label, field, value)`` for every field of a layout, in its order, tuples kept as tuples."""
    made: dict[str, Any] = {}
    for name, spec in layout.items():
        if isinstance(spec, tuple):
            made[name] = tuple(
                function(f"{name}[{i}]", part, None if values is None else values[name][i])
                for i, part in enumerate(spec)
            )
        else:
            made[name] = function(name, spec, None if values is None else values[name])
    return made


def is_shared(spec: Field) -> bool:
    """Whether a batch has one value of this field for all of its instances."""
    return isinstance(spec, Choice)


def combinations(layout: Layout) -> int:
    """How many combinations of options the choices of a layout have."""
    return math.prod(len(spec.options) for spec in _parts(layout) if isinstance(spec, Choice))


def choose(x: Instance, index: int) -> Instance:
    """``x`` with the combination of options of that number (modulo their count, the last choice turning fastest)."""
    left = {}
    for label, spec, _ in reversed(list(x.leaves())):
        if isinstance(spec, Choice):
            index, left[label] = divmod(index, len(spec.options))

    def pick(label: str, spec: Field, value: Any) -> Any:
        return spec.options[left[label]] if isinstance(spec, Choice) else value

    return Instance(x.layout, over(x.layout, pick, x.values), x.batch_shape, x.sizes)


def _parts(layout: Layout) -> Iterator[Field]:
    for spec in layout.values():
        yield from spec if isinstance(spec, tuple) else (spec,)


def is_free(spec: Field) -> bool:
    """Whether a search may move it."""
    return isinstance(spec, (Rows, Reals, Between))


def _scalar(value: Any) -> Any:
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def fixed_value(spec: Fixed, kind: Kind) -> Any:
    """The value of a fixed field in ``kind``."""
    exact = np.frompyfunc(lambda v: numbers.number(v if isinstance(v, (int, str)) else Fraction(v), "rational"), 1, 1)
    return _scalar(numbers.convert(np.asarray(exact(np.array(spec.value, dtype=object)), dtype=object), kind))


# ---------------------------------------------------------------- drawing


def sample(layout: Layout, rng: np.random.Generator, batch: int, sizes: Mapping[str, Any] | None = None) -> Instance:
    """A batch of random instances: generic ones, near-deterministic rows, deterministic ones, ties, small steps."""
    values: dict[str, Any] = {}

    def draw(label: str, spec: Field, _: Any) -> Any:
        made = _draw(spec, rng, batch)
        if isinstance(spec, Rows) and spec.near:
            made = _move_close(rng, values[partner(spec.near, label)], made)
        values[label] = made
        return made

    return Instance(layout, over(layout, draw), (batch,), sizes or {})


def partner(near: str, label: str) -> str:
    """The label of the field that ``near`` means beside ``label``: the same part of a tuple."""
    return near + label[label.index("[") :] if "[" in label else near


def _draw(spec: Field, rng: np.random.Generator, batch: int) -> Any:
    if isinstance(spec, Rows):
        return _draw_rows(spec, rng, batch)
    if isinstance(spec, Reals):
        values = rng.uniform(-1.0, 1.0, (batch, *spec.shape))
        tied = batch // 8
        values[:tied] = np.rint(values[:tied])
        return values
    if isinstance(spec, Between):
        low, high = float(Fraction(spec.low)), float(Fraction(spec.high))
        values = rng.uniform(low, high, (batch, *spec.shape))
        values[: batch // 16] = low
        return values
    if isinstance(spec, Fixed):
        value = np.asarray(fixed_value(spec, "float"))
        return np.broadcast_to(value, (batch, *value.shape)).copy()
    return spec.options[rng.integers(len(spec.options))]


def _draw_rows(spec: Rows, rng: np.random.Generator, batch: int) -> np.ndarray:
    """Dirichlet(1); a quarter with weights to the fourth power; unless interior, an eighth with one certain entry."""
    weights = rng.standard_exponential((batch, *spec.shape))
    where = rng.permutation(batch) if batch > 1 else np.arange(batch)
    peaked = where < batch // 4
    weights[peaked] = (weights[peaked] + 1e-3) ** 4
    if not spec.interior:
        certain = (where >= batch // 4) & (where < 3 * batch // 8)
        rows = weights[certain]
        weights[certain] = rows == rows.max(-1, keepdims=True)
    weights /= weights.sum(-1, keepdims=True)
    return weights


def _move_close(rng: np.random.Generator, base: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """For half of the batch a step from ``base`` towards what was drawn, of a size between 1 and 10⁻³."""
    steps = np.where(rng.random(len(drawn)) < 0.5, 1.0, 10.0 ** rng.uniform(-3, 0, len(drawn)))
    steps = steps.reshape(-1, *(1,) * (drawn.ndim - 1))
    return base + steps * (drawn - base)


# ---------------------------------------------------------------- rounding to rationals


DENOMINATORS = (4, 10, 60, 1000, 10**5, 10**8)
"""What instances are rounded to, coarsest first: a person reads 1/4 better than 0.2493."""


def exact(x: Instance, denominator: int | None = None) -> Instance:
    """One float instance in rationals with ``denominator`` (None: the floats themselves); rows sum to 1 exactly."""
    return x.map(lambda spec, value: _exact(spec, value, denominator), ())


def _exact(spec: Field, value: Any, denominator: int | None) -> Any:
    if isinstance(spec, Choice):
        return value
    if isinstance(spec, Fixed):
        return fixed_value(spec, "rational")
    if denominator is None:
        made = numbers.exact_distribution(value) if isinstance(spec, Rows) else numbers.convert(value, "rational")
        return _scalar(made)
    value = np.asarray(value, dtype=float)
    whole = np.rint(value * denominator).astype(object)
    if isinstance(spec, Rows):
        whole = _apportion(value, denominator, spec.interior)
    elif isinstance(spec, Between):
        low, high = Fraction(spec.low) * denominator, Fraction(spec.high) * denominator
        whole = np.clip(np.asarray(whole, dtype=float), math.ceil(low), max(math.ceil(low), math.floor(high))).astype(
            int
        )
        if math.ceil(low) > high:  # no multiple of 1/denominator lies inside
            return _exact(spec, value, 10 * denominator)
    made = np.frompyfunc(lambda k: numbers.number(Fraction(int(k), denominator), "rational"), 1, 1)(whole)
    return _scalar(np.asarray(made, dtype=object))


def _apportion(value: np.ndarray, denominator: int, interior: bool) -> np.ndarray:
    """Whole numbers a row that add up to ``denominator``: rounded down, the largest remainders up (Hamilton)."""
    rows = value.reshape(-1, value.shape[-1])
    least = 1 if interior else 0
    if least * rows.shape[-1] > denominator:
        raise InputError(f"{rows.shape[-1]} positive entries do not fit multiples of 1/{denominator}")
    whole = np.maximum(np.floor(rows * denominator).astype(int), least)
    for row, target in zip(whole, rows, strict=True):
        order = np.argsort(row - target * denominator)
        while (missing := denominator - int(row.sum())) > 0:
            row[order[:missing]] += 1
        while row.sum() > denominator:
            row[np.argmax(row)] -= 1
    return whole.reshape(value.shape)


# ---------------------------------------------------------------- symbols


def symbols(layout: Layout, sizes: Mapping[str, Any], choice: int = 0) -> Instance:
    """The general instance: a symbol for every number; the last entry of a row is 1 minus the others."""
    import sympy

    def make(label: str, spec: Field, _: Any) -> Any:
        if isinstance(spec, Choice):
            return spec.options[choice % len(spec.options)]
        if isinstance(spec, Fixed):
            return fixed_value(spec, "symbol")
        array = np.empty(spec.shape, dtype=object)
        for index in np.ndindex(*spec.shape):
            name = f"{label}_{''.join(map(str, index))}".replace("[", "").replace("]", "")
            array[index] = sympy.Symbol(name, positive=isinstance(spec, Rows), real=True)
        if isinstance(spec, Rows):
            array[..., -1] = 1 - array[..., :-1].sum(-1)
        return _scalar(array)

    return Instance(layout, over(layout, make), (), sizes)


# ---------------------------------------------------------------- writing and reading


def as_data(x: Instance) -> dict[str, Any]:
    """A rational instance as JSON: nested lists of strings "p/q"; choices as they are."""
    spelled = np.frompyfunc(str, 1, 1)

    def write(_: str, spec: Field, value: Any) -> Any:
        return value if isinstance(spec, Choice) else np.asarray(spelled(np.asarray(value, dtype=object))).tolist()

    return over(x.layout, write, x.values)


def from_data(layout: Layout, sizes: Mapping[str, Any], data: Any, origin: str) -> Instance:
    """The rational instance in ``data``; an error names ``origin``, the field and the value that does not fit."""
    if not isinstance(data, Mapping) or set(data) != set(layout):
        found = sorted(data) if isinstance(data, Mapping) else data
        raise InputError(f"{origin}: the instance must have the fields {', '.join(layout)}, not {found}")
    for name, spec in layout.items():
        if isinstance(spec, tuple) and (not isinstance(data[name], list) or len(data[name]) != len(spec)):
            raise InputError(f"{origin}: {name} must be a list of {len(spec)} tables")
    return Instance(layout, over(layout, lambda label, s, v: _read(origin, label, s, v), data), (), sizes)


def _read(origin: str, label: str, spec: Field, value: Any) -> Any:
    if isinstance(spec, Choice):
        for option in spec.options:
            if _listed(option) == value:
                return option
        raise InputError(f"{origin}: {label} = {value} is none of {', '.join(map(str, spec.options))}")
    array = _read_numbers(origin, label, value)
    if isinstance(spec, Fixed):
        expected = fixed_value(spec, "rational")
        if np.shape(array) != np.shape(expected) or not np.all(array == expected):
            raise InputError(f"{origin}: {label} is not that of the claim's family")
        return expected
    if np.shape(array) != spec.shape:
        raise InputError(f"{origin}: {label} must have shape {spec.shape}, not {np.shape(array)}")
    entries = np.asarray(array, dtype=object)
    if isinstance(spec, Rows):
        for index in np.ndindex(*spec.shape[:-1]):
            row = entries[index]
            if row.sum() != 1 or min(row) < 0:
                raise InputError(
                    f"{origin}: {label}{list(index)} = ({', '.join(map(str, row))}) is not a distribution: "
                    f"it sums to {row.sum()}"
                )
    if isinstance(spec, Between):
        low, high = (numbers.number(end, "rational") for end in (spec.low, spec.high))
        for index in np.ndindex(*spec.shape):
            if not low <= entries[index] <= high:
                raise InputError(
                    f"{origin}: {label}{list(index)} = {entries[index]} is not in [{spec.low}, {spec.high}]"
                )
    return array


def _listed(option: Any) -> Any:
    """A structure as JSON spells it."""
    return [_listed(part) for part in option] if isinstance(option, tuple) else option


def _read_numbers(origin: str, label: str, value: Any) -> Any:
    def number(text: Any) -> Any:
        try:
            return numbers.number(text if isinstance(text, (int, str)) else "", "rational")
        except (ValueError, ZeroDivisionError):
            raise InputError(f"{origin}: {label} has the entry {text!r}, which is no fraction") from None

    try:
        array = np.array(value, dtype=object)
    except ValueError:
        raise InputError(f"{origin}: {label} has rows of different lengths") from None
    return _scalar(np.asarray(np.frompyfunc(number, 1, 1)(array), dtype=object))
