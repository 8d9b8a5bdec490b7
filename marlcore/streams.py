"""Random numbers as a function of where they are used: counter-based streams, the same on any machine and any device.

    words(seed, stream, step, draw) = Philox4x32-10(key, counter)

    key      seed mod 2³², seed div 2³²                                seed   in [0, 2⁶⁴)
    counter  draw, step mod 2³², step div 2³², stream                  draw   in [0, 2³²), step in [0, 2⁶³)
                                                                       stream in [0, 2³²): an agent or a battle
Philox is Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011: a bijection of counters
that passes BigCrush. There is no state: any draw can be asked for in any order, by any thread, in any batch, again.

The four arguments are integers, NumPy arrays or torch tensors, and broadcast. Tensors give tensors on their device; the
arithmetic is 64-bit and integer, so the words, the uniforms and the choices are the same bits in NumPy, in torch and in
``marlcore.streams_compiled`` (numba, one draw at a time); normals agree to a few units in the last place, because each
library has its own logarithm and cosine. Every draw is a block of its own: draws of different kinds at one counter
share their words, so give each use its own ``draw``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
"""Philox4x32's constants: the multipliers of a round, and what is added to the key between rounds (Salmon et al.)."""
ROUNDS = 10
_MASK = 0xFFFFFFFF


def words(seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """The block of four 32-bit words at a counter, (…, 4): uint32 in NumPy, int64 in torch."""
    block = _block(seed, stream, step, draw)
    if numbers.kind_of(seed, stream, step, draw) == "torch":
        import torch

        return torch.stack(block, -1)
    return np.stack(block, -1).astype(np.uint32)


def uniform(seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """Uniform on the multiples of 2⁻⁵³ in [0, 1): the first 53 bits of the block, float64."""
    return _fraction(*_block(seed, stream, step, draw)[:2])


def uniform32(seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """Uniform on the multiples of 2⁻²⁴ in [0, 1): the first 24 bits of the block, float32."""
    return _float(_block(seed, stream, step, draw)[0] >> 8, 32) * 2.0**-24


def integers(bound: Any, seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """Uniform on 0, …, bound − 1 for 1 ≤ bound ≤ 2³¹: ⌊w·bound/2⁶⁴⌋ with w of 64 bits, biased by less than 2⁻³³."""
    _check("bound", bound, 1, 2**31 + 1)
    high, low, _, _ = _block(seed, stream, step, draw)
    bound = bound if numbers.kind_of(bound) == "torch" else np.asarray(bound, dtype=np.int64)[()]
    return (high * bound + (low * bound >> 32)) >> 32


def normal(seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """Standard normal by Box & Muller (1958): √(−2 ln(1 − u))·cos 2πv, u and v the two uniforms of the block."""
    a, b, c, d = _block(seed, stream, step, draw)
    u, v = _fraction(a, b), _fraction(c, d)
    if numbers.kind_of(u) == "torch":
        return (-2 * (1 - u).log()).sqrt() * (2 * math.pi * v).cos()
    return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * math.pi * v)


def choice(probabilities: Any, seed: Any, stream: Any = 0, step: Any = 0, draw: Any = 0) -> Any:
    """An action by the inverse distribution function: the first a with p(0) + … + p(a) > u, over the last axis.

    An action of probability 0 is never chosen: where rounding leaves the sum at or below u, the last possible one is.
    The other axes broadcast with the counter. The sum runs from the left in float64, so no library adds otherwise.
    """
    u = uniform(seed, stream, step, draw)
    if numbers.kind_of(probabilities, u) == "torch":
        import torch

        device = probabilities.device if numbers.kind_of(probabilities) == "torch" else u.device
        p, u = (torch.as_tensor(x, dtype=torch.float64, device=device) for x in (probabilities, u))
    else:
        p = np.asarray(probabilities, dtype=float)
    total, passed, last = 0.0 * u, 0, 0
    for a in range(p.shape[-1]):
        total = total + p[..., a]
        passed = passed + _integer(total <= u)
        last = last + (a - last) * _integer(p[..., a] > 0)
    return passed + (last - passed) * _integer(passed > last)


def _block(seed: Any, stream: Any, step: Any, draw: Any) -> tuple[Any, Any, Any, Any]:
    """Ten rounds of Philox4x32 on int64 numbers: a product of two 32-bit words wraps around to the right 64 bits."""
    for name, value, end in (("seed", seed, 2**64), ("stream", stream, 2**32), ("step", step, 2**63)):
        _check(name, value, 0, end)
    _check("draw", draw, 0, 2**32)
    device = next((x.device for x in (seed, stream, step, draw) if numbers.kind_of(x) == "torch"), None)
    (k0, k1), (c1, c2) = _halves(seed, device), _halves(step, device)
    c0, c3 = _halves(draw, device)[0], _halves(stream, device)[0]
    c0, c1, c2, c3, k0, k1 = _broadcast(device, c0, c1, c2, c3, k0, k1)
    with np.errstate(over="ignore"):
        for _ in range(ROUNDS):
            p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
            c0, c1, c2, c3 = (p1 >> 32 & _MASK) ^ c1 ^ k0, p1 & _MASK, (p0 >> 32 & _MASK) ^ c3 ^ k1, p0 & _MASK
            k0, k1 = k0 + WEYL[0] & _MASK, k1 + WEYL[1] & _MASK
    return c0, c1, c2, c3


def _halves(value: Any, device: Any) -> tuple[Any, Any]:
    """The low and the high 32 bits of a 64-bit integer, each as an int64."""
    if isinstance(value, int):
        return value & _MASK, value >> 32
    if device is None:
        value = np.asarray(value).astype(np.uint64)
        return (value & np.uint64(_MASK)).astype(np.int64), (value >> np.uint64(32)).astype(np.int64)
    return value.long() & _MASK, value.long() >> 32 & _MASK


def _broadcast(device: Any, *values: Any) -> Any:
    if device is None:
        return np.broadcast_arrays(*(np.asarray(v, dtype=np.int64) for v in values))
    import torch

    return torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.int64, device=device) for v in values))


def _fraction(high: Any, low: Any) -> Any:
    return _float(high << 21 | low >> 11, 64) * 2.0**-53


def _float(bits: Any, size: int) -> Any:
    if numbers.kind_of(bits) == "torch":
        return bits.double() if size == 64 else bits.float()
    return bits.astype(np.float64 if size == 64 else np.float32)


def _integer(condition: Any) -> Any:
    return condition.long() if numbers.kind_of(condition) == "torch" else np.asarray(condition).astype(np.int64)


def _check(name: str, value: Any, start: int, end: int) -> None:
    """Refuse what does not fit the counter; tensors are taken at their word, since asking would wait for the device."""
    if numbers.kind_of(value) == "torch":
        return
    if not isinstance(value, int) and np.asarray(value).dtype.kind not in "iu":
        raise InputError(f"{name} must be an integer or an array of integers, not {value!r}")
    array = np.asarray(value, dtype=object if isinstance(value, int) else None)
    if array.size and not (start <= int(array.min()) and int(array.max()) < end):
        bad = array.min() if int(array.min()) < start else array.max()
        raise InputError(f"{name} must be in [{start}, {end}), not {bad}")
