"""Do small wrongs to the code, run its tests on each, and list those that no test notices.

    python tools/mutants.py                          every module of the table; exit status 1 on an unjustified survivor
    python tools/mutants.py --module marlcore.values --limit 40
    python tools/mutants.py --survivors              only those that survived before: after writing a test
    python tools/mutants.py --list                   names, places and changes; runs nothing

The wrongs are those of ``mutations.py``. A survivor is killed by a test, or justified in tests/mutants_justified.toml:

    [[mutant]]
    id = "marlcore.bounds:paper_constant:scale:1a2b3c4d"
    reason = "why no test can tell the difference"

Each worker has a copy of the tree. Where the system can fork, a mutant's tests run in a child of this process, which
has the heavy libraries imported already; elsewhere in a fresh interpreter. Verdicts are kept in .cache/mutants, so a
run that was stopped goes on; one made from other sources or other tests is not reused.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[1]
KINDS = "tests/marlcore/test_kinds.py"
TARGETS: dict[str, list[str]] = {
    "marlcore.advantages": ["tests/marlcore/test_advantages.py", KINDS],
    "marlcore.bounds": ["tests/marlcore/test_bounds.py", KINDS],
    "marlcore.divergences": ["tests/marlcore/test_divergences.py", KINDS],
    "marlcore.gambit": ["tests/marlcore/test_gambit.py"],
    "marlcore.io": ["tests/marlcore/test_io.py"],
    "marlcore.mdp": ["tests/marlcore/test_mdp.py"],
    "marlcore.numbers": ["tests/marlcore/test_numbers.py", "tests/marlcore/test_divergences.py", KINDS],
    "marlcore.objectives": ["tests/marlcore/test_objectives.py", KINDS],
    "marlcore.policies": ["tests/marlcore/test_policies.py"],
    "marlcore.responses": ["tests/marlcore/test_responses.py", KINDS],
    "marlcore.values": ["tests/marlcore/test_values.py", KINDS],
    "proofs_check.evidence": ["tests/proofs_check/test_evidence.py"],
}
"""Which tests must notice a wrong in a module; margins have ``margin_mutants.py``."""
LEARNERS = "tests/tabular/learners/"
_STEPWISE = (
    *("correlated_q", "fictitious_play", "friend_or_foe_q", "giga_wolf", "gradient_ascent", "independent_q", "joint_q"),
    *("lagging_anchor", "linear_reward_inaction", "linear_reward_penalty", "loop", "mean_field_q", "minimax_q"),
    *("nash_q", "phc", "regret_matching", "replicator", "rows", "wolf_iga", "wolf_phc"),
)
TARGETS |= {f"tabular.learners.{name}": [f"{LEARNERS}test_steps.py"] for name in _STEPWISE}
TARGETS["tabular.learners.schedules"] = [f"{LEARNERS}test_schedules.py"]
INTERPRETED = (LEARNERS,)
"""Tests so short that they run faster without the compiler than a mutant compiles."""
COPIED = ("marlcore", "tabular", "deep", "proofs_check", "figures", "tests", "benchmarks", "tools")
HEAVY = (
    *("numpy", "scipy.linalg", "scipy.sparse.linalg", "scipy.special", "scipy.optimize", "flint", "mpmath"),
    *("torch", "sympy", "numba", "numba.core.caching", "hypothesis", "hypothesis.extra.numpy", "pytest"),
)
"""Imported once, before the forks. Nothing of the code under test may be among them, nor imported by them."""
FORKS = hasattr(os, "fork") and sys.platform != "darwin"  # macOS aborts forked children that use its frameworks


@dataclass
class Job:
    """A mutant, the file that it changes and the tests that should notice."""

    mutant: Mutant
    file: str
    tests: list[str]
    key: str
    limit: float = 600.0


def main(arguments: Sequence[str] | None = None, root: Path = ROOT, targets: dict[str, list[str]] = TARGETS) -> int:
    """Run the command line; 0 when every mutant is killed or justified, 1 when not, 2 when the run makes no sense."""
    options = _options(arguments, targets)
    reasons = justified(root / "tests" / "mutants_justified.toml")
    jobs = [job for module in options.module or targets for job in jobs_of(root, module, targets[module])]
    stale = [name for name in reasons if name.split(":")[0] in {j.mutant.id.split(":")[0] for j in jobs}]
    stale = [name for name in stale if name not in {job.mutant.id for job in jobs}]
    if options.list:
        for job in jobs:
            print(f"{job.mutant.id}  {job.file}:{job.mutant.line}\n    {job.mutant.before}\n    {job.mutant.after}")
        return 0
    store = Store(root / ".cache" / "mutants" / "verdicts.jsonl")
    if options.survivors:
        jobs = [job for job in jobs if store.last(job.mutant.id) == "survived"]
    jobs = thinned([job for job in jobs if job.mutant.id not in reasons], options.limit)
    try:
        verdicts = run(root, jobs, store, options.workers)
    except BaselineError as error:
        print(error, file=sys.stderr)
        return 2
    return report(jobs, verdicts, stale)


def _options(arguments: Sequence[str] | None, targets: dict[str, list[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", choices=sorted(targets), help="only this module (repeatable)")
    parser.add_argument("--limit", type=int, help="at most this many mutants of each module, spread over it")
    parser.add_argument("--workers", type=int, default=2, help="tests at the same time (2)")
    parser.add_argument("--survivors", action="store_true", help="only the mutants whose last verdict is survived")
    parser.add_argument("--list", action="store_true", help="say what would be done, run nothing")
    return parser.parse_args(arguments)


def justified(path: Path) -> dict[str, str]:
    """Names and reasons of the survivors that the committed list allows."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.is_file() else []
    for entry in entries:
        if not (entry.get("id") and entry.get("reason")):
            raise SystemExit(f"{path}: {entry} needs an id and a reason")
    return {entry["id"]: entry["reason"] for entry in entries}


def jobs_of(root: Path, module: str, tests: list[str]) -> list[Job]:
    """A job for every mutant of ``module``."""
    file = module.replace(".", "/") + ".py"
    missing = [path for path in (file, *tests) if not (root / path).is_file()]
    if missing:
        raise SystemExit(f"{module}: there is no {', no '.join(missing)}; correct the table in tools/mutants.py")
    sources = sorted((root / file.split("/")[0]).rglob("*.py"))
    shared = [*root.glob("tests/conftest.py"), *(root / path for path in tests)]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in (*sources, *shared))).hexdigest()[:16]
    source = (root / file).read_text(encoding="utf-8")
    return [Job(mutant, file, tests, digest) for mutant in mutants_of(module, source)]


def thinned(jobs: list[Job], limit: int | None) -> list[Job]:
    """At most ``limit`` jobs of each file, evenly spread."""
    if limit is None:
        return jobs
    kept = []
    for file in dict.fromkeys(job.file for job in jobs):
        own = [job for job in jobs if job.file == file]
        count = min(limit, len(own))
        kept += [own[k * len(own) // count] for k in range(count)]
    return kept


class Store:
    """Verdicts by (mutant, sources and tests), one JSON line each, appended as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._by_key: dict[tuple[str, str], str] = {}
        self._last: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            with contextlib.suppress(ValueError):  # the last line of a run that was stopped
                self._remember(**json.loads(line))

    def _remember(self, id: str, key: str, verdict: str) -> None:
        self._by_key[id, key] = self._last[id] = verdict

    def get(self, job: Job) -> str | None:
        """The verdict on the same mutant with the same sources and tests."""
        return self._by_key.get((job.mutant.id, job.key))

    def last(self, name: str) -> str | None:
        """The last verdict on the mutant of this name, whatever has changed since."""
        return self._last.get(name)

    def add(self, job: Job, verdict: str) -> None:
        """Keep a verdict, on the disk at once."""
        entry = {"id": job.mutant.id, "key": job.key, "verdict": verdict}
        self._remember(**entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class BaselineError(Exception):
    """The tests fail, or there are none, before anything is wrong."""


# ---------------------------------------------------------------- running


def run(root: Path, jobs: list[Job], store: Store, workers: int) -> dict[str, str]:
    """killed, timeout or survived for every job."""
    verdicts = {job.mutant.id: verdict for job in jobs if (verdict := store.get(job)) is not None}
    waiting = [job for job in jobs if job.mutant.id not in verdicts]
    if not waiting:
        return verdicts
    _prepare()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        os.environ["MARLCORE_CACHE"] = str(Path(folder) / "cache")
        trees = [_copy(root, Path(folder) / f"tree{k}") for k in range(min(workers, len(waiting)))]
        limits = {tuple(job.tests): 0.0 for job in waiting}
        for tests in limits:
            for tree in trees:  # also leaves the byte code of everything that is right in each tree
                limits[tests] = max(limits[tests], _baseline(tree, tests))
        for job in waiting:
            job.limit = 10 + 4 * limits[tuple(job.tests)]
        _all(waiting, trees, verdicts, store)
    return verdicts


def _prepare() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["PYTHONHASHSEED"] = "0"
    if FORKS:
        for name in HEAVY:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _copy(root: Path, tree: Path) -> Path:
    """What tests need of the project, without what is made."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=ignored)
    for path in root.iterdir():
        if path.is_file() and path.suffix in (".toml", ".md", ".txt", ".cff", ""):
            shutil.copy2(path, tree / path.name)
    return tree


def _baseline(tree: Path, tests: tuple[str, ...]) -> float:
    began = time.monotonic()
    child = Child(tree, list(tests), write_bytecode=True)
    while (status := child.poll()) is None:
        time.sleep(0.01)
    if status != 0:
        log = child.log.read_text(encoding="utf-8", errors="replace")[-4000:]
        raise BaselineError(f"{log}\n{' '.join(tests)} must pass before anything is mutated (pytest's status {status})")
    return time.monotonic() - began


def _all(waiting: list[Job], trees: list[Path], verdicts: dict[str, str], store: Store) -> None:
    running: dict[Path, tuple[Job, Child]] = {}
    left = list(reversed(waiting))
    began, done = time.monotonic(), 0
    try:
        while left or running:
            for tree in trees:
                if tree not in running and left:
                    running[tree] = _start(left.pop(), tree)
            time.sleep(0.005)
            for tree, (job, child) in list(running.items()):
                verdict = _verdict(child, job.limit)
                if verdict is not None:
                    _restore(tree / job.file)
                    del running[tree]
                    verdicts[job.mutant.id] = verdict
                    store.add(job, verdict)
                    done += 1
                    _progress(done, len(waiting), verdicts, time.monotonic() - began)
    finally:
        for _, child in running.values():
            child.kill()


def _start(job: Job, tree: Path) -> tuple[Job, Child]:
    path = tree / job.file
    path.rename(path.with_suffix(".right"))
    path.write_text(job.mutant.source, encoding="utf-8")
    os.utime(path, (1, 1))  # a time that no byte code of the right file has
    return job, Child(tree, job.tests)


def _restore(path: Path) -> None:
    path.with_suffix(".right").replace(path)


def _verdict(child: Child, limit: float) -> str | None:
    status = child.poll()
    if status is None:
        if time.monotonic() - child.began < limit:
            return None
        child.kill()
        return "timeout"
    return "survived" if status == 0 else "killed"


class Child:
    """pytest on ``tests`` in ``tree``, in a process group of its own."""

    def __init__(self, tree: Path, tests: list[str], write_bytecode: bool = False) -> None:
        self.began = time.monotonic()
        self.log = tree / "pytest.log"
        command = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
        self._process: subprocess.Popen[bytes] | None = None
        if FORKS:
            self._status: int | None = None
            self._pid = os.fork()
            if self._pid == 0:
                _in_child(tree, command, self.log, write_bytecode)
            return
        with self.log.open("wb") as log:
            interpreted = {"NUMBA_DISABLE_JIT": "1"} if any(path.startswith(INTERPRETED) for path in tests) else {}
            environment = {**os.environ, **interpreted, **({} if write_bytecode else {"PYTHONDONTWRITEBYTECODE": "1"})}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *command], cwd=tree, stdout=log, stderr=log, env=environment
            )

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self._process is not None:
            return self._process.poll()
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def kill(self) -> None:
        """End it and what it has started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        elif self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)  # it may not lead its group yet
            os.waitpid(self._pid, 0)


def _in_child(tree: Path, command: list[str], log: Path, write_bytecode: bool) -> None:
    """Never returns: whatever happens, the forked child ends here."""
    status = 70
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        _limit_memory()
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        sys.dont_write_bytecode = not write_bytecode
        _plain_hypothesis()
        if any(path.startswith(INTERPRETED) for path in command):
            import numba

            numba.config.DISABLE_JIT = True
        import pytest

        status = int(pytest.main(command))
        sys.stdout.flush()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _limit_memory() -> None:
    """A wrong loop may grow a list for ever."""
    import resource

    most = 16 * 2**30
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _plain_hypothesis() -> None:
    """The same examples for every mutant, and no search for a smaller failing one."""
    with contextlib.suppress(ImportError):
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
        settings.load_profile("mutants")


# ---------------------------------------------------------------- saying


def _progress(done: int, total: int, verdicts: dict[str, str], seconds: float) -> None:
    survived = sum(verdict == "survived" for verdict in verdicts.values())
    if sys.stderr.isatty() or done == total or done % 50 == 0:
        end = "\r" if sys.stderr.isatty() and done < total else "\n"
        print(f"{done}/{total} mutants, {survived} survived, {seconds:.0f} s", end=end, file=sys.stderr, flush=True)


def report(jobs: list[Job], verdicts: dict[str, str], stale: Iterable[str]) -> int:
    """Print counts by module and every survivor; the exit status."""
    counts: dict[str, Counter[str]] = {}
    for job in jobs:
        counts.setdefault(job.file, Counter())[verdicts[job.mutant.id]] += 1
    print(f"{'module':32}{'mutants':>8}{'killed':>8}{'timeout':>8}{'survived':>9}")
    for file, count in counts.items():
        row: Any = (count.total(), count["killed"], count["timeout"], count["survived"])
        print(f"{file:32}{row[0]:8}{row[1]:8}{row[2]:8}{row[3]:9}")
    survivors = [job for job in jobs if verdicts[job.mutant.id] == "survived"]
    for job in survivors:
        print(f"\n{job.mutant.id}  {job.file}:{job.mutant.line}\n  - {job.mutant.before}\n  + {job.mutant.after}")
    for name in stale:
        print(f"\ntests/mutants_justified.toml: there is no mutant {name} any more; remove it")
    return 1 if survivors or list(stale) else 0


if __name__ == "__main__":
    sys.exit(main())
