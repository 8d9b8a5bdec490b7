"""names, load, describe, check: parameters are typed, errors offer what was meant, third parties join in."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from marlcore import io, library
from marlcore import registry as extensions
from marlcore.errors import InputError
from marlcore.games import MatrixGame, TeamGame
from marlcore.library import registry, table

PAGE = Path(__file__).parents[3] / "docs" / "games.md"


def test_names_are_sorted_and_each_loads_and_describes_itself() -> None:
    names = library.names()
    assert names == sorted(set(names))
    for name in names:
        game, entry = library.load(name), library.describe(name)
        assert game.name == entry.name == name
        assert game.kind == "float"
        assert entry.summary.endswith(".")
        assert entry.source
        assert "<table" in entry._repr_html_()
        assert dataclasses.is_dataclass(entry)


def test_decimals_mean_what_they_print() -> None:
    game = library.load("penalty", k=-0.1, kind="rational")
    assert isinstance(game, MatrixGame)
    assert Fraction(int(game.payoffs[0, 0, 2].p), int(game.payoffs[0, 0, 2].q)) == Fraction(-1, 10)
    same = library.load("penalty", k="-1/10", kind="rational")
    assert isinstance(same, MatrixGame)
    assert (same.payoffs == game.payoffs).all()


def test_loading_in_floats_rounds_the_exact_game() -> None:
    exact, plain = library.load("grid_game_2", kind="rational"), library.load("grid_game_2")
    assert exact.kind == "rational"
    assert np.array_equal(exact.convert("float").transitions, plain.transitions)
    assert plain.discount == 0.99


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("penalti", {}, "unknown game 'penalti'; did you mean penalty"),
        ("penalty", {"kk": 1}, "unknown parameter of penalty 'kk'"),
        ("shapley", {"k": 1}, "unknown parameter of shapley 'k'"),
        ("penalty", {"k": "much"}, "parameter k of penalty must be a number .* not 'much'"),
        ("penalty", {"k": True}, "parameter k of penalty must be a number"),
        ("penalty", {"k": float("nan")}, "parameter k of penalty must be a number"),
        ("sgc", {"k": 1.5}, "parameter k of sgc must be an integer, not 1.5"),
        ("sgc", {"k": 0}, "k must be between 1 and 40, not 0"),
        ("trap_of_homogeneity", {"n": 3}, "n must be an even number"),
        ("dispersion", {"n": 1}, "n must be between 2 and 6"),
        ("weighted_rock_paper_scissors", {"paper": 0}, "paper must be positive"),
        ("random_covariant", {"n": 3, "rho": -1}, "rho must be between -1/2 and 1"),
        ("random_covariant", {"n": 10, "actions": 50, "rho": 0}, "too many"),
        ("random_walk_chain", {"states": 3}, "states must be an even number"),
        ("random_walk_chain", {"alpha": 0}, "alpha must be in"),
        ("soccer", {"rows": 1}, "soccer needs at least 2 rows"),
        ("grid_game_1", {"gamma": 1}, "discount must be in"),
        ("tournament", {"k": 5}, "k must be between 1 and 4"),
    ],
)
def test_wrong_names_and_parameters_say_what_fits(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        library.load(name, **params)


def test_sparse_games_are_floats_only() -> None:
    with pytest.raises(InputError, match="sparse game is made of floats only"):
        library.load("soccer", kind="rational")


def _plain(reward: float = 1.0) -> TeamGame:
    """A game of somebody else's.

    Somebody, Somewhere, page 3.
    """
    return TeamGame(np.ones((1, 2, 1)), np.array([[0.0, reward]]), 0.5)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_GAMES", dict(registry._GAMES))
    monkeypatch.setattr(registry, "_JOINED", set(registry._JOINED))
    for name, summary in (("theirs", ""), ("described", "Said in the key."), ("shapley", "")):
        extensions.register("games", name, _plain, summary)
    yield
    for name in ("theirs", "described", "shapley"):
        extensions.unregister("games", name)


@pytest.mark.usefixtures("elsewhere")
def test_a_third_party_adds_a_plain_function() -> None:
    assert {"theirs", "described"} <= set(library.names())
    assert library.load("theirs").name == "theirs"
    entry = library.describe("theirs")
    assert entry.summary == "A game of somebody else's."
    assert entry.source == "Somebody, Somewhere, page 3."
    assert library.describe("described").summary == "Said in the key."
    assert library.load("theirs", reward=0.5).rewards.max() == 0.5
    assert library.check("theirs") == []
    with pytest.raises(InputError, match="the library has a game 'shapley', and so has this process"):
        library.load("shapley")


@pytest.mark.usefixtures("elsewhere")
def test_a_decorated_function_may_be_imported_before_it_is_asked_for() -> None:
    library.game("decorated", "A game.", "nowhere")(_plain)
    extensions.register("games", "decorated", _plain)
    try:
        assert library.describe("decorated").source == "nowhere"
    finally:
        extensions.unregister("games", "decorated")


def test_two_games_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two games are called 'shapley'"):
        library.game("shapley", "again", "nowhere")(lambda: library.load("shapley"))


def test_a_builder_whose_parameters_cannot_be_checked_is_refused() -> None:
    def untyped(k=1):
        return library.load("penalty", k=k)

    with pytest.raises(InputError, match="needs a default and one of the types"):
        library.game("untyped", "no types", "nowhere")(untyped)


def test_the_page_of_games_is_the_one_that_the_data_write() -> None:
    assert PAGE.read_text(encoding="utf-8") == table.markdown(), (
        "docs/games.md is stale: python -m marlcore.library.table docs/games.md"
    )


def test_the_page_is_written_by_the_module(tmp_path: Path) -> None:
    page = tmp_path / "games.md"
    subprocess.run([sys.executable, "-m", "marlcore.library.table", str(page)], check=True)
    assert page.read_text(encoding="utf-8") == table.markdown()


def test_random_families_depend_on_their_seed_alone() -> None:
    for name in ("colonel_blotto", "ranking", "tournament", "unit_vector", "random_covariant"):
        one, again, other = (library.load(name, seed=s) for s in (1, 1, 2))
        assert np.array_equal(one.payoffs, again.payoffs)
        assert not np.array_equal(one.payoffs, other.payoffs)


@pytest.mark.parametrize("name", library.names())
def test_every_game_survives_a_file(name: str, tmp_path: Path) -> None:
    game = library.load(name)
    io.save(game, tmp_path / "game.npz")
    again = io.load(tmp_path / "game.npz")
    assert type(again) is type(game)
    assert again.name == name
    if isinstance(game, MatrixGame):
        assert np.array_equal(again.payoffs, game.payoffs)
    else:
        assert np.array_equal(again.rewards, game.rewards)
        assert abs(again.transitions - game.transitions).max() == 0
        assert again.discount == game.discount
