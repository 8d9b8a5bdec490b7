"""Maps over processes: in order, from a script without a main guard, with the worker's traceback, no orphans."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from marlcore.errors import InputError
from marlcore.kit.executor import map_each


def square(x):
    return x * x


def test_every_executor_gives_the_same_in_order():
    expected = [x * x for x in range(7)]
    assert map_each(square, range(7)) == expected
    with ThreadPoolExecutor(3) as pool:
        assert map_each(lambda x: (time.sleep(0.01 * (7 - x)), x * x)[1], range(7), executor=pool) == expected
    assert map_each(lambda x: x * x, iter(range(7)), executor=2) == expected
    assert map_each(square, [], executor=2) == []


@pytest.mark.parametrize("executor", [None, 2])
def test_results_are_seen_as_they_come(executor):
    seen = {}
    assert map_each(square, range(5), executor=executor, seen=seen.__setitem__) == [0, 1, 4, 9, 16]
    assert seen == {k: k * k for k in range(5)}
    with pytest.raises(ZeroDivisionError):
        map_each(lambda x: 1 / x, [1, 0, 2], executor=executor, seen=seen.__setitem__)


@pytest.mark.parametrize("executor", [0, -1, True])
def test_a_number_of_processes_is_positive(executor):
    with pytest.raises(InputError, match="executor must be a number of processes"):
        map_each(square, [1], executor=executor)


SCRIPT = """
    import os, sys
    from dataclasses import dataclass
    from marlcore.kit.executor import in_worker, map_each

    print("top level", in_worker())
    OFFSET = 10

    @dataclass
    class Point:
        x: int

    class Refused(Exception):
        pass

    def job(x):
        if x == 5:
            raise Refused("five", lambda: 0)
        inner = map_each(lambda y: y + OFFSET, [x], executor=4)
        threads = {os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
        return Point(inner[0]), os.getpid() != PARENT, in_worker(), threads

    PARENT = os.getpid()
    results = map_each(job, range(4), executor=2)
    print([r[0].x for r in results], all(isinstance(r[0], Point) for r in results), [r[1:] for r in results][0])
    try:
        map_each(job, range(3, 9), executor=2)
    except Refused as error:
        print(error.args[0], "in job" in str(error.__cause__), 'raise Refused("five"' in str(error.__cause__))
    print(__file__ == sys.argv[0])
"""


@pytest.mark.parametrize("typed", [False, True])
def test_a_script_without_a_guard_runs_once_and_its_functions_and_classes_travel(tmp_path, typed):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("__file__", "'-'" if typed else "__file__"))
    done = subprocess.run(
        [sys.executable, "-" if typed else str(script)],  # typed at a prompt or in a notebook: no file at all
        capture_output=True,
        text=True,
        env=environment(),
        input=script.read_text(),
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "top level False",
        "[10, 11, 12, 13] True (True, True, {'1'})",
        "five True " + str(not typed),  # a traceback quotes lines of files only
        "True",
    ]


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.02)
    return False


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


ENDLESS = """
    import os, sys, time
    from pathlib import Path
    from marlcore.kit.executor import map_each

    def job(x):
        Path(sys.argv[1], str(os.getpid())).touch()
        time.sleep(1000)

    sys.stdout.flush()
    map_each(job, range(4), executor=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_children_end_with_their_parent_however_it_ends(tmp_path, how):
    script, marks = tmp_path / "script.py", tmp_path / "marks"
    marks.mkdir()
    script.write_text(textwrap.dedent(ENDLESS))
    parent = subprocess.Popen(
        [sys.executable, str(script), str(marks)], env=environment(), stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert wait_for(lambda: len(list(marks.iterdir())) == 2)
    children = [int(mark.name) for mark in marks.iterdir()]
    assert all(alive(child) for child in children)
    parent.send_signal(how)
    parent.wait(timeout=20)
    assert wait_for(lambda: not any(alive(child) for child in children))
