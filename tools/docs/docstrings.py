"""Docstrings as Markdown: prose is escaped, so that V*, J*_share and A_π <= 1 read as they were written.

Docstrings are plain text with three marks: ``code`` between double backticks, lists, and indented blocks, which hold
equations and stay as they are. Everything else that Markdown would take for emphasis, a link or a tag is text.
Griffe loads ``Plain`` (``extensions`` in mkdocs.yml) and hands it every object that it has read.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

KEPT = re.compile(r"(``.+?``|(?<!\S)\*[A-Z][A-Za-z][^*]*\*(?=[\s,.;:)]|$))")
"""Code, and a title in italics: an asterisk before a word and one after it."""
SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


def escaped(text: str) -> str:
    """``text`` with Markdown's characters escaped outside of code, and blank lines around its indented blocks."""
    lines: list[str] = []
    for line in text.splitlines():
        block = line.startswith("    ") and not in_list(lines)
        before = lines[-1] if lines else ""
        if before.strip() and line.strip() and block != (before.startswith("    ") and not in_list(lines)):
            lines.append("")
        lines.append(line)
    blocks = re.split(r"(\n\s*\n)", "\n".join(lines))
    return "".join(part if part.startswith("    ") else _prose(part) for part in blocks)


def in_list(lines: list[str]) -> bool:
    """Whether the last paragraph so far is an item of a list, whose lines may be indented."""
    for line in reversed(lines):
        if not line.strip():
            return False
        if re.match(r"\s*(-|\d+\.) ", line):
            return True
        if not line.startswith(" "):
            return False
    return False


def _prose(text: str) -> str:
    # an odd place in the split is kept
    parts = KEPT.split(text)
    return "".join(part if k % 2 else SPECIAL.sub(r"\\\1", part) for k, part in enumerate(parts))


class Plain(griffe.Extension):
    """Escape the docstring of every object."""

    def on_instance(self, *, obj: Any, **kwargs: Any) -> None:
        """Griffe has read ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = escaped(obj.docstring.value)
