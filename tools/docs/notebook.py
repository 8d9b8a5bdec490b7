"""A notebook as a Markdown page: its text, its code, and what the code displayed when it was run.

Of several forms of one output a page takes the first of HTML, SVG, PNG and text. Pictures become files beside the page.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

PICTURES = {"image/svg+xml": "svg", "image/png": "png"}


def as_markdown(path: Path) -> tuple[str, dict[str, bytes]]:
    """The page of the notebook at ``path``, and its pictures by file name."""
    parts, pictures = [], {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            parts.append(_shown(output, path.stem, pictures))
    heading, *rest = parts
    note = f"*Written as a notebook, and run: [{path.name}]({path.name}).*"
    return "\n\n".join([heading, note, *rest]) + "\n", pictures


def _shown(output: dict[str, Any], stem: str, pictures: dict[str, bytes]) -> str:
    if output["output_type"] == "stream":
        return _text("".join(output["text"]))
    if output["output_type"] == "error":
        raise ValueError(f"{stem}: a cell of this notebook fails with {output['ename']}: {output['evalue']}")
    data = output["data"]
    if "text/html" in data:
        # one block without blank lines: Markdown passes it on as it is
        lines = "".join(data["text/html"]).splitlines()
        return '<div class="shown">' + " ".join(line for line in lines if line.strip()) + "</div>"
    for kind, ending in PICTURES.items():
        if kind in data:
            name = f"{stem}_{len(pictures)}.{ending}"
            raw = "".join(data[kind])
            pictures[name] = raw.encode() if ending == "svg" else base64.b64decode(raw)
            return f"![what the cell above draws]({name})"
    return _text("".join(data["text/plain"]))


def _text(text: str) -> str:
    return f'```text title="shows"\n{text.rstrip()}\n```'
