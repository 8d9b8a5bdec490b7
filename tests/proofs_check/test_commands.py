"""Verdicts and exit codes, a user's own file, stores that accumulate and resume, bad input in one line."""

import json

import pytest

from marlcore import conformance
from marlcore.conformance import _call
from marlcore.errors import InputError
from proofs_check import verify as running
from proofs_check.commands import certify, falsify, report, verify
from proofs_check.store import Store

WRONG = '''
from marlcore import numbers
from proofs_check.claim import Claim, Family
from proofs_check.instances import Reals, Rows


def margin(x):
    """(Σ p r)² − Σ p r², at least 0."""
    mean = (x.p * x.r).sum(-1)
    return {sign}(mean * mean - (x.p * x.r * x.r).sum(-1))


claim = Claim(
    statement=r"(E r)^2 \\ge E r^2",
    plain="The square of a mean is at least the mean of the squares.",
    source="a test",
    locator="Jensen",
    status="conjectured",
    kind="inequality",
    margin=margin,
    family=Family(lambda: {{"p": Rows((3,)), "r": Reals((3,))}}),
)
'''


@pytest.mark.parametrize("main", [verify.main, falsify.main, certify.main, report.main])
def test_commands_keep_the_contract(main):
    conformance.check("commands", main)


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "my_claim.py"
    path.write_text(WRONG.format(sign=""))
    return path


def test_a_user_s_claim_is_refuted_and_its_witness_certifies(wrong, tmp_path, capsys):
    assert verify.main([str(wrong)]) == 1
    assert "NOT AS EXPECTED" in capsys.readouterr().out
    out = tmp_path / "w.json"
    assert falsify.main([str(wrong), "--out", str(out), "--budget", "quick"]) == 1
    assert "REFUTED" in capsys.readouterr().out
    assert certify.main([str(out)]) == 0
    assert "refutes" in capsys.readouterr().out


def test_a_user_s_corrected_claim_stands(wrong, capsys):
    wrong.write_text(WRONG.format(sign="-"))
    assert verify.main([str(wrong), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["claims"]
    assert (entry["id"], entry["verdict"], entry["status"]) == ("my_claim", "stands", "conjectured")
    assert {e["engine"] for e in entry["evidence"]} == {"sampled", "adversary", "certified", "symbolic"}
    assert falsify.main([str(wrong), "--budget", "quick"]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", "nothing_like_this"),
        ("x = 1", "no Claim"),
        ("def f(:", "SyntaxError"),
        (WRONG.format(sign="").replace('    kind="inequality",\n', ""), "kind"),
        (WRONG.format(sign="").replace('"inequality"', '"guess"'), "guess"),
        (WRONG.format(sign="").replace("margin=margin", "margin=3"), "margin"),
        (WRONG.format(sign="").replace("margin=margin", "margin=margin, hypotheses={'h': 'r > 0'}"), "hypotheses['h']"),
        (WRONG.format(sign="").replace(".sum(-1))\n", ".sum(-1)) * float('nan')\n"), "NaN"),
        (WRONG.format(sign="").replace(".sum(-1))\n", ".sum(-1)) * 1j\n"), "complex"),
        (WRONG.format(sign="").replace("mean * mean", "x.r * x.r"), "my_claim.py"),
    ],
)
def test_a_bad_claim_file_is_one_line_and_the_others_run(wrong, text, words, capsys):
    wrong.write_text(text)
    assert verify.main([str(wrong), "markov/friend_or_foe", "--engines", "sampled,certified"]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert words in line
    assert "my_claim" in line
    assert "product_suffices" in captured.out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["harl/lema_8"], "harl/lemma"),
        (["--engines", "magic"], "magic"),
        (["--budget", "tiny"], "tiny"),
        (["absent.py"], "absent.py"),
    ],
)
def test_bad_input_is_named(argv, words):
    done = _call(verify.main, argv)
    assert done[0] == 2
    assert words in done[2]


def test_a_store_accumulates_and_never_repeats_seeds(tmp_path, capsys):
    argv = ["markov/mean_field/paper_bound", "--store", str(tmp_path / "s"), "--engines", "sampled"]
    for runs in (1, 2, 3):
        assert verify.main([*argv, "--json"]) == 0
        (entry,) = json.loads(capsys.readouterr().out)["claims"]
        seeds = [tuple(e["seed"]) for e in entry["evidence"]]
        assert seeds == [(0, k) for k in range(runs)]
        assert len({e["margin"] for e in entry["evidence"]}) == 1 or runs > 1


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    from proofs_check import ledger
    from proofs_check.engines import sampled

    claims = ledger.discover(["markov/friend_or_foe"]).claims
    store = Store(tmp_path)
    calls = []
    original = sampled.run

    def interrupted(claim, *rest):
        calls.append(claim.id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(claim, *rest)

    monkeypatch.setattr(sampled, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        running.verify(claims, engines=("sampled",), store=store)
    monkeypatch.setattr(sampled, "run", lambda claim, *rest: calls.append(claim.id) or original(claim, *rest))
    results = running.verify(claims, engines=("sampled",), store=store)
    assert calls == [claims[0].id, claims[1].id, claims[1].id, claims[2].id]
    assert all(len(r.evidence) == 1 and r.evidence[0].run == 0 for r in results)


def test_what_an_interrupted_search_had_found_is_certified_when_the_run_goes_on(tmp_path, monkeypatch):
    from proofs_check import ledger
    from proofs_check.engines import certified

    (claim,) = ledger.discover(["harl/lemma_8/misprint"]).claims
    original, store = certified.run, Store(tmp_path)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(certified, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        running.verify([claim], engines=("sampled", "certified"), store=store)
    monkeypatch.setattr(certified, "run", original)
    (result,) = running.verify([claim], engines=("sampled", "certified"), store=store)
    assert [(e.engine, e.run) for e in result.evidence] == [("sampled", 0), ("certified", 0)]
    assert result.evidence[1].detail == "found by: sampled"
    assert result.verdict == "refuted"


def test_evidence_on_another_wording_does_not_count(tmp_path):
    import dataclasses

    from proofs_check import ledger

    (claim,) = ledger.discover(["markov/friend_or_foe/joint_is_a_half"]).claims
    store = Store(tmp_path)
    running.verify([claim], engines=("sampled",), store=store)
    assert len(store.read(claim)) == 1
    assert store.read(dataclasses.replace(claim, statement="another")) == []


def test_evidence_does_not_count_when_what_a_margin_calls_has_changed(tmp_path):
    from proofs_check import ledger
    from proofs_check.store import digest

    text = WRONG.format(sign="").replace("mean = (x.p * x.r).sum(-1)", "mean = average(x)")
    helper = "\n\ndef average(x):\n    return (x.p * x.r).sum(-1)\n"
    digests = []
    for k, body in enumerate(
        (text + helper, "# a comment\n" + text + helper, text + helper.replace("x.p *", "-x.p *"))
    ):
        path = tmp_path / str(k) / "my_claim.py"
        path.parent.mkdir()
        path.write_text(body)
        (claim,) = ledger.discover([str(path)]).claims
        digests.append(digest(claim))
    assert digests[0] == digests[1] != digests[2]


def test_a_damaged_store_is_named(tmp_path):
    from proofs_check import ledger

    (claim,) = ledger.discover(["markov/friend_or_foe/joint_is_a_half"]).claims
    store = Store(tmp_path)
    running.verify([claim], engines=("sampled",), store=store)
    (file,) = [p for p in tmp_path.glob("*.json") if p.name != "runs.json"]
    data = json.loads(file.read_text())
    data["evidence"][0]["colour"] = "red"
    file.write_text(json.dumps(data))
    with pytest.raises(InputError, match="colour"):
        store.read(claim)


def test_claims_spread_over_processes(capsys):
    assert verify.main(["markov/friend_or_foe", "--workers", "2", "--engines", "sampled,certified", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["claims"]) == 3
