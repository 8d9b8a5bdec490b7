"""What the learners do, measured over at least 20 seeds: ``python benchmarks/experiments/learners.py OUT.md [NAME …]``.

Every experiment is a function without arguments that returns a title, what is claimed, and rows. Intervals are 95 %
bootstrap intervals of a mean over seeds. The text that this program writes is docs/experiments-learners.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import fsolve
from scipy.stats import beta

from marlcore import library
from marlcore.games import MarkovGame, MatrixGame
from marlcore.kit.provenance import provenance
from marlcore.kit.statistics import interval
from marlcore.library.grid_games import states
from marlcore.responses import best_response, nash_gap
from tabular import learners
from tabular.learners.mean_field_q import mean_field_rule
from tabular.learners.schedules import Power, Visits
from tabular.markov.shapley import shapley

SEEDS = 20
Result = tuple[str, str, list[dict[str, Any]]]


def mean(values: Any) -> str:
    """A mean over seeds with its interval; what is left of 0 by rounding is 0."""
    found = interval(np.round(np.asarray(values, float), 14) + 0.0, "mean")
    return f"{found.estimate:.4g} [{found.low:.4g}, {found.high:.4g}]"


def share(count: int, of: int) -> str:
    """How many of so many, and the interval of Clopper & Pearson for the share."""
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return f"{count} [{low:.3f}, {high:.3f}]"


def minimax_q_converges() -> Result:
    """Errors of Minimax-Q's values."""
    rows = []
    for p in (0.6, 0.8):
        slopes, last = [], []
        for k in range(SEEDS):
            game = MarkovGame.random(5, (3, 3), np.random.default_rng(k), discount=0.8, zero_sum=True)
            V = shapley(game).V
            trace = learners.minimax_q(game, 400_000, 4, alpha=Power(1.0, 300.0, p), epsilon=0.5, record_every=10_000)
            error = np.sqrt(((trace.values[:, :, 0] - V) ** 2).mean((1, 2)))
            late = trace.steps >= 40_000
            slopes.append(np.polyfit(np.log(trace.steps[late]), np.log(error[late]), 1)[0])
            last.append(error[-1])
        rows.append({"game": f"20 random, α ∝ t^−{p}", "steps": 400_000, "error": mean(last), "slope": mean(slopes)})
    soccer = library.load("soccer")
    V = shapley(soccer).V
    trace = learners.minimax_q(soccer, 2_000_000, SEEDS, alpha=Visits(1, 10, 0.8), record_every=500_000)
    for r in range(1, len(trace.steps)):
        error = np.abs(trace.values[r, :, 0] - V).mean(-1)
        start = trace.values[r, :, 0][:, soccer.start > 0].max(-1)
        rows.append(
            {"game": "soccer", "steps": int(trace.steps[r]), "error": mean(error), "V with the ball": mean(start)}
        )
    claim = (
        "Minimax-Q converges to the values that `tabular.markov.shapley` finds. With α ∝ t^−p the error (root mean "
        "square over states and seeds; intervals over the games) should fall as √α: slopes −0.3 and −0.4. On soccer "
        f"(α by visits) it is the mean over states; the value with the ball is {V[soccer.start > 0].max():.6f}."
    )
    return "Minimax-Q converges", claim, rows


def minimax_q_is_not_rational() -> Result:
    """What three learners get from an opponent that stands still."""
    rows = []
    rps, soccer = library.load("rock_paper_scissors"), library.load("soccer")
    uniform = np.full((soccer.S, 5), 0.2)
    cases = (
        (rps, np.array([0.6, 0.2, 0.2]), 200_000, "rock 0.6"),
        (soccer, uniform, 3_000_000, "random walk"),
    )
    for game, table, steps, name in cases:
        empty = np.full(3, 1 / 3) if isinstance(game, MatrixGame) else uniform
        best = float(best_response(game, (empty, table), 0).J)
        rates: dict[str, dict[str, Any]] = {
            "minimax_q": {"alpha": Visits(1, 10, 0.8), "epsilon": 0.2},
            "wolf_phc": {"delta_win": 0.001, "delta_lose": 0.004},
            "independent_q": {"alpha": Power(0.5, 1e4, 0.7), "epsilon": 0.2},
        }
        for learner, own in rates.items():
            trace = getattr(learners, learner)(game, steps, SEEDS, fixed={1: table}, record_every=steps, **own)
            got = trace.payoffs[-1, :, 0]
            rows.append(
                {"game": game.name, "opponent": name, "learner": learner, "J": mean(got), "best": f"{best:.4g}"}
            )
    claim = (
        "Against a weak opponent that stands still Minimax-Q keeps to its equilibrium policy; "
        "WoLF-PHC and Q-learning approach the best response."
    )
    return "Minimax-Q is not rational", claim, rows


def nash_q_on_grid_games() -> Result:
    """Which equilibria Nash-Q reaches."""
    rows = []
    for name, goals in (("grid_game_1", (8, 6)), ("grid_game_2", (7, 7))):
        game = library.load(name)
        start = states(goals).index((0, 2))
        for select in ("first", "optimum", "saddle"):
            trace = learners.nash_q(game, 150_000, SEEDS, select=select, record_every=150_000)
            J = [tuple(round(float(x), 3) for x in j) for j in trace.payoffs[-1]]
            found = {j: J.count(j) for j in sorted(set(J))}
            gaps = [float(nash_gap(game, tuple(p[-1, k] for p in trace.policies)).max) for k in range(SEEDS)]
            counts = trace.state["memory.selections"].sum(0) / trace.state["memory.selections"].sum()
            rows.append(
                {
                    "game": name,
                    "select": select,
                    "payoffs: seeds": "; ".join(f"{j}: {c}" for j, c in found.items()),
                    "V₁(start)": mean(trace.values[-1, :, 0, start]),
                    "V₂(start)": mean(trace.values[-1, :, 1, start]),
                    "seeds at an equilibrium": share(sum(g < 1e-6 for g in gaps), SEEDS),
                    "rule met": f"{counts[0]:.2f}",
                }
            )
    claim = (
        "Hu & Wellman's values: 97.03 for both in game 1; (98.01, 49.005) or its mirror in game 2, and a symmetric "
        "mixed one, (49.369, 49.369). Game 1 has further equilibria, (0, 97.03) and its mirror: one"
        " agent's way crosses "
        "all ways of four moves that the other has. “Rule met”: the share of stage games that had it."
    )
    return "Nash-Q on the grid games", claim, rows


def friends_and_foes() -> Result:
    """Friend-Q and Foe-Q where each is right and where each is wrong."""
    pennies, climbing = library.load("matching_pennies"), library.load("climbing")
    split, rows = library.load("friends_and_foe"), []
    for game, friends, name, truth in (
        (climbing, [[1], [0]], "friends", "11 (optimum)"),
        (climbing, None, "foes", "11 (optimum)"),
        (pennies, None, "foes", "0 (value)"),
        (pennies, [[1], [0]], "friends", "0 (value)"),
        (split, [[1], [0], []], "1 and 2 friends", "½ (joint); a product of strategies has ¼"),
    ):
        trace = learners.friend_or_foe_q(game, 50_000, SEEDS, friends=friends, record_every=50_000)
        rows.append(
            {"game": game.name, "takes others for": name, "V₁": mean(trace.values[-1, :, 0, 0]), "truth": truth}
        )
    claim = (
        "Friend-Q is right on games with a global optimum, Foe-Q on those with a saddle point, "
        "and not the other way round."
    )
    return "Friend-or-Foe-Q", claim, rows


SOCCER = 20_000_000


def wolf_and_phc() -> Result:
    """Self-play with two speeds and with one."""
    rows = []
    for name in ("matching_pennies", "rock_paper_scissors", "shapley"):
        game = library.load(name)
        away = tuple(0.8 * np.eye(a)[0] + 0.2 / a for a in game.action_counts)
        for learner in ("wolf_phc", "phc"):
            trace = getattr(learners, learner)(game, 1_000_000, SEEDS, initial=away, record_every=10_000)
            apart = np.sqrt(sum(((p[:, :, 0] - 1 / p.shape[-1]) ** 2).sum(-1) for p in trace.policies))
            rows.append(
                {
                    "game": name,
                    "learner": learner,
                    "steps": 10**6,
                    "largest distance from equilibrium, last third": mean(apart[67:].max(0)),
                }
            )
    soccer = library.load("soccer")
    for learner, own in (
        ("wolf_phc", {"delta_win": Power(1e-3, 2e6), "delta_lose": Power(4e-3, 2e6)}),
        ("phc", {"delta": Power(4e-3, 2e6)}),
    ):
        trace = getattr(learners, learner)(
            soccer, SOCCER, SEEDS, alpha=Power(0.2, 1e6), record_every=SOCCER // 4, **own
        )
        for r in (1, 2, 4):
            gaps = [nash_gap(soccer, tuple(p[r, k] for p in trace.policies)).gaps.sum() for k in range(SEEDS)]
            steps = int(trace.steps[r])
            rows.append({"game": "soccer", "learner": learner, "steps": steps, "exploitability": mean(gaps)})
    uniform = tuple(np.full((soccer.S, 5), 0.2) for _ in range(2))
    rows.append(
        {"game": "soccer", "learner": "uniform", "exploitability": f"{nash_gap(soccer, uniform).gaps.sum():.4g}"}
    )
    claim = (
        "WoLF-PHC converges in self-play on the first two games, PHC does not, and neither does on Shapley's. "
        "On soccer WoLF-PHC's exploitability keeps falling, PHC's stands still at four times that "
        "(α = 0.2/(1 + t/10⁶), δ_w = 10⁻³/(1 + t/2·10⁶), δ_l = 4δ_w = PHC's δ, ε = 0.05)."
    )
    return "WoLF-PHC and PHC", claim, rows


def reward_inaction() -> Result:
    """Where L_R-I is absorbed."""
    dilemma = MatrixGame([[[0.6, 0.0], [1.0, 0.2]], [[0.6, 1.0], [0.0, 0.2]]], name="prisoner's dilemma in [0, 1]")
    pennies = MatrixGame([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], name="matching pennies in [0, 1]")
    beside = library.load("shapley_with_a_strict_equilibrium")
    rows = []
    for game, strict, eta, steps in (
        (dilemma, (1, 1), 0.02, 50_000),
        (pennies, None, 0.02, 200_000),
        (beside, (3, 3), 0.1, 100_000),
        (beside, (3, 3), 0.01, 1_000_000),
        (beside, (3, 3), 0.003, 3_000_000),
    ):
        seeds = 200 if steps <= 10**6 else SEEDS
        trace = learners.linear_reward_inaction(game, steps, seeds, eta=eta, record_every=steps)
        ends = [p[-1, :, 0] for p in trace.policies]
        absorbed = np.min([e.max(-1) for e in ends], 0) > 0.999
        there = (
            0
            if strict is None
            else int(np.sum([all(e[k].argmax() == a for e, a in zip(ends, strict, strict=True)) for k in range(seeds)]))
        )
        rows.append(
            {
                "game": game.name,
                "η": eta,
                "seeds": seeds,
                "at a vertex": share(int(absorbed.sum()), seeds),
                "at the strict equilibrium": "none exists" if strict is None else share(there, seeds),
            }
        )
    claim = (
        "Every run is absorbed at a vertex; at the strict equilibrium where better replies lead there, and never "
        "where Shapley's cycle keeps play away from it; never at a mixed equilibrium."
    )
    return "Linear reward–inaction", claim, rows


def cyclic_game(x: np.ndarray) -> MatrixGame:
    """A constant-sum game in [0, 1] whose equilibrium is (x, x): R₁ = ½ + ½K, K_ij = S_ij/(x_i x_j), S circulant."""
    m = len(x)
    step = (np.arange(m)[:, None] - np.arange(m)) % m
    S = np.where(step == 0, 0, np.where(step <= m // 2, 1.0, -1.0))
    K = S / np.outer(x, x)
    first = 0.5 + 0.5 * K / np.abs(K).max()
    return MatrixGame([first, 1 - first], name=f"cyclic game with {m} actions")


def mean_step(game: MatrixGame, point: np.ndarray, first: float, second: float) -> np.ndarray:
    """E[Δp | p] of L_R-P for both players, from the rule written in expectations."""
    m = game.action_counts[0]
    p, q = point[:m], point[m:]
    out = []
    for own, f in ((p, game.payoffs[0] @ q), (q, game.payoffs[1].T @ p)):
        failed = own * (1 - f)
        out.append(first * own * (f - own @ f) + second * ((failed.sum() - failed) / (m - 1) - own * failed.sum()))
    return np.concatenate(out)


def reward_penalty() -> Result:
    """The bias of L_R-P against the rest point of its mean step."""
    two = MatrixGame([[[1, 0], [0, 0.5]], [[0, 1], [1, 0.5]]], name="diagonal 1, ½")
    games = [
        (two, np.array([1 / 3, 2 / 3] * 2)),
        (cyclic_game(np.array([0.2, 0.3, 0.5])), np.array([0.2, 0.3, 0.5] * 2)),
        (cyclic_game(np.array([0.1, 0.15, 0.2, 0.25, 0.3])), np.array([0.1, 0.15, 0.2, 0.25, 0.3] * 2)),
    ]
    rows = []
    for game, star in games:
        m = game.action_counts[0]
        for ratio in (0.1, 0.01):
            eta = 0.002
            rest = fsolve(
                lambda z, g=game, e=eta, r=ratio: (
                    mean_step(g, z, e, r * e)
                    + np.repeat([1 - z[: len(z) // 2].sum(), 1 - z[len(z) // 2 :].sum()], len(z) // 2)
                ),
                star,
            )
            trace = learners.linear_reward_penalty(
                game, 2_000_000, SEEDS, eta_reward=eta, eta_penalty=ratio * eta, record_every=1_000_000
            )
            # the mean of the second half of the policies played
            played = [2 * a[-1, :, 0] - a[-2, :, 0] for a in trace.average_policies or ()]
            rows.append(
                {
                    "game": game.name,
                    "η₂/η₁": ratio,
                    "equilibrium": np.round(star[[0, m]], 4).tolist(),
                    "rest point of the mean step": np.round(rest[[0, m]], 4).tolist(),
                    "measured p₁": mean(played[0][:, 0]),
                    "measured q₁": mean(played[1][:, 0]),
                }
            )
    claim = "L_R-P stays near a mixed equilibrium with the bias that its mean step predicts, of order η₂/η₁."
    return "Linear reward–penalty", claim, rows


GAMES = 1500


def gradients_in_two_by_two_games() -> Result:
    """IGA, WoLF-IGA, and the misprinted test of player 2."""
    pennies, rows = library.load("matching_pennies"), []
    for learner, own in (
        ("gradient_ascent", {"eta": 0.002}),
        ("wolf_iga", {"eta_min": 0.0005, "eta_max": 0.001}),
    ):
        trace = getattr(learners, learner)(pennies, 40_000, SEEDS, record_every=400, **own)
        apart = np.sqrt(sum(((p[:, :, 0] - 0.5) ** 2).sum(-1) for p in trace.policies))
        rows.append({"games": "matching pennies", "learner": learner, "distance end/start": mean(apart[-1] / apart[0])})
    rng = np.random.default_rng(0)
    settled = {(0, 1): [0, 0], (0, 0): [0, 0]}
    wrong = []
    for _ in range(GAMES):
        game = MatrixGame.random((2, 2), rng)
        for reference, counts in settled.items():
            own = {"eta_min": 0.001, "eta_max": 0.003, "reference": reference}
            trace = learners.wolf_iga(game, 20_000, 1, record_every=2000, **own)
            counts[0] += has_settled(game, trace)
            counts[1] += has_settled(game, trace) or has_settled(
                game, learners.wolf_iga(game, 400_000, after=trace, **own)
            )
        wrong.append(misjudged(game, rng, 100))
    for reference, counts in settled.items():
        printed = "as printed" if reference == (0, 0) else "own payoff"
        rows.append(
            {
                "games": f"{GAMES} random",
                "learner": f"wolf_iga, player 2 compares {printed}",
                "settled after 20 000": share(counts[0], GAMES),
                "after 420 000": share(counts[1], GAMES),
            }
        )
    rows.append(
        {
            "games": f"{GAMES} random, 100 points each",
            "learner": "as printed",
            "verdicts wrong": mean(wrong),
        }
    )
    claim = (
        "IGA circles on matching pennies, WoLF-IGA spirals in. The misprinted comparison misjudges winning, "
        "and play settles all the same, if more slowly (settled: gap and last movement below 0.01)."
    )
    return "IGA and WoLF-IGA", claim, rows


def has_settled(game: MatrixGame, trace: Any) -> bool:
    """Whether the gap, and the movement over the last 2000 steps, are below 0.01."""
    gap = nash_gap(game, tuple(p[-1, 0, 0] for p in trace.policies)).max
    return bool(gap < 0.01 and max(np.abs(p[-1] - p[-2]).max() for p in trace.policies) < 0.01)


def misjudged(game: MatrixGame, rng: np.random.Generator, points: int) -> float:
    """The share of random points at which V₂(π) > V₁(π₁, π₂*) and V₂(π) > V₂(π₁, π₂*) disagree."""
    from tabular.learners.wolf_iga import first_equilibrium

    _, star = first_equilibrium(np.asarray(game.payoffs))
    count = 0
    for _ in range(points):
        p, q = rng.dirichlet((1, 1)), rng.dirichlet((1, 1))
        own = p @ game.payoffs[1] @ q
        count += (own > p @ game.payoffs[0] @ star) != (own > p @ game.payoffs[1] @ star)
    return count / points


def anchors() -> Result:
    """The lagging anchor, without an anchor, and as printed."""
    rps, rows = library.load("rock_paper_scissors"), []
    printed = MatrixGame([rps.payoffs[0], rps.payoffs[1].T], name="R₂X without the transpose")
    unit = MatrixGame((rps.payoffs + 1) / 2)
    cases: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("exact, η_d = 1", lambda: learners.lagging_anchor(rps, 10_000, SEEDS, eta=0.02)),
        ("no anchor, η_d = 0", lambda: learners.lagging_anchor(rps, 10_000, SEEDS, eta=0.02, eta_d=0.0)),
        ("as printed, η_d = 1", lambda: learners.lagging_anchor(printed, 10_000, SEEDS, eta=0.02)),
        ("sampled actions, η = 0.001", lambda: learners.lagging_anchor_sampled(unit, 1_000_000, SEEDS, eta=0.001)),
        (
            "sampled, no anchor (L_R-I)",
            lambda: learners.linear_reward_inaction(unit, 1_000_000, SEEDS, eta=0.001, initial="random"),
        ),
    )
    for name, run in cases:
        trace = run()
        apart = np.sqrt(sum(((p[:, :, 0] - 1 / 3) ** 2).sum(-1) for p in trace.policies))
        rows.append({"rule": name, "start": mean(apart[0]), "end": mean(apart[-1])})
    claim = (
        "Distance from equilibrium on rock-paper-scissors: the anchor brings it to 0, the plain step circles, "
        "the misprint diverges."
    )
    return "Lagging anchor", claim, rows


def mean_fields() -> Result:
    """exp(+βQ), exp(−βQ), and the error against the pairwise game."""
    n, rows = 10, []
    a = np.indices((2,) * n)
    alike = [0.5 * (a[i] == a[i - 1]) + 0.5 * (a[i] == a[(i + 1) % n]) for i in range(n)]
    game = MatrixGame(np.stack([0.7 * (a[i] == 0) + 0.3 * alike[i] for i in range(n)]), name="ring of 10")
    ring = [[(i - 1) % n, (i + 1) % n] for i in range(n)]
    for sign, name in ((1, "exp(+βQ)"), (-1, "exp(−βQ), as printed")):
        rule = mean_field_rule(game, ring, 0.1, 6.0, 0.0, sign)
        trace = learners.learn(rule, game, 20_000, SEEDS, record_every=10_000)
        late = (trace.extras["reward_sums"][-1] - trace.extras["reward_sums"][1]).mean(-1) / 10_000
        rows.append({"rule": name, "measured (random play: 0.5)": mean(late)})
    trace = learners.mean_field_q(game, 20_000, 2, neighbours=ring, alpha=0.5, epsilon=0.5)
    exact = [[0.7 + 0.15 * (2 - ones), 0.15 * ones] for ones in (0, 1, 2)]  # actions 0 and 1, by ones around
    error = np.abs(trace.state["memory.Q"][:, :, 0] - np.array(exact)).max()
    name = "largest difference of Q and the pairwise reward, exploring"
    rows.append({"rule": name, "measured (random play: 0.5)": f"{error:.2g}"})
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(2000):
        A = rng.integers(2, 6)
        H = rng.normal(size=(A, A))
        H = (H + H.T) / 2
        M = np.abs(np.linalg.eigvalsh(H)).max()
        corners = np.eye(A)[rng.integers(0, A, rng.integers(2, 8))]
        bar = corners.mean(0)
        error = abs(np.mean([0.5 * e @ H @ e for e in corners]) - 0.5 * bar @ H @ bar)
        bound = M / 2 * (1 - bar @ bar)
        worst = max(worst, error / bound if bound > 0 else 0.0)
    rows.append(
        {
            "rule": "largest error over the sharper bound, 2000 random quadratics",
            "measured (random play: 0.5)": f"{worst:.4f}",
        }
    )
    claim = (
        "A taste for action 0 (0.7) and for agreement with two neighbours (0.3): exp(+βQ) improves on random play, "
        "exp(−βQ) is worse; the table is exact where rewards are pairwise means."
    )
    return "Mean-field Q", claim, rows


EXPERIMENTS = (
    minimax_q_converges,
    minimax_q_is_not_rational,
    nash_q_on_grid_games,
    friends_and_foes,
    wolf_and_phc,
    reward_inaction,
    reward_penalty,
    gradients_in_two_by_two_games,
    anchors,
    mean_fields,
)


def markdown(result: Result, seconds: float) -> str:
    """One experiment as a section."""
    title, claim, rows = result
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"## {title}", "", claim, "", "| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return "\n".join([*lines, "", f"{seconds:.0f} s of processor time.", ""])


def main(out: Path, wanted: list[str]) -> None:
    """Run the experiments and write the page."""
    found = provenance()
    head = [
        "# What the learners do",
        "",
        "Made by `python benchmarks/experiments/learners.py docs/experiments-learners.md`, seeds 0, 1, …; 20 seeds",
        "unless a column says otherwise. In brackets, at 95 %: bootstrap intervals of means, and behind counts "
        "Clopper &",
        f"Pearson's for the share. marlcore {found['version']}.",
        "",
    ]
    parts = []
    for experiment in EXPERIMENTS:
        if wanted and experiment.__name__ not in wanted:
            continue
        begin = time.process_time()
        parts.append(markdown(experiment(), time.process_time() - begin))
        print(parts[-1], flush=True)
    out.write_text("\n".join([*head, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
