"""With exact expectations in place of samples, every objective and every gradient is the tabular one.

The batch is every state and joint action, weighted ρ(s)π(a|s). Real updates run on it; what each step ascends is held
against ``objectives.hamo`` on tables (the line that the tables are maximised with), and its gradient against autograd
through the tables.
"""

import dataclasses

import numpy as np
import pytest
import torch

from deep import algorithms
from deep.actor import policy_tables
from deep.algorithms import Moment
from deep.algorithms.hatrpo import TrustRegion, natural_step
from deep.config import Config
from deep.config import Network as NetworkOptions
from deep.distributions import EXCLUDED
from deep.envs.game import GameEnvironment
from deep.learner import Learner
from deep.rollout import Batch
from deep.session import build
from marlcore import registry
from marlcore.advantages import surrogate
from marlcore.divergences import entropy, expected_kl
from marlcore.games import TeamGame
from marlcore.objectives import Step, clip_drift, hamo, step_of, zero_drift
from marlcore.values import evaluate

COUNTS, TOLERANCE = (2, 3, 2), 1e-9
SHARING = ("nops", "fups", "fups_id", "hyper")


class Recorder(Learner):
    """Plain gradient steps, each written down: the loss, its gradient, and the tables that it was taken at."""

    steps: list

    def step_actor(self, loss, groups):
        group = [p for g in groups for p in self.groups[g]]
        gradient = torch.autograd.grad(loss, group, allow_unused=True)
        self.steps.append(
            (float(loss.detach()), gradient, group, [p.detach().clone() for p in self.actor.parameters()])
        )
        with torch.no_grad():
            for p, g in zip(group, gradient, strict=True):
                p -= 0 if g is None else 0.3 * g
        return 0.0


def problem(algorithm, sharing, options=None, seed=0):
    """A learner whose policy has moved since π_old, the exact batch of π_old, and the game's values."""
    game = TeamGame.random(3, COUNTS, np.random.default_rng(seed), discount=0.8)
    env = GameEnvironment(game, "game:random", 1, torch.device("cpu"), 0)
    config = Config(
        algorithm, "game:random", sharing=sharing, seed=seed, options=options,
        network=NetworkOptions(hidden=(8,), gain=1.0, activation="tanh"),
    )  # fmt: skip
    made = build(config, env.spec)
    torch.set_default_dtype(torch.float64)
    made.actor.double()
    learner = Recorder(made.actor, made.critic, made.normaliser, made.optimiser)
    learner.steps = []
    obs = torch.eye(3)[:, None].expand(-1, 3, -1)
    # heterogeneous start even where parameters are shared without an id
    old = tuple(table.detach() for table in policy_tables(learner.actor, obs))
    at = evaluate(game, tuple(t.numpy() for t in old))
    return learner, config, enumerate_all(env, game, old, at), game, old, at


def enumerate_all(env, game, old, at):
    cells = torch.cartesian_prod(*(torch.arange(k) for k in (3, *COUNTS)))
    s, a = cells[:, 0], cells[:, 1:]
    chosen = torch.stack([old[i][s, a[:, i]] for i in range(3)], -1)
    weights = torch.as_tensor(at.rho)[s] * chosen.prod(-1)
    allowed = torch.arange(3) < torch.tensor(COUNTS)[:, None]
    padded = torch.full((len(s), 3, 3), EXCLUDED)
    for i, k in enumerate(COUNTS):
        padded[:, i, :k] = old[i][s].log()
    A = torch.as_tensor(at.A)[(s, *a.unbind(-1))]
    unit = torch.eye(3)[s]
    row = torch.zeros(1, len(s), 1)
    return Batch(
        obs=unit[None, :, None].expand(-1, -1, 3, -1), state=unit[None], available=allowed.expand(1, len(s), 3, 3),
        actions=a[None], old=padded[None], logp=chosen.log()[None], weights=weights[None, :, None].expand(-1, -1, 3),
        advantages=A[None, :, None].expand(-1, -1, 3), starts=torch.zeros(1, len(s), dtype=torch.bool),
        critic_inputs=unit[None, :, None], values=row, returns=row, critic_weights=row,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def doubles():
    yield
    torch.set_default_dtype(torch.float32)


def tables_at(learner, parameters):
    with torch.no_grad():
        for p, value in zip(learner.actor.parameters(), parameters, strict=True):
            p.copy_(value)
    return policy_tables(learner.actor, torch.eye(3)[:, None].expand(-1, 3, -1))


def weighted(values, at, game):
    return (torch.as_tensor(at.rho) * values).sum() * (1 - game.discount)


def plain(step):
    """Joint-M arrays of a step as torch's."""
    return Step(*(torch.as_tensor(np.asarray(x)) for x in (step.old, step.advantage, step.others, step.M)))


CASES = [
    ("happo", {}, clip_drift(0.2)),
    ("haa2c", {"epochs": 2}, zero_drift),
    *(("haml", {"drift": name, "scale": 0.7}, registry.load("drifts", name))
      for name in ("zero", "forward-kl", "reverse-kl", "squared-l2", "clip")),
]  # fmt: skip


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize(("name", "own", "drift"), CASES, ids=lambda x: str(x)[:40] if not callable(x) else "drift")
def test_sequential_objectives_and_gradients_are_the_tabular_ones(name, own, drift, sharing):
    algorithm = algorithms.load(name)
    options = dataclasses.replace(algorithm.options(), **{"epochs": 3, **own})
    learner, _, batch, game, old, at = problem(name, sharing, options)
    moment = Moment(5, 3)
    algorithm.update(learner, batch, options, moment)
    order, scale = moment.order(3), own.get("scale", 1.0)
    assert len(learner.steps) == 3 * options.epochs
    A, moved = torch.as_tensor(at.A), list(old)
    for k, (loss, gradient, group, parameters) in enumerate(learner.steps):
        m, epoch = divmod(k, options.epochs)
        i = order[m]
        hats = tables_at(learner, parameters)
        if epoch == 0:
            # whoever has moved by now counts in M: the predecessors, or everybody if parameters are shared
            moved = [t.detach() for t in hats] if m else list(old)
        others = [j for j in range(3) if j != i] if learner.actor.coupled and m else list(order[:m])
        at_step = step_of(A, tuple(old), tuple(moved), (*others, i))
        value = weighted(hamo(hats[i], at_step.advantage, scale * drift(hats[i], at_step)), at, game)
        value = value + options.entropy * weighted(entropy(hats[i]), at, game)
        assert loss == pytest.approx(-float(value.detach()), abs=TOLERANCE)
        wanted = torch.autograd.grad(-value, group, allow_unused=True)
        compare(gradient, wanted)
    assert max(float((a - b).abs().max()) for a, b in zip(moved, old, strict=True)) > 1e-3


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("name", ["mappo", "ippo", "maa2c"])
def test_simultaneous_objectives_and_gradients_are_the_tabular_ones(name, sharing):
    drift = zero_drift if name == "maa2c" else clip_drift(0.2)
    algorithm = algorithms.load(name)
    options = dataclasses.replace(algorithm.options(), epochs=3)
    learner, _, batch, game, old, at = problem(name, sharing, options)
    algorithm.update(learner, batch, options, Moment(5, 3))
    A = torch.as_tensor(at.A)
    # separate parameters get each agent's own mean, shared ones the mean over agents
    share = 3 if learner.actor.coupled else 1
    groups = 1 if learner.actor.coupled else 3
    assert len(learner.steps) == 3 * groups
    for k, (loss, gradient, group, parameters) in enumerate(learner.steps):
        hats = tables_at(learner, parameters)
        value = 0
        for i in range(3) if learner.actor.coupled else [k // 3]:
            at_step = step_of(A, tuple(old), tuple(old), (i,))
            value = value + weighted(hamo(hats[i], at_step.advantage, drift(hats[i], at_step)), at, game)
            value = value + options.entropy * weighted(entropy(hats[i]), at, game)
        value = value / share
        assert loss == pytest.approx(-float(value.detach()), abs=TOLERANCE)
        compare(gradient, torch.autograd.grad(-value, group, allow_unused=True))
    assert len(learner.groups) == groups


@pytest.mark.parametrize("sharing", SHARING)
def test_hatrpo_takes_the_natural_step_of_the_exact_surrogate(sharing):
    """The direction against a dense solve with the exact Fisher matrix, KL and surrogate against the tabular ones."""
    options = TrustRegion(delta=0.01, iterations=400, tolerance=1e-13, damping=1e-3)
    learner, _, batch, game, old, at = problem("hatrpo", sharing, options)
    i, group = 1, learner.groups[learner.group_of(1)]
    before = torch.cat([p.detach().reshape(-1).clone() for p in group])
    obs = torch.eye(3)[:, None].expand(-1, 3, -1)
    rho = torch.as_tensor(at.rho) * (1 - game.discount)
    hats = policy_tables(learner.actor, obs)
    new = tuple(hats[j] if j == i else t for j, t in enumerate(old))
    value = (1 - game.discount) * surrogate(torch.as_tensor(at.Q), torch.as_tensor(at.rho), old, new, (i,))
    g = flat(torch.autograd.grad(value, group, retain_graph=True, allow_unused=True), group)
    # the Fisher matrix in the parameters, of all agents that they move: Σ_j Σ_s ρ(s) Σ_a π^j(a|s) ∇log π^j ∇log π^jᵀ
    rows = []
    for j in range(3) if learner.actor.coupled else [i]:
        for s in range(3):
            for a in range(COUNTS[j]):
                row = flat(torch.autograd.grad(hats[j][s, a].log(), group, retain_graph=True, allow_unused=True), group)
                rows.append((rho[s] * hats[j][s, a]).sqrt().detach() * row)
    fisher = torch.stack(rows).T @ torch.stack(rows) + options.damping * torch.eye(len(before))
    direction = torch.linalg.solve(fisher, g)
    full = (2 * options.delta / (direction @ fisher @ direction)).sqrt() * direction

    figures = natural_step(learner, batch, batch.of([i]), batch.old, i, options)
    assert figures["accepted"] == 1.0
    assert figures["residual"] < 1e-10
    step = torch.cat([p.detach().reshape(-1) for p in group]) - before
    j = round(float((step.norm() / full.norm()).log() / np.log(options.alpha)))
    assert 0 <= j < options.tries
    torch.testing.assert_close(step, options.alpha**j * full, rtol=1e-6, atol=1e-9)
    hats = [t.detach() for t in policy_tables(learner.actor, obs)]
    gained = (rho * torch.einsum("sa,sb,sc,sabc->s", *hats, torch.as_tensor(at.A))).sum()
    assert float(figures["surrogate"]) == pytest.approx(float(gained), rel=1e-7)
    kl = [float(expected_kl(rho, p, q)) for p, q in zip(old, hats, strict=True)]
    assert float(figures["kl"]) == pytest.approx(max(kl), rel=1e-7)
    assert 0 < max(kl) <= options.delta
    assert float(gained) > 0


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("delta", [0.003, 0.03])
def test_an_update_of_hatrpo_leaves_every_agent_within_delta_of_the_policy_that_collected(sharing, delta):
    """Whoever's step moved it: the penalties of Lemma 8 are of all agents, from π_old."""
    furthest = 0.0
    for seed in range(4):
        torch.set_default_dtype(torch.float32)
        options = TrustRegion(delta=delta)
        learner, _, batch, game, old, at = problem("hatrpo", sharing, options, seed)
        algorithms.load("hatrpo").update(learner, batch, options, Moment(seed, 0))
        rho = torch.as_tensor(at.rho) * (1 - game.discount)
        hats = [t.detach() for t in policy_tables(learner.actor, torch.eye(3)[:, None].expand(-1, 3, -1))]
        kl = [float(expected_kl(rho, p, q)) for p, q in zip(old, hats, strict=True)]
        assert max(kl) <= delta
        gained = (rho * torch.einsum("sa,sb,sc,sabc->s", *hats, torch.as_tensor(at.A))).sum()
        assert float(gained) > 0
        furthest = max(furthest, *kl)
    assert furthest > delta / 3  # and it does move


def flat(tensors, group):
    pairs = zip(tensors, group, strict=True)
    return torch.cat([(torch.zeros_like(p) if t is None else t).reshape(-1) for t, p in pairs]).detach()


def compare(found, wanted):
    assert any(g is not None and float(g.abs().max()) > 1e-6 for g in wanted)
    for a, b in zip(found, wanted, strict=True):
        zero = torch.zeros(())
        torch.testing.assert_close(zero if a is None else a, zero if b is None else b, rtol=1e-6, atol=TOLERANCE)
