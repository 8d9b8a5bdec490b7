import numpy as np
import pytest
import torch
from scipy import special

from deep import gates, products
from deep.products import product
from deep.recurrence import by_steps, sequence


def generator(seed):
    return torch.Generator().manual_seed(seed)


def problem(separate, T=7, B=5, n=3, a=4, H=6, dtype=torch.float64, starts=True):
    """Inputs, weights, a state that is not 0 and starts at arbitrary steps, two in a row and the first among them."""
    g = generator(T * B)
    own = (n,) if separate else ()

    def some(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype).requires_grad_()

    found = [some(T, B, n, a), some(*own, a, 3 * H), some(*own, 3 * H), some(*own, H, 3 * H), some(*own, 3 * H)]
    marks = torch.rand(T, B, generator=g) < 0.3
    marks[0, 0], marks[3, 1], marks[4, 1], marks[T - 1, 2] = True, True, True, True
    marks[:, B - 1] = False
    return [*found, some(B, n, H)], marks if starts else None


def plainly(x, W, b, U, d, h, starts):
    """Agent by agent, copy by copy, step by step with torch's own cell."""
    T, B, n, _ = x.shape
    H = U.shape[-2]
    rows = []
    for copy in range(B):
        for i in range(n):
            weights = [w[i] if w.ndim > k else w for w, k in ((W, 2), (U, 2), (b, 1), (d, 1))]
            state, along = h[copy, i], []
            for t in range(T):
                if starts is not None and starts[t, copy]:
                    state = torch.zeros_like(state)
                w, u, p, q = weights
                state = torch.gru_cell(x[t, copy, i][None], state[None], w.T, u.T, p, q)[0]
                along.append(state)
            rows.append(torch.stack(along))
    return torch.stack(rows, 1).reshape(T, B, n, H)


CASES = [
    pytest.param(False, True, id="shared"),
    pytest.param(True, True, id="separate"),
    pytest.param(False, False, id="shared, no starts"),
    pytest.param(True, False, id="separate, no starts"),
]


@pytest.mark.parametrize(("separate", "starts"), CASES)
def test_states_and_gradients_are_those_of_torch_s_cell(separate, starts):
    inputs, marks = problem(separate, starts=starts)
    ours, theirs = sequence(*inputs, marks), plainly(*inputs, marks)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weight = torch.randn(ours.shape, generator=generator(9), dtype=torch.float64)
    found = torch.autograd.grad((ours * weight).sum(), inputs)
    for mine, other in zip(found, torch.autograd.grad((theirs * weight).sum(), inputs), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("separate", [False, True])
def test_the_gradient_is_the_derivative_and_so_is_the_second(separate):
    inputs, marks = problem(separate, T=5, B=3, n=2, a=2, H=3)
    assert torch.autograd.gradcheck(lambda *x: sequence(*x, marks), inputs)
    assert torch.autograd.gradgradcheck(lambda *x: sequence(*x, marks), inputs)


@pytest.mark.parametrize("separate", [False, True])
def test_in_float32_it_is_the_same_to_a_millionth(separate):
    """Sizes at which products go to the wide kernel, where there is one."""
    sizes = {"T": 24, "B": 32, "n": 3, "a": 128, "H": 128}
    exact, marks = problem(separate, **sizes)
    rough = [x.detach().mul(0.1).float().requires_grad_() for x in exact]
    exact = [x.detach().double().requires_grad_() for x in rough]
    ours, theirs = sequence(*rough, marks), sequence(*exact, marks)
    torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-6)
    found = torch.autograd.grad(ours.square().sum(), rough)
    for mine, other in zip(found, torch.autograd.grad(theirs.square().sum(), exact), strict=True):
        assert (mine.double() - other).abs().max() < 2e-6 * other.abs().max()


def test_by_steps_is_the_cell():
    inputs, marks = problem(False)
    x, W, b, U, d, h = inputs
    T, B, n, _ = x.shape
    keep = ~marks.repeat_interleave(n, 1)[..., None]
    states = by_steps(x.reshape(T, B * n, -1), W, b, U, d, h.reshape(B * n, -1), keep)
    torch.testing.assert_close(states.reshape(T, B, n, -1), plainly(*inputs, marks), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_what_lies_before_a_start_changes_nothing_behind_it(dtype):
    """Not even a state that is no number, and no gradient reaches it."""
    inputs, _ = problem(False, T=6, dtype=dtype)
    marks = torch.zeros(6, 5, dtype=torch.bool)
    marks[3] = True
    x, *rest = inputs
    broken = torch.cat([torch.full_like(x[:3], float("nan")), x[3:]]).detach().requires_grad_()
    fine, behind = sequence(x, *rest, marks), sequence(broken, *rest, marks)
    assert torch.equal(fine[3:], behind[3:])
    (gradient,) = torch.autograd.grad(fine[3:].sum(), x)
    assert not gradient[:3].any()
    assert gradient[3:].any()


def test_without_a_gradient_nothing_is_kept():
    inputs, marks = problem(False)
    with torch.no_grad():
        states = sequence(*inputs, marks)
    assert states.grad_fn is None
    assert torch.equal(states, sequence(*inputs, marks))


def test_the_compiled_sigmoid_is_sigma_to_the_last_bits_of_a_float():
    x = np.concatenate([np.linspace(-40, 40, 4001), [-1e30, -200, -88, -0.0, 0.0, 88, 200, 1e30]]).astype(np.float32)
    found = np.array([gates.sigmoid(value) for value in x], np.float64)
    exact = special.expit(x.astype(np.float64))
    assert np.abs(found - exact).max() < 1.2e-7
    inside = x > -80
    assert (np.abs(found - exact)[inside] / exact[inside]).max() < 5e-6
    assert found[-3:].tolist() == [1, 1, 1]
    assert np.isnan(gates.sigmoid(np.float32("nan")))


WIDE = [(96, 128, 384), (384, 78, 128), (4096, 16, 9), (128, 12288, 384)]


@pytest.mark.parametrize("shape", WIDE, ids=str)
@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_a_product_and_its_gradients_whatever_kernel_takes_it(shape, kind):
    r, a, b = shape
    g = generator(3)
    x, W = torch.randn(r, a, generator=g), torch.randn(a, b, generator=g)
    if kind == "transposed":
        x, W = x.T.contiguous().T, W.T.contiguous().T
    bias = torch.randn(b, generator=g)
    rough = [t.requires_grad_() for t in (x, W, bias)]
    exact = [t.detach().double().requires_grad_() for t in rough]
    for inputs in (2, 3):
        ours = product(*rough[:inputs])
        theirs = exact[0] @ exact[1] + (exact[2] if inputs == 3 else 0)
        assert (ours - theirs).abs().max() < 1e-6 * a**0.5 * theirs.abs().max()
        found = torch.autograd.grad(ours.square().sum(), rough[:inputs])
        for mine, other in zip(found, torch.autograd.grad(theirs.square().sum(), exact[:inputs]), strict=True):
            assert (mine - other).abs().max() < 1e-5 * other.abs().max()


def test_a_product_can_be_differentiated_again(monkeypatch):
    """Here with the wide kernel's place taken by torch's own product, in double precision."""
    monkeypatch.setattr(products, "_wide", lambda x, weight: True)
    monkeypatch.setattr(products, "_onednn", lambda x, w, b: x @ w if b is None else torch.addmm(b, x, w))
    inputs = [
        torch.randn(s, generator=generator(4), dtype=torch.float64).requires_grad_() for s in ((3, 4), (4, 2), (2,))
    ]
    assert type(product(*inputs).grad_fn).__name__ == "_ProductBackward"
    assert torch.autograd.gradcheck(product, inputs)
    assert torch.autograd.gradgradcheck(product, inputs)


@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 1, 0)], ids=str)
def test_products_mapped_over_runs_are_those_of_each_run(dims):
    g, (r, a, b), runs = generator(5), (256, 64, 96), 3
    shapes = [list(s) for s in ((r, a), (a, b), (b,))]
    for shape, dim in zip(shapes, dims, strict=True):
        if dim is not None:
            shape.insert(dim, runs)
    inputs = [torch.randn(shape, generator=g).requires_grad_() for shape in shapes]
    found = torch.func.vmap(product, dims)(*inputs)
    each = [
        product(*(x if d is None else x.select(d, k) for x, d in zip(inputs, dims, strict=True))) for k in range(runs)
    ]
    assert (found - torch.stack(each)).abs().max() < 1e-4
    ours = torch.autograd.grad(found.square().sum(), inputs)
    theirs = torch.autograd.grad(sum(one.square().sum() for one in each), inputs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).abs().max() < 1e-5 * other.abs().max()


def test_small_products_and_other_types_stay_with_torch():
    for x, W in ((torch.ones(8, 8), torch.ones(8, 8)), (torch.ones(512, 64).double(), torch.ones(64, 64).double())):
        made = product(x.requires_grad_(), W)
        assert type(made.grad_fn).__name__ == "MmBackward0"
