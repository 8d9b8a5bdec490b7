"""Saved games load to the last bit; a damaged, foreign or inconsistent file is refused with its name and field."""

import io
import json
import zipfile

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame, stack
from marlcore.io import load, save


def games():
    rng = np.random.default_rng(11)
    thirds = TeamGame.random(2, (2, 2), rng).convert("rational")
    return {
        "matrix": MatrixGame.random((2, 3), rng),
        "matrix batch": MatrixGame.random((2, 3, 2), rng, batch=(2, 3)),
        "matrix batch of one": MatrixGame.random((2, 2), rng, batch=1),
        "matrix rational": MatrixGame.random((2, 3), rng).convert("rational"),
        "matrix integers among rationals": MatrixGame(np.array([[[0, flint.fmpq(-1, 3)]], [[1, 2]]], dtype=object)),
        "markov": MarkovGame.random(3, (2, 3), rng, discount=0.1),
        "markov csr": MarkovGame.random(7, (2, 3), rng, successors=3),
        "markov batch": stack([MarkovGame.random(3, (2, 2), rng, discount=g) for g in (0.5, 0.7)]),
        "markov rational": MarkovGame.random(2, (2, 2), rng).convert("rational"),
        "markov rational batch": stack([MarkovGame.random(2, (2, 1), rng).convert("rational") for _ in range(2)]),
        "team": TeamGame.random(3, (2, 3, 2), rng, discount=0),
        "team csr": TeamGame.random(5, (2, 2), rng, successors=2),
        "team rational discount": TeamGame(
            thirds.transitions, thirds.rewards, flint.fmpq(2, 3), thirds.start, name="γ = 2/3"
        ),
    }


GAMES = games()
MARKOV = ("transitions", "rewards", "start", "discount")


def assert_same(again, game):
    assert type(again) is type(game)
    assert (again.name, again.batch_shape, again.kind) == (game.name, game.batch_shape, game.kind)
    for field in ("payoffs",) if isinstance(game, MatrixGame) else MARKOV:
        ours, theirs = getattr(game, field), getattr(again, field)
        if field == "transitions" and game.sparse:
            for part in ("data", "indices", "indptr"):
                assert np.array_equal(getattr(ours, part), getattr(theirs, part))
                assert getattr(ours, part).dtype == getattr(theirs, part).dtype
            assert ours.shape == theirs.shape
        else:
            assert np.shape(ours) == np.shape(theirs)
            assert np.all(np.asarray(ours) == np.asarray(theirs))


@pytest.mark.parametrize("name", GAMES)
def test_a_loaded_game_equals_the_saved_one(name, tmp_path):
    path = tmp_path / "game.npz"
    save(GAMES[name], path)
    assert_same(load(path), GAMES[name])
    assert [p.name for p in tmp_path.iterdir()] == ["game.npz"]


def test_names_survive_whatever_they_hold(tmp_path):
    for k, name in enumerate(['soccer "4×5"', "", "two\nlines\x00and a null\x00"]):
        save(MatrixGame(np.zeros((1, 1)), name=name), tmp_path / f"{k}.npz")
        assert load(tmp_path / f"{k}.npz").name == name


def test_rationals_beyond_every_float_are_kept(tmp_path):
    huge = flint.fmpq(flint.fmpz(7) ** 6000 + 1, flint.fmpz(3) ** 6000)
    save(MatrixGame(np.array([[huge]], dtype=object)), tmp_path / "huge.npz")
    assert load(tmp_path / "huge.npz").payoffs[0, 0] == huge


def test_kind_converts_what_is_loaded(tmp_path):
    save(GAMES["markov rational"], tmp_path / "a.npz")
    assert load(tmp_path / "a.npz", kind="float").kind == "float"
    save(MatrixGame(np.array([[[0.1]], [[1e22]]])), tmp_path / "b.nfg")
    # the file spells 0.1 and 1e22: read exactly, these are 1/10 and 10^22, not the floats nearest to them
    assert load(tmp_path / "b.nfg", kind="rational").payoffs.ravel().tolist() == [flint.fmpq(1, 10), 10**22]
    assert load(tmp_path / "b.nfg").payoffs.ravel().tolist() == [0.1, 1e22]


def test_a_file_is_replaced_only_when_asked(tmp_path):
    for ending in ("npz", "nfg"):
        path = tmp_path / f"game.{ending}"
        save(MatrixGame(np.zeros((1, 1))), path)
        before = path.read_bytes()
        with pytest.raises(InputError, match="exists and is not overwritten"):
            save(MatrixGame(np.ones((1, 1))), path)
        assert path.read_bytes() == before
        save(MatrixGame(np.ones((1, 1))), path, overwrite=True)
        assert load(path).payoffs.item() == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "game.npz"
    save(MatrixGame(np.zeros((1, 1))), path)
    before = path.read_bytes()

    def fails(file, **arrays):
        file.write(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="no space"):
        save(MatrixGame(np.ones((1, 1))), path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["game.npz"]


def test_what_cannot_be_saved_or_found_is_refused(tmp_path):
    game = GAMES["matrix"]
    with pytest.raises(InputError, match=r"ends in \.npz .* not in '\.json'"):
        save(game, tmp_path / "game.json")
    with pytest.raises(InputError, match=r"cannot be written: there is no directory .*nowhere"):
        save(game, tmp_path / "nowhere" / "game.npz")
    with pytest.raises(InputError, match="float and rational games, not symbol ones"):
        save(game.convert("symbol"), tmp_path / "game.npz")
    with pytest.raises(InputError, match=r"not list"):
        save([1, 2], tmp_path / "game.npz")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"\.nfg holds one MatrixGame"):
        save(GAMES["markov"], tmp_path / "game.nfg")
    with pytest.raises(InputError, match=r"missing\.npz: there is no such file"):
        load(tmp_path / "missing.npz")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- files that are not what they should be


def packed(game):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in members(game).items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=True)
    return buffer.getvalue()


def members(game):
    """The arrays of a saved game, to tamper with (a dict is taken as it is)."""
    if isinstance(game, dict):
        return game
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "game.npz"
        save(game, path)
        with np.load(path) as file:
            return dict(file)


def header(game, place=None, **changes):
    """The arrays with entries of the header changed: at its top, or in its "fields"."""
    arrays = members(game)
    whole = json.loads(arrays["header"].tobytes())
    said = whole[place] if place else whole
    said.update(changes)
    for name in [name for name, value in said.items() if value is ...]:
        del said[name]
    return {**arrays, "header": np.frombuffer(json.dumps(whole).encode(), dtype=np.uint8)}


def fields(game, **changes):
    return header(game, "fields", **changes)


def changed(game, name, change):
    """An array changed, and the header's list of arrays with it."""
    arrays = {k: v.copy() for k, v in members(game).items()}
    result = change(arrays[name])
    array = arrays[name] if result is None else result
    listed = json.loads(arrays["header"].tobytes())["arrays"]
    return header({**arrays, name: array}, "arrays", **{**listed, name: [array.dtype.str, list(array.shape)]})


def without(game, name):
    return header({k: v for k, v in members(game).items() if k != name}, "arrays", **{name: ...})


def put(index, value):
    return lambda array: array.__setitem__(index, value)


TAMPERED = {
    "version": (header(GAMES["team"], version=2), "version 2 of the marlcore game format, not 1"),
    "foreign": (header(GAMES["team"], format="another"), "is no marlcore game file: its header names .* 'another'"),
    "type": (fields(GAMES["team"], type="os.system"), "the header's 'type' is 'os.system', not one of"),
    "other type": (fields(GAMES["team"], type="MarkovGame"), r"rewards must have shape \(n, S, A1"),
    "numbers": (fields(GAMES["team"], numbers="ball"), "the header's 'numbers' is 'ball'"),
    "numbers swapped": (fields(GAMES["team"], numbers="rational"), 'should hold spelled rationals "p/q"'),
    "numbers swapped back": (fields(GAMES["markov rational"], numbers="float"), r"should hold floats .* not \|S"),
    "transitions": (fields(GAMES["team"], transitions="dia"), "the header's 'transitions' is 'dia'"),
    "batch": (fields(GAMES["team"], batch_shape=[3]), "do not start with|must have shape|different number of axes"),
    "batch type": (fields(GAMES["team"], batch_shape="no"), "the header's 'batch_shape' must be a list"),
    "batch size": (fields(GAMES["team"], batch_shape=[-1]), r"the header's 'batch_shape' is \[-1\]"),
    "batch of none": (fields(GAMES["team"], batch_shape=[0]), r"the header's 'batch_shape' is \[0\]"),
    "batch of a fraction": (fields(GAMES["team"], batch_shape=[1.5]), r"the header's 'batch_shape' is \[1.5\]"),
    "name": (fields(GAMES["team"], name=5), "the header's 'name' must be a str"),
    "no name": (fields(GAMES["team"], name=...), "the header's 'name' must be a str"),
    "not json": ({**members(GAMES["team"]), "header": np.frombuffer(b"{", np.uint8)}, "is damaged at 'header'"),
    "not a text": ({**members(GAMES["team"]), "header": np.zeros(3)}, "is damaged at 'header'"),
    "no header": ({"payoffs": np.zeros((1, 1))}, "is no marlcore game file: it has no header"),
    "no start": (
        without(GAMES["team"], "start"),
        r"holds the arrays \['discount', 'rewards', 'start', 'transitions'\]",
    ),
    "one more": (
        header({**members(GAMES["team"]), "extra": np.zeros(1)}, "arrays", extra=["<f8", [1]]),
        "the file .*'extra'",
    ),
    "row": (changed(GAMES["team"], "transitions", put((1, 0, 2, 1, 0), 7.0)), r"P\(·\|s=1, a=\(0, 2, 1\)\) is not a"),
    "negative": (changed(GAMES["team"], "transitions", put((0, 0, 0, 0, 0), -1.0)), "is not a distribution"),
    "start": (changed(GAMES["team"], "start", put(0, 0.9)), "start is not a distribution"),
    "discount": (changed(GAMES["team"], "discount", put((), 1.0)), r"discount must be in \[0, 1\), not 1.0"),
    "nan": (changed(GAMES["matrix"], "payoffs", put((0, 1, 2), np.nan)), r"payoffs\[0, 1, 2\] = nan"),
    "infinite": (changed(GAMES["matrix"], "payoffs", put((1, 0, 0), np.inf)), r"payoffs\[1, 0, 0\] = inf"),
    "shape": (changed(GAMES["matrix"], "payoffs", lambda a: a[:1]), r"payoffs must have shape \(n, A1"),
    "complex": (changed(GAMES["matrix"], "payoffs", lambda a: a + 0j), "should hold floats .* not complex128"),
    "spelling": (changed(GAMES["matrix rational"], "payoffs", put((1, 0, 2), b"1/x")), r"payoffs\[1, 0, 2\] = '1/x'"),
    "zero below": (changed(GAMES["matrix rational"], "payoffs", put((0, 0, 0), b"1/0")), "'1/0' is not a rational"),
    "empty": (changed(GAMES["matrix rational"], "payoffs", put((0, 0, 0), b"")), "'' is not a rational"),
    "object": (changed(GAMES["matrix"], "payoffs", lambda a: a.astype(object)), "is damaged at 'payoffs'"),
    "csr column": (changed(GAMES["team csr"], "transitions.indices", put(3, 5)), "no CSR matrix of 5 columns"),
    "csr negative": (changed(GAMES["team csr"], "transitions.indices", put(3, -1)), "no CSR matrix"),
    "csr pointer": (changed(GAMES["team csr"], "transitions.indptr", put(4, 99)), "no CSR matrix"),
    "csr pointers": (changed(GAMES["team csr"], "transitions.indptr", lambda a: a[:-1]), "no CSR matrix|must have sh"),
    "csr data": (changed(GAMES["team csr"], "transitions.data", put(0, 3.0)), r"P\(·\|s=0, a=\(0, 0\)\)"),
    "csr floats": (changed(GAMES["team csr"], "transitions.indices", lambda a: a + 0.5), "two of integers"),
    "csr axes": (changed(GAMES["team csr"], "transitions.data", lambda a: a[None]), "one axis of floats"),
    "csr start": (changed(GAMES["team csr"], "start", lambda a: a.sum()), "one axis of floats"),
    "dense as csr": (fields(GAMES["team"], transitions="csr"), "holds the arrays .*'transitions.data'"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_tampered_file_is_refused_with_its_name_and_field(case, tmp_path):
    arrays, message = TAMPERED[case]
    path = tmp_path / "bad.npz"
    path.write_bytes(packed(arrays))
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))


def test_a_pickle_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    arrays = {**members(GAMES["matrix"]), "payoffs": np.array([Bomb()], dtype=object)}
    (tmp_path / "bomb.npz").write_bytes(packed(arrays))
    with pytest.raises(InputError, match="is damaged at 'payoffs'"):
        load(tmp_path / "bomb.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"NFG 1 R", b"\x93NUMPY" + bytes(100), bytes(1000)])
def test_what_is_no_archive_is_refused(content, tmp_path):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.npz is (no marlcore game file|damaged)"):
        load(tmp_path / "bad.npz")


def test_every_truncation_is_refused(tmp_path):
    whole = packed(GAMES["matrix"])
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.npz"):
            load(tmp_path / "cut.npz")


def load_or_refusal(path):
    """The game, or nothing when the file is refused by its name; any other exception is a bug."""
    try:
        return load(path)
    except InputError as error:
        if not str(error).startswith(str(path)):
            raise
        return None


@pytest.mark.parametrize("name", ["matrix", "matrix rational", "team csr"])
@settings(max_examples=60)
@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_never_passes_for_another_game(name, at, flip, tmp_path_factory):
    path = tmp_path_factory.mktemp("flip") / "flipped.npz"
    save(GAMES[name], path)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= flip
    path.write_bytes(content)
    again = load_or_refusal(path)
    if again is not None:
        assert_same(again, GAMES[name])  # bytes that carry no data: dates, attributes, versions


@settings(max_examples=150)
@given(at=st.integers(0, 127), value=st.integers(0, 255), which=st.sampled_from(["payoffs.npy", "header.npy"]))
def test_a_damaged_array_header_is_an_input_error(at, value, which, tmp_path_factory):
    """The check sums are made again, so that what is damaged reaches the reader."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed(GAMES["matrix"]))) as source, zipfile.ZipFile(buffer, "w") as target:
        for member in source.namelist():
            content = bytearray(source.read(member))
            if member == which:
                content[at] = value
            target.writestr(member, bytes(content))
    path = tmp_path_factory.mktemp("head") / "damaged.npz"
    path.write_bytes(buffer.getvalue())
    load_or_refusal(path)


def test_a_text_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.nfg"
    path.write_bytes('NFG 1 R "caf\xe9" { "1" } { 1 } 0'.encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.nfg: byte 12 is not UTF-8"):
        load(path)
    path.write_bytes('NFG 1 R "café" { "1" } { 1 } 0'.encode("utf-8-sig"))
    assert load(path).name == "café"
