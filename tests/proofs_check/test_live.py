"""The live table: a row for each claim that has begun, its verdict when all engines have run, a bar for each engine."""

import io

from rich.console import Console

from proofs_check import ledger, live
from proofs_check.commands.verify import processes
from proofs_check.evidence import Evidence
from proofs_check.verify import verify

ENGINES = ("sampled", "certified")


def lines_of(begun):
    screen = Console(file=io.StringIO(), width=120)
    screen.print(live._rows(begun, ENGINES))
    return screen.file.getvalue().splitlines()


def test_a_row_fills_up_as_engines_report():
    (claim,) = ledger.discover(["markov/friend_or_foe/product_suffices"]).claims
    first = Evidence("sampled", "silent", "4 instances", 4, -0.5)
    second = Evidence("certified", "refutes", "one instance, in rationals", 1, -0.25)
    heading, row = lines_of([(claim, [first])])
    assert heading.split() == ["claim", "sampled", "certified", "smallest", "margin", "verdict"]
    assert row.split() == [claim.id, "–", "-0.5", "…"]
    (row,) = lines_of([(claim, [first, second])])[1:]
    assert row.split() == [claim.id, "–", "✗", "-0.5", "refuted"]
    (row,) = lines_of([(claim, [first, Evidence("certified", "supports", "1 instance", 1, 0.5)])])[1:]
    assert row.split()[-1] == "stands!"  # not what is expected


def test_the_table_is_shown_while_claims_run():
    claims = ledger.discover(["markov/friend_or_foe"]).claims
    screen = Console(file=io.StringIO(), width=120, height=40, force_terminal=True)
    with live.table(claims, ENGINES, screen) as report:
        verify(claims, engines=ENGINES, report=report)
        screen.print("end")  # a refresh of what is shown
    text = screen.file.getvalue()
    assert all(claim.id in text for claim in claims)
    assert f"{len(claims)}/{len(claims)}" in text


def test_processes_report_each_claim_too():
    claims = ledger.discover(["markov/friend_or_foe"]).claims
    seen = []
    results = verify(claims, engines=ENGINES, executor=2, report=lambda claim, e: seen.append((claim.id, e.engine)))
    assert sorted(seen) == sorted((c.id, e) for c in claims for e in ENGINES)
    assert [r.claim.id for r in results] == [c.id for c in claims]


def test_a_few_claims_need_no_processes():
    assert processes(0, 3) == 1
    assert processes(0, 100) <= 2
    assert processes(5, 3) == 5
