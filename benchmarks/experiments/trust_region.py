"""Recorded experiments on HATRL and mirror learning: what the theory promises, measured on random team games.

    python benchmarks/experiments/trust_region.py NAME     (monotone, speed, gap, surplus, simultaneous; or all)

Each prints one JSON object. Seeds are fixed; the results stand in docs/experiments.md.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.bounds import paper_constant, sharp_constant_for
from marlcore.games import TeamGame
from marlcore.policies import Policy
from marlcore.values import evaluate
from tabular.mirror.baselines import simultaneous
from tabular.mirror.drifts import Clip
from tabular.mirror.hatrl import hatrl, hatrl_iteration
from tabular.mirror.neighbourhoods import ExpectedKL

GAMMAS = (0.0, 0.5, 0.9, 0.99, 0.999)


def random_game(rng: np.random.Generator) -> TeamGame:
    """1 to 5 agents with 2 to 4 actions (2 or 3 from the fourth agent on), 1 to 50 states, γ up to 0.999."""
    n = int(rng.integers(1, 6))
    counts = tuple(int(rng.integers(2, 5 if n < 4 else 4)) for _ in range(n))
    return TeamGame.random(int(rng.integers(1, 51)), counts, rng, discount=float(rng.choice(GAMMAS)))


def monotone(iterations: int = 100_000, each: int = 50, seed: int = 0) -> dict[str, Any]:
    """J never falls: random games, random starts (some nearly deterministic), random orders, both constants."""
    rng = np.random.default_rng(seed)
    done, games, suspicious, violations = 0, 0, 0, 0
    broken_bounds, worst_gap, lowest = 0, 0.0, 0.0
    while done < iterations:
        game, penalty = random_game(rng), ("paper", "sharp")[games % 2]
        policy = policies.random(game, rng, concentration=float(rng.choice([0.1, 1.0, 10.0])))
        at = evaluate(game, policy)
        for _ in range(min(each, iterations - done)):
            step = hatrl_iteration(game, policy, at, rng.permutation(game.n).tolist(), penalty)
            after = evaluate(game, step.policy)
            unit = max(1.0, abs(float(at.J)))
            change = float(after.J - at.J) / unit
            lowest = min(lowest, change)
            worst_gap = max(worst_gap, max(s.gap for s in step.steps) / unit)
            broken_bounds += int(step.bound - 1e-12 * unit > after.J)
            if change < -1e-12:
                suspicious += 1
                violations += int(falls_in_balls(game, policy, step.policy, 1e-12 * unit))
            policy, at, done = step.policy, after, done + 1
        games += 1
    return {
        "seed": seed,
        "iterations": done,
        "games": games,
        "suspicious in floats": suspicious,
        "violations in balls": violations,
        "lowest relative change of J": lowest,
        "bounds broken": broken_bounds,
        "largest certified step gap over max(1, |J|)": worst_gap,
    }


def falls_in_balls(game: TeamGame, old: Policy, new: Policy, slack: float) -> bool:
    """Whether J(new) < J(old) − slack for certain, in 256-bit balls."""
    with numbers.precision(256):
        exact = game.convert("ball")
        before, after = (evaluate(exact, policies.convert(pi, "ball")).J for pi in (old, new))
        return bool(after + slack < before)


def speed(games: int = 21, iterations: int = 2000, seed: int = 1) -> dict[str, Any]:
    """How many times fewer iterations C* needs for the J that C reaches in ``iterations``, median over games."""
    answer: dict[str, Any] = {"seed": seed, "games": games, "iterations with the paper's C": iterations}
    for gamma in (0.9, 0.99):
        rng, factors = np.random.default_rng(seed), []
        for k in range(games):
            game = TeamGame.random(4, ((2, 2), (3, 2), (2, 2, 2))[k % 3], rng, discount=gamma)
            start = policies.uniform(game)
            goal = hatrl(game, start, iterations, "paper", rng=k, every=iterations).returns[-1, 0]
            run = hatrl(game, start, iterations // 4, "sharp", rng=k).returns[:, 0]
            first = int(np.argmax(run >= goal))
            assert run[first] >= goal
            factors.append(iterations / (first - 1 + (goal - run[first - 1]) / (run[first] - run[first - 1])))
        ratio = float(paper_constant(gamma, 1.0) / sharp_constant_for(gamma, 1.0))
        spread = [float(np.quantile(factors, x)) for x in (0, 0.5, 1)]
        answer[f"γ = {gamma}"] = {"C/C*": ratio, "least, median, largest speed-up": spread}
    return answer


def gap(games: int = 12, iterations: int = 6000, seed: int = 2) -> dict[str, Any]:
    """The Nash gap from fully mixed starts with d > 0: its size, and the fitted rate of its decay.

    ln gap is fitted by a line in k (geometric decay) and by a line in ln k (a power law), from a hundredth of the first
    gap down to 1e-11; ``misfit`` is the standard deviation of the residuals of the two.
    """
    rng, rows = np.random.default_rng(seed), []
    for k in range(games):
        gamma = (0.3, 0.5, 0.7, 0.9)[k % 4]
        game = TeamGame.random(3, ((2, 2), (3, 2), (2, 2, 2))[k % 3], rng, discount=gamma)
        run = hatrl(game, policies.uniform(game), iterations, "sharp", rng=k, every=10)
        gaps, steps = np.asarray(run.nash_gaps[:, 0]), np.asarray(run.steps)
        row: dict[str, Any] = {"γ": gamma, "first": float(gaps[0]), "last": float(gaps[-1])}
        late = (gaps > 1e-11) & (gaps < 0.01 * gaps[0])
        if late.sum() > 5:
            logs = np.log(gaps[late])
            for name, x in (("geometric", steps[late]), ("power", np.log(steps[late]))):
                line = np.polyfit(x, logs, 1)
                misfit = float(np.std(logs - np.polyval(line, x)))
                row[name] = {"slope": float(line[0]), "misfit": misfit}
        rows.append(row)
    return {"seed": seed, "iterations": iterations, "runs": rows}


def surplus(games: int = 200, iterations: int = 50, seed: int = 3) -> dict[str, Any]:
    """J_{k+1} − J_k ≥ (C − C*)·ΣD_m with the paper's C: the least margin, and the least ratio of the two sides."""
    rng, margin, ratio, checked = np.random.default_rng(seed), np.inf, np.inf, 0
    for k in range(games):
        game = random_game(rng)
        run = hatrl(game, policies.random(game, rng), iterations, "paper", rng=k)
        C = np.asarray(run.extras["constants"])[1:, 0]
        star = (
            C * float(sharp_constant_for(game.discount, 1.0)) / max(float(paper_constant(game.discount, 1.0)), 1e-300)
        )
        spent = np.where(C > 0, np.asarray(run.extras["divergences"])[1:, 0].sum(-1), 0)  # γ = 0: C = 0, KL may be ∞
        promised = (C - star) * spent
        gained = np.diff(run.returns[:, 0])
        unit = np.maximum(1.0, np.abs(run.returns[1:, 0]))
        margin = min(margin, float(((gained - promised) / unit).min()))
        counted = promised > 1e-9 * unit
        ratio = min(ratio, float((gained[counted] / promised[counted]).min())) if counted.any() else ratio
        checked += iterations
    return {"seed": seed, "iterations": checked, "least relative margin": margin, "least gained/promised": ratio}


def simultaneous_losses(games: int = 400, iterations: int = 30, seed: int = 4) -> dict[str, Any]:
    """In how many random games J falls at some simultaneous step, and ends below the sequential run."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[..., Any]] = {
        "best response": lambda g, p: simultaneous(g, p, iterations),
        "expected KL ball 0.05": lambda g, p: simultaneous(g, p, iterations, neighbourhood=ExpectedKL(0.05)),
        "expected KL ball 0.5": lambda g, p: simultaneous(g, p, iterations, neighbourhood=ExpectedKL(0.5)),
        "clip 0.2": lambda g, p: simultaneous(g, p, iterations, Clip(0.2)),
        "clip 0.8": lambda g, p: simultaneous(g, p, iterations, Clip(0.8)),
    }
    fell = dict.fromkeys(kinds, 0)
    for _ in range(games):
        game = TeamGame.random(int(rng.integers(1, 6)), (2,) * int(rng.integers(2, 5)), rng, discount=0.9)
        start = policies.random(game, rng)
        for name, run in kinds.items():
            returns = run(game, start).returns[:, 0]
            fell[name] += int((np.diff(returns) < -1e-9 * np.maximum(1, np.abs(returns[1:]))).any())
    return {"seed": seed, "games": games, "share in which J fell": {k: v / games for k, v in fell.items()}}


EXPERIMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "monotone": monotone,
    "speed": speed,
    "gap": gap,
    "surplus": surplus,
    "simultaneous": simultaneous_losses,
}


def main() -> None:
    """Run the experiments that are named."""
    names = list(EXPERIMENTS) if sys.argv[1:] == ["all"] else sys.argv[1:]
    for name in names:
        start = time.perf_counter()
        answer = EXPERIMENTS[name]()
        print(
            json.dumps(
                {"experiment": name, **answer, "seconds": round(time.perf_counter() - start)}, ensure_ascii=False
            )
        )


if __name__ == "__main__":
    main()
