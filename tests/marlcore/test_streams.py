"""The streams: Random123's known answers, the same bits in NumPy, numba and torch, and numbers that look random."""

import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from marlcore import streams
from marlcore import streams_compiled as fast
from marlcore.compiled import compiled
from marlcore.errors import InputError

# Random123 (Salmon et al.), kat_vectors: philox4x32, 10 rounds; counter words 0..3, key words 0..1, result
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
MOST = {"seed": 2**64 - 1, "stream": 2**32 - 1, "step": 2**63 - 1, "draw": 2**32 - 1}
counters = st.tuples(*(st.integers(0, top) for top in MOST.values()))


@compiled
def as_tuple(seed, stream, step, draw):
    return fast.words(seed, stream, step, draw)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer, monkeypatch):
    draw, low, high, stream = counter
    seed, step = key[0] | key[1] << 32, low | high << 32
    assert fast.words(np.uint64(seed), stream, np.uint64(step), draw) == answer
    assert as_tuple(np.uint64(seed), stream, np.uint64(step), draw) == answer
    monkeypatch.setattr(streams, "_check", lambda *_: None)  # the second vector has a step of 64 bits
    assert tuple(streams.words(seed, stream, step, draw)) == answer
    tensors = [torch.tensor(x - 2**64 if x >= 2**63 else x) for x in (seed, stream, step, draw)]
    assert tuple(streams.words(*tensors).tolist()) == answer


def signed(value):
    return torch.tensor(value - 2**64 if value >= 2**63 else value)


@settings(deadline=None, max_examples=60)
@given(counters, st.integers(1, 2**31), st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
def test_three_libraries_give_the_same_numbers(counter, bound, weights):
    seed, stream, step, draw = counter
    tensors = tuple(map(signed, counter))
    scalar = (np.uint64(seed), stream, step, draw)
    p = np.array(weights) / sum(weights)
    assert streams.uniform(*counter) == fast.uniform(*scalar) == streams.uniform(*tensors).item()
    assert streams.uniform32(*counter) == fast.uniform32(*scalar) == streams.uniform32(*tensors).item()
    assert streams.integers(bound, *counter) == fast.integers(bound, *scalar) == streams.integers(bound, *tensors)
    assert streams.choice(p, *counter) == fast.choice(p, *scalar) == streams.choice(torch.tensor(p), *tensors).item()
    assert streams.choice(torch.tensor(p), *counter).item() == streams.choice(p, *tensors).item()
    assert fast.normal(*scalar) == pytest.approx(streams.normal(*counter), rel=1e-15, abs=1e-18)
    assert streams.normal(*tensors).item() == pytest.approx(streams.normal(*counter), rel=1e-15, abs=1e-18)
    assert 0 <= streams.integers(bound, *counter) < bound
    assert 0 <= streams.uniform(*counter) < 1


def test_the_shape_of_a_batch_does_not_matter():
    stream, step = np.arange(5)[:, None], np.arange(2**33, 2**33 + 7)
    table = streams.words(9, stream, step, 3)
    assert table.shape == (5, 7, 4)
    assert table.dtype == np.uint32
    for i, j in np.ndindex(5, 7):
        assert (table[i, j] == streams.words(9, i, 2**33 + j, 3)).all()
    assert (streams.words(9, torch.tensor(stream), torch.tensor(step), 3).numpy() == table).all()
    assert streams.uniform(np.uint64(2**64 - 1), 1) == streams.uniform(2**64 - 1, np.int32(1))
    assert streams.choice(np.full((5, 1, 3), 1 / 3), 9, stream, step).shape == (5, 7)


@compiled(parallel=True)
def in_threads(steps, agents):
    out = np.empty((steps, agents))
    for t in numba.prange(steps):
        for i in range(agents):
            out[t, i] = fast.uniform(11, i, t, 0)
    return out


def test_the_number_of_threads_does_not_matter():
    expected = streams.uniform(11, np.arange(3), np.arange(1000)[:, None])
    before = numba.get_num_threads()
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            np.testing.assert_array_equal(in_threads(1000, 3), expected)
    finally:
        numba.set_num_threads(before)


def test_every_argument_matters_and_only_its_own_bits():
    base = {"seed": 5, "stream": 6, "step": 7, "draw": 8}
    seen = {tuple(streams.words(**base))}
    for name, top in MOST.items():
        for bit in range((top + 1).bit_length() - 1):
            seen.add(tuple(streams.words(**{**base, name: base[name] ^ (1 << bit)})))
    assert len(seen) == 1 + 64 + 32 + 63 + 32


@pytest.mark.parametrize("axis", ["seed", "stream", "step", "draw"])
def test_uniforms_are_uniform_and_neighbours_independent_along_each_axis(axis):
    u = streams.uniform(**{"seed": 1, axis: np.arange(100_000)})
    counts = np.bincount((u * 100).astype(int), minlength=100)
    assert 1e-3 < stats.chisquare(counts).pvalue < 1 - 1e-3
    pairs = np.bincount((u[::2] * 10).astype(int) * 10 + (u[1::2] * 10).astype(int), minlength=100)
    assert 1e-3 < stats.chisquare(pairs).pvalue < 1 - 1e-3
    low = np.bincount((u * 2**53).astype(np.int64) & 63, minlength=64)  # the last bits as well
    assert 1e-3 < stats.chisquare(low).pvalue < 1 - 1e-3
    single = streams.uniform32(**{"seed": 1, axis: np.arange(100_000)})
    assert single.dtype == np.float32
    assert (single <= u).all()
    assert (u - single < 2**-24).all()


def test_normals_are_normal_and_integers_fill_their_range():
    z = streams.normal(2, step=np.arange(100_000))
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4 / np.sqrt(len(z))
    for bound in (1, 2, 7, 1000):
        counts = np.bincount(streams.integers(bound, 3, step=np.arange(100_000)), minlength=bound)
        assert len(counts) == bound
        assert bound == 1 or 1e-3 < stats.chisquare(counts).pvalue < 1 - 1e-3
    bounds = np.array([3, 2**31], dtype=np.uint64)
    assert (streams.integers(bounds, 3) == [streams.integers(3, 3), streams.integers(2**31, 3)]).all()


def test_choices_follow_their_probabilities():
    p = np.array([0.1, 0.0, 0.6, 0.25, 0.05, 0.0])
    counts = np.bincount(streams.choice(p, 4, step=np.arange(100_000)), minlength=6)
    assert counts[1] == counts[5] == 0
    assert 1e-3 < stats.chisquare(counts[p > 0], 100_000 * p[p > 0]).pvalue < 1 - 1e-3


@pytest.mark.parametrize("u", [0.0, 2.0**-53, 0.3, 0.7 - 2**-53, 0.7, 1 - 2**-53])
def test_an_action_of_probability_zero_is_never_chosen_wherever_u_falls(u, monkeypatch):
    monkeypatch.setattr(streams, "uniform", lambda *_: np.float64(u))
    for p in ([0, 0.3, 0, 0.4, 0.3 - 1e-12, 0], [0, 0, 1 - 1e-12], [1 - 1e-12, 0, 0], [0, 1, 0], [0.1] * 10):
        p = np.array(p, dtype=float)
        chosen = int(streams.choice(p, 0))
        assert p[chosen] > 0
        assert fast.choose(p, u) == chosen == int(streams.choice(torch.tensor(p), 0))
        assert u >= p.sum() or p[:chosen].sum() <= u


def test_what_does_not_fit_the_counter_is_refused():
    for name, top in MOST.items():
        with pytest.raises(InputError, match=rf"{name} must be in \[0, {top + 1}\), not {top + 1}"):
            streams.words(**{"seed": 0, name: top + 1})
        with pytest.raises(InputError, match=rf"{name} must be in .*, not -3"):
            streams.words(**{"seed": 0, name: np.array([1, -3])})
    with pytest.raises(InputError, match=r"seed must be an integer .*, not 0\.5"):
        streams.uniform(0.5)
    with pytest.raises(InputError, match=r"bound must be in \[1, "):
        streams.integers(0, 1)


def test_the_numpy_side_imports_neither_numba_nor_torch():
    code = "import sys, marlcore.streams as s; s.normal(1, 2, 3); print({'numba', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
