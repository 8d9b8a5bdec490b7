"""Counts in closed form against the modules of deep.sharing, and against the multiplications torch counts."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from deep import sharing
from deep.networks import Body
from figures.sharing_costs import data as compute
from marlcore.errors import InputError

SCHEMES = {"FuPS": "fups", "FuPS+ID": "fups_id", "NoPS": "nops", "hypernetwork": "hyper"}
SIZES = {"inputs": 6, "outputs": 3, "hidden": 10, "embedding": 5, "width": 7}


def made(name, n):
    body = Body(6, 3, hidden=(10, 10), norm=False)
    options = {"size": 5, "hidden": (7,)} if name == "hyper" else {}
    return sharing.make(name, n, body, torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize("name", SCHEMES)
def test_parameters_are_those_of_the_modules(name):
    counts = compute(**SIZES, largest=8)
    for n, count in zip(counts.agents, counts.parameters[name], strict=True):
        module = made(SCHEMES[name], int(n))
        assert sum(p.numel() for p in module.parameters() if p.requires_grad) == count


@pytest.mark.parametrize("name", SCHEMES)
def test_multiplications_are_those_that_torch_counts(name):
    """torch counts a multiply-add as two operations."""
    counts = compute(**SIZES, largest=4)
    for k, n in enumerate(counts.agents):
        module = made(SCHEMES[name], int(n))
        with FlopCounterMode(display=False) as generating:
            weights = module.weights()
        with FlopCounterMode(display=False) as step:
            module(torch.zeros(int(n), 6), weights=weights)
        assert step.get_total_flops() == 2 * counts.multiplications[name][k]
        assert generating.get_total_flops() == (2 * counts.generation[k] if name == "hypernetwork" else 0)


def test_a_hypernetwork_is_smaller_exactly_above_its_width(data):
    found = data("sharing_costs")
    smaller = found.parameters["hypernetwork"] < found.parameters["NoPS"]
    assert not smaller[found.agents <= found.width].any()
    assert smaller[found.agents >= found.width + 3].all()
    assert (np.diff(found.parameters["FuPS"]) == 0).all()
    assert (found.parameters["FuPS+ID"] > found.parameters["FuPS"]).all()


def test_sizes_are_checked():
    with pytest.raises(InputError, match="at least 1"):
        compute(width=0)
