"""Checkpoints: everything that the next update depends on, in one file that is there whole or not at all.

    networks, optimisers, normaliser, counters of the random streams, environment, recurrent state, unfinished episodes

The file holds tensors, numbers and strings only and is read with ``weights_only=True``: no code in it runs. It carries
the run's config; one of another config, one that is cut short and one that holds anything else are refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from marlcore.errors import InputError
from marlcore.kit import files

FORMAT, VERSION = "marlcore checkpoint", 1
NAME = "checkpoint.pt"


def save(path: Path, config: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Write a checkpoint in place of the one before."""
    buffer = io.BytesIO()
    head = {"format": FORMAT, "version": VERSION, "config": json.dumps(config, sort_keys=True)}
    torch.save({**head, **_alone(content)}, buffer)
    files.write_bytes(path, buffer.getvalue(), overwrite=True)


def _alone(content: Any) -> Any:
    """The same with no tensor that looks at a part of a larger one: torch would write the larger one."""
    if isinstance(content, torch.Tensor):
        return content.clone() if content.untyped_storage().nbytes() > content.nbytes else content
    if isinstance(content, Mapping):
        return {key: _alone(value) for key, value in content.items()}
    return [_alone(value) for value in content] if isinstance(content, list) else content


def load(path: Path, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU wherever it was written; of ``config`` if that is given."""
    try:
        content = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path.parent} has no checkpoint: it was stopped before its first one") from None
    except Exception as error:  # torch raises whatever its reader meets: a broken archive, a pickle that is not allowed
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path} is no checkpoint that can be read, or it is damaged: {reason[:120]}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is a file of torch, and no checkpoint of a run")
    if content.get("version") != VERSION:
        raise InputError(f"{path} has format version {content.get('version')}; this version reads {VERSION}")
    if config is not None and content.get("config") != json.dumps(config, sort_keys=True):
        raise InputError(f"{path} belongs to a run of another config than {path.parent / 'config.json'}")
    return content
