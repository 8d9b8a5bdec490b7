"""Runs of the classic learners: Minimax-Q and Nash-Q converge where they should, WoLF-PHC on one game of two.

    Minimax-Q   V_T → val of Shapley's operator, at the rate √α_t ∝ t^{−0.4} for α_t ∝ t^{−0.8}
    Nash-Q      V_T → the equilibrium's values when every stage game has a global optimum, or every one a saddle point
    WoLF-PHC    π_T → the equilibrium of matching pennies; π_T goes round Shapley's 3×3 game for ever

Sources: Littman 1994; Littman & Szepesvári 1996; Hu & Wellman 2003; Bowling & Veloso 2002. The learners are those of
``tabular.learners``, compared with the exact solvers of ``tabular.markov``. A limit is checked at a stated horizon; a
statistical claim says its test: margins are the level minus the p-value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs_check.claim import Claim, Family
from proofs_check.families import each
from proofs_check.instances import Between, Choice, Instance, Layout, Reals, Rows

SEEDS, EARLY, LATE = 8, 2_000, 64_000
NASH_STEPS = 20_000
RUNS, STEPS, LEVEL = 40, 60_000, 1e-6
FASTER: dict[str, Any] = {"delta_win": 2e-4, "delta_lose": 8e-4}
"""Constant rates: the defaults fall with time, for longer runs."""


def markov_game(states: int = 2) -> Layout:
    """Two agents with two actions, every state reached from everywhere; r_2 = ±share·r_1; where the seeds start."""
    return {
        "transitions": Rows((states, 2, 2, states)),
        "rewards": Reals((states, 2, 2)),
        "discount": Between(0, "3/5"),
        "share": Between("1/2", 2),
        "seed": Between(0, 1),
        "stage": Choice(("optimum", "saddle")),
    }


def zero_sum(states: int = 2) -> Layout:
    """The same with r_2 = −r_1."""
    made = markov_game(states)
    return {name: made[name] for name in ("transitions", "rewards", "discount", "seed")}


def _seeds(x: Instance, count: int) -> range:
    first = int(float(x.seed) * 2**31)
    return range(first, first + count)


def _mixing(x: Instance) -> np.ndarray:
    """Half of the instance's transitions, half uniform: every (s, a, o) is visited for ever."""
    return 0.5 * np.asarray(x.transitions) + 0.5 / x.transitions.shape[-1]


@each
def minimax_error_falls(x: Instance) -> Any:
    """max(7/10 of the error at EARLY steps, max|r|/(100(1−γ))) − the error at LATE steps, root mean squares."""
    from marlcore.games import MarkovGame
    from tabular import learners, shapley
    from tabular.learners.schedules import Power

    r, gamma = np.asarray(x.rewards), float(x.discount)
    game = MarkovGame(_mixing(x), np.stack([r, -r]), gamma)
    rates = Power(1.0, 300.0, 0.8)
    run = learners.minimax_q(game, LATE, _seeds(x, SEEDS), alpha=rates, epsilon=0.5, record_every=EARLY, threads=1)
    error = np.sqrt(((run.values[:, :, 0] - shapley(game).V) ** 2).mean((1, 2)))
    return max(0.7 * error[1], 0.01 * np.abs(r).max() / (1 - gamma)) - error[-1]


@each
def nash_error_is_small(x: Instance) -> Any:
    """max|r|/(20(1−γ)) minus the largest error of both agents' values at NASH_STEPS."""
    from marlcore.games import MarkovGame, TeamGame
    from tabular import learners, shapley, solve_team
    from tabular.learners.schedules import Visits

    r, gamma, sign = np.asarray(x.rewards), float(x.discount), 1 if x.stage == "optimum" else -1
    share = sign * float(x.share)
    game = MarkovGame(_mixing(x), np.stack([r, share * r]), gamma)
    rates = Visits(1.0, 10.0, 0.8)
    run = learners.nash_q(
        game, NASH_STEPS, _seeds(x, 4), select=x.stage, alpha=rates, record_every=NASH_STEPS, threads=1
    )
    if sign > 0:
        V = solve_team(TeamGame(game.transitions, r, gamma)).V
    else:
        V = shapley(MarkovGame(game.transitions, np.stack([r, -r]), gamma)).V
    error = np.abs(run.values[-1] - np.stack([V, share * V])).max()
    return np.abs(r).max() * max(1, abs(share)) / (20 * (1 - gamma)) - error


def starts(game: str, actions: int) -> Layout:
    """A game, where both players start (half way to their first action), and where the seeds of RUNS runs start."""
    return {"game": Choice((game,)), "x": Rows((actions,)), "y": Rows((actions,)), "seed": Between(0, 1)}


def _last_third(x: Instance) -> np.ndarray:
    """For each run the largest distance from the uniform equilibrium in its last third."""
    from marlcore import library
    from tabular import learners

    away = tuple(0.5 * np.eye(len(t))[0] + 0.5 * np.asarray(t, dtype=float) for t in (x.x, x.y))
    every = STEPS // 30
    run = learners.wolf_phc(
        library.load(x.game), STEPS, _seeds(x, RUNS), initial=away, record_every=every, threads=1, **FASTER
    )
    squares = sum(((t[:, :, 0] - 1 / t.shape[-1]) ** 2).sum(-1) for t in run.policies)
    return np.sqrt(squares)[20:].max(0)


@each
def settles(x: Instance) -> Any:
    """LEVEL minus the p-value of "at most half of the runs stay within 0.4 of the equilibrium"."""
    from scipy.stats import binom

    near = int((_last_third(x) < 0.4).sum())
    return LEVEL - float(binom.sf(near - 1, RUNS, 0.5))


@each
def goes_round(x: Instance) -> Any:
    """LEVEL minus the p-value of "at least half of the runs stay within 0.4 of the equilibrium"."""
    from scipy.stats import binom

    near = int((_last_third(x) < 0.4).sum())
    return LEVEL - float(binom.cdf(near, RUNS, 0.5))


def _run(margin: Any, statement: str, plain: str, source: str, locator: str, kind: Any, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {"status": "proved", "numbers": ("float",), "cost": 2000, "smooth": False}
    return Claim(
        statement=statement,
        plain=plain,
        source=source,
        locator=locator,
        kind=kind,
        margin=margin,
        **(defaults | fields),
    )


SIZES = ({"states": 2}, {"states": 3})
minimax_q_converges = _run(
    minimax_error_falls,
    r"\|V_T - V^*\| \le \max\left(\tfrac{7}{10} \|V_{T/32} - V^*\|, \tfrac{\max |r|}{100 (1-\gamma)}\right),"
    r" \quad T = 64000",
    "Minimax-Q converges to the value of a zero-sum Markov game.",
    "Littman, ICML 1994; Littman & Szepesvári, ICML 1996",
    "convergence under Robbins–Monro steps",
    "limit",
    family=Family(zero_sum, SIZES),
    note="Rate: α ∝ t^−0.8 gives errors ∝ t^−0.4, a quarter over a factor of 32 in time; 7/10 leaves room for 8 seeds.",
    figure="soccer",
)
nash_q_converges = _run(
    nash_error_is_small,
    r"Q_i(s, \cdot) \text{ with a global optimum } \forall s, \text{ or with a saddle point } \forall s \Rightarrow"
    r" \|V_T - V^{Nash}\|_\infty \le \tfrac{\max |r|}{20 (1-\gamma)}, \quad T = 20000",
    "Nash-Q converges when every stage game met has a global optimum, or every one a saddle point,"
    " and that is selected.",
    "Hu & Wellman, JMLR 2003",
    "Theorem 4",
    "limit",
    family=Family(markov_game, SIZES),
    assumes=("markov/stage_games/global_optimum", "markov/stage_games/saddle_point"),
    note="r_2 = κr_1 keeps κ > 0 (a global optimum) or κ < 0 (a saddle point) in every stage game that is met."
    " α = (1 + visits/10)^−0.8, four seeds; markov/stage_games/any_equilibrium says what goes wrong otherwise.",
)
wolf_phc_on_pennies = _run(
    settles,
    r"P(\text{a run stays near } \pi^* \text{ of matching pennies}) > \tfrac12",
    "WoLF-PHC settles at the mixed equilibrium of matching pennies.",
    "Bowling & Veloso, Artificial Intelligence 136, 2002",
    "Section 6",
    "statistical",
    status="cited",
    family=Family(starts, ({"game": "matching_pennies", "actions": 2},)),
    note="One-sided binomial test of P ≤ 1/2: 40 runs of 60 000 steps an instance (δ_w = 2·10⁻⁴, δ_l = 4δ_w), near = "
    "within 0.4 over the last third, level 10⁻⁶; if 49 runs in 50 settle the test rejects with power above 0.999.",
    cost=8000,
    figure="phase_portraits",
)
wolf_phc_on_shapley = _run(
    goes_round,
    r"P(\text{a run stays near } \pi^* \text{ of Shapley's game}) < \tfrac12",
    "WoLF-PHC does not settle on Shapley's 3×3 game.",
    "Bowling & Veloso, Artificial Intelligence 136, 2002",
    "Section 6",
    "statistical",
    status="cited",
    family=Family(starts, ({"game": "shapley", "actions": 3},)),
    note="One-sided binomial test of P ≥ 1/2, the runs and the level of wolf_phc_on_pennies; if at most 1 run in 50"
    " settles the test rejects with power above 0.999.",
    cost=8000,
    figure="learning_curves",
)
