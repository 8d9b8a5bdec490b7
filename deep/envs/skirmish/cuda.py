"""Many battles on a CUDA GPU: the functions that ``batch`` runs in its loops, compiled by numba-cuda, one thread each.

The tensors stay on the device; numba reads them where they are (``__cuda_array_interface__``). A battle's draws are the
same words as on the CPU; floats may differ in the last place, for the GPU fuses multiplications and additions. In
numba's simulator (NUMBA_ENABLE_CUDASIM=1) the kernels run on NumPy arrays, interpreted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import cuda as numba_cuda
from torch import Tensor

from deep.envs.skirmish.batch import step_one
from deep.envs.skirmish.fields import CLOCK, EPISODE
from deep.envs.skirmish.show import show_battle, start_battle

cuda: Any = numba_cuda  # its kernels have no types
THREADS = 64
"""Threads a block: a battle keeps few values in registers, so many blocks fit."""


class OnCUDA:
    """The kernels, and the tensors as they take them."""

    def __init__(self) -> None:
        self._start, self._step, self._show = (cuda.jit(kernel) for kernel in (start_kernel, step_kernel, show_kernel))

    def arrays(self, *tensors: Tensor) -> tuple[Any, ...]:
        """The tensors' memory, as numba knows it."""
        return tuple(cuda.as_cuda_array(_readable(tensor)) for tensor in tensors)

    def constants(self, *arrays: np.ndarray) -> tuple[Any, ...]:
        """The scene, on the device."""
        return tuple(cuda.to_device(array) for array in arrays)

    def start_all(self, battles: Any, scene: Any, shown: Any, seed: int, first: int) -> None:
        """The first episode of every copy."""
        self._start[self._grid(battles)](battles, scene, shown, seed, first)

    def step_all(self, battles: Any, scene: Any, shown: Any, told: Any, last: Any, actions: Any, *where: int) -> None:
        """A step of every copy."""
        self._step[self._grid(battles)](battles, scene, shown, told, last, actions, *where)

    def show_all(self, battles: Any, scene: Any, shown: Any) -> None:
        """What every copy shows where it stands."""
        self._show[self._grid(battles)](battles, scene, shown)

    @staticmethod
    def _grid(battles: Any) -> tuple[int, int]:
        return -(-battles[0].shape[0] // THREADS), THREADS


def _readable(tensor: Tensor) -> Tensor:
    """numba's view of a tensor has no booleans that it may write; bytes are the same memory."""
    return tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor


def start_kernel(battles: Any, scene: Any, shown: Any, seed: int, first: int) -> None:
    """A thread's battle begins."""
    f, k, c, g, _ = battles
    table, types, starts, sizes, values, ground, _ = scene
    obs, state, available, alive = shown
    b = cuda.grid(1)
    if b < f.shape[0]:
        c[b, EPISODE], c[b, CLOCK] = 0, 0
        start_battle(f[b], k[b], c[b], g[b], table, types, starts, sizes, values, seed, first + b)
        show_battle(f[b], k[b], table, sizes, ground, obs[b], state[b], available[b], alive[b])


def step_kernel(
    battles: Any, scene: Any, shown: Any, told: Any, last: Any, actions: Any, seed: int, first: int
) -> None:
    """A thread's battle steps."""
    b = cuda.grid(1)
    if b < battles[0].shape[0]:
        step_one(battles, scene, shown, told, last, actions, seed, first, b)


def show_kernel(battles: Any, scene: Any, shown: Any) -> None:
    """A thread's battle shows itself."""
    f, k, _, _, _ = battles
    table, _, _, sizes, _, ground, _ = scene
    obs, state, available, alive = shown
    b = cuda.grid(1)
    if b < f.shape[0]:
        show_battle(f[b], k[b], table, sizes, ground, obs[b], state[b], available[b], alive[b])
