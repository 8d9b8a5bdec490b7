"""The families that the library ships; importing this module registers their games."""

from marlcore.library import (
    matrix_team,
    matrix_zero_sum,
)

FAMILIES = (matrix_zero_sum, matrix_team)
