"""The command line: exit statuses, one line for bad input, a traceback for a bug."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version

import pytest

from deep.commands import train
from marlcore import cli, cli_config, registry
from marlcore.cli_config import Positional, parse
from marlcore.errors import InputError


@pytest.fixture
def command():
    """Register a command "probe" for the time of a test."""
    added = []

    def add(main, name="probe"):
        registry.register("commands", name, main, "a probe")
        added.append(name)

    yield add
    for name in added:
        registry.unregister("commands", name)


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_says_what_it_is_for_and_lists_the_commands(argv, capsys):
    assert cli.main(argv) == 0
    out = capsys.readouterr().out
    assert cli.PURPOSE in out
    for name, entry in registry.entries("commands").items():
        assert f"  {name}" in out
        assert entry.summary in out
    assert f"example:\n  {cli.EXAMPLE}" in out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"marlcore {version('marlcore')}\n"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["solv"], "marlcore: error: unknown command 'solv'; did you mean solve?"),
        (["--versoin"], "marlcore: error: unknown option '--versoin'; did you mean --version?"),
    ],
)
def test_what_is_unknown_is_one_line_with_the_nearest(argv, line, capsys):
    assert cli.main(argv) == 2
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("discount must be in [0, 1),\n not 1.5"), "discount must be in [0, 1), not 1.5"),
        (FileNotFoundError(2, "No such file or directory", "g.npz"), "g.npz: No such file or directory"),
        (PermissionError(13, "Permission denied", "g.npz"), "g.npz: Permission denied"),
        (IsADirectoryError(21, "Is a directory", "g"), "g: Is a directory"),
    ],
)
def test_bad_input_is_one_line_and_status_2(error, line, command, capsys):
    command(raising(error))
    assert cli.main(["probe"]) == 2
    assert capsys.readouterr().err == f"marlcore probe: error: {line}\n"


@pytest.mark.parametrize("bug", [ValueError("a bug"), KeyError("a bug"), OSError(28, "No space left on device")])
def test_a_bug_keeps_its_traceback(bug, command):
    command(raising(bug))
    with pytest.raises(type(bug)):
        cli.main(["probe"])


@pytest.mark.parametrize(("result", "status"), [(0, 0), (1, 1), (None, 0), (True, 1)])
def test_the_status_of_a_command_is_the_exit_status(result, status, command):
    command(lambda argv: result)
    assert cli.main(["probe"]) == status


def test_interruption_is_one_line(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr().err == "marlcore probe: interrupted\n"


def test_a_reader_that_goes_away_leaves_no_traceback():
    code = """
import sys
from marlcore import cli, cli_config, registry
registry.register("commands", "probe", lambda argv: print("x" * 10_000_000))
sys.exit(cli.main(["probe"]))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"x"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.skipif(sys.platform == "win32", reason="Windows terminals choose their own encoding")
def test_a_terminal_without_greek_letters_is_no_error():
    code = "from marlcore import cli, registry; registry.register('commands', 'probe', lambda argv: print('γ'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; raise SystemExit(cli.main(['probe']))"],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "?\n", "")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "marlcore", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("marlcore: error: unknown command 'nonsense'")


# ---------------------------------------------------------------- options


@dataclass(frozen=True)
class Inner:
    """Options inside options."""

    deep: bool = True


@dataclass(frozen=True)
class Options:
    """The options of a command under test."""

    inner: Inner
    word: Positional[str] = "w"
    loud: bool = False
    dry_run: bool = True
    count: int = 3
    step_size: float = 0.5


def options(*argv):
    return parse(Options, argv, "marlcore probe", "A probe.", "marlcore probe x")


@pytest.mark.parametrize(
    ("argv", "field", "value"),
    [
        (["--loud"], "loud", True),
        (["--loud", "True"], "loud", True),
        (["--loud", "False"], "loud", False),
        (["--loud=false"], "loud", False),
        (["--dry-run", "false"], "dry_run", False),
        (["--dry_run", "False"], "dry_run", False),
        (["--loud", "x"], "word", "x"),
        (["--loud", "true", "x"], "word", "x"),
        (["true"], "word", "true"),
        (["--count", "-4"], "count", -4),
        (["--step-size", "1e-3"], "step_size", 1e-3),
        (["--step_size", "1e-3"], "step_size", 1e-3),
    ],
)
def test_options_are_typed(argv, field, value):
    assert getattr(options(*argv), field) == value


def test_options_inside_options():
    assert options("--inner.deep", "False").inner.deep is False
    assert options("--inner.deep").inner.deep is True


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--laud"], r"^unknown option '--laud'; did you mean --loud"),
        (["--inner.dep", "x"], r"unknown option '--inner.dep'; did you mean --inner.deep"),
        (["--count", "many"], r"--count: invalid literal for int\(\) with base 10: 'many'$"),
        (["--count"], "--count"),
        (["--loud=maybe"], "invalid choice 'Maybe'"),
        (["a", "b"], "b"),
    ],
)
def test_bad_options_are_one_line(argv, message):
    with pytest.raises(InputError, match=message) as caught:
        options(*argv)
    assert "\n" not in str(caught.value)
    assert "─" not in str(caught.value)


def test_help_of_a_command_shows_its_example(capsys):
    with pytest.raises(SystemExit) as stop:
        options("--help")
    assert not stop.value.code
    out = capsys.readouterr().out
    assert "A probe." in out
    assert out.endswith("example:\n  marlcore probe x\n")


@pytest.mark.parametrize("name", ["", *registry.names("commands")])
def test_the_example_of_each_help_runs_as_printed(name, tmp_path):
    def run(*argv):
        return subprocess.run([sys.executable, "-m", "marlcore", *argv], cwd=tmp_path, capture_output=True, text=True)

    shown = run(*([name] if name else []), "--help").stdout.splitlines()
    program, *argv = shown[shown.index("example:") + 1].split()
    assert program == "marlcore"
    if name == "eval":  # it plays the run that the example of train leaves behind
        assert run(*train.EXAMPLE.split()[1:]).returncode == 0
    done = run(*argv)
    assert done.returncode == 0, done.stderr
    assert done.stdout


BOXES = [
    "╭─ Bad ──────╮\n│ word --x is │\n│ bad.        │\n│ ─────────── │\n│ For full    │\n╰─────────────╯\n",
    "╭─ Bad ──────╮\n│ word --x is │\n│ bad.        │\n╰─────────────╯\n",
    " Bad         \n ----------- \n  word --x is\n  bad.       \n  -----------\n  For full   \n             \n",
    "\x1b[31m╭─\x1b[0m Bad ─╮\n\x1b[31m│\x1b[0m word \x1b[1m--x\x1b[0m is bad. \x1b[31m│\x1b[0m\n",
]


@pytest.mark.parametrize("box", BOXES)
def test_a_boxed_message_becomes_one_line(box):
    assert cli_config._unboxed(box) == "word --x is bad."
