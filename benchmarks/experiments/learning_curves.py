"""The runs behind ``figures/learning_curves.py``: sharing schemes on Kuba et al.'s trap of homogeneity.

    python benchmarks/experiments/learning_curves.py FOLDER [--seeds 10] [--workers 2]
    marlcore figure learning_curves --runs FOLDER --keep figures/data/learning_curves.json --out curves.svg

Teams of two and of four agents earn 1 where one half of them plays 0 and the other 1, else nothing. One policy for all
agents can earn 2/2ⁿ of that. Runs that are finished are left alone, so the command can be repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deep.config import Config, Network, Rollout
from deep.train import train
from marlcore.kit import rundir
from marlcore.kit.executor import map_each

KINDS = (("happo", "nops"), ("mappo", "fups"), ("mappo", "fups_id"), ("mappo", "hyper"))
ENVIRONMENTS = {"game:trap_of_homogeneity?n=2": 80_000, "game:trap_of_homogeneity?n=4": 80_000}


def main(argv: Sequence[str]) -> int:
    """Train what is missing in FOLDER."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    jobs = [
        (str(options.folder / f"{k}-{algorithm}-{sharing}-{seed}"), env, algorithm, sharing, steps, seed)
        for k, (env, steps) in enumerate(ENVIRONMENTS.items())
        for algorithm, sharing in KINDS
        for seed in range(options.seeds)
    ]
    map_each(run, jobs, executor=options.workers, label="training")
    return 0


def run(job: tuple[str, str, str, str, int, int]) -> str:
    """One run, unless it is there."""
    path, env, algorithm, sharing, steps, seed = job
    if rundir.status(path) != "finished":
        config = Config(
            algorithm=algorithm,
            env=env,
            sharing=sharing,
            seed=seed,
            steps=steps,
            rollout=Rollout(copies=100, length=10),
            network=Network(hidden=(32,)),
        )
        train(config, path)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
