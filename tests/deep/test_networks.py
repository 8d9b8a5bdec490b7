"""Functional networks against torch's own modules, and stacked weights against networks run one by one."""

import math

import pytest
import torch

from deep.networks import Body, apply, count, gru, initial, linear, shapes
from marlcore.errors import InputError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(body, seed=0, stacked=None):
    g = generator(seed)
    if stacked is None:
        return {
            name: initial(shape, g) + 0.1 * torch.randn(shape.size, generator=g) for name, shape in shapes(body).items()
        }
    rows = [weights(body, seed + 1 + i) for i in range(stacked)]
    return {name: torch.stack([row[name] for row in rows]) for name in shapes(body)}


def test_an_mlp_is_torch_s():
    body = Body(5, 3, (8, 7), activation="tanh")
    w = weights(body)
    layers = [
        torch.nn.LayerNorm(5),
        torch.nn.Linear(5, 8),
        torch.nn.Tanh(),
        torch.nn.LayerNorm(8),
        torch.nn.Linear(8, 7),
        torch.nn.Tanh(),
        torch.nn.LayerNorm(7),
        torch.nn.Linear(7, 3),
    ]
    model = torch.nn.Sequential(*layers)
    names = ["input", "hidden0", "hidden0", "hidden1", "hidden1", "out"]
    with torch.no_grad():
        for layer, name in zip([m for m in layers if not isinstance(m, torch.nn.Tanh)], names, strict=True):
            norm = isinstance(layer, torch.nn.LayerNorm)
            layer.weight.copy_(w[f"{name}.scale"] if norm else w[f"{name}.weight"].T)
            layer.bias.copy_(w[f"{name}.shift"] if norm else w[f"{name}.bias"])
    x = torch.randn(4, 2, 5, generator=generator(1))
    torch.testing.assert_close(apply(body, w, x)[0], model(x), rtol=1e-5, atol=1e-6)
    assert count(body) == sum(p.numel() for p in model.parameters())


def test_a_gru_is_torch_s_and_starts_again_at_episodes():
    body = Body(4, 2, (), recurrent=6, norm=False)
    w = weights(body)
    cell = torch.nn.GRU(4, 6)
    with torch.no_grad():
        cell.weight_ih_l0.copy_(w["gru.input"].T)
        cell.weight_hh_l0.copy_(w["gru.state"].T)
        cell.bias_ih_l0.copy_(w["gru.bias"])
        cell.bias_hh_l0.copy_(w["gru.state_bias"])
    x, h = torch.randn(7, 3, 2, 4, generator=generator(1)), torch.randn(3, 2, 6, generator=generator(2))
    starts = torch.zeros(7, 3, dtype=torch.bool)
    starts[3, 1] = starts[0, 2] = True
    states, last = gru(w, x, h, starts)
    plain, _ = cell(x.reshape(7, 6, 4), h.reshape(1, 6, 6))
    torch.testing.assert_close(states[:, 0], plain.reshape(7, 3, 2, 6)[:, 0], rtol=1e-5, atol=1e-6)
    again, _ = cell(x[3:, 1], torch.zeros(1, 2, 6))
    torch.testing.assert_close(states[3:, 1], again, rtol=1e-5, atol=1e-6)
    fresh, _ = cell(x[:, 2], torch.zeros(1, 2, 6))
    torch.testing.assert_close(states[:, 2], fresh, rtol=1e-5, atol=1e-6)
    assert torch.equal(last, states[-1])


@pytest.mark.parametrize("recurrent", [0, 5])
def test_stacked_weights_are_the_networks_one_by_one(recurrent):
    body = Body(4, 3, (6,), recurrent=recurrent, head=(5,))
    w = weights(body, stacked=3)
    x = torch.randn(2, 7, 3, 4, generator=generator(9))
    out, hidden = apply(body, w, x)
    each = {name: value.expand(2, 7, *value.shape) for name, value in w.items()}
    for i in range(3):
        own = {name: value[i] for name, value in w.items()}
        alone, state = apply(body, own, x[:, :, i : i + 1])
        torch.testing.assert_close(out[:, :, i : i + 1], alone, rtol=1e-5, atol=1e-6)
        if recurrent:
            torch.testing.assert_close(hidden[:, i : i + 1], state, rtol=1e-5, atol=1e-6)
    # norms broadcast (n, width); generated weights carry a network for each sample
    sampled, _ = apply(body, each, x)
    torch.testing.assert_close(sampled, out, rtol=1e-5, atol=1e-6)


def test_linear_of_each_kind_of_weight():
    g = generator()
    x, w, b = torch.randn(2, 3, 4, generator=g), torch.randn(3, 4, 5, generator=g), torch.randn(3, 5, generator=g)
    wanted = torch.einsum("bni,nio->bno", x, w) + b
    torch.testing.assert_close(linear(x, w, b), wanted)
    torch.testing.assert_close(linear(x, w.expand(2, 3, 4, 5), b.expand(2, 3, 5)), wanted)
    torch.testing.assert_close(linear(x, w[0], b[0]), x @ w[0] + b[0])


@pytest.mark.parametrize(("size", "gain", "blocks"), [((7, 4), 2.0, 1), ((4, 7), 0.5, 1), ((6, 18), 1.0, 3)])
def test_initial_weights_are_orthogonal_times_the_gain(size, gain, blocks):
    from deep.networks import Shape

    value = initial(Shape(size, gain, blocks=blocks), generator())
    for block in value.split(size[1] // blocks, dim=1):
        torch.testing.assert_close(
            torch.linalg.svdvals(block), torch.full((min(block.shape),), gain), rtol=1e-5, atol=1e-6
        )


def test_gains_and_constants():
    found = shapes(Body(3, 2, (4,), activation="relu", gain=0.01))
    assert found["hidden0.weight"].gain == math.sqrt(2)
    assert found["out.weight"].gain == 0.01
    assert float(initial(found["input.scale"], generator()).sum()) == 3
    assert float(initial(found["out.bias"], generator()).abs().sum()) == 0


def test_bad_sizes_are_refused():
    with pytest.raises(InputError, match="activation must be one of relu"):
        Body(1, 1, activation="sin")
    with pytest.raises(InputError, match="a layer must have a size of at least 1"):
        Body(1, 1, (0,))
    with pytest.raises(InputError, match="reads 3 inputs, and x has 4"):
        apply(Body(3, 1), weights(Body(3, 1)), torch.zeros(2, 4))
    with pytest.raises(InputError, match=r"reads \(T, B, n, inputs\)"):
        apply(Body(3, 1, recurrent=2), weights(Body(3, 1, recurrent=2)), torch.zeros(2, 3))
