"""Every kind of solution shows itself in a notebook, with its value and its certified error."""

import dataclasses

import numpy as np
import pytest
from pages import read

import tabular
from marlcore import library
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.kit.html import Shown

rng = np.random.default_rng(0)
MATRIX = MatrixGame.random((3, 3), rng)
ZERO_SUM = MarkovGame.random(20, (3, 3), rng, zero_sum=True)
TEAM = TeamGame.random(3, (2, 2), rng)
SOLUTIONS = {
    "zero-sum": lambda: tabular.solve_zero_sum(library.load("rock_paper_scissors", kind="rational")),
    "equilibrium": lambda: tabular.nash_equilibrium(MATRIX),
    "correlated": lambda: tabular.correlated_equilibrium(MATRIX),
    "team": lambda: tabular.team_optimum(library.load("climbing")),
    "shared": lambda: tabular.shared_optimum(library.load("climbing")),
    "shapley": lambda: tabular.shapley(ZERO_SUM),
    "team solution": lambda: tabular.solve_team(TEAM),
    "nash values": lambda: tabular.nash_value_iteration(TEAM),
    "friend or foe": lambda: tabular.friend_or_foe_values(ZERO_SUM, [0]),
    "step": lambda: tabular.trust_region_step([[0.5, 0.5]], [[1.0, 0.0]], [1.0], 1.0),
}


@pytest.mark.parametrize("solve", SOLUTIONS.values(), ids=SOLUTIONS)
def test_a_solution_shows_its_fields(solve):
    solution = solve()
    assert isinstance(solution, Shown)
    text, tags = read(solution._repr_html_())
    assert text.startswith(type(solution).__name__)
    assert "table" in tags
    assert len(solution._repr_html_()) < 60_000
    for field in dataclasses.fields(solution):
        assert field.name in text or getattr(solution, field.name) is None


def test_the_value_and_the_error_are_those_of_the_solution():
    text, _ = read(tabular.solve_zero_sum(library.load("biased_rock_paper_scissors", kind="rational"))._repr_html_())
    assert "value 0" in text
    assert "row 1/16 5/8 5/16" in text
    assert "error 0" in text


def test_all_equilibria_stand_in_one_table():
    text, _ = read(tabular.nash_equilibria(library.load("battle_of_the_sexes", kind="rational"))._repr_html_())
    assert "extreme equilibria 3" in text
    assert "continua no" in text
    assert "largest regret 0" in text
    assert "(2/3, 1/3)" in text


def test_every_result_of_the_package_shows_itself():
    """A result is a public frozen dataclass with a certificate: an error, a regret, a bound or a violation."""
    import importlib
    import pkgutil

    marks = {"error", "regret", "regrets", "bound", "violation"}
    silent = []
    for module in pkgutil.walk_packages(tabular.__path__, "tabular."):
        for name, thing in vars(importlib.import_module(module.name)).items():
            own = isinstance(thing, type) and thing.__module__ == module.name and not name.startswith("_")
            if own and dataclasses.is_dataclass(thing) and marks & {f.name for f in dataclasses.fields(thing)}:
                silent += [] if callable(getattr(thing, "_repr_html_", None)) else [f"{module.name}.{name}"]
    assert silent == []
