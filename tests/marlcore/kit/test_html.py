"""What notebooks show: well formed, escaped, small whatever the object's size, without colours of its own."""

import dataclasses

import numpy as np
import pytest
from pages import read

from marlcore import policies
from marlcore.bounds import lower_bound
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.kit import html
from marlcore.responses import best_response, nash_gap
from marlcore.values import evaluate

BAD = "<script>alert('γ')</script> & \"x\""


@pytest.mark.parametrize(
    "page",
    [
        html.block(BAD, html.paragraph(BAD)),
        html.facts({BAD: BAD}),
        html.grid([[BAD]], rows=[BAD], columns=[BAD], corner=BAD),
        html.preformatted(BAD),
        html.shown([BAD]),
        html.array(np.array([BAD])),
    ],
    ids=["block", "facts", "grid", "preformatted", "tuple", "array"],
)
def test_every_text_is_escaped(page):
    text, tags = read(page)
    assert "script" not in tags
    assert "<script>alert('γ')</script>" in text


def test_a_formula_becomes_mathml_and_what_is_none_stays_text():
    text, tags = read(html.formula(r"J(\bar\pi) \ge \frac{a}{1-\gamma}"))
    assert {"math", "mfrac"} <= set(tags)
    assert "γ" in text
    for latex in (r"\text{<b onclick=f>x</b>}", r"\frac{", r"\text{<marquee></marquee>}"):
        assert read(html.formula(latex)) == (latex, ["pre"])


def test_a_small_table_is_whole_and_of_a_large_one_the_middle_is_left_out():
    small = np.arange(100.0).reshape(10, 10)
    text, tags = read(html.array(small))
    assert tags.count("td") == 100
    assert text.split() == [str(k) for k in range(100)]
    cells = [[f"{i},{j}" for j in range(11)] for i in range(500)]
    text, tags = read(html.grid(cells, rows=range(500), columns=range(11)))
    assert tags.count("tr") == 1 + html.LIMIT + 1
    assert tags.count("td") == 11 * 11  # ten rows and ten columns, and one of dots each way
    assert "4,4" in text
    assert "5,5" not in text
    assert "499,10" in text


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.linspace(-1, 2, 3000).reshape(10, 10, 30), "shape 10 × 10 × 30, from -1 to 2"),
        (np.arange(4000) % 4 == 0, "shape 4000, 1000 of 4000 true"),
        (np.zeros((0, 3)), "empty, shape (0, 3)"),
        ("x" * 5000, "x" * 79 + "…"),
        ((np.zeros(11),) * 30, "… 30 in all"),
    ],
    ids=["reals", "truth", "empty", "text", "tuple"],
)
def test_large_values_are_told_in_a_line(value, says):
    text, _ = read(html.shown(value))
    assert says in text
    assert len(text) < 1000


def test_numbers_of_every_kind_are_shown():
    game = TeamGame(np.ones((1, 2, 2, 1)), np.array([[[0.5, 0], [0, 1]]]), discount=0.5)
    for kind, half in [("float", "0.5"), ("torch", "0.5"), ("rational", "1/2"), ("ball", "0.5"), ("symbol", "1/2")]:
        text, _ = read(html.array(game.convert(kind).rewards[0]))
        assert half in text


def test_a_result_shows_its_fields_and_the_line_that_explains_them():
    @dataclasses.dataclass(frozen=True)
    class Answer(html.Shown):
        """V (S,) and its ``error``.

        More.
        """

        V: np.ndarray
        error: float
        missing: None = None

    text, _ = read(Answer(np.array([1.5, 2]), 1e-12)._repr_html_())
    assert text == "Answer V (S,) and its error. V 1.5 2 error 1e-12"


rng = np.random.default_rng(0)
GAMES = {
    "matrix": MatrixGame.random((2, 3), rng),
    "three players": MatrixGame.random((2, 2, 5), rng),
    "one player": MatrixGame(np.array([[1.0, 2]])),
    "markov": MarkovGame.random(4, (2, 2), rng),
    "many states": MarkovGame.random(300, (5, 5), rng, successors=20),
    "team": TeamGame.random(3, (2, 2, 2), rng),
    "many actions": MatrixGame.random((300, 300), rng),
    "batch": TeamGame.random(3, (2, 2), rng, batch=50),
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_game_shows_itself_in_little_room(game):
    text, tags = read(game._repr_html_())
    assert type(game).__name__ in text
    assert "table" in tags
    assert len(game._repr_html_()) < 40_000


@pytest.mark.parametrize("kind", ["torch", "rational", "ball", "symbol"])
def test_a_game_of_other_numbers_shows_itself(kind):
    game = TeamGame(np.ones((1, 2, 2, 1)), np.array([[[1, 0], [0, 3]]]), discount=0.5, name=BAD)
    text, tags = read(game.convert(kind)._repr_html_())
    assert kind in text
    assert "script" not in tags


def test_payoffs_are_pairs_or_one_number_where_one_says_all():
    u = np.array([[1.0, -2], [3, 4]])
    text, _ = read(MatrixGame(np.stack([u, u.T]))._repr_html_())
    assert text.endswith(r"a₁ \ a₂ 0 1 0 1, 1 -2, 3 1 3, -2 4, 4")
    text, _ = read(MatrixGame(np.stack([u, -u]))._repr_html_())
    assert text.endswith(r"zero-sum: payoffs of agent 0, whom agent 1 pays a₁ \ a₂ 0 1 0 1 -2 1 3 4")
    text, _ = read(MatrixGame(np.stack([u, u]))._repr_html_())
    assert text.endswith(r"all agents are paid the same a₁ \ a₂ 0 1 0 1 -2 1 3 4")


def test_a_state_says_what_it_pays_and_where_it_leads():
    P = np.zeros((3, 2, 1, 3))
    P[0, 0, 0, 1] = P[0, 1, 0, 2] = P[1, :, :, 1] = P[2, :, :, 0] = 1
    r = np.array([[[0.0], [2]], [[1], [1]], [[0], [-1]]])
    text, _ = read(TeamGame(P, r, 0.5, np.array([1.0, 0, 0]))._repr_html_())
    assert text.endswith("s reward of all leads to 0 0 to 2 1, 2 1 1 1 2 -1 to 0 0")
    assert "starts in state 0" in text
    sparse = MarkovGame.random(9, (2, 2), np.random.default_rng(1), successors=1)
    shown, _ = read(sparse._repr_html_())
    for s in range(8):
        successors = ", ".join(map(str, np.unique(sparse.transitions[4 * s : 4 * s + 4].indices)))
        assert f" {s} {' '.join(_span(r[s]) for r in sparse.rewards)} {successors} {s + 1} " in shown


def _span(values):
    return f"{values.min():.6g} to {values.max():.6g}"


def test_evaluations_bounds_and_gaps_show_themselves():
    game = TeamGame.random(2, (2, 2), np.random.default_rng(2))
    policy = policies.uniform(game)
    for result in (
        evaluate(game, policy),
        lower_bound(game, policy, policy, penalty="sharp"),
        nash_gap(game, policy),
        best_response(game, policy, 0),
    ):
        text, _ = read(result._repr_html_())
        assert text.startswith(type(result).__name__)
        for field in dataclasses.fields(result):
            assert field.name in text or getattr(result, field.name) is None


def test_no_background_and_no_colour_are_set():
    for game in GAMES.values():
        page = game._repr_html_()
        assert "background" not in page
        assert ";color" not in page
        assert "'color" not in page
