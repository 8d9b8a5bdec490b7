"""The ten units of the battles and their statistics in StarCraft II 4.10, with no upgrades.

    a hit of a weapon takes   min(shield, d) from the shield, then max(d − shield − armour, 0.5) from the health
    with                      d = damage + bonus·[the target has the attribute]

Times are in seconds of the game's "faster" clock, which counts 22.4 loops a second; lengths are map units; ranges are
measured from edge to edge, as the game does.

Sources, for every row: Liquipedia's unit pages (the unit boxes: defence, attributes, damage, cooldown, range, speed,
collision size, sight), and what the game says through its API, collected in Dentosal/sc2-techtree. docs/skirmish.md has
the second list, a test compares the two, and the page says where they differ. The constants of single rules are beside
the field that holds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOOPS_PER_SECOND = 22.4
"""Game loops in a second of the "faster" clock (Liquipedia, "Game Speed": 16 a second at "normal", ×1.4)."""
LOOPS_PER_STEP = 8
"""SMAC's ``step_mul``: game loops in a step of the environment (Samvelyan et al., 2019, and its source)."""
SHIELD_RATE, SHIELD_DELAY = 2.0, 10.0
"""A shield regains 2 a second once 10 seconds have passed without damage (Liquipedia, "Plasma Shield")."""
ZERG_RATE = 0.38
"""Zerg health regained a second: 0.2734 at "normal" speed, ×1.4 (Liquipedia, "Regeneration")."""
LEAST_DAMAGE = 0.5
"""What a hit does at least, however much armour there is (Liquipedia, "Armor")."""
HEAL_RATE, HEAL_PER_ENERGY = 12.6, 3.0
"""A medivac heals 12.6 health a second, 3 for each energy (Liquipedia, "Medivac", "Heal")."""
ENERGY_START, ENERGY_MAX, ENERGY_RATE = 50.0, 200.0, 0.7875
"""A caster's energy at its birth, at most, and what it regains a second (Liquipedia, "Energy")."""
COLOSSUS_HALF_WIDTH, COLOSSUS_HALF_DEPTH = 1.4, 0.15
"""Half the sides of the rectangle across the line of fire that a colossus burns (Liquipedia, "Colossus": 2.8 × 0.3)."""
BANELING_RADIUS = 2.2
"""A baneling hurts all enemies that its circle of this radius touches (Liquipedia, "Baneling")."""
DELAY_LOW, DELAY_HIGH = -1.0, 2.0
"""A weapon's random delay, in loops: −0.0625 to 0.125 s of the "normal" clock (the game data's RandomDelayMin, Max)."""

GROUND, WALKER, AIR = 0, 1, 2
"""Layers that collide within themselves: most units; colossi, which step over the others and over cliffs; flyers."""
GUN, COLOSSUS_BEAM, EXPLOSION, HEAL = 0, 1, 2, 3
"""What a unit does to its target."""


@dataclass(frozen=True)
class Unit:
    """One row of the table."""

    name: str
    health: float
    shield: float
    armour: float
    damage: float
    hits: int
    cooldown: float
    """Seconds between two attacks."""
    range: float
    speed: float
    """Map units a second."""
    diameter: float
    """The circle in which a unit bars the way to others of its layer."""
    sight: float
    light: bool = False
    armoured: bool = False
    biological: bool = True
    bonus_light: float = 0.0
    bonus_armoured: float = 0.0
    regeneration: float = 0.0
    """Health regained a second."""
    shoots_up: bool = False
    """Whether its weapon reaches flyers."""
    layer: int = GROUND
    weapon: int = GUN
    cooldown_scale: float = 15.0
    """What SMAC divides a unit's remaining cooldown (in loops) by in the state; a medivac's energy (its source)."""


UNITS: tuple[Unit, ...] = (
    Unit("marine", 45, 0, 0, 6, 1, 0.61, 5, 3.15, 0.75, 9, light=True, shoots_up=True, cooldown_scale=15),
    Unit("marauder", 125, 0, 1, 10, 1, 1.07, 6, 3.15, 1.125, 10, armoured=True, bonus_armoured=10, cooldown_scale=25),
    Unit(
        *("medivac", 150, 0, 1, 0, 0, 0.0, 4, 3.5, 1.5, 11),
        armoured=True,
        biological=False,
        layer=AIR,
        weapon=HEAL,
        cooldown_scale=200,
    ),
    Unit(
        *("stalker", 80, 80, 1, 13, 1, 1.34, 6, 4.13, 1.25, 10),
        armoured=True,
        biological=False,
        bonus_armoured=5,
        shoots_up=True,
        cooldown_scale=35,
    ),
    Unit("zealot", 100, 50, 1, 8, 2, 0.86, 0.1, 3.15, 1.0, 9, light=True, cooldown_scale=22),
    Unit(
        *("colossus", 200, 150, 1, 10, 2, 1.07, 7, 3.15, 2.0, 10),
        armoured=True,
        biological=False,
        bonus_light=5,
        layer=WALKER,
        weapon=COLOSSUS_BEAM,
        cooldown_scale=24,
    ),
    Unit(
        *("zergling", 35, 0, 0, 5, 1, 0.497, 0.1, 4.13, 0.75, 8),
        light=True,
        regeneration=ZERG_RATE,
        cooldown_scale=11,
    ),
    Unit(
        *("baneling", 30, 0, 0, 16, 1, 0.0, 0.25, 3.5, 0.75, 8),
        bonus_light=19,
        regeneration=ZERG_RATE,
        weapon=EXPLOSION,
        cooldown_scale=1,
    ),
    Unit(
        *("hydralisk", 90, 0, 0, 12, 1, 0.59, 5, 3.15, 1.25, 9),
        light=True,
        regeneration=ZERG_RATE,
        shoots_up=True,
        cooldown_scale=10,
    ),
    Unit(
        *("spine_crawler", 300, 0, 2, 25, 1, 1.32, 7, 0.0, 2.25, 11),
        armoured=True,
        bonus_armoured=5,
        regeneration=ZERG_RATE,
    ),
)
"""The units by number; ``INDEX`` finds them by name."""
INDEX = {unit.name: k for k, unit in enumerate(UNITS)}


COLUMNS = [
    "health",
    "shield",
    "armour",
    "damage",
    "hits",
    "cooldown",
    "range",
    "stride",
    "radius",
    "light",
    "armoured",
    "biological",
    "bonus_light",
    "bonus_armoured",
    "regeneration",
    "shoots_up",
    "layer",
    "weapon",
    "scale",
    "shoot",
    "sight",
    "ally_bit",
    "enemy_bit",
]
"""The columns of ``table()``: times in loops, ``stride`` and ``regeneration`` in units and health a loop. The last four
are the task's: how far an attack may be ordered, how far a unit sees, and the number of its type in either team."""
HEALTH, SHIELD, ARMOUR, DAMAGE, HITS, COOLDOWN, RANGE, STRIDE, RADIUS, LIGHT, ARMOURED = range(11)
BIOLOGICAL, BONUS_LIGHT, BONUS_ARMOURED, REGENERATION, SHOOTS_UP, LAYER, WEAPON, SCALE = range(11, 19)
SHOOT, SIGHT, ALLY_BIT, ENEMY_BIT = range(19, 23)


def table() -> np.ndarray:
    """(units, columns) float32: the table as the step function reads it, the task's columns left at 0."""
    derived = {
        "cooldown": lambda unit: unit.cooldown * LOOPS_PER_SECOND,
        "stride": lambda unit: unit.speed / LOOPS_PER_SECOND,
        "radius": lambda unit: unit.diameter / 2,
        "regeneration": lambda unit: unit.regeneration / LOOPS_PER_SECOND,
        "scale": lambda unit: unit.cooldown_scale,
    }
    rows = np.zeros((len(UNITS), len(COLUMNS)), dtype=np.float32)
    for k, name in enumerate(COLUMNS[:SHOOT]):
        value = derived.get(name, lambda unit, name=name: float(getattr(unit, name)))
        rows[:, k] = [value(unit) for unit in UNITS]
    return rows
