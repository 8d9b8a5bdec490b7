"""Learners on soccer, the grid game and rock-paper-scissors, beside plain Python loops and OpenSpiel's agents.

To reach, on one thread: Minimax-Q 2.5 M steps/s (≥ 3000× Python + linprog, ≥ 30× Python + quantecon), WoLF-PHC 5 M
(≥ 500× OpenSpiel), independent Q 8 M, Nash-Q on grid game 1 200 000 (no peer has it). The Python loops call a solver at
each step and do the whole job: ε-greedy play from stored policies, both players' strategies, rates by visits. They and
our learner go on from one trace, so that all meet the same games. OpenSpiel's agents play its own soccer, written in
C++, with its defaults; without OpenSpiel (the extra ``peers``) these cases are left out and a line says so. The last
case is a job of 10⁸ steps that uses all cores: 1000 seeds within 20 s on two.
"""

import sys
from importlib.util import find_spec

import numpy as np
from quantecon.optimize import minmax
from scipy.optimize import linprog

from marlcore import library
from marlcore.kit.benchmark import Case
from tabular import learners
from tabular.learners.environment import arena
from tabular.learners.schedules import Visits

STEPS = 10**6


def python_minimax_q(game, steps, solve, trace):
    """Minimax-Q as one would write it, going on from ``trace``: ε-greedy play, one programme a step."""
    place, rng = arena(game), np.random.default_rng(0)
    P = game.transitions
    Q, V = trace.state["memory.Q"][0].copy(), trace.values[-1, 0, 0].copy()
    pi = [table[-1, 0].copy() for table in trace.policies]
    visits, s = trace.state["pairs"][0].reshape(Q.shape).copy(), int(trace.state["position"][0, 0])
    for _ in range(steps):
        a, o = (rng.integers(5) if rng.random() < 0.2 else drawn(table[s], rng) for table in pi)
        row = (s * 5 + a) * 5 + o
        begin, end = P.indptr[row], P.indptr[row + 1]
        s_next = P.indices[begin + drawn(P.data[begin:end], rng)]
        alpha = 1 / (1 + visits[s, a, o] / 10) ** 0.8
        visits[s, a, o] += 1
        Q[s, a, o] += alpha * (place.payoffs[s, 5 * a + o, 0] + game.discount * V[s_next] - Q[s, a, o])
        V[s], pi[0][s], pi[1][s] = solve(Q[s])
        s = s_next


def drawn(weights, rng):
    """A position with these probabilities: a third of the time of ``rng.choice``."""
    below = np.cumsum(weights)
    return np.searchsorted(below, rng.random() * below[-1], "right")


def by_linprog(matrix):
    """max v subject to xᵀA ≥ v; y is the dual solution."""
    m, k = matrix.shape
    constraints = np.hstack([-matrix.T, np.ones((k, 1))])
    mass, cost = np.append(np.ones(m), 0)[None], np.append(np.zeros(m), -1)
    found = linprog(cost, constraints, np.zeros(k), mass, [1], [(0, None)] * m + [(None, None)])
    return -found.fun, found.x[:m], -found.ineqlin.marginals


def by_quantecon(matrix):
    """quantecon's compiled linear programme."""
    return minmax(matrix)


def openspiel(agent, steps):
    """Two of OpenSpiel's agents on its soccer for so many steps."""
    from open_spiel.python import rl_environment

    environment = rl_environment.Environment("markov_soccer")
    actions = environment.action_spec()["num_actions"]
    agents = [agent(player_id=i, num_actions=actions, discount_factor=0.9) for i in range(2)]
    now = environment.reset()
    for _ in range(steps):
        now = environment.step([learner.step(now).action for learner in agents])
        if now.last():
            for learner in agents:
                learner.step(now)
            now = environment.reset()


def openspiel_cases(case):
    """WoLF-PHC and independent Q of OpenSpiel; a line instead where it is not installed."""
    if find_spec("open_spiel") is None:
        print("OpenSpiel is not installed, so its cases are left out: pip install marlcore[peers]", file=sys.stderr)
        return []
    from open_spiel.python.algorithms.tabular_qlearner import QLearner
    from open_spiel.python.algorithms.wolf_phc import WoLFPHC

    agents = {"wolf_phc": WoLFPHC, "independent_q": QLearner}
    jobs = {group: (lambda agent=agent: openspiel(agent, 2000)) for group, agent in agents.items()}
    return [case(f"OpenSpiel {group}", job, group, amount=2000, peer=True) for group, job in jobs.items()]


def cases() -> list[Case]:
    """Steps a second on one thread, and one job on all cores."""
    soccer, grid = library.load("soccer"), library.load("grid_game_1")
    rps = library.load("rock_paper_scissors")

    warm = learners.minimax_q(soccer, STEPS, alpha=Visits(1, 10, 0.8), record_every=STEPS)

    def ours(learner, game, **own):
        return lambda: learner(game, STEPS, record_every=STEPS, threads=1, **own)

    def case(name, job, group, amount=STEPS, **more):
        return Case(name, job, amount=amount, unit="steps", group=group, **more)

    return [
        case("minimax_q, soccer", ours(learners.minimax_q, soccer, after=warm, alpha=Visits(1, 10, 0.8)), "minimax_q"),
        case(
            "Python + linprog",
            lambda: python_minimax_q(soccer, 100, by_linprog, warm),
            "minimax_q",
            amount=100,
            peer=True,
        ),
        case(
            "Python + quantecon",
            lambda: python_minimax_q(soccer, 5000, by_quantecon, warm),
            "minimax_q",
            amount=5000,
            peer=True,
        ),
        case("wolf_phc, soccer", ours(learners.wolf_phc, soccer), "wolf_phc"),
        case("independent_q, soccer", ours(learners.independent_q, soccer), "independent_q"),
        *openspiel_cases(case),
        case("nash_q, grid game 1", ours(learners.nash_q, grid), "nash_q"),
        case("correlated_q, grid game 1", ours(learners.correlated_q, grid), "correlated_q"),
        case(
            "1000 seeds of wolf_phc, rock-paper-scissors, all cores",
            lambda: learners.wolf_phc(rps, 10**5, 1000, record_every=1000),
            "seeds",
            amount=10**8,
        ),
    ]
