"""The compiled-function wrapper: fresh after any edit, silent when nothing changed, harmless to others."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from marlcore.compiled import compiled, specialise
from marlcore.errors import InputError
from marlcore.kit import cachedir


@pytest.fixture
def world(tmp_path):
    """A directory of files, and a function that runs one of them in a fresh process with its own cache."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/', 1)}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def run(script, **environment):
        settings = {"MARLCORE_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(tmp_path / f"{script}.py")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **settings, **environment},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return write, run, tmp_path


CALLER = """
    from marlcore.compiled import compiled
    from {package}.callee import callee

    @compiled
    def caller(x):
        return callee(x) + 1
"""
CALLEE = """
    from marlcore.compiled import compiled

    @compiled
    def callee(x):
        return x * {factor}
"""
MAIN = """
    import json, sys
    from pathlib import Path
    sys.path.insert(0, str(Path(__file__).parent))
    from {package}.caller import caller
    result = caller(10)
    hits, misses = (sum(s.values()) for s in (caller.stats.cache_hits, caller.stats.cache_misses))
    print(json.dumps([result, hits, misses]))
"""


def test_an_edit_in_a_callee_in_another_file_is_seen_and_an_unchanged_process_compiles_nothing(world):
    write, run, _ = world
    write(pkg____init__="", pkg__caller=CALLER.format(package="pkg"), main=MAIN.format(package="pkg"))
    write(pkg__callee=CALLEE.format(factor=2))
    assert run("main") == [21, 0, 1]
    assert run("main") == [21, 1, 0]
    write(pkg__callee=CALLEE.format(factor=3))
    assert run("main") == [31, 0, 1]
    write(pkg__callee=CALLEE.format(factor=2))
    assert run("main") == [21, 1, 0]  # the first version's machine code is still there


def test_an_edit_in_a_callee_of_another_package_and_in_a_constant_is_seen(world):
    write, run, _ = world
    write(one____init__="", two____init__="", main=MAIN.format(package="one"), constants="FACTOR = 2")
    write(one__caller=CALLER.format(package="two"))
    write(two__callee="from constants import FACTOR\n" + textwrap.dedent(CALLEE.format(factor="FACTOR")))
    assert run("main") == [21, 0, 1]
    assert run("main") == [21, 1, 0]
    write(constants="FACTOR = 5")
    assert run("main") == [51, 0, 1]
    write(two__callee=CALLEE.format(factor=7))
    assert run("main") == [71, 0, 1]


TEMPLATE = """
    import numpy as np

    RATE = 0.5

    def update(q, r):
        return q

    def loop(rewards):
        q = 0.0
        for t in range(rewards.shape[0]):
            q = update(q, rewards[t] * RATE)
        return q
"""
SPECIALISED = """
    import json, sys
    from pathlib import Path
    sys.path.insert(0, str(Path(__file__).parent))
    import numpy as np
    import template, user
    from marlcore.compiled import specialise
    rewards = np.arange(1.0, 6.0)
    out = []
    for name in sys.argv[1:] or {names!r}:
        f = specialise(template.loop, update=getattr(user, name), RATE={rate})
        g = specialise(template.loop, update=getattr(user, name), RATE={rate})
        assert f is g
        out += [f(rewards), sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values())]
    print(json.dumps(out))
"""
USER = """
    from helper import shrink

    def slow(q, r):
        return shrink(q) + r

    def fast(q, r):
        return q + 2.0 * r

    def make(scale):
        def update(q, r):
            return q + scale * r
        return update

    ten, hundred = make(10.0), make(100.0)
"""
HELPER = """
    from marlcore.compiled import compiled

    @compiled
    def shrink(q):
        return q * {rate}
"""


def expected(update, rate=0.5):
    q = 0.0
    for reward in np.arange(1.0, 6.0):
        q = update(q, reward * rate)
    return q


def test_a_bound_update_is_cached_between_processes_and_agrees_with_python(world):
    write, run, _ = world
    write(template=TEMPLATE, user=USER, helper=HELPER.format(rate=0.5))
    write(main=SPECIALISED.format(names=["slow"], rate=0.5))
    slow = expected(lambda q, r: q * 0.5 + r)
    assert run("main") == [slow, 0, 1]
    assert run("main") == [slow, 1, 0]
    write(helper=HELPER.format(rate=0.25))
    assert run("main") == [expected(lambda q, r: q * 0.25 + r), 0, 1]


def test_bound_constants_are_part_of_the_key(world):
    write, run, _ = world
    write(template=TEMPLATE, user=USER, helper=HELPER.format(rate=0.5))
    for rate in (0.5, 2.0):
        write(main=SPECIALISED.format(names=["fast"], rate=rate))
        assert run("main") == [expected(lambda q, r: q + 2 * r, rate), 0, 1]
    assert run("main") == [expected(lambda q, r: q + 2 * r, 2.0), 1, 0]


def test_machine_codes_of_different_processes_do_not_take_each_others_place(world):
    write, run, _ = world
    write(template=TEMPLATE, user=USER, helper=HELPER.format(rate=0.5))
    for name in ("ten", "hundred", "fast"):
        write(**{name: SPECIALISED.format(names=[name], rate=1.0)})
        assert run(name)[1:] == [0, 1]
    write(main=SPECIALISED.format(names=["ten", "hundred", "fast"], rate=1.0))
    assert run("main") == [150.0, 1, 0, 1500.0, 1, 0, 30.0, 1, 0]


def test_two_processes_that_save_at_once_keep_each_others_code(world):
    write, run, tmp_path = world
    write(pkg____init__="", pkg__caller=CALLER.format(package="pkg"), pkg__callee=CALLEE.format(factor=2))
    body = MAIN.format(package="pkg").replace("caller(10)", "caller({value})")
    write(first=body.format(value="10"), second=body.format(value="10.5"))
    environment = {
        **os.environ,
        "MARLCORE_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    both = [subprocess.Popen([sys.executable, str(tmp_path / f"{n}.py")], env=environment) for n in ("first", "second")]
    assert [process.wait() for process in both] == [0, 0]
    assert run("first") == [21, 1, 0]
    assert run("second") == [22.0, 1, 0]


def test_other_libraries_functions_are_cached_where_they_were(world):
    write, run, tmp_path = world
    write(
        other="""
        import json
        import numba
        from marlcore.compiled import compiled

        @compiled
        def ours(x):
            return x + 1

        @numba.njit(cache=True)
        def theirs(x):
            return ours(x)

        theirs(1)
        print(json.dumps([numba.config.CACHE_DIR, theirs.stats.cache_path, ours.stats.cache_path]))
        """
    )
    directory, theirs, ours = run("other")
    assert directory == ""
    assert Path(theirs) == tmp_path / "__pycache__"
    assert Path(ours).is_relative_to(tmp_path / "cache")


def test_bounds_are_checked_on_demand(world):
    write, run, _ = world
    write(
        bounds="""
        import json
        import numpy as np
        from marlcore.compiled import compiled

        @compiled
        def last(x):
            return x[x.shape[0]]

        try:
            last(np.zeros(3))
            print(json.dumps("silent"))
        except IndexError:
            print(json.dumps("caught"))
        """
    )
    assert run("bounds", MARLCORE_BOUNDSCHECK="1") == "caught"
    assert run("bounds") == "silent"
    assert run("bounds", MARLCORE_BOUNDSCHECK="1") == "caught"


def test_a_cache_that_cannot_be_written_falls_back_and_nothing_is_written_beside_the_sources(world):
    write, run, tmp_path = world
    write(main=MAIN.format(package="pkg"), pkg____init__="", pkg__caller=CALLER.format(package="pkg"), file="")
    write(pkg__callee=CALLEE.format(factor=2))
    (tmp_path / "tmp").mkdir()
    settings = {"MARLCORE_CACHE": str(tmp_path / "file.py" / "below"), "PYTHONDONTWRITEBYTECODE": "1"}
    settings |= {name: str(tmp_path / "tmp") for name in ("TMPDIR", "TEMP", "TMP")}
    assert run("main", **settings) == [21, 0, 1]
    assert run("main", **settings) == [21, 1, 0]
    assert sorted(p.name for p in (tmp_path / "pkg").iterdir()) == ["__init__.py", "callee.py", "caller.py"]


def test_a_cache_root_that_is_a_file_falls_back_with_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MARLCORE_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match="MARLCORE_CACHE"):
        root = cachedir.cache_root()
    assert root.parent == tmp_path
    assert root.is_dir()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permission bits")
def test_a_directory_that_others_may_write_to_is_not_used(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("MARLCORE_CACHE", str(shared))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match="MARLCORE_CACHE"):
        assert cachedir.cache_root() != shared


def test_pruning_removes_old_keys_of_ours_only(tmp_path):
    old = time.time() - 40 * 86400
    names = {"aaaaaaaa1": old, "bbbbbbbb2": time.time(), "cccccccc3": None, "precious": old}
    for name, used in names.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").touch()
        if used:
            marker = tmp_path / name / cachedir.MARKER
            marker.touch()
            os.utime(marker, (used, used))
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / cachedir.MARKER).touch()
    os.utime(elsewhere / cachedir.MARKER, (old, old))
    (tmp_path / "dddddddd4").symlink_to(elsewhere)
    assert [path.name for path in cachedir.prune(tmp_path)] == ["aaaaaaaa1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bbbbbbbb2", "cccccccc3", "dddddddd4", "precious"]
    assert elsewhere.is_dir()


@compiled
def quotient(x, y):
    return x / y


@compiled(parallel=True)
def doubled(x):
    return x * 2


def undefined_update(q):
    return q


def repeated(q):
    return undefined_update(undefined_update(q))


def test_division_by_zero_is_numpys_and_options_reach_numba():
    assert quotient(1.0, 0.0) == np.inf
    assert np.isnan(quotient(0.0, 0.0))
    np.testing.assert_array_equal(doubled(np.arange(4)), np.arange(4) * 2)
    with pytest.raises(InputError, match="fastmath"):
        compiled(fastmath=True)(repeated)


def test_specialise_says_what_is_wrong():
    assert specialise(repeated, undefined_update=lambda q: q * 3)(2.0) == 18.0
    assert specialise(repeated, undefined_update=lambda q: q * 5)(2.0) == 50.0
    assert specialise(repeated, undefined_update=quotient_by_two)(8.0) == 2.0
    with pytest.raises(InputError, match="no global named updat"):
        specialise(repeated, updat=undefined_update)
    with pytest.raises(InputError, match="Python function"):
        specialise(3)
    with pytest.raises(InputError, match="unhashable"):
        specialise(repeated, undefined_update=[1])


@compiled
def quotient_by_two(q):
    return quotient(q, 2.0)
