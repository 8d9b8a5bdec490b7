"""The ledger as a whole: what is in it, that its laws have teeth, tampered witnesses, the committed evidence.

The laws of each claim are in tests/support/laws.py; tests/proofs_check/claims has a file for each claim file.
"""

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from laws import GOLDEN, NEVER_NEGATIVE, OUTSIDE, SIGNED_BY_RELATIVES, goes_negative, margin_is_what_it_was

from marlcore import registry
from marlcore.errors import InputError
from proofs_check import instances, ledger, witness
from proofs_check.claim import Hypothesis, margin_of
from proofs_check.engines import BUDGETS
from proofs_check.engines.certified import refutation
from proofs_check.evidence import Evidence
from proofs_check.instances import Instance
from proofs_check.report import document
from proofs_check.verify import examine

FOUND = ledger.discover()
CLAIMS = [c for c in FOUND.claims if c.expected != "pending"]


def test_the_ledger_is_found_whole():
    assert FOUND.errors == ()
    assert {c.id.split("/")[0] for c in FOUND.claims} == {"harl", "matrix", "markov", "sharing"}
    assert len({c.id for c in FOUND.claims}) == len(FOUND.claims) > 80
    refuted = [c for c in FOUND.claims if c.expected == "refuted"]
    assert len(refuted) >= 25


def test_what_a_claim_assumes_is_in_the_ledger():
    known = {c.id for c in FOUND.claims}
    assert [(c.id, a) for c in FOUND.claims for a in c.assumes if a not in known] == []


def test_a_figure_that_a_claim_names_is_one():
    named = {c.figure for c in FOUND.claims if c.figure}
    assert len(named) > 15
    assert named <= set(registry.names("figures"))


def test_every_claim_is_under_the_laws():
    """Each claim file has a test file, and each margin that is not pending is recorded."""
    homes = {"/".join(c.id.split("/")[:2]) for c in CLAIMS}
    here = Path(__file__).parent / "claims"
    assert homes == {f"{p.parent.name}/{p.stem.removeprefix('test_')}" for p in here.glob("*/test_*.py")}
    assert set(GOLDEN) == {c.id for c in CLAIMS}
    assert {name for table in (SIGNED_BY_RELATIVES, NEVER_NEGATIVE, OUTSIDE) for name in table} <= set(GOLDEN)


def test_only_claims_about_the_deep_family_are_pending():
    pending = [c for c in FOUND.claims if c.expected == "pending"]
    assert len(pending) == 5
    assert all("deep family" in c.note and c.id.split("/")[1] == "results" for c in pending)
    with pytest.raises(InputError, match="pending"):
        margin_of(pending[0], pending[0].family.sample(np.random.default_rng(0), 2, {}))


# ---------------------------------------------------------------- the laws have teeth


def test_an_absolute_value_is_noticed():
    claim = ledger.load("matrix/zero_sum/unique_value")
    assert goes_negative(claim)
    assert not goes_negative(dataclasses.replace(claim, margin=lambda x: np.abs(claim.margin(x))))


def test_a_dropped_term_and_a_swapped_index_are_noticed(tmp_path):
    claim = ledger.load("harl/definition_1/state_flow")
    swapped = ledger.load("harl/definition_1/rows_of_transitions").margin
    margin_is_what_it_was(claim, tmp_path)
    for margin in (swapped, lambda x: claim.margin(x) + x.discount):
        with pytest.raises(AssertionError):
            margin_is_what_it_was(dataclasses.replace(claim, margin=margin), tmp_path)


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
