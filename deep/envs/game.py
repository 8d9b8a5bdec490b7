"""Any ``marlcore`` game as an environment: ``game:climbing``, ``game:penalty?k=-30``, ``game:my_game.npz``.

    s_0 ~ d      r_i = r_i(s, a)      s' ~ P(·|s, a)      obs_i = state = the unit vector of s

The bridge to exact values: π(·|s) is what a policy says on the unit vector of s, so V, Q and J of trained networks can
be computed by ``marlcore.values.evaluate``.

- The discount is the game's own (``spec.discount``). A Markov game has no last step, so an episode is *truncated* after
  ``limit`` steps and bootstraps; by default T with γ^T ≤ 0.01. The mean discounted sum of an episode's rewards is off
  J by at most ``spec.extra["truncation_bias"]`` = γ^T·max|r|/(1−γ).
- A matrix game is played once: its episode *terminates* after one step. With ``discount`` it is repeated, a Markov game
  of one state.
- With ``absorbing=stop`` an episode also *terminates* in a state that every action leads back to for reward 0: its
  value is 0, so V, Q and J are the same, and no step is spent there.
- Options: ``limit``, ``absorbing``, ``discount`` (matrix games only), and the parameters of the library's game.
- A unit vector has S entries: B·S·4 bytes a step. Transitions stay sparse; a game of rationals becomes one of floats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.envs import draws, options
from deep.envs.protocol import Discrete, Environment, Family, Final, Spec, Timestep, check_actions, check_seed
from marlcore import io, library
from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame, is_team
from marlcore.validation import is_sparse

REMAINDER = 0.01
"""The share γ^T of the horizon's rewards that the default episode limit leaves out."""
START, MOVE = 0, 1
"""The draws of a copy's stream: of the first state of an episode, and of the next state."""


class GameEnvironment(Environment):
    """B copies of an exact game. Copy b's k-th draw is word k of stream ``first + b``."""

    def __init__(
        self,
        game: Game,
        name: str,
        batch: int,
        device: torch.device,
        seed: int,
        first: int = 0,
        limit: int | None = None,
        stops: bool = False,
    ) -> None:
        if game.batch_shape:
            raise InputError(f"{name} is a batch of games of shape {game.batch_shape}; an environment plays one")
        game = game if game.kind == "float" else game.convert("float")
        once = isinstance(game, MatrixGame)
        self.game = game.as_markov(0) if isinstance(game, MatrixGame) else game
        self.batch, self.device, self.first, self.seed = batch, device, first, seed
        gamma = float(self.game.discount)
        self.limit = 1 if once else _default_limit(gamma) if limit is None else limit
        if self.limit < 1:
            raise InputError(f"limit must be at least 1 step, not {self.limit}")
        self.once = once
        rewards = _rewards(self.game)
        counts = self.game.action_counts
        bias = 0.0 if once else gamma**self.limit * float(np.abs(rewards).max()) / (1 - gamma)
        self.spec = Spec(
            name=name,
            obs_sizes=(self.game.S,) * len(counts),
            state_size=self.game.S,
            spaces=tuple(Discrete(count) for count in counts),
            episode_limit=self.limit,
            discount=gamma,
            team=is_team(self.game),
            extra={"truncation_bias": bias},
        )
        self._strides = torch.tensor([math.prod(counts[i + 1 :]) for i in range(len(counts))], device=device)
        self._rewards = torch.as_tensor(rewards.reshape(len(counts), -1).T.copy(), dtype=torch.float32, device=device)
        self._moves = _Moves(self.game, device)
        self._start = torch.as_tensor(np.cumsum(np.asarray(self.game.start, dtype=float)), device=device)
        allowed = torch.arange(self.spec.n_actions) < torch.tensor(counts)[:, None]
        self._available = allowed.to(device).expand(batch, -1, -1)
        self._alive = torch.ones(batch, len(counts), dtype=torch.bool, device=device)
        self._copies = torch.arange(first, first + batch, device=device)
        self._no = torch.zeros(batch, dtype=torch.bool, device=device)
        self._ends = self._moves.absorbing(self._rewards) if stops else None
        self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy in a state of d, at step 0."""
        self.seed = self.seed if seed is None else check_seed(seed)
        self.count = 0
        self.age = torch.zeros(self.batch, dtype=torch.int64, device=self.device)
        self.state = self._draw_start()
        return self._fresh()

    def step(self, actions: Tensor) -> Timestep:
        """Rewards of (s, a), then s' ~ P(·|s, a)."""
        check_actions(self.spec, actions, self._available)
        row = self.state * self._rewards_per_state + (actions * self._strides).sum(-1)
        reward = self._rewards[row]
        last = self._moves.draw(row, draws.uniform(self.seed, self._copies, self.count, MOVE))
        self.count += 1
        self.age = self.age + 1
        cut = self.age >= self.limit
        terminated = cut if self.once else self._no if self._ends is None else self._ends[last]
        truncated = cut & ~terminated
        ended = terminated | truncated
        self.state, final = last, None
        if bool(ended.any()):
            final = Final(*self._unit(last))
            self.state = torch.where(ended, self._draw_start(), last)
            self.age = torch.where(ended, 0, self.age)
        obs, state = self._unit(self.state)
        return Timestep(obs, state, self._available, self._alive, reward, terminated, truncated, final)

    def save(self) -> dict[str, Any]:
        """Seed, counter, states and ages."""
        return {"seed": self.seed, "count": self.count, "state": self.state.clone(), "age": self.age.clone()}

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from there."""
        if tuple(saved["state"].shape) != (self.batch,):
            raise InputError(
                f"{self.spec.name}: a saved batch of {len(saved['state'])} does not fit {self.batch} copies"
            )
        self.seed, self.count = int(saved["seed"]), int(saved["count"])
        self.state, self.age = saved["state"].to(self.device), saved["age"].to(self.device)
        return self._fresh()

    @property
    def _rewards_per_state(self) -> int:
        return math.prod(self.game.action_counts)

    def _draw_start(self) -> Tensor:
        u = draws.uniform(self.seed, self._copies, self.count, START)
        return torch.searchsorted(self._start, u, right=True).clamp(max=self.game.S - 1)

    def _unit(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n, S) and (B, S): the unit vector of each state, written once."""
        unit = torch.zeros(self.batch, self.game.S, device=self.device).scatter_(1, states[:, None], 1.0)
        return unit[:, None].expand(-1, self.spec.n_agents, -1), unit

    def _fresh(self) -> Timestep:
        obs, state = self._unit(self.state)
        reward = torch.zeros_like(self._alive, dtype=torch.float32)
        return Timestep(obs, state, self._available, self._alive, reward, self._no, self._no)


class _Moves:
    """Draws of the next state: the first s' whose cumulated probability in the row (s, a) is above u."""

    def __init__(self, game: MarkovGame | TeamGame, device: torch.device) -> None:
        if is_sparse(game.transitions):
            matrix = game.transitions.tocsr()
        else:
            from scipy import sparse

            matrix = sparse.csr_matrix(np.asarray(game.transitions, dtype=float).reshape(-1, game.S))
        matrix.eliminate_zeros()
        starts, ends = matrix.indptr[:-1], matrix.indptr[1:]
        self._cumulated = torch.as_tensor(_cumulate(matrix.indptr, matrix.data), device=device)
        self._next = torch.as_tensor(matrix.indices.astype(np.int64), device=device)
        self._start = torch.as_tensor(starts.astype(np.int64), device=device)
        self._length = torch.as_tensor((ends - starts).astype(np.int64), device=device)
        self._longest = int((ends - starts).max())
        self._joint = math.prod(game.action_counts)

    def draw(self, row: Tensor, u: Tensor) -> Tensor:
        """Bisection within each row's slice."""
        low = torch.zeros_like(row)
        high = self._length[row] - 1
        start = self._start[row]
        for _ in range(max(self._longest - 1, 0).bit_length()):
            middle = (low + high) // 2
            above = self._cumulated[start + middle] > u
            low, high = torch.where(above, low, torch.minimum(middle + 1, high)), torch.where(above, middle, high)
        return self._next[start + low]

    def absorbing(self, rewards: Tensor) -> Tensor:
        """(S,) bool: states that every joint action leads back to for reward 0 to everyone; ``rewards`` is (S·A, n)."""
        joint = self._joint
        row = torch.arange(rewards.shape[0], device=rewards.device)
        back = (self._length == 1) & (self._next[self._start] == row // joint) & (rewards == 0).all(-1)
        return back.reshape(-1, joint).all(-1)


@compiled
def _cumulate(indptr, data):
    """The cumulated probabilities of each row."""
    out = np.empty(data.shape[0])
    for row in range(indptr.shape[0] - 1):
        total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            total += data[k]
            out[k] = total
    return out


def make(
    task: str,
    batch: int,
    device: torch.device,
    seed: int,
    first: int = 0,
    limit: str | None = None,
    discount: str | None = None,
    absorbing: str | None = None,
    **parameters: str,
) -> GameEnvironment:
    """The game of that name in the library, or of that file."""
    if absorbing not in (None, "stay", "stop"):
        raise InputError(f"game:{task}: absorbing must be stay or stop, not {absorbing!r}")
    game = _load(task, parameters)
    if discount is not None:
        if not isinstance(game, MatrixGame):
            raise InputError(f"game:{task} has the discount {float(game.discount)} of its own; leave the option out")
        game = game.as_markov(_number("discount", discount))
    given = {"limit": limit, "discount": discount, "absorbing": absorbing, **parameters}
    name = options.name("game", task, {key: text for key, text in given.items() if text is not None})
    steps = None if limit is None else options.Reader(name, {"limit": limit}).integer("limit", 1, least=1)
    return GameEnvironment(game, name, batch, device, seed, first, steps, absorbing == "stop")


def _load(task: str, parameters: Mapping[str, str]) -> Game:
    if Path(task).suffix in (".npz", ".nfg"):
        if parameters:
            raise InputError(f"game:{task} is a file and has no parameters {', '.join(parameters)}")
        return io.load(task)
    numbers: dict[str, Any] = {key: _number(key, text) for key, text in parameters.items()}
    return library.load(task, **numbers)


def _number(name: str, text: str) -> int | float | Fraction:
    for kind in (int, float, Fraction):
        try:
            return kind(text)
        except (ValueError, ZeroDivisionError):
            continue
    raise InputError(f"{name} must be a number, not {text!r}")


def _default_limit(gamma: float) -> int:
    return 1 if gamma == 0 else max(1, math.ceil(math.log(REMAINDER) / math.log(gamma)))


def _rewards(game: MarkovGame | TeamGame) -> np.ndarray:
    """(n, S, A_1, …, A_n)"""
    rewards = np.asarray(game.rewards, dtype=float)
    return np.broadcast_to(rewards, (game.n, *rewards.shape)) if isinstance(game, TeamGame) else rewards


FAMILY = Family(make, library.names, ("climbing", "prisoners_dilemma?discount=0.5", "soccer?limit=30&absorbing=stop"))
