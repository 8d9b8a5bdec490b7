"""Write margins.json: for each claim one exact instance and its certified margin, as the code gives it today.

    python tests/data/margins/make.py

The test that reads it fails when a margin changes: look at why before making it again.
"""

import json
from pathlib import Path

import numpy as np

from proofs_check import instances, ledger
from proofs_check.engines.certified import certify, has_certificates

RUN_FLOATS = ("harl/theorem_9/monotone", "harl/theorem_9/spare_progress", "harl/theorem_16/monotone")


def main():
    """Write the file."""
    entries = {}
    for claim in ledger.discover().claims:
        if claim.expected == "pending" or not has_certificates(claim) or claim.id in RUN_FLOATS:
            continue
        sizes = claim.family.sizes[0]
        batch = claim.family.sample(np.random.default_rng(20), 32, sizes)
        exact = [instances.exact(batch.one(k), 60) for k in range(31, 15, -1)]
        x = next((x for x in exact if certify(claim, x).number), exact[0])
        entries[claim.id] = {"sizes": dict(sizes), "instance": instances.as_data(x), "margin": certify(claim, x).number}
    path = Path(__file__).with_name("margins.json")
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
