"""Gambit's .nfg: its files are read exactly, what we write reads back, bad text is refused by line and column."""

from fractions import Fraction
from pathlib import Path

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marlcore import gambit
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame
from marlcore.io import load

DATA = Path(__file__).parents[1] / "data" / "gambit"
HEAD = 'NFG 1 R "t" { "1" "2" } '


def fractions(array):
    return [Fraction(int(x.p), int(x.q)) for x in np.asarray(array).ravel()]


def rationals(integers, denominators=1):
    return np.vectorize(lambda p, q: flint.fmpq(int(p), int(q)), otypes=[object])(integers, denominators)


@pytest.mark.parametrize("index", range(8))
def test_files_that_gambit_wrote_hold_what_gambit_says(gambit_data, index):
    told = gambit_data["files"][index]
    text = (DATA / told["file"]).read_text(encoding="utf-8")
    form = gambit.parse(text, "rational")
    assert form.game.name == told["title"]
    assert form.comment == told["comment"]
    assert list(form.players) == told["players"]
    assert [list(names) for names in form.strategies] == told["strategies"]
    assert form.game.action_counts == tuple(len(names) for names in told["strategies"])
    by_profile = [fractions(row) for row in np.moveaxis(form.game.payoffs, 0, -1).reshape(-1, form.game.n)]
    assert by_profile == [[Fraction(p) for p in row.split()] for row in told["payoffs"]]


def test_every_kind_of_file_is_there(gambit_data):
    files = {told["file"] for told in gambit_data["files"]}
    assert len(files) == 8
    assert {path.name for path in DATA.glob("*.nfg")} == files
    assert {len(told["players"]) for told in gambit_data["files"]} == {2, 3}


def test_player_ones_strategy_runs_fastest():
    """Gambit's manual, payoff version: the list starts with player 1's strategies against everyone's first."""
    game = gambit.parse(HEAD + "{ 3 2 } 1 -1 2 -2 3 -3 4 -4 5 -5 6 -6").game
    assert game.payoffs[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert game.payoffs[1].tolist() == [[-1, -4], [-2, -5], [-3, -6]]


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("1/3", Fraction(1, 3)),
        ("-2/4", Fraction(-1, 2)),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("1.", Fraction(1)),
        ("+3", Fraction(3)),
        ("1e-3", Fraction(1, 1000)),
        ("-1.5E2", Fraction(-150)),
        ("0.12345678901234567890123", Fraction(12345678901234567890123, 10**23)),
    ],
)
def test_numbers_are_read_as_the_rationals_that_they_spell(spelled, value):
    text = 'NFG 1 R "" { "only" } { 1 } ' + spelled
    assert fractions(gambit.parse(text, "rational").game.payoffs) == [value]
    assert gambit.parse(text).game.payoffs.item() == float(value)


def test_strategies_that_are_only_counted_are_called_by_their_numbers():
    assert gambit.parse(HEAD + "{ 3 2 }" + " 0" * 12).strategies == (("1", "2", "3"), ("1", "2"))


def test_exponents_reach_beyond_every_float_and_no_further():
    for spelled in ("1e400", "1e-400", "1e308", "1.5E-324"):
        form = gambit.parse('NFG 1 R "" { "only" } { 1 } ' + spelled, "rational")
        assert fractions(form.game.payoffs) == [Fraction(spelled)]
    for spelled in ("1e401", "-1e-401", "1e-99999999"):
        with pytest.raises(InputError, match="its exponent is beyond ±400"):
            gambit.parse('NFG 1 R "" { "only" } { 1 } ' + spelled, "rational")


def test_a_fraction_is_rounded_once():
    # 2/3 of the two roundings p → float, q → float, p/q goes wrong for these two integers beyond 2^53
    p, q = 2**60 + 1, 3**39
    game = gambit.parse(f'NFG 1 R "" {{ "only" }} {{ 1 }} {p}/{q}').game
    assert game.payoffs.item() == p / q


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("counts", [(3,), (2, 3), (1, 4), (2, 3, 4), (2, 1, 2, 3)])
def test_exact_games_read_back_equal(counts, outcomes):
    rng = np.random.default_rng(5)
    shape = (len(counts), *counts)
    game = MatrixGame(rationals(rng.integers(-9, 9, shape), rng.integers(1, 9, shape)), name='a "quoted" name, ≥ 0')
    again = gambit.parse(gambit.format(game, outcomes=outcomes), "rational").game
    assert (again.payoffs == game.payoffs).all()
    assert again.payoffs.shape == shape
    assert again.name == game.name
    assert ('"Outcome 1"' in gambit.format(game, outcomes=outcomes)) == outcomes


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (3.0, "3"),
        (-7.0, "-7"),
        (0.1, "0.1"),
        (-1 / 3, "-0.3333333333333333"),
        (1e-8, "1e-08"),
        (2.0**53 - 1, "9007199254740991"),
        (2.0**53, "9007199254740992.0"),
        (-(2.0**53), "-9007199254740992.0"),
        (1e22, "1e22"),  # Gambit 16.7.0 refuses "1e+22"
    ],
)
def test_floats_are_spelled_shortly_and_as_gambit_takes_them(value, spelled):
    assert gambit.format(MatrixGame(np.array([[value]]))).split()[-1] == spelled


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4), st.booleans())
def test_floats_read_back_to_the_last_bit(values, outcomes):
    game = MatrixGame(np.array(values).reshape(2, 2, 1))
    again = gambit.parse(gambit.format(game, outcomes=outcomes)).game
    assert (again.payoffs == game.payoffs).all()


@given(st.lists(st.text(st.characters(blacklist_characters="\\", blacklist_categories=["Cs"])), min_size=5, max_size=5))
def test_names_read_back_equal(names):
    title, comment, player, first, second = names
    game = MatrixGame(np.arange(4).reshape(2, 2, 1), name=title)
    form = gambit.parse(gambit.format(game, ["P", player], [[first, second], ["s"]], comment))
    assert (form.game.name, form.comment) == (title, comment)
    assert (form.players, form.strategies) == (("P", player), ((first, second), ("s",)))


def test_names_have_defaults_and_must_fit():
    game = MatrixGame(np.zeros((2, 2, 3)))
    form = gambit.parse(gambit.format(game))
    assert (form.players, form.strategies) == (("Player 1", "Player 2"), (("1", "2"), ("1", "2", "3")))
    with pytest.raises(InputError, match="players must be 2 names, not 1"):
        gambit.format(game, ["one"])
    with pytest.raises(InputError, match=r"strategies\[1\] must be 3 names, not 2"):
        gambit.format(game, strategies=[["a", "b"], ["a", "b"]])
    with pytest.raises(InputError, match="each of the 2 players, not of 1"):
        gambit.format(game, strategies=[["a", "b"]])
    with pytest.raises(InputError, match="no backslash before"):
        gambit.format(MatrixGame(np.zeros((2, 1, 1)), name="ends in \\"))


def test_a_backslash_elsewhere_is_itself():
    game = MatrixGame(np.zeros((2, 1, 1)), name=r"\alpha and C:\games")
    assert gambit.parse(gambit.format(game)).game.name == game.name


def test_only_one_matrix_game_of_numbers_is_written():
    rng = np.random.default_rng(0)
    for game in (
        MatrixGame.random((2, 2), rng, batch=3),
        MatrixGame.random((2, 2), rng).convert("symbol"),
        MarkovGame.random(2, (2, 2), rng),
    ):
        with pytest.raises(InputError, match=r"\.nfg holds one MatrixGame of float or rational payoffs, not a M"):
            gambit.format(game)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EFG 2 R", "line 1, column 1: 'EFG' stands where NFG"),
        ("NFG 2 R", "line 1, column 5: '2' stands where 1"),
        ("NFG 1 X", "column 7: 'X' stands where R or D"),
        ('NFG 1 "R"', "column 7: 'R' stands where R or D"),
        ("NFG 1 R title", r"'title' stands where the title \(in quotation marks\)"),
        ('NFG 1 R "t" { }', "the list of players is empty"),
        (HEAD + "{ 2 }", "'}' stands where how many strategies '2' has"),
        (HEAD + "{ 2 0 } 1", "player '2' has no strategy"),
        (HEAD + "{ 2 1.5 } 1", "3/2 where how many strategies '2' has should be: an integer from 0 to"),
        (HEAD + "{ 2 -1 } 1", "-1 where how many"),
        (HEAD + "{ 1000000 1000000 }\n1", "1000000 where how many"),
        (HEAD + '{ { "a" } { } }', "player '2' has no strategy"),
        (HEAD + "{ 1 1 }\n1", "line 2, column 2: the text ends where a payoff"),
        (HEAD + "{ 1 1 }\n1 2 3", "line 2, column 5: the game is complete"),
        (HEAD + "{ 1 1 }\n1 x", "line 2, column 3: 'x' stands where a payoff"),
        (HEAD + "{ 1 1 }\n1 2x", "line 2, column 3: '2x' has no meaning"),
        (HEAD + "{ 1 1 }\n1 1/0", "line 2, column 3: '1/0' is not a number"),
        (HEAD + "{ 1 1 }\n1 1e999999999", "line 2, column 3: '1e999999999' is not a number: its exponent"),
        (HEAD + "{ 1 1 }\n1 nan", "line 2, column 3: 'nan' stands where a payoff"),
        (HEAD + "{ 1 1 }\n1 -1e400", r"a\.nfg: a payoff of about ±2\^132[89] is too large for a float"),
        (HEAD + "{ 1 1 }\n1 " + f"{2**2100 + 1}/{2**900}", r"±2\^1200 is too large for a float"),
        (HEAD + "{ 1 1 } " + "?" * 99, f"column 33: '{'[?]' * 40}' has no meaning"),
        (HEAD + '{ 1 1 } "comment', "column 33: a text without its closing quotation mark"),
        (HEAD + '{ 1 1 } { { "o" 1 } } 1', "'}' stands where a payoff"),
        (HEAD + '{ 1 1 } { { "o" 1, 2 } } 2', "2 where the number of an outcome should be: an integer from 0 to 1"),
        (HEAD + '{ 1 1 } { { "o" 1, 2, 3 } } 1', "'3' stands where }|',' stands where }"),
        ("", "line 1, column 1: the text ends where NFG"),
    ],
)
def test_bad_text_is_refused_by_line_and_column(text, message):
    with pytest.raises(InputError, match=message) as caught:
        gambit.parse(text, source="a.nfg")
    assert str(caught.value).startswith("a.nfg")
    assert "\n" not in str(caught.value)


def test_cells_without_an_outcome_pay_nothing():
    game = gambit.parse(HEAD + '{ 2 1 } "" { { "o" 1/2 3 } } 0 1').game
    assert game.payoffs.tolist() == [[[0], [0.5]], [[0], [3]]]


@pytest.mark.oracles
@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("counts", [(2, 3), (1, 4), (2, 3, 4), (2, 1, 2, 3)])
def test_gambit_reads_what_we_write(counts, outcomes, tmp_path):
    import pygambit

    rng = np.random.default_rng(7)
    shape = (len(counts), *counts)
    exact = MatrixGame(rationals(rng.integers(-9, 9, shape), rng.integers(1, 9, shape)), name='a "quoted" \\name')
    wide = MatrixGame(rng.choice([-1, 1], shape) * np.exp(rng.uniform(-690, 690, shape)))
    for game in (exact, wide):
        text = gambit.format(game, comment='say "so"', outcomes=outcomes)
        path = tmp_path / "game.nfg"
        path.write_text(text, encoding="utf-8")
        theirs = pygambit.read_nfg(path)
        assert (theirs.title, theirs.description) == (game.name, 'say "so"')
        assert [[s.label for s in p.strategies] for p in theirs.players] == [
            [str(k + 1) for k in range(count)] for count in counts
        ]
        for i, player in enumerate(theirs.players):
            for profile in np.ndindex(*counts):
                paid = Fraction(theirs[profile][player.label])
                ours = game.payoffs[i][profile]
                assert paid == fractions([ours])[0] if game is exact else float(paid) == ours


@pytest.mark.oracles
def test_we_read_what_gambit_writes(tmp_path):
    import pygambit

    rng = np.random.default_rng(8)
    for counts in [(2, 2), (3, 1), (2, 3, 2), (2, 2, 2, 2)]:
        payoffs = rng.integers(-99, 99, (len(counts), *counts))
        path = tmp_path / "theirs.nfg"
        path.write_text(pygambit.Game.from_arrays(*payoffs, title="theirs").to_nfg(), encoding="utf-8")
        game = load(path, kind="rational")
        assert (game.payoffs == payoffs).all()
        assert game.name == "theirs"
