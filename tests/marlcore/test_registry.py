"""The registry: names from metadata alone, one owner per name, nearest names for a wrong one."""

import subprocess
import sys
from importlib import metadata

import pytest

from marlcore import registry
from marlcore.errors import InputError


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Pretend that a package "other" with these entry points is all that is installed: a function of their text."""

    def install(text):
        folder = tmp_path / "other-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(text)
        points = metadata.PathDistribution(folder).entry_points
        monkeypatch.setattr(registry, "_all_entry_points", lambda: points)

    return install


def test_the_key_of_an_entry_point_is_name_and_summary(installed):
    installed("[marlcore.games]\nlines - a game: of lines - and more (see Def. 2) = math:sqrt\nplain = math:cos\n")
    assert registry.names("games") == ["lines", "plain"]
    assert registry.summary("games", "lines") == "a game: of lines - and more (see Def. 2)"
    assert registry.summary("games", "plain") == ""
    assert registry.load("games", "lines")(4.0) == 2.0


def test_own_commands_are_found_without_importing_them():
    code = """
import sys
from marlcore import registry
found = registry.entries("commands")
assert found["games"].summary and found["solve"].summary
assert not any(name.startswith(("marlcore.commands", "tabular")) for name in sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_offers_the_nearest(installed):
    installed("[marlcore.learners]\nwolf_phc = math:sqrt\nnash_q = math:cos\n")
    with pytest.raises(InputError, match=r"unknown learner 'wolf_pch'; did you mean wolf_phc"):
        registry.load("learners", "wolf_pch")
    with pytest.raises(InputError, match=r"unknown learner 'zzzz'; there are nash_q, wolf_phc"):
        registry.load("learners", "zzzz")
    with pytest.raises(InputError, match=r"unknown extension point 'learner'; did you mean learners"):
        registry.names("learner")


def test_two_owners_of_a_name_are_listed_and_refused(installed):
    installed("[marlcore.drifts]\nl2 = math:sqrt\nl2 - the other = math:cos\nkl = math:cos\n")
    assert registry.names("drifts") == ["kl", "l2"]
    with pytest.raises(InputError, match=r"drifts has 'l2' more than once: other \(math:sqrt\), other \(math:cos\)"):
        registry.load("drifts", "l2")
    assert registry.load("drifts", "kl")(0.0) == 1.0


def test_registering_in_this_process(installed):
    installed("[marlcore.figures]\ntrap = math:sqrt\n")
    registry.register("figures", "mine", len, "counts")
    try:
        assert registry.names("figures") == ["mine", "trap"]
        assert registry.load("marlcore.figures", "mine") is len
        assert registry.summary("figures", "mine") == "counts"
        for taken in ("mine", "trap"):
            with pytest.raises(InputError, match=f"already has '{taken}'"):
                registry.register("figures", taken, len)
    finally:
        registry.unregister("figures", "mine")
    assert registry.names("figures") == ["trap"]
    with pytest.raises(InputError, match="was not registered"):
        registry.unregister("figures", "mine")


@pytest.mark.parametrize("name", ["", " x", "a - b"])
def test_names_that_cannot_be(name):
    with pytest.raises(InputError, match="cannot be a name"):
        registry.register("figures", name, len)


def test_every_extension_point_states_its_contract_and_suite():
    expected = "commands games learners drifts claims environments sharing algorithms figures drawings benchmarks"
    assert set(expected.split()) <= set(registry.EXTENSION_POINTS)
    for name, point in registry.EXTENSION_POINTS.items():
        assert point.group == f"marlcore.{name}"
        assert point.contract
        assert name in point.suite
