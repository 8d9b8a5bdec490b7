"""VMAS's own version of simple_spread: the peer of the benchmark ``envs``, run by a Python that has vmas."""

# pyright: reportMissingImports=false

import torch
from vmas import make_env


def steps(batch, count):
    """A job of ``count`` steps of ``batch`` copies, actions drawn beforehand."""
    torch.set_num_threads(1)
    env = make_env("simple_spread", num_envs=batch, device="cpu", continuous_actions=False, seed=0)
    env.reset()
    actions = [torch.randint(0, 5, (batch, 1)) for _ in range(3)]

    def job():
        for _ in range(count):
            env.step(actions)

    return job
