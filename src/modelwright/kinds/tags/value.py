"""What a set of tags is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import MEMBERS, Comparable, Value
from modelwright.kinds.shared.strings import canonical

SEPARATOR = ";"
MOST_TAGS = 1_000  # of one value
MOST_CHARACTERS = 1_000  # of one tag


class TagsValue(Value[frozenset[str]]):
    """A frozenset of tags, each a text in its canonical form (`shared.strings.canonical`).

    The empty set is a value: the row has no tag. Missing is something else: whether it has tags is not known.
    """

    name: ClassVar[str] = "tags"
    summary: ClassVar[str] = "a set of names, which the training rows show; it may be empty"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "sets"
    closed: ClassVar[bool] = True
    synonyms: ClassVar[tuple[str, ...]] = ("set", "labels", "multilabel", "list")
    operators: ClassVar[frozenset[str]] = MEMBERS
    empty_cell: ClassVar[str | None] = "[]"

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a set of tags."""
        return {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
            "maxItems": MOST_TAGS,
            "description": "A set of names: neither order nor repetition matters.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> frozenset[str] | None:
        """Return the set. Strict takes a list of texts.

        Lenient also takes a text: a JSON list (`["a", "b"]`; `[]` is the empty set), or tags with `;` between
        them. A blank text is missing; a separator alone is the empty set.
        """
        if raw is None:
            return None
        return read_text(raw, SEPARATOR) if lenient and isinstance(raw, str) else _members(raw)

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> frozenset[str] | None:
        """Return the set of one cell of a table; tags in a text are separated by `options.tag_separator`."""
        if options.is_missing(cell, words=False):
            return None
        return read_text(cell, options.tag_separator) if isinstance(cell, str) else self.parse(cell)

    def to_json(self, value: frozenset[str]) -> Json:
        """Return the tags as a sorted list."""
        return [*sorted(value)]

    def size(self, value: frozenset[str]) -> int:
        """Return the characters of all tags."""
        return sum(map(len, value))

    def labels(self, value: frozenset[str]) -> tuple[str, ...]:
        """Return the tags, sorted."""
        return tuple(sorted(value))

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the one tag that a set is asked for."""
        (tag,) = _members([written])
        return tag


def read_text(text: str, separator: str) -> frozenset[str] | None:
    """Return the set that a cell of text holds: a JSON list, or tags with a separator between them."""
    stripped = text.strip()
    if not stripped:
        return None
    if stripped.startswith("["):
        try:
            return _members(json.loads(stripped))
        except (json.JSONDecodeError, RecursionError):
            pass  # a tag may begin with a bracket
    return _canonical(part for part in stripped.split(separator) if part.strip())


def _members(raw: object) -> frozenset[str]:
    if not isinstance(raw, list | tuple) or not all(isinstance(member, str) for member in raw):
        raise ValueProblem("value.not-tags", shown=shown(raw))
    if not all(member.strip() for member in raw):
        raise ValueProblem("value.blank-tag")
    return _canonical(raw)


def _canonical(members: Iterable[str]) -> frozenset[str]:
    tags = frozenset(canonical(member, most_characters=MOST_CHARACTERS) for member in members)
    if len(tags) > MOST_TAGS:
        raise ValueProblem("value.too-many-tags", most=MOST_TAGS, count=len(tags))
    return tags
