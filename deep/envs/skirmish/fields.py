"""A battle's arrays, and how its scalar functions are compiled; ``step``, ``fight``, ``move`` and ``show`` share it.

    f (fields, N) float32 · k (keys, N) int32 · c (counters,) int64 · g (globals,) float32 · w (scratch, N) float32

Units are numbered, allies first. Everything is float32 and explicit integers; no array is made and nothing is raised,
so numba compiles the functions for the CPU (``batch``) and for CUDA (``cuda``), and need not count references
(``_nrt``): a count is an atomic instruction, and those of ten arrays took longer than most helpers.
"""

from __future__ import annotations

import numpy as np

from marlcore.compiled import compiled

scalar = compiled(_nrt=False)
"""Compiles a function of one battle."""
inlined = compiled(inline="always", _nrt=False)
"""Compiles a helper into its callers: a call that hands over ten arrays costs more than most helpers do."""

X, Y, HP, SH, CD, EN, CALM = range(7)
"""Fields of a unit: place, health, shield, loops until its weapon is loaded, energy, loops since it was hit."""
FIELDS = 7
TYPE, AIM, LAST, SHOT = range(4)
"""Keys of a unit: its type, its target (−1: none), its last action, and whom it last shot in this step (−1: none)."""
KEYS = 4
AGE, EPISODE, CLOCK = range(3)
"""Counters: steps of this episode, episodes before it, steps of this copy since its reset."""
COUNTERS = 3
GX, GY, PERFECT_SUM = range(3)
"""Globals: where the enemies go, and the reward that is scaled to 20."""
GLOBALS = 3
LIVE, VX, VY, YIELD, PX, PY, OX, OY, BODY, PLANE = range(10)
"""Scratch: alive when the loop began, stride, how far it yields to a push, push, place when the step began, radius,
and layer (−1: dead when the loop began)."""
SCRATCH = 10

F0, F1, HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
TINY = np.float32(1e-6)
FAR = np.float32(1e9)
