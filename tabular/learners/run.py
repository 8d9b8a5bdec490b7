"""From a learner's update to a trace: seeds side by side, records, and a run that goes on where it stopped.

    trace = learn(Rule("my learner", update, memory={"Q": …}, rates={"alpha": 0.1}), game, steps=10_000, seeds=20)
    trace = learn(the same, steps=5_000, after=trace)         equals one run of 15 000 steps, bit for bit

Seeds are independent runs (``loop``), spread over threads that share nothing, so the number of threads changes nothing.
A record is made at step 0, after every ``record_every`` steps and at the end. ``payoffs`` are exact: the stage payoffs
of the recorded policies in a matrix game, J_i(π) from the start distribution otherwise. ``extras["reward_sums"]`` (R,
K, n) are the rewards received since step 0, whose differences give the means over any stretch of play.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from numba.core.errors import NumbaError

from marlcore import policies
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame
from marlcore.kit import files, sources
from marlcore.policies import Policy
from marlcore.streams import uniform
from marlcore.trace import Trace
from marlcore.values import evaluate
from tabular.learners import schedules
from tabular.learners.environment import Arena, arena
from tabular.learners.loop import Habits, Log, Play, bind
from tabular.learners.schedules import BLOCK, Schedule, Visits

RECORDS, RECORD_BYTES = 100, 1 << 26
"""Records that a run makes unless told otherwise: so many, and fewer where they would take more memory than this."""
_DIRICHLET = 1 << 20
"""The first of the streams that random initial policies are drawn from, one per agent."""


@dataclass(frozen=True)
class Rule:
    """A learner: its compiled update, the arrays it keeps, and its rates."""

    name: str
    update: Any
    """``update(memory, scratch, play, s, s_next)``, see ``loop``."""
    memory: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What the learner keeps, as it is at step 0; in the order in which the update unpacks it."""
    scratch: tuple[Any, ...] = ()
    """Workspaces and constants, arrays or tuples of them; each thread has its own copy."""
    rates: Mapping[str, Any] = field(default_factory=dict)
    """The learner's schedules; ``play.rates`` has their values in this order."""
    epsilon: Schedule = 0.0
    """How often each agent plays an action at random."""
    initial: str = "uniform"
    """The policies at step 0 unless the caller says otherwise: "uniform", or "random" by each seed."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Further parameters that tell two runs apart."""


class Options(TypedDict, total=False):
    """What every learner takes besides its own parameters."""

    initial: Policy | str | None
    """Policies at step 0: tables, "uniform" or "random"; None leaves it to the learner."""
    fixed: Mapping[int, Any] | None
    """Tables (S, A_i) of agents that do not learn but play these for ever."""
    record_every: int | None
    after: Trace | None
    """The trace that this run continues."""
    threads: int | None
    progress: Callable[[int], Any] | None
    """Called with the number of steps done since the last call, all seeds together."""


def learn(
    rule: Rule,
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    initial: Policy | str | None = None,
    fixed: Mapping[int, Any] | None = None,
    record_every: int | None = None,
    after: Trace | None = None,
    threads: int | None = None,
    progress: Callable[[int], Any] | None = None,
) -> Trace:
    """Run ``rule`` on ``game`` for ``steps`` more steps; ``seeds`` is how many (0, 1, …) or which."""
    place = arena(game)
    steps = _positive_integer("steps", steps)
    _check_rates(rule)
    which = after.config.get("seeds", []) if after is not None else _seeds(seeds)
    threads = None if threads is None else _positive_integer("threads", threads)
    every = _record_every(record_every, steps, len(which), place, after)
    habits, fixed_digests = _fixed(game, place, fixed)
    start_tables, start_digest = _initial(rule, game, place, initial, which, habits)
    config = {
        "game": place.digest,
        "update": sources.code(sources.plain(rule.update)),
        "seeds": which,
        "record_every": every,
        "initial": start_digest,
        "fixed": fixed_digests,
        "epsilon": schedules.describe(rule.epsilon),
        "rates": {name: schedules.describe(rate) for name, rate in rule.rates.items()},
        **rule.config,
    }
    if after is None:
        state = _first_state(rule, place, start_tables, which)
    else:
        _check_continuation(after, rule, config)
        after = _on_grid(after, every)
        state = {name: np.array(array) for name, array in after.state.items()}
    first = int(state["clock"][0])
    logs = _Logs(place, len(which), first, first + steps, every, state if after is None else None)
    _advance(rule, place, habits, state, logs, which, steps, every, threads, progress)
    logs.finish(state)
    trace = _trace(rule, game, place, logs, state, config)
    return trace if after is None else after.append(trace)


class _Logs:
    """The records of a run, (K, R, …), so that each seed writes its own contiguous part."""

    def __init__(
        self, place: Arena, seeds: int, first: int, last: int, every: int, state: Mapping[str, Any] | None
    ) -> None:
        grid = np.arange((first // every + 1) * every, last + 1, every)
        self.origin = int(state is not None)
        self.steps = np.array([0] * self.origin + list(grid) + [last] * (last % every != 0), np.int64)
        shape = (seeds, len(self.steps))
        tables = (*shape, place.n, place.S, place.A)
        self.policy, self.average = np.zeros(tables), np.zeros(tables)
        self.values, self.sums = np.zeros((*shape, place.n, place.S)), np.zeros((*shape, place.n))
        self.off_grid = last % every != 0
        if state is not None:
            self._write(0, state)

    def finish(self, state: Mapping[str, Any]) -> None:
        """Record the end where it does not fall on the grid."""
        if self.off_grid:
            self._write(-1, state)

    def _write(self, r: int, state: Mapping[str, Any]) -> None:
        self.policy[:, r], self.average[:, r] = state["policy"], state["average"]
        self.values[:, r], self.sums[:, r] = state["values"], state["reward_sums"]

    def of_seed(self, k: int) -> Log:
        """Where seed k writes."""
        return Log(self.policy[k], self.average[k], self.values[k], self.sums[k])


def _advance(
    rule: Rule,
    place: Arena,
    habits: Habits,
    state: dict[str, Any],
    logs: _Logs,
    seeds: Sequence[int],
    steps: int,
    every: int,
    threads: int | None,
    progress: Callable[[int], Any] | None,
) -> None:
    """Carry every seed ``steps`` steps on, in aligned blocks of time."""
    loop, begin = bind(rule.update), int(state["clock"][0])
    visit_rate = next((r for r in rule.rates.values() if isinstance(r, Visits)), None)
    words = (place.n + 5) // 4 * 4
    asked = np.zeros(4) if visit_rate is None else np.array([1.0, visit_rate.c, visit_rate.tau, visit_rate.p])

    def one_block(k: int, rates: np.ndarray, start: int, stop: int) -> None:
        memory = tuple(state[f"memory.{name}"][k] for name in rule.memory)
        scratch = _copied(rule.scratch)
        own = Habits(habits.fixed, habits.tables, state["pairs"][k], asked)
        play = _play(place, state, k, len(rule.rates), start, seeds[k])
        record = logs.origin + start // every - begin // every
        position, sums, log = state["position"][k], state["reward_sums"][k], logs.of_seed(k)
        origin = start // BLOCK * BLOCK
        times = (origin, start, stop, every, record)
        drawn = _alone(words, np.uint64)
        try:
            loop(memory, scratch, play, place.world, own, log, position, sums, rates, drawn, *times)
        except NumbaError as error:
            raise InputError(
                f"the update of {rule.name} does not compile; it allocates nothing (no np.zeros, no a + b or a.max() "
                "of arrays): write loops, and take arrays from memory and scratch. The error above is numba's"
            ) from error

    # neighbours in memory are not run at one time: threads that write to one cache line wait for each other
    workers = min(threads or _cores(), len(seeds))
    apart = [
        k for first in range(-(-len(seeds) // workers)) for k in range(first, len(seeds), -(-len(seeds) // workers))
    ]
    with ThreadPoolExecutor(workers) as pool:
        for start, stop, rates in _blocks(rule, begin, begin + steps):
            jobs = [pool.submit(one_block, k, rates, start, stop) for k in apart]
            for job in jobs:
                job.result()
                if progress is not None:
                    progress(stop - start)
            state["clock"][0] = stop


def _copied(arrays: Any) -> Any:
    """Arrays in tuples, however deep, all new."""
    return tuple(_copied(x) for x in arrays) if isinstance(arrays, tuple) else np.array(arrays)


def _alone(size: int, kind: Any) -> np.ndarray:
    """Zeros with a cache line of their own on either side."""
    return np.zeros(size + 32, kind)[16 : 16 + size]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blocks(rule: Rule, begin: int, end: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """The times begin, …, end − 1 cut at multiples of BLOCK, with the rates of the whole block around each piece."""
    for index in range(begin // BLOCK, (end - 1) // BLOCK + 1):
        rates = np.empty((BLOCK, 1 + len(rule.rates)))
        rates[:, 0] = schedules.block("epsilon", rule.epsilon, index)
        for j, (name, schedule) in enumerate(rule.rates.items()):
            rates[:, j + 1] = 0.0 if isinstance(schedule, Visits) else schedules.block(name, schedule, index)
        yield max(begin, index * BLOCK), min(end, (index + 1) * BLOCK), rates


def _play(place: Arena, state: Mapping[str, Any], k: int, rates: int, t: int, seed: int) -> Play:
    return Play(
        policy=state["policy"][k],
        average=state["average"][k],
        values=state["values"][k],
        visits=state["visits"][k],
        payoffs=place.payoffs,
        counts=place.counts,
        strides=place.strides,
        actions=_alone(place.n, np.int64),
        rewards=_alone(place.n, np.float64),
        rates=_alone(rates, np.float64),
        clock=np.array([t, seed], np.int64),
        gamma=place.gamma,
    )


def _first_state(rule: Rule, place: Arena, tables: np.ndarray, seeds: Sequence[int]) -> dict[str, Any]:
    """Everything that continuing needs, as it is at step 0; axis 0 runs over seeds but for the clock."""
    K = len(seeds)
    pairs = (place.S, place.J) if any(isinstance(r, Visits) for r in rule.rates.values()) else (1, 1)
    position = np.array([[np.searchsorted(place.world.start, uniform(k, 1, 0, 1), "right")] for k in seeds])
    return {
        "clock": np.zeros(1, np.int64),
        "position": np.minimum(position, place.S - 1).astype(np.int64),
        "policy": tables.copy(),
        "average": tables.copy(),
        "values": np.zeros((K, place.n, place.S)),
        "visits": np.zeros((K, place.S), np.int64),
        "pairs": np.zeros((K, *pairs), np.int64),
        "reward_sums": np.zeros((K, place.n)),
        **{f"memory.{name}": np.repeat(np.asarray(array)[None], K, axis=0) for name, array in rule.memory.items()},
    }


def _initial(
    rule: Rule, game: Game, place: Arena, initial: Policy | str | None, seeds: Sequence[int], habits: Habits
) -> tuple[np.ndarray, str]:
    """The policies at step 0, (K, n, S, A), and what to call them in the record."""
    chosen = rule.initial if initial is None else initial
    tables = np.zeros((len(seeds), place.n, place.S, place.A))
    if isinstance(chosen, str):
        if chosen not in ("uniform", "random"):
            raise InputError(f'initial must be tables, "uniform" or "random", not {chosen!r}')
        for i, count in enumerate(place.counts):
            weights = np.ones((len(seeds), place.S, count))
            if chosen == "random":
                grid = np.ix_(np.asarray(seeds), np.arange(place.S), np.arange(count))
                weights = -np.log1p(-uniform(grid[0], _DIRICHLET + i, grid[1], grid[2]))
            tables[:, i, :, :count] = weights / weights.sum(-1, keepdims=True)
        digest: str = chosen
    else:
        checked = policies.check(game, chosen, "initial")
        for i, table in enumerate(checked):
            tables[:, i, :, : place.counts[i]] = np.asarray(table, float)
        digest = _digest(checked)
    for i in habits.fixed:
        tables[:, i] = habits.tables[i]
    return tables, digest


def _fixed(game: Game, place: Arena, fixed: Mapping[int, Any] | None) -> tuple[Habits, dict[str, str]]:
    tables, digests = np.zeros((place.n, place.S, place.A)), {}
    uniform_policy = list(policies.uniform(place.game))
    for i, table in (fixed or {}).items():
        if not (isinstance(i, (int, np.integer)) and 0 <= i < place.n):
            raise InputError(f"fixed names agent {i!r}; the agents are 0, …, {place.n - 1}")
        table = np.asarray(table, float)
        one_row = isinstance(game, MatrixGame) and table.ndim == 1
        uniform_policy[i] = table[None] if one_row else table
        tables[i, :, : place.counts[i]] = policies.check(place.game, tuple(uniform_policy), "fixed")[i]
        digests[str(i)] = _digest((table,))
    if len(digests) == place.n:
        raise InputError("fixed holds every agent, so there is nobody to learn")
    empty = np.zeros((1, 1), np.int64)
    return Habits(np.array(sorted(map(int, digests)), np.int64), tables, empty, np.zeros(4)), digests


def _trace(
    rule: Rule, game: Game, place: Arena, logs: _Logs, state: Mapping[str, Any], config: Mapping[str, Any]
) -> Trace:
    def tables(array: np.ndarray) -> tuple[np.ndarray, ...]:
        by_agent = array.transpose(2, 1, 0, 3, 4)
        return tuple(by_agent[i, ..., : place.counts[i]] for i in range(place.n))

    played = tables(logs.policy)
    return Trace(
        algorithm=rule.name,
        game=game.name,
        steps=logs.steps,
        policies=played,
        average_policies=tables(logs.average),
        values=logs.values.transpose(1, 0, 2, 3),
        payoffs=_payoffs(place, played),
        extras={"reward_sums": logs.sums.transpose(1, 0, 2)},
        state=state,
        config=config,
        provenance=_provenance(),
    )


def _payoffs(place: Arena, played: tuple[np.ndarray, ...]) -> np.ndarray:
    """J_i of every recorded policy, (R, K, n)."""
    records, seeds = played[0].shape[:2]
    if place.S == 1 and place.gamma == 0.0:
        joint = policies.joint(tuple(p[:, :, 0] for p in played)).reshape(records, seeds, -1)
        return joint @ place.payoffs[0]
    payoffs = np.empty((records, seeds, place.n))
    for r in range(records):
        for k in range(seeds):
            payoffs[r, k] = evaluate(place.game, tuple(p[r, k] for p in played)).J
    return payoffs


def _provenance() -> dict[str, Any]:
    from importlib.metadata import version

    return {name: version(name) for name in ("marlcore", "numpy", "numba")}


def _check_continuation(after: Trace, rule: Rule, config: Mapping[str, Any]) -> None:
    if after.algorithm != rule.name:
        raise InputError(f"after is a trace of {after.algorithm}, not of {rule.name}")
    asked = files.plain(dict(config))
    for name in sorted(asked.keys() | after.config.keys()):
        mine, its = asked.get(name), after.config.get(name)
        if mine != its:
            raise InputError(f"a continued run keeps its {name}: the trace has {its!r}, not {mine!r}")


def _on_grid(trace: Trace, every: int) -> Trace:
    """The trace without an end that one longer run would not have recorded."""
    if trace.steps[-1] % every == 0:
        return trace
    cut = slice(0, len(trace.steps) - 1)
    return dataclasses.replace(
        trace,
        steps=trace.steps[cut],
        policies=tuple(p[cut] for p in trace.policies),
        average_policies=tuple(p[cut] for p in trace.average_policies or ()) or None,
        values=trace.values[cut],
        payoffs=trace.payoffs[cut],
        extras={name: array[cut] for name, array in trace.extras.items()},
    )


def _check_rates(rule: Rule) -> None:
    schedules.check_rate("epsilon", rule.epsilon, most=1.0)
    for j, (name, schedule) in enumerate(rule.rates.items()):
        schedules.check_rate(name, schedule, visits=j == 0)


def _positive_integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} must be a positive integer, not {value!r}")
    return int(value)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds as plain integers."""
    if isinstance(seeds, (int, np.integer)):
        return list(range(_positive_integer("seeds", seeds)))
    which = [int(k) for k in seeds]
    if not which or min(which) < 0 or max(which) >= 2**63 or len(set(which)) < len(which):
        raise InputError(f"seeds must be how many, or different integers from 0 to 2⁶³ − 1, not {seeds!r}")
    return which


def _record_every(given: int | None, steps: int, seeds: int, place: Arena, after: Trace | None) -> int:
    if given is not None:
        return _positive_integer("record_every", given)
    if after is not None:
        return int(after.config["record_every"])
    size = 16 * seeds * place.n * place.S * place.A
    records = int(np.clip(RECORD_BYTES // size, 10, RECORDS))
    return max(1, -(-steps // records))


def _digest(tables: Sequence[Any]) -> str:
    joined = b"".join(np.ascontiguousarray(t, float).tobytes() for t in tables)
    return hashlib.sha256(joined).hexdigest()[:16]
