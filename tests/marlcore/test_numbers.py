"""The seam: conversions, kinds, and the operations that differ between kinds."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from marlcore import numbers
from marlcore.errors import InputError

probability = st.floats(0, 1, allow_subnormal=False)


def test_convert_is_exact_where_the_target_can_hold_the_number():
    third = numbers.number("1/3", "rational")
    assert third * 3 == 1
    dyadic = numbers.convert(np.array([0.1]), "rational")[0]
    assert Fraction(int(dyadic.p), int(dyadic.q)) == Fraction(0.1)
    assert numbers.convert(numbers.convert(np.array([0.1, -3.5]), "ball"), "float").tolist() == [0.1, -3.5]
    assert numbers.convert(np.array([third], dtype=object), "float").tolist() == [1 / 3]
    assert numbers.convert(np.array([third], dtype=object), "symbol")[0] == numbers.number("1/3", "symbol")


def test_convert_of_object_integers_gives_floats():
    assert numbers.convert(np.array([0, 1], dtype=object), "float").dtype == float


def test_every_exact_kind_becomes_a_ball_that_contains_it():
    third = numbers.number("1/3", "rational")
    for kind in ("rational", "symbol"):
        mixed = np.array([numbers.number("1/3", kind), 2], dtype=object)
        ball, two = numbers.convert(mixed, "ball")
        assert ball.contains(third)
        assert two == 2
    assert numbers.convert(np.array([0.1]), "ball")[0].is_exact()


def test_convert_refuses_what_has_no_exact_value():
    import flint
    import sympy

    with pytest.raises(InputError, match="no single exact value"):
        numbers.convert(np.array([flint.arb(1, 0.5)], dtype=object), "rational")
    with pytest.raises(InputError, match="not a rational number"):
        numbers.convert(np.array([sympy.sqrt(2)], dtype=object), "rational")


def test_kind_of_names_each_kind_and_passes_integers():
    import torch

    values = {
        "float": np.ones(2),
        "torch": torch.ones(2),
        "rational": np.array([1, numbers.number(2, "rational")], dtype=object),
        "ball": numbers.number(2, "ball"),
        "symbol": numbers.number("1/2", "symbol"),
    }
    for kind, value in values.items():
        assert numbers.kind_of(value, 3, np.arange(2), (value, 1)) == kind
    assert numbers.kind_of(torch.ones(2), 0.9) == "torch"
    assert numbers.kind_of(0.9, torch.ones(2)) == "torch"
    with pytest.raises(InputError, match="do not mix: found ball and rational"):
        numbers.kind_of(values["ball"], values["rational"])
    with pytest.raises(InputError, match="do not mix: found rational and float"):
        numbers.kind_of(values["rational"], 0.9)


@given(st.lists(st.tuples(probability, probability), min_size=1, max_size=6))
def test_relative_entropy_agrees_with_scipy(pairs):
    p, q = np.array(pairs).T
    expected = rel_entr(p, q) - p + q
    finite = np.isfinite(expected)
    expected = np.where(finite, expected, 0)
    ours = numbers.relative_entropy(p, q)
    assert (ours[~finite] == np.inf).all()
    scale = p + q + np.abs(rel_entr(p, q))
    assert (np.abs(ours[finite] - expected[finite]) <= 1e-14 * scale[finite] + 1e-300).all()
    assert (ours >= 0).all()


@pytest.mark.parametrize("t", [1e-1, 1e-3, 1e-5, 1e-7, 1e-10])
def test_relative_entropy_keeps_its_digits_where_policies_are_close(t):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 1, 200)
    q = p * (1 + t * rng.uniform(-1, 1, 200))
    with numbers.precision(250):
        balls = numbers.relative_entropy(numbers.convert(p, "ball"), numbers.convert(q, "ball"))
        exact = numbers.convert(balls, "float")
    np.testing.assert_allclose(numbers.relative_entropy(p, q), exact, rtol=4e-15, atol=0)


def test_relative_entropy_conventions_hold_in_every_kind():
    import sympy
    import torch

    p, q = [0, 0.5, 0.25, 0], [0.25, 0, 0.25, 0]
    expected = [0.25, np.inf, 0, 0]
    assert numbers.relative_entropy(np.array(p), np.array(q)).tolist() == expected
    tensors = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (p, q))
    assert numbers.relative_entropy(*tensors).tolist() == expected
    exact_p, exact_q = (np.array([numbers.number(Fraction(v), "symbol") for v in x]) for x in (p, q))
    assert numbers.relative_entropy(exact_p, exact_q).tolist() == [sympy.Rational(1, 4), sympy.oo, 0, 0]
    balls = numbers.relative_entropy(*(numbers.convert(np.array(x), "ball") for x in (p, q)))
    assert [float(b) for b in balls] == expected


def test_relative_entropy_gradient_is_finite_at_zero_probability():
    import torch

    p = torch.tensor([0.0, 0.4, 0.6], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    numbers.relative_entropy(p, q).sum().backward()
    assert p.grad is not None
    assert q.grad is not None
    assert p.grad.isfinite().all()
    assert q.grad.isfinite().all()


@given(st.floats(0, 0.9), st.floats(1e-6, 0.2), st.floats(0.01, 1), st.floats(0, 1))
def test_relative_entropy_of_a_ball_contains_that_of_its_points(mid, radius, q, where):
    import flint

    ball = flint.arb(mid, radius)
    low = max(0.0, mid - radius)
    point = low + where * (mid + radius - low)
    enclosure = numbers.relative_entropy(np.array([ball], dtype=object), np.array([flint.arb(q)], dtype=object))[0]
    with numbers.precision(120):
        value = numbers.relative_entropy(
            np.array([flint.arb(point)], dtype=object), np.array([flint.arb(q)], dtype=object)
        )[0]
    assert enclosure.overlaps(value)


def test_relative_entropy_of_a_ball_around_zero_q_is_unbounded():
    import flint

    result = numbers.relative_entropy(
        np.array([flint.arb("0.5")], dtype=object), np.array([flint.arb(0, 0.1)], dtype=object)
    )[0]
    assert not result.is_finite()


# For p = [0, t] and q > 0: k = p ln p − p ln q − p + q, term by term. x ln x on [0, t] is [t ln t, 0] while t ≤ 1/e,
# and [−1/e, max(0, t ln t)] beyond. A ball below 0 holds no probability and meets no logarithm.
@pytest.mark.parametrize(
    ("top", "q", "low", "high"),
    [
        (0.2, 1.0, 0.2 * math.log(0.2) - 0.2 + 1, 1.0),
        (0.36, 1.0, 0.36 * math.log(0.36) - 0.36 + 1, 1.0),
        (0.5, 1.0, -1 / math.e - 0.5 + 1, 1.0),
        (0.8, 1.0, -1 / math.e - 0.8 + 1, 1.0),
        (2.0, 1.0, -1 / math.e - 2 + 1, 2 * math.log(2) + 1),
        (0.2, 0.5, 0.2 * math.log(0.2) - 0.2 + 0.5, 0.2 * math.log(2) + 0.5),
        (0.2, 2.0, 0.2 * math.log(0.2) - 0.2 * math.log(2) - 0.2 + 2, 2.0),
    ],
)
def test_relative_entropy_of_a_ball_that_touches_zero_is_the_range_of_its_terms(top, q, low, high):
    import flint

    enclosure = balls_of([flint.arb(top / 2, top / 2)], [flint.arb(q)])
    assert float(enclosure.lower()) == pytest.approx(low, abs=1e-7)
    assert float(enclosure.upper()) == pytest.approx(high, abs=1e-7)


def test_relative_entropy_of_a_ball_below_zero_has_no_logarithm():
    import flint

    enclosure = balls_of([flint.arb(-0.5, 0.25)], [flint.arb(3)])
    # k = −p + q for p in [−¾, −¼]
    assert float(enclosure.upper()) == pytest.approx(3.75, abs=1e-7)
    assert float(enclosure.lower()) == pytest.approx(3.25, abs=1e-7)


def test_relative_entropy_is_unbounded_where_p_and_q_may_both_be_zero():
    import flint

    for p, q in ((flint.arb("0.1", "0.1"), flint.arb("0.1", "0.2")), (flint.arb("0.1", "0.1"), flint.arb(0, "0.1"))):
        enclosure = balls_of([p], [q])
        assert not enclosure.is_finite()
        assert enclosure.contains(0)
        assert enclosure.contains(1000)
    # q in [½, 1] is away from 0 though below 1: finite
    assert balls_of([flint.arb("0.1", "0.1")], [flint.arb("0.75", "0.25")]).is_finite()


def balls_of(p, q):
    return numbers.relative_entropy(np.array(p, dtype=object), np.array(q, dtype=object))[0]


def test_relative_entropy_takes_no_logarithm_of_zero_on_the_way():
    with np.errstate(divide="raise", invalid="raise"):
        assert numbers.relative_entropy(np.array([0.5, 0.0, 0.0]), np.array([0.0, 0.5, 0.0])).tolist() == [
            np.inf,
            0.5,
            0,
        ]


def test_kinds_do_not_mix_in_either_order():
    import torch

    values = {"float": 0.5, "torch": torch.ones(1), "rational": numbers.number(1, "rational")}
    for first, second in (("float", "rational"), ("rational", "float"), ("rational", "torch"), ("torch", "rational")):
        with pytest.raises(InputError, match=f"found {first} and {second}"):
            numbers.kind_of(values[first], values[second])
    assert numbers.kind_of(0.5, values["torch"]) == numbers.kind_of(values["torch"], 0.5) == "torch"


def test_what_is_no_number_has_no_kind():
    import inspect

    import torch

    assert numbers.kind_of(
        torch.device("cpu"), torch.float64, inspect.Parameter("x", inspect.Parameter.VAR_KEYWORD)
    ) == ("float")


def test_convert_keeps_what_is_there_and_the_dtype_that_is_asked_for():
    import sympy
    import torch

    plain = np.array([0.5, 0.25])
    assert numbers.convert(plain, "float") is plain
    assert numbers.convert(plain, "torch").dtype == torch.float64
    assert numbers.convert(plain, "torch", dtype=torch.float32).dtype == torch.float32
    assert numbers.convert(np.array([sympy.Rational(2, 3)]), "rational").tolist() == [numbers.number("2/3", "rational")]
    far = numbers.number(Fraction(10**400 + 1, 3 * 10**400), "rational")  # neither part is a float, their quotient is
    assert numbers.convert(np.array([far]), "float").tolist() == [1 / 3]


def test_elementwise_extremes_of_floats_stay_floats():
    x = np.array([1.0, -2.0])
    assert numbers.maximum(x, -x).dtype == numbers.minimum(x, 0).dtype == float


def test_a_rounding_defect_goes_to_the_largest_entry():
    row = np.array([1e-30, 0.1, 0.7, 0.2])
    exact = numbers.exact_distribution(row[None])[0]
    for k in (0, 1, 3):
        assert exact[k] == numbers.convert(row[k : k + 1], "rational")[0]


@pytest.mark.parametrize("kind", ["rational", "ball"])
def test_extremes_along_an_axis_of_three(kind):
    plain = np.random.default_rng(0).integers(-9, 9, (2, 3, 4)).astype(float)
    x = numbers.convert(plain, kind)
    for axis in (0, 1, -1, (0, 2), (1, 2)):
        np.testing.assert_allclose(numbers.convert(numbers.amax(x, axis), "float"), plain.max(axis))
        np.testing.assert_allclose(numbers.convert(numbers.amin(x, axis), "float"), plain.min(axis))


def test_arrays_join_along_the_first_axis_unless_told():
    x = np.arange(6.0).reshape(2, 3)
    assert numbers.concatenate([x, x]).shape == (4, 3)
    assert numbers.stack([x, x]).shape == (2, 2, 3)


@pytest.mark.parametrize("kind", ["rational", "ball", "symbol"])
def test_solve_broadcasts_either_side(kind):
    matrix = numbers.convert(np.array([[2, 1], [1, 3]]), kind)
    right = numbers.convert(np.array([[1], [2]]), kind)
    several = np.stack([right, right * 2, right * 3])
    expected = numbers.convert(numbers.solve(matrix, right), "float")
    ours = numbers.convert(numbers.solve(matrix, several), "float")
    np.testing.assert_allclose(ours, [expected, 2 * expected, 3 * expected])
    many = np.stack([matrix, matrix * 2])
    np.testing.assert_allclose(numbers.convert(numbers.solve(many, right), "float"), [expected, expected / 2])


def test_logarithms_and_roots_of_integers_among_balls():
    import flint

    mixed = np.array([flint.arb(4), 4], dtype=object)
    logs, roots = numbers.log(mixed), numbers.sqrt(mixed)
    assert logs[1].overlaps(logs[0])
    assert roots[1].contains(2)


def test_exact_distribution_sums_to_one_and_stays_close():
    rows = np.random.default_rng(0).dirichlet([1] * 5, (3, 4))
    exact = numbers.exact_distribution(rows)
    assert (exact.sum(-1) == 1).all()
    np.testing.assert_allclose(numbers.convert(exact, "float"), rows, atol=1e-15)


@pytest.mark.parametrize("kind", ["float", "torch", "rational", "ball", "symbol"])
def test_solve_solves(kind):
    matrix = numbers.convert(np.array([[[2, 1], [1, 3]], [[1, 0], [5, 4]]]), kind)
    right = numbers.convert(np.array([[[1], [2]], [[3], [1]]]), kind)
    left = numbers.convert(matrix @ numbers.solve(matrix, right), "float")
    np.testing.assert_allclose(left, numbers.convert(right, "float"), atol=1e-12)


@pytest.mark.parametrize("kind", ["float", "torch", "rational", "ball", "symbol"])
def test_elementary_operations_agree_with_numpy(kind):
    plain = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -0.25]])
    other = plain[:, ::-1].copy()
    x, y = numbers.convert(plain, kind), numbers.convert(other, kind)

    def check(ours, theirs):
        np.testing.assert_allclose(numbers.convert(ours, "float"), theirs)

    check(numbers.maximum(x, y), np.maximum(plain, other))
    check(numbers.minimum(x, 0), np.minimum(plain, 0))
    check(numbers.maximum(0, x), np.maximum(plain, 0))
    check(numbers.amax(x, -1), plain.max(-1))
    check(numbers.amin(x, (0, 1)), plain.min())
    check(numbers.amax(x, (0,)), plain.max(0))
    check(numbers.absolute(x), abs(plain))
    check(numbers.stack([x, y], 1), np.stack([plain, other], 1))
    check(numbers.concatenate([x, y], 1), np.concatenate([plain, other], 1))
    check(numbers.moveaxis(x, 0, -1), plain.T)
    check(numbers.identity(3, x), np.eye(3))
    mask = plain > 0
    if kind == "torch":
        import torch

        mask = torch.as_tensor(mask)
    check(numbers.where(mask, x, y), np.where(plain > 0, plain, other))
    check(numbers.indicator(mask, x), (plain > 0).astype(float))
    if kind != "rational":
        check_analytic(x, kind, plain)


def check_analytic(x, kind, plain):
    positive = x * x
    values = numbers.log(positive), numbers.sqrt(positive)
    if kind == "symbol":
        values = tuple(np.vectorize(float)(v) for v in values)
    for ours, theirs in zip(values, (np.log(plain**2), abs(plain)), strict=True):
        np.testing.assert_allclose(numbers.convert(ours, "float"), theirs, rtol=1e-14)


def test_precision_is_restored():
    import flint

    before = flint.ctx.prec
    with numbers.precision(333):
        assert flint.ctx.prec == 333
    assert flint.ctx.prec == before
    with pytest.raises(ZeroDivisionError), numbers.precision(333):
        divide_by_zero()
    assert flint.ctx.prec == before


def divide_by_zero():
    return numbers.number(1, "rational") / 0
