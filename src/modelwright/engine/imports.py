"""What a module's source says: a digest that only its meaning changes, and what it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

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
    tree = ast.parse(text)
    package = module if is_package else module.rpartition(".")[0]
    everything = set(_imports(tree, package))
    meaning = _Meaning().visit(tree)
    at_run_time = set(_imports(meaning, package))
    return ModuleSource(
        digest=hashlib.sha256("".join(_dump(meaning)).encode("utf-8", "surrogatepass")).hexdigest(),
        imports=tuple(sorted(at_run_time, key=_order)),
        for_types=tuple(sorted(everything - at_run_time, key=_order)),
    )


def _order(found: Import) -> tuple[str, tuple[str, ...]]:
    return (found.module, found.names)


class _Meaning(ast.NodeTransformer):
    """Removes what does nothing: docstrings, other lone constants, `pass`, imports for the type checker."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        test = node.test
        name = (
            test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else None
        )
        return node.orelse if name == "TYPE_CHECKING" else node


def _imports(tree: ast.AST, package: str) -> Iterator[Import]:
    # Imports inside functions count like those at the top: they run when the function does.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, node.module] if node.module else parents)
            yield Import(module, tuple(alias.name for alias in node.names))


def _dump(node: object) -> Iterator[str]:
    # Not ast.dump: it changes with the version of Python (3.13 leaves out what is empty), and an upgrade of
    # Python would then be explained as a change of all code.
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name in node._fields:
            value = getattr(node, name, None)
            if name not in _MEANINGLESS and value is not None and value != []:
                yield f"{name}="
                yield from _dump(value)
        # A constant's value may be None, which is no absent field.
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _dump(item)
            yield ","
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r};"
