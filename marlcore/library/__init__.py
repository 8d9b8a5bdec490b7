"""Named games with their known facts: payoffs and dynamics in exact numbers, what is known about them, and who says so.

    names()                 every name, in order
    load(name, **params)    the game; ``kind="rational"`` gives it in exact numbers
    describe(name)          its summary, source, parameters and facts
    check(name, **params)   each fact's error, measured on the game

A fact is data with a source: an equilibrium is checked by its Nash gap (0, exactly, where the data are rational), a
value by the two strategies that guarantee it, an optimum by its Bellman residual, a printed decimal to its last digit.
One file is one family of games. A third party's games join through the extension point "games" (``marlcore.registry``).
"""

import marlcore.library.families  # noqa: F401  (registers the games)
from marlcore.library.facts import Fact, FactResult
from marlcore.library.registry import Entry, Parameter, check, describe, game, load, names

__all__ = ["Entry", "Fact", "FactResult", "Parameter", "check", "describe", "game", "load", "names"]
