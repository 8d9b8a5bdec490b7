"""What README and docs show is true: code blocks run, commands print what is shown, the glossary names what is there.

A ``python`` block runs after those before it on its page; a ``console`` block runs its ``$ marlcore`` lines and, where
output is shown, compares it (``...`` stands for any lines); a ``toml`` block parses.
"""

import dataclasses
import importlib
import inspect
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def pages_with(language):
    found = [page for page in PAGES if blocks(page, language)]
    assert found, f"no page has a {language} block"
    return pytest.mark.parametrize("page", found, ids=lambda page: str(page.relative_to(ROOT)))


@pages_with("python")
def test_python_blocks_run(page, tmp_path):
    script = tmp_path / "page.py"
    script.write_text("\n\n".join(blocks(page, "python")), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


@pages_with("console")
def test_console_blocks_print_what_they_show(page, tmp_path):
    for block in blocks(page, "console"):
        first, *rest = re.split(r"^\$ ", block, flags=re.MULTILINE)
        assert not first.strip(), f"a console block starts with a command, not with {first!r}"
        for part in rest:
            command, _, shown = part.partition("\n")
            done = run(command, tmp_path)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert done.stdout.strip(), f"{command} printed nothing"
            if shown.strip():
                assert matches(shown, done.stdout), f"{command} printed\n{done.stdout}"


def run(command, folder):
    program, *arguments = command.split()
    assert program == "marlcore", f"a console block runs marlcore, not {program}"
    return subprocess.run(
        [sys.executable, "-m", "marlcore", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )


def matches(shown, printed):
    parts = [part.strip("\n") for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
    pattern = r"(?:.*\n)?".join(re.escape(part) + r"\n" if part else "" for part in parts)
    printed = "".join(line.rstrip() + "\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def test_shown_output_is_compared_line_by_line():
    assert matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert matches("a\n...\nd\n", "a\nd\n")
    assert matches("a\n...\n", "a\nb\n")
    assert matches("...\nb\n", "a\nb\n")
    assert not matches("a\n...\nd\n", "a\nb\ne\n")
    assert not matches("a\nb\n", "a\nb\nc\n")


@pages_with("toml")
def test_toml_blocks_parse(page):
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


def test_every_block_is_of_a_language_that_is_run():
    languages = {language for page in PAGES for language, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert languages <= {"python", "console", "toml"}


def test_the_make_targets_that_pages_name_exist():
    named = {name for page in PAGES for name in re.findall(r"make ([a-z-]+)", code_of(page))}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"verify", "test"} <= named <= targets


def code_of(page):
    """What stands in backticks or is indented."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    .*$", text, re.MULTILINE)])


def test_links_between_pages_lead_somewhere():
    target = re.compile(r"\]\(([^)#\s]+\.(?:md|cff))")
    links = [(page, link) for page in PAGES for link in target.findall(page.read_text(encoding="utf-8"))]
    assert links
    places = [(page, link, page.parent / link) for page, link in links if "://" not in link]
    # a notebook is a page too (tools/docs/pages.py)
    broken = [
        f"{page.name}: {link}"
        for page, link, place in places
        if not place.exists() and not place.with_suffix(".ipynb").exists()
    ]
    assert not broken


# ---------------------------------------------------------------- the glossary


def glossary_rows():
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("|") and not line.startswith(("|---", "| symbol"))
    ]
    assert len(rows) > 40
    return rows


def place(path):
    """What a glossary path names: a module's attribute, a class's field, or a function's parameter."""
    name, _, parameter = path.rstrip(")").partition("(")
    parts = name.split(".")
    cut = next(k for k in range(len(parts), 0, -1) if importable(".".join(parts[:k])))
    target = importlib.import_module(".".join(parts[:cut]))
    for part in parts[cut:]:
        fields = {f.name for f in dataclasses.fields(target)} if dataclasses.is_dataclass(target) else set()
        assert part in fields or hasattr(target, part), f"{path}: nothing called {part}"
        target = getattr(target, part, None)
    if parameter:
        assert parameter in inspect.signature(target).parameters, f"{path}: no such parameter"
    return parameter or parts[-1]


def importable(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("row", glossary_rows(), ids=lambda row: row[1])
def test_each_symbol_of_the_glossary_is_in_the_code(row):
    symbol, name, shape, source, path = row
    assert symbol
    assert shape
    assert source
    assert place(path.strip("`")) == name.strip("`")


def test_a_code_name_means_one_thing():
    places = [row[4] for row in glossary_rows()]
    names = [row[1] for row in glossary_rows()]
    assert len(set(places)) == len(places)
    assert [name for name, group in itertools.groupby(sorted(names)) if len(list(group)) > 1] == []


@pytest.mark.parametrize(
    "path", ["marlcore.values.Evaluation.W", "marlcore.values.evaluate(policies)", "marlcore.values.evaluat"]
)
def test_a_place_that_is_not_there_is_noticed(path):
    with pytest.raises(AssertionError, match=r"no such parameter|nothing called"):
        place(path)
