"""What tests in several folders share."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GAMBIT = Path(__file__).parent / "data" / "gambit"


@pytest.fixture(scope="session")
def gambit_data() -> dict[str, Any]:
    """tests/data/gambit/verdicts.json as it is: parts extreme, accessible, three_players, files (see PROVENANCE.md)."""
    return json.loads((GAMBIT / "verdicts.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def gambit_verdicts(gambit_data) -> list[tuple[np.ndarray, np.ndarray, list[tuple[tuple[Fraction, ...], ...]]]]:
    """(A, B, every extreme equilibrium (x, y) in Fractions) of the 837 integer games that Gambit enumerated."""
    return [
        (np.array(g["A"]), np.array(g["B"]), [_spelled(e) for e in g["equilibria"]]) for g in gambit_data["extreme"]
    ]


@pytest.fixture(scope="session")
def gambit_accessible(gambit_data) -> list[tuple[np.ndarray, np.ndarray, list[tuple[tuple[Fraction, ...], ...]]]]:
    """(A, B, the equilibria that Lemke–Howson paths reach) of 42 games without ties."""
    return [
        (np.array(g["A"]), np.array(g["B"]), [_spelled(e) for e in g["equilibria"]]) for g in gambit_data["accessible"]
    ]


@pytest.fixture(scope="session")
def gambit_three_players(gambit_data) -> list[tuple[np.ndarray, list[list[list[float]]]]]:
    """(payoffs (3, 2, 2, 2), every equilibrium to nine decimals); the first game is McKelvey and McLennan's."""
    return [(np.array(g["payoffs"]), g["equilibria"]) for g in gambit_data["three_players"]]


def _spelled(equilibrium: str) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(Fraction(p) for p in x.split()) for x in equilibrium.split("|"))
