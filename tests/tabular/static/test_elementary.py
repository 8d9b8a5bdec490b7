"""Pure equilibria, dominance and potentials: by definition, on known and random games."""

import itertools

import numpy as np
import pytest

import tabular
from marlcore.games import MatrixGame
from tabular.static.elementary import eliminate_dominated, potential, pure_equilibria

DILEMMA = MatrixGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
CLIMBING = MatrixGame([[[11, -30, 0], [-30, 7, 6], [0, 0, 5]]] * 2)


def test_pure_equilibria_of_known_games():
    assert pure_equilibria(DILEMMA).tolist() == [[1, 1]]
    assert pure_equilibria(CLIMBING).tolist() == [[0, 0], [1, 1]]
    assert pure_equilibria(MatrixGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])).tolist() == []
    assert pure_equilibria(CLIMBING.convert("rational")).tolist() == [[0, 0], [1, 1]]


def test_pure_equilibria_by_definition():
    for seed in range(20):
        payoffs = np.random.default_rng(seed).integers(0, 3, (3, 2, 3, 2)).astype(float)
        expected = [
            list(a)
            for a in np.ndindex(2, 3, 2)
            if all(
                payoffs[(i, *a)] >= payoffs[(i, *a[:i], b, *a[i + 1 :])] for i in range(3) for b in range((2, 3, 2)[i])
            )
        ]
        assert tabular.pure_equilibria(MatrixGame(payoffs)).tolist() == expected


def test_elimination_solves_the_dilemma():
    found = eliminate_dominated(DILEMMA)
    assert found.kept == ((1,), (1,))
    assert set(found.removed) == {(0, 0), (1, 0)}
    assert found.reduced(DILEMMA).payoffs.ravel().tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["float", "rational"])
def test_only_a_mixed_strategy_dominates(kind):
    # the last row gets 1 where the mean of the others gets 3/2; neither of them beats it everywhere
    game = MatrixGame([[[3, 0], [0, 3], [1, 1]], [[0, 0], [0, 0], [0, 0]]]).convert(kind)
    assert eliminate_dominated(game).kept == ((0, 1), (0, 1))
    assert eliminate_dominated(game, mixed=False).kept == ((0, 1, 2), (0, 1))


@pytest.mark.parametrize("kind", ["float", "rational"])
def test_weak_dominance_is_not_strict(kind):
    # the mean of the first two rows equals the third: a zero-sum value of exactly 0, decided in rationals
    game = MatrixGame([[[3, 0], [0, 3], [1.5, 1.5]], [[0, 0], [0, 0], [0, 0]]]).convert(kind)
    assert eliminate_dominated(game).removed == ()
    tiny = MatrixGame([[[3, 0], [0, 3], [1.5 - 2.0**-50] * 2], [[0, 0], [0, 0], [0, 0]]]).convert(kind)
    assert eliminate_dominated(tiny).removed == ((0, 2),)


def test_elimination_keeps_every_equilibrium():
    removed = 0
    for seed in range(30):
        game = MatrixGame(np.random.default_rng(seed).integers(0, 4, (2, 3, 4)).astype(float))
        found = eliminate_dominated(game)
        removed += len(found.removed)
        for x, y in tabular.nash_equilibria(game).profiles:
            assert set(np.flatnonzero(x)) <= set(found.kept[0])
            assert set(np.flatnonzero(y)) <= set(found.kept[1])
    assert removed > 20


def test_elimination_of_three_players():
    payoffs = np.zeros((3, 2, 2, 2))
    payoffs[0, 1] = 1  # action 1 dominates for the first; then for the second, who copies; the third is indifferent
    payoffs[1, 1, 1] = payoffs[1, 0, 0] = 1
    assert eliminate_dominated(MatrixGame(payoffs)).kept == ((1,), (1,), (0, 1))


def test_potential_of_known_games():
    found = potential(CLIMBING)
    assert found.is_potential
    np.testing.assert_allclose(found.potential, CLIMBING.payoffs[0] - 11)
    assert potential(DILEMMA).is_potential
    pennies = potential(MatrixGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]))
    assert not pennies.is_potential
    assert pennies.defect == 8  # the gains around the square (Monderer & Shapley 1996, Th. 2.8)


@pytest.mark.parametrize("kind", ["float", "rational"])
def test_potential_games_are_recognised(kind):
    rng = np.random.default_rng(0)
    for counts in ((2, 3), (2, 3, 2), (3, 1, 2, 2)):
        phi = rng.integers(-5, 6, counts)
        payoffs = []
        for i in range(len(counts)):
            dummy = rng.integers(-5, 6, (*counts[:i], 1, *counts[i + 1 :]))
            payoffs.append(phi + dummy)
        game = MatrixGame(np.stack([np.broadcast_to(p, counts) for p in payoffs])).convert(kind)
        found = potential(game)
        assert found.is_potential
        assert (found.potential == phi - phi.flat[0]).all()
        spoiled = game.payoffs.copy()
        spoiled[(0,) + (0,) * len(counts)] += 1
        assert potential(MatrixGame(spoiled)).defect == 1


def test_the_defect_is_the_largest_miss():
    game = MatrixGame.random((2, 3, 2), np.random.default_rng(1))
    found, worst = potential(game), 0.0
    for i, a in itertools.product(range(3), np.ndindex(2, 3, 2)):
        for b in range((2, 3, 2)[i]):
            other = (*a[:i], b, *a[i + 1 :])
            gain = game.payoffs[(i, *a)] - game.payoffs[(i, *other)]
            worst = max(worst, abs(found.potential[a] - found.potential[other] - gain))
    assert found.defect == pytest.approx(worst)
    assert not found.is_potential
