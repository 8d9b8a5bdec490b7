"""What HATRL, mirror learning and the baselines share about a run: its loop, its record, and how it goes on.

A run is a ``Trace`` with a seed axis of length 1. Its state is the random generator's, so a run that is continued is
the run that was never stopped, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game, TeamGame
from marlcore.kit.provenance import provenance
from marlcore.policies import Policy
from marlcore.responses import nash_gap
from marlcore.trace import Trace
from marlcore.values import Evaluation, evaluate
from tabular.mirror.team import start_policy

Update = Callable[[Policy, Evaluation, int, np.random.Generator], tuple[Policy, dict[str, Any]]]
"""(policy, its evaluation, iterations done, generator) → the new policy and named facts about the iteration."""


def run(
    algorithm: str,
    game: Game,
    team: TeamGame,
    start: Policy | Trace,
    update: Update,
    iterations: int,
    rng: np.random.Generator | int,
    config: dict[str, Any],
    every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Trace:
    """Apply ``update`` ``iterations`` times from a policy, or from the end of an earlier run, and record."""
    for name, value, least in (("iterations", iterations, 0), ("every", every, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name} must be an integer ≥ {least}, not {value!r}")
    config = {**config, "every": every}
    if isinstance(start, Trace):
        _check_continues(start, algorithm, game.name, config, team)
        done, policy = int(start.steps[-1]), start_policy(team, tuple(t[0] for t in start.policy))
        rng = _restored(start)
    else:
        done, policy = 0, start_policy(team, start)
        rng = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
    evaluation, records = evaluate(team, policy), []
    if not isinstance(start, Trace):
        records.append(_record(team, policy, evaluation, 0, {}))
    for k in range(done + 1, done + iterations + 1):
        policy, facts = update(policy, evaluation, k - 1, rng)
        evaluation = evaluate(team, policy)
        if k % every == 0 or k == done + iterations:
            records.append(_record(team, policy, evaluation, k, facts))
        if progress is not None:
            progress(1)
    if not records:
        assert isinstance(start, Trace)
        return start
    trace = _trace(algorithm, game.name, team, records, config, rng)
    return start.append(trace) if isinstance(start, Trace) else trace


def _record(team: TeamGame, policy: Policy, at: Evaluation, step: int, facts: dict[str, Any]) -> dict[str, Any]:
    gap = nash_gap(team, policy)
    known = {"nash_gaps": float(gap.max), "agent_gaps": gap.gaps, **facts}
    return {"step": step, "policy": policy, "J": float(at.J), "V": at.V, "facts": known}


def _trace(
    algorithm: str, name: str, team: TeamGame, records: list[dict[str, Any]], config: dict[str, Any], rng: Any
) -> Trace:
    """The records as a trace; the start, to which no iteration led, has J as its bound and zeros for other facts."""
    last = records[-1]["facts"]
    extras = {}
    for key, value in last.items():
        blank = np.zeros_like(np.asarray(value))
        extras[key] = np.stack([np.asarray(r["facts"].get(key, blank)) for r in records])[:, None]
    if "bounds" in extras and "bounds" not in records[0]["facts"]:
        extras["bounds"][0, 0] = records[0]["J"]
    J = np.array([r["J"] for r in records])[:, None, None]
    V = np.stack([r["V"] for r in records])[:, None, None, :]
    return Trace(
        algorithm=algorithm,
        game=name,
        steps=np.array([r["step"] for r in records]),
        policies=tuple(np.stack([r["policy"][i] for r in records])[:, None] for i in range(team.n)),
        payoffs=np.repeat(J, team.n, axis=-1),
        values=np.repeat(V, team.n, axis=2),
        extras=extras,
        state={"generator": np.array(json.dumps(rng.bit_generator.state))},
        config=config,
        provenance=provenance(config, config.get("seed")),
    )


def _restored(trace: Trace) -> np.random.Generator:
    state = json.loads(str(trace.state["generator"]))
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


def _check_continues(trace: Trace, algorithm: str, name: str, config: dict[str, Any], team: TeamGame) -> None:
    if (trace.algorithm, trace.game) != (algorithm, name):
        raise InputError(f"a run of {trace.algorithm} on {trace.game!r} does not go on as {algorithm} on {name!r}")
    if trace.seeds != 1:
        raise InputError(f"a run with {trace.seeds} seeds does not go on as one")
    for key, value in trace.config.items():
        if config.get(key) != value:
            raise InputError(f"the run had {key} = {value!r}: it does not go on with {config.get(key)!r}")
