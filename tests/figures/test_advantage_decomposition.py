"""Lemma 6: every order's parts add up; a part is what Definition 3 says, by an average over the others."""

import itertools

import numpy as np
import pytest

from figures.advantage_decomposition import data as compute
from marlcore import policies
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.values import evaluate


@pytest.mark.parametrize("agents", [2, 3, 4])
def test_every_order_adds_up_to_the_joint_advantage(agents):
    made = compute(agents)
    assert made.orders.tolist() == [list(o) for o in itertools.permutations(range(agents))]
    np.testing.assert_allclose(made.parts.sum(1), made.total, atol=1e-12)


def test_the_parts_differ_between_orders(data):
    made = data("advantage_decomposition")
    of_agent = [made.parts[made.orders == i] for i in range(3)]
    assert all(np.ptp(parts) > 0.05 for parts in of_agent)
    assert any(parts.min() < 0 < parts.max() for parts in of_agent)  # an agent's part may change its sign


def test_a_part_by_the_definition(data):
    made = data("advantage_decomposition")
    rng = np.random.default_rng(4)
    game = TeamGame.random(3, (3, 3, 3), rng, discount=0.9)
    policy = policies.random(game, rng)
    Q = evaluate(game, policy).Q[made.state]
    tables = [p[made.state] for p in policy]

    def mean(known):
        """E[Q] with the actions in ``known`` fixed: the sum over all joint actions, written out."""
        total = 0.0
        for a in np.ndindex(3, 3, 3):
            if all(a[i] == c for i, c in known.items()):
                total += np.prod([tables[i][a[i]] for i in range(3) if i not in known]) * Q[a]
        return total

    for order, parts in zip(made.orders, made.parts, strict=True):
        for j, i in enumerate(order):
            before = {k: made.actions[k] for k in order[:j]}
            assert parts[j] == pytest.approx(mean({**before, i: made.actions[i]}) - mean(before))


def test_the_number_of_agents_is_checked():
    with pytest.raises(InputError, match="agents must be 2, 3 or 4"):
        compute(5)
