"""The house stands: arrows point down, the light parts stay light, the wheel carries the five packages."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "marlcore": set(),
    "tabular": {"marlcore"},
    "deep": {"marlcore", "tabular"},
    "proofs_check": {"marlcore", "tabular", "deep"},
    "figures": {"marlcore", "tabular", "deep", "proofs_check"},
}
OWNERS = {"torch": {"deep"}, "matplotlib": {"figures"}}
HEAVY = ["torch", "cvxpy", "sympy", "matplotlib", "jax", "scipy", "numba", "rich", "tyro", "flint", "quantecon"]


def imports(path, everywhere):
    """(line, top-level package) of the imports in a file: all of them, or those that run when it is imported."""
    source = ast.parse(path.read_text(encoding="utf-8"), str(path))
    pending = list(source.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # a relative import stays in its package
            yield node.lineno, (node.module or "").partition(".")[0] if not node.level else path.parts[len(ROOT.parts)]
        elif everywhere or not (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or for_types(node)):
            pending.extend(ast.iter_child_nodes(node))


def for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def files(package):
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"{package} has no files"
    return found


@pytest.mark.parametrize("package", BELOW)
def test_arrows_point_down(package):
    above = set(BELOW) - BELOW[package] - {package}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files(package)
        for line, name in imports(path, everywhere=True)
        if name in above | {"tests", "benchmarks"}
    ]
    assert not wrong


@pytest.mark.parametrize("package", BELOW)
def test_a_heavy_library_is_imported_at_module_level_by_its_owner_only(package):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files(package)
        for line, name in imports(path, everywhere=False)
        if package not in OWNERS.get(name, {package})
    ]
    assert not wrong


def test_the_reader_of_imports_reads_them(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    page = tmp_path / "marlcore" / "page.py"
    page.parent.mkdir()
    page.write_text(
        "import torch.nn\nfrom tabular.static import x\nfrom . import sibling\n"
        "if TYPE_CHECKING:\n    import sympy\n"
        "try:\n    import jax\nexcept ImportError:\n    pass\n"
        "class C:\n    import matplotlib\n    def f(self):\n        from figures import g\n"
    )
    whole = {"torch", "tabular", "marlcore", "sympy", "jax", "matplotlib", "figures"}
    assert {name for _, name in imports(page, everywhere=True)} == whole
    assert {name for _, name in imports(page, everywhere=False)} == whole - {"sympy", "figures"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("marlcore", ()),
        ("marlcore.cli", ()),
        ("marlcore.registry", ()),
        ("marlcore.games", ()),
        ("marlcore.values", ()),
        ("marlcore.objectives", ()),
        ("marlcore.conformance", ()),
        ("marlcore.kit.html", ()),
        ("marlcore.showing", ()),
        ("marlcore.cli_config", ("tyro",)),
    ],
)
def test_importing_stays_light(module, allowed):
    code = f"import sys, {module}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & (set(HEAVY) - set(allowed))


def test_the_command_line_lists_its_commands_with_the_standard_library_alone():
    code = """
import sys
from marlcore.cli import main
assert main(["--help"]) == 0
print(*sorted({m.partition('.')[0] for m in sys.modules}))
"""
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1].split())
    assert "marlcore" in loaded
    assert not loaded & {*HEAVY, "numpy", "tabular", "deep", "proofs_check", "figures"}


@pytest.mark.parametrize("package", BELOW)
def test_each_package_says_what_it_is_and_that_it_is_typed(package):
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")))
    assert text
    assert (ROOT / package / "py.typed").exists()


def test_the_pinned_versions_satisfy_what_the_package_asks_for():
    from packaging.requirements import Requirement

    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [Requirement(text) for text in [*project["dependencies"], *extras["deep"], *extras["docs"], *extras["dev"]]]
    assert len(asked) > 20
    unpinned = [r.name for r in asked if r.name.lower() not in pins]
    assert not unpinned
    broken = [str(r) for r in asked if not r.specifier.contains(pins[r.name.lower()])]
    assert not broken
    assert pins["torch"] == "2.13.0"


@pytest.mark.slow
def test_the_wheel_carries_the_five_packages_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("marlcore-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(BELOW)
    for package in BELOW:
        assert f"{package}/py.typed" in names
    in_tree = {
        str(path.relative_to(ROOT).as_posix())
        for package in BELOW
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert in_tree <= set(names)
