"""The families that the library ships; importing this module registers their games."""

from marlcore.library import (
    chains,
    generators,
    grid_games,
    many_players,
    matrix_general,
    matrix_team,
    matrix_zero_sum,
    soccer,
    traps,
    witnesses,
)

FAMILIES = (
    matrix_zero_sum,
    matrix_general,
    matrix_team,
    traps,
    many_players,
    generators,
    chains,
    witnesses,
    soccer,
    grid_games,
)
