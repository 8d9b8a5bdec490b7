"""What holds for every test, and what tests in several folders share.

Property tests find the same examples every time, and a test process is one thread.
"""

from __future__ import annotations

import json
import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

if TYPE_CHECKING:
    import numpy as np

# pytest-xdist already uses every core; nothing here imports NumPy or torch, which read these when they are imported
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# the shapes that formulas are annotated with run in the tests, and cost nothing outside them
FORMULAS = ("advantages", "divergences", "objectives", "policies", "values")
install_import_hook([f"marlcore.{module}" for module in FORMULAS], "shapes.checker")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # so a shell without job control starts what it puts into the background; the tests of Ctrl-C, and the processes
    # that they start, are to meet what a person at a terminal does
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "search", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

GAMBIT = Path(__file__).parent / "data" / "gambit"


@pytest.fixture(scope="session")
def gambit_data() -> dict[str, Any]:
    """tests/data/gambit/verdicts.json as it is: parts extreme, accessible, three_players, files (see PROVENANCE.md)."""
    return json.loads((GAMBIT / "verdicts.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def gambit_verdicts(gambit_data) -> list[tuple[np.ndarray, np.ndarray, list[tuple[tuple[Fraction, ...], ...]]]]:
    """(A, B, every extreme equilibrium (x, y) in Fractions) of the 837 integer games that Gambit enumerated."""
    import numpy as np

    return [
        (np.array(g["A"]), np.array(g["B"]), [_spelled(e) for e in g["equilibria"]]) for g in gambit_data["extreme"]
    ]


@pytest.fixture(scope="session")
def gambit_accessible(gambit_data) -> list[tuple[np.ndarray, np.ndarray, list[tuple[tuple[Fraction, ...], ...]]]]:
    """(A, B, the equilibria that Lemke–Howson paths reach) of 42 games without ties."""
    import numpy as np

    return [
        (np.array(g["A"]), np.array(g["B"]), [_spelled(e) for e in g["equilibria"]]) for g in gambit_data["accessible"]
    ]


@pytest.fixture(scope="session")
def gambit_three_players(gambit_data) -> list[tuple[np.ndarray, list[list[list[float]]]]]:
    """(payoffs (3, 2, 2, 2), every equilibrium to nine decimals); the first game is McKelvey and McLennan's."""
    import numpy as np

    return [(np.array(g["payoffs"]), g["equilibria"]) for g in gambit_data["three_players"]]


def _spelled(equilibrium: str) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(Fraction(p) for p in x.split()) for x in equilibrium.split("|"))
