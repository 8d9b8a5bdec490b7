"""What a hypernetwork reads: observations encoded, attended to across agents, and carried through time.

    z_i = enc(o_i)      c_i = LN(z_i + Attn(z_i; z_1 … z_n))      h_{i,t} = history(h_{i,t−1}, c_{i,t})      out = LN(h)

Attention is multi-head scaled dot product (Vaswani et al., 2017). Nothing depends on the number of agents or on their
order. With own-observation conditioning the attention is left out, and row i is a function of agent i's past alone.
Inputs are (T, B, n, ·) as everywhere; the history starts again where ``starts`` says so.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deep.networks import Shape, gru, initial, linear
from deep.sharing.hyper import orthogonal
from deep.sharing.obs_hyper.options import ObsHyperOptions


class Reader(nn.Module):
    """From x (T, B, n, inputs) to context (T, B, n, width) of norm √width, and the history's state (B, n, size)."""

    def __init__(self, inputs: int, options: ObsHyperOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options, width = options, options.width
        self.forgetful = False
        # a norm of a single number is always 0
        self.norm = nn.LayerNorm(inputs) if inputs > 1 else nn.Identity()
        self.first = orthogonal(inputs, width, generator)
        self.second = orthogonal(width, width, generator)
        self.across = Attention(width, options.attention, generator) if options.conditioning == "all" else None
        kind = options.history
        if kind in ("gru", "lstm"):
            gates = 3 if kind == "gru" else 4
            matrix, bias = Shape((width, gates * width), 1.0, blocks=gates), Shape((gates * width,))
            cell = {"input": matrix, "bias": bias, "state": matrix, "state_bias": bias}
            self.cell = nn.ParameterDict({name: nn.Parameter(initial(s, generator)) for name, s in cell.items()})
        self.along = Attention(width, options.attention, generator) if kind == "attention" else None
        self.side = orthogonal(options.window * width, width, generator, 1.0) if kind == "window" else None

    @property
    def state_size(self) -> int:
        """The width of the history's state."""
        width, window = self.options.width, self.options.window
        # a frame of the window carries a flag that says that it is there
        frames = (window - 1) * (width + 1)
        return {"gru": width, "lstm": 2 * width, "none": 0}.get(self.options.history, frames)

    def forget(self) -> None:
        """Switch the history off: contexts are those of the present step."""
        self.forgetful = True

    def forward(self, x: Tensor, state: Tensor, starts: Tensor | None) -> tuple[Tensor, Tensor]:
        """Contexts of all steps, and the last state."""
        z = self.second(torch.relu(self.first(self.norm(x))))
        if self.across is not None:
            z = z + self.across(z, z, None)
        out, state = self._history(_norm(z), state, starts)
        return _norm(out), state

    def _history(self, c: Tensor, state: Tensor, starts: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.options.history == "none" or self.forgetful:
            return c, state
        if self.options.history == "gru":
            return gru({f"gru.{name}": value for name, value in self.cell.items()}, c, state, starts)
        if self.options.history == "lstm":
            return self._lstm(c, state, starts)
        frames, state = _windows(c, state, starts, self.options.window)
        seen, there = frames[..., :-1], frames[..., -1]
        if self.side is not None:
            return c + self.side(seen.flatten(-2)), state
        assert self.along is not None
        return c + self.along(c[..., None, :], seen, there > 0)[..., 0, :], state

    def _lstm(self, c: Tensor, state: Tensor, starts: Tensor | None) -> tuple[Tensor, Tensor]:
        """Hochreiter & Schmidhuber (1997) with forget gates, in the form of torch.nn.LSTM."""
        h, cell = state.chunk(2, -1)
        given = linear(c, self.cell["input"], self.cell["bias"])
        states = []
        for t in range(len(c)):
            if starts is not None:
                fresh = starts[t, :, None, None]
                h, cell = torch.where(fresh, 0.0, h), torch.where(fresh, 0.0, cell)
            i, f, g, o = (given[t] + linear(h, self.cell["state"], self.cell["state_bias"])).chunk(4, -1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(cell)
            states.append(h)
        return torch.stack(states), torch.cat([h, cell], -1)


class Attention(nn.Module):
    """softmax(QKᵀ/√d)V in several heads, over the last axis but one."""

    def __init__(self, width: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.value, self.out = (orthogonal(width, width, generator, 1.0) for _ in range(3))
        # a bias of the keys would add the same to all scores of a query, which the softmax takes away
        self.key = orthogonal(width, width, generator, 1.0, bias=False)

    def silence(self) -> None:
        """Switch it off: it adds nothing."""
        self.out.weight.data.zero_()
        self.out.bias.data.zero_()

    def forward(self, asked: Tensor, seen: Tensor, there: Tensor | None) -> Tensor:
        """(…, m, width) from asked (…, m, width) and seen (…, k, width); ``there`` (…, k) leaves out some of the k."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
            for layer, x in ((self.query, asked), (self.key, seen), (self.value, seen))
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if there is not None:
            scores = scores.masked_fill(~there[..., None, None, :], -torch.inf)
        return self.out((scores.softmax(-1) @ v).transpose(-3, -2).flatten(-2))


def _windows(c: Tensor, state: Tensor, starts: Tensor | None, window: int) -> tuple[Tensor, Tensor]:
    """The last steps (T, B, n, window, width + 1) at every step, a flag behind each, and the state they leave."""
    flagged = torch.cat([c, torch.ones_like(c[..., :1])], -1)
    kept = state.reshape(*state.shape[:-1], window - 1, flagged.shape[-1])
    frames = []
    for t in range(len(c)):
        if starts is not None:
            kept = torch.where(starts[t, :, None, None, None], 0.0, kept)
        frame = torch.cat([kept, flagged[t][..., None, :]], -2)
        frames.append(frame)
        kept = frame[..., 1:, :]
    return torch.stack(frames), kept.flatten(-2)


def _norm(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[-1:])
