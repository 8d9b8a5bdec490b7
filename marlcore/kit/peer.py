"""Peers that live in another Python: a library that moves this environment's packages is timed from one of its own.

    MARLCORE_PEER_PYTHON=…/bin/python                     a Python that has the peers (jaxmarl, vmas, …)

    peer = Peer("smax.py", "random_play", "3m", 16)       random_play("3m", 16) is called there and returns a job
    peer()                                                runs the job there; returns what it returns (JSON)

The process starts with the first call, and lives until ``close`` or the end of this one. It loads the script by its
path and nothing else of this project, so the script imports what the peer's Python lacks inside its functions.
It keeps to as many cores as it is given, before any library counts them. Commands and answers are lines of JSON on its
standard input and output; what the libraries print goes to standard error. ``cpu_clock`` is this process's CPU time
and that of all peers: with it as the clock of ``benchmark.measure``, others who use the machine disturb less.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from marlcore.errors import InputError

VARIABLE = "MARLCORE_PEER_PYTHON"
WORKER = Path(__file__).with_name("peer_worker.py")
_running: list[Peer] = []
_spent = 0.0


class Peer:
    """A job in the peers' Python: ``function(*arguments)`` of ``script`` makes it.

    It keeps to ``cores`` cores, of those that this process may use; 0: as many as OMP_NUM_THREADS says, or one.
    """

    def __init__(self, script: str | Path, function: str, *arguments: str | int | float, cores: int = 0) -> None:
        self._call = {"script": str(Path(script).resolve()), "function": function, "arguments": arguments}
        self._cores = cores or int(os.environ.get("OMP_NUM_THREADS", "1"))
        self._process: subprocess.Popen[str] | None = None
        self.cpu = 0.0

    def __call__(self) -> Any:
        """Run the job once; returns what it returns."""
        global _spent
        if self._process is None:
            self._start()
        answer = self._ask({})
        self.cpu += answer["cpu"]
        _spent += answer["cpu"]
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
            _running.remove(self)

    def _start(self) -> None:
        command = [_python(), "-u", str(WORKER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        _running.append(self)
        self._ask({**self._call, "cores": self._cores})

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended; the empty answer says so
        answer = process.stdout.readline()
        if not answer:
            self.close()
            raise InputError(f"the peer {self._call['function']}{self._call['arguments']} ended: see its error above")
        return json.loads(answer)


def missing(module: str) -> str:
    """Why ``module`` cannot be had as a peer; empty if it can."""
    path = os.environ.get(VARIABLE, "")
    if not path:
        return f"set {VARIABLE} to a Python that has {module}"
    return "" if _has(_python(), module) else f"{path} has no {module}"


def cpu_clock() -> float:
    """Seconds of CPU time: of all threads of this process, and of the peers' jobs."""
    return time.process_time() + _spent


def _python() -> str:
    path = os.environ.get(VARIABLE, "")
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise InputError(f"{VARIABLE} must name a Python to run, not {path!r}")
    return path


@functools.cache
def _has(python: str, module: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", look], check=False).returncode == 0


@atexit.register
def _close_all() -> None:
    for peer in list(_running):
        peer.close()
