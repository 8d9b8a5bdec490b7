"""``marlcore eval RUN…``: play trained policies, and say what several seeds say together.

Every run plays the same number of episodes in each copy of its environment, greedily and as its policy draws. Runs that
differ in their seed alone are one row: the interquartile mean over seeds with its bootstrap interval. With two rows or
more of one environment a performance profile follows: the share of runs above each threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.evaluate import Evaluation, Summary, evaluate, profile, summarise, thresholds_of
from deep.train import Run, load
from marlcore.cli_config import Positional, parse
from marlcore.errors import InputError
from marlcore.kit.statistics import Interval
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore eval runs/happo-game_climbing-nops-1 --episodes 2"


@dataclass(frozen=True)
class Config:
    """What ``marlcore eval`` takes."""

    runs: Positional[tuple[Path, ...]]
    """Directories of runs."""
    episodes: int = 8
    """Episodes of each copy."""
    copies: int = 32
    """Copies of the environment; the episodes of all of them count."""
    seed: int = 0
    """Which episodes: never those of training."""
    env: str = ""
    """Another environment of the same sizes, in place of the one of training."""
    device: str = ""
    """Where the networks run; where they were trained unless given."""
    json: bool = False
    """Print JSON, with every run's scores."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    asked = parse(Config, argv, "marlcore eval", "Play trained policies.", EXAMPLE)
    if not asked.runs:
        raise InputError("name at least one run's directory: marlcore eval RUN…")
    runs, found = [], []
    for path in asked.runs:
        run = load(path, asked.device or None)
        for greedy in (True, False):
            runs.append(run)
            found.append(_evaluation(run, asked, greedy))
    summaries = summarise(runs, found)
    rows = [_row(summary) for summary in summaries]
    profiles = [row for greedy in (True, False) for row in _profiles(summaries, greedy)]
    tables = [table(rows, title="interquartile mean over seeds, 95 % bootstrap interval")]
    if profiles:
        tables.append(table(profiles, title="performance profile: the share of runs above τ"))
    emit({"summaries": summaries, "profiles": profiles}, *tables, as_json=asked.json)
    return 0


def _evaluation(run: Run, asked: Config, greedy: bool) -> Evaluation:
    return evaluate(
        run, episodes=asked.episodes, copies=asked.copies, greedy=greedy, seed=asked.seed, env=asked.env or None
    )


def _row(summary: Summary) -> dict[str, Any]:
    cells = {name: shown(found) for name, found in summary.intervals.items()}
    steps = summary.steps[0] if len(set(summary.steps)) == 1 else f"{min(summary.steps)} to {max(summary.steps)}"
    actions = "greedy" if summary.greedy else "drawn"
    return {"runs": summary.config, "seeds": len(summary.seeds), "steps": steps, "actions": actions, **cells}


def shown(found: Interval) -> str:
    """An estimate and its interval in a cell."""
    return f"{found.estimate:.4g} [{found.low:.4g}, {found.high:.4g}]"


def _profiles(summaries: Sequence[Summary], greedy: bool) -> list[dict[str, Any]]:
    """One row a threshold, one column a group, for groups that can be compared."""
    some = [summary for summary in summaries if summary.greedy == greedy]
    environments = {summary.config.split()[1] for summary in some}
    if len(some) < 2 or len(environments) > 1:
        return []
    name = "won" if all("won" in summary.scores for summary in some) else "return"
    thresholds = thresholds_of([summary.scores[name] for summary in some])
    columns = {summary.config: profile(summary.scores[name], thresholds) for summary in some}
    actions = "greedy" if greedy else "drawn"
    return [
        {"actions": actions, f"τ ({name})": f"{tau:.4g}", **{c: shown(column[k]) for c, column in columns.items()}}
        for k, tau in enumerate(thresholds)
    ]
