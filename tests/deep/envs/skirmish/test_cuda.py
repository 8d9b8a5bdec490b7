"""The CUDA kernels without a GPU: in numba's simulator, bit for bit with the CPU, and compiled to PTX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[4]

PLAY = """
import sys

import torch

from deep.envs.skirmish import policies
from deep.envs.skirmish.env import Skirmish

simulated = sys.argv[2] == "simulated"
if simulated:
    from deep.envs.skirmish import cuda

    class Simulated(cuda.OnCUDA):
        def arrays(self, *tensors):
            return tuple(tensor.numpy() for tensor in tensors)

        def constants(self, *arrays):
            return arrays


found = []
for name, batch, steps in (("3m", 2, 24), ("MMM", 1, 5), ("bane_vs_bane", 1, 3), ("zerg_5_vs_5", 1, 8)):
    env = Skirmish(name, batch, torch.device("cpu"), 6, first=2)
    if simulated:
        env._engine = Simulated()
        env.reset(6)
    for k in range(steps):
        t = env.step(policies.act(env, ("attack_nearest", "random")[k % 5 == 4], 6, k))
        found += [x.clone() for x in (t.obs, t.state, t.available, t.alive, t.reward, t.terminated, t.truncated)]
    found += [env.f, env.k, env.c, env.load(env.save()).obs.clone()]
    if name == "3m":
        assert int(env.c[:, 1].min()) > 0, "no episode ended: resets are not compared"
torch.save(found, sys.argv[1])
print("played")
"""

PTX = """
import sys
from types import SimpleNamespace

from numba import cuda, types
from numba.cuda import dispatcher

from deep.envs.skirmish import cuda as kernels

dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=(8, 0))  # there is no driver here


def array(kind, axes):
    return types.Array(kind, axes, "C")


f32, i32, i64, u8 = types.float32, types.int32, types.int64, types.uint8
battles = types.Tuple((array(f32, 3), array(i32, 3), array(i64, 2), array(f32, 2), array(f32, 3)))
scene = (array(f32, 2), array(i32, 1), array(f32, 2), array(i32, 1), array(f32, 1), array(u8, 2), array(u8, 2))
scene, shown = types.Tuple(scene), types.Tuple((array(f32, 3), array(f32, 2), array(u8, 3), array(u8, 2)))
told = types.Tuple((array(f32, 2), array(i64, 1), array(i64, 1), array(i64, 1)))
last = types.Tuple((array(f32, 3), array(f32, 2)))
kinds = {
    "start_kernel": (battles, scene, shown, i64, i64),
    "show_kernel": (battles, scene, shown),
    "step_kernel": (battles, scene, shown, told, last, array(i64, 2), i64, i64),
}
for name in sys.argv[1:]:
    ptx, _ = cuda.compile_ptx(getattr(kernels, name), kinds[name], cc=(8, 0))
    assert ".visible .entry" in ptx
    assert not [line for line in ptx.splitlines() if ".f64" in line], "a literal made float64 of a number"
print("compiled")
"""


def said(code, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_interpreted_in_the_simulator_a_battle_has_the_bits_of_the_compiled_one(tmp_path):
    assert said(PLAY, tmp_path / "compiled", "compiled") == "played"
    interpreted = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    assert said(PLAY, tmp_path / "simulated", "simulated", **interpreted) == "played"
    one, other = (torch.load(tmp_path / name) for name in ("compiled", "simulated"))
    assert len(one) == len(other) > 100
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def has_numba_cuda():
    code = "import numba_cuda, numba.cuda; print(numba.cuda.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return "numba_cuda" in done.stdout


needs_compiler = pytest.mark.skipif(not has_numba_cuda(), reason="numba-cuda and its NVVM are not installed")


@needs_compiler
def test_what_a_battle_shows_compiles_to_ptx_without_float64():
    assert said(PTX, "start_kernel", "show_kernel") == "compiled"


@needs_compiler
@pytest.mark.slow
def test_a_battles_step_compiles_to_ptx_without_float64():
    assert said(PTX, "step_kernel") == "compiled"
