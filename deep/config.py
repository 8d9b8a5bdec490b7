"""What a run is asked to do: typed, nested, saved as JSON, and refused where a key is unknown.

    Config(algorithm="happo", env="mpe:simple_spread", sharing="nops", seed=1, steps=2_000_000)

A run is a function of its config (on one thread, and one machine). Defaults are those of HARL's published
configurations unless a field says otherwise (Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024).
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deep import algorithms
from deep.algorithms.value import Value
from deep.envs.protocol import Spec
from deep.learner import Optimiser
from marlcore import registry
from marlcore.errors import InputError
from marlcore.kit.files import plain


@dataclass(frozen=True)
class Rollout:
    """How experience is collected and what it is worth."""

    copies: int = 20
    """B, how many copies of the environment step together."""
    length: int = 200
    """T, steps of each copy between two updates."""
    chunk: int = 0
    """Steps through which a recurrent network's gradient flows; 0 for the whole rollout. Divides the length."""
    discount: float | None = None
    """γ; the task's own where it has one, else 0.99."""
    lam: float = 0.95
    """λ of generalised advantages (Schulman et al., 2016)."""
    standardise: bool = True
    """Whether advantages get mean 0 and deviation 1 over living agents."""


@dataclass(frozen=True)
class Network:
    """The body of every network (deep.networks)."""

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "relu"
    norm: bool = True
    recurrent: int = 0
    """The GRU's state size; 0 for none."""
    head: tuple[int, ...] = ()
    gain: float = 0.01
    """The gain of a policy's last layer."""
    log_std: float = -0.5
    """The initial log-deviation of box actions."""


@dataclass(frozen=True)
class Machine:
    """Where a run runs and what it leaves behind; none of it changes what is learnt, but for the device's round-off."""

    device: str = "cpu"
    threads: int = 1
    """Threads of torch. One makes a run a function of its config; 0 leaves them as they are."""
    checkpoint_every: int = 20
    """Updates between two checkpoints; there is always one at the end."""
    tensorboard: bool = False
    """Whether figures also go to TensorBoard's files."""


@dataclass(frozen=True)
class Config:
    """A run. Ten fields: what is trained on what, and one record for each part of the machinery."""

    algorithm: str
    env: str
    sharing: str = "nops"
    """A sharing scheme, with its options as in an environment's name: hyper?size=8."""
    seed: int = 0
    steps: int = 1_000_000
    """Environment steps of all copies together; a run ends with the update that reaches them."""
    rollout: Rollout = field(default_factory=Rollout)
    network: Network = field(default_factory=Network)
    optimiser: Optimiser = field(default_factory=Optimiser)
    value: Value = field(default_factory=Value)
    options: Any = None
    """The algorithm's own; its defaults unless given."""
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        """Fill in the algorithm's options and refuse numbers that make no run."""
        algorithm = algorithms.load(self.algorithm)
        if self.options is None:
            object.__setattr__(self, "options", algorithm.options())
        if type(self.options) is not algorithm.options:
            raise InputError(
                f"options of {self.algorithm} are a {algorithm.options.__name__}, not {type(self.options).__name__}"
            )
        _check(self)

    @property
    def updates(self) -> int:
        """How many updates reach ``steps``."""
        return -(-self.steps // self.steps_per_update)

    @property
    def steps_per_update(self) -> int:
        """B·T."""
        return self.rollout.copies * self.rollout.length

    @property
    def chunk(self) -> int:
        """Steps of a sequence."""
        return self.rollout.chunk or self.rollout.length


def discount_of(config: Config, spec: Spec) -> float:
    """γ: the task's own where it has one."""
    asked = config.rollout.discount
    if spec.discount is None:
        return 0.99 if asked is None else asked
    if asked is not None and asked != spec.discount:
        raise InputError(f"rollout.discount is {asked}, and {spec.name} has the discount {spec.discount} of its own")
    return spec.discount


def as_data(config: Config) -> dict[str, Any]:
    """Plain data, from which ``from_data`` makes the same config."""
    return plain(config)


def from_data(data: Mapping[str, Any]) -> Config:
    """The config of a JSON object; an unknown key, a missing one and a value of a wrong type are errors."""
    if not isinstance(data, Mapping) or "algorithm" not in data:
        raise InputError("a run's config is a JSON object with at least algorithm and env")
    options = algorithms.load(str(data["algorithm"])).options
    return _read(Config, data, "", {"options": options})


def _read(kind: Any, data: Any, where: str, own: Mapping[str, Any]) -> Any:
    if not isinstance(data, Mapping):
        raise InputError(f"config: {where or 'it'} is {data!r} where an object is asked for")
    types = {**typing.get_type_hints(kind), **own}
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key in data:
        if key not in fields:
            raise registry.unknown("config key", f"{where}{key}", [f"{where}{name}" for name in fields])
    values = {}
    for name, f in fields.items():
        if name in data:
            values[name] = _value(types[name], data[name], f"{where}{name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise InputError(f"config: {where}{name} is missing")
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read(kind, value, f"{where}.", {})
    choices = typing.get_args(kind)
    if type(None) in choices:
        if value is None:
            return None
        kind = next(choice for choice in choices if choice is not type(None))
    if typing.get_origin(kind) is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(_value(typing.get_args(kind)[0], item, f"{where}[{k}]") for k, item in enumerate(value))
    elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    name = getattr(kind, "__name__", str(kind))
    raise InputError(f"config: {where} is {value!r} where {name} is asked for")


def _check(config: Config) -> None:
    rollout, value, options = config.rollout, config.value, config.options
    counts = {
        "steps": config.steps,
        "rollout.copies": rollout.copies,
        "rollout.length": rollout.length,
        "value.epochs": value.epochs,
        "value.minibatches": value.minibatches,
        "machine.checkpoint_every": config.machine.checkpoint_every,
        "options.epochs": getattr(options, "epochs", 1),
        "options.minibatches": getattr(options, "minibatches", 1),
        "options.tries": getattr(options, "tries", 1),
        "options.iterations": getattr(options, "iterations", 1),
    }
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} must be at least 1, not {count}")
    if not 0 <= config.seed < 2**63:
        raise InputError(f"seed must be in [0, 2⁶³), not {config.seed}")
    if rollout.chunk < 0 or rollout.length % config.chunk:
        raise InputError(f"rollout.chunk = {rollout.chunk} does not divide rollout.length = {rollout.length}")
    if not 0 <= rollout.lam <= 1:
        raise InputError(f"rollout.lam must be in [0, 1], not {rollout.lam}")
    if rollout.discount is not None and not 0 <= rollout.discount < 1:
        raise InputError(f"rollout.discount must be in [0, 1), not {rollout.discount}")
    positive = {"optimiser.lr": config.optimiser.lr, "optimiser.critic_lr": config.optimiser.critic_lr}
    positive |= {"optimiser.max_norm": config.optimiser.max_norm, "optimiser.epsilon": config.optimiser.epsilon}
    positive |= {"value.clip": value.clip, "value.huber": value.huber}
    positive |= {f"options.{name}": getattr(options, name, 1.0) for name in ("clip", "delta", "scale")}
    for name, number in positive.items():
        if not 0 < number < float("inf"):
            raise InputError(f"{name} must be a positive number, not {number}")
    at_least_0 = {"machine.threads": config.machine.threads, "network.recurrent": config.network.recurrent}
    at_least_0 |= {"network.gain": config.network.gain}
    at_least_0 |= {f"options.{name}": getattr(options, name, 0.0) for name in ("entropy", "damping", "tolerance")}
    for name, number in at_least_0.items():
        if not 0 <= number < float("inf"):
            raise InputError(f"{name} must be a number that is not negative, not {number}")
