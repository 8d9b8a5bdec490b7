"""WoLF-IGA settles in two-by-two games, and so it does with player 2's test as misprinted: a wrong rule that works.

    player 2 wins when V_2(π_1, π_2) > V_2(π_1, π_2*); as printed, when V_2(π_1, π_2) > V_1(π_1, π_2*)

Source: Bowling & Veloso, *Multiagent learning using a variable learning rate*, Artificial Intelligence 136, 2002,
theorem 4 (infinitesimal steps). ``matrix/gradient_ascent/wolf_test_printed`` has a state that the printed test judges
wrongly; here it is seen how often it does, and that the strategies of random games settle all the same, as player 1's
rule is right and contracts by itself. Settled: a Nash gap below 1/50, and moved by less than that over the last
twentieth of the run. The rule runs on many games at once; its step is that of ``tabular.learners.wolf_iga``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs_check.claim import Claim, Family
from proofs_check.instances import Between, Choice, Instance, Layout

GAMES, STEPS, LEVEL = 375, 10_000, 1e-6
SLOW, FAST = 0.02, 0.04
SETTLED = 0.02
SHARE = 0.9
"""The share of games that must settle."""


def surveys(reference: int = 1) -> Layout:
    """The seed of GAMES random games and starts, whose payoff player 2 compares its own with, and the horizon."""
    return {"seed": Between(0, 1), "reference": Choice((reference,)), "steps": Choice((STEPS,))}


def drawn(x: Instance) -> tuple[np.ndarray, np.ndarray]:
    """For every seed of the batch GAMES games, payoffs uniform in [−1, 1], and points (p, q), flattened."""
    generators = [np.random.default_rng(int(seed * 2**31)) for seed in x.seed]
    games = np.concatenate([rng.uniform(-1, 1, (GAMES, 2, 2, 2)) for rng in generators])
    return games, np.concatenate([rng.uniform(0, 1, (GAMES, 2)) for rng in generators])


class Rule:
    """WoLF-IGA on many games at once: V_i = c + p·d + q·(e + p·f) in the probabilities of the first actions."""

    def __init__(self, games: np.ndarray, reference: int) -> None:
        from tabular.learners.wolf_iga import first_equilibrium

        self.stars = np.array([first_equilibrium(game)[1][0] for game in games])
        self.p_stars = np.array([first_equilibrium(game)[0][0] for game in games])
        corner = games[:, :, 1, 1]
        self.terms = np.stack(
            [corner, games[:, :, 0, 1] - corner, games[:, :, 1, 0] - corner, games[:, :, 0, 0] + corner], axis=-1
        )
        self.terms[..., 3] -= games[:, :, 0, 1] + games[:, :, 1, 0]
        self.reference = reference

    def value(self, player: int, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """V_player(p, q)."""
        c, d, e, f = np.moveaxis(self.terms[:, player], -1, 0)
        return c + p * d + q * (e + p * f)

    def slopes(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """∂V_1/∂p and ∂V_2/∂q."""
        one, two = self.terms[:, 0], self.terms[:, 1]
        return one[:, 1] + q * one[:, 3], two[:, 2] + p * two[:, 3]

    def second_wins(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Player 2's test."""
        return self.value(1, p, q) > self.value(self.reference, p, self.stars)

    def step(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both verdicts and both gradients first, then both steps."""
        first, second = self.slopes(p, q)
        slow = self.value(0, p, q) > self.value(0, self.p_stars, q), self.second_wins(p, q)
        rates = [np.where(winning, SLOW, FAST) for winning in slow]
        return np.clip(p + rates[0] * first, 0, 1), np.clip(q + rates[1] * second, 0, 1)

    def gap(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """What the better of both deviations gains."""
        first, second = self.slopes(p, q)
        return np.maximum(np.maximum(first, 0) - p * first, np.maximum(second, 0) - q * second)


def settles(x: Instance) -> Any:
    """LEVEL minus the p-value of "at most SHARE of random games settle" (one-sided, binomial)."""
    from scipy.stats import binom

    games, start = drawn(x)
    rule = Rule(games, x.reference)
    p, q = start.T
    before = p, q
    for t in range(x.steps):
        if t == x.steps - x.steps // 20:
            before = p, q
        p, q = rule.step(p, q)
    moved = np.maximum(np.abs(p - before[0]), np.abs(q - before[1]))
    good = (rule.gap(p, q) < SETTLED) & (moved < SETTLED)
    return LEVEL - binom.sf(good.reshape(-1, GAMES).sum(-1) - 1, GAMES, SHARE)


def misjudges(x: Instance) -> Any:
    """LEVEL minus the p-value of "the printed test is wrong at most one time in four", a random game and point each."""
    from scipy.stats import binom

    games, points = drawn(x)
    wrong = Rule(games, x.reference).second_wins(*points.T) != Rule(games, 1).second_wins(*points.T)
    return LEVEL - binom.sf(wrong.reshape(-1, GAMES).sum(-1) - 1, GAMES, 0.25)


def _survey(margin: Any, reference: int, statement: str, plain: str, **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "source": "Bowling & Veloso, Artificial Intelligence 136, 2002",
        "locator": "theorem 4, with finite steps",
        "status": "proved",
        "kind": "statistical",
        "numbers": ("float",),
        "smooth": False,
        "cost": 4000,
    }
    family = Family(surveys, ({"reference": reference},))
    return Claim(statement=statement, plain=plain, margin=margin, family=family, **(defaults | fields))


TEST = (
    "One-sided binomial test of P ≤ 9/10: 375 games an instance, so 1500 at the quick budget, 10 000 steps of 1/50 or"
    " 1/25, level 10⁻⁶; if 99 games in 100 settle the test rejects with power above 0.999."
)
right_test_settles = _survey(
    settles,
    1,
    r"P(\text{WoLF-IGA settles in a random } 2 \times 2 \text{ game}) > \tfrac{9}{10}",
    "WoLF-IGA settles at an equilibrium in random two-by-two games.",
    note=TEST,
    figure="phase_portraits",
)
printed_test_settles = _survey(
    settles,
    0,
    r"P(\text{WoLF-IGA with } V_2 > V_1(\pi_1, \pi_2^*) \text{ for player 2 settles}) > \tfrac{9}{10}",
    "With player 2's test as misprinted WoLF-IGA settles in random games all the same.",
    source="notes on WoLF-IGA",
    locator="as printed",
    status="ours",
    assumes=("matrix/gradient_ascent/wolf_test_printed",),
    note=TEST + " A wrong rule that happens to work: player 1's rule is right, and contracts.",
    figure="phase_portraits",
)
printed_test_misjudges = _survey(
    misjudges,
    0,
    r"P(V_2 > V_1(\pi_1, \pi_2^*) \not\Leftrightarrow V_2 > V_2(\pi_1, \pi_2^*)) > \tfrac14",
    "The misprinted test misjudges winning more than one time in four.",
    source="notes on WoLF-IGA",
    locator="as printed",
    status="ours",
    note="One-sided binomial test of P ≤ 1/4: 375 games and points an instance, level 10⁻⁶; at the 46 in 100 that are"
    " found the test has power above 0.999.",
)
