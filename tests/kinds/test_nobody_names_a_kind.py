"""No code outside of `kinds/` and `outcomes/` names a kind or a family as a value, nor a class of outcomes.

Words that only look like a name are left alone: svg's "text", a column "number" of a database, JSON's types. So a
name counts where a kind is meant: compared with something called `kind`, chosen by it (`match`, a key of a dict),
given for it (`kind=`, `Field(…)`, `kinds.value(…)`), or in a collection of nothing but kinds.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelwright
from modelwright import kinds, outcomes
from modelwright.core.outcomes import Outcomes

ROOT = Path(modelwright.__file__).parent
KINDS = frozenset(kinds.names())
FAMILIES = frozenset(outcomes.names())
OUTCOME_CLASSES = frozenset(
    name
    for family in outcomes.names()
    for module in outcomes.modules(family, "outcomes")
    for name, found in vars(importlib.import_module(module)).items()
    if isinstance(found, type) and issubclass(found, Outcomes) and found is not Outcomes
)
MEANS = {"kind": KINDS, "family": FAMILIES}
ASKED = {"kinds": KINDS, "outcomes": FAMILIES}  # modules whose functions take a name first
MAKERS = frozenset({"Field", "build"})  # Field("x", "text"), Signature.build("f", {"x": "text"}, …)


def test_nobody_names_a_kind() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sorted(ROOT.rglob("*.py"))
        if not _is_owner(path.relative_to(ROOT))
        for line, what in named(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n" + "\n".join(found)


def test_a_kind_names_no_other_and_is_named_by_no_shared_module() -> None:
    found = []
    for path in sorted((ROOT / "kinds").rglob("*.py")):
        inside = path.relative_to(ROOT / "kinds").parts
        others = KINDS - {inside[0]}
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                if parts[:2] == ["modelwright", "kinds"] and others & set(parts[2:3]):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.module}")
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "planted",
    [
        'field.kind == "text"',
        '"text" != kind',
        'field.kind in {"category", "other"}',
        'kind not in ("number",)',
        'match field.kind:\n    case "text":\n        pass',
        'match field.kind:\n    case "number" | "boolean":\n        pass',
        'match (field.kind, role):\n    case ("number", _):\n        pass',
        '{"category": 1}[field.kind]',
        '{"category": 1, "else": 2}.get(field.kind, 3)',
        'TYPES = {"category": 1, "else": 2}\nx = TYPES[output.kind]',
        'READS = frozenset({"text", "number"})',
        'for kind in ("boolean", "text"):\n    pass',
        'kinds.value("number")',
        'kinds.facet("number", Column).parse',
        'Field("x", "text")',
        'Field(name="x", kind="text")',
        'Signature.build("f", {"x": "text"}, outputs)',
        'kind = "text"',
        'def f(kind: str = "text"):\n    pass',
        'x = field.kind if y else "text" == field.kind',
        "from modelwright.outcomes.classes.outcomes import ClassOutcomes",
        "isinstance(found, outcomes.ClassOutcomes)",
        'output.family == "classes"',
        'outcomes.facet("numbers", Gap)',
        "from modelwright.kinds.text.value import TextValue",
        "import modelwright.outcomes.numbers.metrics",
    ],
)
def test_what_is_found(planted: str) -> None:
    assert list(named(ast.parse(planted)))


@pytest.mark.parametrize(
    "innocent",
    [
        'add(parent, "text", cls, x=x)',
        'Column("number", Integer)',
        'match["number"]',
        '{"type": "number"}',
        'words = {"string": "text", "integer": "whole number", "number": "number"}',
        'names = {str: "text", int: "number"}',
        'record["result"]["text"]',
        'for name in network.text.named_modules(prefix="text"):\n    pass',
        "field.kind == other.kind",
        "field.kind in known",
        'summary["classes"]',
        'row.type == "text"',
        "from modelwright.kinds.contract.value import Value",
        "from modelwright import kinds, outcomes",
        '"""text"""',
    ],
)
def test_what_is_not(innocent: str) -> None:
    assert not list(named(ast.parse(innocent)))


def named(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the lines of a module in which a kind, a family or its class is named, with what stands there."""
    literals = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    found = {
        (node.lineno, ast.unparse(node).split("\n")[0][:120])
        for node in ast.walk(tree)
        if isinstance(node, ast.expr | ast.stmt) and _names(node, literals)
    }
    yield from sorted(found)


def _names(node: ast.AST, literals: dict[str, ast.Dict]) -> bool:
    match node:
        case ast.Compare():
            sides = [node.left, *node.comparators]
            return any(_strings(one) & _meant(sides) for one in sides)
        case ast.Match():
            patterns = [one for case in node.cases for one in ast.walk(case.pattern)]
            constants = [one.value for one in patterns if isinstance(one, ast.MatchValue)]
            return any(_strings(one) & _meant(_flat(node.subject)) for one in constants)
        case ast.Subscript():
            return bool(_keys(node.value, literals) & _meant([node.slice]))
        case ast.Call():
            return _called(node, literals)
        case ast.Set() | ast.Tuple() | ast.List() | ast.Dict():
            members = _strings(node)
            count = len(node.keys if isinstance(node, ast.Dict) else node.elts)
            return len(members) >= 2 and len(members) == count and members <= KINDS
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return node.value is not None and bool(_strings(node.value) & _meant(targets))
        case ast.FunctionDef():
            return any(
                _strings(default) & MEANS.get(name, frozenset()) for name, default in _defaults(node.args)
            )
        case ast.ImportFrom():
            return _is_member(node.module or "") or any(one.name in OUTCOME_CLASSES for one in node.names)
        case ast.Import():
            return any(_is_member(one.name) for one in node.names)
        case ast.Attribute():
            return node.attr in OUTCOME_CLASSES
    return False


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters that have a default, with it."""
    by_place = [*arguments.posonlyargs, *arguments.args]
    for parameter, default in zip(reversed(by_place), reversed(arguments.defaults), strict=False):
        yield parameter.arg, default
    for parameter, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if given is not None:
            yield parameter.arg, given


def _called(node: ast.Call, literals: dict[str, ast.Dict]) -> bool:
    function = node.func
    name = _name(function)
    if any(
        keyword.arg in MEANS and _strings(keyword.value) & MEANS[keyword.arg] for keyword in node.keywords
    ):
        return True
    if name in MAKERS and any(_values(one) & KINDS for one in node.args[1:]):
        return True
    if isinstance(function, ast.Attribute) and node.args:
        owner = function.value
        if isinstance(owner, ast.Name) and _strings(node.args[0]) & ASKED.get(owner.id, frozenset()):
            return True
        if name == "get":
            return bool(_keys(owner, literals) & _meant(node.args[:1]))
    return False


def _meant(nodes: list[ast.expr]) -> frozenset[str]:
    """Return the names that strings beside these expressions would stand for: those of kinds beside `field.kind`."""
    called = map(_name, nodes)
    return frozenset().union(*(MEANS.get(name, frozenset()) for name in called))


def _name(node: ast.expr) -> str:
    """Return the last word of `field.kind` or `kind`; empty for another expression."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _flat(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _strings(node: ast.expr) -> set[str]:
    """Return the strings that an expression is, or holds as members or keys."""
    match node:
        case ast.Constant(value=str(value)):
            return {value}
        case ast.Set(elts=members) | ast.Tuple(elts=members) | ast.List(elts=members):
            return set().union(*map(_strings, members))
        case ast.Dict(keys=keys):
            return set().union(*(_strings(key) for key in keys if key is not None))
    return set()


def _values(node: ast.expr) -> set[str]:
    return set().union(*map(_strings, node.values)) if isinstance(node, ast.Dict) else _strings(node)


def _keys(node: ast.expr, literals: dict[str, ast.Dict]) -> set[str]:
    if isinstance(node, ast.Name) and node.id in literals:
        node = literals[node.id]
    return _strings(node) if isinstance(node, ast.Dict) else set()


def _is_member(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == "modelwright" and len(parts) > 2 and parts[2] in ASKED.get(parts[1], frozenset())


def _is_owner(path: Path) -> bool:
    return path.parts[0] in ASKED
