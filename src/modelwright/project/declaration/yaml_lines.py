"""YAML with places: reads a document into plain Python and remembers on which line every key stands.

Scalars follow the YAML 1.2 core schema, so that `no`, `on`, `12:30` and `2024-01-01` stay the text that was
written (https://yaml.org/spec/1.2.2/#103-core-schema). Nothing is constructed from tags, so a file cannot run
code; size, depth and the number of nodes after following anchors are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.messages.key_problems import Path, dotted

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000
MOST_SHOWN = 80  # characters of a line in a message
MAX_DIGITS = 40  # a longer row of digits is an identifier, not a number

_CORE = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# `precision[Yes]: …` between braces, where a bracket begins a list; in quotes it is a key.
_OF_A_CLASS = re.compile(r"[{,]\s*(\w+\[[^\]\"']*\](?: where [^:{}]*)?)\s*:")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class YamlDocument:
    """A document as plain Python (dict, list, str, int, float, bool, None).

    `lines` gives the line (from 1) of every key and list item; `texts` gives every plain scalar as written,
    so that `1.10` can be text where text is wanted. Paths are keys and positions from the root. `problems`
    are those that leave the rest readable: duplicate keys and tags.
    """

    value: object
    lines: Mapping[Path, int] = field(default_factory=dict)
    texts: Mapping[Path, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class _Loader(yaml.SafeLoader):
    """Resolves nothing by itself: `plain` does, so that one rule holds in files and in `--set`."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the library's own name for it


class _TooLarge(Exception):  # noqa: N818 - leaves a deep walk; never seen outside
    pass


def read_document(text: str, name: str) -> YamlDocument:
    """Read one YAML document; raises ProjectError for a syntax error, or one that is too large or deep.

    `name` is what the places begin with (`modelwright.yaml:12`).
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ProjectError(_syntax_problem(error, text, name)) from None
    except yaml.YAMLError as error:
        raise ProjectError(_character_problem(error, name)) from None
    except RecursionError:
        raise ProjectError(_too_large(name)) from None
    reader = _Reader(name)
    try:
        value = reader.read(root, ()) if root is not None else None
    except _TooLarge:
        raise ProjectError(_too_large(name)) from None
    return YamlDocument(value, reader.lines, reader.texts, tuple(reader.problems))


def plain(text: str) -> object:
    """Return the value of a plain scalar: null, bool, int, float, or else the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if len(text) <= MAX_DIGITS:
        if _INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", "", 1))
    return text


class _Reader:
    """Walks composed nodes once, following anchors, and collects values, lines and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.texts: dict[Path, str] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, node: yaml.Node, path: Path) -> object:
        self.nodes += 1
        if len(path) > MAX_DEPTH or self.nodes > MAX_NODES:
            raise _TooLarge
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, place)) for place, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode), "a YAML node is a mapping, a sequence or a scalar"
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem("project.yaml-key", where=self._place(key_node)))
                continue
            key = key_node.value
            if key in values:
                self.problems.append(self._duplicate((*path, key), key_node))
                continue
            self.lines[*path, key] = key_node.start_mark.line + 1
            values[key] = self.read(value_node, (*path, key))
        return values

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        tag = node.tag.removeprefix(_CORE)
        if node.style is None and tag == "str":  # unquoted
            self.texts[path] = node.value
            return plain(node.value)
        if tag != "str":
            self.problems.append(
                Problem("project.yaml-tag", where=self._place(node), tag=node.tag.replace(_CORE, "!!"))
            )
        return node.value

    def _duplicate(self, path: Path, node: yaml.Node) -> Problem:
        return Problem(
            "project.duplicate-key",
            where=self._place(node),
            path=dotted(path),
            first=self.lines[path],
            second=node.start_mark.line + 1,
        )

    def _place(self, node: yaml.Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"


def _too_large(name: str) -> Problem:
    return Problem("project.too-deep", where=name, depth=MAX_DEPTH, nodes=MAX_NODES)


def _character_problem(error: yaml.YAMLError, name: str) -> Problem:
    character = getattr(error, "character", None)
    code = ord(character) if isinstance(character, str) else character
    return Problem(
        "project.control-character",
        where=name,
        code=code if isinstance(code, int) else None,
        position=getattr(error, "position", 0),
    )


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    number = mark.line + 1 if mark else 1
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    problem = (error.problem or error.context or "a syntax error").removeprefix("but ").removeprefix("found ")
    key, _, rest = line.strip().partition(": ")
    of_class = _OF_A_CLASS.search(line)
    if of_class is not None:
        key = of_class[1]
    return Problem(
        "project.yaml-syntax",
        where=f"{name}:{number}",
        problem=problem,
        line=line.strip()[:MOST_SHOWN],
        hint="quoted-key" if of_class is not None else _syntax_hint(f"{error.context} {error.problem}", line),
        key=key,
        rest=rest.strip(),
    )


def _syntax_hint(problem: str, line: str) -> str:
    """Return what people most often meant when YAML stops at such a line, as the catalogue's `next` names it."""
    rest = line.strip().partition(": ")[2].strip()
    hints = (
        ("\t" in line, "tabs"),
        (rest[:1] in (">", "|", "%", "@", "`", "*", "&", "!"), "quotes"),
        ("mapping values are not" in problem and ": " in rest, "colon"),
        ("single document" in problem, "documents"),
        ("alias" in problem, "alias"),
        ("'?'" in problem, "optional"),
        ("flow" in problem, "bracket"),
        ("block" in problem, "indentation"),
        (True, "other"),
    )
    return next(hint for fits, hint in hints if fits)
