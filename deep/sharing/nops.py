"""No parameter sharing: θ_i free, a network for each agent, of that agent's own sizes.

The parameters of each agent are its own tensors, so that one agent's optimiser moves nobody else's network; for a
rollout they are stacked once into (n, a, b) and all agents run in one batched matrix product.

Agents of unequal sizes (inputs, widths, outputs) are stacked with zeros around them. A padded unit is then act(0) = 0
and feeds zeros, and the layer norms count an agent's own units only, so each agent's outputs are those of its own
network alone; outputs beyond an agent's own are 0, to be masked. The padding is made while stacking and is no
parameter: nothing trains it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deep.networks import Body, Weights, shapes
from deep.sharing.fups import FuPS
from deep.sharing.scheme import Part, Scheme
from marlcore.errors import InputError


class NoPS(Scheme):
    """A network for each agent; ``bodies`` are their sizes where they differ (``sized``)."""

    coupled = False

    def __init__(self, n: int, body: Body, generator: torch.Generator, bodies: Sequence[Body] | None = None) -> None:
        bodies = (body,) * n if bodies is None else tuple(bodies)
        super().__init__(n, body)
        self.body = _envelope(n, body, bodies)
        self.bodies = bodies
        self.agents = nn.ModuleList(FuPS(1, own, generator) for own in bodies)
        for name, mask in _masks(self.body, bodies).items():
            self.register_buffer(name.replace(".", "_"), mask, persistent=False)
        self._masked = list(_masks(self.body, bodies))

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """The chosen agents' weights, stacked."""
        chosen = list(range(self.n) if agents is None else agents)
        own = [self.own(i) for i in chosen]
        stacked = {}
        for name, shape in shapes(self.body).items():
            # an agent with a single number to normalise has no scale and shift of its own
            rows = [w[name] if name in w else w["out.bias"].new_full((1,), shape.constant) for w in own]
            stacked[name] = torch.stack([_padded(row, shape.size, shape.blocks) for row in rows])
        for name in self._masked:
            stacked[name] = self.get_buffer(name.replace(".", "_"))[chosen]
        return stacked

    def groups(self) -> list[list[nn.Parameter]]:
        """Each agent's own parameters."""
        return [list(agent.parameters()) for agent in self.agents]

    def parts(self) -> list[Part]:
        """The separate networks, where another agent's would fit."""

        def off() -> None:
            for agent in self.agents[1:]:
                agent.load_state_dict(self.agents[0].state_dict())

        return [Part("separate networks", off)] if self.n > 1 and len(set(self.bodies)) == 1 else []

    def own(self, i: int) -> Weights:
        """Agent i's weights in its own sizes, those of ``bodies[i]``."""
        agent = self.agents[i]
        assert isinstance(agent, FuPS)
        return agent.weights()


def sized(
    body: Body,
    n: int,
    inputs: Sequence[int] | None = None,
    outputs: Sequence[int] | None = None,
    hidden: Sequence[tuple[int, ...]] | None = None,
) -> tuple[Body, ...]:
    """n bodies like ``body``, with each agent's own sizes where they are given."""
    own = {"inputs": inputs, "outputs": outputs, "hidden": hidden}
    for name, sizes in own.items():
        if sizes is not None and len(sizes) != n:
            raise InputError(f"{name} has {len(sizes)} entries for {n} agents")
    given = {name: sizes for name, sizes in own.items() if sizes is not None}
    return tuple(dataclasses.replace(body, **{name: sizes[i] for name, sizes in given.items()}) for i in range(n))


def _envelope(n: int, body: Body, bodies: Sequence[Body]) -> Body:
    """The sizes that all agents fit into; ``body`` says how large inputs and outputs are padded to."""
    if len(bodies) != n:
        raise InputError(f"bodies has {len(bodies)} entries for {n} agents")
    for i, own in enumerate(bodies):
        alike = dataclasses.replace(
            own, inputs=body.inputs, outputs=body.outputs, hidden=body.hidden, recurrent=body.recurrent, head=body.head
        )
        layers = [(len(b.hidden), len(b.head), b.recurrent > 0) for b in (own, body)]
        if alike != body or layers[0] != layers[1]:
            raise InputError(f"bodies[{i}] must differ from body in sizes only, with as many layers: {own} and {body}")
        if own.inputs > body.inputs or own.outputs > body.outputs:
            raise InputError(
                f"bodies[{i}] reads {own.inputs} inputs and gives {own.outputs} outputs, more than the padded "
                f"{body.inputs} and {body.outputs}"
            )
    return dataclasses.replace(
        body,
        hidden=tuple(max(sizes) for sizes in zip(*(own.hidden for own in bodies), strict=True)),
        recurrent=max(own.recurrent for own in bodies),
        head=tuple(max(sizes) for sizes in zip(*(own.head for own in bodies), strict=True)),
    )


def _masks(body: Body, bodies: Sequence[Body]) -> dict[str, Tensor]:
    """(n, width) for each layer norm whose agents differ in width: 1 on an agent's own units."""
    found = {}
    if not body.norm:
        return found
    for name, shape in shapes(body).items():
        if not name.endswith(".scale"):
            continue
        widths = torch.tensor([shapes(own)[name].size[0] if name in shapes(own) else 1 for own in bodies])
        if bool((widths < shape.size[0]).any()):
            found[name.replace("scale", "mask")] = (torch.arange(shape.size[0]) < widths[:, None]).float()
    return found


def _padded(weight: Tensor, size: tuple[int, ...], blocks: int) -> Tensor:
    """The weight with zeros behind its rows, and behind the columns of each of its blocks."""
    if tuple(weight.shape) == size:
        return weight
    columns = size[-1] // blocks
    parts = [
        nn.functional.pad(part, (0, columns - part.shape[-1], 0, size[0] - part.shape[0])[: 2 * weight.ndim])
        for part in weight.chunk(blocks, -1)
    ]
    return torch.cat(parts, -1)
