"""What a module's source says: a digest that only its meaning changes, and what it imports."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field

# What no run of the program can see: the context of a name follows from where it stands, `kind` is the u of
# u"text", and type comments are comments.
_MEANINGLESS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@dataclass(frozen=True)
class Import:
    """One `import module` (no names) or `from module import names`; module is absolute."""

    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModuleSource:
    """One module: its digest, its imports, and those it makes for the type checker alone."""

    digest: str
    imports: tuple[Import, ...]
    for_types: tuple[Import, ...]


def read(text: bytes, module: str, *, is_package: bool) -> ModuleSource:
    """Read a module's source. Raises SyntaxError."""
    reader = _Reader(module if is_package else module.rpartition(".")[0])
    reader.node(ast.parse(text))
    meaning = "".join(reader.meaning)
    return ModuleSource(
        digest=hashlib.sha256(meaning.encode("utf-8", "surrogatepass")).hexdigest(),
        imports=tuple(sorted(reader.at_run_time, key=_order)),
        for_types=tuple(sorted(reader.for_types - reader.at_run_time, key=_order)),
    )


def _order(found: Import) -> tuple[str, tuple[str, ...]]:
    return (found.module, found.names)


@dataclass
class _Reader:
    """Goes through a tree once, for a fresh project reads hundreds of modules before its first stage.

    `meaning` is the tree as text, without what does nothing: docstrings, other lone constants, `pass`, what stands
    under `if TYPE_CHECKING`. Not ast.dump: it changes with the version of Python (3.13 leaves out what is empty), and
    an upgrade of Python would then be explained as a change of all code.
    """

    package: str
    meaning: list[str] = field(default_factory=list)
    at_run_time: set[Import] = field(default_factory=set)
    for_types: set[Import] = field(default_factory=set)

    def node(self, node: ast.AST) -> None:
        # Imports inside functions count like those at the top: they run when the function does.
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.at_run_time.update(self._imports(node))
        add = self.meaning.append
        begin, fields = _written(type(node))
        add(begin)
        for name, named in fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                kept = self._kept(value)
                if kept:
                    add(named)
                    self._all(kept)
            elif isinstance(value, ast.AST):
                add(named)
                self.node(value)
            elif value is not None:
                add(f"{named}{type(value).__name__}:{value!r};")
        add(")")  # a constant's value may be None, which is no absent field

    def _all(self, values: list[object]) -> None:
        add = self.meaning.append
        add("[")
        for value in values:
            if isinstance(value, ast.AST):
                self.node(value)
            else:
                add(f"{type(value).__name__}:{value!r};")
            add(",")
        add("]")

    def _kept(self, values: list[object]) -> list[object]:
        """Return what of a list does something."""
        kept: list[object] = []
        for value in values:
            if isinstance(value, ast.Pass) or (
                isinstance(value, ast.Expr) and isinstance(value.value, ast.Constant)
            ):
                continue
            if isinstance(value, ast.If) and _is_for_types(value.test):
                for below in (found for statement in value.body for found in ast.walk(statement)):
                    if isinstance(below, ast.Import | ast.ImportFrom):
                        self.for_types.update(self._imports(below))
                kept.extend(self._kept(list(value.orelse)))
            else:
                kept.append(value)
        return kept

    def _imports(self, node: ast.Import | ast.ImportFrom) -> list[Import]:
        if isinstance(node, ast.Import):
            return [Import(alias.name) for alias in node.names]
        parents: list[str] = []
        if node.level:
            parts = self.package.split(".")
            parents = parts[: len(parts) - node.level + 1]
        module = ".".join([*parents, node.module] if node.module else parents)
        return [Import(module, tuple(alias.name for alias in node.names))]


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else None
    return name == "TYPE_CHECKING"


def _written(sort: type[ast.AST]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return how a sort of node begins, and its fields that have a meaning, each as it is written."""
    found = _WRITTEN.get(sort)
    if found is None:
        fields = tuple((name, f"{name}=") for name in sort._fields if name not in _MEANINGLESS)
        found = _WRITTEN[sort] = (f"{sort.__name__}(", fields)
    return found


_WRITTEN: dict[type[ast.AST], tuple[str, tuple[tuple[str, str], ...]]] = {}
