"""Every declared primitive on every kind of number that it declares: one formula, the same answer."""

import numpy as np
import pytest
from instances import markov_game, rational_rows, team_instance

import marlcore.bounds
import marlcore.divergences
import marlcore.objectives
import marlcore.responses
from marlcore import numbers, policies
from marlcore.errors import InputError
from marlcore.games import MarkovGame
from marlcore.numbers import KINDS, PRIMITIVES
from marlcore.values import evaluate


def gae_arguments(x):
    series = x.A.reshape(x.A.shape[0], -1)
    ended = numbers.convert(np.zeros(series.shape), "float").astype(bool)
    ended[0, 1::3] = True
    cut = ~ended
    if x.kind == "torch":
        import torch

        ended, cut = torch.as_tensor(ended), torch.as_tensor(cut)
    return series, series * 2, series * 3, ended, cut, x.number("4/5"), x.number("1/2")


ARGUMENTS = {
    "marlcore.policies.joint": lambda x: (x.policy,),
    "marlcore.divergences.kl": lambda x: (x.policy[0], x.new[0]),
    "marlcore.divergences.tv": lambda x: (x.policy[0], x.new[0]),
    "marlcore.divergences.expected_kl": lambda x: (x.rho, x.policy[0], x.new[0]),
    "marlcore.divergences.max_kl": lambda x: (x.policy[1], x.new[1]),
    "marlcore.divergences.max_tv": lambda x: (x.policy[1], x.new[1]),
    "marlcore.divergences.entropy": lambda x: (x.policy[1],),
    "marlcore.values.evaluate": lambda x: (x.game, x.policy),
    "marlcore.values.induced_transitions": lambda x: (x.P, x.joint),
    "marlcore.values.state_values": lambda x: (x.P[:, 0], x.R[:, :2], x.game.discount),
    "marlcore.values.occupancy": lambda x: (x.P[:, 0], x.game.start, x.game.discount),
    "marlcore.values.bellman_residual": lambda x: (x.P[:, 0], x.R[:, :2], x.game.discount, x.R[:, 2:4]),
    "marlcore.advantages.multi_agent_q": lambda x: (x.Q, x.policy, (1,)),
    "marlcore.advantages.average_out": lambda x: (x.Q, x.policy[0], -2),
    "marlcore.advantages.multi_agent_advantage": lambda x: (x.Q, x.policy, (1,), (0,)),
    "marlcore.advantages.expected_advantage": lambda x: (x.Q, x.policy, x.new, (1, 0)),
    "marlcore.advantages.contract": lambda x: (x.Q, x.policy, (0, 1)),
    "marlcore.advantages.surrogate": lambda x: (x.Q, x.rho, x.policy, x.new, (1, 0)),
    "marlcore.advantages.ratio_surrogate": lambda x: (x.A, x.rho, x.policy, x.new, (1, 0)),
    "marlcore.advantages.ratio": lambda x: (x.policy[0], x.new[0]),
    "marlcore.bounds.lower_bound": lambda x: (x.game, x.policy, x.new, (1, 0), "sharp"),
    "marlcore.bounds.largest_advantage": lambda x: (x.A, x.n),
    "marlcore.bounds.paper_constant": lambda x: (x.game.discount, x.number("3/2")),
    "marlcore.bounds.sharp_constant": lambda x: (x.rho / 10,),
    "marlcore.bounds.sharp_constant_for": lambda x: (x.rho / 10, x.number("3/2")),
    "marlcore.objectives.clip_ratio": lambda x: (x.policy[0] / x.policy[0][..., -1:], x.number("1/5")),
    "marlcore.objectives.clipped_objective": lambda x: (x.policy[0] * 2, x.new[0] - x.number("1/3"), x.number("1/5")),
    "marlcore.objectives.clip_penalty": lambda x: (x.policy[0] * 2, x.new[0] - x.number("1/3"), x.number("1/5")),
    "marlcore.objectives.sequential_factor": lambda x: (x.policy[0], [x.new[0], x.policy[0]]),
    "marlcore.objectives.hamo": lambda x: (x.new[1], x.step.advantage[..., :1] + x.policy[1], x.policy[0][..., 0]),
    "marlcore.objectives.gae": gae_arguments,
    "marlcore.responses.best_response": lambda x: (x.game, x.policy, 1),
    "marlcore.responses.nash_gap": lambda x: (x.game, x.policy),
    "marlcore.responses.exploitability": lambda x: (zero_sum(x), x.policy),
}
RESULTS = {
    "marlcore.values.evaluate": lambda e: (e.V, e.Q, e.A, e.rho, e.J),
    "marlcore.bounds.lower_bound": lambda b: (b.value, b.J, *b.surrogates, *b.divergences, b.constant),
    "marlcore.responses.best_response": lambda b: (b.table, b.V, b.Q, b.J),
    "marlcore.responses.nash_gap": lambda g: (g.gaps, g.max),
}
"""What of a result that is a record is compared; the others are arrays themselves."""


CHECKED = {
    "marlcore.values.evaluate",
    "marlcore.bounds.lower_bound",
    "marlcore.responses.nash_gap",
    "marlcore.responses.exploitability",
}
"""These check that what they are given are policies."""


def zero_sum(x):
    rewards = numbers.stack([x.game.rewards, -x.game.rewards])
    return MarkovGame(x.game.transitions, rewards, x.game.discount, x.game.start)


def run(name, instance):
    result = PRIMITIVES[name].function(*ARGUMENTS[name](instance))
    parts = RESULTS.get(name, lambda array: (array,))(result)
    return [part if hasattr(part, "shape") else np.array(part, dtype=object) for part in parts]


@pytest.fixture(params=["interior", "zeros", "ties"])
def exact(request):
    rng = np.random.default_rng(7)
    return team_instance(rng, zeros=request.param == "zeros", tied=request.param == "ties")


def ours():
    """The primitives of marlcore (other packages may have declared theirs in this process)."""
    return {name: declared for name, declared in PRIMITIVES.items() if name.startswith("marlcore.")}


def test_every_primitive_has_a_case():
    assert set(ARGUMENTS) == set(ours())


def test_declared_kinds_are_kinds():
    for primitive in ours().values():
        assert set(primitive.kinds) <= set(KINDS)
        assert {"float", "torch", "ball"} <= set(primitive.kinds)


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_torch_equals_numpy(name, exact):
    for ours, theirs in zip(run(name, exact.read_in("torch")), run(name, exact.read_in("float")), strict=True):
        np.testing.assert_allclose(numbers.convert(ours, "float"), theirs.astype(float), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n in ARGUMENTS if "rational" in PRIMITIVES[n].kinds))
def test_float_rounds_the_rational_and_the_ball_contains_it(name, exact):
    truth = run(name, exact)
    rounded = run(name, exact.read_in("float"))
    with numbers.precision(53):
        balls = run(name, exact.read_in("ball"))
    for fraction, double, ball in zip(truth, rounded, balls, strict=True):
        np.testing.assert_allclose(double.astype(float), numbers.convert(fraction, "float"), rtol=1e-12, atol=1e-12)
        assert all(contains(b, q) for b, q in zip(ball.flat, fraction.flat, strict=True))


@pytest.mark.parametrize("name", sorted(n for n in ARGUMENTS if {"rational", "symbol"} <= set(PRIMITIVES[n].kinds)))
def test_symbols_equal_rationals_to_the_last_digit(name, exact):
    for symbolic, fraction in zip(run(name, exact.read_in("symbol")), run(name, exact), strict=True):
        assert all(same_number(s, q) for s, q in zip(symbolic.flat, fraction.flat, strict=True))


@pytest.mark.parametrize("name", sorted(n for n in ARGUMENTS if "rational" not in PRIMITIVES[n].kinds))
def test_analytic_balls_contain_what_symbols_evaluate_to(name, exact):
    import flint

    with numbers.precision(100):
        balls = run(name, exact.read_in("ball"))
    floats = run(name, exact.read_in("float"))
    symbols = run(name, exact.read_in("symbol"))
    for ball, double, symbol in zip(balls, floats, symbols, strict=True):
        np.testing.assert_allclose(double.astype(float), numbers.convert(ball, "float"), rtol=1e-12, atol=1e-12)
        for b, s in zip(ball.flat, symbol.flat, strict=True):
            with numbers.precision(200):
                assert flint.arb(b).overlaps(flint.arb(str(s.evalf(45)), 1e-28))


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"marlcore.responses.best_response"}))
def test_gradients_equal_finite_differences(name):
    import torch

    instance = team_instance(np.random.default_rng(3)).read_in("torch")
    arguments = ARGUMENTS[name](instance)
    names = {id(t): k for k, t in enumerate(tensors(arguments))}
    on_simplex = name in CHECKED  # policies that are checked must stay policies: move their logarithms
    leaves = [(t.log() if on_simplex else t).detach().clone().requires_grad_() for t in tensors(arguments)]

    def outputs(*moved):
        rebuilt = rebuild(arguments, [t.softmax(-1) for t in moved] if on_simplex else moved, names)
        parts = RESULTS.get(name, lambda array: (array,))(PRIMITIVES[name].function(*rebuilt))
        return tuple(p for p in parts if torch.is_tensor(p) and p.requires_grad)

    assert outputs(*leaves), "no gradient reaches the result"
    assert torch.autograd.gradcheck(outputs, leaves, eps=1e-7, atol=1e-5, rtol=1e-5)


def tensors(value):
    import torch

    if torch.is_tensor(value):
        return [value] if value.is_floating_point() else []
    return [t for v in value for t in tensors(v)] if isinstance(value, (tuple, list)) else []


def rebuild(value, moved, names):
    if isinstance(value, (tuple, list)):
        return type(value)(rebuild(v, moved, names) for v in value)
    return moved[names[id(value)]] if id(value) in names else value


def contains(ball, fraction):
    import flint

    return flint.arb(ball).contains(flint.arb(fraction) if isinstance(fraction, int) else fraction)


def same_number(symbol, fraction):
    import sympy

    exact = numbers.convert(np.array([fraction], dtype=object), "symbol")[0]
    return sympy.simplify(symbol - exact) == 0


def test_kinds_do_not_mix():
    x = team_instance(np.random.default_rng(0))
    with pytest.raises(InputError, match="do not mix: found rational and float"):
        marlcore.divergences.tv(x.policy[0], numbers.convert(x.new[0], "float"))
    with pytest.raises(InputError, match="do not mix"):
        evaluate(x.game, numbers.convert(x.policy[0], "float"))


def test_an_undeclared_kind_is_refused_by_name():
    x = team_instance(np.random.default_rng(0))
    with pytest.raises(InputError, match="kl takes float, torch, ball, symbol numbers, not rational"):
        marlcore.divergences.kl(x.policy[0], x.new[0])


def test_overlapping_balls_give_a_maximum_that_contains_both_possibilities():
    import flint

    low, high = flint.arb(1, 0.5), flint.arb("1.2", 0.01)
    x = np.array([low, high], dtype=object)
    top = numbers.amax(x, 0).item()
    assert top.contains(flint.arb("1.5"))
    assert top.contains(flint.arb("1.2"))
    assert not top.contains(flint.arb("1.1"))
    bottom = numbers.amin(x, 0).item()
    assert bottom.contains(flint.arb("0.5"))
    assert bottom.contains(flint.arb("1.2"))
    assert not bottom.contains(flint.arb("1.3"))


def test_general_games_evaluate_alike_in_every_kind():
    game = markov_game(np.random.default_rng(5))
    rng = np.random.default_rng(6)
    policy = tuple(rational_rows(rng, (2, 2)) for _ in range(2))
    truth = evaluate(game, policy)
    for kind in ("float", "torch", "ball", "symbol"):
        other = evaluate(game.convert(kind), policies.convert(policy, kind))
        for field in ("V", "Q", "A", "rho", "J"):
            ours, exact = getattr(other, field), getattr(truth, field)
            if kind == "symbol":
                assert all(same_number(a, b) for a, b in zip(np.ravel(ours), np.ravel(exact), strict=True))
            else:
                np.testing.assert_allclose(
                    numbers.convert(ours, "float"), numbers.convert(exact, "float"), rtol=1e-12, atol=1e-13
                )
