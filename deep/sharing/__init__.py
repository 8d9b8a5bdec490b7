"""Sharing schemes by name: ``make("nops", n, body, generator)``; the contract is ``deep.sharing.scheme``."""

from __future__ import annotations

from typing import Any

import torch

from deep.networks import Body
from deep.sharing.fups import FuPS, FuPSID
from deep.sharing.hyper import Hyper, HyperOptions, hyper_linear
from deep.sharing.nops import NoPS, sized
from deep.sharing.obs_hyper import ObsHyper, ObsHyperOptions
from deep.sharing.scheme import Scheme
from marlcore import registry
from marlcore.errors import InputError

__all__ = [
    "FuPS",
    "FuPSID",
    "Hyper",
    "HyperOptions",
    "NoPS",
    "ObsHyper",
    "ObsHyperOptions",
    "Scheme",
    "hyper_linear",
    "make",
    "names",
    "parse",
    "sized",
]


def make(name: str, n: int, body: Body, generator: torch.Generator, **options: Any) -> Scheme:
    """The networks of n agents under that scheme, with initial weights from the generator."""
    return registry.load("sharing", name)(n, body, generator, **options)


def parse(text: str) -> tuple[str, dict[str, str]]:
    """The scheme and its options out of ``name?key=value&key=value``; the scheme's own types read the values."""
    name, question, tail = text.partition("?")
    options = {}
    for part in tail.split("&") if question else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise InputError(f"sharing {text!r}: option {part!r} is not key=value")
        options[key] = value
    return name, options


def names() -> list[str]:
    """The schemes that are installed."""
    return registry.names("sharing")
