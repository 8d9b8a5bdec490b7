"""Four engines, one margin: sampled, adversary, certified, symbolic.

Each is a function ``run(claim, budget, seed, run, candidates) -> Evidence`` (``proofs_check.verify`` calls them in this
order, and hands the certified engine what the two before it found).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from marlcore.errors import InputError
from proofs_check.instances import Instance

NAMES = ("sampled", "adversary", "certified", "symbolic")


@dataclass(frozen=True)
class Budget:
    """How much each engine may do."""

    name: str
    samples: int
    """Instances a claim, over all sizes."""
    restarts: int
    steps: int
    certificates: int
    symbolic_sizes: int


BUDGETS = {
    "quick": Budget("quick", 4_000, 48, 60, 12, 1),
    "standard": Budget("standard", 200_000, 256, 400, 100, 2),
    "deep": Budget("deep", 4_000_000, 512, 2000, 1000, 99),
}


def budget_named(name: str) -> Budget:
    """The budget of that name."""
    if name not in BUDGETS:
        raise InputError(f"budget must be one of {', '.join(BUDGETS)}, not {name}")
    return BUDGETS[name]


@dataclass
class Candidates:
    """Single float instances worth certifying, the worst first, and which engine found each."""

    found: list[tuple[float, str, Instance]] = field(default_factory=list)

    def add(self, value: float, engine: str, x: Instance) -> None:
        """Note an instance with its margin over its scale."""
        self.found.append((value, engine, x))
        self.found.sort(key=lambda item: item[0])
        del self.found[12:]
