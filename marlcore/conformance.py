"""Does an addition do what its extension point asks?  ``check("drifts", my_drift)`` runs the point's suite on it.

    def test_my_drift():
        conformance.check("drifts", my_drift)

A suite is a sequence of checks; a check is a function of the object under test that raises where the contract is
broken, and whose docstring says what it looks for. All checks of a suite run, and what fails is reported together. The
suites of games, commands, drifts and benchmarks are here; a package that owns another extension point provides its
suite by an entry point of the group ``marlcore.conformance`` under the point's name.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from marlcore import policies, registry
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.objectives import Drift, Step, step_of
from marlcore.validation import is_sparse
from marlcore.values import evaluate

Check = Callable[[Any], None]


class ConformanceError(AssertionError):
    """What an object fails to do of what its extension point asks."""


@dataclass(frozen=True)
class Conformance:
    """The evidence that an object conforms: the checks that it passed, each as the line that states it."""

    point: str
    subject: str
    checks: tuple[str, ...]


def check(point: str, subject: Any) -> Conformance:
    """Run the suite of an extension point on an object, or on the entry of that name; raise if it fails a check."""
    checks = suite(point)
    # a game's name is the library's, which knows its own games besides the entry points
    target = registry.load(point, subject) if isinstance(subject, str) and point != "games" else subject
    name = subject if isinstance(subject, str) else getattr(subject, "__name__", repr(subject))
    failures: list[tuple[str, Exception]] = []
    for one in checks:
        try:
            one(target)
        except Exception as error:  # whatever the object raises under a check is a breach of its contract
            failures.append((f"{_line(one)} {type(error).__name__}: {error}", error))
    if failures:
        text = "; ".join(line for line, _ in failures)
        raise ConformanceError(f"{name} breaks the contract of {point}: {text}") from failures[0][1]
    return Conformance(point, name, tuple(_line(one) for one in checks))


def suite(point: str) -> Sequence[Check]:
    """The checks of an extension point."""
    if point in SUITES:
        return SUITES[point]
    if point not in registry.EXTENSION_POINTS:
        raise registry.unknown("extension point", point, list(registry.EXTENSION_POINTS))
    checks = registry.load("conformance", point)
    if not checks:
        raise ConformanceError(f"the suite of {point} is empty: it would pass anything")
    return checks


def _line(one: Check) -> str:
    return (one.__doc__ or one.__name__).strip().splitlines()[0]


# ---------------------------------------------------------------- games


def game_builds(subject: Any) -> None:
    """With its default parameters it is one game, not a batch."""
    game = _game(subject)
    assert isinstance(game, (MatrixGame, MarkovGame, TeamGame)), f"{type(game).__name__} is no game"
    assert game.batch_shape == (), f"it is a batch of shape {game.batch_shape}"


def game_is_a_function_of_its_parameters(subject: Any) -> None:
    """Built twice it is the same game to the last bit."""
    first, second = _game(subject), _game(subject)
    for field in fields(first):
        a, b = (getattr(game, field.name) for game in (first, second))
        same = (a != b).nnz == 0 if is_sparse(a) else np.array_equal(np.asarray(a), np.asarray(b))
        assert same, f"{field.name} differs between two builds"


def game_can_be_played(subject: Any) -> None:
    """The uniform policy is a policy of the game."""
    game = _game(subject)
    policies.check(game, policies.uniform(game))


def game_facts_hold(subject: Any) -> None:
    """A game of the library names itself and its source, and every fact that it records holds and has a source."""
    if not isinstance(subject, str):
        return
    from marlcore import library

    entry = library.describe(subject)
    assert entry.name == subject, f"it calls itself {entry.name!r}"
    assert entry.summary, "it has no summary"
    assert entry.source, "it names no source"
    results = library.check(subject)
    assert len(results) == len(entry.facts), f"{len(results)} of {len(entry.facts)} facts were checked"
    for result in results:
        assert result.fact.source, f"no source for: {result.fact.describe()}"
        assert result.holds, f"{result.fact.describe()}: off by {result.error} (tolerance {result.tolerance})"


def _game(subject: Any) -> Any:
    if not isinstance(subject, str):
        return subject()
    from marlcore import library

    return library.load(subject)


# ---------------------------------------------------------------- commands


def command_shows_help_with_an_example(main: Callable[[list[str]], Any]) -> None:
    """--help exits 0 and shows an example that starts with the command's own name."""
    status, out, _ = _call(main, ["--help"])
    assert status == 0, f"--help exits {status}"
    lines = [line.strip() for line in out.splitlines()]
    usage = next((line for line in lines if line.startswith("usage: marlcore ")), "")
    assert usage, "--help has no line 'usage: marlcore NAME …'"
    assert "example:" in lines, "--help has no line 'example:'"
    example = lines[lines.index("example:") + 1]
    program = " ".join(usage.split()[1:3])
    assert example.startswith(program), f"the example {example!r} does not run {program!r}"


def command_refuses_an_unknown_option(main: Callable[[list[str]], Any]) -> None:
    """An option that nobody knows is bad input, named in one line."""
    status, _, err = _call(main, ["--no-such-option-anywhere"])
    assert status == 2, f"an unknown option exits {status}"
    assert "no-such-option-anywhere" in err, f"the message does not name the option: {err!r}"
    assert len(err.strip().splitlines()) == 1, f"the message has several lines: {err!r}"


def _call(main: Callable[[list[str]], Any], argv: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(argv) or 0
        except SystemExit as stop:
            status = stop.code or 0
        except InputError as error:  # the command line prints it and exits 2
            status = 2
            err.write(f"{error}\n")
    return int(status), out.getvalue(), err.getvalue()


# ---------------------------------------------------------------- drifts

SMALL = 1e-5
"""The step at which a drift's slope is read: its square is far above round-off, its size far below a policy's."""


def drift_has_one_number_a_state(drift: Drift) -> None:
    """D(π̂, step) of tables (…, S, A_i) has shape (…, S) and is finite at fully mixed policies."""
    for hat, at in _steps():
        value = np.asarray(drift(hat, at))
        assert value.shape == hat.shape[:-1], f"shape {value.shape} for tables {hat.shape}"
        assert np.isfinite(value).all(), "it is not finite at a fully mixed policy"


def drift_is_never_negative(drift: Drift) -> None:
    """D(π̂ | s) ≥ 0 at every state (HARL, Def. 12, first condition)."""
    for hat, at in _steps():
        value = np.asarray(drift(hat, at))
        assert (value >= -1e-12).all(), f"it is {value.min()} at a policy"


def drift_is_zero_at_the_old_policy(drift: Drift) -> None:
    """D(π | s) = 0 (HARL, Def. 12, first condition)."""
    for _, at in _steps():
        value = np.abs(drift(at.old, at))
        assert (value <= 1e-12).all(), f"it is {value.max()} at the old policy"


def drift_has_zero_gradient_at_the_old_policy(drift: Drift) -> None:
    """D(π + hv | s)/h → 0 as h → 0 at fully mixed π, along every v (HARL, Def. 12, second condition)."""
    for _, at in _steps():
        for action in range(at.old.shape[-1]):
            toward = np.eye(at.old.shape[-1])[action] - at.old
            for sign in (1, -1):
                # D/h of a smooth drift shrinks with h, of one with a kink it stays: compare h with h/10
                large, small = (np.asarray(drift(at.old + sign * h * toward, at)) / h for h in (SMALL, SMALL / 10))
                kink = (small > 1e-8) & (small > large / 2)
                assert not kink.any(), f"its slope towards action {action} is {small[kink].max():.3g}, not 0"


def _steps() -> Iterator[tuple[Any, Step]]:
    """Candidates π̂ and steps at random fully mixed policies: every agent of several orders, one with a batch axis."""
    rng = np.random.default_rng(20240)
    for counts, batch in (((2, 2), ()), ((4,), ()), ((3, 2, 2), ()), ((2, 3), (3,))):
        game = TeamGame.random(3, counts, rng, scale=4.0, batch=batch)
        old, new, hat = (policies.random(game, rng, concentration=2.0) for _ in range(3))
        A = evaluate(game, old).A
        order = tuple(int(i) for i in rng.permutation(len(counts)))
        for m in range(1, len(counts) + 1):
            agent = order[m - 1]
            at = step_of(A, old, new, order[:m])
            yield hat[agent], at
            yield policies.mix(old, hat, 0.01)[agent], at
            peaked = hat[agent] ** 4
            yield peaked / peaked.sum(-1, keepdims=True), at


# ---------------------------------------------------------------- benchmarks


def benchmark_has_cases(make: Callable[[], Sequence[Any]]) -> None:
    """It returns cases with names of their own, an amount of work each, and at least one that is no peer's."""
    cases = list(make())
    names = [case.name for case in cases]
    assert all(names), f"a case has no name: {names}"
    assert len(set(names)) == len(names), f"two cases have one name: {names}"
    assert any(not case.peer for case in cases), f"there is no case of our own: {names}"
    for case in cases:
        assert case.amount > 0, f"{case.name} does {case.amount} {case.unit}"


def benchmark_runs(make: Callable[[], Sequence[Any]]) -> None:
    """Each job that is no peer's runs, twice, as it will when it is timed."""
    for case in make():
        if not case.peer:
            case.job()
            case.job()


SUITES: dict[str, Sequence[Check]] = {
    "games": (
        game_builds,
        game_is_a_function_of_its_parameters,
        game_can_be_played,
        game_facts_hold,
    ),
    "commands": (command_shows_help_with_an_example, command_refuses_an_unknown_option),
    "drifts": (
        drift_has_one_number_a_state,
        drift_is_never_negative,
        drift_is_zero_at_the_old_policy,
        drift_has_zero_gradient_at_the_old_policy,
    ),
    "benchmarks": (benchmark_has_cases, benchmark_runs),
}
