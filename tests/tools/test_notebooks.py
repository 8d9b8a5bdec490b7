"""The committed notebooks are what their cells display, and hold nothing of the machine that ran them."""

import importlib.util
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def load(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "tools" / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


execute, notebook = load("execute"), load("notebook")


def test_there_is_one_for_each_use():
    assert {path.stem for path in NOTEBOOKS} >= {"lemmas", "figures", "learning"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_again_what_it_was_committed_with(path):
    committed = nbformat.read(path, as_version=4)
    assert execute.displayed(execute.executed(committed)) == execute.displayed(committed)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_valid_stripped_and_names_no_machine(path):
    committed = nbformat.read(path, as_version=4)
    nbformat.validate(committed)
    assert execute.stripped(committed) == committed
    assert any(cell.get("outputs") for cell in committed.cells)
    found = re.findall(r"(?:/(?:home|root|tmp|usr|work|Users|opt)/|[A-Z]:\\\\)\S*", path.read_text(encoding="utf-8"))
    assert not found


def test_a_different_output_is_noticed(tmp_path, monkeypatch, capsys):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)\nprint(2)\n3")])
    done = execute.executed(made)
    assert [o.output_type for o in done.cells[0].outputs] == ["stream", "display_data"]
    assert done.cells[0].outputs[0].text == "1\n2\n"
    nbformat.write(done, tmp_path / "x.ipynb")
    monkeypatch.setattr(execute, "FOLDER", tmp_path)
    assert execute.main(["--check"]) == 0
    done.cells[0].outputs[0].text = "1\n1\n"
    nbformat.write(done, tmp_path / "x.ipynb")
    assert execute.main(["--check"]) == 1
    assert "x.ipynb does not show" in capsys.readouterr().err
    assert execute.main([]) == 0
    assert execute.main(["--check", "x"]) == 0


def test_round_off_is_no_difference():
    def cell(text):
        made = nbformat.v4.new_code_cell("x")
        made.outputs = [nbformat.v4.new_output("display_data", data={"text/html": text})]
        return nbformat.v4.new_notebook(cells=[made])

    shown = [execute.displayed(cell(text)) for text in ("a -4.4e-16 b", "a 7.65077e-309 b", "a 4.4e-9 b", "a 0.5 b")]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2] != shown[3]
    assert shown[3][1] == {"text/html": "a 0.5 b"}


def test_a_page_shows_code_text_tables_and_pictures(tmp_path):
    v4 = nbformat.v4
    code = v4.new_code_cell("draw()")
    code.outputs = [
        v4.new_output("stream", name="stdout", text="printed\n"),
        v4.new_output("display_data", data={"text/html": "<table>\n\n<tr></tr></table>"}),
        v4.new_output("display_data", data={"image/svg+xml": "<svg/>"}),
        v4.new_output("display_data", data={"text/plain": "7"}),
    ]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Head"), code]), tmp_path / "x.ipynb")
    text, pictures = notebook.as_markdown(tmp_path / "x.ipynb")
    assert text.startswith("# Head\n\n*Written as a notebook, and run: [x.ipynb](x.ipynb).*\n\n```python\ndraw()\n```")
    assert "printed" in text
    assert '<div class="shown"><table> <tr></tr></table></div>' in text
    assert pictures == {"x_0.svg": b"<svg/>"}
    assert "![what the cell above draws](x_0.svg)" in text
    assert text.rstrip().endswith("7\n```")
    code.outputs = [v4.new_output("error", ename="ValueError", evalue="no", traceback=[])]
    nbformat.write(v4.new_notebook(cells=[code]), tmp_path / "y.ipynb")
    with pytest.raises(ValueError, match="y: a cell of this notebook fails with ValueError: no"):
        notebook.as_markdown(tmp_path / "y.ipynb")


def test_docstrings_read_as_they_were_written():
    docstrings = load("docstrings")
    escaped = docstrings.escaped
    assert escaped("V* and J*_share <= 1, see ``V*``") == r"V\* and J\*\_share \<= 1, see ``V*``"
    assert escaped("Source: *Heterogeneous-Agent* (2024).") == "Source: *Heterogeneous-Agent* (2024)."
    assert escaped("Says:\n    a * b\n    c\nEnd") == "Says:\n\n    a * b\n    c\n\nEnd"
    assert escaped("- one\n  two *\n- three") == "- one\n  two \\*\n- three"


def test_the_api_has_every_public_module_and_no_private_one():
    sys.path.insert(0, str(ROOT / "tools" / "docs"))
    pages = load("pages")
    found = [name for package in pages.PACKAGES for name in pages.modules(package)]
    assert len(found) == len(set(found)) > 80
    assert {"marlcore.games", "marlcore.kit.html", "tabular.learners.wolf_phc", "proofs_check.claim"} <= set(found)
    assert not [name for name in found if "._" in name or name.endswith("_kernel") or ".commands" in name]
    assert pages.api_page("tabular").count(":::") == len(list(pages.modules("tabular")))
