"""The matrix product of dense layers, by the kernel that uses the whole width of the processor.

    xW + b        ∂x = ∂y·Wᵀ        ∂W = xᵀ·∂y        ∂b = Σ_rows ∂y

torch hands a float32 product on the CPU to MKL. MKL picks its kernels by the processor's maker as well as by what it
can do: on other makers' processors with AVX-512 it stays at half the width. oneDNN, which torch carries beside it, goes
by the instructions alone. On one core of an AMD processor (Zen 5) 2048³ runs at 110 GFLOP/s in MKL and at 245 in
oneDNN, and the products of a network with 128 units at 100 and at 160–240. So where there is AVX-512, products of at
least ``LEAST`` multiplications go to oneDNN in float32 proper; smaller ones, other types and devices go where torch
sends them. The choice depends on the shapes alone, so a run remains a function of its config on one machine.

torch reaches that kernel by an operator of its own compiler, which has no gradient; ``_Product`` gives it one, of
products again, so it can be differentiated any number of times. Where the operator is missing, nothing else changes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LEAST = 2**19
"""Multiplications of a product below which a call costs more than it saves."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """xW + b for matrices x (r, a), W (a, b) and a vector b."""
    if not _wide(x, weight):
        return x @ weight if bias is None else torch.addmm(bias, x, weight)
    return _Product.apply(x, weight, bias)


class _Product(torch.autograd.Function):
    """oneDNN's product with a gradient; mapped over runs (``torch.func.vmap``) it is torch's batched product."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _onednn(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *mapped: Tensor | None) -> tuple[Tensor, int]:
        x, weight, bias = (
            None if one is None else one[None] if dim is None else one.movedim(dim, 0)
            for one, dim in zip(mapped, in_dims, strict=True)
        )
        assert x is not None
        assert weight is not None
        found = x.expand(info.batch_size, *x.shape[1:]) @ weight
        return (found if bias is None else found + bias[:, None]), 0

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad
        return (
            product(grad, weight.T) if by_x else None,
            product(x.T, grad) if by_weight else None,
            grad.sum(0) if by_bias else None,
        )


def _wide(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN takes this product."""
    large = x.shape[0] * weight.shape[0] * weight.shape[1] >= LEAST
    return large and AVAILABLE and x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight.T, bias, "none", [], "")


def _found() -> bool:
    """Whether the processor has AVX-512 and this torch the operator, with the arguments that are used here."""
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        found = _onednn(torch.ones(2, 3), torch.ones(3, 2), None)
    except (AttributeError, RuntimeError):
        return False
    return bool((found == 3).all())


AVAILABLE = _found()
"""Whether large products go to oneDNN on this machine."""
