"""Cards: the numbers are the witness's, the margin breaks the claim, and every witness of the ledger fits on one."""

from fractions import Fraction

import numpy as np
import pytest

from figures.counterexample import FIGURE, card, data_of, graph_of
from figures.counterexample import data as compute
from figures.extents import faults
from figures.style import Style
from marlcore.errors import InputError
from proofs_check import ledger, witness

WITNESSED = [claim.id for claim in ledger.discover().claims if claim.witness is not None]


def test_the_tables_are_the_witness(data):
    made, x = data("counterexample"), witness.own("harl/lemma_8/nine_tenths").instance
    assert made.margin.startswith("[-5.89")
    assert made.numbers["discount"] == "1/50"
    tables = {table.name: table for table in made.tables}
    for name, array in (("r(s, a), rewards", x.rewards), ("π̄, the new policy of agent 1", x.new[0])):
        exact = [[Fraction(int(v.p), int(v.q)) for v in row] for row in array]
        assert [[Fraction(text) for text in row] for row in tables[name].texts] == exact
        np.testing.assert_allclose(tables[name].values, np.array(exact, dtype=float))
    assert tables["π, the old policy of agent 1"].chances
    assert not tables["r(s, a), rewards"].chances
    assert tables["d(s), where play starts"].rows == ("s = 0", "s = 1", "s = 2", "s = 3")


def test_the_graph_has_an_edge_for_each_positive_transition(data):
    (graph,) = data("counterexample").graph
    P = np.asarray(witness.own("harl/lemma_8/nine_tenths").instance.convert("float").transitions)
    found = np.zeros_like(P)
    for edge in graph.edges:
        found[edge.begin, edge.action, edge.end] = edge.chance
    np.testing.assert_array_equal(found, P)
    assert graph.actions == ("0", "1")


def test_a_small_chance_is_an_edge_and_joint_actions_have_names():
    P = np.zeros((2, 2, 2, 2))
    P[..., 0] = 1
    P[1, 0, 1] = (0.1, 0.9)
    graph = graph_of(P)
    assert graph.actions == ("(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)")
    assert len(graph.edges) == 9
    assert [e.chance for e in graph.edges if (e.begin, e.action) == (1, 1)] == [0.1, 0.9]


def test_the_climbing_games_card_by_hand():
    made = compute("markov/igm/additive_finds_optimum")
    (table,) = made.tables
    assert table.texts == (("11", "-30", "0"), ("-30", "7", "6"), ("0", "0", "5"))
    assert made.margin == "-6"  # the additive fit's choice is paid 5, not 11
    assert made.graph == ()


@pytest.mark.parametrize("name", WITNESSED)
def test_every_witness_of_the_ledger_fits_on_a_card(name):
    checked = witness.own(name)
    assert checked.certificate.violates(checked.claim)
    assert data_of(checked).claim == name
    for style in (Style("page"), Style("column", dark=True)):
        assert faults(card(checked, style)) == ()


def test_a_claim_without_a_witness_is_refused():
    with pytest.raises(InputError, match="carries no witness"):
        FIGURE(claim="harl/lemma_8/sharp")


def test_certify_draws_the_card_once(tmp_path, monkeypatch, capsys):
    from proofs_check.commands.certify import main

    monkeypatch.chdir(tmp_path)
    assert main(["harl/theorem_10/any_start", "--picture", "card.svg"]) == 0
    assert "any_start" in (tmp_path / "card.svg").read_text(encoding="utf-8")
    for name, message in (("card.svg", "exists"), ("card.txt", "must end in")):
        with pytest.raises(InputError, match=message):
            main(["harl/theorem_10/any_start", "--picture", name])
    assert "refutes" in capsys.readouterr().out
