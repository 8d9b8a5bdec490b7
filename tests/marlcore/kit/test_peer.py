"""Jobs in another Python: what comes back, what is counted, and what is said when there is none."""

import json
import os
import sys

import pytest

from marlcore.errors import InputError
from marlcore.kit import peer
from marlcore.kit.benchmark import Case, measure
from marlcore.kit.peer import Peer

SCRIPT = """
import os, statistics, sys, time
assert statistics.median([1, 2, 9]) == 2
print("loading")

def count(start, width):
    assert "marlcore" not in sys.modules
    total = start
    def job():
        nonlocal total
        print("working")
        end = time.process_time() + width
        while time.process_time() < end:
            pass
        total += 1
        return {"total": total, "python": sys.executable, "cores": len(os.sched_getaffinity(0))}
    return job

def die():
    return lambda: os._exit(3)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.setenv(peer.VARIABLE, sys.executable)
    path = tmp_path / "theirs.py"
    path.write_text(SCRIPT)
    return path


def test_a_job_keeps_its_state_and_its_cpu_time_is_counted(script):
    job = Peer(script, "count", 40, 0.02)
    before = peer.cpu_clock()
    assert [job()["total"] for _ in range(2)] == [41, 42]
    assert 0.04 <= job.cpu <= peer.cpu_clock() - before
    job.close()
    assert job()["total"] == 41  # a new process
    job.close()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be bound to cores here")
def test_it_keeps_to_as_many_cores_as_it_is_given(script, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    job = Peer(script, "count", 0, 0.0)
    assert job()["cores"] == 1
    job.close()


def test_a_job_that_ends_its_process_is_reported(script):
    with pytest.raises(InputError, match=r"the peer die\(\) ended"):
        Peer(script, "die")()
    with pytest.raises(InputError, match=r"the peer gone\(\) ended"):
        Peer(script, "gone")()


def test_what_is_missing_is_said(script, monkeypatch):
    assert peer.missing("json") == ""
    assert peer.missing("no_such_module") == f"{sys.executable} has no no_such_module"
    monkeypatch.setenv(peer.VARIABLE, "")
    assert peer.missing("json") == "set MARLCORE_PEER_PYTHON to a Python that has json"
    monkeypatch.setenv(peer.VARIABLE, str(script))
    with pytest.raises(InputError, match="must name a Python to run, not"):
        Peer(script, "count", 0, 0.0)()


def test_a_peer_is_timed_beside_us_and_an_absent_one_is_listed(script, monkeypatch):
    monkeypatch.setattr("marlcore.kit.benchmark.MINIMUM", 1e-4)
    job = Peer(script, "count", 0, 0.01)
    ours = Case("ours", lambda: sum(range(1000)), 1000)
    theirs = Case("theirs", job, 1000, peer=True)
    gone = Case("gone", job, peer=True, absent="no such library")
    report = measure([ours, theirs, gone], clock=peer.cpu_clock)
    job.close()
    assert report.timings[1].fastest >= 0.01
    assert set(report.ratios(report.timings[0])) == {"theirs"}
    assert report.absent == (gone,)
    assert json.loads(json.dumps(report.as_data()))["absent"] == [
        {"name": "gone", "group": "", "why": "no such library"}
    ]
    with pytest.raises(InputError, match="gone is absent: no such library"):
        measure([gone])
