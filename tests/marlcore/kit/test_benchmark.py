"""The harness, on a clock of its own: what it counts, divides and compares; and the command's discovery."""

import json

import pytest

from marlcore.commands import bench
from marlcore.errors import InputError
from marlcore.kit import benchmark
from marlcore.kit.benchmark import Case, measure, seconds
from marlcore.kit.executor import ONE_THREAD


class Machine:
    """A clock that jobs move on."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def clock(self):
        return self.now

    def job(self, name, first, *times):
        """A job that takes ``first`` seconds when cold, then ``times`` in turn."""
        queue = [first]

        def run():
            self.log.append(name)
            self.now += queue.pop(0)
            if not queue:
                queue.extend(times)

        return run


def test_medians_rates_bandwidth_and_ratios():
    machine = Machine()
    report = measure(
        [
            Case("fast", machine.job("f", 100, 1.0, 2.0, 3.0, 9.0, 2.5), 40, "games", bytes=5e9, flops=2.5e9),
            Case("slow", machine.job("s", 1, 10.0), 40, "games", peer=True),
            Case("other", machine.job("o", 1, 1.0), 1, peer=True, group="elsewhere"),
        ],
        clock=machine.clock,
    )
    fast, slow, _ = report.timings
    assert (fast.median, fast.fastest, fast.slowest) == (2.5, 1.0, 9.0)
    assert fast.rate == 16
    assert report.ratios(fast) == {"slow": 4.0}
    assert report.ratios(slow) == {}
    row = report.rows()[0]
    assert (row["gigabytes_per_second"], row["gigaflops_per_second"]) == (2.0, 1.0)
    assert report.rows()[1]["gigabytes_per_second"] is None
    assert "".join(machine.log) == "ffssoo" + "fso" * 5  # warm-up and calibration, then repeats in turn
    assert json.loads(json.dumps(report.as_data()))["cases"][0]["ratios"] == {"slow": 4.0}


def test_short_jobs_are_called_until_a_repeat_is_long_enough():
    machine = Machine()
    report = measure([Case("tick", machine.job("t", 5, 1e-6))], clock=machine.clock)
    assert report.timings[0].median == pytest.approx(1e-6)
    assert len(machine.log) > 5 * benchmark.MINIMUM / 1e-6


def test_too_few_repeats_and_names_that_clash_are_refused():
    with pytest.raises(InputError, match=r"repeats must be at least 5 .*, not 3"):
        measure([Case("a", int)], repeats=3)
    with pytest.raises(InputError, match="names of their own"):
        measure([Case("a", int), Case("a", int)])


def test_times_are_written_in_the_unit_that_suits_them():
    assert [seconds(x) for x in (12.34, 1.0, 0.0123, 4.56e-5, 7e-9)] == ["12.3 s", "1 s", "12.3 ms", "45.6 µs", "7 ns"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "_helper.py").touch()
    (tmp_path / "benchmarks" / "my_sums.py").write_text(
        '"""Sums of integers.\n\nMore."""\nfrom marlcore.kit.benchmark import Case\n'
        "def cases():\n"
        '    numbers = list(range(20000))\n'
        '    return [Case("sum", lambda: sum(numbers), 20000, "terms"), Case("max", lambda: max(numbers), peer=True)]\n'
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(benchmark, "MINIMUM", 1e-4)
    return tmp_path


def test_the_command_finds_files_lists_runs_and_writes(checkout, capsys):
    assert bench.main(["--list", "--json"]) == 0
    assert {"benchmark": "my-sums", "what": "Sums of integers."} in json.loads(capsys.readouterr().out)["benchmarks"]
    assert bench.main(["my-sums", "--json", "--out", "report.json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads((checkout / "report.json").read_text(encoding="utf-8"))
    found = data["benchmarks"]["my-sums"]
    assert [case["name"] for case in found["cases"]] == ["sum", "max"]
    assert set(found["cases"][0]["ratios"]) == {"max"}
    assert found["provenance"]["threads"]["OMP_NUM_THREADS"] == 1
    with pytest.raises(InputError, match=r"report\.json exists"):
        bench.main(["my-sums", "--out", "report.json"])
    assert bench.main(["my-sums", "--only", "sum"]) == 0
    shown = capsys.readouterr().out
    assert "terms/s" in shown
    assert "max" not in shown


def test_a_family_of_benchmarks_runs_by_its_first_name(checkout, capsys):
    (checkout / "benchmarks" / "my_sums.py").rename(checkout / "benchmarks" / "many_sums.py")
    (checkout / "benchmarks" / "many_maxima.py").write_text((checkout / "benchmarks" / "many_sums.py").read_text())
    assert bench.main(["many", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["benchmarks"]) == {"many-sums", "many-maxima"}
    with pytest.raises(InputError, match="unknown benchmark 'man'"):
        bench.main(["man"])


def test_bad_names_and_files_are_refused(checkout):
    with pytest.raises(InputError, match="unknown benchmark 'my-sum'; did you mean my-sums"):
        bench.main(["my-sum"])
    with pytest.raises(InputError, match="no case to time"):
        bench.main(["my-sums", "--only", "absent"])
    (checkout / "benchmarks" / "empty.py").write_text("")
    with pytest.raises(InputError, match=r"empty\.py has no function cases"):
        bench.main(["empty"])
    (checkout / "benchmarks" / "broken.py").write_text("def")
    with pytest.raises(InputError, match=r"broken\.py is no Python file: line 1"):
        bench.main(["my-sums"])


def test_the_checkouts_benchmarks_are_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "streams" in bench.discover()


def test_a_process_with_more_threads_starts_one_with_fewer(monkeypatch):
    started = {}

    class Done:
        returncode = 3

    def run(command, env, check):
        started.update(command=command, env=env)
        return Done()

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert benchmark.on_threads(1, ["bench", "x"]) == 3
    assert started["command"][1:] == ["-m", "marlcore", "bench", "x"]
    assert {started["env"][name] for name in ONE_THREAD} == {"1"}
