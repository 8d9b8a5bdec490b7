"""Write margins.json: for each claim some exact instances and its margin there, as the code gives it today.

    python tests/data/margins/make.py               all of them
    python tests/data/margins/make.py harl/lemma_8  those of some pages or sources

Rationals and balls give certified margins; where a margin runs a learner it is that run's, in floats. The test that
reads the file fails when a margin changes: look at why before making it again.
"""

import json
import sys
from pathlib import Path

import numpy as np

from proofs_check import instances, ledger
from proofs_check.claim import margin_of
from proofs_check.engines.certified import certify, has_certificates

EACH = 2
"""Instances of the smallest size; one of every other, and one in all where a margin runs a learner."""


MORE = 6
CASES = ("markov/stage_games/any_equilibrium", "markov/stage_games/values_settle", "matrix/zero_sum/unique_value")
"""Margins with several cases get more instances."""
EXTRA = {"markov/factored/penalty_always_hits": {"k": "-11"}}
"""Instances that are seldom drawn: here ties."""
PATH = Path(__file__).with_name("margins.json")


def main(names):
    """Write the file."""
    known = json.loads(PATH.read_text(encoding="utf-8")) if names else {}
    found = {c.id: c for c in ledger.discover().claims if c.expected != "pending"}
    wanted = [
        k for k in found if not names or k not in known or f"{k}/".startswith(tuple(f"{name}/" for name in names))
    ]
    known |= {k: recorded(found[k]) for k in wanted}
    entries = {k: known[k] for k in found}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items())
    PATH.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def recorded(claim):
    """The entries of one claim."""
    exact = has_certificates(claim)
    made = []
    for index, sizes in enumerate(claim.family.sizes if exact else claim.family.sizes[:1]):
        batch = claim.family.sample(np.random.default_rng(20), 32, sizes)
        drawn = [instances.choose(instances.exact(batch.one(k), 60), 3 * k + 1) for k in range(31, 15, -1)]
        # instances at which the margin is not 0 tell more
        known = sorted(drawn[:4], key=lambda x: not margin(claim, x)) if exact else drawn
        known = drawn[:MORE] if claim.id in CASES else known[: EACH if exact and not index else 1]
        made += [entry(claim, x) for x in known]
    if claim.id in EXTRA:
        sizes = claim.family.sizes[0]
        made.append(entry(claim, instances.from_data(claim.family.layout(**sizes), sizes, EXTRA[claim.id], claim.id)))
    if claim.witness is not None:
        made.append(entry(claim, claim.witness()))
    return made


def entry(claim, x):
    """What is kept of one instance."""
    return {"sizes": dict(x.sizes), "instance": instances.as_data(x), "margin": margin(claim, x)}


def margin(claim, x):
    """The margin at an exact instance as a float."""
    if has_certificates(claim):
        return certify(claim, x).number
    batch = x.convert("float").map(lambda s, v: v if instances.is_shared(s) else np.asarray(v)[None], (1,))
    return float(margin_of(claim, batch)[0])


if __name__ == "__main__":
    main(sys.argv[1:])
