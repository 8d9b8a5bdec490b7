"""Do agents' gradients conflict on shared parameters?  Cosines along exact gradient ascent, by scheme and task.

    python benchmarks/experiments/gradients.py [OUT.json]            docs/gradients.json, which docs/sharing.md reads
    python benchmarks/experiments/gradients.py figure [OUT.json]     figures/data/interference.json, in about a minute

Both ascend the exact J with Adam from the initial weights of each seed and record the mean cosine over pairs of agents'
gradients on the trained parameters, and J; nothing is sampled. Intervals are 95 % bootstrap intervals of the mean over
seeds.

The first plays four team games of 4 agents with 4 actions, 20 seeds. In *assigned* games there are 6 states, drawn
uniformly at every step, and an agent is paid for its own choice alone: reward = the share of agents with a_i = σ_s(i).
In ``apart`` σ_s is a permutation, so agents must specialise; in ``alike`` σ_s is one action for all, so they need not.
``dispersion`` pays 1 when all actions differ, ``agreement`` when all are the same; any permutation, or any action, will
do. The seeds are those of σ too, and the share of pairs that conflict is recorded as well.

The second is the picture's one task: the team earns r(a) = (1/n) Σ_i 1[a^i = i] and every agent sees the same random
observation, 10 seeds, so that what agent i's policy contributes is h_i = ∇_ψ (1/n) π_i(i), and ∇_ψ J = Σ_i h_i.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from deep import sharing
from deep.networks import Body
from deep.sharing.interference import agent_gradients, gradient, interference, policy_tables
from deep.sharing.scheme import Scheme
from figures.interference import FIGURE, Course, Data
from figures.interference import SCHEMES as PICTURED
from figures.seeds import band_of
from marlcore.games import TeamGame
from marlcore.kit.files import write_json
from marlcore.kit.progress import Progress
from marlcore.kit.provenance import provenance
from marlcore.kit.statistics import interval
from marlcore.values import evaluate

AGENTS, OBSERVATION, PICTURE_STEPS, EVERY, PICTURE_SEEDS, PICTURE_RATE = 4, 8, 200, 4, 10, 3e-3
PICTURE = Path(__file__).resolve().parents[2] / "figures" / "data" / "interference.json"
SEEDS, N, STATES, STEPS, RATE, DISCOUNT = 20, 4, 6, 300, 5e-3, 0.9
RECORDS = (0, 1, 3, 10, 20, 30, 50, 75, 100, 150, 200, 250, 300)
SCHEMES = ("fups", "fups_id", "hyper", "hyper_linear", "nops")
OUT = Path(__file__).parents[2] / "docs" / "gradients.json"

Row = TypeVar("Row")


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

    def look() -> tuple[float, float, float]:
        found = interference(agent_gradients(networks, exact))
        with torch.no_grad():
            J = float(evaluate(exact, tuple(policy_tables(networks, exact))).J)
        return found.mean, found.conflicts, J * (1 - float(game.discount))

    return ascent(networks, lambda: gradient(networks, exact), look, RECORDS, RATE)


def course(scheme: str, seed: int, steps: int) -> list[tuple[float, float]]:
    """The picture's task: the mean cosine and J, every ``EVERY`` steps."""
    generator = torch.Generator().manual_seed(seed)
    networks = sharing.make(scheme, AGENTS, Body(OBSERVATION, AGENTS, hidden=(32, 32)), generator)
    observation = torch.randn(OBSERVATION, generator=generator).expand(AGENTS, -1)
    parameters = trained(networks)

    def own() -> torch.Tensor:
        return torch.softmax(networks(observation)[0], -1).diagonal() / AGENTS

    def look() -> tuple[float, float]:
        parts = own()
        rows = [
            flat(torch.autograd.grad(p, parameters, retain_graph=True, allow_unused=True), parameters) for p in parts
        ]
        return interference(torch.stack(rows).double()).mean, float(parts.detach().sum())

    def climb() -> torch.Tensor:
        return flat(torch.autograd.grad(own().sum(), parameters, allow_unused=True), parameters)

    return ascent(networks, climb, look, range(0, steps + 1, EVERY), PICTURE_RATE)


def ascent(
    networks: Scheme, climb: Callable[[], torch.Tensor], look: Callable[[], Row], records: Sequence[int], rate: float
) -> list[Row]:
    """What ``look`` sees at the recorded steps of Adam, up the gradient that ``climb`` gives."""
    parameters = trained(networks)
    optimiser, rows = torch.optim.Adam(parameters, lr=rate), []
    for step in range(records[-1] + 1):
        if step in records:
            rows.append(look())
        parts = (-climb()).split([p.numel() for p in parameters])
        for p, part in zip(parameters, parts, strict=True):
            p.grad = part.reshape(p.shape)
        optimiser.step()
    return rows


def trained(networks: Scheme) -> list[torch.nn.Parameter]:
    """What Adam moves."""
    return [p for p in networks.parameters() if p.requires_grad]


def flat(gradients: Sequence[torch.Tensor | None], parameters: list[torch.nn.Parameter]) -> torch.Tensor:
    """One vector; 0 where a parameter has no part."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def picture(steps: int = PICTURE_STEPS, seeds: int = PICTURE_SEEDS) -> Data:
    """The picture's data: every scheme on every seed."""
    courses = {}
    for label, name in PICTURED.items():
        runs = np.array([course(name, seed, steps) for seed in range(seeds)])
        courses[label] = Course(band_of(runs[..., 0].T), band_of(runs[..., 1].T))
    return Data(AGENTS, seeds, np.arange(0, steps + 1, EVERY), courses)


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
    if sys.argv[1:2] == ["figure"]:
        torch.set_num_threads(1)
        FIGURE.write_data(Path(sys.argv[2]) if len(sys.argv) > 2 else PICTURE, picture(), overwrite=True)
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
