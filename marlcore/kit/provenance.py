"""Where a result comes from: version, commit, configuration, seed, packages, threads, device and platform.

Nothing in it depends on the time, the user or the machine's name: the same run gives the same record.
"""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scipy", "numba", "torch", "cvxpy", "clarabel", "python-flint", "sympy", "matplotlib")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_ROOT = Path(__file__).resolve().parents[2]


def provenance(config: Any = None, seed: Any = None, device: str = "cpu") -> dict[str, Any]:
    """The record of a result made by ``config`` and ``seed`` on ``device``; ready for JSON."""
    from marlcore.kit.files import plain

    return {
        "version": _version("marlcore"),
        "commit": commit(),
        "config": plain(config),
        "seed": plain(seed),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "threads": threads(),
        "device": _device(device),
        "platform": f"{platform.system()} {platform.machine()}",
    }


@functools.cache
def commit() -> str | None:
    """The commit that this source tree is at, with "+changes" when it was edited since; None outside a checkout."""
    if not (_ROOT / ".git").exists():
        return None
    head = _git("rev-parse", "HEAD")
    return head and head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")


def threads() -> dict[str, int]:
    """How many threads there are for each library that is loaded, and how many processors."""
    counts = {"processors": os.cpu_count() or 1}
    counts |= {name: int(os.environ[name]) for name in THREAD_VARIABLES if os.environ.get(name, "").isdigit()}
    for library, attribute in (("torch", "get_num_threads"), ("numba", "get_num_threads")):
        if library in sys.modules:
            counts[library] = getattr(sys.modules[library], attribute)()
    return counts


def _device(device: str) -> str:
    if device.startswith("cuda") and "torch" in sys.modules:
        return f"{device}: {sys.modules['torch'].cuda.get_device_name(device)}"
    return device


@functools.cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
