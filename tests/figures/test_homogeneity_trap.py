"""Proposition 4: 2·2⁻ⁿ, by a closed form, by the certified solver, and by playing the policy."""

import numpy as np
import pytest

from figures.homogeneity_trap import data as compute
from marlcore import library
from marlcore.errors import InputError


def test_the_ratios(data):
    made = data("homogeneity_trap")
    assert made.agents.tolist() == [2, 4, 6, 8, 10, 12]
    np.testing.assert_allclose(made.closed_form, [1 / 2, 1 / 8, 1 / 32, 1 / 128, 1 / 512, 1 / 2048])  # 2/2ⁿ
    np.testing.assert_allclose(made.shared, made.closed_form, rtol=1e-9)
    assert (made.certified >= made.shared).all()
    assert (made.certified <= made.shared + 2e-9).all()
    np.testing.assert_array_equal(made.with_ids, 1)


def test_playing_a_coin_each_earns_the_closed_form(data):
    for n, expected in zip(*(data("homogeneity_trap").__dict__[k] for k in ("agents", "closed_form")), strict=True):
        payoffs = library.load("trap_of_homogeneity", n=int(n)).convert("float").payoffs[0]
        assert payoffs.mean() == pytest.approx(expected)


def test_the_number_of_agents_is_checked():
    assert compute(4).agents.tolist() == [2, 4]
    with pytest.raises(InputError, match="largest must be from 2 to 12, not 14"):
        compute(14)
