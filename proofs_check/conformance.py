"""What every claim must do, for a test of your own: ``marlcore.conformance.check("claims", my_claim)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from proofs_check import instances
from proofs_check.claim import Claim, margin_of, violated_hypotheses
from proofs_check.engines.certified import certify, has_certificates

Check = Callable[[Claim], None]


def claim_instances_satisfy_hypotheses(claim: Claim) -> None:
    """Its family draws instances that satisfy its hypotheses, at every size."""
    rng = np.random.default_rng(0)
    for sizes in claim.family.sizes:
        broken = violated_hypotheses(claim, claim.family.sample(rng, 16, sizes))
        assert not broken, f"instances of size {sizes} violate {broken[0]!r}"


def claim_margin_is_one_number_an_instance(claim: Claim) -> None:
    """Its margin, unless it is pending, is one real number an instance, and not NaN."""
    if "float" in claim.numbers and claim.expected != "pending":
        for sizes in claim.family.sizes:
            margin_of(claim, claim.family.sample(np.random.default_rng(1), 16, sizes))


def claim_margin_agrees_with_its_certificate(claim: Claim) -> None:
    """In floats and in exact arithmetic its margin is the same, to round-off."""
    if "float" not in claim.numbers or not has_certificates(claim) or claim.expected == "pending":
        return
    x = claim.family.sample(np.random.default_rng(2), 4, claim.family.sizes[0])
    exact = instances.exact(x.one(0), 60)
    batch = exact.convert("float").map(lambda s, v: v if instances.is_shared(s) else np.asarray(v)[None], (1,))
    float_margin, number = float(margin_of(claim, batch)[0]), certify(claim, exact).number
    assert abs(float_margin - number) <= 1e-6 * max(1.0, abs(number)), f"floats say {float_margin}, rationals {number}"


def claim_hypotheses_have_teeth(claim: Claim) -> None:
    """Each hypothesis has an instance that breaks it alone and violates the claim, or says why there is none."""
    for name, hypothesis in claim.hypotheses.items():
        if isinstance(hypothesis.broken, str):
            assert hypothesis.broken.strip(), f"{name} has neither an instance nor a reason"
            continue
        x = hypothesis.broken()
        assert violated_hypotheses(claim, x) == [name], f"{name}: its instance violates {violated_hypotheses(claim, x)}"
        assert certify(claim, x).violates(claim), f"{name}: its instance does not violate the claim"


def claim_witness_certifies(claim: Claim) -> None:
    """Its own witness, if it has one, is certain."""
    if claim.witness is not None:
        assert certify(claim, claim.witness()).violates(claim), "its witness does not violate it"


SUITE: Sequence[Check] = (
    claim_instances_satisfy_hypotheses,
    claim_margin_is_one_number_an_instance,
    claim_margin_agrees_with_its_certificate,
    claim_hypotheses_have_teeth,
    claim_witness_certifies,
)
