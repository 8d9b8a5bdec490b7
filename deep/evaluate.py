"""Evaluation: the same number of episodes of every copy, seeds apart from training, greedy or as the policy draws.

    evaluate(run, episodes=8, copies=32, greedy=True) → returns (copies, episodes)

The first ``episodes`` episodes of *each* copy count. Stopping at the first N that finish, over all copies, would count
short episodes more often than long ones. Environments are numbered by a seed of their own (``deep.seeds.EVALUATION``),
so no episode of training is seen again, and the same call sees the same episodes.

What several runs say is the interquartile mean over runs with a bootstrap interval, and the performance profile

    τ ↦ the share of runs whose score is above τ

of Agarwal et al., "Deep RL at the edge of the statistical precipice" (2021). A run's score is its mean over episodes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep import envs, seeds
from deep.actor import Actor
from deep.config import Config, as_data
from deep.distributions import to_environment
from deep.envs.protocol import Environment, Spec, random_actions
from deep.rollout import check_view
from deep.train import Run, load
from marlcore import streams
from marlcore.errors import InputError
from marlcore.kit.files import dumps
from marlcore.kit.progress import Progress
from marlcore.kit.statistics import Interval, interval

LONGEST = 1_000_000
"""Steps after which an episode that does not end is given up."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Episodes of one run's policy: each array is (copies, episodes)."""

    env: str
    greedy: bool
    returns: np.ndarray
    """The undiscounted sum of an episode's rewards, its mean over agents (the figure that training prints)."""
    lengths: np.ndarray
    infos: Mapping[str, np.ndarray]
    """What the environment says at the end of an episode: ``won``, …"""

    @property
    def scores(self) -> dict[str, float]:
        """The means over all episodes."""
        named = {"return": self.returns, **self.infos, "length": self.lengths}
        return {name: float(values.mean()) for name, values in named.items()}


def evaluate(
    run: Run | Path | str,
    *,
    episodes: int = 8,
    copies: int = 32,
    greedy: bool = True,
    seed: int = 0,
    env: str | None = None,
    device: str | None = None,
) -> Evaluation:
    """Play a run's policy; on the environment that it was trained on, unless another one of the same sizes is named."""
    if episodes < 1 or copies < 1:
        raise InputError(f"episodes and copies must be at least 1, not {episodes} and {copies}")
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed of an evaluation must be in [0, 2³²), not {seed}")
    run = run if isinstance(run, Run) else load(run, device)
    root = seeds.derive(seeds.derive(run.config.seed, seeds.EVALUATION), seed)
    name = run.config.env if env is None else env
    world = envs.make(name, batch=copies, device=run.config.machine.device, seed=root)
    try:
        _check_sizes(run.learner.actor.spec, world.spec)
        return play(run.learner.actor, world, episodes, greedy, seeds.derive(root, seeds.ACTIONS))
    finally:
        world.close()


def play(actor: Actor, env: Environment, episodes: int, greedy: bool, seed: int) -> Evaluation:
    """The first ``episodes`` episodes of each copy of ``env`` from its reset, actions drawn from ``seed``."""
    counted = _Counted(env, episodes)
    t, hidden = env.reset(), actor.scheme.initial_state(env.batch)
    check_view(env, t, 0)
    starts = torch.ones(env.batch, dtype=torch.bool, device=env.device)
    stream = torch.arange(env.batch * env.spec.n_agents, device=env.device).reshape(env.batch, -1, 1)
    kind = streams.normal if env.spec.action_kind == "box" else streams.uniform
    draw = torch.arange(env.spec.action_size, device=env.device)
    context = torch.zeros(env.batch, env.spec.n_agents, actor.context, device=env.device)
    with torch.no_grad(), Progress(f"evaluation on {env.spec.name}", total=env.batch * episodes) as progress:
        weights = actor.scheme.weights()
        for step in range(LONGEST * episodes):
            seen = torch.cat([t.obs, context], -1)
            out, hidden = actor.outputs(seen[None], hidden, starts[None], weights=weights, available=t.available[None])
            policy = actor.distribution(out[0], t.available)
            actions = policy.mode() if greedy else policy.sample(kind(seed, stream, step, draw))
            t = env.step(to_environment(env.spec, actions))
            check_view(env, t, step + 1)
            starts = t.done.clone()
            if actor.context:
                context = torch.where(starts[:, None, None], 0.0, actor.context_of(actions, t.reward))
            progress.advance(counted.add(t.reward, starts, t.info))
            if counted.complete:
                return counted.result(greedy)
    raise InputError(f"{env.spec.name}: an episode has not ended after {LONGEST} steps; is there a limit?")


def play_at_random(name: str, *, episodes: int = 8, copies: int = 32, seed: int = 0) -> Evaluation:
    """What no policy at all gets: every agent draws uniformly from its available actions, or from its box."""
    with contextlib.closing(envs.make(name, batch=copies, seed=seeds.derive(seed, seeds.EVALUATION))) as env:
        counted, t = _Counted(env, episodes), env.reset()
        for step in range(LONGEST * episodes):
            t = env.step(random_actions(env.spec, t.available, seed, step))
            counted.add(t.reward, t.done, t.info)
            if counted.complete:
                return counted.result(greedy=False)
    raise InputError(f"{name}: an episode has not ended after {LONGEST} steps; is there a limit?")


class _Counted:
    """Sums of the episodes under way, and the first few of each copy that have ended."""

    def __init__(self, env: Environment, episodes: int) -> None:
        self.env, self.episodes = env, episodes
        self.sums = torch.zeros(env.batch, dtype=torch.float64, device=env.device)
        self.ages = torch.zeros(env.batch, dtype=torch.int64, device=env.device)
        self.ended = torch.zeros(env.batch, dtype=torch.int64, device=env.device)
        self.returns = np.zeros((env.batch, episodes))
        self.lengths = np.zeros((env.batch, episodes))
        self.infos: dict[str, np.ndarray] = {}

    @property
    def complete(self) -> bool:
        """Whether every copy has had its episodes."""
        return bool((self.ended >= self.episodes).all())

    def add(self, reward: Tensor, done: Tensor, info: Mapping[str, Tensor]) -> int:
        """Count a step; how many episodes it completed."""
        self.sums += reward.double().mean(-1)
        self.ages += 1
        if not bool(done.any()):
            return 0
        # an episode that was lost with its worker was not played to its end: another takes its place
        whole = done & ~info["lost"].bool() if "lost" in info else done
        rows = (whole & (self.ended < self.episodes)).nonzero()[:, 0]
        where = (rows.cpu().numpy(), self.ended[rows].cpu().numpy())
        self.returns[where] = self.sums[rows].cpu().numpy()
        self.lengths[where] = self.ages[rows].cpu().numpy()
        for name, values in info.items():
            table = self.infos.setdefault(name, np.zeros((self.env.batch, self.episodes)))
            table[where] = values[rows].double().cpu().numpy()
        self.ended[whole] += 1
        self.sums[done], self.ages[done] = 0.0, 0
        return len(rows)

    def result(self, greedy: bool) -> Evaluation:
        """All counted episodes."""
        return Evaluation(self.env.spec.name, greedy, self.returns, self.lengths, self.infos)


@dataclass(frozen=True)
class Summary:
    """What the runs of one config say over their seeds: for each score an interval, and its performance profile."""

    config: str
    """Algorithm, environment and sharing scheme, and whatever else sets the groups apart."""
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    greedy: bool
    scores: Mapping[str, tuple[float, ...]]
    """Each run's own."""
    intervals: Mapping[str, Interval]
    """The interquartile mean over runs."""


def summarise(runs: Sequence[Run], evaluations: Sequence[Evaluation]) -> list[Summary]:
    """Runs that differ in their seed alone, taken together, in order of appearance."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for k, (run, found) in enumerate(zip(runs, evaluations, strict=True)):
        groups.setdefault((_identity(run.config), found.greedy), []).append(k)
    labels = _labels({identity: runs[members[0]].config for (identity, _), members in groups.items()})
    summaries = []
    for (identity, greedy), members in groups.items():
        each = [evaluations[k].scores for k in members]
        scores = {name: tuple(score[name] for score in each) for name in each[0]}
        summaries.append(
            Summary(
                config=labels[identity],
                seeds=tuple(runs[k].config.seed for k in members),
                steps=tuple(runs[k].steps for k in members),
                greedy=greedy,
                scores=scores,
                intervals={name: interval(np.array(values)) for name, values in scores.items()},
            )
        )
    return summaries


def profile(scores: Sequence[float], thresholds: Sequence[float]) -> list[Interval]:
    """The share of runs whose score is above each threshold, with bootstrap intervals."""
    values = np.asarray(scores, dtype=float)
    return [interval((values > threshold).astype(float), "mean") for threshold in thresholds]


def thresholds_of(scores: Sequence[Sequence[float]], count: int = 11) -> list[float]:
    """Thresholds from the lowest to the highest of all scores, evenly."""
    every = np.concatenate([np.asarray(part, dtype=float) for part in scores])
    return [float(x) for x in np.linspace(every.min(), every.max(), count)]


def _check_sizes(trained: Spec, other: Spec) -> None:
    for name in ("n_agents", "obs_size", "action_kind", "n_actions", "action_counts", "action_size"):
        if getattr(trained, name) != getattr(other, name):
            raise InputError(
                f"{other.name} has {name} = {getattr(other, name)}, and the policy was trained on {trained.name} with "
                f"{getattr(trained, name)}"
            )


def _identity(config: Config) -> str:
    data = as_data(config)
    return dumps({key: value for key, value in data.items() if key not in ("seed", "machine")})


def _labels(configs: Mapping[str, Config]) -> dict[str, str]:
    """A short name for each group: algorithm, environment, sharing, and the other keys in which groups differ."""
    flat = {identity: _flat(as_data(config)) for identity, config in configs.items()}
    keys = {key for one in flat.values() for key in one if key not in ("algorithm", "env", "sharing", "seed")}
    keys = {key for key in keys if not key.startswith("machine.")}
    apart = sorted(key for key in keys if len({dumps(one.get(key)) for one in flat.values()}) > 1)
    return {
        identity: " ".join(
            [str(one["algorithm"]), str(one["env"]), str(one["sharing"])]
            + [f"{key}={one[key]}" for key in apart if key in one and _same_algorithm(flat, one, key)]
        )
        for identity, one in flat.items()
    }


def _same_algorithm(flat: Mapping[str, Mapping[str, Any]], one: Mapping[str, Any], key: str) -> bool:
    """Whether the key tells groups of one algorithm apart, rather than one algorithm from another."""
    rivals = [other for other in flat.values() if other["algorithm"] == one["algorithm"]]
    return len({dumps(other.get(key)) for other in rivals}) > 1


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
