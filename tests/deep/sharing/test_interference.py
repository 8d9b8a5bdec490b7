"""Gradients on shared parameters: sums, disjointness, the factorisation of a generator, and finite differences."""

import numpy as np
import pytest
import torch

from deep import sharing
from deep.networks import Body
from deep.sharing.interference import (
    agent_gradients,
    factored_gradient,
    gradient,
    interference,
    policy_tables,
)
from marlcore import library
from marlcore.errors import InputError
from marlcore.games import MarkovGame, TeamGame
from marlcore.values import evaluate

SCHEMES = {
    "fups": ("fups", {}),
    "fups_id": ("fups_id", {}),
    "nops": ("nops", {}),
    "hyper": ("hyper", {"hidden": (5,)}),
    "hyper-linear": ("hyper", {"kind": "linear", "size": 2}),
    "hyper_linear": ("hyper_linear", {}),
}


def team():
    return TeamGame.random(3, (2, 3, 2), np.random.default_rng(0), discount=0.8)


def make(name, n=3, states=3, actions=3, **options):
    s = sharing.make(name, n, Body(states, actions, (6,), gain=1.0), torch.Generator().manual_seed(0), **options)
    return s.double()


@pytest.mark.parametrize(("name", "options"), SCHEMES.values(), ids=SCHEMES.keys())
def test_the_gradient_factors_into_agent_and_trajectory(name, options):
    """∇_ψ J = Σ_i ∇_ψ h_ψ(e_i)·E[A ∇ log π_{θ_i}] to round-off: for hypernetworks, and just so for an id or none."""
    s, game = make(name, **options), team()
    direct = gradient(s, game)
    factored, factors = factored_gradient(s, game)
    torch.testing.assert_close(factored, direct, rtol=1e-12, atol=1e-13)
    assert float(direct.norm()) > 1e-3
    assert all(len(factor) == 3 for factor in factors.values())
    rows = torch.cat([factor.flatten(1) for factor in factors.values()], 1)
    assert (rows.norm(dim=1) > 1e-4).all()


@pytest.mark.parametrize(("name", "options"), SCHEMES.values(), ids=SCHEMES.keys())
def test_agents_gradients_add_up(name, options):
    s, game = make(name, **options), team()
    torch.testing.assert_close(agent_gradients(s, game).sum(0), gradient(s, game), rtol=1e-12, atol=1e-14)


def test_the_gradient_is_the_slope_of_j():
    s, game = make("fups_id"), team()
    found = gradient(s, game)
    parameters = [p for p in s.parameters() if p.requires_grad]
    direction = torch.randn(len(found), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = []
    for h in (1e-5, -2e-5):
        with torch.no_grad():
            start = 0
            for p in parameters:
                p.add_(h * direction[start : start + p.numel()].reshape(p.shape))
                start += p.numel()
            tables = tuple(table.numpy() for table in policy_tables(s, game))
            values.append(float(evaluate(game, tables).J))
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(found @ direction), rel=1e-6)


def test_separate_networks_have_disjoint_gradients_and_shared_ones_do_not():
    game = team()
    apart = agent_gradients(make("nops"), game)
    assert int(((apart != 0).sum(0) > 1).sum()) == 0
    assert interference(apart).mean == 0
    assert interference(apart).conflicts == 0
    shared = agent_gradients(make("fups"), game)
    assert abs(interference(shared).mean) > 1e-3


def test_cosines_of_known_vectors():
    g = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [3.0, 3.0], [0.0, 0.0]], dtype=torch.float64)
    found = interference(g)
    root = 2**-0.5
    torch.testing.assert_close(found.pairs, torch.tensor([-1, root, 0, -root, 0, 0], dtype=torch.float64))
    assert found.conflicts == pytest.approx(2 / 6)
    assert found.mean == pytest.approx(-1 / 6)
    torch.testing.assert_close(found.norms, torch.tensor([1, 1, 18**0.5, 0], dtype=torch.float64))


def test_in_a_general_game_each_agent_follows_its_own_return():
    game = MarkovGame.random(2, (2, 2), np.random.default_rng(1), discount=0.5)
    s = make("nops", n=2, states=2, actions=2)
    g = agent_gradients(s, game)
    tables = policy_tables(s, game)
    torch_game = game.convert("torch")
    for i in range(2):
        own = [p for p in s.agents[i].parameters() if p.requires_grad]
        J = evaluate(torch_game, tuple(t if j == i else t.detach() for j, t in enumerate(tables))).J[i]
        wanted = torch.cat([x.flatten() for x in torch.autograd.grad(J, own, retain_graph=True)])
        found = g[i][g[i] != 0]
        torch.testing.assert_close(found, wanted[wanted != 0])


def test_a_matrix_game_is_one_state():
    game = library.load("dispersion", n=3)
    s = sharing.make("hyper", 3, Body(1, 3, (6,), norm=False, gain=0.01), torch.Generator().manual_seed(0)).double()
    found = interference(agent_gradients(s, game))
    assert found.cosines.shape == (3, 3)
    torch.testing.assert_close(found.cosines.diagonal(), torch.ones(3, dtype=torch.float64))


def test_a_game_of_other_sizes_is_refused():
    with pytest.raises(InputError, match="the game has 3 agents, 3 states and 3 actions; the scheme 2 agents"):
        agent_gradients(make("nops", n=2), team())
    with pytest.raises(InputError, match="double precision"):
        agent_gradients(make("nops").float(), team())
    with pytest.raises(InputError, match="no factor of the agent alone"):
        factored_gradient(make("obs_hyper"), team())
