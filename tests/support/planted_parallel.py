"""PettingZoo parallel environments that keep the contract or break it in one way, for the adapter's tests."""

import os
import time
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium import spaces

BREAK_AT = 3


class Planted:
    """Two agents of unequal sizes; obs counts the steps and carries a random number of the episode."""

    def __init__(self, how="sound", length=5, flag="", kind="discrete", stateful=False):
        self.how, self.length, self.flag, self.kind = how, length, flag, kind
        self.possible_agents = ["long", "short"]
        self.agents = []
        if stateful:
            self.state = lambda: self.shown_state()

    def observation_space(self, agent):
        if self.kind == "dict" and agent == "long":
            mask = spaces.Box(0, 1, (3,), np.int8)
            return spaces.Dict({"observation": spaces.Discrete(4), "action_mask": mask})
        return spaces.Box(-np.inf, np.inf, (3,) if agent == "long" else (1, 2))

    def action_space(self, agent):
        long = agent == "long"
        return {
            "discrete": spaces.Discrete(3 if long else 2, start=10),
            "dict": spaces.Discrete(3 if long else 2),
            "multi": spaces.MultiDiscrete([2, 3]) if long else spaces.MultiBinary(1),
            "box": spaces.Box(-2.0, 2.0, (2, 1)) if long else spaces.Box(0.0, 1.0, (1,)),
            "mixed": spaces.Discrete(2) if long else spaces.Box(0.0, 1.0, (1,)),
            "text": spaces.Text(3),
        }[self.kind]

    def reset(self, seed=None, options=None):
        self.rng = np.random.default_rng(seed)
        if self.how == "forgets-seed":
            self.rng = np.random.default_rng()
        self.agents = list(self.possible_agents)
        self.t, self.draw = 0, self.rng.random()
        self.received = None
        return self.seen(), self.infos()

    def step(self, actions):
        self.t += 1
        self.received = actions
        assert set(actions) == set(self.agents), f"actions of {set(actions)}, alive are {self.agents}"
        self.go_wrong()
        rewards = {"long": 1.0 * self.t, "short": 0.5}
        if self.how == "nan-reward" and self.t == BREAK_AT:
            rewards["short"] = np.nan
        ended, cut = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, False)
        if self.how == "dies-early" and self.t == 2:
            ended["short"] = True
        if self.t == self.length:
            for a in self.agents:
                (cut if self.how != "terminates" else ended)[a] = True
            if self.how == "both":
                ended = dict(cut)
        seen, infos = self.seen(), self.infos()
        self.agents = [a for a in self.agents if not (ended[a] or cut[a])]
        return seen, rewards, ended, cut, infos

    def go_wrong(self):
        if self.t != BREAK_AT or self.how not in ("raises", "exits", "hangs"):
            return
        if self.flag and Path(self.flag).exists():
            return
        if self.flag:
            Path(self.flag).touch()
        if self.how == "raises":
            raise ZeroDivisionError("the planted failure")
        if self.how == "exits":
            os._exit(3)
        time.sleep(1000)

    def seen(self):
        wrong = self.t == BREAK_AT
        long = np.array([self.t, self.draw, 1.0], dtype=np.float32)
        short = np.array([[self.t, -self.draw]], dtype=np.float64)
        if wrong and self.how == "nan-obs":
            short[0, 1] = np.nan
        if wrong and self.how == "huge-obs":
            short[0, 1] = 1e300
        if wrong and self.how == "wrong-shape":
            long = long[:2]
        found = {"long": long, "short": short}
        if self.kind == "dict":
            found["long"] = {"observation": self.t % 4, "action_mask": np.array([1, 0, self.t % 2], dtype=np.int8)}
        if wrong and self.how == "no-obs":
            del found["long"]
        return {a: found[a] for a in self.agents if a in found}

    def infos(self):
        infos = {a: {} for a in self.agents}
        mask = np.array([self.t % 2, 1], dtype=np.int8)
        if self.t == BREAK_AT and self.how == "no-action":
            mask[:] = 0
        if self.t == BREAK_AT and self.how == "wrong-mask":
            mask = np.ones(3, dtype=np.int8)
        if "short" in infos and self.kind == "discrete":
            infos["short"]["action_mask"] = mask
        if "long" in infos and self.kind == "multi":
            infos["long"]["action_mask"] = (np.array([1, 0]), np.array([0, 1, 1]))
        return infos

    def shown_state(self):
        if self.how == "state-bug":
            return self.missing.state
        if self.how == "no-state-inside":  # as a wrapper asks what it wraps
            return Bare().state()
        if self.t == BREAK_AT and self.how == "nan-state":
            return np.array([np.nan])
        if self.t == BREAK_AT and self.how == "wrong-state":
            return np.zeros(2)
        return np.array([self.t], dtype=np.float32)

    def state(self):
        raise NotImplementedError

    def close(self):
        pass


class Bare:
    possible_agents = ("long", "short")


def parallel_env(**options):
    return Planted(**options)


def refuses(**options):
    raise AssertionError("only with love")


assert gymnasium
