"""The suite of the extension point ``environments``: the contract of ``deep.envs.protocol``, on a family's examples.

    conformance.check("environments", "game")          conformance.check("environments", my_family)

Each check takes a ``Family`` and makes its example tasks on the CPU; actions are uniform among the available ones.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from deep.envs.naming import parse
from deep.envs.protocol import Discrete, Environment, Family, MultiDiscrete, Space, Timestep, random_actions
from marlcore.errors import InputError

BATCH, STEPS, SEED = 3, 40, 11
FIELDS = ("obs", "state", "available", "alive", "reward", "terminated", "truncated")


def shows_what_its_spec_says(family: Family) -> None:
    """Shapes, dtypes, devices and finite values are those of the spec, at the reset and at every step."""
    for env in _each(family):
        for t in itertools.chain([env.reset()], _run(env)):
            spec, b = env.spec, env.batch
            shapes = {
                "obs": (b, spec.n_agents, spec.obs_size),
                "state": (b, spec.state_size),
                "available": (b, spec.n_agents, spec.n_actions),
                "alive": (b, spec.n_agents),
                "reward": (b, spec.n_agents),
                "terminated": (b,),
                "truncated": (b,),
            }
            for name, shape in shapes.items():
                value = getattr(t, name)
                wanted = torch.float32 if name in ("obs", "state", "reward") else torch.bool
                assert tuple(value.shape) == shape, f"{spec.name}: {name} is {tuple(value.shape)}, not {shape}"
                assert value.dtype == wanted, f"{spec.name}: {name} is {value.dtype}, not {wanted}"
                assert value.device.type == env.device.type, f"{spec.name}: {name} is on {value.device}"
                assert not value.is_floating_point() or bool(torch.isfinite(value).all()), (
                    f"{spec.name}: {name} not finite"
                )


def pads_with_zeros_and_masks(family: Family) -> None:
    """Beyond an agent's own sizes obs is 0 and available False; every agent has an action in every dimension."""
    for env in _each(family):
        spec = env.spec
        for t in itertools.chain([env.reset()], _run(env)):
            for i, (size, space) in enumerate(zip(spec.obs_sizes, spec.spaces, strict=True)):
                assert bool((t.obs[:, i, size:] == 0).all()), f"{spec.name}: agent {i}'s padding is not zero"
                start = 0
                for k, count in enumerate(spec.action_counts):
                    own = _count(space, k)
                    mask = t.available[:, i, start : start + count]
                    assert not bool(mask[:, own:].any()), f"{spec.name}: agent {i} may take a padded action"
                    assert bool(mask.any(-1).all()), f"{spec.name}: agent {i} has no action in dimension {k}"
                    start += count


def ends_one_way_and_starts_again(family: Family) -> None:
    """No step is both terminated and truncated; episodes end within the limit, and then ``final`` is there."""
    for env in _each(family):
        limit = env.spec.episode_limit
        age = torch.zeros(env.batch, dtype=torch.int64)
        for t in _run(env, STEPS if limit is None else max(STEPS, min(limit + 1, 600))):
            assert not bool((t.terminated & t.truncated).any()), f"{env.spec.name}: terminated and truncated at once"
            assert (t.final is not None) == bool(t.done.any()), (
                f"{env.spec.name}: final is not there when an episode ends"
            )
            if t.final is not None:
                assert t.final.obs.shape == t.obs.shape, f"{env.spec.name}: final.obs is {tuple(t.final.obs.shape)}"
                assert t.final.state.shape == t.state.shape, (
                    f"{env.spec.name}: final.state is {tuple(t.final.state.shape)}"
                )
            age = age + 1
            assert limit is None or bool((age <= limit).all()), f"{env.spec.name}: an episode is longer than {limit}"
            age[t.done.cpu()] = 0


def is_a_function_of_the_seed(family: Family) -> None:
    """The same seed gives the same bits; ``reset`` goes back to the start, of any seed."""
    for env in _each(family):
        first = _bits(env)
        _same(first, _bits(env), f"{env.spec.name}: after reset() the episodes are others")
        env.reset(SEED + 1)
        env.reset(SEED)
        _same(first, _bits(env), f"{env.spec.name}: after reset(seed) the episodes of that seed are others")


def does_not_notice_its_neighbours(family: Family) -> None:
    """Copy 1 of a batch is copy 0 of a batch that starts at number 1."""
    for example in family.examples:
        whole, alone = _make(family, example, BATCH), _make(family, example, 1, first=1)
        one, other = whole.reset(), alone.reset()
        for k in range(STEPS):
            for name in FIELDS:
                assert torch.equal(getattr(one, name)[1:2], getattr(other, name)), (
                    f"{whole.spec.name}: {name} at step {k}"
                )
            actions = random_actions(whole.spec, one.available, SEED, k)
            one, other = whole.step(actions), alone.step(actions[1:2])
        whole.close()
        alone.close()


def goes_on_from_what_it_saved(family: Family) -> None:
    """After ``load`` another instance takes the steps that followed ``save``, bit for bit; or both refuse."""
    for example in family.examples:
        env, other = _make(family, example, BATCH), _make(family, example, BATCH, seed=SEED + 1)
        t = env.reset()
        for k in range(STEPS // 2):
            t = env.step(random_actions(env.spec, t.available, SEED, k))
        if not env.spec.saves:
            for refused in (env.save, functools.partial(other.load, {})):
                try:
                    refused()
                except InputError:
                    continue
                raise AssertionError(f"{env.spec.name} says that it cannot be saved, and does not refuse")
            continue
        saved = env.save()
        _plain(saved, env.spec.name)
        shown = other.load(saved)
        for name in ("obs", "state", "available", "alive"):
            assert torch.equal(getattr(shown, name), getattr(t, name)), f"{env.spec.name}: {name} after load"
        available = t.available.clone()
        for k in range(STEPS // 2, STEPS):
            actions = random_actions(env.spec, available, SEED, k)
            one, two = env.step(actions), other.step(actions)
            for name in FIELDS:
                assert torch.equal(getattr(one, name), getattr(two, name)), f"{env.spec.name}: {name} at step {k}"
            available = one.available.clone()
        env.close()
        other.close()


def refuses_bad_actions(family: Family) -> None:
    """A wrong shape, and an action out of range, not available or not finite, is an InputError; nothing is clamped."""
    for env in _each(family):
        t = env.reset()
        good = random_actions(env.spec, t.available, SEED, 0)
        bad = [good[:, :-1] if env.spec.n_agents > 1 else good[:0]]
        wrong = good.clone()
        wrong.view(env.batch, env.spec.n_agents, -1)[-1, -1, 0] = torch.nan if good.is_floating_point() else 10**6
        bad.append(wrong)
        for actions in bad:
            try:
                env.step(actions)
            except InputError:
                continue
            raise AssertionError(f"{env.spec.name}: took actions {tuple(actions.shape)} that it should refuse")


def closes_twice(family: Family) -> None:
    """A second ``close`` does nothing."""
    for env in _each(family):
        env.close()
        env.close()


CHECKS: tuple[Callable[[Any], None], ...] = (
    shows_what_its_spec_says,
    pads_with_zeros_and_masks,
    ends_one_way_and_starts_again,
    is_a_function_of_the_seed,
    does_not_notice_its_neighbours,
    goes_on_from_what_it_saved,
    refuses_bad_actions,
    closes_twice,
)
"""The checks of a family of environments."""


def _make(family: Family, example: str, batch: int, first: int = 0, seed: int = SEED) -> Environment:
    name = parse(f"family:{example}")
    return family.make(name.task, batch, torch.device("cpu"), seed, first, **dict(name.options))


def _each(family: Family) -> Iterator[Environment]:
    assert family.examples, "a family without examples: the suite would pass anything"
    for example in family.examples:
        env = _make(family, example, BATCH)
        try:
            yield env
        finally:
            env.close()


def _count(space: Space, k: int) -> int:
    """An agent's own number of choices in action dimension k (1 where it has no such dimension)."""
    counts = (space.n,) if isinstance(space, Discrete) else space.counts if isinstance(space, MultiDiscrete) else ()
    return counts[k] if k < len(counts) else 1


def _run(env: Environment, steps: int = STEPS) -> Iterator[Timestep]:
    t = env.reset()
    for k in range(steps):
        t = env.step(random_actions(env.spec, t.available, SEED, k))
        yield t


def _bits(env: Environment) -> list[dict[str, torch.Tensor]]:
    found = [_copy(env.reset())]
    return found + [_copy(t) for t in _run(env)]


def _copy(t: Timestep) -> dict[str, torch.Tensor]:
    return {name: getattr(t, name).clone() for name in FIELDS}


def _same(one: list[dict[str, torch.Tensor]], other: list[dict[str, torch.Tensor]], message: str) -> None:
    for k, (a, b) in enumerate(zip(one, other, strict=True)):
        for name in FIELDS:
            assert torch.equal(a[name], b[name]), f"{message}: {name} at step {k}"


def _plain(value: Any, name: str) -> None:
    """Refuse what a checkpoint that is loaded with ``weights_only`` could not carry."""
    if isinstance(value, Mapping):
        for part in value.values():
            _plain(part, name)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _plain(part, name)
    else:
        assert value is None or isinstance(value, (torch.Tensor, int, float, str, bytes, bool)), (
            f"{name}: save() holds a {type(value).__name__}, which is no plain data"
        )
