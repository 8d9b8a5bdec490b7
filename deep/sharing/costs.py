"""What sharing costs: parameters and multiply-adds of every scheme against the number of agents n, in closed form.

    P, M         parameters and multiply-adds of one body (deep.networks); the products of weight matrices are counted
    fups         P                                     n·M a step
    fups_id      P + n·w, w the first bias             n·M
    nops         n·P                                   n·M
    hyper        e + trunk + (F + 1)·P                 n·M, and n·(trunk + F·P) once for an update
    obs_hyper    P + reader + (W + 1)·D                n·M, and reader + n·W·D at every step

F features (k of a linear hypernetwork, the last width of an MLP one), e = n·k learned embeddings or none, D entries of
an increment, W the reader's width. It is said that a hypernetwork costs slightly more than full sharing and far less
than separate networks (Tessera et al., *HyperMARL*). By these counts (F + 1)·P < n·P needs n > F + 1: at P = 16158,
the 64 × 64 body of SMAC's corridor, an MLP hypernetwork is smaller than separate networks from n = 66 on with 64
features and from 18 on with 16; a linear one with k = 4, 8, 16 from 6, 10, 18 on; a linear one of unit vectors never.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal

from deep.networks import Body, count, shapes
from deep.sharing.fups import first_layer
from deep.sharing.hyper import HyperOptions
from deep.sharing.obs_hyper.increments import layout
from deep.sharing.obs_hyper.options import ObsHyperOptions
from deep.sharing.scheme import options_of
from marlcore import registry

CORRIDOR = Body(156, 30, (64, 64), norm=False)
"""SMAC's corridor: 156 inputs, 30 actions, two hidden layers of 64; P = 16158."""


@dataclass(frozen=True)
class Costs:
    """Of n agents under a scheme."""

    parameters: int
    """Numbers that are trained."""
    act: int
    """Multiply-adds of one step of all agents, given their weights."""
    generate: int
    """Multiply-adds that make all agents' weights."""
    generated: Literal["never", "update", "step"]
    """How often that is done."""


def costs(scheme: str, n: int, body: Body = CORRIDOR, **options: Any) -> Costs:
    """Parameters and multiply-adds of ``sharing.make(scheme, n, body, …, **options)``."""
    if scheme not in _FORMS:
        raise registry.unknown("scheme of the cost table", scheme, list(_FORMS))
    return _FORMS[scheme](n, body, options)


def crossing(scheme: str, body: Body = CORRIDOR, against: str = "nops", **options: Any) -> int | None:
    """The least n from which on the scheme has fewer parameters than ``against``; None if there is no such n."""
    # both are affine in n
    (a1, a2), (b1, b2) = (
        [costs(name, n, body, **given).parameters for n in (1, 2)] for name, given in ((scheme, options), (against, {}))
    )
    lead, gain = a1 - b1, (b2 - b1) - (a2 - a1)
    if gain < 0 or (gain == 0 and lead >= 0):
        return None
    return 1 if lead < 0 else 2 + lead // gain


def multiply_adds(body: Body) -> int:
    """M: the products of one network's weight matrices with one input."""
    return sum(math.prod(shape.size) for shape in shapes(body).values() if len(shape.size) == 2)


def _fups(n: int, body: Body, options: dict[str, Any]) -> Costs:
    _none(options)
    return Costs(count(body), n * multiply_adds(body), 0, "never")


def _fups_id(n: int, body: Body, options: dict[str, Any]) -> Costs:
    _none(options)
    (width,) = shapes(body)[first_layer(body)[1]].size
    return Costs(count(body) + n * width, n * multiply_adds(body), 0, "never")


def _nops(n: int, body: Body, options: dict[str, Any]) -> Costs:
    _none(options)
    return Costs(n * count(body), n * multiply_adds(body), 0, "never")


def _hyper(n: int, body: Body, options: dict[str, Any]) -> Costs:
    found = options_of(HyperOptions, "hyper", options)
    sizes = (found.embedding_size(n), *found.widths)
    layers = list(itertools.pairwise(sizes))
    learned = n * sizes[0] if found.embedding == "learned" else 0
    trunk = sum(a * b for a, b in layers)
    P, F = count(body), sizes[-1]
    parameters = learned + trunk + sum(found.widths) + (F + 1) * P
    return Costs(parameters, n * multiply_adds(body), n * (trunk + F * P), "update")


def _hyper_linear(n: int, body: Body, options: dict[str, Any]) -> Costs:
    return _hyper(n, body, {"kind": "linear", "embedding": "one_hot"} | options)


def _obs_hyper(n: int, body: Body, options: dict[str, Any]) -> Costs:
    found = options_of(ObsHyperOptions, "obs_hyper", options)
    W, sizes = found.width, layout(body, found)
    D = sum(math.prod(size) for size in sizes.values())
    kinds = len(set(found.types)) or n
    inputs = body.inputs + found.context
    parameters = count(body) + (sum(body.hidden) if found.scaling else 0) + (W + 1) * D
    parameters += 2 * inputs + (inputs + 1) * W + (W + 1) * W
    made = n * (inputs * W + W * W) + kinds * W * D
    if found.conditioning == "all":
        parameters += 4 * W * W + 3 * W
        made += n * 4 * W * W + 2 * n * n * W
    own, work = _history(found)
    factors = [(name, size) for name, size in sizes.items() if name.endswith((".down", ".up"))]
    act, materialised = n * multiply_adds(body), 0
    for name, size in factors:
        stem, _, factor = name.rpartition(".")
        if f"{stem}.weight" in shapes(body):
            # products of plain layers are applied one after the other, beside the shared weight
            act += n * math.prod(size)
        elif factor == "down":
            # a single type's product is one for all agents
            materialised += (1 if kinds == 1 else n) * math.prod(size) * shapes(body)[stem].size[1]
    return Costs(parameters + own, act, made + n * work + materialised, "step")


def _history(options: ObsHyperOptions) -> tuple[int, int]:
    """Parameters of the history, and its multiply-adds for one agent and step."""
    W, w = options.width, options.window
    return {
        "none": (0, 0),
        "gru": (6 * W * W + 6 * W, 6 * W * W),
        "lstm": (8 * W * W + 8 * W, 8 * W * W),
        "window": (w * W * W + W, w * W * W),
        "attention": (4 * W * W + 3 * W, 2 * W * W + 2 * w * W * W + 2 * w * W),
    }[options.history]


def _none(options: dict[str, Any]) -> None:
    for name in options:
        raise registry.unknown("option", name, [])


_FORMS = {
    "fups": _fups,
    "fups_id": _fups_id,
    "nops": _nops,
    "hyper": _hyper,
    "hyper_linear": _hyper_linear,
    "obs_hyper": _obs_hyper,
}
