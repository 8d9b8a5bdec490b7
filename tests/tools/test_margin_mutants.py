"""The laws of claims notice wrongs in margins, and the tool that says so tells wrongs from changes that are none."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import margin_mutants
from mutations import Mutant

from proofs_check import ledger

PAGE = "matrix/strict_equilibria"
SOURCE = (ledger.HOME / f"{PAGE}.py").read_text(encoding="utf-8")


def verdict(before, after):
    assert before in SOURCE
    import importlib

    module = importlib.import_module("proofs_check.claims.matrix.strict_equilibria")
    wrong = Mutant("m:loss:planted:0", 1, before, after, SOURCE.replace(before, after))
    return margin_mutants.examined(wrong, PAGE, margin_mutants.claims_of(module, PAGE))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("best - mixed", "best + mixed", "noticed"),
        ("return numbers.amin(best - mixed, -1)", "return numbers.absolute(numbers.amin(best - mixed, -1))", "noticed"),
        ("(1 - own) * x.rest", "(1 - own)", "noticed"),
        ("[x.x[..., 0], x.y[..., 0]]", "[x.y[..., 0], x.x[..., 0]]", "noticed"),
        ("numbers.amin(best - mixed, -1)", "numbers.amin(best - mixed, 0)", "noticed"),
        ("best - mixed, -1", "nothing, -1", "noticed"),
        ("own * best", "best * own", "same"),
    ],
)
def test_wrongs_are_told_from_changes_that_are_none(before, after, found):
    assert verdict(before, after) == found


def test_a_wrong_that_no_law_notices_is_listed(monkeypatch, capsys):
    monkeypatch.setattr(margin_mutants, "LAWS", ())
    assert margin_mutants.main([PAGE, "--limit", "3"]) == 1
    assert "not noticed" in capsys.readouterr().out


def test_the_functions_that_margins_call_are_found():
    assert margin_mutants.reach(ledger.load("harl/lemma_8/half")) >= {"margin_with.margin", "half_constant", "_bound"}
    assert PAGE in margin_mutants.pages()
