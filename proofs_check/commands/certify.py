"""``marlcore certify WITNESS``: re-check a counterexample in exact arithmetic, without any search.

WITNESS is a file that ``marlcore falsify`` wrote, or the id of a claim that carries a witness of its own. ``--picture``
draws it, where the entry ``witness`` of ``marlcore.drawings`` is registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from marlcore import registry
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit.tables import emit
from proofs_check import readable, witness
from proofs_check.instances import as_data

EXAMPLE = "marlcore certify harl/theorem_10/any_start"


@dataclass(frozen=True)
class Config:
    """What ``marlcore certify`` takes."""

    witness: Positional[Annotated[str, arg(metavar="WITNESS")]]
    """A witness file, or a claim with a witness of its own."""
    picture: Path | None = None
    """Draw the witness into this file (.pdf, .svg, .png)."""
    json: bool = False
    """Print JSON instead of text."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore certify", "Re-check a witness in exact arithmetic.", EXAMPLE)
    checked = witness.read(config.witness) if config.witness.endswith(".json") else witness.own(config.witness)
    claim, certificate = checked.claim, checked.certificate
    data = {"claim": claim.id, "holds": True, "margin": certificate.value, "arithmetic": certificate.arithmetic}
    if config.picture is not None:
        _draw(checked, config.picture)
        data["picture"] = str(config.picture)
    lines = (
        f"{claim.id}: {claim.plain}",
        *readable.lines(as_data(checked.instance)),
        f"margin = {certificate.value} in {certificate.arithmetic}: it refutes the claim",
    )
    emit(data, *lines, as_json=config.json)
    return 0


def _draw(checked: witness.Checked, path: Path) -> None:
    if path.exists():
        raise InputError(f"{path} exists; choose another file with --picture")
    if path.suffix not in (".pdf", ".svg", ".png"):
        raise InputError(f"--picture must end in .pdf, .svg or .png, not {path.name}")
    registry.load("drawings", "witness")(checked).savefig(path)
