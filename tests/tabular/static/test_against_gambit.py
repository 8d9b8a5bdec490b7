"""The same sets as Gambit's exact enumeration, on the games and verdicts of tests/data/gambit (PROVENANCE.md there)."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from marlcore import numbers
from marlcore.games import MatrixGame
from tabular.static.bimatrix import lemke_howson, support_enumeration
from tabular.static.enumeration import nash_equilibria
from tabular.static.many_players import logit_equilibrium

VERDICTS = json.loads((Path(__file__).parents[2] / "data" / "gambit" / "verdicts.json").read_text(encoding="utf-8"))


def parse(spelled):
    return tuple(tuple(Fraction(p) for p in side.split()) for side in spelled.split("|"))


def fractions(strategy):
    return tuple(Fraction(int(p.p), int(p.q)) for p in strategy)


def games(size=None):
    for verdict in VERDICTS["extreme"]:
        payoffs = np.array([verdict["A"], verdict["B"]])
        if size is None or payoffs.shape[1] == size:
            yield payoffs, {parse(e) for e in verdict["equilibria"]}


def test_there_are_enough_games():
    assert len(VERDICTS["extreme"]) >= 800
    assert sum(p.min() >= 0 and p.max() <= 3 for p, _ in games()) >= 600


@pytest.mark.parametrize("size", range(1, 6))
def test_the_same_set_of_extreme_equilibria(size):
    counted = 0
    for payoffs, expected in games(size):
        found = nash_equilibria(MatrixGame(payoffs).convert("rational"))
        assert {(fractions(x), fractions(y)) for x, y in found.profiles} == expected, payoffs.tolist()
        assert (found.regret == 0).all()
        counted += 1
    assert counted >= 100


# 2⁻²⁷ ≈ 10⁻⁸: a power of 2 keeps small payoffs exact, where 1e-8 would round ties away
@pytest.mark.parametrize("scale", [2.0**-27, 1.0, 1e12])
def test_floats_find_the_same_set_at_any_magnitude(scale):
    for payoffs, expected in list(games())[::4]:
        found = nash_equilibria(MatrixGame(payoffs * scale))
        assert len(found) == len(expected)
        mine = sorted(numbers.convert(np.concatenate(p), "float").tolist() for p in found.profiles)
        theirs = sorted([float(p) for side in pair for p in side] for pair in expected)
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
        assert found.regret.max() <= 1e-12 * np.ptp(payoffs) * scale


@pytest.mark.parametrize("solver", [lemke_howson, support_enumeration])
def test_one_equilibrium_is_one_of_them(solver):
    for payoffs, expected in list(games())[::3]:
        found = solver(MatrixGame(payoffs).convert("rational"))
        assert tuple(map(fractions, found.profile)) in expected


def test_lemke_howson_reaches_what_gambit_says_is_accessible():
    for verdict in VERDICTS["accessible"]:
        game = MatrixGame(np.array([verdict["A"], verdict["B"]])).convert("rational")
        expected = {parse(e) for e in verdict["equilibria"]}
        for label in range(sum(game.action_counts)):
            assert tuple(map(fractions, lemke_howson(game, label).profile)) in expected


def test_three_players_end_at_one_of_gambits_equilibria():
    for verdict in VERDICTS["three_players"]:
        found = logit_equilibrium(MatrixGame(np.array(verdict["payoffs"], dtype=float)))
        mine = np.concatenate(found.profile)
        distances = [np.abs(mine - np.concatenate(e)).max() for e in verdict["equilibria"]]
        assert min(distances) < 2e-9
