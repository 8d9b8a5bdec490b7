"""The value network: what it looks at, and for whom.

    state    V(s)              one row per environment in a team task, else a row per agent with its id
    agent    V_i(s, o_i)       the state and the agent's own observation, a row per agent
    own      V_i(o_i)          the agent's own observation alone (IPPO), a row per agent

Rows (R) are 1 or n. A row's target is the shared reward's return, or agent i's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deep import sharing
from deep.envs.protocol import Spec
from deep.networks import Body, Weights
from marlcore.errors import InputError

VIEWS = ("state", "agent", "own")


class Critic(nn.Module):
    """A value network for each row of rewards."""

    def __init__(self, spec: Spec, view: str, body: Body, generator: torch.Generator, scheme: str = "") -> None:
        super().__init__()
        if view not in VIEWS:
            raise InputError(f"critic view must be one of {', '.join(VIEWS)}, not {view!r}")
        self.view = view
        self.rows = 1 if view == "state" and spec.team else spec.n_agents
        # agents with rewards of their own have to be told apart: they may see the same
        name, text = sharing.parse(scheme or ("fups" if spec.team or self.rows == 1 else "fups_id"))
        options = {"fused": "gaussian", **text} if name == "obs_hyper" else text
        self.scheme = sharing.make(name, self.rows, body, generator, **options)
        self.obs_size = spec.obs_size

    def inputs(self, obs: Tensor, state: Tensor) -> Tensor:
        """(…, R, inputs) from obs (…, n, o), what stands behind it left out, and state (…, s)."""
        obs = obs[..., : self.obs_size]
        if self.view == "own":
            return obs
        rows = state[..., None, :].expand(*state.shape[:-1], self.rows, state.shape[-1])
        return rows if self.view == "state" else torch.cat([rows, obs], -1)

    def forward(
        self,
        inputs: Tensor,
        hidden: Tensor | None = None,
        starts: Tensor | None = None,
        weights: Weights | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Values (T, B, R) on the network's scale, and the recurrent state."""
        chosen = self.scheme.weights() if weights is None else weights
        out, hidden = self.scheme(inputs, hidden, starts if self.scheme.sequential else None, weights=chosen)
        return out[..., 0], hidden

    def through(self, inputs: Tensor, hidden: Tensor, starts: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        """Values (T, B, R), and the recurrent state (T, B, R, ·) behind every step."""
        out, states = self.scheme.through(inputs, hidden, starts, weights)
        return out[..., 0], states

    def rewards(self, reward: Tensor) -> Tensor:
        """The rows' rewards (…, R) of (…, n)."""
        return reward[..., : self.rows]


def input_size(spec: Spec, view: str) -> int:
    """How many numbers a critic of that view reads."""
    return {"state": spec.state_size, "own": spec.obs_size}.get(view, spec.state_size + spec.obs_size)
