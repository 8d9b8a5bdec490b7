"""marlcore solve: values, gaps and optima of library games, files and random games."""

import itertools
import json

import numpy as np
import pytest

from marlcore import cli, io, policies
from marlcore.games import MarkovGame, MatrixGame, TeamGame, stack
from marlcore.values import evaluate


def solve(capsys, *argv):
    status = cli.main(["solve", *argv])
    shown = capsys.readouterr()
    assert status == 0, shown.err
    return json.loads(shown.out)


def refused(capsys, *argv):
    assert cli.main(["solve", *argv]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    return err


def test_matching_pennies(capsys):
    answer = solve(capsys, "matching_pennies", "--json")
    assert answer["game"] == {"name": "matching_pennies", "type": "MatrixGame", "agents": 2, "actions": [2, 2]}
    assert answer["values"] == {"J": [0.0, 0.0], "gaps": [0.0, 0.0], "max_gap": 0.0, "error": 0.0}
    assert answer["duality"]["exploitability"] == 0
    assert "optimum" not in answer


def test_matrix_games_are_solved_by_what_fits_them(capsys):
    pennies = solve(capsys, "matching_pennies", "--json")
    assert pennies["solution"]["value"] == pytest.approx(0, abs=1e-12)
    assert pennies["solution"]["row"] == pytest.approx([0.5, 0.5])
    assert "equilibria" not in pennies
    battle = solve(capsys, "battle_of_the_sexes", "--json")["equilibria"]
    assert battle["extreme_equilibria"] == battle["components"] == 3
    assert battle["regret"] <= 1e-9
    chicken = solve(capsys, "chicken", "--json")
    best = max(sum(pair) for pair in chicken["equilibria"]["payoffs"])
    assert chicken["correlated"]["welfare"] > best + 0.1  # Aumann 1974: correlation pays more than any equilibrium
    three = solve(capsys, "mckelvey_mclennan", "--json")["equilibria"]
    assert max(three["regret"]) <= 1e-9
    trap = solve(capsys, "trap_of_homogeneity:n=4", "--json")
    assert trap["shared"]["value"] == pytest.approx(2 / 2**4)
    assert trap["optimum"]["J"] == pytest.approx(1)


def test_a_policy_from_a_file(capsys, tmp_path):
    # both show heads: the row player wins 1, the column player would gain 2 by showing tails
    (tmp_path / "heads.json").write_text("[[1, 0], [1, 0]]")
    answer = solve(capsys, "matching_pennies", "--policy", str(tmp_path / "heads.json"), "--json")
    assert sorted(answer["values"]["J"]) == [-1, 1]
    assert sorted(answer["values"]["gaps"]) == [0, 2]
    assert answer["duality"]["exploitability"] == 2


def test_the_optimum_of_a_common_payoff_game(capsys):
    # Claus & Boutilier 1998: the climbing game's optimum is 11 at the first action of both
    answer = solve(capsys, "climbing", "--json")
    assert answer["optimum"].pop("error") < 1e-13
    assert answer["optimum"] == {"J": 11.0, "actions": [[0, 0]], "states_with_ties": 0}
    assert solve(capsys, "penalty", "--json")["optimum"]["states_with_ties"] == 1  # (0, 0) and (2, 2)
    answer = solve(capsys, "penalty:k=-30", "--json")
    assert answer["values"]["J"] == pytest.approx([(10 + 2 + 10 - 60) / 9] * 2)


def test_the_optimum_of_a_random_team_is_the_best_of_all_deterministic_policies(capsys):
    answer = solve(capsys, "random:2,2,3", "--rewards", "team", "--seed", "5", "--discount", "0.7", "--json")
    game = TeamGame.random(2, (2, 3), np.random.default_rng(5), discount=0.7)
    best = max(
        evaluate(game, policies.deterministic(game, (first, second))).J
        for first in itertools.product(range(2), repeat=2)
        for second in itertools.product(range(3), repeat=2)
    )
    assert answer["optimum"]["J"] == pytest.approx(best, abs=1e-12)
    first, second = np.transpose(answer["optimum"]["actions"])
    attained = evaluate(game, policies.deterministic(game, (first, second))).J
    assert attained == pytest.approx(best, abs=1e-12)
    assert "duality" not in answer


def test_a_random_game_is_a_function_of_the_seed(capsys):
    def values(seed):
        return solve(capsys, "random:2,2,2", "--policy", "random", "--seed", str(seed), "--json")["values"]

    assert values(1) == values(1)
    assert values(1) != values(2)


def test_zero_sum_games_report_the_duality_gap(capsys):
    answer = solve(capsys, "random:3,2,3", "--rewards", "zero-sum", "--json")
    assert answer["duality"]["exploitability"] == pytest.approx(sum(answer["values"]["gaps"]))
    assert answer["values"]["J"][0] == pytest.approx(-answer["values"]["J"][1])


@pytest.mark.parametrize("suffix", [".npz", ".nfg"])
def test_a_file(suffix, capsys, tmp_path):
    game = MatrixGame(np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]]))
    io.save(game, tmp_path / f"dilemma{suffix}")
    answer = solve(capsys, str(tmp_path / f"dilemma{suffix}"), "--json")
    # uniform: (3 + 0 + 5 + 1)/4 each; defecting pays (5 + 1)/2
    assert answer["values"]["J"] == [2.25, 2.25]
    assert answer["values"]["gaps"] == [0.75, 0.75]


def test_a_file_of_rationals(capsys, tmp_path):
    game = MarkovGame.random(2, (2, 2), np.random.default_rng(0)).convert("rational")
    io.save(game, tmp_path / "game.npz")
    plain = solve(capsys, "random:2,2,2", "--json")
    assert solve(capsys, str(tmp_path / "game.npz"), "--json")["values"]["J"] == pytest.approx(plain["values"]["J"])


def test_a_table_for_people(capsys):
    assert cli.main(["solve", "climbing"]) == 0
    out = capsys.readouterr().out
    assert "optimum of the team" in out
    assert "(0, 0)" in out
    assert "{" not in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["random:2,x"], "random:S,A1,...,An"),
        (["random:"], "random:S,A1,...,An"),
        (["random:2"], "action_counts"),
        (["random:2,2,2,2", "--rewards", "zero-sum"], "two players"),
        (["random:2,2", "--discount", "1"], "discount must be in [0, 1), not 1"),
        (["random:2,2", "--rewards", "mixed"], "'general', 'zero-sum', 'team'"),
        (["random:2,2", "--policy", "greedy"], "a policy is uniform, random or a .json file, not greedy"),
        (["random:2,2", "--policy", "absent.json"], "absent.json: No such file"),
        (["penalty:k"], "name:k=-30,n=4"),
        (["penalty:k=x"], "k"),
        (["penalty:j=1"], "'j'"),
        (["climbin"], "climbing"),
        (["absent.npz"], "absent.npz"),
        ([], "GAME"),
    ],
)
def test_bad_input_is_one_line(argv, words, capsys):
    assert words in refused(capsys, *argv)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[0.5, 0.6], [1, 0]]", "is not a distribution"),
        ("[[0.5, 0.5]]", "1 tables"),
        ("[[0.2, 0.3, 0.5], [1, 0]]", "shape"),
        ("{not json", "no JSON list"),
        ('[[1, 0], ["a", 0]]', "no JSON list"),
    ],
)
def test_a_bad_policy_file_is_one_line(text, words, capsys, tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(text)
    err = refused(capsys, "matching_pennies", "--policy", str(path))
    assert words in err
    assert "policy.json" in err


def test_a_damaged_file_is_one_line(capsys, tmp_path):
    path = tmp_path / "game.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    assert "game.npz" in refused(capsys, str(path))


def test_a_batch_is_refused(capsys, tmp_path):
    rng = np.random.default_rng(0)
    io.save(stack([MatrixGame.random((2, 2), rng) for _ in range(3)]), tmp_path / "batch.npz")
    assert "batch of games of shape (3,)" in refused(capsys, str(tmp_path / "batch.npz"))


@pytest.mark.parametrize("method", ["newton", "value-iteration", "policy-iteration"])
def test_zero_sum_markov_games_are_solved(capsys, method):
    # van der Wal 1978: the value is 8 in the state that matters and 0 in the other
    answer = solve(capsys, "van_der_wal", "--method", method, "--json")["solution"]
    assert answer["converged"] is True
    assert answer["method"] == method
    assert np.abs(np.array(answer["V"]) - [8, 0]).max() <= answer["error"] < 1e-6
    assert np.shape(answer["row"]) == np.shape(answer["column"]) == (2, 2)


def test_sparse_random_games_and_files(capsys, tmp_path):
    answer = solve(capsys, "random:200,2,3,successors=4", "--rewards", "zero-sum", "--seed", "3", "--json")
    game = MarkovGame.random(200, (2, 3), np.random.default_rng(3), successors=4, zero_sum=True)
    io.save(game, tmp_path / "game.npz")
    again = solve(capsys, str(tmp_path / "game.npz"), "--json")
    assert answer["solution"] == again["solution"]
    row, column = (np.array(answer["solution"][name]) for name in ("row", "column"))
    assert evaluate(game, (row, column)).J[0] == pytest.approx(answer["solution"]["value"], abs=1e-7)


def test_general_sum_markov_games_get_an_equilibrium(capsys):
    # Hu & Wellman: each agent reaches its goal in four moves, 100·0.99³
    answer = solve(capsys, "grid_game_1", "--select", "global-optimum", "--json")["equilibrium"]
    assert answer["J"] == pytest.approx([97.0299, 97.0299])
    assert (answer["converged"], answer["period"], answer["select"]) == (True, 1, "global-optimum")
    assert max(answer["regrets"]) < 1e-9
    assert 0 < answer["rule_met_in_states"] < 58
    assert np.shape(answer["V"]) == (2, 58)


def test_friends_against_foes(capsys):
    # two friends who must meet where the foe is not: ½ together, ¼ by independent strategies
    answer = solve(capsys, "friends_and_foe", "--friends", "0,1", "--json")["friends"]
    assert answer["value"] == pytest.approx(0.5)
    np.testing.assert_allclose(answer["friends_strategy"], [[[0.5, 0], [0, 0.5]]], atol=1e-12)
    assert (answer["agent"], answer["friends"], answer["foes"]) == (0, [0, 1], [2])
    assert "3 agents" in refused(capsys, "friends_and_foe", "--friends", "0,3")
    assert "friends are agents' numbers" in refused(capsys, "friends_and_foe", "--friends", "ann")


def test_tables_name_what_json_shows(capsys):
    assert cli.main(["solve", "grid_game_1", "--friends", "1"]) == 0
    shown = capsys.readouterr().out
    assert "equilibrium by value iteration" in shown
    assert "friends against foes" in shown
    assert "58 + 58 numbers (--json shows them)" in shown
    assert max(map(len, shown.splitlines())) < 200


def test_the_bar_counts_digits(monkeypatch):
    from tabular.commands import markov

    shares = []

    class Bar:
        def __init__(self, label, total):
            self.done = 0.0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def say(self, label):
            self.label = label

        def advance(self, amount):
            self.done += amount
            shares.append((self.label, self.done))

    monkeypatch.setattr(markov, "Progress", Bar)
    with markov.residual_bar("value") as show:
        for sweeps, residual in enumerate([1.0, 1e-2, 0.5, 1e-8, 1e-9], start=1):
            show(sweeps, residual, 1e-8)
    assert [done for _, done in shares] == [0, 25, 25, 100, 100]
    assert shares[1][0] == "value: sweep 2, residual 1.0e-02"
