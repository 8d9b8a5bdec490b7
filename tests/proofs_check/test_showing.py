"""Claims, results and witnesses in a notebook: all of them, well formed, with status and verdict."""

import dataclasses

import pytest
from pages import read

from proofs_check import ledger, showing, witness
from proofs_check.verify import verify

WITNESSED = "harl/drifts/kl_gradient_anywhere"
CLAIMS = {claim.id: claim for claim in ledger.discover().claims}


def test_every_claim_shows_itself_as_a_formula():
    for claim in CLAIMS.values():
        text, tags = read(claim._repr_html_())
        assert text.startswith(claim.id)
        assert f"literature {claim.status}" in text
        assert "math" in tags, claim.id


@pytest.mark.parametrize(
    ("name", "verdict"), [("harl/lemma_8/misprint", "✗ refuted"), ("harl/lemma_8/sharp", "✓ stands")]
)
def test_a_result_shows_its_verdict_and_what_each_engine_saw(name, verdict):
    (result,) = verify([CLAIMS[name]], budget="quick", engines=("sampled", "certified"))
    text, _ = read(result._repr_html_())
    assert f"verdict {verdict}" in text
    for evidence in result.evidence:
        assert f"{evidence.engine} {showing.SIGNS.get(evidence.outcome, evidence.outcome)}" in text


def test_a_witness_shows_its_margin_and_its_instance():
    checked = witness.own(WITNESSED)
    text, _ = read(checked._repr_html_())
    assert text.startswith(f"a counterexample to {WITNESSED}")
    assert f"margin, to be = 0 {checked.certificate.value}" in text  # an identity
    inequality, _ = read(witness.own("harl/theorem_10/any_start")._repr_html_())
    assert "margin, to be ≥ 0 -2" in inequality
    assert checked.claim.plain in text


def test_what_a_third_party_writes_is_escaped():
    claim = dataclasses.replace(
        CLAIMS["harl/lemma_8/sharp"], plain="<img src=x onerror=alert(1)>", note="<b>", statement=r"\text{<b></b>}"
    )
    text, tags = read(claim._repr_html_())
    assert "<img src=x onerror=alert(1)>" in text
    assert not {"img", "b"} & set(tags)
