"""Verdicts: what evidence adds up to, when it is as expected, and what a result shows of it."""

import dataclasses

import pytest

from marlcore.errors import InputError
from proofs_check import ledger
from proofs_check.evidence import Evidence, Result, as_data, from_data, merge

CLAIM = ledger.load("matrix/strict_equilibria")


def result(*evidence, expected="stands", error=""):
    return Result(dataclasses.replace(CLAIM, expected=expected), evidence, error)


SUPPORT = Evidence("sampled", "supports", "4 instances", 4, 0.5, 0.25, seconds=2.0)
SILENT = Evidence("adversary", "silent", "2 restarts", 2, -0.5, 0.75)
FALL = Evidence("certified", "refutes", "one instance, in rationals", 1, -0.25)
EMPTY = Evidence("sampled", "supports", "no instance", 0)
ASIDE = Evidence("symbolic", "not applicable", "no shape")


@pytest.mark.parametrize(
    ("evidence", "expected", "verdict", "good"),
    [
        ((SUPPORT, SILENT, ASIDE), "stands", "stands", True),
        ((SUPPORT, FALL), "stands", "refuted", False),
        ((SUPPORT, FALL), "refuted", "refuted", True),
        ((SUPPORT,), "refuted", "stands", False),
        ((SILENT, ASIDE), "stands", "undecided", False),
        ((ASIDE,), "stands", "undecided", False),
        ((), "stands", "undecided", False),
        ((SILENT,), "refuted", "undecided", False),
        ((SUPPORT,), "open", "open", True),
        ((SUPPORT, FALL), "open", "refuted", True),
        ((), "pending", "pending", True),
        ((FALL,), "pending", "pending", True),
    ],
)
def test_verdicts(evidence, expected, verdict, good):
    found = result(*evidence, expected=expected)
    assert (found.verdict, found.good) == (verdict, good)


@pytest.mark.parametrize("expected", ["stands", "refuted", "open"])
def test_an_engine_that_looked_at_nothing_spoils_everything(expected):
    found = result(EMPTY, SUPPORT, FALL, expected=expected)
    assert found.vacuous == ["sampled"]
    assert not found.good
    assert result(SUPPORT, EMPTY).verdict == "undecided"
    assert result(dataclasses.replace(FALL, count=0)).vacuous == ["certified"]
    assert result(dataclasses.replace(SILENT, count=0), ASIDE).vacuous == []
    assert result(dataclasses.replace(SUPPORT, count=1)).vacuous == []


def test_an_error_is_never_good():
    assert not result(SUPPORT, error="it fails").good


def test_the_smallest_margin_and_the_tightest_ratio_are_of_all_engines():
    found = result(SUPPORT, SILENT, ASIDE)
    assert (found.margin, found.tightness) == (-0.5, 0.75)
    assert (result(ASIDE).margin, result(ASIDE).tightness) == (None, None)
    assert SUPPORT.rate == 2.0
    assert SILENT.rate == 0.0


def test_evidence_travels_as_data_and_unknown_fields_are_named():
    assert from_data(as_data(SUPPORT), "here") == SUPPORT
    seeded = dataclasses.replace(SUPPORT, seed=(3, 1))
    assert from_data(as_data(seeded), "here").seed == (3, 1)
    with pytest.raises(InputError, match="here: evidence has the unknown field colour"):
        from_data(as_data(SUPPORT) | {"colour": "red"}, "here")
    with pytest.raises(InputError, match=r"here: .*outcome"):
        from_data({k: v for k, v in as_data(SUPPORT).items() if k != "outcome"}, "here")


def test_later_runs_come_after_earlier_ones():
    assert merge((SUPPORT,), (FALL,)) == (SUPPORT, FALL)
