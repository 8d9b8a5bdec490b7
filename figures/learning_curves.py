"""Learning curves from run directories: the interquartile mean over seeds with its bootstrap band.

    marlcore figure learning_curves --runs FOLDER       every run below FOLDER: its config.json and its metrics.jsonl

A run's ``metrics.jsonl`` holds one JSON object a line, with ``step`` and the figures of that update (``deep.train``
lists them); lines without the metric (no episode ended) are passed over. Runs of the same environment share a panel,
runs of the same algorithm and sharing scheme a curve; a curve ends where its shortest run does. Where the environment
is a team's matrix game, J* and, if a curve is of agents that share one policy without ids, J*_share are drawn as
well: no such curve stays above it, by Proposition 4 of Zhong et al., *Heterogeneous-Agent Reinforcement Learning*,
JMLR 2024.

Without ``--runs`` the figure draws the runs of ``benchmarks/experiments/learning_curves.py``, which wrote
``figures/data/learning_curves.json``. Bands are those of Agarwal et al. (NeurIPS 2021), ``marlcore.kit.statistics``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import band, end_label, panels
from figures.seeds import Band, band_of
from figures.style import Style
from marlcore.errors import InputError
from marlcore.games import MatrixGame, is_team
from marlcore.kit import files

COMMITTED = Path(__file__).with_name("data") / "learning_curves.json"
BEST, SHARED = "J*", "J*$_\\mathrm{share}$, one policy's best"
POINTS = 60
"""The most points of a curve."""


@dataclass(frozen=True)
class Curve:
    """The runs of one algorithm with one sharing scheme."""

    steps: np.ndarray
    band: Band
    runs: int


@dataclass(frozen=True)
class Panel:
    """An environment: its curves by name, and values that are known exactly."""

    curves: dict[str, Curve]
    known: dict[str, float]


@dataclass(frozen=True)
class Data:
    """The environments by name."""

    metric: str
    panels: dict[str, Panel]


def data(runs: str = "", metric: str = "return_mean") -> Data:
    """The runs below the folder ``runs``; the committed ones where none is named."""
    if not runs:
        if metric != "return_mean":
            raise InputError("--metric chooses among what runs recorded: name their folder with --runs")
        return FIGURE.read_data(COMMITTED)
    found = [_read(path, metric) for path in sorted(Path(runs).rglob("metrics.jsonl"))]
    if not found:
        raise InputError(f"there is no run below {runs}: no metrics.jsonl")
    environments = sorted({env for env, *_ in found})
    return Data(metric, {env: _panel(env, [run[1:] for run in found if run[0] == env]) for env in environments})


def _read(path: Path, metric: str) -> tuple[str, str, np.ndarray, np.ndarray]:
    """Environment, the curve's name, steps and values of one run."""
    config = files.read_json(path.with_name("config.json"))
    names = [str(config.get(key, "")) for key in ("env", "algorithm", "sharing")]
    if not names[0] or not names[1]:
        raise InputError(f"{path.with_name('config.json')} is no config of a run: it names no env or no algorithm")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    points = [(row["step"], row[metric]) for row in rows if metric in row]
    if not points:
        known = sorted({key for row in rows for key in row})
        raise InputError(f"{path} has no {metric!r}; there are {', '.join(known) or 'no lines'}")
    steps, values = np.array(points, dtype=float).T
    return names[0], f"{names[1].upper()}, {names[2]}".rstrip(", "), steps, values


def _panel(env: str, runs: list[tuple[str, np.ndarray, np.ndarray]]) -> Panel:
    curves = {}
    for name in sorted({run[0] for run in runs}):
        own = [run[1:] for run in runs if run[0] == name]
        first, last = max(steps[0] for steps, _ in own), min(steps[-1] for steps, _ in own)
        grid = own[0][0][(own[0][0] >= first) & (own[0][0] <= last)]
        grid = grid[np.unique(np.linspace(0, len(grid) - 1, min(len(grid), POINTS)).astype(int))]
        values = np.stack([np.interp(grid, steps, values) for steps, values in own], axis=1)
        curves[name] = Curve(grid, band_of(values), len(own))
    return Panel(curves, _known(env, list(curves)))


def _known(env: str, names: list[str]) -> dict[str, float]:
    """J* and J*_share of a team's matrix game."""
    from deep import envs
    from deep.envs.game import GameEnvironment
    from tabular import shared_optimum, team_optimum

    if not env.startswith("game:"):
        return {}
    try:
        environment = envs.make(env, batch=1, device="cpu", seed=0)
    except InputError:  # a game of a file or a package that is not here: its curves are drawn all the same
        return {}
    try:
        if not isinstance(environment, GameEnvironment) or not environment.once or not is_team(environment.game):
            return {}
        game = MatrixGame(environment.game.rewards[:, 0])
    finally:
        environment.close()
    known = {BEST: float(team_optimum(game).value)}
    if len(set(game.action_counts)) == 1 and any(name.endswith(", fups") for name in names):
        known[SHARED] = float(shared_optimum(game).value)
    return known


def draw(data: Data, style: Style) -> Canvas:
    """A panel for each environment."""
    canvas, axes = panels(style, len(data.panels), across=min(len(data.panels), 3))
    for ax, (env, panel) in zip(axes, data.panels.items(), strict=True):
        for level in panel.known.values():
            ax.axhline(level, color=style["grey"], linestyle="--", linewidth=0.7 * style.line)
        for k, (name, curve) in enumerate(panel.curves.items()):
            found = curve.band
            band(ax, style, curve.steps, found.low, found.estimate, found.high, style.hue(k))
            end_label(ax, style, float(found.estimate[-1]), name, style.hue(k))
        _labels(ax, style, panel, data.metric)
        ax.set_title(f"{env}\n{min(c.runs for c in panel.curves.values())} seeds", size=style.small)
    return canvas


def _labels(ax: Axes, style: Style, panel: Panel, metric: str) -> None:
    last = max(float(curve.steps[-1]) for curve in panel.curves.values())
    said = "mean return of an episode" if metric == "return_mean" else metric.replace("_", " ")
    ax.set(xlabel="t, environment steps", ylabel=said, xlim=(0, last))
    ax.set_xticks([0, last / 2, last], [f"{t:,.0f}".replace(",", " ") for t in (0, last / 2, last)])
    low, high = ax.get_ylim()
    room = 0.09 * (high - low)
    ax.set_ylim(min([low, *(v - 1.6 * room for v in panel.known.values())]), high + room)
    for name, level in panel.known.items():
        ceiling = name != BEST
        ax.annotate(
            name,
            (last if ceiling else 0, level),
            xytext=(0, (-0.35 if ceiling else 0.25) * style.type),
            textcoords="offset points",
            ha="right" if ceiling else "left",
            va="top" if ceiling else "bottom",
            color=style["grey"],
            size=style.small,
        )


FIGURE = Figure(
    name="learning_curves",
    title="One policy for all agents stays under its proven ceiling; an id, or a network each, lifts the team above",
    claims=("harl/propositions_4_and_5/one_policy", "harl/propositions_4_and_5/one_policy_attained"),
    shows="learning curves from run directories, interquartile mean and bootstrap bands",
    alt=(
        "Two panels, return against steps with bands over eight seeds, teams of two and of four agents. MAPPO with one "
        "network for all stays at the dashed line of the best shared policy, one half and one eighth; with an id, a "
        "generated network or separate networks the curves rise towards one."
    ),
    data=data,
    draw=draw,
)
