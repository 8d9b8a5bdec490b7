"""The advantage of a joint action is the sum of the agents' advantages, each given its predecessors', in any order.

    A^{i_{1:n}}(s, a) = Σ_j A^{i_j}(s, a^{i_{1:j−1}}, a^{i_j})

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Lemma 6 of the preprint. The game and the
policies are random; the joint action is the one on which the orders differ most. One agent's part changes with its
place, and may change its sign; where all have moved, the sum is the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import panels
from figures.style import Style
from marlcore import policies
from marlcore.advantages import multi_agent_advantage
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.values import evaluate


@dataclass(frozen=True)
class Data:
    """Every order of the agents, and the part of each in the order in which they stand there."""

    orders: np.ndarray
    """(n!, n)."""
    parts: np.ndarray
    """(n!, n): A^{i_j}(s, a^{i_{1:j−1}}, a^{i_j})."""
    total: float
    """A(s, a)."""
    state: int
    actions: np.ndarray


def data(agents: int = 3, seed: int = 4, gamma: float = 0.9) -> Data:
    """A random team game of 2 to 4 agents with 3 states and 3 actions each."""
    if not 2 <= agents <= 4:
        raise InputError(f"agents must be 2, 3 or 4, not {agents}: there are agents! orders to draw")
    rng = np.random.default_rng(seed)
    game = TeamGame.random(3, (3,) * agents, rng, discount=gamma)
    policy = policies.random(game, rng)
    at = evaluate(game, policy)
    orders = list(itertools.permutations(range(agents)))
    parts = np.stack([_parts(at.Q, policy, order) for order in orders])  # (n!, n, S, A1, …, An)
    # the joint action of most interest: the agents' parts differ most between orders
    mine = np.stack([p[np.argsort(order)] for p, order in zip(parts, orders, strict=True)])
    state, *actions = np.unravel_index(int(np.ptp(mine, axis=0).sum(0).argmax()), at.A.shape)
    chosen = (slice(None), slice(None), state, *actions)
    return Data(np.array(orders), parts[chosen], float(at.A[(state, *actions)]), int(state), np.array(actions))


def _parts(Q: np.ndarray, policy: tuple[np.ndarray, ...], order: tuple[int, ...]) -> np.ndarray:
    """A^{i_j}(s, a^{i_{1:j−1}}, a^{i_j}) for each j, as tables (n, S, A1, …, An) over the agents' own axes."""
    n = len(order)
    tables = []
    for j in range(n):
        A = multi_agent_advantage(Q, policy, order[:j], order[j : j + 1])
        A = A.reshape(*A.shape, *(1,) * (n - j - 1))
        tables.append(np.broadcast_to(np.moveaxis(A, range(1, n + 1), [i + 1 for i in order]), Q.shape))
    return np.stack(tables)


def draw(data: Data, style: Style) -> Canvas:
    """For each order a staircase from 0 to A(s, a): one step for each agent, in its colour."""
    canvas, (ax,) = panels(style)
    n, step = data.orders.shape[1], 0.86 / data.orders.shape[1]
    for place, (order, parts) in enumerate(zip(data.orders, data.parts, strict=True)):
        ends = np.cumsum(parts)
        left = place - 0.43 + step * np.arange(n)
        ax.bar(left, parts, step, ends - parts, align="edge", color=[style.hue(i) for i in order], zorder=2)
        for x, end in zip(left[:-1], ends[:-1], strict=True):
            ax.plot([x, x + 2 * step], [end, end], color=style["ink"], linewidth=0.3 * style.line, zorder=3)
    ax.axhline(0, color=style["grey"], linewidth=0.5 * style.line)
    ax.axhline(data.total, color=style["ink"], linestyle="--", linewidth=0.6 * style.line, zorder=1.5)
    ends = np.cumsum(data.parts, axis=1)
    low, high = min(0.0, ends.min()), max(0.0, ends.max())
    ax.set_ylim(low - 0.06 * (high - low), high + 0.2 * (high - low))
    ax.set_xlim(-0.6, len(data.orders) - 0.4)
    arrow = " → " if style.wide and n <= 3 else "→\n" if not style.wide or n == 4 else " → "
    if not style.wide:
        arrow = "\n"
    ax.set_xticks(np.arange(len(data.orders)), [arrow.join(str(i + 1) for i in order) for order in data.orders])
    ax.grid(axis="x", visible=False)
    ax.set(xlabel="i₁, i₂, …: the order in which the agents count", ylabel="A, advantage of what was chosen so far")
    handles = [ax.bar(0, 0, color=style.hue(i)) for i in range(n)]
    line = ax.plot([], [], "--", color=style["ink"], linewidth=0.6 * style.line)[0]
    names = [f"agent {i + 1}" for i in range(n)]
    ax.legend(
        [*handles, line],
        [*names, "A(s, a), all"],
        ncols=n + 1,
        loc="upper left",
        borderaxespad=0.1,
        columnspacing=1.2,
        handlelength=1.2,
    )
    return canvas


FIGURE = Figure(
    name="advantage_decomposition",
    title="In whatever order the agents count, their advantages given those before them add up to the joint one",
    claims=("harl/lemma_6/decomposition", "harl/lemma_6/independently"),
    shows="one joint action's advantage as steps, agent by agent, in every order",
    alt=(
        "Six staircases, one for each order of three agents. Each goes from zero to the same dashed line, the joint "
        "advantage, in three coloured steps; an agent's step has another height, and sometimes another sign, at "
        "another place in the order."
    ),
    data=data,
    draw=draw,
)
