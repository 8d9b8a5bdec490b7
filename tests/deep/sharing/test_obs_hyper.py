"""The observation-conditioned hypernetwork: increments, their terms, targets, fusion, and what makes them."""

import copy
import functools
import math

import pytest
import torch

from deep import sharing
from deep.networks import Body, apply, shapes
from deep.sharing import ObsHyper
from deep.sharing.fups import key_of
from deep.sharing.obs_hyper import increments
from deep.sharing.obs_hyper.options import ObsHyperOptions
from deep.sharing.obs_hyper.reader import Attention, Reader
from deep.sharing.pretrain import load_fitting
from marlcore import conformance
from marlcore.errors import InputError

N, T, B = 3, 5, 2
BODY = Body(4, 3, (6,), gain=1.0)
VARIANTS = {
    "own": {"conditioning": "own"},
    "lstm": {"history": "lstm"},
    "window": {"history": "window"},
    "window-1": {"history": "window", "window": 1},
    "attention": {"history": "attention"},
    "no-history": {"history": "none"},
    "no-terms": {"history": "none", "alpha": 0.0, "beta": 0.0, "target_every": 0},
    "full": {"increment": "full"},
    "low-rank": {"increment": "low_rank", "rank": 2},
    "accumulate": {"accumulate": True, "target_every": 0},
    "accumulate-low-rank": {"accumulate": True, "target_every": 0, "increment": "low_rank", "rank": 2},
    "scaling": {"scaling": True},
    "fusion": {"fusion": 2},
    "one-type": {"types": (0, 0, 0)},
    "two-types": {"types": (5, 1, 5)},
    "two-types-accumulate": {"types": (5, 1, 5), "accumulate": True, "target_every": 0},
    "context": {"context": 3},
}


def make(body=BODY, n=N, seed=0, move=0.2, **options):
    g = torch.Generator().manual_seed(seed)
    s = ObsHyper(n, body, g, **options).double()
    with torch.no_grad():
        for p in s.parameters():
            p.add_(move * torch.randn(p.shape, generator=g, dtype=p.dtype))
    return s


def inputs(n=N, size=4, seed=1):
    return torch.randn(T, B, n, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def no_starts():
    return torch.zeros(T, B, dtype=torch.bool)


def increments_of(s, x, starts=None):
    """Δ (T, B, n, all) under the body's names, side by side."""
    with torch.no_grad():
        context, _ = s.reader(x, x.new_zeros(B, x.shape[2], s.reader.state_size), starts)
        return s._whole(s.emitter, s.emitter(s._pooled(context)))


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_variant_keeps_the_contract(options):
    conformance.check("sharing", functools.partial(ObsHyper, **options))


@pytest.mark.parametrize("kind", ["last", "full", "low_rank"])
@pytest.mark.parametrize("recurrent", [0, 5])
def test_outputs_are_those_of_theta_plus_delta_sample_by_sample(kind, recurrent):
    body = Body(4, 3, (6,), recurrent=recurrent, gain=1.0)
    s, x = make(body, increment=kind, rank=2), inputs()
    out, _ = s(x)
    flat = increments_of(s, x)
    theta, names = s.weights(), list(s._generated)
    assert set(names) == ({"out.weight", "out.bias"} if kind == "last" else set(shapes(body)))
    state = torch.zeros(B, N, recurrent, dtype=torch.float64)
    for t in range(T):
        for b in range(B):
            for i in range(N):
                delta = increments.apart(flat[t, b, i], body, names)
                w = {name: value + delta.get(name, 0.0) for name, value in theta.items()}
                h = state[b : b + 1, i : i + 1] if recurrent else None
                own, last = apply(body, w, x[t : t + 1, b : b + 1, i : i + 1], h)
                torch.testing.assert_close(own[0, 0, 0], out[t, b, i], rtol=1e-10, atol=1e-12)
                if recurrent:
                    state[b, i] = last[0, 0].detach()
    assert float(flat.abs().max()) > 0.01


def test_the_first_increments_have_the_stated_size():
    body = Body(20, 8, (32, 32), gain=0.01)
    for kind in ("full", "low_rank"):
        s = make(body, move=0.0, increment=kind, scale=0.1, width=16)
        flat = increments_of(s, inputs(size=20))
        for name, part in increments.apart(flat, body, list(s._generated)).items():
            theta = s.weights()[name]
            if theta.ndim == 2:
                ratio = part.flatten(-2).norm(dim=-1) / theta.norm()
                torch.testing.assert_close(ratio, torch.full_like(ratio, 0.1), rtol=1e-3, atol=0)
            else:
                assert not part.any()


def test_accumulated_increments_add_up_within_an_episode_and_start_again():
    s, x = make(accumulate=True, target_every=0), inputs()
    starts = no_starts()
    starts[3, 1] = True
    flat = increments_of(s, x, starts)
    total = flat.cumsum(0)
    total[3:, 1] = flat[3:, 1].cumsum(0)
    with torch.no_grad():
        out, state = s(x, None, starts)
    names = list(s._generated)
    w = dict(s.weights())
    moved = {name: w[name] + part for name, part in increments.apart(total, BODY, names).items()}
    torch.testing.assert_close(out, apply(BODY, w | moved, x)[0].detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(state[..., -total.shape[-1] :], total[-1], rtol=1e-10, atol=1e-12)


def test_smoothness_is_the_squared_change_of_theta_within_episodes():
    x, starts = inputs(), no_starts()
    starts[3, 1] = starts[0, 0] = True
    pairs = [(t, b) for t in range(1, T) for b in range(B) if not starts[t, b]]
    plain = make(target_every=0, alpha=0.7)
    plain(x, None, starts)
    flat = increments_of(plain, x, starts)
    wanted = sum(float((flat[t, b] - flat[t - 1, b]).square().sum(-1).mean()) for t, b in pairs) / len(pairs)
    assert float(plain.terms(torch.tensor(0.0))["smoothness"].detach()) == pytest.approx(0.7 * wanted, rel=1e-10)
    # accumulated, θ_t − θ_(t−1) = Δ_t; the first step of a sequence has its predecessor in the state
    summed = make(target_every=0, alpha=0.7, accumulate=True)
    summed(x, None, starts)
    flat = increments_of(summed, x, starts)
    wanted = float(flat.square().sum(-1).mean(-1)[~starts].mean())
    assert float(summed.terms(torch.tensor(0.0))["smoothness"].detach()) == pytest.approx(0.7 * wanted, rel=1e-10)


def test_the_target_gives_the_previous_increment_and_gets_no_gradient():
    s, x = make(target_every=3, alpha=0.5), inputs()
    assert s.target is not None
    frozen = copy.deepcopy(s.target)
    now = increments_of(s, x)
    other = make(target_every=0)
    other.reader.load_state_dict(frozen[0].state_dict())
    other.emitter.load_state_dict(frozen[1].state_dict())
    before = increments_of(other, x)
    assert float((now - before).abs().max()) > 0.01
    s(x)
    term = s.terms(torch.tensor(0.0))["smoothness"]
    wanted = 0.5 * float((now[1:] - before[:-1]).square().sum(-1).mean())
    assert float(term.detach()) == pytest.approx(wanted, rel=1e-10)
    term.backward()
    assert all(p.grad is None for p in s.target.parameters())
    assert s.emitter.G.grad is not None


def test_the_target_is_synchronised_at_every_kth_step_and_the_count_is_saved():
    s = make(target_every=3)
    assert s.target is not None

    def same(scheme):
        return torch.equal(scheme.target[1].G, scheme.emitter.G)

    seen = []
    for _ in range(4):
        s.after_step()
        seen.append(same(s))
        with torch.no_grad():
            s.emitter.G.add_(1.0)
    assert seen == [False, False, True, False]
    again = make(target_every=3, seed=5)
    again.load_state_dict(s.state_dict())
    again.after_step()
    assert not same(again)
    again.after_step()
    assert same(again)


def test_terms_are_asked_once_for_each_pass_and_need_a_kl():
    s, x = make(), inputs()
    with torch.no_grad():
        s(x)
    with pytest.raises(InputError, match="none since they were last asked"):
        s.terms(torch.tensor(1.0))
    s(x)
    with pytest.raises(InputError, match="alignment term needs kl"):
        s.terms()
    s(x)
    kl = torch.tensor(2.0, requires_grad=True)
    terms = s.terms(kl)
    assert set(terms) == {"smoothness", "alignment"}
    assert float(terms["alignment"].detach()) == pytest.approx(0.05 * 2)
    with pytest.raises(InputError, match="none since"):
        s.terms(kl)
    s(x[:1], None, ~no_starts()[:1])
    assert not s.terms(kl)["smoothness"].any()
    s(x[:1])
    with pytest.raises(InputError, match="sequences of 2 steps or more"):
        s.terms(kl)
    s(x)
    copy.deepcopy(s)  # what a pass left behind does not stand in the way


def test_the_hypernetwork_has_its_own_learning_rate():
    s = make()
    theta, psi = s.optimiser_groups(0, 5e-4)
    assert (theta["lr"], psi["lr"]) == (5e-4, 1e-4)
    assert {id(p) for p in theta["params"]} == {id(p) for p in s.theta.values()}
    assert make(lr=None).optimiser_groups(0, 5e-4)[1]["lr"] == 5e-4


def test_execution_is_named():
    assert make().execution == "centralised"
    assert make(conditioning="own").execution == "decentralised"


def test_fused_policies_are_the_weighted_geometric_mean():
    s, x = make(fusion=2, heads=(1, 2)), inputs()
    separate = []
    for k in range(4):
        with torch.no_grad():
            s.get_buffer("kept").zero_()
            separate.append(s(x)[0])
            s.get_buffer("kept").fill_(min(k, 2))
            if k == 3:
                break
            s.after_update()
            for p in [*s.theta.parameters(), *s.emitter.parameters()]:
                p.add_(0.1 * torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(k)))
    fused = s(x)[0].detach()
    # the present one and the last two of three; their KL sums over the two heads
    past = [separate[3], separate[2], separate[1]]
    distance = []
    for other in past:
        total = torch.zeros(T, B, N, dtype=torch.float64)
        for a, b in zip(other.split((1, 2), -1), past[0].split((1, 2), -1), strict=True):
            total += torch.distributions.kl_divergence(
                torch.distributions.Categorical(logits=a), torch.distributions.Categorical(logits=b)
            )
        distance.append(total)
    w = torch.softmax(-torch.stack(distance), 0)
    torch.testing.assert_close(fused, sum(wk[..., None] * out for wk, out in zip(w, past, strict=True)))
    assert float(w[1:].max()) < float(w[0].max())


def test_what_cannot_be_taken_does_not_weigh_earlier_policies():
    """The outputs of an unavailable action may be anything: the weights of fusion are those without it."""
    s, x = make(fusion=1), inputs()
    s.after_update()
    with torch.no_grad():
        for p in s.emitter.parameters():
            p.add_(0.1 * torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(3)))
    available = torch.ones(T, B, N, 3, dtype=torch.bool)
    available[..., 1] = False
    results = []
    for far in (0.0, 50.0):
        with torch.no_grad():
            s.theta[key_of("out.bias")][1] += far  # of the present policy alone
        results.append([s(x, available=mask)[0][..., [0, 2]].detach() for mask in (available, None)])
    torch.testing.assert_close(results[0][0], results[1][0])
    assert float((results[0][1] - results[1][1]).abs().max()) > 1e-3
    chosen = s(x, agents=[1], available=available[:, :, [1]])[0]
    torch.testing.assert_close(chosen, s(x, available=available)[0][:, :, [1]])


@pytest.mark.parametrize("options", [{}, {"types": (5, 1, 5)}, {"conditioning": "own"}, {"accumulate": True}],
                         ids=["plain", "types", "own", "accumulate"])  # fmt: skip
def test_smoothness_does_not_listen_to_the_dead(options):
    """Its mean is over the living of the agents that the pass is of."""
    s, x = make(target_every=0, alpha=0.7, **options), inputs()
    each = []
    for i in range(N):
        one = torch.zeros(T, B, N, dtype=torch.float64)
        one[..., i] = 1.0
        s(x)
        each.append(float(s.terms(torch.tensor(0.0), one)["smoothness"].detach()))
        s(s.select(x, [i]), agents=[i])
        own = float(s.terms(torch.tensor(0.0), one[..., [i]])["smoothness"].detach())
        assert own == pytest.approx(each[i], rel=1e-9)
    assert max(each) > 1.01 * min(each)
    two = torch.ones(T, B, N, dtype=torch.float64)
    two[..., 1] = 0.0
    s(x)
    assert float(s.terms(torch.tensor(0.0), two)["smoothness"].detach()) == pytest.approx((each[0] + each[2]) / 2)


def test_equal_policies_fuse_to_themselves():
    s, x = make(fusion=3, fused="gaussian"), inputs()
    before = s(x)[0]
    s.after_update()
    torch.testing.assert_close(s(x)[0], before)


def test_identical_agents_get_one_set_of_weights():
    x = inputs()
    x[:, :, 2] = x[:, :, 0]
    for options in ({"types": (0, 0, 0)}, {"types": (4, 1, 4)}):
        s = make(**options)
        out = s(x)[0]
        torch.testing.assert_close(out[:, :, 0], out[:, :, 2], rtol=1e-12, atol=1e-12)
    # with weights of one set, agents 0 and 1 of one type answer alike to a body input that is alike
    s = make(types=(0, 0, 0), context=2)
    x = inputs(size=6)
    x[..., :4] = x[:, :, :1, :4]
    out = s(x)[0]
    torch.testing.assert_close(out[:, :, 0], out[:, :, 1], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(make(context=2)(x)[0][:, :, 0], make(context=2)(x)[0][:, :, 1])


def test_agents_are_treated_alike_in_any_order():
    s, x, order = make(), inputs(), [2, 0, 1]
    torch.testing.assert_close(s(x[:, :, order])[0], s(x)[0][:, :, order])


def test_context_reaches_the_hypernetwork_alone():
    s, x = make(context=2, scale=0.1), inputs(size=6)
    other = x.clone()
    other[..., 4:] += torch.randn(2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert not torch.allclose(s(x)[0], s(other)[0])
    with torch.no_grad():
        s.emitter.G.zero_()
    torch.testing.assert_close(s(x)[0], s(other)[0])


def test_scaling_multiplies_the_units_of_shared_layers():
    s, x = make(scaling=True, move=0.0), inputs()
    plain = make(move=0.0)
    torch.testing.assert_close(s(x)[0], plain(x)[0])
    with torch.no_grad():
        s.scaling["0"].copy_(torch.arange(6.0))
    torch.testing.assert_close(s.weights()["hidden0.weight"], plain.weights()["hidden0.weight"] * torch.arange(6.0))
    assert id(s.scaling["0"]) in {id(p) for p in s.optimiser_groups(0, 1.0)[0]["params"]}


def test_attention_is_torch_s():
    ours = Attention(8, 2, torch.Generator().manual_seed(0))
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.zero_()
        theirs.out_proj.bias.zero_()
        theirs.out_proj.weight.copy_(ours.out.weight)
    asked, seen = torch.randn(5, 3, 8), torch.randn(5, 4, 8)
    there = torch.tensor([True, False, True, True]).expand(5, -1)
    wanted, _ = theirs(asked, seen, seen, key_padding_mask=~there)
    torch.testing.assert_close(ours(asked, seen, there), wanted, rtol=1e-5, atol=1e-6)


def test_the_lstm_is_torch_s():
    reader = Reader(4, ObsHyperOptions(history="lstm", width=8), torch.Generator().manual_seed(0)).double()
    theirs = torch.nn.LSTM(8, 8).double()
    with torch.no_grad():
        for name, own in (("weight_ih_l0", "input"), ("weight_hh_l0", "state")):
            getattr(theirs, name).copy_(reader.cell[own].T)
        theirs.bias_ih_l0.zero_()
        theirs.bias_hh_l0.zero_()
    c = torch.randn(T, B, N, 8, dtype=torch.float64)
    starts = no_starts()
    starts[2, 1] = True
    out, state = reader._lstm(c, c.new_zeros(B, N, 16), starts)
    whole, _ = theirs(c[:, 0])
    torch.testing.assert_close(out[:, 0], whole)
    rest, (h, cell) = theirs(c[2:, 1])
    torch.testing.assert_close(out[2:, 1], rest)
    torch.testing.assert_close(state[1], torch.cat([h[0], cell[0]], -1))


@pytest.mark.parametrize("history", ["window", "attention"])
def test_a_window_forgets_what_is_older(history):
    s, x, starts = make(history=history, window=3, target_every=0), inputs(), no_starts()
    changes = []
    for t in range(T):
        other = x.clone()
        other[t] += torch.randn(4, dtype=torch.float64, generator=torch.Generator().manual_seed(t))
        changes.append(((s(other, None, starts)[0] - s(x, None, starts)[0]).abs().amax((1, 2, 3)) > 1e-9).tolist())
    assert changes == [[t <= k < t + 3 for k in range(T)] for t in range(T)]


def test_pretrained_weights_are_taken_where_they_fit():
    simple, target = make(n=2, seed=3), make(Body(9, 3, (6,), gain=1.0), n=5)
    fitted = load_fitting(target, simple.state_dict())
    assert torch.equal(target.reader.across.query.weight, simple.reader.across.query.weight)
    assert torch.equal(target.emitter.G, simple.emitter.G)
    assert "reader.first.weight" in fitted.skipped
    assert fitted.skipped["theta.hidden0_weight"] == "saved with shape (4, 6), here (9, 6)"
    assert set(fitted.loaded) | set(fitted.skipped) == set(target.state_dict())
    again = sharing.make("fups", 2, BODY, torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="none of the saved weights fits"):
        load_fitting(again, {"x": torch.zeros(1)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"conditioning": "some"}, "conditioning must be one of all, own", id="conditioning"),
        pytest.param({"window": 0}, "window must be at least 1", id="window"),
        pytest.param({"alpha": -1.0}, "alpha must not be negative", id="alpha"),
        pytest.param({"width": 10, "attention": 4}, "width must be a multiple of attention", id="width"),
        pytest.param({"accumulate": True}, "target_every=0", id="target-of-accumulated"),
        pytest.param({"alpha": 0.0}, "but alpha is 0", id="target-of-nothing"),
        pytest.param({"scaling": True, "increment": "full"}, "scaling is of layers that are not", id="scaling"),
        pytest.param({"types": (0, 0, 0), "conditioning": "own"}, "types average", id="types-own"),
        pytest.param({"types": (0, 0)}, "types has 2 entries for 3 agents", id="types"),
        pytest.param({"heads": (1, 1)}, "must sum to the body's 3 outputs", id="heads"),
        pytest.param({"fusion": 1, "accumulate": True, "target_every": 0}, "fusion of policies", id="fusion"),
        pytest.param({"alfa": 1}, "did you mean alpha", id="unknown"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        make(**options)


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"reads \(T, B, n, 4\), not shape \(2, 3, 4\)"):
        make()(torch.zeros(2, 3, 4))
    assert math.isclose(ObsHyperOptions().beta, 0.05)
