"""Distributions against torch's own, masks that exclude exactly, draws by the inverse distribution function."""

import math

import pytest
import torch

from deep.distributions import Categorical, Gaussian, categorical, own_dimensions, to_environment
from deep.envs.protocol import Box, Discrete, MultiDiscrete, Spec


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def masked(seed, counts=(4, 3)):
    g = generator(seed)
    logits = 2 * torch.randn(50, sum(counts), generator=g)
    available = torch.rand(50, sum(counts), generator=g) < 0.6
    start = 0
    for count in counts:
        available[:, start] = True
        start += count
    return logits, available


def test_a_categorical_is_torch_s_dimension_by_dimension():
    logits, available = masked(0)
    dist = categorical(logits, available, (4, 3), vector=True)
    parts = [
        torch.distributions.Categorical(logits=x.masked_fill(~m, -torch.inf))
        for x, m in zip(logits.split((4, 3), -1), available.split((4, 3), -1), strict=True)
    ]
    actions = torch.stack([part.sample() for part in parts], -1)
    wanted = sum(part.log_prob(actions[:, k]) for k, part in enumerate(parts))
    torch.testing.assert_close(dist.log_prob(actions), wanted)
    torch.testing.assert_close(dist.entropy(), sum(part.entropy() for part in parts))
    assert torch.equal(dist.mode(), torch.stack([part.probs.argmax(-1) for part in parts], -1))


def test_what_is_not_available_has_probability_zero_and_no_gradient():
    logits, available = masked(1)
    logits.requires_grad_()
    dist = categorical(logits, available, (4, 3), vector=True)
    assert bool((dist.probabilities[~available] == 0).all())
    other = categorical(torch.zeros_like(logits), available, (4, 3), vector=True)
    actions = dist.mode()
    for value in (dist.entropy(), dist.kl(other), other.kl(dist), dist.log_prob(actions)):
        (gradient,) = torch.autograd.grad(value.sum(), logits, retain_graph=True)
        assert bool(torch.isfinite(gradient).all())
        assert bool((gradient[~available] == 0).all())


def test_kl_of_categoricals_is_weighted_by_its_probabilities():
    """Σ p ln(p/q): closed form at two actions, and marlcore's own on random rows. An unweighted sum is far off."""
    from marlcore.divergences import kl

    p, q = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.5, 0.5]]).log()
    one = Categorical(p, (2,)).kl(Categorical(q, (2,)))
    assert float(one) == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2), rel=1e-6)
    a, b = (torch.randn(20, 6, generator=generator(k)).double().log_softmax(-1) for k in (1, 2))
    found = Categorical(a, (6,)).kl(Categorical(b, (6,)))
    torch.testing.assert_close(found, kl(a.exp(), b.exp()))
    ratio = (b - a).exp()
    unweighted = (ratio - 1 - (b - a)).sum(-1)
    assert float((unweighted / found).min()) > 2


def test_a_gaussian_is_torch_s_over_its_own_dimensions():
    g = generator()
    means, stds = torch.randn(2, 7, 3, generator=g), 0.3 * torch.randn(2, 7, 3, generator=g)
    own = torch.tensor([True, True, False]).expand(7, 3)
    p, q = (Gaussian(m, s, own) for m, s in zip(means, stds, strict=True))
    exact = [torch.distributions.Normal(m[:, :2], s[:, :2].exp()) for m, s in zip(means, stds, strict=True)]
    x = torch.randn(7, 3, generator=g)
    torch.testing.assert_close(p.log_prob(x), exact[0].log_prob(x[:, :2]).sum(-1))
    torch.testing.assert_close(p.entropy(), exact[0].entropy().sum(-1))
    torch.testing.assert_close(p.kl(q), torch.distributions.kl_divergence(*exact).sum(-1))
    torch.testing.assert_close(p.sample(torch.ones(7, 3))[:, :2], (means[0] + stds[0].exp())[:, :2])


def test_draws_have_the_distribution_s_frequencies_and_never_hit_what_is_excluded():
    logits, available = masked(2, (5,))
    dist = categorical(logits, available, (5,))
    u = torch.linspace(0, 1 - 1e-9, 20_001, dtype=torch.float64)[:, None]
    many = Categorical(dist.logp.expand(20_001, 50, 5), (5,)).sample(u[:, None].expand(-1, 50, -1))
    frequencies = torch.nn.functional.one_hot(many, 5).float().mean(0)
    torch.testing.assert_close(frequencies, dist.probabilities, rtol=0, atol=2e-4)
    last = dist.sample(torch.full((50, 1), 1 - 2.0**-53, dtype=torch.float64))
    first = dist.sample(torch.zeros(50, 1, dtype=torch.float64))
    for chosen in (last, first):
        assert bool(available.gather(-1, chosen[:, None]).all())


def test_box_actions_are_clipped_for_the_environment_alone():
    spec = Spec("a:b", (1, 1), 1, (Box((-1.0, 0.0), (1.0, 2.0)), Box((-3.0,), (3.0,))))
    drawn = torch.tensor([[[5.0, -5.0], [2.0, 7.0]]])
    assert to_environment(spec, drawn).tolist() == [[[1.0, 0.0], [2.0, 0.0]]]
    assert own_dimensions(spec).tolist() == [[True, True], [True, False]]
    discrete = Spec("a:b", (1,), 1, (Discrete(3),))
    assert to_environment(discrete, drawn) is drawn
    assert Spec("a:b", (1,), 1, (MultiDiscrete((2, 3)),)).n_actions == 5
