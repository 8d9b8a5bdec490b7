"""Algorithms by name: ``load("happo")``; the contract is ``deep.algorithms.contract``."""

from __future__ import annotations

from deep.algorithms.contract import Algorithm, Moment
from marlcore import registry

__all__ = ["Algorithm", "Moment", "load", "names"]


def load(name: str) -> Algorithm:
    """The algorithm of that name."""
    return registry.load("algorithms", name)


def names() -> list[str]:
    """The algorithms that are installed."""
    return registry.names("algorithms")
