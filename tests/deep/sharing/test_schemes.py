"""What each sharing scheme promises: who shares, whom a step moves, the same outputs from weights asked for once."""

import dataclasses

import pytest
import torch

from deep import sharing
from deep.networks import Body, apply, count
from deep.sharing.conformance import CHECKS
from deep.sharing.fups import FuPS
from deep.sharing.nops import NoPS, sized
from deep.sharing.obs_hyper import ObsHyperOptions
from deep.sharing.scheme import options_of
from marlcore import conformance
from marlcore.errors import InputError

N, BODY = 3, Body(4, 2, (6,), gain=1.0)


def scheme(name, body=BODY):
    return sharing.make(name, N, body, torch.Generator().manual_seed(0))


def inputs():
    return torch.randn(5, N, 4, generator=torch.Generator().manual_seed(1))


def test_an_agent_with_one_number_to_normalise_keeps_the_others_type_and_device():
    """Its scale is made up while stacking: in the type, and on the device, of its own weights."""
    body = Body(4, 2, (6,))
    s = NoPS(2, body, torch.Generator().manual_seed(0), sized(body, 2, inputs=(1, 4)))
    for kind in (torch.float64, torch.float16):
        assert {w.dtype for name, w in s.to(kind).weights().items() if "mask" not in name} == {kind}
    assert {w.device.type for w in s.to("meta").weights().values()} == {"meta"}


@pytest.mark.parametrize("name", sharing.names())
def test_every_scheme_keeps_the_contract(name):
    assert len(conformance.check("sharing", name).checks) == len(CHECKS)


class Broken(FuPS):
    """Shares everything, but for what a test breaks."""


def seeded_by_itself(n, body, generator):
    return FuPS(n, body, torch.Generator().manual_seed(0))


class Uncoupled(Broken):
    coupled = False

    def groups(self):
        return [list(self.parameters()), [], []]


class Reads(Broken):
    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        return super().forward(x + x.mean(-2, keepdim=True), hidden, starts, agents, weights)


class Idle(Broken):
    def __init__(self, n, body, generator):
        super().__init__(n, body, generator)
        self.idle = torch.nn.Parameter(torch.ones(2))


class Unheld(Idle):
    def groups(self):
        return [list(self.theta.parameters())]


class Remembers(Broken):
    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        return super().forward(x, hidden, None, agents, weights)


class Ignores(Broken):
    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        return super().forward(x, None, starts, agents, weights)


class Detached(Broken):
    def terms(self, kl=None):
        return {"nothing": torch.tensor(1.0)}


class Constant(Broken):
    regularised = True

    def terms(self, kl=None):
        return {"nothing": torch.tensor(1.0)}


class Silenced(Broken):
    """Its first bias is taken away by a norm, so its gradient is round-off."""

    def __init__(self, n, body, generator):
        super().__init__(n, body, generator)
        self.lost = torch.nn.Parameter(torch.ones(1))

    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        return super().forward(x + self.lost, hidden, starts, agents, weights)


class Slow(Broken):
    def optimiser_groups(self, group, lr):
        return [{"name": "theta", "params": self.groups()[group][:-1], "lr": lr}]


class Deaf(Broken):
    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        return super().forward(
            x, hidden, starts, agents, None if weights is None else {k: 2 * v for k, v in weights.items()}
        )


class Unordered(NoPS):
    def weights(self, agents=None):
        return super().weights(None if agents is None else sorted(agents))


class Unsaved(Broken):
    def __init__(self, n, body, generator):
        super().__init__(n, body, generator)
        self.offset = torch.randn((), generator=generator)

    def forward(self, x, hidden=None, starts=None, agents=None, weights=None):
        out, hidden = super().forward(x, hidden, starts, agents, weights)
        return out + self.offset, hidden


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        pytest.param(seeded_by_itself, "the generator is not used", id="generator"),
        pytest.param(Uncoupled, r"a step of agent 1 moves|element 0", id="coupled"),
        pytest.param(Reads, "reads others' observations: True, and says centralised=False", id="centralised"),
        pytest.param(Idle, "idle gets no gradient", id="idle"),
        pytest.param(Unheld, "no group holds idle", id="unheld"),
        pytest.param(Remembers, "at the start of an episode, it differs", id="remembers"),
        pytest.param(Ignores, "the state that is handed on changes nothing", id="ignores"),
        pytest.param(Detached, r"terms \['nothing'\] of a scheme that says regularised=False", id="term"),
        pytest.param(Constant, "the term nothing has no gradient", id="constant"),
        pytest.param(Silenced, "lost's gradient is 0", id="silenced"),
        pytest.param(Slow, r"optimiser_groups\(0\) is not group 0", id="optimiser"),
        pytest.param(Deaf, "with weights asked for once, it differs", id="weights"),
        pytest.param(Unordered, "of chosen agents, it differs", id="agents"),
        pytest.param(Unsaved, "outputs differ after load_state_dict", id="unsaved"),
    ],
)
def test_the_suite_notices_a_scheme_that_breaks_it(factory, message):
    with pytest.raises(conformance.ConformanceError, match=message):
        conformance.check("sharing", factory)


def test_shared_networks_agree_without_an_id_and_differ_with_one():
    x = inputs()[:, :1].expand(-1, N, -1)
    same, ided, free = (scheme(name)(x)[0] for name in ("fups", "fups_id", "nops"))
    torch.testing.assert_close(same[:, 0], same[:, 2])
    assert not torch.allclose(ided[:, 0], ided[:, 2])
    assert not torch.allclose(free[:, 0], free[:, 2])


def test_parameter_counts():
    P = count(BODY)
    counts = {name: sum(p.numel() for p in scheme(name).parameters()) for name in ("fups", "fups_id", "nops")}
    # the id adds its rows to the first layer
    assert counts == {"fups": P, "fups_id": P + N * 6, "nops": N * P}


def test_the_id_shifts_the_first_bias_by_the_same_amount_whatever_the_observation():
    body = Body(4, 5, (), gain=1.0)
    s = sharing.make("fups_id", N, body, torch.Generator().manual_seed(0))
    x = inputs()[:, :1].expand(-1, N, -1)
    out = s(x)[0]
    shift = out[:, 1:] - out[:, :1]
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(shift[0], s.identity[1:] - s.identity[:1], rtol=1e-5, atol=1e-6)


def test_the_id_is_a_unit_vector_beside_the_normalised_observation():
    body = Body(4, 2, (6,))
    s = sharing.make("fups_id", N, body, torch.Generator().manual_seed(0))
    w, x = s.weights(), inputs()
    plain = torch.nn.functional.layer_norm(x, (4,)) * w["input.scale"] + w["input.shift"]
    beside = torch.cat([plain, torch.eye(N).expand(5, -1, -1)], -1)
    y = torch.relu(beside @ torch.cat([w["hidden0.weight"], s.identity]) + s.theta["hidden0_bias"])
    y = torch.nn.functional.layer_norm(y, (6,)) * w["hidden0.scale"] + w["hidden0.shift"]
    torch.testing.assert_close(s(x)[0], y @ w["out.weight"] + w["out.bias"], rtol=1e-5, atol=1e-6)
    both = torch.cat([w["hidden0.weight"], s.identity])
    torch.testing.assert_close(both.T @ both, 2 * torch.eye(6), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(Body(5, 4, (6, 8), gain=1.0), id="mlp"),
        pytest.param(Body(5, 4, (6, 8), gain=1.0, norm=False, activation="tanh"), id="plain"),
        pytest.param(Body(5, 4, (6,), recurrent=7, head=(5,), gain=1.0), id="gru"),
    ],
)
@pytest.mark.parametrize("single", [3, 1])
def test_agents_of_unequal_sizes_run_as_their_own_networks(body, single):
    bodies = sized(
        body, N, inputs=(5, 3, 4), outputs=(4, 2, 1), hidden=[(3, 4)[: len(body.hidden)]] * 2 + [body.hidden]
    )
    bodies = tuple(dataclasses.replace(b, recurrent=body.recurrent and 3 + i) for i, b in enumerate(bodies))
    bodies = (bodies[0], dataclasses.replace(bodies[1], inputs=single), bodies[2])
    s = NoPS(N, body, torch.Generator().manual_seed(0), bodies=bodies).double()
    with torch.no_grad():
        for p in s.parameters():
            p.add_(0.3 * torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(p.numel())))
    x = torch.randn(6, 2, N, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = s.initial_state(2)
    out, last = s(x, state)
    assert out.shape == (6, 2, N, 4)
    for i, own in enumerate(bodies):
        alone, hidden = apply(own, s.own(i), x[:, :, i : i + 1, : own.inputs])
        torch.testing.assert_close(out[:, :, i : i + 1, : own.outputs], alone, rtol=1e-12, atol=1e-12)
        assert not out[:, :, i, own.outputs :].any()
        if hidden is not None:
            torch.testing.assert_close(last[:, i : i + 1, : own.recurrent], hidden, rtol=1e-12, atol=1e-12)
            assert not last[:, i, own.recurrent :].any()
    # what stands in the padding of x is not read, and parameters are each agent's own sizes: no padding is trained
    other = x.clone()
    other[:, :, 1, single:] = 9.0
    torch.testing.assert_close(s(other, state)[0], out)
    assert [sum(p.numel() for p in group) for group in s.groups()] == [count(own) for own in bodies]
    s(x, state)[0].square().sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in s.parameters())


def test_agents_of_unequal_sizes_must_fit_the_padded_body():
    with pytest.raises(InputError, match=r"bodies\[1\] must differ from body in sizes only"):
        NoPS(2, BODY, torch.Generator(), bodies=(BODY, dataclasses.replace(BODY, hidden=(6, 6))))
    with pytest.raises(InputError, match=r"bodies\[0\] reads 5 inputs"):
        NoPS(2, BODY, torch.Generator(), bodies=sized(BODY, 2, inputs=(5, 4)))
    with pytest.raises(InputError, match="hidden has 1 entries for 2 agents"):
        sized(BODY, 2, hidden=[(3,)])


def test_defaults_of_the_contract():
    s = scheme("fups", dataclasses.replace(BODY, recurrent=5))
    assert (s.state_size, s.sequential, s.execution, s.terms()) == (5, True, "decentralised", {})
    assert s.initial_state(7).shape == (7, N, 5)
    assert scheme("fups").initial_state(7) is None
    (group,) = s.optimiser_groups(0, 3e-4)
    assert group["lr"] == 3e-4
    assert {id(p) for p in group["params"]} == {id(p) for p in s.parameters()}


def test_options_are_read_by_their_types():
    name, text = sharing.parse("obs_hyper?types=0,1&accumulate=False&lr=none&scaling=true&alpha=1&window=3")
    found = options_of(ObsHyperOptions, name, text)
    assert (found.types, found.accumulate, found.lr, found.scaling) == ((0, 1), False, None, True)
    assert (found.alpha, found.window) == (1.0, 3)
    assert sharing.parse("nops") == ("nops", {})
    with pytest.raises(InputError, match="option 'size' is not key=value"):
        sharing.parse("hyper?size")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("hyper?size=2.5", "size is '2.5' where int is asked for", id="int"),
        pytest.param("hyper?hidden=a", "hidden is 'a' where int is asked for", id="tuple"),
        pytest.param("obs_hyper?accumulate=no", "accumulate is 'no' where bool is asked for", id="bool"),
        pytest.param("obs_hyper?alpha=much", "alpha is 'much' where float is asked for", id="float"),
        pytest.param("hyper?sise=3", "unknown option of hyper 'sise'; did you mean size", id="key"),
    ],
)
def test_options_of_another_type_are_refused(text, message):
    name, options = sharing.parse(text)
    with pytest.raises(InputError, match=message):
        sharing.make(name, N, BODY, torch.Generator(), **options)


@pytest.mark.parametrize("name", ["fups_id", "nops", "hyper", "obs_hyper"])
def test_a_pass_through_a_sequence_says_the_state_behind_every_step(name):
    """That is where each step, taken alone, ends; obs_hyper has a pass and a state of its own."""
    s = scheme(name, dataclasses.replace(BODY, recurrent=5)).double()
    g = torch.Generator().manual_seed(2)
    x, hidden = torch.randn(6, 2, N, 4, generator=g).double(), torch.randn(2, N, s.state_size, generator=g).double()
    starts = torch.rand(6, 2, generator=g) < 0.4
    with torch.no_grad():
        weights = s.weights()
        outputs, states = s.through(x, hidden, starts, weights)
        for t in range(6):
            out, hidden = s(x[t : t + 1], hidden, starts[t : t + 1], weights=weights)
            torch.testing.assert_close(outputs[t], out[0], rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(states[t], hidden, rtol=1e-12, atol=1e-12)
    assert states.shape == (6, 2, N, s.state_size)
