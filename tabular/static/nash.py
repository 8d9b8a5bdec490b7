"""One Nash equilibrium of a matrix game, by a method that fits it or that is named."""

from __future__ import annotations

from typing import Literal, get_args

from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static.bimatrix import lemke_howson, support_enumeration
from tabular.static.equilibrium import Equilibrium, check_matrix_game
from tabular.static.many_players import logit_equilibrium

Method = Literal["lemke-howson", "support-enumeration", "logit"]


def nash_equilibrium(game: MatrixGame, method: Method | None = None, label: int = 0) -> Equilibrium:
    """One equilibrium: ``lemke-howson`` (dropping ``label``) for two players, ``logit`` for others, unless named.

    The first two take batches and rationals (exact then). Each player's certified regret is in the result.
    """
    game = check_matrix_game(game, "nash_equilibrium")
    chosen = method or ("lemke-howson" if game.n == 2 else "logit")
    if chosen == "lemke-howson":
        return lemke_howson(game, label)
    if chosen == "support-enumeration":
        return support_enumeration(game)
    if chosen == "logit":
        return logit_equilibrium(game)
    raise InputError(f"method must be one of {', '.join(get_args(Method))}, not {method!r}")
