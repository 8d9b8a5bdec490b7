"""Workers: answers in order, every way of being lost told with its traceback, nothing left behind."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import planted_objects
import pytest

from marlcore.errors import InputError
from marlcore.kit.workers import Block, LostWorkerError, Worker

LONG = 60.0


@pytest.fixture
def worker():
    made = Worker(planted_objects.Counter, 10)
    assert made.answer(LONG) is None
    yield made
    made.close()


def call(worker, method, *arguments, timeout=LONG):
    worker.ask(method, *arguments)
    return worker.answer(timeout)


def test_the_object_stays_and_answers_in_order(worker):
    worker.ask("add", 1)
    worker.ask("add", 2)
    assert worker.answer(LONG) == 11
    assert worker.answer(LONG) == 13
    assert call(worker, "threads") == ("1", "1")
    assert call(worker, "pid") == worker.process.pid != os.getpid()


def test_shared_memory_is_seen_from_both_sides(worker):
    block = Block({"flag": ((3,), "bool"), "x": ((2, 2), "float32"), "none": ((2, 0), "bool")})
    ours = block.arrays()
    assert ours["none"].shape == (2, 0)
    ours["x"][:] = [[1, 2], [3, 4]]
    assert call(worker, "see", block) == 10
    call(worker, "write", 7.0)
    np.testing.assert_array_equal(ours["x"], [[1, 2], [7, 7]])
    assert not ours["flag"].any()
    del block
    call(worker, "write", 8.0)
    np.testing.assert_array_equal(ours["x"], [[1, 2], [8, 8]])


def test_bad_input_comes_back_as_itself(worker):
    with pytest.raises(InputError, match="x is 3, and must be 2"):
        call(worker, "refuse")


@pytest.mark.parametrize(
    ("method", "reason", "place"),
    [
        ("divide", "failed", "ZeroDivisionError"),
        ("leave", r"died \(exit status 7\)", ""),
        ("crash", r"died \(SIGSEGV\)", "in crash"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals have no names there")
def test_a_worker_that_is_lost_says_how_and_where(worker, method, reason, place):
    with pytest.raises(LostWorkerError, match=reason) as lost:
        call(worker, method)
    assert place in str(lost.value)
    assert not worker.process.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to ask for a traceback")
def test_a_worker_that_hangs_is_ended_and_says_where_it_stood(worker):
    with pytest.raises(LostWorkerError, match=r"hung: no answer within 0.3 s") as lost:
        call(worker, "sleep_long", timeout=0.3)
    assert "in sleep_long" in str(lost.value)
    assert not worker.process.is_alive()


def test_an_object_that_cannot_be_made_is_lost_at_the_first_answer():
    worker = Worker(planted_objects.broken)
    with pytest.raises(LostWorkerError, match="cannot be made"):
        worker.answer(LONG)
    worker.close()


def test_closing_lets_the_object_close_and_leaves_no_file(tmp_path):
    worker = Worker(planted_objects.Counter, 0, str(tmp_path / "closed"))
    assert worker._crash.exists()
    worker.answer(LONG)
    assert not worker._crash.exists() or sys.platform == "win32"
    worker.close()
    worker.close()
    assert (tmp_path / "closed").read_text() == "closed"
    assert not worker._crash.exists()
    assert not worker.process.is_alive()


SCRIPT = """
    import sys, time
    from marlcore.kit.workers import Block, Worker

    print("top level", flush=True)

    class Mine:
        def __init__(self, x):
            self.x = x
        def see(self, block):
            self.arrays = block.arrays()
            return self.x + float(self.arrays["a"][0])

    block = Block({"a": ((1,), "float64")})
    worker = Worker(Mine, 40)
    worker.answer(60)
    block.arrays()["a"][0] = 2
    worker.ask("see", block)
    print(worker.answer(60), worker.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are looked up by signal 0")
def test_a_class_of_a_script_without_a_guard_travels_and_a_killed_parent_takes_its_worker_along(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "top level\n"
    value, pid = parent.stdout.readline().split()
    assert value == "42.0"
    parent.kill()
    parent.wait()
    until = time.monotonic() + LONG
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    parent.stdout.close()
