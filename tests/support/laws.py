"""The laws of every claim: valid instances, one margin in all numbers, and teeth for margins, hypotheses, witnesses.

    test_laws = of_file("harl/lemma_8")        in tests/proofs_check/claims/harl/test_lemma_8.py

A dropped term or a swapped index changes the margin at a recorded instance (``margin_is_what_it_was``). An absolute
value does not where the margin is positive; there a claim that should fall stands (``refuted_claims_fall``), and one
that stands must be able to go negative once its layout or a hypothesis is left (``has_a_sign``). For an identity
|margin| is the same claim: it is 0 where the margin is.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from marlcore.errors import InputError
from proofs_check import instances, ledger, witness
from proofs_check.claim import margin_of, violated_hypotheses
from proofs_check.engines import BUDGETS
from proofs_check.engines.certified import certify, has_certificates
from proofs_check.instances import Choice, Fixed, Instance
from proofs_check.verify import examine

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "margins" / "margins.json").read_text(encoding="utf-8"))


def of_file(name):
    """A test that is parametrised over the claims of a file and the laws."""
    path = ledger.HOME / f"{name}.py"
    claims = [c for c in ledger.load_file(path, name) if c.expected != "pending"]
    cases = [pytest.param(c, law, id=f"{c.id}-{law.__name__}") for c in claims for law in LAWS if applies(law, c)]

    @pytest.mark.parametrize(("claim", "law"), cases)
    def test_laws(claim, law, tmp_path):
        law(claim, tmp_path)

    return test_laws


def applies(law, claim):
    """Whether a law says anything about a claim."""
    if law is refuted_claims_fall:
        return claim.expected == "refuted"
    if law is has_a_sign:
        return claim.expected != "refuted" and not claim.is_identity
    if law is one_margin_in_every_kind_of_number:
        return has_certificates(claim)
    return bool(claim.hypotheses) or law is not hypotheses_have_teeth


def instances_satisfy_the_hypotheses(claim, _):
    """Drawn instances are valid by construction, at every size."""
    rng = np.random.default_rng(0)
    for sizes in claim.family.sizes:
        x = claim.family.sample(rng, 32, sizes)
        assert x.batch_shape == (32,)
        assert violated_hypotheses(claim, x) == []


def together(ones):
    """Single float instances as a batch: an axis that stands in the wrong place mixes them."""
    (first, *_) = ones
    parts = [{label: value for label, _, value in x.leaves()} for x in ones]

    def stacked(label, spec, value):
        return value if instances.is_shared(spec) else np.stack([np.asarray(p[label]) for p in parts])

    return Instance(first.layout, instances.over(first.layout, stacked, first.values), (len(ones),), first.sizes)


def one_margin_in_every_kind_of_number(claim, _):
    """Floats, tensors and exact numbers give one margin."""
    x = claim.family.sample(np.random.default_rng(1), 4, claim.family.sizes[0])
    ones = [instances.exact(x.one(k), 60) for k in range(4)]
    expected = [certify(claim, one).number for one in ones]
    floats = together([one.convert("float") for one in ones])
    for kind in {"float", "torch"} & set(claim.numbers):
        found = margin_of(claim, floats if kind == "float" else floats.convert("torch"))
        assert list(map(float, found)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def margin_is_what_it_was(claim, _):
    """The margin at the recorded instances (tests/data/margins)."""
    assert GOLDEN[claim.id], "nothing is recorded"
    for entry in GOLDEN[claim.id]:
        sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in entry["sizes"].items()}
        x = instances.from_data(claim.family.layout(**sizes), sizes, entry["instance"], claim.id)
        if has_certificates(claim):
            rough = claim.id in RUN_FLOATS
            found = certify(claim, x).number
            assert found == pytest.approx(entry["margin"], rel=1e-5 if rough else 1e-9, abs=1e-12)
        else:
            found = float(margin_of(claim, alone(x.convert("float")))[0])
            assert found == pytest.approx(entry["margin"], rel=1e-3, abs=1e-12)


RUN_FLOATS = ("harl/theorem_9/monotone", "harl/theorem_9/spare_progress", "harl/theorem_16/monotone")
"""Their update runs in floats before the margin is taken exactly."""


def hypotheses_have_teeth(claim, _):
    """Each hypothesis has an instance that breaks it alone and violates the claim, or says why there is none."""
    for name, hypothesis in claim.hypotheses.items():
        if isinstance(hypothesis.broken, str):
            assert hypothesis.broken.strip()
            continue
        x = hypothesis.broken()
        assert violated_hypotheses(claim, x) == [name]
        assert certify(claim, x).violates(claim)


def refuted_claims_fall(claim, tmp_path):
    """A claim that should fall does, and its witness certifies again."""
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
    "markov/stage_games/saddle_point": "markov/stage_games/without_safety",
    "harl/definitions_7_and_13/max_kl_balls": "harl/definitions_7_and_13/any_balls",
    "harl/definitions_7_and_13/expected_kl_balls": "harl/definitions_7_and_13/any_balls",
    "harl/definitions_7_and_13/max_tv_balls": "harl/definitions_7_and_13/any_balls",
    "harl/theorem_9/monotone": "harl/theorem_10/any_start",
    "harl/theorem_9/spare_progress": "harl/theorem_10/any_start",
    "harl/theorem_16/monotone": "harl/lemma_15/ball_suffices",
}
NEVER_NEGATIVE = {
    "harl/drifts/clip_positive": "a sum of ReLUs",
    "harl/drifts/kl_positive": "a sum of p ln(p/q) − p + q",
    "sharing/parameter_sharing/more_than_shared": "counts of a network and a larger one",
    "sharing/parameter_sharing/one_hot_never": "counts of a network and a larger one",
}


def _with(**changes):
    """Another value for some fields of a batch."""
    return lambda x: Instance(x.layout, {**x.values, **{k: v(x) for k, v in changes.items()}}, x.batch_shape, x.sizes)


PATIENT = _with(discount=lambda x: x.discount * 0 + 0.999)
"""At γ = 0.999 no horizon of ours is long enough."""
OUTSIDE = {
    "harl/theorem_10/interior_start": _with(discount=lambda x: x.discount * 0 + 0.99),
    "harl/theorem_10/fixed_order": _with(discount=lambda x: x.discount * 0 + 0.99),
    "harl/theorem_10/start_on_one_state": lambda x: x,  # an open entry, whose margin is negative as it is
    "harl/theorem_16/nash_limit": _with(rewards=lambda x: x.rewards / 10_000, drift=lambda x: "forward-kl"),
    "markov/learners/minimax_q_converges": _with(
        rewards=lambda x: x.rewards * 0 + 1, discount=lambda x: x.discount * 0 + 0.9999
    ),
    "markov/learners/nash_q_converges": PATIENT,
    "markov/learners/wolf_phc_on_pennies": _with(
        game=lambda x: "shapley", x=lambda x: np.eye(3)[:1], y=lambda x: np.eye(3)[:1]
    ),
    "markov/learners/wolf_phc_on_shapley": _with(
        game=lambda x: "matching_pennies", x=lambda x: np.eye(2)[:1], y=lambda x: np.eye(2)[:1]
    ),
    "matrix/linear_reward_inaction/misses_the_strict_equilibrium": _with(worth=lambda x: x.worth * 0 + 1),
    "matrix/wolf_iga/right_test_settles": _with(steps=lambda x: 10),
    "matrix/wolf_iga/printed_test_settles": _with(steps=lambda x: 10),
    "matrix/wolf_iga/printed_test_misjudges": _with(reference=lambda x: 1),
    "sharing/parameter_sharing/few_agents_are_dearer": _with(team=lambda x: (100, 4, 16)),
}
"""For claims that random departures from the layout do not reach: a change that makes the margin negative."""


def has_a_sign(claim, _):
    """|margin| would be ≥ 0 anywhere; this margin is negative where its layout or a hypothesis is left."""
    if claim.id in SIGNED_BY_RELATIVES:
        assert ledger.load(SIGNED_BY_RELATIVES[claim.id]).expected == "refuted"
    elif claim.id not in NEVER_NEGATIVE:
        assert goes_negative(claim)


def goes_negative(claim):
    """Whether a hypothesis has teeth, or an instance outside of the layout has a negative margin."""
    rng = np.random.default_rng(2)
    if any(not isinstance(h.broken, str) for h in claim.hypotheses.values()):
        return all(
            certify(claim, h.broken()).violates(claim)
            for h in claim.hypotheses.values()
            if not isinstance(h.broken, str)
        )
    if claim.id in OUTSIDE:
        x = claim.family.sample(rng, 2, claim.family.sizes[0])
        return bool(np.min(margin_of(claim, OUTSIDE[claim.id](alone(x.one(1))))) < 0)
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


def alone(x):
    """One instance as a batch of one."""
    return x.map(lambda s, v: v if instances.is_shared(s) else np.asarray(v)[None], (1,))


LAWS = (
    instances_satisfy_the_hypotheses,
    one_margin_in_every_kind_of_number,
    margin_is_what_it_was,
    hypotheses_have_teeth,
    refuted_claims_fall,
    has_a_sign,
)
