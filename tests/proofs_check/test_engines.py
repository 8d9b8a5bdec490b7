"""The engines find what is there and nothing else: planted claims, hard constants, teeth against vacuity."""

import dataclasses

import numpy as np
import planted
import pytest

from marlcore.errors import InputError
from proofs_check import instances, ledger
from proofs_check.claim import Step, margin_of
from proofs_check.claims.harl import lemma_8
from proofs_check.engines import BUDGETS, Budget, Candidates, adversary, certified, sampled, symbolic
from proofs_check.evidence import Evidence, Result
from proofs_check.instances import Between, Choice, Reals, Rows
from proofs_check.verify import certify, examine, refutation, verify

SEARCH = Budget("search", 4_000, 48, 200, 5, 1)


def claim(name):
    return ledger.load(name)


@pytest.mark.parametrize("planted_claim", [planted.POINT, planted.ROW, planted.BEST, planted.POINT_WITHOUT_GRADIENTS])
def test_the_adversary_finds_corners_that_samples_miss(planted_claim):
    candidates = Candidates()
    assert sampled.run(planted_claim, SEARCH, 0, 0, candidates).outcome == "supports"
    candidates = Candidates()
    found = adversary.run(planted_claim, dataclasses.replace(SEARCH, steps=400), 0, 0, candidates)
    assert found.margin < 0
    assert certified.run(planted_claim, SEARCH, 0, 0, candidates).outcome == "refutes"


def test_a_claim_that_is_true_is_not_refuted_by_the_same_search():
    true = dataclasses.replace(planted.POINT, margin=lambda x: (x.r * x.r).sum(-1), expected="stands")
    result = examine(true, SEARCH)
    assert result.verdict == "stands"
    assert refutation(result) is None


def test_the_adversary_refutes_the_misprinted_constant_on_its_own():
    one = dataclasses.replace(claim("harl/lemma_8/misprint"), witness=None)
    candidates = Candidates()
    adversary.run(one, dataclasses.replace(SEARCH, steps=40), 0, 0, candidates)
    assert certified.run(one, SEARCH, 0, 0, candidates).detail == "found by: adversary"


def test_the_adversary_refutes_one_power_of_the_horizon_on_a_chain():
    one = claim("harl/lemma_8/horizon")
    assert one.witness is None
    candidates = Candidates()
    found = adversary.run(one, BUDGETS["quick"], 0, 0, candidates)
    assert found.extra["tightness_at_start"] < 0.5  # no start violates by itself
    assert found.extra["tightness_at_end"] > 1
    assert certified.run(one, BUDGETS["quick"], 0, 0, candidates).outcome == "refutes"


@pytest.mark.parametrize("name", ["harl/lemma_8/paper", "harl/lemma_8/sharp"])
def test_the_adversary_fails_on_the_true_bounds(name):
    found = adversary.run(claim(name), BUDGETS["quick"], 1, 0, Candidates())
    assert found.outcome == "supports"
    assert 0.2 < found.tightness <= 1


def test_a_dropped_term_in_the_bound_is_refuted():
    lemma = claim("harl/lemma_8/paper")

    def without_one_agent(x):
        """The penalty of the last agent is dropped, with the sharp size of the rest."""
        bound, J_new = lemma_8._bound(x)
        return J_new - bound.J - bound.surrogates[0]

    mutant = dataclasses.replace(lemma, margin=without_one_agent, scale=None)
    assert examine(mutant, SEARCH, ("sampled", "certified")).verdict == "refuted"


# ---------------------------------------------------------------- margins that are refused


def made(margin, layout=lambda: {"r": Reals((2,))}, **fields):
    return planted.planted("made", margin, layout, **({"expected": "stands"} | fields))


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        (lambda x: x.r.sum(-1) * np.nan, "NaN"),
        (lambda x: x.r.sum(-1) * 1j, "complex"),
        (lambda x: x.r, "shape"),
        (lambda x: x.r.sum(), "shape"),
    ],
)
def test_a_margin_that_is_no_real_number_an_instance_is_refused(margin, words):
    result = examine(made(margin), SEARCH, ("sampled",))
    assert words in result.error
    assert "made" in result.error
    assert not result.good


def test_evidence_of_nothing_is_vacuous():
    result = Result(made(lambda x: x.r.sum(-1)), (Evidence("sampled", "supports", "nothing", count=0),))
    assert result.vacuous == ["sampled"]
    assert result.verdict == "undecided"
    assert not result.good


def test_a_family_that_breaks_its_own_hypothesis_is_an_error():
    from proofs_check.claim import Hypothesis

    wrong = made(lambda x: x.r.sum(-1), hypotheses={"positive": Hypothesis("r > 0", lambda x: (x.r > 0).all(-1))})
    assert "positive" in examine(wrong, SEARCH, ("sampled",)).error


def test_only_a_certificate_refutes():
    shaky = made(lambda x: x.r.sum(-1) * 0 - 1e-6, numbers=("float",))
    result = examine(shaky, SEARCH)
    assert result.verdict == "undecided"
    assert not result.good


@pytest.mark.parametrize("field", ["status", "kind", "expected"])
def test_a_claim_with_a_wrong_word_is_refused(field):
    with pytest.raises(InputError, match=field):
        made(lambda x: x.r.sum(-1), **{field: "perhaps"})


def test_verify_refuses_unknown_engines_and_budgets():
    with pytest.raises(InputError, match="oracle"):
        verify([], engines=("oracle",))
    with pytest.raises(InputError, match="huge"):
        verify([], budget="huge")


@pytest.mark.parametrize("field", ["scale", "layout", "hypotheses"])
def test_whatever_a_claim_raises_is_its_own_error(field):
    from proofs_check.claim import Family, Hypothesis

    def fails(*_, **__):
        return {}["nothing"]

    one = made(lambda x: x.r.sum(-1))
    change = {"scale": fails, "layout": Family(fails), "hypotheses": {"h": Hypothesis("r > 0", fails)}}[field]
    result = examine(dataclasses.replace(one, **{"family" if field == "layout" else field: change}), SEARCH)
    assert "made" in result.error
    assert "KeyError" in result.error
    assert "\n" not in result.error


# ---------------------------------------------------------------- choices


def structures():
    """Two choices with six combinations."""
    return {"r": Reals((2,)), "first": Choice((0, 1)), "second": Choice(("a", "b", "c"))}


def test_every_combination_of_choices_is_sampled_and_certified():
    assert instances.combinations(structures()) == 6
    x = instances.sample(structures(), np.random.default_rng(0), 3)
    named = [(y.first, y.second) for y in (instances.choose(x, k) for k in range(6))]
    assert sorted(named) == [(i, s) for i in (0, 1) for s in "abc"]
    seen = []
    one = made(lambda x: seen.append((x.first, x.second)) or (x.r * x.r).sum(-1), layout=structures)
    sampled.run(one, SEARCH, 0, 0, Candidates())
    assert set(seen) == set(named)
    seen.clear()
    certified.run(one, dataclasses.replace(SEARCH, certificates=6), 0, 0, Candidates())
    assert set(seen) == set(named)


def test_margins_with_a_scale_of_round_off_are_no_violations():
    noisy = made(lambda x: x.r.sum(-1) * 0 - 1e-17, scale=lambda x: x.r.sum(-1) * 0 + 1e-20)
    assert sampled.run(noisy, SEARCH, 0, 0, Candidates()).outcome == "supports"


# ---------------------------------------------------------------- certificates, symbols


def test_certificates_are_exact_and_rise_in_precision():
    tiny = made(lambda x: x.r.sum(-1))
    third = instances.Instance(
        tiny.family.layout(), {"r": instances.fixed_value(instances.Fixed(["1/3", "-1/3"]), "rational")}
    )
    assert certify(tiny, third).sign == "zero"
    close = made(lambda x: kl_gap(x), numbers=("ball",), layout=lambda: {"r": Between(0, 1)})
    x = instances.Instance(close.family.layout(), {"r": instances.fixed_value(instances.Fixed("1/2"), "rational")})
    certificate = certify(close, x)
    assert certificate.sign == "positive"
    assert certificate.arithmetic == "balls of 256 bits"


def kl_gap(x):
    """ln(1 + 10⁻⁴⁰·r) > 0: it cancels to nothing at 128 bits."""
    import flint

    from marlcore import numbers

    return numbers.log(np.array([1 + x.r * flint.arb(10) ** -40], dtype=object))[0]


def test_the_symbolic_engine_notices_what_is_not_zero():
    almost = made(lambda x: x.r[0] * x.r[1] - x.r[1] * x.r[0] + x.r[0] / 1000, kind="identity", symbolic=({},))
    assert symbolic.run(almost, SEARCH, 0, 0, Candidates()).outcome == "silent"
    import sympy

    n = sympy.Symbol("n")
    assert not symbolic.step_holds(Step("wrong", n * n - n))
    assert symbolic.step_holds(Step("right", (n + 1) ** 2 - n * n - 2 * n - 1))


def test_rounding_keeps_rows_distributions():
    rng = np.random.default_rng(0)
    layout = {"p": Rows((3, 4), interior=True), "g": Between("3/10", "11/30")}
    for denominator in (*instances.DENOMINATORS, None):
        x = instances.exact(instances.sample(layout, rng, 2).one(1), denominator)
        assert all(row.sum() == 1 and min(row) > 0 for row in x.p)
        assert 0.3 <= float(x.g.p) / float(x.g.q) <= 11 / 30


def test_seeds_of_runs_and_claims_differ():
    a, b = made(lambda x: x.r.sum(-1)), dataclasses.replace(made(lambda x: x.r.sum(-1)), id="other")
    draws = [sampled.generator(c, s, r, 0).random() for c in (a, b) for s in (0, 1) for r in (0, 1)]
    assert len(set(draws)) == 8
    assert sampled.generator(a, 0, 0, 0).random() == draws[0]


def test_strategies_shrink_to_small_numbers():
    from hypothesis import find, settings

    misprint = claim("harl/surrogates/ratio_lost_bar")
    strategy = sampled.strategy(misprint.family.layout(actions=2))
    found = find(strategy, lambda x: margin_of(misprint, x) > 0, settings=settings(database=None))
    assert list(map(str, found.policy)) == ["1/2", "1/2"]
