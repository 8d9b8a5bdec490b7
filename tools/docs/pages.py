"""Pages of the documentation that are made while it is built: the API, one page a package, and the notebooks.

An API page is found, not written: each public module under its package's ``__init__`` docstring, in the order of its
folders. A module is public unless its name starts with an underscore or ends in ``_kernel``, or it is a command's.
MkDocs calls ``on_files`` (``hooks`` in mkdocs.yml); nothing here imports the packages.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import notebook

ROOT = Path(__file__).parents[2]
PACKAGES = ("marlcore", "tabular", "deep", "proofs_check", "figures")
HIDDEN = {"commands", "claims", "data", "__main__"}


def on_files(files: Files, config: Any) -> Files:
    """Add the made pages to those that are found in docs/."""
    for package in PACKAGES:
        files.append(File.generated(config, f"api/{package}.md", content=api_page(package)))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        text, images = notebook.as_markdown(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, data in images.items():
            files.append(File.generated(config, f"notebooks/{name}", content=data))
    return files


def api_page(package: str) -> str:
    """The page of ``package`` as mkdocstrings reads it."""
    said = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))) or ""
    parts = [f"# {package}", docstrings.escaped(said)]
    for name in modules(package):
        parts.append(f"::: {name}\n    options:\n      heading_level: 2")
    return "\n\n".join(parts) + "\n"


def modules(package: str) -> Iterator[str]:
    """The public modules of ``package`` that define something public, those of its top folder first."""
    found = sorted((ROOT / package).rglob("*.py"), key=lambda path: (len(path.parts), path.parts))
    for path in found:
        parts = path.relative_to(ROOT).with_suffix("").parts
        hidden = any(part in HIDDEN or (part.startswith("_") and part != "__init__") for part in parts)
        if hidden or parts[-1].endswith("_kernel") or not _defines_something(path):
            continue
        yield ".".join(part for part in parts if part != "__init__")


def _defines_something(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(
        (isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"))
        or isinstance(node, ast.Assign)
        for node in body
    )
