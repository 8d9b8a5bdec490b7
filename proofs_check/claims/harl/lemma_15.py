"""Lemma 15: if no agent's mirror operator falls at any state, the value rises at every state.

    [M^{π_new^{i_m}}A_π](s) ≥ [M^{π^{i_m}}A_π](s) for every s and m   ⇒   V_new(s) ≥ V_old(s) for every s
    [M^{π̂}A_π](s) = E_{a^{i_{1:m−1}}~π_new, a^i~π̂}[A^i_π] − D^i_π(π̂ | s)

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (preprint numbering). Instances satisfy
the condition by construction: where a new row does not, the old row takes its place. ``on_average`` asks for the
condition under ρ only, ``ball_suffices`` drops from neighbourhoods (Def. 13) that one state can be reset alone; both
are false.
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.advantages import expected_advantage
from marlcore.numbers import Kind
from marlcore.values import evaluate
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import TEAM_PAIRS, exact_instance, over_states, team
from proofs_check.instances import Instance, Layout, Reals, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
KINDS: tuple[Kind, ...] = ("float", "torch", "rational")


def _operator(x: Instance, Q: Any, tables: tuple[Any, ...], m: int) -> Any:
    """HAMO of the m-th agent of the order at its table in ``tables``, with the squared-L2 drift, at every state."""
    i = x.order[m]
    step = tables[i] - x.policy[i]
    return expected_advantage(Q, x.policy, tables, x.order[: m + 1]) - (step * step).sum(-1)


def repaired(x: Instance) -> tuple[Any, ...]:
    """``x.new`` with the old row wherever the operator would fall, agent after agent."""
    Q = evaluate(team(x), x.policy).Q
    tables = list(x.new)
    for m, i in enumerate(x.order):
        gain = _operator(x, Q, tuple(tables), m)
        # staying gives 0: the surrogate and the drift vanish at the old policy
        tables[i] = numbers.where((gain >= 0)[..., None], tables[i], x.policy[i])
    return tuple(tables)


def everywhere(x: Instance) -> Any:
    """min_s V_new(s) − V_old(s) for the repaired policy."""
    game = team(x)
    return over_states(x, evaluate(game, repaired(x)).V - evaluate(game, x.policy).V)


def average(x: Instance) -> Any:
    """The same for x.new, unless the ρ-average of some agent's operator falls: then what it falls by."""
    game = team(x)
    old = evaluate(game, x.policy)
    gains = [(old.rho * _operator(x, old.Q, x.new, m)).sum(-1) for m in range(len(x.order))]
    rise = over_states(x, evaluate(game, x.new).V - old.V)
    worst = gains[0]
    for gain in gains[1:]:
        worst = numbers.minimum(worst, gain)
    return numbers.maximum(rise, -worst)


def two_states(interior: bool = True, states: int = 2) -> Layout:
    """γ = 0: the gain of a far policy at two states, the weights β of the objective, and the start d."""
    return {
        "gain": Reals((states,)),
        "beta": Rows((states,), interior=interior),
        "start": Rows((states,), interior=True),
    }


def far_policy(x: Instance) -> Any:
    """d·gain if β·gain ≥ 0, so that the far policy is taken; U is a tiny ball and that one policy."""
    objective = (x.beta * x.gain).sum(-1)
    return numbers.maximum((x.start * x.gain).sum(-1), -objective)


def state_by_state(x: Instance) -> Any:
    """The same when every state may be reset alone: the far row is taken only where it gains."""
    kept = numbers.where((x.beta * x.gain) >= 0, x.gain, x.gain * 0)
    return (x.start * kept).sum(-1)


def positive(x: Instance) -> Any:
    """Whether β(s) > 0 everywhere."""
    return (numbers.convert(x.beta, "float") > 0).all(-1)


def unseen() -> Instance:
    """β(s_1) = 0: a loss there changes no objective."""
    sizes = {"interior": False}
    return exact_instance(two_states(False), sizes, gain=[0, -1], beta=[1, 0], start=["1/2", "1/2"])


def normal_shape(x: Instance) -> Any:
    """β(s_1)² − β(s_0)β(s_2) where J does not fall: a normal density is log-concave."""
    log_concave = x.beta[..., 1] * x.beta[..., 1] - x.beta[..., 0] * x.beta[..., 2]
    return numbers.where(state_by_state(x) >= 0, log_concave, log_concave * 0)


def two_peaks() -> Instance:
    """β = (9/20, 1/10, 9/20), a policy that gains everywhere."""
    made = two_states(states=3)
    third = ["1/3", "1/3", "1/3"]
    return exact_instance(made, {"states": 3}, gain=[1, 1, 1], beta=["9/20", "1/10", "9/20"], start=third)


def _beta() -> Instance:
    return exact_instance(two_states(), gain=[1, -1], beta=["9/10", "1/10"], start=["1/10", "9/10"])


every_state = Claim(
    statement=r"[\mathcal{M}^{\pi_{new}^{i_m}} A_\pi](s) \ge [\mathcal{M}^{\pi^{i_m}} A_\pi](s) \ \forall s, m"
    r" \Rightarrow V_{new}(s) \ge V_{old}(s) \ \forall s",
    plain="If no agent's mirror operator falls at any state, no state's value falls.",
    source=SOURCE,
    locator="Lemma 15 of the preprint",
    status="proved",
    kind="inequality",
    margin=everywhere,
    family=TEAM_PAIRS,
    numbers=KINDS,
)
on_average = Claim(
    statement=r"E_{s \sim \rho}[\mathcal{M}^{\pi_{new}^{i_m}} A_\pi](s) \ge 0 \ \forall m \Rightarrow"
    r" V_{new}(s) \ge V_{old}(s) \ \forall s",
    plain="It is enough that the operators do not fall on average over the states.",
    source="Lemma 15 read loosely",
    locator="a common reading",
    status="refuted",
    kind="inequality",
    margin=average,
    family=TEAM_PAIRS,
    expected="refuted",
    numbers=KINDS,
)
ball_suffices = Claim(
    statement=r"\mathcal{U} \supseteq \text{a ball around } \pi, \quad \pi_{new} \in"
    r" \arg\max_{\mathcal{U}} E_\beta[\mathcal{M} A_\pi]"
    r" \Rightarrow J(\pi_{new}) \ge J(\pi)",
    plain="A neighbourhood needs only to contain a ball around the old policy.",
    source=SOURCE,
    locator="Definition 13 of the preprint, as printed",
    status="refuted",
    kind="inequality",
    margin=far_policy,
    family=Family(two_states),
    expected="refuted",
    numbers=KINDS,
    witness=_beta,
    note="γ = 0, U = a tiny ball and one far policy: under β = (.9, .1) it is taken, under d = (.1,"
    " .9) J falls by 0.8.",
)
closed_under_resets = Claim(
    statement=r"\mathcal{U} \text{ closed under resetting one state}: \quad \pi_{new} \in"
    r" \arg\max_{\mathcal{U}} E_\beta[\mathcal{M} A_\pi]"
    r" \Rightarrow J(\pi_{new}) \ge J(\pi)",
    plain="If any one state may be put back to the old policy, the maximiser gains at every state, whatever β > 0 is.",
    source="derived",
    locator="Definition 13 with the condition that it needs",
    status="ours",
    kind="inequality",
    margin=state_by_state,
    family=Family(two_states),
    hypotheses={"positive": Hypothesis("β(s) > 0 for every s", positive, unseen)},
    numbers=KINDS,
)
sampling_is_normal = Claim(
    statement=r"J(\pi_{new}) \ge J(\pi) \text{ under } \beta_\pi \Rightarrow \beta_\pi \text{ is a normal"
    r" distribution:} \ \beta(s_1)^2 \ge \beta(s_0) \beta(s_2)",
    plain="The sampling distribution β of mirror learning is a normal distribution.",
    source="notes on mirror learning",
    locator="as printed; any positive distribution that depends continuously on π will do",
    status="refuted",
    kind="inequality",
    margin=normal_shape,
    family=Family(lambda states=3: two_states(states=states), ({"states": 3},)),
    expected="refuted",
    numbers=KINDS,
    assumes=("harl/lemma_15/closed_under_resets",),
    witness=two_peaks,
    note="Equal steps of a normal density are log-concave; β with two peaks serves as well (closed_under_resets).",
)
