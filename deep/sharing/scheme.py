"""Who shares what: a sharing scheme maps agents to the weights of one body.

    θ_i = scheme.weights(…)[i]          logits_i = body(θ_i, x_i)

    fups       θ_i = θ                    one network for all agents
    fups_id    θ_i = θ, b_i = b + W_id e_i  one network that reads who it is
    nops       θ_i free                   a network for each agent
    hyper      θ_i = h_ψ(e_i)             weights generated from an embedding of the agent
    obs_hyper  θ_i = θ + Δ_ψ(o_1, …, o_n, history)

A scheme holds parameters and knows nothing of the algorithm. An algorithm

1. asks for ``weights`` once before a rollout and once for each minibatch, and passes them to every call;
2. takes ``initial_state(B)`` as the recurrent state (None where the scheme keeps none), hands it from step to step, and
   stores it with the samples; the width of the state is the scheme's business (``state_size``);
3. cuts minibatches along B and not along T where the scheme is ``sequential``;
4. hands over observations through ``select``: a ``centralised`` scheme reads all agents' whenever one acts;
5. steps agent i's optimiser, made of ``optimiser_groups(i, lr)``. ``coupled`` schemes share parameters, so a step on
   one agent's loss moves every agent; the sequential factor M of HAPPO and HATRPO then has to count all agents that
   have moved, not only the predecessors. ``groups`` are the parameters that a step of each agent may move: n groups
   where agents are separate, one group where they are coupled;
6. adds ``terms(kl, weights)`` to the loss of the pass that came last if the scheme is ``regularised``, and says
   ``after_step()`` behind every step of an optimiser and ``after_update()`` when all epochs on a rollout are done.

A third party adds a scheme through the extension point ``sharing``: (n, body, generator, **options) → Scheme, and
checks it by ``conformance.check("sharing", …)``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from deep.networks import Body, Weights, apply, every
from marlcore import registry
from marlcore.errors import InputError

Options = TypeVar("Options")


@dataclass(frozen=True)
class Part:
    """A mechanism of a scheme that can be switched off, and where that must be seen (``deep.liveness``)."""

    name: str
    switch_off: Callable[[], object]
    """Changes the scheme for good: call it on a copy."""
    reaches: tuple[str, ...] = ("acting", "evaluating")
    """``acting`` and ``evaluating``: the outputs of a rollout and of a minibatch; ``update``: what is learnt."""


class Scheme(nn.Module, ABC):
    """The networks of n agents: parameters, and how they become each agent's weights."""

    coupled: bool
    """Whether a step on one agent's loss moves other agents' networks."""
    conditioned: bool = False
    """Whether the weights depend on observations (``obs_hyper``): then they are generated for each sample."""
    centralised: bool = False
    """Whether an agent's network reads other agents' observations when it acts."""
    masked: bool = False
    """Whether ``forward`` takes ``available``, the masks (…, n', A) of the agents whose outputs it gives."""
    context: int = 0
    """How many numbers the scheme reads behind the body's inputs (the previous action and reward, say)."""

    def __init__(self, n: int, body: Body) -> None:
        super().__init__()
        if n < 1:
            raise InputError(f"n must be at least 1 agent, not {n}")
        self.n, self.body = n, body

    @abstractmethod
    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """The weights of those agents (all by default): (a, b) if they are one network, (n, a, b) otherwise.

        A bias may be each agent's own (n, b) beside a weight (a, b) that is everybody's. Of a ``conditioned`` scheme
        these are the weights before anything is observed; ``forward`` adds the increments.
        """

    @abstractmethod
    def groups(self) -> list[list[nn.Parameter]]:
        """The parameters that a step of agent i may move, agent by agent; a single group if agents are coupled."""

    def forward(
        self,
        x: Tensor,
        hidden: Tensor | None = None,
        starts: Tensor | None = None,
        agents: Sequence[int] | None = None,
        weights: Weights | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Outputs (…, n, outputs) and the recurrent state for inputs (…, n, inputs + context) of those agents.

        ``weights`` are those of an earlier ``weights(agents)``. A sequential scheme reads x (T, B, n, ·), ``hidden``
        (B, n, state_size) and ``starts`` (T, B), which marks first steps of episodes: there the state is the initial
        one. A centralised scheme takes x and ``hidden`` of all agents and returns the outputs of ``agents``, and the
        state of all.
        """
        chosen = self.weights(agents) if weights is None else weights
        return apply(self.body, chosen, x, hidden, starts)

    def through(self, x: Tensor, hidden: Tensor, starts: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        """``forward`` of all agents, with the recurrent state (T, B, n, state_size) behind every step."""
        if type(self).forward is Scheme.forward:
            return every(self.body, weights, x, hidden, starts)
        # a scheme with a pass of its own says where it ended, and no more
        outputs, states = [], []
        for t in range(len(x)):
            out, after = self(x[t : t + 1], hidden, starts[t : t + 1], weights=weights)
            assert after is not None
            hidden = after
            outputs.append(out)
            states.append(hidden)
        return torch.cat(outputs), torch.stack(states)

    def select(self, x: Tensor, agents: Sequence[int]) -> Tensor:
        """What ``forward(…, agents=agents)`` takes, observations or states, out of (…, n, ·)."""
        return x if self.centralised else x[..., list(agents), :]

    @property
    def state_size(self) -> int:
        """The width of the recurrent state; 0 without one."""
        return self.body.recurrent

    @property
    def sequential(self) -> bool:
        """Whether a step's outputs, or the terms of the loss, depend on the steps before it."""
        return self.state_size > 0

    @property
    def regularised(self) -> bool:
        """Whether ``terms`` gives any."""
        return False

    @property
    def execution(self) -> str:
        """Which kind of execution this is, for the run's record."""
        return "centralised" if self.centralised else "decentralised"

    def initial_state(self, batch: int) -> Tensor | None:
        """The recurrent state (B, n, state_size) at the start of an episode; None if the scheme is not sequential."""
        if not self.sequential:
            return None
        return next(self.parameters()).new_zeros(batch, self.n, self.state_size)

    def optimiser_groups(self, group: int, lr: float) -> list[dict[str, Any]]:
        """``groups()[group]`` as torch's parameter groups, each with its name and its learning rate."""
        return [{"name": "theta", "params": self.groups()[group], "lr": lr}]

    def terms(self, kl: Tensor | None = None, weights: Tensor | None = None) -> dict[str, Tensor]:
        """Named scalars to add to the loss, each times its coefficient already; none by default.

        They belong to the last forward pass that recorded gradients, and are given once. ``kl`` is the mean of
        KL(π_old ‖ π_new) over that pass's alive entries, with its gradient, and ``weights`` (T, B, n') are those of its
        entries: 0 for the dead, all alike unless given.
        """
        del kl, weights
        return {}

    def parts(self) -> list[Part]:
        """What is switched on in this scheme besides its body; each must make a difference."""
        return []

    def after_step(self) -> None:
        """Called behind every step of an optimiser (target networks)."""

    def after_update(self) -> None:
        """Called when all epochs on a rollout are done (the last K policies)."""


def options_of(kind: type[Options], name: str, given: Mapping[str, Any]) -> Options:
    """The frozen dataclass of a scheme's options from keywords; one that it does not have is refused."""
    known = [field.name for field in dataclasses.fields(kind)]  # pyright: ignore[reportArgumentType]
    for key in given:
        if key not in known:
            raise registry.unknown(f"option of {name}", key, known)
    hints = typing.get_type_hints(kind)
    return kind(**{key: _read(hints[key], value, key) for key, value in given.items()})


def _read(hint: Any, value: Any, key: str) -> Any:
    """A value of the option's type, or the text of one: "false" is False, "1,2" is (1, 2)."""
    choices = typing.get_args(hint)
    if type(None) in choices:
        if value is None or value == "none":
            return None
        return _read(next(choice for choice in choices if choice is not type(None)), value, key)
    if typing.get_origin(hint) is tuple:
        parts = [part for part in value.split(",") if part] if isinstance(value, str) else value
        if isinstance(parts, (list, tuple)):
            return tuple(_read(choices[0], part, key) for part in parts)
    elif hint is bool and str(value).lower() in ("true", "false") and isinstance(value, (bool, str)):
        return str(value).lower() == "true"
    elif hint in (int, float) and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            number = float(value)
            if hint is float or number.is_integer():
                return hint(number)
    elif typing.get_origin(hint) is Literal or isinstance(value, hint):
        return value
    raise InputError(f"{key} is {value!r} where {getattr(hint, '__name__', hint)} is asked for")
