"""A claim: a statement about games or update rules as a function that can be run.

    ∀ x:  h₁(x) ∧ … ∧ h_k(x)  ⇒  margin(x) ≥ 0        (identities: margin(x) = 0)

Literature status (who has proved or doubted it) and our evidence are separate things: a claim states the first, and
what the ledger ought to find (``expected``); evidence is what engines bring (``proofs_check.evidence``).
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.numbers import ARITHMETIC
from marlcore.numbers import Kind as NumberKind
from proofs_check.instances import Between, Instance, Layout, Reals, sample

Kind = Literal["identity", "inequality", "limit", "statistical"]
Status = Literal["proved", "cited", "conjectured", "refuted", "ours"]
Expected = Literal["stands", "refuted", "open", "pending"]
NOT_KNOWN_NECESSARY = "not known necessary"


@dataclass(frozen=True)
class Hypothesis:
    """A condition with a name, a check on instances (one or a batch), and an instance that breaks it alone.

    ``broken`` makes an exact instance that violates this hypothesis only and has a negative margin, or says why there
    is none (``NOT_KNOWN_NECESSARY``).
    """

    statement: str
    holds: Callable[[Instance], Any]
    broken: Callable[[], Instance] | str = NOT_KNOWN_NECESSARY


@dataclass(frozen=True)
class Family:
    """Where instances come from: ``layout(**sizes)`` for each of ``sizes``, the smallest first.

    ``seeds(rng, restarts, **sizes)`` gives the adversary structured starts: a batch, and the names of the fields that
    the search leaves as they are.
    """

    layout: Callable[..., Layout]
    sizes: tuple[Mapping[str, Any], ...] = ({},)
    seeds: Callable[..., tuple[Instance, tuple[str, ...]]] | None = None
    seed_sizes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def sample(self, rng: np.random.Generator, batch: int, sizes: Mapping[str, Any]) -> Instance:
        """A batch of random instances of one size."""
        return sample(self.layout(**sizes), rng, batch, sizes)


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what is said, and an expression that sympy must find to be 0 (or true)."""

    text: str
    expression: Any = None


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement with everything that the engines and the report need."""

    statement: str
    """LaTeX."""
    plain: str
    """One plain sentence."""
    source: str
    locator: str
    status: Status
    kind: Kind
    margin: Callable[[Instance], Any]
    family: Family
    expected: Expected = "stands"
    hypotheses: Mapping[str, Hypothesis] = dataclasses.field(default_factory=dict)
    scale: Callable[[Instance], Any] | None = None
    """A positive size of the margin's terms: 1 − margin/scale is how tight the claim is. Default: the largest real."""
    numbers: tuple[NumberKind, ...] = ARITHMETIC
    """The kinds of number that the margin takes."""
    witness: Callable[[], Instance] | None = None
    """A known counterexample, exact."""
    symbolic: tuple[Mapping[str, Any], ...] = ()
    """The sizes at which the symbolic engine simplifies the margin to 0."""
    derivation: Callable[[], Sequence[Step]] | None = None
    """A proof whose steps sympy checks."""
    proof: str = ""
    assumes: tuple[str, ...] = ()
    figure: str = ""
    note: str = ""
    cost: int = 1
    """How many times fewer instances than usual a budget buys."""
    smooth: bool = True
    """Whether the adversary may follow gradients; else it searches without."""
    id: str = ""
    origin: str = ""

    def __post_init__(self) -> None:
        for name, kinds in (("status", Status), ("kind", Kind), ("expected", Expected)):
            if getattr(self, name) not in get_args(kinds):
                raise InputError(f"{name} must be one of {', '.join(get_args(kinds))}, not {getattr(self, name)!r}")
        for name in ("statement", "plain", "source", "locator"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise InputError(f"{name} is empty")
        if not callable(self.margin) or not isinstance(self.family, Family):
            raise InputError("margin must be a function of an instance, and family a Family")
        for name, hypothesis in self.hypotheses.items():
            if not isinstance(hypothesis, Hypothesis):
                raise InputError(f"hypotheses[{name!r}] = {hypothesis!r} is no Hypothesis")

    def _repr_html_(self) -> str:
        from proofs_check import showing

        return showing.of_claim(self)

    @property
    def is_identity(self) -> bool:
        """Whether the margin must be 0, not only ≥ 0."""
        return self.kind == "identity"


def pending(statement: str, plain: str, source: str, locator: str, subject: str) -> Claim:
    """A statistical claim that is listed by name until its ``subject`` is built: nothing is measured."""

    def margin(x: Instance) -> Any:
        raise InputError(f"this claim is pending: its subject, {subject}, is not built yet")

    family = Family(lambda: {"seed": Between(0, 1)})
    note = f"Pending: its subject is {subject}."
    return Claim(statement, plain, source, locator, "cited", "statistical", margin, family, "pending", note=note)


def margin_of(claim: Claim, x: Instance) -> Any:
    """claim.margin(x), refused where it is complex, NaN or of another shape than the batch."""
    try:
        value = claim.margin(x)
    except InputError:
        raise
    except Exception as error:  # whatever a margin raises, the other claims still run; the cause keeps its traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{claim.id}: margin fails on {x.kind} numbers: {type(error).__name__}: {' '.join(str(error).split())} "
            f"({where.filename}, line {where.lineno})"
        ) from error
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    shape = tuple(getattr(value, "shape", ()))
    if shape != tuple(x.batch_shape):
        raise InputError(f"{claim.id}: margin has shape {shape} for a batch of shape {tuple(x.batch_shape)}")
    dtype = str(getattr(value, "dtype", type(value).__name__))
    if "complex" in dtype:
        raise InputError(f"{claim.id}: margin is complex ({dtype})")
    if x.kind in ("float", "torch") and isinstance(value, (float, np.floating, np.ndarray)):
        bad = np.isnan(np.asarray(value, dtype=float))
        if bad.any():
            raise InputError(f"{claim.id}: margin is NaN at {int(bad.sum())} of {bad.size} instances")
    return value


def size_of(claim: Claim, x: Instance) -> Any:
    """What the margin is measured against (``claim.scale``, or the largest absolute value among the reals, or 1)."""
    if claim.scale is not None:
        return claim.scale(x)
    lead = len(x.batch_shape)
    largest = None
    for _, spec, value in x.leaves():
        if isinstance(spec, Reals):
            flat = numbers.absolute(value)
            axes = tuple(range(lead, len(flat.shape)))
            top = numbers.amax(flat, axes) if axes else flat
            largest = top if largest is None else numbers.maximum(largest, top)
    return 1 if largest is None else largest


def violated_hypotheses(claim: Claim, x: Instance) -> list[str]:
    """The names of the hypotheses that do not hold at every instance of ``x``."""
    return [name for name, h in claim.hypotheses.items() if not np.all(np.asarray(h.holds(x), dtype=bool))]
