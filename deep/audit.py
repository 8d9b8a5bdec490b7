"""Training on an exact game, held against exact values: what an update promised, and what it did.

    J_{k+1} ≥ J_k ?      J_{k+1} ≥ J_k + Σ_m [L_m − C·D_m]  (HARL, Lemma 8)      Â, M against A_π and Π π̄/π · A_π

On ``game:NAME`` an observation is the unit vector of the state, so π(·|s) is read out of the networks, and everything
that a sample estimates is a sum over states and joint actions (``marlcore``). Per update the audit reports

    J, change            the exact return, and by how much it rose or fell
    bound, bound_sharp   Lemma 8's bound with C and with C*, which J is never below: a theorem, so a test of the audit
    kl                   max_s KL(π^i_k(·|s) ‖ π^i_{k+1}(·|s)), the largest of the agents'; kl_0, kl_1, … of each
    nash_gap             what an agent could gain alone; optimality_gap what the team could gain together
    advantage_bias       mean of Â − A_π over the batch, advantage_variance the variance of the difference
    M_bias, M_variance   the same for M: the estimate that the agent's step used, on the scale of rewards, less
                         A_π(s,a)·Π_{j≠i} π̄^j/π^j from the tables at that moment
    factor_error         largest |M − Â·Π_{j≠i} π̄^j/π^j|/max(1, |·|): the products alone, exact but for float32

Nothing here is guaranteed about J: a few gradient steps on samples are no argmax. The audit counts how often it falls.
Only games that pay all agents the same can be audited; the theory is about those.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from deep.actor import Actor, policy_tables
from deep.config import Config
from deep.envs.game import GameEnvironment
from deep.normalise import masked_mean
from deep.rollout import Batch
from deep.session import Session
from marlcore.bounds import lower_bound_from
from marlcore.divergences import max_kl
from marlcore.errors import InputError
from marlcore.games import TeamGame, as_team
from marlcore.policies import Policy
from marlcore.responses import nash_gap
from marlcore.values import Evaluation, evaluate
from tabular import solve_team

ROUNDING = 1e-9
"""A fall of J by less than this share of its scale is round-off."""


@dataclass(frozen=True, eq=False)
class Audit:
    """The exact account of a run: one row for each update, and the policies before the first and after the last."""

    config: Config
    rows: tuple[dict[str, Any], ...]
    returns: np.ndarray
    """J before the first and after every update."""
    optimum: float
    """J of the best joint policy (tabular.solve_team)."""
    policy: Policy
    """The last tables, (S, A_i) each."""

    @property
    def falls(self) -> np.ndarray:
        """By how much J fell, in the updates in which it did."""
        change = np.diff(self.returns)
        return -change[change < -ROUNDING * max(1.0, abs(self.optimum))]

    def summary(self) -> dict[str, Any]:
        """The run in a line."""
        last, falls = self.rows[-1], self.falls
        found = {
            "algorithm": self.config.algorithm,
            "game": self.config.env,
            "sharing": self.config.sharing,
            "updates": len(self.rows),
            "J": float(self.returns[-1]),
            "optimum": self.optimum,
            "nash_gap": last["nash_gap"],
            "falls": len(falls),
            "largest_fall": float(falls.max()) if len(falls) else 0.0,
            "below_bound": sum(row["J"] < row["bound_sharp"] - ROUNDING for row in self.rows),
        }
        errors = [row["factor_error"] for row in self.rows if "factor_error" in row]
        return found | ({"factor_error": max(errors)} if errors else {})


def audit(config: Config, watch: Callable[[dict[str, Any]], None] | None = None, sampled: bool = True) -> Audit:
    """Train ``config`` on its exact game and account for every update.

    ``sampled=False`` leaves out the estimates (Â, M), which cost as much as the rest.
    """
    if not config.env.startswith("game:"):
        raise InputError(f"only exact games can be audited (game:climbing, say), not {config.env}")
    session = Session(config)
    try:
        assert isinstance(session.env, GameEnvironment)
        game = as_team(session.env.game)
        optimum = float(solve_team(game).J)
        policy, rows = tables(session), []
        at = evaluate(game, policy)
        returns = [float(at.J)]
        for _ in range(config.updates):
            estimates = _Estimates(session, policy, at) if sampled else None
            figures = session.update(None if estimates is None else estimates.note)
            new = tables(session)
            after = evaluate(game, new)
            row = {"update": session.updates, "step": session.steps, **_exact(game, policy, at, new, after, optimum)}
            row |= {} if estimates is None else estimates.figures()
            rows.append(row | {name: figures[name] for name in ("entropy", "value_loss")})
            policy, at = new, after
            returns.append(float(at.J))
            if watch is not None:
                watch(rows[-1])
        return Audit(config, tuple(rows), np.array(returns), optimum, policy)
    finally:
        session.close()


def tables(session: Session) -> Policy:
    """π^i(a|s) of the networks, (S, A_i) each, in float64 with rows that sum to 1."""
    return read_policy(session.learner.actor, session.spec.state_size, session.env.device)


def read_policy(actor: Actor, states: int, device: torch.device | str = "cpu") -> Policy:
    """What an actor plays in each state of an exact game, read by the unit vectors of the states."""
    if actor.scheme.sequential:
        raise InputError("a recurrent policy has no table over states: audit one without recurrence or history")
    obs = torch.eye(states, device=device)[:, None].expand(-1, actor.spec.n_agents, -1)
    with torch.no_grad():
        found = [table.double().cpu().numpy() for table in policy_tables(actor, obs)]
    return tuple(table / table.sum(-1, keepdims=True) for table in found)


def _exact(
    game: TeamGame, policy: Policy, at: Evaluation, new: Policy, after: Evaluation, optimum: float
) -> dict[str, Any]:
    """What can be said without a sample."""
    bounds = {
        name: float(lower_bound_from(at, game.discount, policy, new, None, penalty).value)
        for name, penalty in (("bound", "paper"), ("bound_sharp", "sharp"))
    }
    kl = [float(max_kl(p, q)) for p, q in zip(policy, new, strict=True)]
    J = float(after.J)
    return {
        "J": J,
        "change": J - float(at.J),
        **bounds,
        "kl": max(kl),
        **{f"kl_{i}": value for i, value in enumerate(kl)},
        "nash_gap": float(nash_gap(game, new).max),
        "optimality_gap": optimum - J,
    }


class _Estimates:
    """What the steps of one update learn from, against enumeration under the policy that collected the batch."""

    def __init__(self, session: Session, policy: Policy, at: Evaluation) -> None:
        self.session, self.policy = session, policy
        self.A = torch.as_tensor(np.asarray(at.A), dtype=torch.float64, device=session.env.device)
        self.advantage: list[torch.Tensor] = []
        self.M: list[torch.Tensor] = []
        self.factor: list[float] = []

    def note(self, agents: tuple[int, ...], own: Batch) -> None:
        """Compare one step's M, and the advantages if this is the first step."""
        raw = self.session.batch
        assert raw is not None
        state = raw.state.argmax(-1)
        exact = self.A[(state, *raw.actions.unbind(-1))]
        estimate = raw.advantages[..., 0].double()
        if not self.advantage:
            self.advantage = [estimate - exact]
        scale, shift = self._scale(raw)
        now = tables(self.session)
        for k, i in enumerate(agents):
            product = torch.ones_like(exact)
            # where all agents step at once nobody has moved, whoever shares parameters
            for j in (j for j in range(len(now)) if j != i and len(agents) == 1):
                # of the actions that were drawn alone: one that is never drawn may have the probability 0
                new, old = (
                    torch.as_tensor(p[j], device=exact.device)[state, raw.actions[..., j]] for p in (now, self.policy)
                )
                product = product * new / old
            M, standard = own.advantages[..., k].double(), (estimate - shift) / scale
            # M is made of standardised advantages; on the scale of rewards it is M·scale + shift·Π
            self.M.append(M * scale + shift * product - exact * product)
            wanted = standard * product
            self.factor.append(float(((M - wanted).abs() / wanted.abs().clamp(min=1.0)).max()))

    def figures(self) -> dict[str, float]:
        """Biases and variances over the batch."""
        advantage, M = (torch.cat([x.reshape(-1) for x in parts]) for parts in (self.advantage, self.M))
        return {
            "advantage_bias": float(advantage.mean()),
            "advantage_variance": float(advantage.var(correction=0)),
            "M_bias": float(M.mean()),
            "M_variance": float(M.var(correction=0)),
            "factor_error": max(self.factor),
        }

    def _scale(self, raw: Batch) -> tuple[float, float]:
        if not self.session.config.rollout.standardise:
            return 1.0, 0.0
        mean = masked_mean(raw.advantages, raw.weights)
        std = masked_mean((raw.advantages - mean) ** 2, raw.weights).sqrt()
        return float(std) + 1e-5, float(mean)


def small(config: Config) -> Config:
    """The same run with what suits an exact game: many short copies, and networks of one hidden layer."""
    rollout = dataclasses.replace(config.rollout, copies=200, length=10)
    return dataclasses.replace(config, rollout=rollout, network=dataclasses.replace(config.network, hidden=(64,)))
