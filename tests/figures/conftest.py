"""Figures' data are computed once for all tests of a process."""

import functools

import pytest

from figures.figure import load


@functools.cache
def data_of(name):
    return load(name).compute()


@pytest.fixture(scope="session")
def data():
    """``data(name)``: the data of a figure at its default parameters."""
    return data_of
