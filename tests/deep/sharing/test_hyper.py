"""Generated weights: their gain, the exact chain rule through the generator, and the options."""

import math

import pytest
import torch

from deep import sharing
from deep.networks import Body, apply, count, shapes
from deep.sharing.hyper import Hyper, flatten
from marlcore.errors import InputError

BODY = Body(10, 4, (16, 16), recurrent=8, head=(6,), gain=0.01)
KINDS = [
    pytest.param({"kind": "linear", "embedding": "one_hot"}, id="linear-one_hot"),
    pytest.param({"kind": "linear", "embedding": "learned", "size": 5}, id="linear-learned"),
    pytest.param({"kind": "mlp", "embedding": "one_hot"}, id="mlp-one_hot"),
    pytest.param({"kind": "mlp", "embedding": "learned", "size": 5}, id="mlp-learned"),
    pytest.param({"kind": "mlp", "embedding": "learned", "size": 3, "hidden": (32, 64)}, id="mlp-deep"),
]


def hyper(n, options, body=BODY, seed=0):
    return sharing.make("hyper", n, body, torch.Generator().manual_seed(seed), **options)


def layers(weights, body):
    """(name, block (n, a, b), gain) of every weight matrix."""
    for name, shape in shapes(body).items():
        if shape.gain is not None:
            for block in weights[name].chunk(shape.blocks, -1):
                yield name, block, shape.gain


@pytest.mark.parametrize("options", KINDS)
def test_every_generated_layer_has_the_gain_of_a_direct_one(options):
    """All singular values are the gain: sqrt(2) for hidden layers, 0.01 for the last."""
    weights = hyper(5, options).weights()
    seen = []
    for name, block, gain in layers(weights, BODY):
        singular = torch.linalg.svdvals(block.detach().double())
        torch.testing.assert_close(singular, torch.full_like(singular, gain), rtol=1e-4, atol=1e-7)
        seen.append(gain)
        assert not torch.allclose(block[0], block[1], atol=1e-3 * gain), f"{name}: two agents start alike"
    assert len(seen) == 2 + 2 * 3 + 1 + 1
    assert {math.sqrt(2), 1.0, 0.01} == set(seen)
    for name, shape in shapes(BODY).items():
        if shape.gain is None:
            torch.testing.assert_close(weights[name], torch.full_like(weights[name], shape.constant))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"kind": "linear", "embedding": "learned", "size": 4}, id="linear-learned"),
        pytest.param({"kind": "mlp", "embedding": "learned", "size": 4, "hidden": (16,)}, id="mlp-learned"),
        pytest.param({"kind": "mlp", "embedding": "one_hot", "hidden": (16,)}, id="mlp-one_hot"),
    ],
)
def test_with_more_agents_than_features_the_gain_holds_in_the_mean_square(options):
    """E‖W_i‖²_F = gain²·min(a, b); over 40 agents and layers of 10·16 entries the mean is within a few percent."""
    ratios: dict[str, list[float]] = {}
    for seed in range(5):
        for name, block, gain in layers(hyper(40, options, seed=seed).weights(), BODY):
            wanted = gain**2 * min(block.shape[1:])
            ratios.setdefault(name, []).append(float(block.detach().square().sum((1, 2)).mean()) / wanted)
    means = {name: sum(values) / len(values) for name, values in ratios.items()}
    assert len(means) == 6
    assert all(abs(mean - 1) < 0.08 for mean in means.values()), means


@pytest.mark.parametrize("options", KINDS)
def test_generated_weights_are_used_by_one_batched_product(options):
    s = hyper(3, options)
    x, starts = torch.randn(5, 2, 3, 10), torch.zeros(5, 2, dtype=torch.bool)
    w = s.weights()
    out, _ = s(x, None, starts)
    for i in range(3):
        own, _ = apply(BODY, {name: value[i] for name, value in w.items()}, x[:, :, i : i + 1], None, starts)
        torch.testing.assert_close(out[:, :, i : i + 1], own, rtol=1e-4, atol=1e-6)
    some, _ = s(x[:, :, [2]], None, starts, agents=[2])
    torch.testing.assert_close(some, out[:, :, [2]], rtol=1e-4, atol=1e-6)
    flat = flatten(w, BODY)
    assert flat.shape == (3, count(BODY))


def test_one_hot_embeddings_are_not_learned_and_learned_ones_are():
    fixed, learned = hyper(3, {"embedding": "one_hot"}), hyper(3, {"embedding": "learned"})
    assert id(fixed.embedding) not in {id(p) for p in fixed.groups()[0]}
    assert id(learned.embedding) in {id(p) for p in learned.groups()[0]}
    torch.testing.assert_close(learned.embedding @ learned.embedding.T, torch.eye(3), atol=1e-6, rtol=0)
    assert torch.equal(fixed.embedding, torch.eye(3))
    some = Hyper(9, BODY, torch.Generator().manual_seed(0), size=4).embedding
    torch.testing.assert_close(some.norm(dim=1), torch.ones(9))


def test_a_linear_hypernetwork_of_unit_vectors_is_a_network_each_and_a_common_part():
    s = sharing.make("hyper_linear", 3, BODY, torch.Generator().manual_seed(0))
    torch.testing.assert_close(flatten(s.weights(), BODY), s.G + s.g)
    assert sum(p.numel() for p in s.groups()[0]) == 4 * count(BODY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"kind": "conv"}, "kind must be one of mlp, linear, not 'conv'", id="kind"),
        pytest.param({"embedding": "x"}, "embedding must be one of learned, one_hot", id="embedding"),
        pytest.param({"size": 0}, "size must be at least 1", id="size"),
        pytest.param({"hidden": ()}, "hidden must be widths", id="hidden"),
        pytest.param({"hiden": (3,)}, "unknown option of hyper 'hiden'; did you mean hidden", id="unknown"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        hyper(3, options)
