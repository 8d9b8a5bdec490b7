"""Symbolic: sympy finds the margin of the general instance of a shape to be 0, or checks each step of a derivation.

An identity whose margin simplifies to 0 with a symbol for every number is proved for that shape. An inequality has a
derivation: lines of text, each with an expression that must simplify to 0 or to true. Proofs print.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from proofs_check import instances
from proofs_check.claim import Claim, Step, margin_of
from proofs_check.engines import Budget, Candidates
from proofs_check.evidence import Evidence
from proofs_check.instances import Choice


def run(claim: Claim, budget: Budget, seed: int, run: int, candidates: Candidates) -> Evidence:
    """Simplify the margin at the claim's symbolic sizes, and check its derivation."""
    if not claim.symbolic and claim.derivation is None:
        return Evidence("symbolic", "not applicable", "no shape or derivation is given for this claim")
    start = time.perf_counter()
    shapes, failed = [], []
    for sizes in claim.symbolic[: budget.symbolic_sizes]:
        (shapes if margin_vanishes(claim, sizes) else failed).append(spell(sizes))
    lines, good = check(claim.derivation() if claim.derivation else ())
    if not good:
        failed.append("a step of the derivation")
    scope = "; ".join([f"identity for {s}" for s in shapes] + ([f"derivation of {len(lines)} steps"] if lines else []))
    return Evidence(
        "symbolic",
        "silent" if failed else "supports",
        scope + (f"; not shown: {', '.join(failed)}" if failed else ""),
        count=len(shapes) + len(lines) * good,
        seconds=time.perf_counter() - start,
        run=run,
        detail="\n".join(lines),
    )


def margin_vanishes(claim: Claim, sizes: Any) -> bool:
    """Whether the margin of the general instance is 0, for every option of the choices."""
    import sympy

    layout = claim.family.layout(**sizes)
    options = max((len(s.options) for s in layout.values() if isinstance(s, Choice)), default=1)
    for k in range(options):
        margin = margin_of(claim, instances.symbols(layout, sizes, k))
        entries = np.asarray(margin, dtype=object).ravel()
        if any(sympy.cancel(sympy.together(sympy.sympify(e))) != 0 for e in entries):
            return False
    return True


def check(steps: Any) -> tuple[list[str], bool]:
    """The lines of a derivation as text, and whether every expression holds."""
    lines, good = [], True
    for number, step in enumerate(steps, 1):
        holds = step_holds(step)
        good = good and holds
        mark = "" if step.expression is None else "  [checked]" if holds else "  [NOT shown]"
        lines.append(f"{number}. {step.text}{mark}")
    return lines, good


def step_holds(step: Step) -> bool:
    """Whether the expression is true, or simplifies to 0."""
    import sympy

    if step.expression is None or step.expression is True:
        return True
    value = step.expression
    if value in (sympy.true, sympy.false) or isinstance(value, bool):
        return bool(value)
    return sympy.simplify(value) == 0


def spell(sizes: Any) -> str:
    """A size in words."""
    return "shape " + ", ".join(f"{key}={value}" for key, value in sizes.items())
