"""Laws of every claim: valid instances, one margin in all numbers, hypotheses and witnesses with teeth."""

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from marlcore.errors import InputError
from proofs_check import instances, ledger, witness
from proofs_check.claim import Hypothesis, margin_of, violated_hypotheses
from proofs_check.engines import BUDGETS
from proofs_check.engines.certified import certify, has_certificates, refutation
from proofs_check.evidence import Evidence
from proofs_check.instances import Choice, Fixed, Instance
from proofs_check.report import document
from proofs_check.verify import examine

FOUND = ledger.discover()
CLAIMS = [c for c in FOUND.claims if c.expected != "pending"]
EXACT = [c for c in CLAIMS if has_certificates(c)]
GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "margins" / "margins.json").read_text(encoding="utf-8"))
by_id = pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
exact_ones = pytest.mark.parametrize("claim", EXACT, ids=lambda c: c.id)


def test_the_ledger_is_found_whole():
    assert FOUND.errors == ()
    assert {c.id.split("/")[0] for c in FOUND.claims} == {"harl", "matrix", "markov", "sharing"}
    assert len({c.id for c in FOUND.claims}) == len(FOUND.claims) > 80
    refuted = [c for c in FOUND.claims if c.expected == "refuted"]
    assert len(refuted) >= 25


def test_what_a_claim_assumes_is_in_the_ledger():
    known = {c.id for c in FOUND.claims}
    assert [(c.id, a) for c in FOUND.claims for a in c.assumes if a not in known] == []


@by_id
def test_instances_satisfy_the_hypotheses(claim):
    rng = np.random.default_rng(0)
    for sizes in claim.family.sizes:
        x = claim.family.sample(rng, 32, sizes)
        assert x.batch_shape == (32,)
        assert violated_hypotheses(claim, x) == []


@exact_ones
def test_one_margin_in_every_kind_of_number(claim):
    x = claim.family.sample(np.random.default_rng(1), 4, claim.family.sizes[0])
    one = instances.exact(x.one(3), 60)
    certificate = certify(claim, one)
    batch = one.convert("float").map(lambda s, v: v if instances.is_shared(s) else np.asarray(v)[None], (1,))
    if "float" in claim.numbers:
        assert float(margin_of(claim, batch)[0]) == pytest.approx(certificate.number, rel=1e-6, abs=1e-9)
    if "torch" in claim.numbers:
        tensors = batch.convert("torch")
        assert float(margin_of(claim, tensors)[0]) == pytest.approx(certificate.number, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("claim", "name"), [(c, n) for c in CLAIMS for n in c.hypotheses], ids=lambda v: v if isinstance(v, str) else v.id
)
def test_hypotheses_have_teeth(claim, name):
    broken = claim.hypotheses[name].broken
    if isinstance(broken, str):
        assert broken.strip()
        return
    x = broken()
    assert violated_hypotheses(claim, x) == [name]
    assert certify(claim, x).violates(claim)


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.expected == "refuted"], ids=lambda c: c.id)
def test_refuted_claims_give_witnesses_that_certify_again(claim, tmp_path):
    result = examine(claim, BUDGETS["quick"], ("sampled", "certified"))
    found = next((e for e in result.evidence if e.outcome == "refutes"), None)
    if found is None:  # this one is for the adversary
        result = examine(claim, BUDGETS["quick"], ("adversary", "certified"))
        found = next(e for e in result.evidence if e.outcome == "refutes")
    path = tmp_path / "witness.json"
    witness.write(path, claim, found)
    checked = witness.read(path)
    assert checked.claim.id == claim.id
    assert checked.certificate.violates(claim)


# ---------------------------------------------------------------- teeth of margins


@pytest.mark.parametrize("claim", [c for c in EXACT if c.id in GOLDEN], ids=lambda c: c.id)
def test_margins_are_what_they_were(claim):
    """A dropped term or a swapped index changes the margin at a fixed exact instance (tests/data/margins)."""
    entry = GOLDEN[claim.id]
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in entry["sizes"].items()}
    x = instances.from_data(claim.family.layout(**sizes), sizes, entry["instance"], claim.id)
    assert certify(claim, x).number == pytest.approx(entry["margin"], rel=1e-9, abs=1e-12)


def test_every_exact_margin_is_recorded():
    recorded = {c.id for c in EXACT if not runs_floats(c)}
    assert recorded == set(GOLDEN)


def runs_floats(claim):
    return claim.id in ("harl/theorem_9/monotone", "harl/theorem_9/spare_progress", "harl/theorem_16/monotone")


SIGNED_BY_RELATIVES = {
    # the same margin with a smaller constant, or without a hypothesis, is a refuted entry
    "harl/lemma_8/paper": "harl/lemma_8/misprint",
    "harl/lemma_8/half": "harl/lemma_8/misprint",
    "harl/lemma_8/sharp": "harl/lemma_8/nine_tenths",
    "harl/lemma_8/best_constant": "harl/lemma_8/nine_tenths",
    "harl/lemma_6/one_after_the_other": "harl/lemma_6/independently",
    "harl/clipping/joint_is_larger": "harl/clipping/printed_is_larger",
    "harl/lemma_15/every_state": "harl/lemma_15/on_average",
    "matrix/gradient_ascent/lagging_anchor": "matrix/gradient_ascent/lagging_anchor_printed",
    "markov/mean_field/boltzmann": "markov/mean_field/boltzmann_printed",
    "harl/theorem_9/monotone": "harl/theorem_10/any_start",
    "harl/theorem_9/spare_progress": "harl/theorem_10/any_start",
    "harl/theorem_16/monotone": "harl/lemma_15/ball_suffices",
}
NEVER_NEGATIVE = {
    "harl/drifts/clip_positive": "a sum of ReLUs",
    "harl/drifts/kl_positive": "a sum of p ln(p/q) − p + q",
    "sharing/parameter_sharing/more_than_shared": "counts of a network and a larger one",
}


@pytest.mark.parametrize(
    "claim", [c for c in EXACT if c.expected != "refuted" and not c.is_identity], ids=lambda c: c.id
)
def test_no_standing_margin_is_an_absolute_value(claim):
    """abs(margin) would be ≥ 0 anywhere; a margin has a sign where its layout or a hypothesis is left."""
    if claim.id in SIGNED_BY_RELATIVES:
        assert ledger.load(SIGNED_BY_RELATIVES[claim.id]).expected == "refuted"
        return
    if claim.id in NEVER_NEGATIVE:
        return
    assert goes_negative(claim)


def goes_negative(claim):
    rng = np.random.default_rng(2)
    if any(not isinstance(h.broken, str) for h in claim.hypotheses.values()):
        return True
    for _ in range(40):
        x = claim.family.sample(rng, 64, claim.family.sizes[0]).map(
            lambda s, v: v if isinstance(s, (Choice, Fixed)) else v + rng.standard_normal(np.shape(v)), (64,)
        )
        try:
            if np.nanmin(margin_of(claim, x)) < -1e-9:
                return True
        except InputError:
            return False
    return False


def test_an_absolute_value_is_noticed():
    claim = ledger.load("matrix/zero_sum/unique_value")
    assert goes_negative(claim)
    assert not goes_negative(dataclasses.replace(claim, margin=lambda x: np.abs(claim.margin(x))))


def test_a_refuted_claim_with_its_margin_made_positive_is_not_refuted():
    claim = ledger.load("harl/lemma_15/on_average")
    mutant = dataclasses.replace(claim, margin=lambda x: np.abs(claim.margin(x)))
    assert not examine(mutant, BUDGETS["quick"], ("sampled", "certified")).good


# ---------------------------------------------------------------- witnesses that were tampered with


@pytest.fixture
def good(tmp_path):
    claim = ledger.load("harl/surrogates/ratio_lost_bar")
    x = claim.family.sample(np.random.default_rng(0), 2, {"actions": 2}).one(0)
    rounded, certificate = refutation(claim, x)
    evidence = Evidence(
        "certified", "refutes", f"one instance, in {certificate.arithmetic}", 1, certificate.number,
        instance=instances.as_data(rounded), sizes={"actions": 2}, certificate=certificate.value,
    )  # fmt: skip
    return witness.of_evidence(claim, evidence)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["instance"].update(policy=["1/2", "1/3"]), "policy"),
        (lambda d: d["instance"].update(policy=["3/2", "-1/2"]), "policy"),
        (lambda d: d["instance"].update(policy=["1/2", "x"]), "'x'"),
        (lambda d: d["instance"].update(policy=["1/3", "1/3", "1/3"]), "shape"),
        (lambda d: d["instance"].pop("policy"), "fields"),
        (lambda d: d.update(margin="-1"), "margin"),
        (lambda d: d.update(claim="harl/nothing"), "harl/nothing"),
        (lambda d: d.update(format=7), "format"),
        (lambda d: d.update(sizes={"actors": 2}), "sizes"),
        (lambda d: d.pop("margin"), "margin"),
        (lambda d: d["instance"].update(policy=["1/2", "1/0"]), "1/0"),
        (lambda d: d["instance"].update(policy=[0.5, 0.5]), "0.5"),
    ],
)
def test_a_tampered_witness_is_refused_by_file_field_and_value(good, change, words):
    assert witness.check(json.loads(json.dumps(good)), "w.json").claim.id == "harl/surrogates/ratio_lost_bar"
    change(good)
    with pytest.raises(InputError, match=r"w\.json|unknown claim") as refused:
        witness.check(good, "w.json")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


# ---------------------------------------------------------------- the committed page


def test_the_committed_evidence_is_about_today_s_claims():
    data = json.loads((document.DOCS / "evidence.json").read_text(encoding="utf-8"))
    assert document.stale(data) == []
    assert set(data["claims"]) == {c.id for c in FOUND.claims}


def test_the_page_of_claims_is_made_from_the_committed_evidence():
    data = json.loads((document.DOCS / "evidence.json").read_text(encoding="utf-8"))
    assert document.page(data) == (document.DOCS / "claims.md").read_text(encoding="utf-8")
    assert all(r.good for r in document.results(data))


def test_a_changed_margin_makes_evidence_stale():
    data = json.loads((document.DOCS / "evidence.json").read_text(encoding="utf-8"))
    data["claims"]["harl/lemma_8/paper"]["digest"] = "0"
    assert document.stale(data) == ["harl/lemma_8/paper"]


def test_hypotheses_are_hypotheses():
    assert all(isinstance(h, Hypothesis) for c in FOUND.claims for h in c.hypotheses.values())
    assert inspect.isfunction(CLAIMS[0].margin)
    assert isinstance(CLAIMS[0].family.sample(np.random.default_rng(0), 2, CLAIMS[0].family.sizes[0]), Instance)
