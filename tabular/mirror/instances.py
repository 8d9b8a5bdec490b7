"""Named instances of mirror learning, exactly on tables (Zhong et al., Section 4 and Theorem 16).

    HATRPO   zero drift, expected KL ball        the trust-region step, with its argmax exact
    HAPPO    clip drift, everything              E_{a~π}[min(rM, clip(r, 1±ε)M)], M joint (or the printed marginal)
    HAA2C    zero drift, everything              each agent in turn the best response to Q_π and the new predecessors
    HADDPG   the same on deterministic policies  μ^i(s) = argmax_a Q_π(s, μ_new^{pred}(s), a, μ^{rest}(s))

All use β = ρ_π. J is monotone for each of them (Theorem 16); where it stops is a Nash equilibrium under the hypotheses
of ``haml``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.policies import Policy
from marlcore.trace import Trace
from tabular.mirror.drifts import Clip, MarginalClip, Zero
from tabular.mirror.haml import haml
from tabular.mirror.neighbourhoods import ExpectedKL
from tabular.mirror.team import Order, as_team, start_policy


def hatrpo(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    delta: float = 0.01,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
) -> Trace:
    """Maximise the surrogate inside E_{s~ρ}[KL(π^i ‖ π̂^i)] ≤ δ, one agent after the other."""
    return haml(game, policy, Zero(), ExpectedKL(delta), "occupancy", iterations, order, rng)


def happo(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    epsilon: float = 0.2,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
    drift: type[Any] = Clip,
) -> Trace:
    """Maximise the clipped objective; ``drift`` = ``MarginalClip`` is the drift as printed, which is another one."""
    if drift not in (Clip, MarginalClip):
        raise InputError(f"happo's drift is Clip or MarginalClip, not {drift}")
    return haml(game, policy, drift(epsilon), sampling="occupancy", iterations=iterations, order=order, rng=rng)


def haa2c(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
) -> Trace:
    """Each agent in turn takes the best actions under the current advantage; of equals, those that it plays."""
    return haml(game, policy, iterations=iterations, order=order, rng=rng)


def haddpg(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
) -> Trace:
    """HAA2C's exact maximum on deterministic policies, where Q in place of A makes no difference to the argmax."""
    if not isinstance(policy, Trace):
        for i, table in enumerate(start_policy(as_team(game), policy)):
            mixed = np.flatnonzero((table.max(-1) < 1).reshape(-1))
            if len(mixed):
                raise InputError(f"haddpg needs deterministic policies, but policy[{i}](·|s={mixed[0]}) is mixed")
    return haa2c(game, policy, iterations, order, rng)
