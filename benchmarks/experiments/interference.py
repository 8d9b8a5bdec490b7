"""The measurements behind ``figures/interference.py``: agents' gradients under four sharing schemes.

    python benchmarks/experiments/interference.py          writes figures/data/interference.json, in about a minute

Each of n agents has a task of its own: the team earns r(a) = (1/n) Σ_i 1[a^i = i] and every agent sees the same
observation. With h_i the gradient of J that agent i's policy contributes to the parameters ψ of a scheme,

    ∇_ψ J = Σ_i h_i,   h_i = ∇_ψ (1/n) π_i(i)           (exact: no sampling)

it measures, at every step of gradient ascent on J by Adam, the mean cosine of h_i and h_j over pairs of agents, and J.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from deep import sharing
from deep.networks import Body
from figures.interference import FIGURE, SCHEMES, Course, Data
from figures.seeds import band_of

AGENTS, OBSERVATION, STEPS, EVERY, SEEDS, RATE = 4, 8, 200, 4, 10, 3e-3
OUT = Path(__file__).resolve().parents[2] / "figures" / "data" / "interference.json"


def main() -> int:
    """Measure, and write the figure's data."""
    torch.set_num_threads(1)
    FIGURE.write_data(OUT, measure(), overwrite=True)
    return 0


def measure(steps: int = STEPS, seeds: int = SEEDS) -> Data:
    """Every scheme on every seed."""
    courses = {}
    for label, name in SCHEMES.items():
        runs = [course(name, seed, steps) for seed in range(seeds)]
        cosines, returns = (np.array([run[k] for run in runs]).T for k in (0, 1))
        courses[label] = Course(band_of(cosines), band_of(returns))
    return Data(AGENTS, seeds, np.arange(0, steps + 1, EVERY), courses)


def course(scheme: str, seed: int, steps: int) -> tuple[list[float], list[float]]:
    """The mean cosine and J, every ``EVERY`` steps."""
    generator = torch.Generator().manual_seed(seed)
    body = Body(OBSERVATION, AGENTS, hidden=(32, 32))
    networks = sharing.make(scheme, AGENTS, body, generator)
    observation = torch.randn(OBSERVATION, generator=generator).expand(AGENTS, -1)
    parameters = [p for p in networks.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    cosines, returns = [], []
    for step in range(steps + 1):
        own = torch.softmax(networks(observation)[0], -1).diagonal() / AGENTS
        if step % EVERY == 0:
            cosines.append(mean_cosine(own, parameters))
            returns.append(float(own.detach().sum()))
        optimiser.zero_grad()
        (-own.sum()).backward()
        optimiser.step()
    return cosines, returns


def mean_cosine(own: torch.Tensor, parameters: list[torch.nn.Parameter]) -> float:
    """The mean over pairs i < j of cos(h_i, h_j), h_i the gradient of ``own``[i] in all parameters."""
    rows = []
    for part in own:
        found = torch.autograd.grad(part, parameters, retain_graph=True, allow_unused=True)
        pairs = zip(found, parameters, strict=True)
        rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs]))
    unit = torch.nn.functional.normalize(torch.stack(rows).double(), dim=-1)
    cosines = unit @ unit.T
    n = len(rows)
    return float((cosines.sum() - cosines.diagonal().sum()) / (n * (n - 1)))


if __name__ == "__main__":
    sys.exit(main())
