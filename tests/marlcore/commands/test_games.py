"""marlcore games: every game is listed with its facts and source, and a fact that fails makes the check fail."""

import dataclasses
import json

import pytest

from marlcore import cli, library


def run(capsys, *argv):
    status = cli.main(["games", *argv])
    return status, capsys.readouterr()


def test_the_list_names_every_game(capsys):
    status, shown = run(capsys)
    assert status == 0
    for name in library.names():
        assert name in shown.out


def test_json_is_what_the_library_says(capsys):
    status, shown = run(capsys, "--json")
    assert status == 0
    games = {game["name"]: game for game in json.loads(shown.out)["games"]}
    assert list(games) == library.names()
    for name, game in games.items():
        entry = library.describe(name)
        assert game["source"] == entry.source
        assert [f["statement"] for f in game["facts"]] == [f.describe() for f in entry.facts]
        assert [p["name"] for p in game["parameters"]] == [p.name for p in entry.parameters]


def test_one_game(capsys):
    status, shown = run(capsys, "penalty")
    assert status == 0
    assert "2 agents with 3, 3 actions" in shown.out
    assert "parameter k" in shown.out
    status, shown = run(capsys, "penalty", "--json")
    assert [game["name"] for game in json.loads(shown.out)["games"]] == ["penalty"]


def test_an_unknown_game_is_bad_input(capsys):
    status, shown = run(capsys, "climbin")
    assert status == 2
    assert "climbing" in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_check_that_holds(capsys):
    status, shown = run(capsys, "climbing", "--check")
    count = len(library.describe("climbing").facts)
    assert (status, shown.out) == (0, f"{count} of {count} recorded facts of 1 games hold\n")
    status, shown = run(capsys, "climbing", "--check", "--json")
    answer = json.loads(shown.out)
    assert status == answer["failed"] == 0
    assert len(answer["facts"]) == count
    assert all(fact["holds"] and fact["error"] <= fact["tolerance"] for fact in answer["facts"])


def test_a_fact_that_fails_is_named_and_the_status_is_1(capsys, monkeypatch):
    true_check = library.check

    def with_one_wrong(name):
        first, *rest = true_check(name)
        return [dataclasses.replace(first, error=3.5, holds=False), *rest] if name == "climbing" else [first, *rest]

    monkeypatch.setattr(library, "check", with_one_wrong)
    status, shown = run(capsys, "climbing", "--check")
    assert status == 1
    wrong = library.describe("climbing").facts[0]
    assert f"FAILED climbing: {wrong.describe()}: off by 3.5" in shown.out
    status, shown = run(capsys, "climbing", "--check", "--json")
    assert (status, json.loads(shown.out)["failed"]) == (1, 1)


@pytest.mark.parametrize("flag", ["--check=False", "--json=False"])
def test_false_means_false(flag, capsys):
    assert run(capsys, "climbing", flag)[1].out == run(capsys, "climbing")[1].out
