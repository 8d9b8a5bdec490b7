"""The parameters of K equal networks in one tensor, and Adam on them.

    Θ (G, K, P)      row (g, k): group g of network k, its parameters one after another
    θ ← θ − α·m̂/(√v̂ + ε)      m, v (G, K, P), one count of steps        gradients clipped row by row

The networks look at the same memory: a step on Θ is a step of theirs, and nothing is copied. The optimisers of the
networks look at m and v, so ``settle`` only has to tell them the count before they are saved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

Named = dict[str, Tensor]


class Stack:
    """K modules of equal shapes; ``groups[k]`` are module k's parameters, in G groups of equal shapes."""

    def __init__(self, modules: Sequence[nn.Module], groups: Sequence[Sequence[Sequence[nn.Parameter]]]) -> None:
        names = {id(p): name for name, p in modules[0].named_parameters()}
        self.layout = [[(names[id(p)], p.shape) for p in group] for group in groups[0]]
        self.sizes = [shape.numel() for _, shape in self.layout[0]]
        self.theta = _rows(groups, lambda p: p)
        self._share(groups, self.theta)
        self._groups = groups

    @property
    def everything(self) -> Named:
        """Every parameter by its name, (K, …)."""
        return {name: x for g in range(len(self.layout)) for name, x in self.named(self.theta[g], g).items()}

    def named(self, rows: Tensor, group: int = 0) -> Named:
        """Rows (K, P) as the parameters of a group, by their names in a module."""
        parts = rows.split(self.sizes, -1)
        return {name: x.unflatten(-1, shape) for (name, shape), x in zip(self.layout[group], parts, strict=True)}

    def release(self) -> None:
        """Give every module memory of its own."""
        for group in (group for groups in self._groups for group in groups):
            for p in group:
                p.data = p.data.clone()

    def _share(self, groups: Sequence[Sequence[Sequence[nn.Parameter]]], theta: Tensor) -> None:
        for k, own in enumerate(groups):
            for g, group in enumerate(own):
                for p, part in zip(group, theta[g, k].split(self.sizes), strict=True):
                    p.data = part.view(p.shape)


class StackedAdam:
    """Adam on the rows of a stack; ``optimisers[k]`` are those of module k's groups, one for all or one each."""

    def __init__(
        self, stack: Stack, groups: Any, optimisers: Sequence[Sequence[torch.optim.Adam]], max_norm: float
    ) -> None:
        self.stack, self.max_norm = stack, max_norm
        self._groups, self._optimisers = groups, optimisers
        first = optimisers[0][0].param_groups[0]
        self.lr, self.epsilon, self.betas = first["lr"], first["eps"], first["betas"]
        states = {id(p): o.state.get(p, {}) for own in optimisers for o in own for group in _all(o) for p in group}
        self.m, self.v = (
            _rows(groups, lambda p, name=name: states[id(p)].get(name, torch.zeros_like(p)))
            for name in ("exp_avg", "exp_avg_sq")
        )
        counts = {float(state.get("step", 0.0)) for state in states.values()}
        assert len(counts) == 1, f"the optimisers stand at different steps: {sorted(counts)}"
        self.count = torch.tensor(counts.pop(), device=stack.theta.device)

    @contextlib.contextmanager
    def moving(self, chosen: Sequence[int]) -> Iterator[Moving]:
        """Steps of group ``chosen[k]`` of module k, which is put back at the end."""
        at = torch.as_tensor(chosen), torch.arange(len(chosen))
        moving = Moving(self, self.stack.theta[at], self.m[at], self.v[at])
        yield moving
        self.stack.theta[at], self.m[at], self.v[at], self.count = moving.theta, moving.m, moving.v, moving.count

    def settle(self) -> None:
        """Let the modules' own optimisers stand where this one does."""
        for k, (groups, own) in enumerate(zip(self._groups, self._optimisers, strict=True)):
            holders = {id(p): o for o in own for group in _all(o) for p in group}
            for g, group in enumerate(groups):
                parts = (x[g, k].split(self.stack.sizes) for x in (self.m, self.v))
                for p, m, v in zip(group, *parts, strict=True):
                    holders[id(p)].state[p] = {
                        "step": self.count.clone(),
                        "exp_avg": m.view(p.shape).clone(),
                        "exp_avg_sq": v.view(p.shape).clone(),
                    }


class Moving:
    """One group of every module on its way: θ, m, v (K, P) and the count of steps."""

    def __init__(self, owner: StackedAdam, theta: Tensor, m: Tensor, v: Tensor) -> None:
        self.owner, self.theta, self.m, self.v, self.count = owner, theta, m, v, owner.count.clone()

    @property
    def named(self) -> Named:
        """The parameters as they stand, under the names of group 0."""
        return self.owner.stack.named(self.theta)

    def step(self, loss: Callable[[Named], tuple[Tensor, dict[str, Tensor]]], name: str) -> dict[str, Tensor]:
        """One step down the gradients of the K losses; what they report, and the norm of each gradient."""
        owner, leaf = self.owner, self.theta.detach().requires_grad_()
        losses, figures = loss(owner.stack.named(leaf))
        # no module's loss depends on another's parameters, so the sum's gradient is each one's own
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        norm = torch.linalg.vector_norm(gradient, dim=-1)
        gradient = gradient * (owner.max_norm / (norm + 1e-6)).clamp(max=1.0)[:, None]
        adam(
            *([self.theta], [gradient], [self.m], [self.v], [], [self.count]),
            fused=self.theta.device.type in ("cpu", "cuda"),
            amsgrad=False,
            beta1=owner.betas[0],
            beta2=owner.betas[1],
            lr=owner.lr,
            weight_decay=0.0,
            eps=owner.epsilon,
            maximize=False,
        )
        return {**figures, name: norm}


def _rows(groups: Sequence[Sequence[Sequence[nn.Parameter]]], of: Callable[[nn.Parameter], Tensor]) -> Tensor:
    """(G, K, P)"""
    rows = [[torch.cat([of(p).detach().reshape(-1) for p in group]) for group in own] for own in groups]
    return torch.stack([torch.stack(row) for row in rows], 1)


def _all(optimiser: torch.optim.Optimizer) -> list[list[nn.Parameter]]:
    return [group["params"] for group in optimiser.param_groups]
