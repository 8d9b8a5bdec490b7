"""The suite of the extension point ``sharing``: the contract of ``deep.sharing.scheme``.

    conformance.check("sharing", "nops")          conformance.check("sharing", MyScheme)

Each check takes a factory (n, body, generator) → Scheme and makes schemes of 3 agents with an MLP and with a GRU body;
the latter a factory may refuse by an ``InputError``.
Parameters are moved away from their initial values first, so that what starts at 0 can be seen to matter; states come
from steps that were taken.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from deep.networks import Body
from deep.sharing.scheme import Scheme
from marlcore.errors import InputError

Factory = Callable[[int, Body, torch.Generator], Scheme]
N, T, B, SEED = 3, 4, 2, 7
BODIES = (Body(5, 4, (8, 6), gain=1.0), Body(5, 4, (8,), recurrent=6, gain=1.0))
TOLERANCE = 1e-4
"""Of float32 results of one computation in two orders."""


ROUND_OFF = 1e-12
"""A gradient of this size beside the largest is none, in double precision."""


def starts_as_its_generator_says(factory: Factory) -> None:
    """Two schemes of equal generators are equal bit for bit, and of another generator they are not."""
    for body in _bodies(factory):
        first, again, other = (factory(N, body, torch.Generator().manual_seed(seed)) for seed in (SEED, SEED, SEED + 1))
        for (name, a), (_, b) in zip(first.state_dict().items(), again.state_dict().items(), strict=True):
            assert torch.equal(a, b), f"{name} differs between two schemes of one generator"
        pairs = zip(first.state_dict().values(), other.state_dict().values(), strict=True)
        assert any(not torch.equal(a, b) for a, b in pairs), "the generator is not used"


def gives_outputs_and_states_of_its_shapes(factory: Factory) -> None:
    """Outputs are (T, B, n, outputs), states (B, n, state_size) or None, all finite."""
    for s in _schemes(factory):
        state = s.initial_state(B)
        assert (state is None) == (not s.sequential), "initial_state is None exactly where a scheme is not sequential"
        out, last = s(_inputs(s), state, _starts())
        assert out.shape == (T, B, N, s.body.outputs), f"outputs have shape {tuple(out.shape)}"
        assert bool(torch.isfinite(out).all()), "outputs are not finite"
        if state is not None:
            shape = (B, N, s.state_size)
            assert tuple(state.shape) == shape, f"the initial state has shape {tuple(state.shape)}, not {shape}"
            assert last is not None, "no state is handed on"
            assert tuple(last.shape) == shape, f"the state has shape {tuple(last.shape)}, not {shape}"


def answers_weights_asked_for_once(factory: Factory) -> None:
    """Outputs from weights that were asked for once are those without."""
    for s in _schemes(factory):
        x, state = _inputs(s), s.initial_state(B)
        _close(s(x, state, _starts(), weights=s.weights())[0], s(x, state, _starts())[0], "with weights asked for once")


def answers_for_some_agents(factory: Factory) -> None:
    """Outputs of chosen agents, in any order, are their outputs among all."""
    for s in _schemes(factory):
        x, chosen = _inputs(s), [2, 0]
        state = _travelled(s)
        part = state if state is None or s.centralised else state[:, chosen]
        out = s(s.select(x, chosen), part, _starts(), agents=chosen)[0]
        _close(out, s(x, state, _starts())[0][:, :, chosen], "of chosen agents")


def steps_and_sequences_agree(factory: Factory) -> None:
    """T steps one by one, from state to state, give what the sequence gives, across an episode's end."""
    for s in _schemes(factory):
        x, starts = _inputs(s), _starts()
        state = _travelled(s)
        whole, last = s(x, state, starts)
        steps = []
        for t in range(T):
            out, state = s(x[t : t + 1], state, starts[t : t + 1])
            steps.append(out)
        _close(torch.cat(steps), whole, "step by step")
        if last is not None and state is not None:
            _close(state, last, "the state step by step")


def forgets_at_the_start_of_an_episode(factory: Factory) -> None:
    """At a first step the state is the initial one, whatever was handed over; elsewhere it matters if there is one."""
    for s in _schemes(factory):
        state = _travelled(s)
        if state is None or not s.state_size:
            continue
        x, first = _inputs(s)[:1], torch.ones(1, B, dtype=torch.bool)
        fresh = s(x, s.initial_state(B), ~first)[0]
        _close(s(x, state, first)[0], fresh, "at the start of an episode")
        moved = float((s(x, state, ~first)[0] - fresh).detach().abs().max())
        assert moved > TOLERANCE, "the state that is handed on changes nothing"


def groups_are_the_trainable_parameters(factory: Factory) -> None:
    """Groups hold every trainable parameter once: n groups, or one if coupled; so do the optimiser's groups."""
    for s in _schemes(factory):
        groups = s.groups()
        assert len(groups) == (1 if s.coupled else s.n), f"{len(groups)} groups, coupled={s.coupled}"
        wanted = {id(p): name for name, p in s.named_parameters() if p.requires_grad}
        held = [id(p) for group in groups for p in group]
        assert len(held) == len(set(held)), "a parameter is in two groups"
        missing = [name for key, name in wanted.items() if key not in held]
        assert not missing, f"no group holds {', '.join(missing)}"
        assert set(held) <= set(wanted), "a group holds what is no trainable parameter of the scheme"
        for k, group in enumerate(groups):
            options = s.optimiser_groups(k, 1e-3)
            listed = [id(p) for option in options for p in option["params"]]
            assert sorted(listed) == sorted(id(p) for p in group), f"optimiser_groups({k}) is not group {k}"
            assert all(option["lr"] > 0 for option in options), "a learning rate is not positive"
            assert all(option["name"] for option in options), "an optimiser's group has no name"


def a_step_moves_whom_it_says(factory: Factory) -> None:
    """A step of an agent's optimiser on its loss moves its outputs, and others' exactly where agents are coupled."""
    for s in _schemes(factory):
        x, state = _inputs(s), _travelled(s)
        before = s(x, state)[0].detach()
        chosen = [1]
        part = state if state is None or s.centralised else state[:, chosen]
        loss = s(s.select(x, chosen), part, agents=chosen)[0].square().mean()
        s.zero_grad()
        loss.backward()
        torch.optim.SGD(s.optimiser_groups(0 if s.coupled else 1, 0.1)).step()
        moved = ((s(x, state)[0] - before).abs().amax((0, 1, 3)) > 0).tolist()
        wanted = [s.coupled or i == 1 for i in range(N)]
        assert moved == wanted, f"a step of agent 1 moves {moved}, not {wanted}"


def every_parameter_matters(factory: Factory) -> None:
    """Every trainable parameter gets a finite gradient that is not 0 from the outputs."""
    for s in _schemes(factory):
        # in double precision a gradient of round-off is told from one that is there
        state, x = _travelled(s), _inputs(s).double()
        s = s.double()
        out, _ = s(x, None if state is None else state.double(), _starts())
        (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
        sizes = {}
        for name, p in s.named_parameters():
            if p.requires_grad:
                assert p.grad is not None, f"{name} gets no gradient"
                assert bool(torch.isfinite(p.grad).all()), f"{name}'s gradient is not finite"
                sizes[name] = float(p.grad.abs().max())
        for name, size in sizes.items():
            assert size > ROUND_OFF * max(sizes.values()), f"{name}'s gradient is 0"


def terms_reach_the_loss(factory: Factory) -> None:
    """A regularised scheme has terms, and no other has; they are named finite scalars with gradients."""
    for s in _schemes(factory):
        kl = torch.tensor(0.3, requires_grad=True)
        s(_inputs(s), _travelled(s), _starts())
        terms = s.terms(kl)
        assert bool(terms) == s.regularised, f"terms {list(terms)} of a scheme that says regularised={s.regularised}"
        for name, term in terms.items():
            assert term.shape == (), f"the term {name} has shape {tuple(term.shape)}"
            assert bool(torch.isfinite(term)), f"the term {name} is {float(term)}"
            assert term.requires_grad, f"the term {name} has no gradient"


def every_part_matters(factory: Factory) -> None:
    """Each part that the scheme names changes its outputs or its terms when it is switched off."""
    for s in _schemes(factory):
        x, state = _inputs(s), _travelled(s)
        for _ in range(2):
            s.after_update()
            with torch.no_grad():
                for k, p in enumerate(s.parameters()):
                    p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(k)))
        before = _seen(s, x, state)
        for part in s.parts():
            other = copy.deepcopy(s)
            next(own for own in other.parts() if own.name == part.name).switch_off()
            after = _seen(other, x, state)
            same = set(before) == set(after) and all(torch.equal(before[name], after[name]) for name in before)
            assert not same, f"without its {part.name} it is the same"


def reads_only_what_it_says(factory: Factory) -> None:
    """Others' observations change an agent's outputs exactly where the scheme says that it is centralised."""
    for s in _schemes(factory):
        x, state = _inputs(s), _travelled(s)
        other = x.clone()
        # not a constant, which a layer norm would take away
        other[:, :, 1] += torch.randn(x.shape[-1], generator=torch.Generator().manual_seed(4))
        moved = (s(other, state)[0] - s(x, state)[0]).abs().amax((0, 1, 3)) > TOLERANCE
        assert bool(moved[1]), "an agent's own observation changes nothing"
        reads = bool(moved[0]) or bool(moved[2])
        assert reads == s.centralised, f"it reads others' observations: {reads}, and says centralised={s.centralised}"


def goes_on_from_a_saved_state(factory: Factory) -> None:
    """Another scheme that loads the state_dict gives the same outputs bit for bit, also after updates."""
    for s, other in zip(_schemes(factory), _schemes(factory, SEED + 1), strict=True):
        optimisers = [torch.optim.Adam(s.optimiser_groups(k, 1e-3)) for k in range(len(s.groups()))]
        for _ in range(2):
            s(_inputs(s), _travelled(s), _starts())[0].square().mean().backward()
            for optimiser in optimisers:
                optimiser.step()
            s.after_step()
            s.after_update()
        other.load_state_dict(copy.deepcopy(s.state_dict()))
        x, state = _inputs(s), _travelled(s)
        assert torch.equal(s(x, state)[0], other(x, state)[0]), "outputs differ after load_state_dict"


def refuses_no_agents(factory: Factory) -> None:
    """n = 0 is bad input."""
    try:
        factory(0, BODIES[0], torch.Generator())
    except InputError:
        return
    raise AssertionError("0 agents are accepted")


def _schemes(factory: Factory, seed: int = SEED) -> Iterator[Scheme]:
    for body in _bodies(factory):
        generator = torch.Generator().manual_seed(seed)
        scheme = factory(N, body, generator)
        with torch.no_grad():
            for p in scheme.parameters():
                p.add_(0.2 * torch.randn(p.shape, generator=generator))
        yield scheme


def _bodies(factory: Factory) -> list[Body]:
    plain, recurrent = BODIES
    try:
        factory(N, recurrent, torch.Generator().manual_seed(SEED))
    except InputError:
        return [plain]
    return [plain, recurrent]


def _inputs(s: Scheme) -> Tensor:
    return torch.randn(T, B, N, s.body.inputs + s.context, generator=torch.Generator().manual_seed(1))


def _starts() -> Tensor:
    starts = torch.zeros(T, B, dtype=torch.bool)
    starts[2, 0] = True
    return starts


def _travelled(s: Scheme) -> Tensor | None:
    """The state after some steps; None without one."""
    x = torch.randn(3, B, N, s.body.inputs + s.context, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return s(x, s.initial_state(B))[1]


def _seen(s: Scheme, x: Tensor, state: Tensor | None) -> dict[str, Tensor]:
    out = s(x, state, _starts())[0].detach()
    return {"outputs": out} | {name: term.detach() for name, term in s.terms(torch.tensor(0.3)).items()}


def _close(found: Tensor, wanted: Tensor, what: str) -> None:
    assert found.shape == wanted.shape, f"{what}: shape {tuple(found.shape)}, not {tuple(wanted.shape)}"
    error = float((found - wanted).detach().abs().max()) if found.numel() else 0.0
    size = float(wanted.detach().abs().max()) if wanted.numel() else 0.0
    assert error <= TOLERANCE * max(1.0, size), f"{what}, it differs by {error:.3g}"


CHECKS = (
    starts_as_its_generator_says,
    gives_outputs_and_states_of_its_shapes,
    answers_weights_asked_for_once,
    answers_for_some_agents,
    steps_and_sequences_agree,
    forgets_at_the_start_of_an_episode,
    groups_are_the_trainable_parameters,
    a_step_moves_whom_it_says,
    every_parameter_matters,
    every_part_matters,
    terms_reach_the_loss,
    reads_only_what_it_says,
    goes_on_from_a_saved_state,
    refuses_no_agents,
)
