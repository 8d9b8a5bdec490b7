"""Closed forms against the modules themselves: parameters counted, multiply-adds by torch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from deep import sharing
from deep.networks import Body, count
from deep.sharing.costs import CORRIDOR, costs, crossing
from marlcore.errors import InputError

BODIES = [
    pytest.param(Body(7, 4, (8, 6)), id="mlp"),
    pytest.param(Body(7, 4, (8,), recurrent=6, head=(5,), norm=False), id="gru"),
]
SCHEMES = {
    "fups": ("fups", {}),
    "fups_id": ("fups_id", {}),
    "nops": ("nops", {}),
    "hyper": ("hyper", {}),
    "hyper-deep": ("hyper", {"hidden": (16, 8), "embedding": "one_hot"}),
    "hyper-linear-learned": ("hyper", {"kind": "linear", "size": 3}),
    "hyper_linear": ("hyper_linear", {}),
    "obs_hyper": ("obs_hyper", {}),
    "obs-own": ("obs_hyper", {"conditioning": "own", "history": "lstm"}),
    "obs-full": ("obs_hyper", {"increment": "full", "history": "none"}),
    "obs-low-rank": ("obs_hyper", {"increment": "low_rank", "rank": 2, "history": "window"}),
    "obs-scaling": ("obs_hyper", {"scaling": True, "history": "attention", "context": 2}),
    "obs-types": ("obs_hyper", {"types": (0, 0, 1), "increment": "low_rank", "rank": 2}),
}
# torch's counter leaves out element-wise work, as the closed forms do


def multiply_adds(job):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        job()
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("name", "options"), SCHEMES.values(), ids=SCHEMES.keys())
def test_closed_forms_are_the_modules(name, options, body):
    n = 3
    s = sharing.make(name, n, body, torch.Generator().manual_seed(0), **options)
    found = costs(name, n, body, **options)
    assert found.parameters == sum(p.numel() for p in s.parameters() if p.requires_grad)
    x, state = torch.randn(1, 1, n, body.inputs + s.context), s.initial_state(1)
    weights = s.weights()
    stepping = multiply_adds(lambda: s(x, state, weights=weights))
    if found.generated == "step":
        assert stepping == found.act + found.generate
    else:
        assert multiply_adds(s.weights) == found.generate
        assert stepping == found.act
    assert (found.generated == "step") == s.conditioned
    assert (found.generated == "update") == (found.generate > 0 and not s.conditioned)


def test_the_crossings_at_16158_parameters():
    """MLP: (H + 1)·P against n·P, and so on; P is that of the 64 x 64 body of SMAC's corridor."""
    assert count(CORRIDOR) == 16158
    assert crossing("hyper", hidden=(64,)) == 66
    assert crossing("hyper", hidden=(64,), embedding="one_hot") == 66
    assert crossing("hyper", hidden=(16,)) == 18
    assert [crossing("hyper", kind="linear", size=k) for k in (4, 8, 16)] == [6, 10, 18]
    assert crossing("hyper_linear") is None
    assert crossing("fups") == 2
    assert crossing("nops", against="fups") is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("hyper", {"hidden": (16,)}, id="mlp"),
        pytest.param("hyper", {"kind": "linear", "size": 8}, id="linear"),
        pytest.param("fups_id", {}, id="fups_id"),
        pytest.param("obs_hyper", {}, id="obs_hyper"),
    ],
)
def test_a_crossing_is_where_the_counts_cross(name, options):
    at = crossing(name, **options)
    assert at is not None
    smaller = [costs(name, n, **options).parameters < costs("nops", n).parameters for n in range(1, 100)]
    assert smaller == [n >= at for n in range(1, 100)]


def test_what_the_table_does_not_know_is_refused():
    with pytest.raises(InputError, match="unknown scheme of the cost table 'fusp'; did you mean fups"):
        costs("fusp", 3)
    with pytest.raises(InputError, match="unknown option 'size'"):
        costs("nops", 3, size=2)
