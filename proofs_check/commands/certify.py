"""``marlcore certify WITNESS``: re-check a counterexample in exact arithmetic, without any search.

WITNESS is a file that ``marlcore falsify`` wrote, or the id of a claim that carries a witness of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from marlcore.cli_config import Positional, arg, parse
from marlcore.kit.tables import emit
from proofs_check import readable, witness
from proofs_check.instances import as_data

EXAMPLE = "marlcore certify harl/theorem_10/any_start"


@dataclass(frozen=True)
class Config:
    """What ``marlcore certify`` takes."""

    witness: Positional[Annotated[str, arg(metavar="WITNESS")]]
    """A witness file, or a claim with a witness of its own."""
    json: bool = False
    """Print JSON instead of text."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore certify", "Re-check a witness in exact arithmetic.", EXAMPLE)
    checked = witness.read(config.witness) if config.witness.endswith(".json") else witness.own(config.witness)
    claim, certificate = checked.claim, checked.certificate
    data = {"claim": claim.id, "holds": True, "margin": certificate.value, "arithmetic": certificate.arithmetic}
    lines = (
        f"{claim.id}: {claim.plain}",
        *readable.lines(as_data(checked.instance)),
        f"margin = {certificate.value} in {certificate.arithmetic}: it refutes the claim",
    )
    emit(data, *lines, as_json=config.json)
    return 0
