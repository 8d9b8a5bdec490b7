"""Run the notebooks of docs/notebooks, and write what they display into them, or check that it is what they hold.

    python tools/docs/execute.py                 run each, from an empty folder, and write it again
    python tools/docs/execute.py --check         run each, and fail where a text or a table is not what is committed
    python tools/docs/execute.py lemmas          one of them

A notebook keeps its cells, their texts, tables and pictures, and nothing of the machine: no times, no versions, no
paths. Pictures depend on the machine's fonts in their last bits, so ``--check`` only asks that they are there; numbers
below 10⁻¹² are round-off, and count as 0.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
TEXTS = ("text/html", "text/markdown", "text/latex")
PICTURES = ("image/svg+xml", "image/png")
MINUTES = 5
ROUND_OFF = re.compile(r"-?\d+(?:\.\d+)?e-(?:1[2-9]|[2-9]\d|\d{3})\b")


def main(argv: Sequence[str]) -> int:
    """Run the command; status 1 where ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="names of notebooks, without .ipynb; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    options = parser.parse_args(argv)
    different = []
    for path in [FOLDER / f"{name}.ipynb" for name in options.names] or sorted(FOLDER.glob("*.ipynb")):
        committed = nbformat.read(path, as_version=4)
        made = executed(committed)
        if not options.check:
            nbformat.write(made, path)
        elif displayed(made) != displayed(committed):
            different.append(path.name)
    for name in different:
        print(f"{name} does not show what it is committed with; run python tools/docs/execute.py", file=sys.stderr)
    return int(bool(different))


def executed(notebook: Any) -> Any:
    """The notebook run from its first cell to its last in an empty folder; a cell that fails raises."""
    from nbclient import NotebookClient

    run = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(run, timeout=60 * MINUTES, resources={"metadata": {"path": folder}}).execute()
    return stripped(run)


def stripped(notebook: Any) -> Any:
    """The notebook without what depends on the machine; of several forms of an output, those that a page shows."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    for k, cell in enumerate(notebook.cells):
        kept = {"id": f"cell-{k}", "cell_type": cell.cell_type, "metadata": {}, "source": cell.source}
        if cell.cell_type == "code":
            kept |= {"execution_count": None, "outputs": _outputs(cell)}
        made.cells.append(nbformat.from_dict(kept))
    return made


def displayed(notebook: Any) -> list[Any]:
    """What the cells say, in order: source, texts and tables, and of a picture that there is one."""
    shown: list[Any] = []
    for cell in notebook.cells:
        shown.append(cell.source)
        for output in cell.get("outputs", ()):
            data = {"text": output.text} if output.output_type == "stream" else dict(output.data)
            for kind in PICTURES:
                if kind in data:
                    data = {"picture": True}
            shown.append({kind: ROUND_OFF.sub("0", str(text)) for kind, text in data.items()})
    return shown


def _outputs(cell: Any) -> list[Any]:
    """What a cell displays; pieces of printed text that arrive one after the other become one."""
    kept: list[Any] = []
    for output in cell.outputs:
        printed = output.output_type == "stream"
        if printed and output.name != "stdout":
            continue
        if printed and kept and kept[-1]["output_type"] == "stream":
            kept[-1]["text"] += output.text
        else:
            kept.append(_stripped(output))
    return kept


def _stripped(output: Any) -> Any:
    if output.output_type == "stream":
        return {"output_type": "stream", "name": "stdout", "text": output.text}
    kept = [kind for kind in (*TEXTS, *PICTURES) if kind in output.data][:1] or ["text/plain"]
    return {"output_type": "display_data", "metadata": {}, "data": {kind: output.data[kind] for kind in kept}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
