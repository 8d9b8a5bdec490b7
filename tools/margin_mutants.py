"""Do small wrongs to the margins of claims, hold the laws of claims against each, and list those that no law notices.

    python tools/margin_mutants.py                        every page of claims; exit status 1 on an unjustified survivor
    python tools/margin_mutants.py harl/lemma_8 --limit 40

The wrongs are those of ``mutations.py``, in the functions of the page that its claims' margins call (not in layouts,
statements or proofs). A wrong page is read into a module of its own, in this process: for each claim whose margin
reaches the wrong, its margin at the recorded instances must change (tests/data/margins), or differ between kinds of
number or in a batch, or it must lose its verdict (a claim that should fall no longer does, or one that stands has no
sign left), or a test of the page's own file must fail. Some wrongs are none: (a − b)² for (b − a)². They are told by a
margin that is the same at SAME random instances of every size, ties and corners among them, and are counted apart. A
survivor is killed by a better instance, or justified in tests/mutants_justified.toml.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import signal
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tools")]

import laws  # noqa: E402
import numpy as np  # noqa: E402
from mutants import justified  # noqa: E402
from mutations import Mutant, mutants_of  # noqa: E402

from proofs_check import instances, ledger  # noqa: E402
from proofs_check.claim import Claim, margin_of  # noqa: E402
from proofs_check.instances import Instance  # noqa: E402

SAME = 256
SECONDS = 60
"""A wrong that takes longer is noticed too: it hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when every wrong is noticed or justified."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="pages such as harl/lemma_8 (all)")
    parser.add_argument("--limit", type=int, help="at most this many wrongs of each page, spread over it")
    options = parser.parse_args(arguments)
    reasons = justified(ROOT / "tests" / "mutants_justified.toml")
    status = 0
    for page in options.pages or pages():
        total, same, survivors, stale = examine(page, options.limit, reasons)
        print(f"{page:40}{total:6} wrongs{same:5} the same{len(survivors):5} not noticed", flush=True)
        for mutant in survivors:
            print(f"\n{mutant.id}  line {mutant.line}\n  - {mutant.before}\n  + {mutant.after}", flush=True)
        for name in stale:
            print(f"\ntests/mutants_justified.toml: there is no mutant {name} any more; remove it", flush=True)
        status |= bool(survivors or stale)
    return status


def pages() -> list[str]:
    """Every page of claims that run."""
    found = {"/".join(c.id.split("/")[:2]) for c in ledger.discover().claims if c.expected != "pending"}
    return sorted(found)


def examine(page: str, limit: int | None, reasons: dict[str, str]) -> tuple[int, int, list[Mutant], list[str]]:
    """How many wrongs a page has, how many are none, those that no law notices, and reasons for wrongs of the past."""
    source = (ledger.HOME / f"{page}.py").read_text(encoding="utf-8")
    right = claims_of(importlib.import_module("proofs_check.claims." + page.replace("/", ".")), page)
    reached = {name: reach(claim) for name, claim in right.items()}
    module = "proofs_check.claims." + page.replace("/", ".")
    known = [m for m in mutants_of(module, source) if any(m.id.split(":")[1] in names for names in reached.values())]
    stale = [name for name in reasons if name.split(":")[0] == module and name not in {m.id for m in known}]
    wrongs = [m for m in known if m.id not in reasons]
    if limit is not None:
        wrongs = [wrongs[k * len(wrongs) // limit] for k in range(limit)] if len(wrongs) > limit else wrongs
    same, missed = 0, []
    for m in wrongs:
        claims = {n: c for n, c in right.items() if m.id.split(":")[1] in reached[n]}
        verdict = examined(m, page, claims)
        same += verdict == "same"
        missed += [m] if verdict == "missed" else []
    return len(wrongs), same, missed, stale


def claims_of(module: types.ModuleType, page: str) -> dict[str, Claim]:
    """The claims of a page by their ids."""
    held = {k: v for k, v in vars(module).items() if isinstance(v, Claim) and not k.startswith("_")}
    named = {page if k == "claim" else f"{page}/{k}": v for k, v in held.items() if v.expected != "pending"}
    return {name: dataclasses.replace(claim, id=name) for name, claim in named.items()}


def reach(claim: Claim) -> set[str]:
    """The functions of its page that a claim's margin calls, as mutants name them."""
    return {f.__qualname__.replace(".<locals>", "") for f in _calls(claim.margin, set())}


def _calls(value: Any, seen: set[Any]) -> Iterator[types.FunctionType]:
    function = getattr(value, "__wrapped__", value)
    if isinstance(function, type):
        for member in vars(function).values():
            if isinstance(member, types.FunctionType):
                yield from _calls(member, seen)
        return
    if not isinstance(function, types.FunctionType) or function in seen:
        return
    seen.add(function)
    yield function
    named = {**function.__globals__}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    named |= {name: cell.cell_contents for name, cell in cells}
    for name in _names(function.__code__) & named.keys():
        found = named[name]
        if getattr(found, "__module__", None) == function.__module__:
            yield from _calls(found, seen)


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return {*code.co_names, *code.co_freevars}.union(*(_names(c) for c in inner))


def examined(mutant: Mutant, page: str, right: dict[str, Claim]) -> str:
    """Whether the wrong page is "noticed", or "same", or "missed"."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        module = types.ModuleType("proofs_check.claims." + page.replace("/", "."))
        module.__file__ = str(ledger.HOME / f"{page}.py")
        exec(compile(mutant.source, module.__file__, "exec"), vars(module))
        claims = claims_of(module, page)
        if any(_law_fails(claims[name]) for name in right) or _own_test_fails(page, module):
            return "noticed"
        return "same" if all(_same(claims[name], claim) for name, claim in right.items()) else "missed"
    except Exception:  # a page that does not load, or a margin that raises, is noticed whatever it raises
        return "noticed"
    finally:
        signal.alarm(0)


def _same(wrong: Claim, right: Claim) -> bool:
    """Whether both margins agree at random instances of every size, each instance with nothing remembered."""
    if "float" not in right.numbers:
        return False
    count = max(SAME // right.cost, 2)
    for sizes in right.family.sizes:
        x = right.family.sample(np.random.default_rng(7), count, sizes)
        for k in range(min(instances.combinations(x.layout), 12)):
            chosen = instances.choose(x, k)
            one, other = (np.asarray(margin_of(c, fresh(chosen)), dtype=float) for c in (wrong, right))
            if not np.allclose(one, other, rtol=1e-9, atol=1e-12):
                return False
    return True


def fresh(x: Instance) -> Instance:
    """The same arrays, with nothing remembered."""
    return Instance(x.layout, x.values, x.batch_shape, x.sizes)


def _law_fails(claim: Claim) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for law in LAWS:
            if laws.applies(law, claim):
                try:
                    law(claim, Path(folder))
                except AssertionError:
                    return True
    return False


def _own_test_fails(page: str, wrong: types.ModuleType) -> bool:
    """Whether a test of the page's file that takes nothing fails while the wrong page stands for the right one."""
    folder, name = page.split("/")
    tests = _tests(f"{folder}/test_{name}.py")
    parent = sys.modules[f"proofs_check.claims.{folder}"]
    right = getattr(parent, name)
    try:
        setattr(parent, name, wrong)
        for test in tests:
            test()
    except AssertionError:
        return True
    finally:
        setattr(parent, name, right)
    return False


@functools.cache
def _tests(file: str) -> list[Any]:
    path = ROOT / "tests" / "proofs_check" / "claims" / file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [v for k, v in vars(module).items() if k.startswith("test_") and k != "test_laws"]
    return [test for test in found if not inspect.signature(test).parameters]


LAWS = (
    laws.margin_is_what_it_was,
    laws.one_margin_in_every_kind_of_number,
    laws.hypotheses_have_teeth,
    laws.has_a_sign,
    laws.refuted_claims_fall,
)
"""The quick ones first."""


def _too_long(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
