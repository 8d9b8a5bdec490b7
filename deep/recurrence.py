"""A GRU over a sequence: its large products taken for all steps at once, its gradient written out.

    g_t = x_t·W + b                 for all t in one product
    p_t = [no episode starts at t]·h_{t−1}        s_t = p_t·U + d        (a product each step: it needs h_{t−1})
    r, z = σ(g^r + s^r), σ(g^z + s^z)      c = tanh(g^c + r·s^c)      h_t = c + z·(p_t − c)

Backwards, with e = ∂L/∂h_t whole (its own and what comes from t + 1) and ′ for what stands before a σ or tanh:

    ∂z′ = e·(p − c)·z(1 − z)      ∂c′ = e·(1 − z)·(1 − c²)      ∂r′ = ∂c′·s^c·r(1 − r)
    ∂g = (∂r′, ∂z′, ∂c′)      ∂s = (∂r′, ∂z′, r·∂c′)      ∂h_{t−1} ← [no start]·(e·z + ∂s·Uᵀ)
    ∂W = Σ_t x_tᵀ·∂g_t      ∂U = Σ_t p_tᵀ·∂s_t      ∂x = ∂g·Wᵀ        each in one product

So a step costs one small product and a few elementwise kernels in either direction, and the graph has one node, not
twenty a step. tanh y is taken as 2σ(2y) − 1, whose kernel is four times as fast; the absolute error stays a unit
in the last place of 1. Resets are exact: a state that is dropped passes neither value nor gradient. ``by_steps`` is the
same without any of this; it is the oracle of the tests, and the path of weights that change from step to step and of
second derivatives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deep.products import product

sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward


def sequence(x: Tensor, W: Tensor, b: Tensor, U: Tensor, d: Tensor, h: Tensor, starts: Tensor | None) -> Tensor:
    """The states (T, B, n, H) for x (T, B, n, a), W (a, 3H) or (n, a, 3H), h (B, n, H) and starts (T, B).

    Inside, an agent's network is a leading axis where agents have networks of their own, and the others' rows are one.
    """
    T, B, n, _ = x.shape
    if W.ndim == 2:  # one network: rows (B·n)
        keep = None if starts is None else ~starts.repeat_interleave(n, 1)[..., None]
        states = _GRU.apply(x.reshape(T, B * n, -1), W, b, U, d, h.reshape(B * n, -1), keep)
        return states.reshape(T, B, n, -1)
    keep = None if starts is None else ~starts[..., None]
    states = _GRU.apply(x.permute(2, 0, 1, 3), W, b[:, None], U, d[:, None], h.transpose(0, 1), keep)
    return states.permute(1, 2, 0, 3)


def by_steps(x: Tensor, W: Tensor, b: Tensor, U: Tensor, d: Tensor, h: Tensor, keep: Tensor | None) -> Tensor:
    """The states (…, T, R, H) step by step; ``keep`` (T, R, 1) is False at first steps, where the state is 0."""
    gates = _times(x.flatten(-3, -2), W, b).unflatten(-2, x.shape[-3:-1])
    states = []
    for t in range(x.shape[-3]):
        h = h if keep is None else torch.where(keep[t], h, 0.0)
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
        H = U.shape[-2]
        gates = _times(x.flatten(-3, -2), W, b).unflatten(-2, x.shape[-3:-1])
        states = gates.new_empty(*gates.shape[:-1], H)
        resets = _resets(keep, x.shape[-3])
        sums, start = [], h
        for t in range(x.shape[-3]):
            p = torch.where(keep[t], h, 0.0) if resets[t] else h
            s = _times(p, U, d)
            g, h = gates.select(-3, t), states.select(-3, t)
            rz, c = g[..., : 2 * H], g[..., 2 * H :]
            rz.add_(s[..., : 2 * H]).sigmoid_()
            c.addcmul_(rz[..., :H], s[..., 2 * H :]).mul_(2).sigmoid_().mul_(2).sub_(1)
            torch.sub(p, c, out=h).mul_(rz[..., H:]).add_(c)
            sums.append(s)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x, W, b, U, d, start, keep, states)
            ctx.gates, ctx.sums = gates, sums
        return states

    @staticmethod
    def backward(ctx: Any, grad: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        *inputs, keep, states = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody will differentiate again
            return (*_twice(inputs, keep, grad), None)
        x, W, _, U, _, start = inputs
        H, resets = U.shape[-2], _resets(keep, x.shape[-3])
        previous = torch.cat([start.unsqueeze(-3), states[..., :-1, :, :]], -3)
        if keep is not None:
            previous = torch.where(keep, previous, 0.0)
        by_g, by_s = torch.empty_like(ctx.gates), torch.empty_like(ctx.gates)
        e, later = torch.empty_like(start), torch.zeros_like(start)
        for t in reversed(range(x.shape[-3])):
            torch.add(grad.select(-3, t), later, out=e)
            r, z, c = ctx.gates.select(-3, t).split(H, -1)
            gt, st = by_g.select(-3, t), by_s.select(-3, t)
            _gates_backward(e, r, z, c, ctx.sums[t][..., 2 * H :], previous.select(-3, t), gt, st)
            later = _times(st, U.mT).addcmul_(e, z)
            if keep is not None and resets[t]:
                later = torch.where(keep[t], later, 0.0)
        rows = (x.flatten(-3, -2), by_g.flatten(-3, -2), previous.flatten(-3, -2), by_s.flatten(-3, -2))
        xs, gs, ps, ss = rows
        by_x = _times(gs, W.mT).unflatten(-2, x.shape[-3:-1]) if ctx.needs_input_grad[0] else None
        shared = W.ndim == 2
        by_b, by_d = (y.sum(-2, keepdim=not shared) for y in (gs, ss))
        return by_x, _times(xs.mT, gs), by_b, _times(ps.mT, ss), by_d, later, None


def _gates_backward(
    e: Tensor, r: Tensor, z: Tensor, c: Tensor, s_c: Tensor, p: Tensor, by_g: Tensor, by_s: Tensor
) -> None:
    """∂g and ∂s of one step, into ``by_g`` and ``by_s``."""
    H = e.shape[-1]
    by_r, by_z, by_c = by_g.split(H, -1)
    sigmoid_backward((p - c).mul_(e), z, grad_input=by_z)
    tanh_backward(torch.addcmul(e, e, z, value=-1), c, grad_input=by_c)
    sigmoid_backward(by_c * s_c, r, grad_input=by_r)
    by_s[..., : 2 * H] = by_g[..., : 2 * H]
    torch.mul(by_c, r, out=by_s[..., 2 * H :])


def _twice(inputs: list[Tensor], keep: Tensor | None, grad: Tensor) -> list[Tensor | None]:
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


def _resets(keep: Tensor | None, length: int) -> list[bool]:
    """At which steps some state is dropped."""
    return [False] * length if keep is None else (~keep).flatten(1).any(1).tolist()
