"""What each sharing scheme promises: who shares, whom a step moves, the same outputs from weights asked for once."""

import pytest
import torch

from deep import sharing
from deep.networks import Body, count

N, BODY = 3, Body(4, 2, (6,), gain=1.0)


def scheme(name, body=BODY):
    return sharing.make(name, N, body, torch.Generator().manual_seed(0))


def inputs():
    return torch.randn(5, N, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", sharing.names())
def test_weights_asked_for_once_give_the_same_outputs(name):
    s = scheme(name)
    x = inputs()
    torch.testing.assert_close(s(x)[0], s(x, weights=s.weights())[0])
    some = s(x[:, [2, 0]], agents=[2, 0])[0]
    torch.testing.assert_close(some, s(x)[0][:, [2, 0]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sharing.names())
def test_a_step_of_one_agent_moves_whom_the_scheme_says(name):
    s = scheme(name)
    x = inputs()
    before = s(x)[0].detach()
    groups = s.groups()
    assert len(groups) == (1 if s.coupled else N)
    held = [p for group in groups for p in group]
    assert {id(p) for p in held} == {id(p) for p in s.parameters() if p.requires_grad}
    assert len(held) == len({id(p) for p in held})
    s(x[:, [1]], agents=[1])[0].square().sum().backward()
    torch.optim.SGD(groups[0 if s.coupled else 1], lr=0.1).step()
    moved = (s(x)[0].detach() - before).abs().amax((0, 2)) > 1e-6
    assert moved.tolist() == ([True] * N if s.coupled else [False, True, False])


def test_shared_networks_agree_without_an_id_and_differ_with_one():
    x = inputs()[:, :1].expand(-1, N, -1)
    same, ided, free = (scheme(name)(x)[0] for name in ("fups", "fups_id", "nops"))
    torch.testing.assert_close(same[:, 0], same[:, 2])
    assert not torch.allclose(ided[:, 0], ided[:, 2])
    assert not torch.allclose(free[:, 0], free[:, 2])


def test_parameter_counts():
    P = count(BODY)
    counts = {name: sum(p.numel() for p in scheme(name).parameters()) for name in ("fups", "fups_id", "nops")}
    # the id adds its columns to the first layer and to the input's norm
    assert counts == {"fups": P, "fups_id": P + N * 6 + 2 * N, "nops": N * P}
