"""Do agents' gradients conflict on shared parameters?  Cosines along exact gradient ascent, by scheme and task.

    python benchmarks/experiments/gradients.py [OUT.json]

Four team games of 4 agents with 4 actions. In *assigned* games there are 6 states, drawn uniformly at every step, and
an agent is paid for its own choice alone: reward = the share of agents with a_i = σ_s(i). In ``apart`` σ_s is a
permutation, so agents must specialise; in ``alike`` σ_s is one action for all, so they need not. ``dispersion`` pays 1
when all actions differ, ``agreement`` when all are the same; any permutation, or any action, will do.

Each run ascends the exact J with Adam. Nothing is sampled: the seeds are those of initial weights and of σ. Recorded
are the mean cosine over pairs of agents, the share of pairs that conflict, and J over its optimum; intervals are 95 %
bootstrap intervals of the mean over seeds. docs/sharing.md reads the JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deep import sharing
from deep.networks import Body
from deep.sharing.interference import agent_gradients, gradient, interference, policy_tables
from marlcore.games import TeamGame
from marlcore.kit.files import write_json
from marlcore.kit.progress import Progress
from marlcore.kit.provenance import provenance
from marlcore.kit.statistics import interval
from marlcore.values import evaluate

SEEDS, N, STATES, STEPS, RATE, DISCOUNT = 20, 4, 6, 300, 5e-3, 0.9
RECORDS = (0, 1, 3, 10, 20, 30, 50, 75, 100, 150, 200, 250, 300)
SCHEMES = ("fups", "fups_id", "hyper", "hyper_linear", "nops")
OUT = Path(__file__).parents[2] / "docs" / "gradients.json"


def assigned(seed: int, apart: bool) -> TeamGame:
    """Reward: the share of agents with a_i = σ_s(i); the next state is uniform."""
    rng = np.random.default_rng(seed)
    choices = np.stack([rng.permutation(N) if apart else np.full(N, rng.integers(N)) for _ in range(STATES)])
    shape = (N,) * N
    joint = np.stack(np.meshgrid(*(np.arange(N) for _ in range(N)), indexing="ij"), -1)
    rewards = np.stack([(joint == choices[s]).mean(-1) for s in range(STATES)])
    transitions = np.full((STATES, *shape, STATES), 1 / STATES)
    return TeamGame(transitions, rewards, DISCOUNT, np.full(STATES, 1 / STATES))


def once(differ: bool) -> TeamGame:
    """One state, γ = 0: 1 where all actions differ, or where all are the same."""
    joint = np.stack(np.meshgrid(*(np.arange(N) for _ in range(N)), indexing="ij"), -1)
    kinds = np.apply_along_axis(lambda a: len(set(a)), -1, joint)
    rewards = (kinds == (N if differ else 1)).astype(float)[None]
    return TeamGame(np.ones((1, *rewards.shape[1:], 1)), rewards, 0.0)


TASKS = {
    "apart": lambda seed: assigned(seed, True),
    "alike": lambda seed: assigned(seed, False),
    "dispersion": lambda seed: once(True),
    "agreement": lambda seed: once(False),
}


def run(task: str, scheme: str, seed: int) -> list[tuple[float, float, float]]:
    """(mean cosine, share of conflicts, J over its optimum 1/(1 − γ)) at the recorded steps."""
    game = TASKS[task](seed)
    exact = game.convert("torch")
    # one state's unit vector has no variance to normalise, so the body is without layer norms
    body = Body(game.S, N, (32, 32), activation="tanh", norm=False, gain=0.01)
    networks = sharing.make(scheme, N, body, torch.Generator().manual_seed(seed)).double()
    parameters = [p for p in networks.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    rows = []
    for step in range(STEPS + 1):
        if step in RECORDS:
            found = interference(agent_gradients(networks, exact))
            with torch.no_grad():
                J = float(evaluate(exact, tuple(policy_tables(networks, exact))).J)
            rows.append((found.mean, found.conflicts, J * (1 - float(game.discount))))
        parts = (-gradient(networks, exact)).split([p.numel() for p in parameters])
        for p, part in zip(parameters, parts, strict=True):
            p.grad = part.reshape(p.shape)
        optimiser.step()
    return rows


def main(out: Path) -> None:
    """All tasks, schemes and seeds."""
    torch.set_num_threads(1)
    config = {"agents": N, "states": STATES, "steps": STEPS, "adam_rate": RATE, "discount": DISCOUNT}
    # taken first: it names the tree that ran, whatever is edited meanwhile
    made_by = provenance(config, {"seeds": list(range(SEEDS))})
    results: dict[str, Any] = {}
    with Progress("interference", total=len(TASKS) * len(SCHEMES) * SEEDS) as progress:
        for task in TASKS:
            results[task] = {}
            for scheme in SCHEMES:
                runs = []
                for seed in range(SEEDS):
                    runs.append(run(task, scheme, seed))
                    progress.advance(1)
                table = np.array(runs)
                results[task][scheme] = {
                    name: [summary(table[:, k, column]) for k in range(len(RECORDS))]
                    for column, name in enumerate(("cosine", "conflicts", "J"))
                }
    content = {
        "what": "mean cosine between agents' exact gradients on the trained parameters, share of conflicting pairs, "
        "and J over its optimum: [mean, low, high] over seeds, at the recorded steps",
        "command": "python benchmarks/experiments/gradients.py",
        "provenance": made_by,
        "steps": RECORDS,
        "tasks": results,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, content, overwrite=True)


def summary(values: np.ndarray) -> list[float]:
    """Mean and 95 % interval, to six digits."""
    found = interval(values, "mean")
    return [float(f"{x:.6g}") for x in (found.estimate, found.low, found.high)]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
