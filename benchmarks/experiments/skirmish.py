"""How hard each battle is: scripted policies on every map of ``skirmish``, win rate and return with 95 % intervals.

    python benchmarks/experiments/skirmish.py [EPISODES]      writes docs/skirmish-fidelity.json (200 episodes a cell)
    python benchmarks/experiments/skirmish.py table           prints the tables of docs/skirmish.md from it

Win rates have Wilson's score interval (1927), returns a bootstrap interval of the mean. ``digest`` names the battles
that were measured: a test compares it, so whoever changes a rule or a constant makes the table again.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deep.envs.skirmish import maps, policies
from deep.envs.skirmish.env import Skirmish
from marlcore.kit.statistics import interval

OUT = Path(__file__).resolve().parents[2] / "docs" / "skirmish-fidelity.json"
SEED = 2024
RANDOM_TEAMS = tuple(f"{race}_5_vs_5" for race in maps.RACES)
CPU = torch.device("cpu")
# the same kinds of policies in SMAClite, measured: its step covers about 1.4 times more fighting, its enemy is simpler
SMACLITE = {
    ("3m", "random"): (0.0, 1.6),
    ("2s3z", "random"): (None, 4.0),
    ("corridor", "random"): (None, 2.3),
    ("bane_vs_bane", "random"): (0.8, 17.5),
    ("3s5z", "random"): (None, 4.1),
    ("MMM2", "random"): (None, 2.3),
    ("3m", "focus_fire"): (1.0, None),
    **{(name, "focus_fire"): (0.0, None) for name in ("8m", "5m_vs_6m", "2s3z", "3s5z", "10m_vs_11m")},
}


def digest(steps: int = 25, batch: int = 2) -> str:
    """A hash of where all battles stand after a while of scripted play: another one means other rules."""
    found = hashlib.sha256()
    for name in [*maps.MAPS, *RANDOM_TEAMS]:
        env = Skirmish(name, batch, CPU, SEED)
        for step in range(steps):
            env.step(policies.act(env, policies.NAMES[2 + step % 3], SEED, step))
        found.update(env.f.numpy().tobytes())
        found.update(env.k.numpy().tobytes())
    return found.hexdigest()[:16]


def play(name: str, policy: str, episodes: int) -> dict[str, Any]:
    """One cell: the first episode of ``episodes`` copies."""
    env = Skirmish(name, episodes, CPU, SEED)
    done = np.zeros(episodes, dtype=bool)
    won, total, length = np.zeros(episodes), np.zeros(episodes), np.zeros(episodes)
    step = 0
    while not done.all():
        t = env.step(policies.act(env, policy, SEED, step))
        total += np.where(done, 0, t.reward[:, 0].numpy())
        length += ~done
        won = np.where(done, won, t.info["won"].numpy())
        done |= t.done.numpy()
        step += 1
    mean = interval(total, "mean")
    return {
        "map": name,
        "policy": policy,
        "win": float(won.mean()),
        "win interval": wilson(float(won.sum()), episodes),
        "return": round(mean.estimate, 3),
        "return interval": [round(mean.low, 3), round(mean.high, 3)],
        "length": round(float(length.mean()), 1),
    }


def wilson(wins: float, count: int, z: float = 1.959964) -> list[float]:
    """Wilson's interval for a share."""
    p, w = wins / count, z * z / count
    middle, half = p + w / 2, z * math.sqrt(p * (1 - p) / count + w / (4 * count))
    return [round((middle - half) / (1 + w), 4), round((middle + half) / (1 + w), 4)]


def measure(episodes: int = 200) -> None:
    """All cells, to ``OUT``."""
    rows = [
        play(name, policy, episodes) for name in [*maps.MAPS, *RANDOM_TEAMS] for policy in policies.NAMES if _say(name)
    ]
    OUT.write_text(json.dumps({"episodes": episodes, "digest": digest(), "rows": rows}, indent=1) + "\n")


def _say(name: str) -> bool:
    print(name, file=sys.stderr)
    return True


def table() -> str:
    """The tables for the page."""
    data = json.loads(OUT.read_text())
    cells = {(row["map"], row["policy"]): row for row in data["rows"]}
    names = list(dict.fromkeys(row["map"] for row in data["rows"]))
    lines = ["| map | " + " | ".join(policies.NAMES) + " |", "|---|" + "---|" * len(policies.NAMES)]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(_cell(cells[name, policy]) for policy in policies.NAMES) + " |")
    lines += ["", "| map, policy | here: win, return | SMAClite: win, return |", "|---|---|---|"]
    for (name, policy), (win, gained) in SMACLITE.items():
        other = ", ".join("–" if x is None else f"{x:g}" for x in (win, gained))
        lines.append(f"| {name}, {policy} | {_cell(cells[name, policy])} | {other} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    low, high = row["win interval"]
    least, most = row["return interval"]
    return f"{row['win']:.2f} [{low:.2f}, {high:.2f}], {row['return']:.1f} [{least:.1f}, {most:.1f}]"


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        print(table())
    else:
        measure(*(int(word) for word in sys.argv[1:]))
