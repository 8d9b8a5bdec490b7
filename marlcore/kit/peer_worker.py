"""What runs in the peers' Python (``peer`` starts it by its path): the standard library and the script, nothing else.

The first line it reads names the script, the function that makes the job, its arguments, and how many cores to keep to;
each line after it asks for one run, whose CPU seconds and result are the answer.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Make the job, then run it as often as asked."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not stand between the answers
    call = json.loads(sys.stdin.readline())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: call["cores"]])
    sys.path[0] = str(Path(call["script"]).parent)  # not this folder, whose names hide the standard library's
    spec = importlib.util.spec_from_file_location("peer_script", call["script"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peer_script"] = module
    spec.loader.exec_module(module)
    job = getattr(module, call["function"])(*call["arguments"])
    print("{}", file=answers)
    for _ in sys.stdin:
        start = time.process_time()
        result = job()
        print(json.dumps({"cpu": time.process_time() - start, "result": result}), file=answers)


if __name__ == "__main__":
    main()
