"""Finds in the source, without running it, every message that the package can give."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import modelwright

PACKAGE = Path(modelwright.__file__).parent
CLASSES = {"Problem", "Notice", "Phrase", "ValueProblem"}
NO_VALUE = {"where", "id"}  # parameters of every message, that no text shows


@dataclass(frozen=True)
class Call:
    """One `Problem("id", name=…)`: `open_ended` where it passes `**values` on.

    `id` is None where it is no literal: then it comes from a table of literals, or begins with `prefix`.
    """

    id: str | None
    place: str
    kind: str
    names: frozenset[str]
    constants: tuple[tuple[str, object], ...]
    open_ended: bool
    prefix: str | None = None
    from_table: bool = False


def calls():
    """Return every call that gives a message."""
    return _read()[0]


def literals():
    """Return every text that stands in the source as a literal."""
    return _read()[1]


@cache
def _read():
    """Return both, of one reading of the source."""
    found, texts = [], set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in CLASSES:
                    found.append(_call(node, name, path.relative_to(PACKAGE).as_posix()))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return tuple(found), frozenset(texts)


def _call(node, kind, path):
    given = {word.arg: word.value for word in node.keywords if word.arg}
    first = node.args[0] if node.args else given.get("id")
    is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return Call(
        id=first.value if is_text else None,
        place=f"{path}:{node.lineno}",
        kind=kind,
        names=frozenset(given) - NO_VALUE,
        constants=tuple((k, v.value) for k, v in given.items() if isinstance(v, ast.Constant)),
        open_ended=any(word.arg is None for word in node.keywords)
        or any(isinstance(a, ast.Starred) for a in node.args),
        prefix=first.values[0].value if isinstance(first, ast.JoinedStr) and _begins(first) else None,
        from_table=isinstance(first, ast.Subscript),
    )


def _begins(text):
    return isinstance(text.values[0], ast.Constant)
