"""The mutation tool finds the wrongs that a planted package's tests miss, and only those."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def mutations():
    spec = importlib.util.spec_from_file_location("mutations", TOOLS / "mutations.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module  # where its dataclasses look up their annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutations"]


def changes(mutations, source):
    return {(m.id.split(":")[2], m.before, m.after) for m in mutations.mutants_of("m", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = a + b", {("sign", "a - b"), ("drop", "a"), ("drop", "b")}),
        ("y = a - b", {("sign", "a + b"), ("drop", "a"), ("swap", "b - a")}),
        ("y = a * b", {("times-divide", "a / b"), ("drop", "a"), ("drop", "b")}),
        ("y = a / b", {("times-divide", "a * b"), ("drop", "a")}),
        ("y = a ** b", {("drop", "a")}),
        ("y = -a", {("sign", "a")}),
        ("y = abs(a - b)", {("drop", "a - b"), ("sign", "abs(a + b)"), ("drop", "abs(a)")}),
        ("y = f(a, b)", {("swap", "f(b, a)")}),
        ("y = x[a, b]", {("swap", "x[b, a]")}),
        ("y = x[:k]", {("off-by-one", "x[:k + 1]")}),
        ("y = x[-1]", {("sign", "x[1]"), ("off-by-one", "x[-2]")}),
        ("y = x.reshape(-1)", {("sign", "x.reshape(1)")}),
        ("y = np.minimum(a, b)", {("extreme", "np.maximum(a, b)")}),
        ("y = np.clip(a, b, c)", {("drop", "a"), ("swap", "np.clip(b, a, c)"), ("swap", "np.clip(a, c, b)")}),
        ("y = a.clip(b)", {("drop", "a")}),
        ("y = a <= b", {("compare", "a >= b")}),
        ("y = not a", {("compare", "a")}),
        ("y = a and b", {("compare", "a or b")}),
        ("y = a if b else c", {("compare", "a if not b else c")}),
        ("y = 0.5 * a", {("scale", "1.0 * a"), ("drop", "a"), ("drop", "0.5"), ("times-divide", "0.5 / a")}),
        ("y = number('1/2')", {("scale", "number('2/2')")}),
        ("y = [*range(n)]", {("off-by-one", "[*range(n - 1)]")}),
        ("y = reversed(a)", {("swap", "tuple(a)")}),
    ],
)
def test_each_operator_makes_its_wrongs(mutations, source, expected):
    assert changes(mutations, source) == {(operator, source, f"y = {after}") for operator, after in expected}


def test_four_times_becomes_twice_and_augmented_signs_flip(mutations):
    assert ("scale", "y = 4 * a", "y = 2 * a") in changes(mutations, "y = 4 * a")
    assert ("sign", "y += a", "y -= a") in changes(mutations, "y += a")


def test_what_a_program_says_and_its_types_are_left_alone(mutations):
    source = '''"""Docstring with 1/2."""
from a import b
Kind = Literal["x", "y"]
Game = Matrix | Markov

def f(x: tuple[int, str] = None) -> dict[str, int]:
    """Another, 2."""
    if x:
        raise InputError(f"{x[0]} + 1", 1 + 1)
    total: int
    return g(f"{x}: {1 + 1}")
'''
    assert {(m.before, m.after) for m in mutations.mutants_of("m", source)} == {("x", "not x")}


def test_names_survive_edits_elsewhere_and_are_told_apart(mutations):
    source = "def f(a, b):\n    c = a + b\n    c = a + b\n    return c\n"
    names = [m.id for m in mutations.mutants_of("m", source)]
    assert len(set(names)) == len(names) == 6
    assert all(name.startswith("m:f:") for name in names)
    edited = "import os\n\ndef g(x):\n    return 2 * x\n\n" + source.replace("def f", "# a comment\ndef f")
    assert set(names) <= {m.id for m in mutations.mutants_of("m", edited)}
    for mutant in mutations.mutants_of("m", source):
        compile(mutant.source, "m", "exec")


PLANTED = '''"""A planted package."""


def area(width, height):
    """Tested."""
    return width * height


def shift(value, by):
    """Tested only where by is 0, so + and − are the same."""
    return value + by


def endless(n):
    """Loops for ever when its step is wrong."""
    while n > 0:
        n -= 1
    return n
'''
TESTS = """
import planted.shapes


def test_planted():
    assert planted.shapes.area(3, 5) == 15
    assert planted.shapes.shift(4, 0) == 4
    assert planted.shapes.endless(3) == 0
"""
RUN = """
import sys
sys.path.insert(0, {tools!r})
import pathlib, mutants
mutants.HEAVY, mutants.COPIED = ("pytest",), ("planted", "tests")
mutants.FORKS = mutants.FORKS and {forks}
_verdict = mutants._verdict
mutants._verdict = lambda child, limit: _verdict(child, min(limit, 3.0) if mutants.FORKS else limit)
sys.exit(mutants.main(sys.argv[1:], pathlib.Path({root!r}), {{"planted.shapes": ["tests/test_shapes.py"]}}))
"""


def planted(root, tests=TESTS, source=PLANTED):
    (root / "planted").mkdir()
    (root / "planted" / "__init__.py").write_text("")
    (root / "planted" / "shapes.py").write_text(source)
    (root / "tests").mkdir()
    (root / "tests" / "test_shapes.py").write_text(tests)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return root


def mutants(root, *arguments, forks=True):
    code = RUN.format(tools=str(TOOLS), root=str(root), forks=forks)
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def verdicts(root):
    lines = (root / ".cache" / "mutants" / "verdicts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_planted_survivors_are_listed_and_everything_else_is_killed(tmp_path):
    root = planted(tmp_path)
    done = mutants(root)
    assert done.returncode == 1, done.stderr
    found = {entry["id"].rsplit(":", 1)[0]: entry["verdict"] for entry in verdicts(root)}
    assert found["planted.shapes:area:times-divide"] == "killed"
    assert found["planted.shapes:area:drop"] == "killed"
    assert found["planted.shapes:endless:sign"] == "timeout"
    survived = {entry["id"] for entry in verdicts(root) if entry["verdict"] == "survived"}
    assert {name.rsplit(":", 1)[0] for name in survived if ":shift:" in name} == {
        "planted.shapes:shift:sign",
        "planted.shapes:shift:drop",
    }
    assert all(name in done.stdout for name in survived)
    assert "- return value + by\n  + return value - by" in done.stdout
    assert (root / "planted" / "shapes.py").read_text() == PLANTED

    # a second run asks nothing again; a justified survivor passes; a name that fits nothing does not
    count = len(verdicts(root))
    assert mutants(root).returncode == 1
    assert len(verdicts(root)) == count
    entries = "".join(f'[[mutant]]\nid = "{name}"\nreason = "planted"\n' for name in survived)
    (root / "tests" / "mutants_justified.toml").write_text(entries)
    assert mutants(root).returncode == 0
    (root / "tests" / "mutants_justified.toml").write_text(
        entries + '[[mutant]]\nid = "planted.shapes:gone:sign:0"\nreason = "x"\n'
    )
    done = mutants(root)
    assert done.returncode == 1
    assert "there is no mutant planted.shapes:gone:sign:0 any more" in done.stdout


def test_a_test_that_notices_kills_the_survivor(tmp_path):
    quick = TESTS.replace("    assert planted.shapes.endless(3) == 0\n", "")
    root = planted(tmp_path, quick, PLANTED.split("def endless")[0])
    mutants(root, "--limit", "4")
    assert len(verdicts(root)) == 4
    assert mutants(root).returncode == 1
    before = len(verdicts(root))
    tests = quick.replace("shift(4, 0) == 4", "shift(4, 1) == 5")
    (root / "tests" / "test_shapes.py").write_text(tests)
    mutants(root, "--survivors")
    again = verdicts(root)[before:]
    assert {e["id"].rsplit(":", 1)[0] for e in again if e["verdict"] == "killed"} == {
        "planted.shapes:shift:sign",
        "planted.shapes:shift:drop",
    }
    assert not any("shift" in entry["id"] for entry in again if entry["verdict"] == "survived")


@pytest.mark.slow
def test_without_fork_the_verdicts_are_the_same(tmp_path):
    for name, forks in (("forked", True), ("spawned", False)):
        (tmp_path / name).mkdir()
        mutants(planted(tmp_path / name), forks=forks)
    by_id = [{v["id"]: v["verdict"] for v in verdicts(tmp_path / name)} for name in ("forked", "spawned")]
    assert by_id[0] == by_id[1]


def test_listing_runs_nothing_and_failing_tests_are_an_error(tmp_path):
    root = planted(tmp_path, TESTS.replace("== 15", "== 16"))
    done = mutants(root, "--list")
    assert done.returncode == 0
    assert "planted/shapes.py:6\n    return width * height\n    return width / height" in done.stdout
    assert not (root / ".cache" / "mutants" / "verdicts.jsonl").exists()
    done = mutants(root)
    assert done.returncode == 2
    assert "must pass before anything is mutated" in done.stderr
