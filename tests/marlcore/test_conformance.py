"""The suites pass what keeps its contract and catch what breaks one condition of it."""

from dataclasses import dataclass

import numpy as np
import pytest

from marlcore import conformance, objectives, registry
from marlcore.conformance import ConformanceError
from marlcore.errors import InputError
from marlcore.games import MatrixGame, TeamGame, stack

DRIFTS = {
    "zero": objectives.zero_drift,
    "forward_kl": objectives.forward_kl_drift(0.5),
    "reverse_kl": objectives.reverse_kl_drift(2.0),
    "squared_l2": objectives.squared_l2_drift(),
    "clip": objectives.clip_drift(0.2),
    "marginal_clip": objectives.marginal_clip_drift(0.2),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_our_drifts_conform(name):
    assert len(conformance.check("drifts", DRIFTS[name]).checks) == 4


def total_variation(hat, at):
    return abs(hat - at.old).sum(-1) / 2


def signed(hat, at):
    return ((hat - at.old) * at.advantage).sum(-1) ** 3


def offset(hat, at):
    return ((hat - at.old) ** 2).sum(-1) + 1e-6


def kinked(hat, at):
    return 1000 * ((hat - at.old) ** 2).sum(-1) + 0.01 * abs(hat - at.old).sum(-1)


def summed(hat, at):
    return ((hat - at.old) ** 2).sum()


@pytest.mark.parametrize(
    ("drift", "condition"),
    [
        (total_variation, "its slope towards action"),
        (kinked, "its slope towards action"),
        (signed, "it is -"),
        (offset, "at the old policy"),
        (summed, "shape"),
        (lambda hat, at: np.log(0 * hat).sum(-1), "not finite"),
    ],
)
def test_a_broken_drift_is_caught_by_the_condition_it_breaks(drift, condition):
    with pytest.raises(ConformanceError, match=condition), np.errstate(divide="ignore"):
        conformance.check("drifts", drift)


def test_a_game_conforms():
    assert conformance.check("games", lambda: MatrixGame(np.eye(2)[None].repeat(2, 0))).checks


def test_games_that_do_not_conform():
    rng = np.random.default_rng(0)
    with pytest.raises(ConformanceError, match="payoffs differs between two builds"):
        conformance.check("games", lambda: MatrixGame.random((2, 2), rng))
    batch = stack([TeamGame(np.ones((1, 2, 1)), np.zeros((1, 2)), 0.5)] * 2)
    with pytest.raises(ConformanceError, match="is a batch of shape"):
        conformance.check("games", lambda: batch)
    with pytest.raises(ConformanceError, match="ndarray is no game"):
        conformance.check("games", lambda: np.eye(2))


def good_command(argv):
    if argv == ["--help"]:
        print("usage: marlcore good [OPTIONS]\n\nexample:\n  marlcore good")
        return 0
    if argv:
        raise InputError(f"unknown option {argv[0]!r}")
    return 0


def test_a_command_conforms():
    assert len(conformance.check("commands", good_command).checks) == 2


@pytest.mark.parametrize(
    ("main", "fault"),
    [
        (lambda argv: 0, "no line 'usage"),
        (lambda argv: print("usage: marlcore good"), "no line 'example"),
        (lambda argv: print("usage: marlcore good\nexample:\n  marlcore other"), "does not run 'marlcore good'"),
        (lambda argv: 0 if argv != ["--help"] else good_command(argv), "an unknown option exits 0"),
        (lambda argv: 1, "--help exits 1"),
    ],
)
def test_a_broken_command_is_caught(main, fault):
    with pytest.raises(ConformanceError, match=fault):
        conformance.check("commands", main)


@pytest.mark.parametrize("name", registry.names("commands"))
def test_our_commands_conform(name):
    assert registry.summary("commands", name)
    assert conformance.check("commands", name).subject == name


@dataclass(frozen=True)
class Case:
    name: str
    job: object = int
    amount: float = 1.0
    unit: str = "calls"
    peer: bool = False


def test_a_benchmark_conforms():
    def absent():
        raise ImportError("a peer need not be installed")

    assert conformance.check("benchmarks", lambda: [Case("ours"), Case("theirs", absent, peer=True)]).checks


@pytest.mark.parametrize(
    ("cases", "fault"),
    [
        ([], "no case of our own"),
        ([Case("theirs", peer=True)], "no case of our own"),
        ([Case("ours"), Case("ours")], "two cases have one name"),
        ([Case("")], "has no name"),
        ([Case("ours", amount=0.0)], r"ours does 0.0 calls"),
        ([Case("ours", [1].pop)], "IndexError"),
    ],
)
def test_a_broken_benchmark_is_caught(cases, fault):
    with pytest.raises(ConformanceError, match=fault):
        conformance.check("benchmarks", lambda: cases)


def test_a_package_brings_the_suite_of_its_own_extension_point():
    def it_is_a_dictionary(subject):
        """It is a dictionary."""
        assert isinstance(subject, dict), "it is not"

    registry.register("conformance", "drawings", (it_is_a_dictionary,))
    try:
        assert conformance.check("drawings", {}).checks == ("It is a dictionary.",)
        with pytest.raises(
            ConformanceError, match=r"breaks the contract of drawings: It is a dictionary. AssertionError"
        ):
            conformance.check("drawings", [])
    finally:
        registry.unregister("conformance", "drawings")


def test_an_empty_suite_passes_nothing():
    registry.register("conformance", "drawings", ())
    try:
        with pytest.raises(ConformanceError, match="empty"):
            conformance.check("drawings", {})
    finally:
        registry.unregister("conformance", "drawings")
    with pytest.raises(InputError, match="unknown extension point 'drift'; did you mean drifts"):
        conformance.check("drift", None)
