"""What the deep half reaches on exact games, 20 seeds: ``python benchmarks/experiments/deep_audit.py OUT.md [PART …]``.

Every run trains on a game whose optimum and equilibria are known, its policy is read out of the networks, and J and the
Nash gap are exact (``deep.audit``). Intervals are 95 % bootstrap intervals of a mean over seeds. A cell that is done is
kept in OUT.cells/, so a run that is stopped goes on, and several may share the work (one PART each). The text that this
program writes is docs/experiments-deep.md.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from deep import algorithms
from deep.audit import Audit, audit
from deep.config import Config, Network, Rollout
from deep.learner import Optimiser
from marlcore import library
from marlcore.errors import InputError
from marlcore.games import as_team
from marlcore.kit import files
from marlcore.kit.provenance import provenance
from marlcore.kit.statistics import interval

SEEDS, UPDATES = 20, 80
FIRST = 100
"""The first seed. The settings below were chosen on seeds 0, 1 and 2, which therefore are not among those reported."""
ROLLOUT = Rollout(copies=250, length=2)
"""One-shot games: 500 episodes an update."""
NETWORK = Network(hidden=(32,), norm=False, activation="tanh", gain=0.1)
"""Without layer norm, which takes the mean off an observation and so hides a game's only state."""
OPTIMISER = Optimiser(lr=8e-3, critic_lr=8e-3)
ENTROPY = 0.03
"""Holds a policy off the vertices for long enough: where an action is not sampled, no estimate can bring it back."""
NEAR = 0.05
"""Within this share of the optimum of a value, a run counts as having reached it."""
CELLS = Path("cells")
"""Where finished cells are kept; beside the page when run as a program."""
ONLY_DONE = False
"""Whether unfinished cells are left out of the page (PART "done") instead of being run."""
Result = tuple[str, str, list[dict[str, Any]]]

GAMES: dict[str, dict[str, float]] = {
    "climbing": {"optimum": 11, "equilibrium 7": 7, "equilibrium 5": 5},
    "penalty": {"optimum": 10, "equilibrium 2": 2},
    "trap_of_homogeneity?n=4": {"optimum": 1, "best shared policy": 2 / 2**4, "equilibrium 0": 0},
    "trap_of_homogeneity?n=8": {"optimum": 1, "at most the best shared policy": 2 / 2**8},
    "trap_of_heterogeneity": {"optimum": 2},
}
"""The payoffs at which a run may end, by game: the optimum, other equilibria, and Prop. 4's 2/2ⁿ.

In Prop. 4's game all profiles from which no agent alone reaches n/2 ones are equilibria of payoff 0.
"""


def runs(algorithm: str, sharing: str, game: str, seeds: int = SEEDS) -> list[Audit]:
    """One audited run for each seed."""
    options = dataclasses.replace(algorithms.load(algorithm).options(), entropy=ENTROPY)
    steps = UPDATES * ROLLOUT.copies * ROLLOUT.length
    common = {"rollout": ROLLOUT, "network": NETWORK, "optimiser": OPTIMISER, "options": options}
    return [
        audit(Config(algorithm, f"game:{game}", sharing=sharing, seed=seed, steps=steps, **common), sampled=False)
        for seed in range(FIRST, FIRST + seeds)
    ]


def cell(algorithm: str, sharing: str, game: str, seeds: int = SEEDS) -> dict[str, Any]:
    """The row of one cell, from the file of an earlier call if there is one."""
    words = "-".join((algorithm, sharing, game, f"{FIRST}to{FIRST + seeds - 1}", str(UPDATES)))
    path = CELLS / ("".join(c if c.isalnum() else "_" for c in words) + ".json")
    if not path.exists() and ONLY_DONE:
        return {}
    if not path.exists():
        CELLS.mkdir(parents=True, exist_ok=True)
        files.write_json(path, row(runs(algorithm, sharing, game, seeds), game), overwrite=True)
    return files.read_json(path)


def row(done: list[Audit], game: str) -> dict[str, Any]:
    """What the runs of one cell say."""
    first, J = done[0].config, np.array([run.returns[-1] for run in done])
    places = GAMES.get(game, {"optimum": done[0].optimum})
    width = NEAR * max(places.values())
    ends = Counter(next((name for name, value in places.items() if abs(j - value) <= width), "elsewhere") for j in J)
    falls = [len(run.falls) for run in done]
    return {
        "game": game,
        "algorithm": first.algorithm,
        "sharing": first.sharing,
        "J": mean(J),
        "optimum": f"{done[0].optimum:.4g}",
        "Nash gap": mean([run.rows[-1]["nash_gap"] for run in done]),
        "where the seeds end": "; ".join(f"{name}: {count}" for name, count in ends.most_common()),
        "updates in which J fell": f"{np.mean(falls):.3g} of {len(done[0].rows)}",
        "below Lemma 8's bound": sum(r["J"] < r["bound_sharp"] - 1e-9 for run in done for r in run.rows),
    }


def mean(values: Any) -> str:
    """A mean over seeds with its interval."""
    found = interval(np.asarray(values, float), "mean")
    return f"{found.estimate:.4g} [{found.low:.4g}, {found.high:.4g}]"


def no_sharing() -> Result:
    """HAPPO and HATRPO with networks of their own."""
    rows = [cell(algorithm, "nops", game) for game in GAMES for algorithm in ("happo", "hatrpo")]
    claim = (
        "HAPPO and HATRPO without parameter sharing end at the optimum or at another Nash equilibrium, up to the "
        "probability\nthat the entropy's weight keeps on other actions. Which one is a matter of the start: from a "
        "policy near uniform,\nclimbing's optimum 11 looks worse than 7 and 5, because the partner still plays what "
        "−30 stands for. A seed that ends\nelsewhere has stopped where the action that would help is no longer sampled "
        "(climbing's 6, one step before 7)."
    )
    return "Without sharing: the optimum or an equilibrium", claim, rows


def sharing_4() -> Result:
    """Prop. 4's game for four agents with and without an id, and with generated networks."""
    return _trap(4)


def sharing_8() -> Result:
    """The same for eight."""
    return _trap(8)


def _trap(n: int) -> Result:
    game = f"trap_of_homogeneity?n={n}"
    schemes = ("fups", "fups_id", "hyper")
    rows = [cell(algorithm, sharing, game) for algorithm in ("happo", "hatrpo") for sharing in schemes]
    claim = (
        f"In the game of HARL's Prop. 4 one policy for all agents earns at most 2/2ⁿ = {2 / 2**n:g} of the optimum, "
        "and full\nparameter sharing (fups) stays there whatever the algorithm. With an id (fups_id) and with "
        "generated networks (hyper)\nthe agents can part."
    )
    return f"The trap of sharing, n = {n}", claim, rows


def every_algorithm() -> Result:
    """The whole grid on every team game of the library."""
    rows = []
    for game in team_games():
        for algorithm in ("happo", "hatrpo", "haa2c", "mappo", "ippo"):
            for sharing in ("fups", "fups_id", "nops", "hyper"):
                rows.append(cell(algorithm, sharing, game, seeds=1))
    claim = (
        f"Every algorithm with every sharing scheme on every team game of the library, one seed of {UPDATES} updates "
        "each.\nNo update falls below Lemma 8's bound with C*: the bound is a theorem, so the column tests the audit. "
        "Games of more\nthan one state run in episodes of the length that `docs/environments.md` states, cut and "
        "bootstrapped."
    )
    return "Every algorithm, every scheme", claim, rows


def team_games() -> list[str]:
    """Every game of the library that pays all its agents the same: those that can be audited."""
    found = []
    for name in library.names():
        with contextlib.suppress(InputError):
            as_team(library.load(name))
            found.append(name)
    return found


PARTS: dict[str, Callable[[], Result]] = {f.__name__: f for f in (no_sharing, sharing_4, sharing_8, every_algorithm)}


def write(path: Path, parts: list[str]) -> None:
    """Run the parts and write, or replace, their sections of the page."""
    sections = dict(_sections(path)) if path.exists() else {}
    for name in parts:
        title, claim, rows = PARTS[name]()
        rows = [r for r in rows if r]
        if not rows:
            continue
        columns = list(dict.fromkeys(key for r in rows for key in r))
        table = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        table += ["| " + " | ".join(str(r.get(key, "")) for key in columns) + " |" for r in rows]
        sections[title] = "\n".join([claim, "", *table])
        text = "\n\n".join([_head(), *(f"## {name}\n\n{body}" for name, body in sections.items())])
        path.write_text(text + "\n", encoding="utf-8")
        print(f"{name}: done", file=sys.stderr)


def _head() -> str:
    episodes, units = ROLLOUT.copies * ROLLOUT.length, f"{NETWORK.hidden[0]} units and no layer norm"
    rate, entropy = f"rate is {OPTIMISER.lr:g}", f"weight {ENTROPY:g} (for HATRPO as well, where the paper has none)"
    reported = f"seeds {FIRST}, {FIRST + 1}, …"
    return f"""# What the deep half does on exact games

Made by `python benchmarks/experiments/deep_audit.py docs/experiments-deep.md`, {reported}; {SEEDS} seeds
unless a section says otherwise; 95 % bootstrap intervals of means in brackets. The settings were chosen on seeds 0 to
2, which are not among those reported. J and Nash gaps are exact: the policies are read out of the networks (`marlcore
audit`). marlcore {provenance()["version"]}.

Each run has {UPDATES} updates of {episodes} one-shot episodes. Networks have one hidden layer of {units},
Adam's {rate}, the entropy's {entropy}; everything else is the
algorithm's default. A run counts as ending at a payoff if it is within {NEAR:.0%} of the optimum of it. “J fell” counts
updates after which the exact J was lower than before. The last column must be 0: Lemma 8 is a theorem."""


def _sections(path: Path) -> list[tuple[str, str]]:
    _, *parts = path.read_text(encoding="utf-8").split("\n## ")
    return [(part.partition("\n")[0], part.partition("\n")[2].strip()) for part in parts]


if __name__ == "__main__":
    torch.set_num_threads(1)
    CELLS = Path(sys.argv[1]).with_suffix(".cells")
    ONLY_DONE = sys.argv[2:] == ["done"]
    chosen = list(PARTS) if ONLY_DONE else sys.argv[2:] or list(PARTS)
    write(Path(sys.argv[1]), chosen)
