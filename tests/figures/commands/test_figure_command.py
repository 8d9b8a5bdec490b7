"""``marlcore figure``: files, parameters, data in and out, the list, the gallery, and one line for what is wrong."""

import json

import pytest

from figures.commands import figure as command
from marlcore import registry
from marlcore.cli import main

NAME = "homogeneity_trap"


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_a_figure_in_the_format_of_its_ending(tmp_path, kind, capsys):
    target = tmp_path / f"trap.{kind}"
    assert main(["figure", NAME, "--out", str(target), "--size", "slide", "--dark", "--largest", "4"]) == 0
    assert target.stat().st_size > 5000
    assert "Agents that share one policy" in capsys.readouterr().out


def test_data_kept_and_drawn_again_give_the_same_file(tmp_path):
    first, second, kept = tmp_path / "a.svg", tmp_path / "b.svg", tmp_path / "d.json"
    assert main(["figure", NAME, "--out", str(first), "--largest", "6", "--keep", str(kept)]) == 0
    assert json.loads(kept.read_text())["data"]["agents"] == [2, 4, 6]
    assert main(["figure", NAME, "--out", str(second), "--data", str(kept)]) == 0
    assert first.read_bytes() == second.read_bytes()


def test_nothing_is_replaced_unless_asked(tmp_path, capsys):
    target = tmp_path / "trap.svg"
    target.write_text("mine")
    assert main(["figure", NAME, "--out", str(target)]) == 2
    assert target.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["figure", NAME, "--out", str(target), "--force"]) == 0
    assert target.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which figure?"),
        (["homogenity_trap"], "did you mean homogeneity_trap"),
        ([NAME, "--smallest", "3"], "the parameters of homogeneity_trap: --largest"),
        ([NAME, "--largest", "three"], "largest"),
        ([NAME, "--largest", "13"], "largest must be from 2 to 12, not 13"),
        ([NAME, "--format", "jpg"], "unknown format 'jpg'"),
        ([NAME, "--format", "gif"], "does not move"),
        ([NAME, "--size", "poster"], "unknown size 'poster'"),
        ([NAME, "--data", "nowhere.json"], "nowhere.json cannot be read"),
        ([NAME, "--data", "nowhere.json", "--largest", "4"], "--largest has no effect"),
        ([NAME, "--all"], "leave out homogeneity_trap"),
        (["--all", "--out", "nowhere"], "there is no folder nowhere"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help_lists_the_parameters_of_the_figure(capsys):
    assert main(["figure", NAME, "--help"]) == 0
    assert "--largest INT" in capsys.readouterr().out


def test_the_list(capsys):
    assert main(["figure", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["figures"]
    assert [row["name"] for row in listed] == registry.names("figures")
    assert all(row["claims"] and row["shows"] for row in listed)
    assert main(["figure", "--list"]) == 0
    assert NAME in capsys.readouterr().out


def test_the_gallery_of_what_is_registered(tmp_path, monkeypatch, capsys):
    entries = registry.entries("figures")
    monkeypatch.setattr(
        registry, "names", lambda point: [NAME] if point == "figures" else list(registry.entries(point))
    )
    assert main(["figure", "--all", "--out", str(tmp_path), "--workers", "1", "--json"]) == 0
    assert NAME in entries
    page = (tmp_path / "gallery.md").read_text(encoding="utf-8")
    for shade in ("", "-dark"):
        assert (tmp_path / "gallery" / f"{NAME}{shade}.svg").stat().st_size > 5000
        assert f"(gallery/{NAME}{shade}.svg#only-" in page
    figure = registry.load("figures", NAME)
    assert f"![{figure.alt}]" in page
    assert all(claim in page for claim in figure.claims)
    capsys.readouterr()
    assert main(["figure", "--all", "--out", str(tmp_path), "--workers", "1"]) == 2
    assert "--force" in capsys.readouterr().err


def test_a_name_that_is_the_value_of_an_option_is_no_figure():
    assert command._config(["--out", NAME]) is command.Config
    assert command._config(["--dark", NAME]) is not command.Config
