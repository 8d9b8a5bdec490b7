"""The trace: refused when inconsistent, bit for bit the same after a file, and one run when two are joined."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marlcore.errors import InputError
from marlcore.trace import Trace


def make(records=3, seeds=2, states=2, actions=(2, 3), rng=0, start=0, **changes):
    """A trace with every field, of random numbers."""
    rng = np.random.default_rng(rng)
    tables = [rng.dirichlet(np.ones(a), (records, seeds, states)) for a in actions]
    fields = {
        "algorithm": "wolf_phc",
        "game": "matching pennies",
        "steps": start + 10 * np.arange(records),
        "policies": tuple(tables),
        "payoffs": rng.normal(size=(records, seeds, len(actions))),
        "average_policies": tuple(t[:, ::-1] for t in tables),
        "values": rng.normal(size=(records, seeds, len(actions), states)),
        "extras": {"bounds": np.full((records, seeds), np.nan), "order": rng.integers(0, 2, (records, seeds, 2))},
        "state": {"q": rng.normal(size=(seeds, 4)), "t": np.uint64(2**64 - 1), "rule": np.array(["γ", "win"])},
        "config": {"alpha": 0.1, "schedule": (1, 2.5), "big": 2**70, "rate": np.float64(1 / 3)},
        "provenance": {"version": "0"},
    }
    return Trace(**fields | changes)


def test_views():
    trace = make()
    assert (trace.n, trace.seeds) == (2, 2)
    assert [table.shape for table in trace.policy] == [(2, 2, 2), (2, 2, 3)]
    np.testing.assert_array_equal(trace.policy[1], trace.policies[1][2])
    assert trace.bounds is trace.extras["bounds"]
    assert trace.config["schedule"] == [1, 2.5]
    with pytest.raises(InputError, match="recorded no nash_gaps; its extras are: bounds, order"):
        _ = trace.nash_gaps
    with pytest.raises(InputError, match=r"payoffs\[0, 0\] differ between agents 0 and 1"):
        _ = trace.returns
    team = make(payoffs=np.repeat(np.arange(6.0).reshape(3, 2, 1), 2, axis=2))
    np.testing.assert_array_equal(team.returns, [[0, 1], [2, 3], [4, 5]])


def test_arrays_cannot_be_written_and_the_callers_stay_writable():
    payoffs = np.zeros((3, 2, 2))
    trace = make(payoffs=payoffs)
    for array in (trace.payoffs, trace.policies[0], trace.steps, trace.values, trace.extras["order"], trace.state["q"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    payoffs[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        trace.payoffs = payoffs


NAN = np.zeros((3, 2, 2))
NAN[1, 0, 1] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": [0, 20, 20]}, r"steps must increase, but steps\[2\] = 20 follows 20"),
        ({"steps": [-1, 0, 1]}, r"steps\[0\] = -1 is negative"),
        ({"steps": [0.0, 1.0, 2.0]}, r"steps must be integers \(R,\)"),
        ({"steps": []}, "with R ≥ 1"),
        ({"steps": [0, 1]}, r"\(R, K, S\) of policies\[0\] must be \(2, 2, 2\), not \(3, 2, 2\)"),
        ({"policies": ()}, "policies must be a tuple"),
        ({"policies": (np.full((3, 2, 2, 2), 0.5), np.full((3, 2, 2), 0.5))}, r"policies\[1\] must have shape"),
        (
            {"policies": (np.full((3, 2, 1, 2), 0.5), np.full((3, 2, 2, 2), 0.5))},
            r"of policies\[1\] must be \(3, 2, 1\)",
        ),
        ({"policies": (np.full((3, 2, 2, 2), 0.4),) * 2}, r"policies\[0\]\[r, k, s = \(0, 0, 0\)\] is not a distri"),
        ({"average_policies": (np.full((3, 2, 2, 2), 0.5),) * 2}, "average_policies must be"),
        ({"payoffs": np.zeros((3, 2))}, r"payoffs must be \(3, 2, 2\), not \(3, 2\)"),
        ({"payoffs": NAN}, r"payoffs\[1, 0, 1\] = nan is not a finite number"),
        ({"values": np.zeros((3, 2, 2, 1))}, r"values must be \(3, 2, 2, 2\), not \(3, 2, 2, 1\)"),
        ({"extras": {"gap": np.zeros((2, 2))}}, r"axes of extras\['gap'\] must be \(3, 2\), not \(2, 2\)"),
        ({"extras": {"a/b": np.zeros((3, 2))}}, "extras has the name 'a/b'"),
        ({"state": {"f": np.array([print])}}, r"state\['f'\] must be an array of numbers"),
        ({"config": {"f": print}}, "has no place in a JSON file"),
    ],
)
def test_what_is_no_trace_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=12),
    st.integers(0, 99),
)
def test_a_file_gives_back_every_bit(tmp_path_factory, records, seeds, states, actions, rng):
    path = tmp_path_factory.mktemp("traces") / "run.npz"
    trace = make(records, seeds, states, tuple(actions), rng, extras={"x.y": np.full((records, seeds), -0.0)})
    trace.save(path)
    again = Trace.load(path)
    assert trace.identical(again)
    assert again.provenance == trace.provenance
    assert again.state["t"].dtype == np.uint64
    assert np.signbit(again.extras["x.y"]).all()
    bare = Trace("a", "", trace.steps, trace.policies, trace.payoffs)
    bare.save(path, overwrite=True)
    assert Trace.load(path).identical(bare)
    assert not trace.identical(bare)
    assert pickle.loads(pickle.dumps(trace)).identical(trace)


def test_one_changed_bit_is_a_difference():
    payoffs = np.array(make().payoffs)
    payoffs[0, 0, 0] = np.nextafter(payoffs[0, 0, 0], 9)
    assert not make().identical(make(payoffs=payoffs))
    assert not make().identical(make(config={"alpha": 0.2}))
    assert not make().identical(make(state={}))


def test_a_run_and_its_continuation_are_one_run():
    whole = make(records=5)
    parts = []
    for rows in (slice(0, 3), slice(3, 5), slice(2, 5)):
        changes = {n: getattr(whole, n)[rows] for n in ("steps", "payoffs", "values")}
        changes |= {n: tuple(t[rows] for t in getattr(whole, n)) for n in ("policies", "average_policies")}
        parts.append(dataclasses.replace(whole, extras={k: v[rows] for k, v in whole.extras.items()}, **changes))
    first, rest, overlapping = parts
    stale = dataclasses.replace(first, state={"q": np.zeros(1)})
    assert stale.append(rest).identical(whole)
    assert stale.append(overlapping).identical(whole)
    assert first.append(rest).provenance["continues"] == {"version": "0"}
    with pytest.raises(InputError, match="starts at step 20, before the end 40"):
        whole.append(dataclasses.replace(overlapping, steps=[20, 21, 22]))
    with pytest.raises(InputError, match="payoffs at step 20 is not the same"):
        first.append(dataclasses.replace(overlapping, payoffs=overlapping.payoffs + 1))
    with pytest.raises(InputError, match="config of the continuation is"):
        first.append(dataclasses.replace(rest, config={"alpha": 0.2}))
    with pytest.raises(InputError, match="game of the continuation is 'chicken'"):
        first.append(dataclasses.replace(rest, game="chicken"))
    with pytest.raises(InputError, match="only one of run and continuation records values"):
        first.append(dataclasses.replace(rest, values=None))
    with pytest.raises(InputError, match=r"of extras\.order in the continuation must be"):
        first.append(dataclasses.replace(rest, extras=rest.extras | {"order": np.zeros((2, 2, 3), dtype=int)}))


def test_files_are_not_overwritten_and_bad_ones_are_named(tmp_path):
    path = tmp_path / "run.npz"
    make().save(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"run\.npz exists and is not overwritten"):
        make(rng=1).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
    make(rng=1).save(path, overwrite=True)
    assert Trace.load(path).identical(make(rng=1))
    with pytest.raises(InputError, match=r"nothing\.npz cannot be read: No such file"):
        Trace.load(tmp_path / "nothing.npz")
    with pytest.raises(InputError, match="there is no directory"):
        make().save(tmp_path / "absent" / "run.npz")


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    make().save(path)
    data = path.read_bytes()

    def refused(content, message):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            Trace.load(path)

    refused(b"", "run.npz is no marlcore trace file")
    refused(data[:-100], "cut short")
    refused(b"PK" + bytes(500), "no marlcore trace file")
    place = data.index(b"payoffs.npy") + 200
    refused(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], "run.npz is damaged at 'payoffs'")
    np.savez(path, a=np.zeros(3))
    refused(path.read_bytes(), "run.npz is no marlcore trace file: it has no header")
    np.savez(path, header=np.array([{"a": 1}], dtype=object))
    refused(path.read_bytes(), "run.npz is damaged at 'header'")
    for header, message in [
        ("[1]", "names the format None"),
        ("{", "damaged at 'header'"),
        ('{"format": "marlcore game", "version": 1}', "names the format 'marlcore game'"),
        ('{"format": "marlcore trace", "version": 2}', "has version 2 of the marlcore trace format, not 1"),
        (
            '{"format": "marlcore trace", "version": 1, "fields": {}, "arrays": {}}',
            "header's 'algorithm' must be a str",
        ),
    ]:
        np.savez(path, header=np.frombuffer(header.encode(), dtype=np.uint8))
        refused(path.read_bytes(), message)


def rewritten(path, arrays=None, **changes):
    """The file at ``path`` with other arrays, its header adapted unless told otherwise."""
    import json

    with np.load(path) as archive:
        content = dict(archive)
    header = json.loads(content.pop("header").tobytes())
    content.update(arrays or {})
    content = {k: v for k, v in content.items() if v is not None}
    header["arrays"] = changes.get("listed") or {k: [v.dtype.str, list(v.shape)] for k, v in content.items()}
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **content)


@pytest.mark.parametrize(
    ("arrays", "changes", "message"),
    [
        ({"payoffs": None}, {}, "run.npz: there is no array 'payoffs'"),
        ({"policies.0": None}, {}, "the numbers of the policies must be"),
        ({"payoffs": np.zeros((3, 2, 1))}, {}, r"run.npz: payoffs must be \(3, 2, 2\)"),
        ({}, {"listed": {"payoffs": ["<f8", [1]]}}, "run.npz is damaged: array 'payoffs' must be"),
        ({}, {"listed": {"absent": ["<f8", [1]]}}, "run.npz is damaged: its array 'absent' is missing"),
    ],
)
def test_a_consistent_archive_that_is_no_trace_is_refused(tmp_path, arrays, changes, message):
    path = tmp_path / "run.npz"
    make().save(path)
    rewritten(path, arrays, **changes)
    with pytest.raises(InputError, match=message):
        Trace.load(path)


def test_notebooks_get_a_small_table_with_nothing_unescaped():
    trace = make(game="<b>")
    page = trace._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "2 with 2, 3 actions" in page
    assert "3 (steps 0 to 20)" in repr(trace)
