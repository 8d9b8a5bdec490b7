"""Rates as functions of time: their closed forms, whole blocks of them, what is refused, and how two are told apart."""

import numpy as np
import pytest

from marlcore.errors import InputError
from tabular.learners import schedules
from tabular.learners.schedules import BLOCK, Geometric, Power, Visits, block, check_rate, describe


def test_schedules_have_their_closed_forms_and_do_not_depend_on_the_block():
    for schedule, t, rate in (
        (Geometric(1.0, 0.01**1e-6), 10**6, 0.01),
        (Power(0.1, 1e5), 3 * 10**5, 0.025),
        (lambda t: 1.0 / (1 + t), 7, 1 / 8),
        (0.25, 10**7, 0.25),
    ):
        np.testing.assert_allclose(schedules.block("x", schedule, t // BLOCK)[t % BLOCK], rate, rtol=1e-10)


def test_a_block_is_its_own_stretch_of_time():
    for index in (0, 1, 5):
        times = np.arange(index * BLOCK, (index + 1) * BLOCK)
        np.testing.assert_array_equal(block("x", lambda t: t + 0.5, index), times + 0.5)
        np.testing.assert_array_equal(block("x", 0.25, index), np.full(BLOCK, 0.25))
        np.testing.assert_allclose(block("x", Power(3.0, 7.0, 0.6), index), 3 / (1 + times / 7) ** 0.6, rtol=1e-14)
        np.testing.assert_allclose(block("x", Geometric(3.0, 0.999), index), 3 * 0.999**times, rtol=1e-9, atol=1e-300)


def test_defaults_are_one_over_visits():
    assert Visits() == Visits(1.0, 1.0, 1.0)
    assert Power(2.0) == Power(2.0, 1.0, 1.0)


BAD = {
    "rate above its limit": (lambda: check_rate("x", 1.5, most=1.0), "x starts at 1.5; it must be at most 1"),
    "schedule above its limit": (lambda: check_rate("x", Power(1.5), most=1.0), "x starts at 1.5"),
    "visits above their limit": (lambda: check_rate("x", Visits(1.5), most=1.0, visits=True), "x starts at 1.5"),
    "visits where none count": (lambda: check_rate("x", Visits()), "x cannot count visits of joint actions"),
    "true": (lambda: check_rate("x", True), "x must be a number, a schedule or a function of time, not True"),
    "word": (lambda: check_rate("x", "0.1"), "x must be a number"),
    "negative": (lambda: check_rate("x", -0.1), "x is -0.1 at step 0: a rate must be finite and not negative"),
    "negative later": (lambda: block("x", lambda t: 1.0 - (t == BLOCK + 3) * 2, 1), f"x is -1 at step {BLOCK + 3}"),
    "nan": (lambda: block("x", float("nan"), 0), "x is nan at step 0"),
    "infinite": (lambda: block("x", lambda t: t / 0.0 if t[0] else t * np.inf, 0), "x is nan at step 0"),
    "one number": (lambda: block("x", lambda t: 0.5, 0), rf"as many rates as times \({BLOCK}\), not an array of shape"),
    "no first rate": (lambda: Power(0.0), "Power needs c > 0, not 0.0"),
    "no time scale": (lambda: Visits(1.0, -1.0), "Visits needs tau > 0, not -1.0"),
    "no power": (lambda: Power(1.0, 1.0, float("inf")), "Power needs p > 0, not inf"),
    "growing": (lambda: Geometric(1.0, 1.5), "Geometric needs 0 < d ≤ 1, not d = 1.5"),
    "vanishing": (lambda: Geometric(1.0, 0.0), "Geometric needs 0 < d ≤ 1, not d = 0.0"),
    "never": (lambda: Geometric(-1.0, 0.5), "Geometric needs c > 0, not -1.0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rates_are_refused(name):
    call, message = BAD[name]
    with pytest.raises(InputError, match=message), np.errstate(all="ignore"):
        call()


def test_what_is_allowed():
    check_rate("x", 1.0, most=1.0)
    check_rate("x", 7)
    check_rate("x", 0.0)
    check_rate("x", np.float64(0.5))
    check_rate("x", Visits(1.0), most=1.0, visits=True)
    assert Geometric(2.0, 1.0)(np.arange(3)).tolist() == [2, 2, 2]


def half(t):
    """A schedule of one's own."""
    return 0.5 + 0 * t


def test_a_schedule_as_plain_data_tells_two_apart():
    assert describe(1) == 1.0
    assert describe(Power(0.5, 2.0)) == {"schedule": "Power", "c": 0.5, "tau": 2.0, "p": 1.0}
    assert describe(half)["schedule"] == "half"
    assert describe(half) != describe(lambda t: 0.25 + 0 * t)
    assert describe(half)["code"] != ""
    assert describe(np.sqrt)["code"] == ""
