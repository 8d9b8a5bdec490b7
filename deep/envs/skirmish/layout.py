"""Where everything stands in SMAC's observation and state, and how long they are.

    obs    [north south east west] · m × enemy · (n − 1) × ally · own
             enemy  [can be attacked, distance/sight, Δx/sight, Δy/sight, health, (shield), (type)]
             ally   [visible, distance/sight, Δx/sight, Δy/sight, health, (shield), (type)]
             own    [health, (shield), (x, y), (type)]
    state  n × [health, cooldown or energy, x, y, (shield), (type)] · m × [health, x, y, (shield), (type)] · n × actions
    action 0 no-op, 1 stop, 2 north, 3 south, 4 east, 5 west, 6 + i attack enemy i (a medivac: heal ally i)

Shields stand where the team has them, types where the map tells several apart (one-hot), an agent's own place (as a
fraction of the map) only in SMACv2's tasks. Health, shield and energy are fractions of their maximum, a cooldown of
SMAC's own constants, places in the state relative to the middle of the map, over its size. What is out of sight or
dead is zeros; a dead agent's whole observation is. Source: ``get_env_info`` and the source of SMAC 1.0 and of SMACv2.
"""

from __future__ import annotations

from dataclasses import dataclass

from deep.envs.skirmish.maps import Map

NO_OP, STOP, NORTH, SOUTH, EAST, WEST, TARGET = range(7)
"""The actions; ``TARGET`` + i is the attack on enemy i."""
MOVES = 4


@dataclass(frozen=True)
class Layout:
    """The sizes of a task."""

    n_actions: int
    enemy_row: int
    ally_row: int
    own_row: int
    state_ally_row: int
    state_enemy_row: int
    obs: int
    state: int


def layout(task: Map) -> Layout:
    """The sizes that follow from teams, shields and types."""
    bits = len(task.ally_types)
    ally_shield, enemy_shield = int(task.shielded("ally")), int(task.shielded("enemy"))
    places = 2 if task.generator else 0
    n_actions = TARGET + task.m
    if task.heals:
        n_actions = TARGET + max(task.n, task.m)
    enemy_row, ally_row = 5 + enemy_shield + bits, 5 + ally_shield + bits
    own_row = 1 + ally_shield + places + bits
    state_ally_row, state_enemy_row = 4 + ally_shield + bits, 3 + enemy_shield + bits
    return Layout(
        n_actions=n_actions,
        enemy_row=enemy_row,
        ally_row=ally_row,
        own_row=own_row,
        state_ally_row=state_ally_row,
        state_enemy_row=state_enemy_row,
        obs=MOVES + task.m * enemy_row + (task.n - 1) * ally_row + own_row,
        state=task.n * (state_ally_row + n_actions) + task.m * state_enemy_row,
    )
