"""A scripted environment: deaths, both kinds of endings at known steps, every kind of action; nothing is random.

Copy b's episodes have 3 + b % 3 steps; every second one terminates, the others are truncated. Agent 1 dies after the
first step of each episode. The reward of step k is 1 + k/2 plus a tenth of the first action of agent 0.
"""

import torch

from deep.envs.protocol import Box, Discrete, Environment, Family, Final, MultiDiscrete, Spec, Timestep, check_actions

SPACES = {
    "discrete": (Discrete(3), Discrete(2)),
    "multi": (MultiDiscrete((2, 3)), MultiDiscrete((2, 2))),
    "box": (Box((-1.0, -1.0), (1.0, 1.0)), Box((-2.0,), (2.0,))),
}


class Toy(Environment):
    def __init__(self, task, batch, device, seed, first=0, saves=True, poison=None, dies=True):
        self.batch, self.device, self.seed, self.first = batch, device, seed, first
        self.poison, self.dies = poison, dies
        self.spec = Spec(f"toy:{task}", (4, 3), 2, SPACES[task], saves=saves)
        self.reset()

    def reset(self, seed=None):
        self.copy = torch.arange(self.first, self.first + self.batch)
        self.age, self.episode = torch.zeros_like(self.copy), torch.zeros_like(self.copy)
        self.calls = 0
        return self._show(torch.zeros(self.batch, 2))

    def step(self, actions):
        check_actions(self.spec, actions, self._available())
        self.calls += 1
        first = actions.reshape(self.batch, 2, -1)[:, 0, 0].float()
        reward = (1 + self.age / 2 + first / 10)[:, None].expand(-1, 2).clone()
        self.age = self.age + 1
        ended = self.age >= 3 + self.copy % 3
        final = Final(*self._seen()) if bool(ended.any()) else None
        terminated, truncated = ended & (self.episode % 2 == 0), ended & (self.episode % 2 == 1)
        self.episode = self.episode + ended.long()
        self.age = torch.where(ended, 0, self.age)
        if self.poison is not None and self.calls == self.poison:
            reward[0] = torch.nan
        return self._show(reward, terminated, truncated, final)

    def save(self):
        if not self.spec.saves:
            return super().save()
        return {"age": self.age.clone(), "episode": self.episode.clone(), "calls": self.calls}

    def load(self, saved):
        if not self.spec.saves:
            return super().load(saved)
        self.age, self.episode, self.calls = saved["age"].clone(), saved["episode"].clone(), saved["calls"]
        return self._show(torch.zeros(self.batch, 2))

    def _seen(self):
        state = torch.stack([1 + self.age.float(), self.copy.float() / 10], -1)
        agent = torch.eye(2).expand(self.batch, 2, 2)
        obs = torch.cat([state[:, None].expand(-1, 2, -1), agent], -1)
        obs[:, 1, 3] = 0  # padding
        return obs, state

    def _alive(self):
        alive = torch.ones(self.batch, 2, dtype=torch.bool)
        alive[:, 1] = (self.age == 0) | (not self.dies)
        return alive

    def _available(self):
        counts, spaces = self.spec.action_counts, self.spec.spaces
        mask = torch.zeros(self.batch, 2, sum(counts), dtype=torch.bool)
        alive, start = self._alive(), 0
        for k, count in enumerate(counts):
            for i, space in enumerate(spaces):
                own = space.n if isinstance(space, Discrete) else space.counts[k]
                mask[:, i, start] = True
                mask[:, i, start + 1 : start + own] = alive[:, i, None]
            start += count
        return mask

    def _show(self, reward, terminated=None, truncated=None, final=None):
        no = torch.zeros(self.batch, dtype=torch.bool)
        obs, state = self._seen()
        ends = (no if terminated is None else terminated), (no if truncated is None else truncated)
        return Timestep(obs, state, self._available(), self._alive(), reward, *ends, final, {"won": ends[0]})


def family(**options):
    """A family of toys, to register for a test."""

    def make(task, batch, device, seed, first=0, **text):
        return Toy(task, batch, device, seed, first, **options)

    return Family(make, lambda: sorted(SPACES), tuple(SPACES))
