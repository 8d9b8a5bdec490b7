"""A GRU over a sequence: its large products taken for all steps at once, its gradient written out.

    g_t = x_t·W + b                 for all t in one product
    p_t = [no episode starts at t]·h_{t−1}        s_t = p_t·U + d        (a product each step: it needs h_{t−1})
    r, z = σ(g^r + s^r), σ(g^z + s^z)      c = tanh(g^c + r·s^c)      h_t = c + z·(p_t − c)

Backwards, with e = ∂L/∂h_t whole (its own and what comes from t + 1) and ′ for what stands before a σ or tanh:

    ∂z′ = e·(p − c)·z(1 − z)      ∂c′ = e·(1 − z)·(1 − c²)      ∂r′ = ∂c′·s^c·r(1 − r)
    ∂g = (∂r′, ∂z′, ∂c′)      ∂s = (∂r′, ∂z′, r·∂c′)      ∂h_{t−1} ← [no start]·(e·z + ∂s·Uᵀ)
    ∂W = Σ_t x_tᵀ·∂g_t      ∂U = Σ_t p_tᵀ·∂s_t      ∂x = ∂g·Wᵀ        each in one product

So a step costs one small product and one elementwise pass in either direction (``deep.gates``, compiled, for one
network in float32 on the CPU; else torch's kernels), and the graph has one node, not twenty a step. Resets are exact: a
state that is dropped passes neither value nor gradient. ``by_steps`` is the same without any of this: it is what second
derivatives are taken of, and an oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from deep.products import product


def sequence(x: Tensor, W: Tensor, b: Tensor, U: Tensor, d: Tensor, h: Tensor, starts: Tensor | None) -> Tensor:
    """The states (T, B, n, H) for x (T, B, n, a), W (a, 3H) or (n, a, 3H), h (B, n, H) and starts (T, B).

    Inside, an agent's network is a leading axis where agents have networks of their own, and the others' rows are one.
    """
    T, B, n, _ = x.shape
    marks = torch.zeros(T, B, dtype=torch.bool, device=x.device) if starts is None else starts
    if W.ndim == 2:  # one network: rows (B·n)
        keep = ~marks.repeat_interleave(n, 1)[..., None]
        states = _GRU.apply(x.reshape(T, B * n, -1), W, b, U, d, h.reshape(B * n, -1), keep)
        return states.reshape(T, B, n, -1)
    keep = ~marks[..., None]
    states = _GRU.apply(x.permute(2, 0, 1, 3), W, b[:, None], U, d[:, None], h.transpose(0, 1), keep)
    return states.permute(1, 2, 0, 3)


def by_steps(x: Tensor, W: Tensor, b: Tensor, U: Tensor, d: Tensor, h: Tensor, keep: Tensor) -> Tensor:
    """The states (…, T, R, H) step by step; ``keep`` (T, R, 1) is False at first steps, where the state is 0."""
    gates = _times(x.flatten(-3, -2), W, b).unflatten(-2, x.shape[-3:-1])
    states = []
    for t in range(x.shape[-3]):
        h = torch.where(keep[t], h, 0.0)
        g_r, g_z, g_c = gates.select(-3, t).chunk(3, -1)
        s_r, s_z, s_c = _times(h, U, d).chunk(3, -1)
        r, z = torch.sigmoid(g_r + s_r), torch.sigmoid(g_z + s_z)
        c = torch.tanh(g_c + r * s_c)
        h = c + z * (h - c)
        states.append(h)
    return torch.stack(states, -3)


class _GRU(torch.autograd.Function):
    """``by_steps``, with the gradient above."""

    @staticmethod
    def forward(ctx: Any, x, W, b, U, d, h, keep):
        gates = _times(x.flatten(-3, -2), W, b).unflatten(-2, x.shape[-3:-1])
        previous, states, s_c = (gates.new_empty(*gates.shape[:-1], U.shape[-2]) for _ in range(3))
        previous.select(-3, 0).copy_(torch.where(keep[0], h, 0.0))
        step, _, seen = _engine(gates)
        arrays = [seen(y) for y in (gates, previous, states, s_c, keep)]
        for t in range(x.shape[-3]):
            step(seen(_times(previous.select(-3, t), U, d)), *arrays, t)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x, W, b, U, d, h, keep)
            ctx.passed = gates, previous, s_c
        return states

    @staticmethod
    def backward(ctx: Any, grad: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        *inputs, keep = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody will differentiate again
            return (*_twice(inputs, keep, grad), None)
        x, W, _, U, _, h = inputs
        gates, previous, s_c = ctx.passed
        by_g, by_s = torch.empty_like(gates), torch.empty_like(gates)
        back, direct = torch.zeros_like(h), torch.zeros_like(h)
        _, step, seen = _engine(gates)
        arrays = [seen(y) for y in (gates, previous, s_c, keep, grad.contiguous(), by_g, by_s, direct)]
        for t in reversed(range(x.shape[-3])):
            step(seen(back), *arrays, t)
            back = _times(by_s.select(-3, t), U.mT)
        by_h = torch.where(keep[0], back + direct, 0.0)
        xs, gs, ps, ss = (y.flatten(-3, -2) for y in (x, by_g, previous, by_s))
        by_x = _times(gs, W.mT).unflatten(-2, x.shape[-3:-1]) if ctx.needs_input_grad[0] else None
        by_b, by_d = (y.sum(-2, keepdim=W.ndim == 3) for y in (gs, ss))
        return by_x, _times(xs.mT, gs), by_b, _times(ps.mT, ss), by_d, by_h, None


def _engine(gates: Tensor) -> tuple[Callable[..., None], Callable[..., None], Callable[[Tensor], Any]]:
    """A step's elementwise work forwards and backwards, and how it sees tensors."""
    if gates.dtype == torch.float32 and gates.device.type == "cpu" and gates.ndim == 3:
        from deep import gates as compiled

        return compiled.forward, compiled.backward, Tensor.numpy
    return _forward, _backward, lambda x: x


def _forward(s: Tensor, gates: Tensor, previous: Tensor, states: Tensor, s_c: Tensor, keep: Tensor, t: int) -> None:
    """Step t, in place of g in ``gates`` (…, T, R, 3H), and p of step t + 1."""
    H = states.shape[-1]
    g, p, h = gates.select(-3, t), previous.select(-3, t), states.select(-3, t)
    rz, c = g[..., : 2 * H], g[..., 2 * H :]
    rz.add_(s[..., : 2 * H]).sigmoid_()
    c.addcmul_(rz[..., :H], s[..., 2 * H :]).tanh_()
    h.copy_(p - c).mul_(rz[..., H:]).add_(c)
    s_c.select(-3, t).copy_(s[..., 2 * H :])
    if t + 1 < len(keep):
        previous.select(-3, t + 1).copy_(torch.where(keep[t + 1], h, 0.0))


def _backward(
    back: Tensor,
    gates: Tensor,
    previous: Tensor,
    s_c: Tensor,
    keep: Tensor,
    grad: Tensor,
    by_g: Tensor,
    by_s: Tensor,
    direct: Tensor,
    t: int,
) -> None:
    """∂g and ∂s of step t; ``back`` is ∂s·Uᵀ of step t + 1, ``direct`` that step's e·z, and then this one's."""
    r, z, c = gates.select(-3, t).chunk(3, -1)
    e = grad.select(-3, t)
    if t + 1 < len(keep):
        e = e + torch.where(keep[t + 1], back + direct, 0.0)
    by_c = e * (1 - z) * (1 - c * c)
    by_r = by_c * s_c.select(-3, t) * r * (1 - r)
    by_z = e * (previous.select(-3, t) - c) * z * (1 - z)
    torch.cat([by_r, by_z, by_c], -1, out=by_g.select(-3, t))
    torch.cat([by_r, by_z, by_c * r], -1, out=by_s.select(-3, t))
    direct.copy_(e * z)


def _twice(inputs: list[Tensor], keep: Tensor, grad: Tensor) -> list[Tensor | None]:
    """The gradient with a graph of its own."""
    wanted = [x for x in inputs if x.requires_grad]
    states = by_steps(*inputs, keep)  # pyright: ignore[reportCallIssue]
    found = iter(torch.autograd.grad(states, wanted, grad, create_graph=True))
    return [next(found) if x.requires_grad else None for x in inputs]


def _times(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """xW + b, for one network or a stack of them."""
    if W.ndim == 2:
        return product(x, W, b)
    return x @ W if b is None else torch.baddbmm(b, x, W)
