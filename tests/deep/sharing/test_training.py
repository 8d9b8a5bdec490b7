"""What a scheme asks of training reaches it: rates, terms, hooks, options in a config's text."""

import pytest
import torch

from deep.algorithms.value import Value
from deep.config import Config, Network, Rollout
from deep.evaluate import play
from deep.session import Session
from marlcore.errors import InputError


def session(text, algorithm="happo", **fields):
    rollout = Rollout(copies=3, length=8, chunk=4)
    config = Config(
        algorithm, "mpe:simple_spread", sharing=text, steps=48, rollout=rollout, network=Network(hidden=(8,)), **fields
    )
    return Session(config)


def test_terms_rates_and_hooks_of_a_scheme_reach_training():
    run = session("obs_hyper?target_every=7&fusion=2&lr=0.0003")
    scheme = run.learner.actor.scheme
    (optimiser,) = run.learner.actor_optimisers
    assert [(group["name"], group["lr"]) for group in optimiser.param_groups] == [
        ("theta", 5e-4),
        ("hypernetwork", 3e-4),
    ]
    before = {name: p.detach().clone() for name, p in scheme.named_parameters()}
    figures = run.update()
    assert figures["smoothness"] > 0
    assert figures["alignment"] > 0
    # three agents, five epochs, one minibatch
    assert int(scheme.get_buffer("steps")) == 15
    assert int(scheme.get_buffer("kept")) == 1
    unmoved = [name for name, p in scheme.named_parameters() if p.requires_grad and torch.equal(p, before[name])]
    assert not unmoved
    assert run.batch.hidden.shape[1:] == (3, scheme.state_size)
    run.close()


@pytest.mark.parametrize("weight", ["alpha", "beta"])
def test_a_term_changes_what_is_learnt(weight):
    results = []
    for value in ("0.1", "5.0"):
        run = session(f"obs_hyper?target_every=0&{weight}={value}", algorithm="mappo")
        run.update()
        results.append(torch.cat([p.detach().flatten() for p in run.learner.actor.parameters()]))
        run.close()
    assert float((results[0] - results[1]).abs().max()) > 1e-5


def test_a_natural_step_follows_the_terms_too():
    steps = []
    for alpha in ("0.1", "50"):
        run = session(f"obs_hyper?target_every=0&alpha={alpha}", algorithm="hatrpo")
        run.update()
        steps.append(torch.cat([p.detach().flatten() for p in run.learner.actor.parameters()]))
        run.close()
    assert float((steps[0] - steps[1]).abs().max()) > 1e-6


def test_a_critic_can_be_generated_too():
    run = session("fups", value=Value(sharing="obs_hyper?fused=gaussian&fusion=1&lr=0.002", view="agent"))
    figures = run.update()
    assert figures["value_smoothness"] > 0
    assert figures["value_alignment"] > 0
    assert [group["lr"] for group in run.learner.critic_optimiser.param_groups] == [5e-4, 0.002]
    run.close()


@pytest.mark.parametrize(
    ("env", "fused", "heads"),
    [
        ("mpe:simple_spread?continuous_actions=true", "gaussian", ()),
        ("mpe:simple_reference?factored=true", "categorical", (5, 10)),
        ("mpe:simple_spread", "categorical", (5,)),
    ],
    ids=["box", "multi-discrete", "discrete"],
)
def test_fused_policies_are_compared_as_what_their_outputs_mean(env, fused, heads):
    """Unless a run says otherwise: means of a box are no logits, nor are two dimensions one softmax; nor is a value."""
    rollout, value = Rollout(copies=2, length=4), Value(sharing="obs_hyper?fusion=1", view="agent")
    run = Session(Config("mappo", env, sharing="obs_hyper?fusion=1", value=value, rollout=rollout))
    assert (run.learner.actor.scheme.options.fused, run.learner.actor.scheme.options.heads) == (fused, heads)
    assert run.learner.critic.scheme.options.fused == "gaussian"
    run.close()


def test_the_previous_action_and_reward_reach_the_hypernetwork():
    run = session("obs_hyper?context=6")
    run.update()
    assert run.batch.obs.shape[-1] == run.spec.obs_size + 6
    found = play(run.learner.actor, run.env, 1, True, 0)
    assert found.returns.shape == (3, 1)
    run.close()
    with pytest.raises(InputError, match="context = 2, and the previous action and reward"):
        session("obs_hyper?context=2")
