"""The small wrongs that ``mutants.py`` does to a module: each a syntax tree with one node changed, and a stable name.

    drop          a term or factor of a sum or product, an exponent, a clip, a mask, an absolute value
    sign          + ↔ −, −x → x
    times-divide  × ↔ ÷
    swap          neighbouring positional arguments, neighbouring indices, a − b → b − a, ``reversed``
    off-by-one    integer constants, bounds of slices, the end of a range
    extreme       minimum ↔ maximum, any ↔ all, argmin ↔ argmax
    compare       < ↔ >, ≤ ↔ ≥, = ↔ ≠, and ↔ or, a condition ↔ its negation
    scale         0.5 → 1, "1/2" → "2/2", 4· → 2·

Not touched: docstrings, annotations, imports, decorators, ``raise`` and messages, types. A mutant's name is
``module:function:operator:hash`` with a hash of the expression before and after, so that it survives edits elsewhere.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """One wrong: its name, where it is, the expression before and after, and the whole module's text with it."""

    id: str
    line: int
    before: str
    after: str
    source: str


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of ``source``, in the order of the text."""
    tree = ast.parse(source)
    found, seen = [], Counter[str]()
    for site in _sites(tree, ()):
        before = _text(site.root())
        for operator, replacement in _wrongs(site.node, site.parent):
            site.put(replacement)
            after, text = _text(site.root()), ast.unparse(tree)
            site.put(site.node)
            if after == before:
                continue
            digest = hashlib.sha256(f"{before} → {after}".encode()).hexdigest()[:8]
            name = f"{module}:{'.'.join(site.names) or '-'}:{operator}:{digest}"
            seen[name] += 1
            name += f"-{seen[name]}" if seen[name] > 1 else ""
            found.append(Mutant(name, site.node.lineno, before, after, text + "\n"))
    return found


@dataclass
class _Site:
    """A place in the tree where a node hangs: ``holder[key]`` is ``node``; ``owner[field]`` is what is shown of it."""

    node: Any
    parent: ast.AST
    holder: Any
    key: Any
    owner: Any
    field: Any
    names: tuple[str, ...]

    def put(self, node: ast.AST) -> None:
        if isinstance(self.holder, list):
            self.holder[self.key] = node
        else:
            setattr(self.holder, self.key, node)

    def root(self) -> ast.AST:
        return self.owner[self.field] if isinstance(self.owner, list) else getattr(self.owner, self.field)


_SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "msg", "bases", "type_comment"}
_SKIPPED_NODES = (ast.Raise, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Global, ast.Nonlocal, ast.Pass)
_SKIPPED_CALLS = {"cast", "TypeVar", "NewType", "warn", "isinstance", "issubclass", "getattr", "hasattr", "setattr"}


def _sites(parent: ast.AST, names: tuple[str, ...], root: tuple[Any, Any] | None = None) -> Iterator[_Site]:
    """Every place below ``parent``; ``root`` is the expression (or simple statement) that is shown around it."""
    for name, value in ast.iter_fields(parent):
        if name in _SKIPPED_FIELDS:
            continue
        holder = value if isinstance(value, list) else parent
        for key, node in enumerate(value) if isinstance(value, list) else [(name, value)]:
            if not isinstance(node, ast.AST) or _skipped(node):
                continue
            compound = isinstance(node, ast.stmt) and hasattr(node, "body")
            scope = isinstance(node, ast.FunctionDef | ast.ClassDef)
            shown = None if compound else root or ((holder, key) if isinstance(node, _SHOWN) else None)
            inner = (*names, node.name) if scope else names
            if shown is not None and isinstance(node, ast.expr | ast.AugAssign):
                yield _Site(node, parent, holder, key, *shown, inner)
            yield from _sites(node, inner, shown)


_SHOWN = (ast.stmt, ast.expr, ast.arguments, ast.comprehension, ast.withitem)


def _skipped(node: ast.AST) -> bool:
    if isinstance(node, _SKIPPED_NODES):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # docstrings
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return node.value is None or any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets)
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and _is_type(node.value)
    return isinstance(node, ast.Call) and (
        _called(node) in _SKIPPED_CALLS or _called(node).endswith(("Error", "Warning"))
    )


def _is_type(node: ast.AST) -> bool:
    types = {"tuple", "dict", "list", "set", "type", "Literal", "Callable", "Sequence", "Iterator", "Union", "Optional"}
    return isinstance(node, ast.Name) and node.id in types


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(node: ast.AST) -> str:
    return ast.unparse(node)


def _wrongs(node: Any, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    handler = {
        ast.BinOp: _binary,
        ast.AugAssign: _augmented,
        ast.UnaryOp: _unary,
        ast.Compare: _compare,
        ast.BoolOp: _boolean,
        ast.Call: _call,
        ast.Tuple: _tuple,
        ast.Slice: _slice,
        ast.Constant: _constant,
    }.get(type(node))
    if handler is not None:
        yield from handler(node, parent)
    is_test = isinstance(parent, ast.If | ast.IfExp | ast.While | ast.comprehension) and (
        node is getattr(parent, "test", None) or node in getattr(parent, "ifs", [])
    )
    if is_test and isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
        yield "compare", ast.UnaryOp(ast.Not(), node)


_SIGN = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_TIMES = {ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
_MASK = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


def _binary(node: ast.BinOp, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    left, op, right = node.left, type(node.op), node.right
    if any(isinstance(side, ast.JoinedStr) or _string(side) for side in (left, right)):
        return
    if op is ast.BitOr and any(isinstance(side, ast.Name) and side.id[:1].isupper() for side in (left, right)):
        return  # a union of types
    if op in _SIGN:
        yield "sign", ast.BinOp(left, _SIGN[op](), right)
    if op in _TIMES:
        yield "times-divide", ast.BinOp(left, _TIMES[op](), right)
    if op in _MASK:
        yield "extreme", ast.BinOp(left, _MASK[op](), right)
    if op is ast.Sub and not (isinstance(parent, ast.Call) and _called(parent) in ("abs", "absolute")):
        yield "swap", ast.BinOp(right, op(), left)
    if op is not ast.MatMult:
        yield "drop", left
    if op in (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr):
        yield "drop", right


def _augmented(node: ast.AugAssign, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    op = type(node.op)
    for operator, table in (("sign", _SIGN), ("times-divide", _TIMES), ("extreme", _MASK)):
        if op in table and not _string(node.value):
            yield operator, ast.AugAssign(node.target, table[op](), node.value)


def _unary(node: ast.UnaryOp, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    yield ("sign" if isinstance(node.op, ast.USub) else "compare"), node.operand
    value = getattr(node.operand, "value", None)
    reshaped = isinstance(parent, ast.Call) and _called(parent) == "reshape"  # takes any negative number for −1
    if isinstance(node.op, ast.USub) and type(value) is int and not reshaped:
        yield "off-by-one", ast.UnaryOp(ast.USub(), ast.Constant(value + 1))


_OPPOSITE = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def _compare(node: ast.Compare, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for k, op in enumerate(node.ops):
        yield (
            "compare",
            ast.Compare(node.left, [*node.ops[:k], _OPPOSITE[type(op)](), *node.ops[k + 1 :]], node.comparators),
        )


def _boolean(node: ast.BoolOp, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    yield "compare", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


_EXTREMES = {"minimum": "maximum", "min": "max", "amin": "amax", "any": "all", "argmin": "argmax", "fmin": "fmax"}
_EXTREMES |= {value: key for key, value in _EXTREMES.items()}
_SYMMETRIC = {*_EXTREMES, "gcd", "lcm", "zip", "allclose", "array_equal", "isclose", "hypot", "kind_of"}
_SYMMETRIC |= {"broadcast_shapes", "broadcast_arrays"}
_IDENTITY_LIKE = {"abs", "absolute", "reversed", "sorted"}


def _call(node: ast.Call, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    name, arguments = _called(node), node.args
    if name in _EXTREMES:
        yield "extreme", _recalled(node, _EXTREMES[name])
    if name in ("clip", "clamp"):
        # np.clip(x, …) keeps its first argument, x.clip(…) its object
        bare = isinstance(node.func, ast.Name) or len(arguments) + len(node.keywords) >= 3
        yield "drop", arguments[0] if bare or not isinstance(node.func, ast.Attribute) else node.func.value
    if name == "where" and len(arguments) == 3:
        yield "drop", arguments[1]
        yield "drop", arguments[2]
    if name in _IDENTITY_LIKE and len(arguments) <= 1:
        inner = arguments[0] if arguments else getattr(node.func, "value", None)
        if inner is not None:
            yield (
                ("swap" if name == "reversed" else "drop"),
                (ast.Call(ast.Name("tuple", ast.Load()), [inner], []) if name == "reversed" else inner),
            )
    if name == "range":
        k = min(len(arguments) - 1, 1)
        if not isinstance(arguments[k], ast.Constant):
            shorter = ast.BinOp(arguments[k], ast.Sub(), ast.Constant(1))
            yield "off-by-one", ast.Call(node.func, [*arguments[:k], shorter, *arguments[k + 1 :]], node.keywords)
    if name not in _SYMMETRIC | {"range"}:
        for k in range(len(arguments) - 1):
            if not any(isinstance(a, ast.Starred) for a in arguments[k : k + 2]):
                swapped = [*arguments[:k], arguments[k + 1], arguments[k], *arguments[k + 2 :]]
                yield "swap", ast.Call(node.func, swapped, node.keywords)


def _recalled(node: ast.Call, name: str) -> ast.Call:
    function = node.func
    renamed = ast.Attribute(function.value, name, ast.Load()) if isinstance(function, ast.Attribute) else None
    return ast.Call(renamed or ast.Name(name, ast.Load()), node.args, node.keywords)


def _tuple(node: ast.Tuple, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(parent, ast.Subscript):
        for k in range(len(node.elts) - 1):
            yield "swap", ast.Tuple([*node.elts[:k], node.elts[k + 1], node.elts[k], *node.elts[k + 2 :]], node.ctx)


def _slice(node: ast.Slice, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    one = ast.Constant(1)
    if node.lower is not None and not isinstance(node.lower, ast.Constant):
        yield "off-by-one", ast.Slice(ast.BinOp(node.lower, ast.Add(), one), node.upper, node.step)
    if node.upper is not None and not isinstance(node.upper, ast.Constant):
        yield "off-by-one", ast.Slice(node.lower, ast.BinOp(node.upper, ast.Add(), one), node.step)


_TOLERANCE = 1e-4
"""Floats smaller than this are tolerances: twice one is as good."""


def _constant(node: ast.Constant, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if type(value) is int and not isinstance(parent, ast.UnaryOp):
        yield "off-by-one", ast.Constant(value + 1)
        if value >= 2 and isinstance(parent, ast.BinOp):
            yield "scale", ast.Constant(value // 2 if value % 2 == 0 else 2 * value)
    elif type(value) is float and (value == 0 or abs(value) >= _TOLERANCE):
        yield "scale", ast.Constant(2 * value if value else 1.0)
    elif type(value) is str and re.fullmatch(r"\d+/\d+", value):
        above, below = value.split("/")
        yield "scale", ast.Constant(f"{2 * int(above)}/{below}")


def _string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
