"""Atomic files and JSON, locks, run directories."""

import json
import math
import multiprocessing
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marlcore.errors import InputError
from marlcore.kit import files, rundir
from marlcore.kit.locks import locked
from marlcore.kit.provenance import provenance


def write_half(path, overwrite=False):
    with files.atomic(path, overwrite=overwrite) as file:
        file.write(b"half")
        raise OSError("disk full")


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "result.json"
    with pytest.raises(OSError, match="disk full"):
        write_half(path)
    assert list(tmp_path.iterdir()) == []
    files.write_text(path, "γ")
    assert path.read_bytes() == "γ".encode()
    with pytest.raises(InputError, match=r"result\.json exists and is not overwritten"):
        files.write_text(path, "other")
    with pytest.raises(OSError, match="disk full"):
        write_half(path, overwrite=True)
    assert path.read_text(encoding="utf-8") == "γ"
    files.write_text(path, "other", overwrite=True)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("result.json", "other")]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "result"
    block = files.atomic(path)
    block.__enter__().write(b"mine")
    path.write_text("theirs")
    with pytest.raises(InputError, match="another process made it meanwhile"):
        block.__exit__(None, None, None)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("result", "theirs")]


@dataclass(frozen=True)
class Config:
    rate: float
    path: Path
    inner: tuple = ()


def test_json_takes_what_results_are_made_of():
    value = {"a": np.float64(1 / 3), 2: np.arange(3), "c": Config(math.nan, Path("x/y"), (np.int32(3), {2, 1}))}
    expected = {"a": 1 / 3, "2": [0, 1, 2], "c": {"rate": "nan", "path": "x/y", "inner": [3, [1, 2]]}}
    assert json.loads(files.dumps(value)) == expected
    assert files.plain([math.inf, -math.inf, np.float32("nan"), np.bool_(True), None]) == [
        "inf",
        "-inf",
        "nan",
        True,
        None,
    ]
    assert float(files.plain(-math.inf)) == -math.inf
    with pytest.raises(InputError, match="has no place in a JSON file"):
        files.dumps({"f": print})


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_gives_back_plain_values(value):
    assert json.loads(files.dumps(value)) == value


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json is no JSON file: .*line 1"):
        files.read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"b\.json cannot be read: No such file"):
        files.read_json(tmp_path / "b.json")


def started(code, *arguments):
    """A process that runs ``code`` and waits for a line on its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _try_lock(path, answers):
    with locked(path, wait=False) as got:
        answers.put(got)


def test_a_lock_keeps_other_processes_out_and_dies_with_its_holder(tmp_path):
    path = tmp_path / "lock"

    def other():
        spawn = multiprocessing.get_context("spawn")
        answers = spawn.SimpleQueue()
        process = spawn.Process(target=_try_lock, args=(path, answers))
        process.start()
        process.join()
        return answers.get()

    with locked(path) as got:
        assert got
        with locked(path, wait=False) as again:
            assert not again
    with locked(path, wait=False) as got:
        assert got
    code = "import sys; from marlcore.kit.locks import locked; from pathlib import Path\n"
    code += "with locked(Path(sys.argv[1])): print('held', flush=True); input()"
    holder = started(code, path)
    assert holder.stdout.readline().strip() == b"held"
    with locked(path, wait=False) as got:
        assert not got
    holder.kill()
    holder.communicate()
    with locked(path, wait=False) as got:
        assert got


def run_until(run, error):
    """What happens inside a run before ``error`` ends it."""
    with run:
        assert rundir.status(run.path) == "running"
        run.write_json("results/a.json", {"x": np.arange(2)}, overwrite=run.resumed)
        raise error


def test_a_run_directory_lives_through_an_interruption(tmp_path):
    path = tmp_path / "runs" / "first"
    assert rundir.status(path) == "absent"
    with pytest.raises(KeyboardInterrupt):
        run_until(rundir.create(path, Config(0.5, Path("p")), seed=3), KeyboardInterrupt())
    assert rundir.status(path) == "interrupted"
    with pytest.raises(InputError, match="first exists and is not overwritten: resume it"):
        rundir.create(path, Config(0.5, Path("p")))
    with pytest.raises(InputError, match=r"was started with rate = 0\.5, not 0\.25"):
        rundir.resume(path, Config(0.25, Path("p")))
    with pytest.raises(ValueError, match="bug"):
        run_until(rundir.resume(path, Config(0.5, Path("p"))), ValueError("bug"))
    assert files.read_json(path / "status.json") == {"status": "failed", "error": "ValueError: bug"}
    with rundir.resume(path) as run, pytest.raises(InputError, match=r"a\.json exists"):
        run.write_json("results/a.json", {})
    assert rundir.status(path) == "finished"
    with pytest.raises(InputError, match="cannot be resumed: it is finished"):
        rundir.resume(path)
    with pytest.raises(InputError, match="cannot be resumed: there is no run"):
        rundir.resume(tmp_path / "other")
    assert files.read_json(path / "config.json")["rate"] == 0.5
    assert files.read_json(path / "provenance.json")["seed"] == 3
    assert sorted(p.name for p in path.parent.iterdir()) == ["first"]
    assert sorted(p.name for p in path.iterdir()) == [
        "config.json",
        "lock",
        "provenance.json",
        "results",
        "status.json",
    ]


def test_two_writers_are_kept_apart_and_a_killed_one_is_resumed(tmp_path):
    path = tmp_path / "run"
    script = """
        import sys
        from marlcore.kit import rundir
        with rundir.create(sys.argv[1], {"a": 1}):
            print("running", flush=True)
            input()
    """
    writer = started(textwrap.dedent(script), path)
    assert writer.stdout.readline().strip() == b"running"
    assert rundir.status(path) == "running"
    with pytest.raises(InputError, match="run is being written by another process"), rundir.resume(path):
        pass
    writer.kill()
    writer.communicate()
    assert rundir.status(path) == "interrupted"
    with rundir.resume(path, {"a": 1}):
        assert rundir.status(path) == "running"
    assert rundir.status(path) == "finished"


def test_a_directory_that_is_no_run_is_not_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(InputError, match="mine exists and is not overwritten: give another name"):
        rundir.create(tmp_path / "mine", {})
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_provenance_says_what_made_a_result_and_is_the_same_again():
    record = provenance({"a": np.float64(1)}, seed=7)
    assert record == provenance({"a": 1.0}, seed=7)
    assert json.loads(files.dumps(record)) == record
    assert record["packages"]["numpy"] == np.__version__
    assert (record["config"], record["seed"], record["device"]) == ({"a": 1.0}, 7, "cpu")
    assert record["threads"]["processors"] == os.cpu_count()
    assert set(record) == {"version", "commit", "config", "seed", "python", "packages", "threads", "device", "platform"}
