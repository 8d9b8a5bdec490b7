"""The unit table against the page's second source, row by row."""

from pathlib import Path

import pytest

from deep.envs.skirmish import units
from deep.envs.skirmish.units import UNITS

PAGE = Path(__file__).parents[4] / "docs" / "skirmish.md"
NORMAL = 16
"""Loops in a second of the clock that the game's own data count in."""


def second_source():
    """The page's table, a dict a unit."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("| unit | health |"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:] if line.startswith("|")]
    found = rows[2 : 2 + len(UNITS)]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in found}


ROWS = second_source()


def test_every_unit_has_a_row():
    assert list(ROWS) == [unit.name for unit in UNITS]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_what_the_game_says(unit):
    row = ROWS[unit.name]
    for name in ("health", "shield", "armour", "sight"):
        assert getattr(unit, name) == float(row[name])
    assert unit.diameter == 2 * float(row["radius"])
    # Liquipedia's three figures: a speed to 0.01 of the faster clock
    assert unit.speed / units.LOOPS_PER_SECOND == pytest.approx(float(row["speed"]) / NORMAL, rel=2e-3)
    attributes = row["attributes"].split()
    for name in ("light", "armoured", "biological"):
        assert getattr(unit, name) == (name in attributes)
    if row["damage"] == "–":
        assert unit.weapon in (units.HEAL, units.EXPLOSION)
        return
    assert (unit.damage, unit.hits) == (float(row["damage"]), int(row["hits"]))
    amount, _, against = row["bonus"].removeprefix("+").partition(" ")
    assert unit.bonus_light == (float(amount) if against == "light" else 0)
    assert unit.bonus_armoured == (float(amount) if against == "armoured" else 0)
    assert unit.range == pytest.approx(float(row["range"]), abs=2e-4)
    assert unit.cooldown * units.LOOPS_PER_SECOND == pytest.approx(float(row["cooldown"]) * NORMAL, rel=8e-3)


def test_the_roundings_are_those_that_the_page_names():
    def off(unit):
        game = float(ROWS[unit.name]["cooldown"]) * NORMAL
        return abs(unit.cooldown * units.LOOPS_PER_SECOND / game - 1)

    armed = [unit for unit in UNITS if ROWS[unit.name]["cooldown"] != "–"]
    assert 0.007 < off(UNITS[0]) < 0.0085
    assert max(off(unit) for unit in armed if unit.name != "marine") < 0.004
