"""What a choice is."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import MEMBERS, Comparable, Value
from modelwright.kinds.shared.strings import canonical

MOST_IDS = 1_000  # of one truth
MOST_CHARACTERS = 1_000  # of one id


class ChoiceValue(Value[frozenset[str]]):
    """A frozenset of ids of passages, each in its canonical form (`shared.strings.canonical`).

    As a truth it holds every passage that is right; as an answer the one that is answered.
    """

    name: ClassVar[str] = "choice"
    summary: ClassVar[str] = "one of the passages of `data.corpus`, by its id; a truth may name several"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.OUTPUT})
    family: ClassVar[str | None] = "ranking"
    operators: ClassVar[frozenset[str]] = MEMBERS
    synonyms: ClassVar[tuple[str, ...]] = ("passage", "document", "retrieval", "ranking")

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a choice."""
        one: JsonObject = {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}
        return {
            "anyOf": [one, {"type": "array", "items": one, "minItems": 2, "maxItems": MOST_IDS}],
            "description": "The id of a passage; of a truth that several passages are, their ids.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> frozenset[str] | None:
        """Return the ids. Strict takes a text, or a list of texts.

        Lenient also takes a whole number, and a text that is a JSON list. A blank text, and an empty list, are missing.
        """
        if raw is None:
            return None
        if lenient and isinstance(raw, str) and raw.lstrip().startswith("["):
            with suppress(json.JSONDecodeError, RecursionError):  # an id may begin with a bracket
                raw = json.loads(raw)
        members = raw if isinstance(raw, list | tuple) else [raw]
        ids = frozenset(found for one in members if (found := _id(one, raw, lenient=lenient)))
        if len(ids) > MOST_IDS:
            raise ValueProblem("value.too-many-choices", most=MOST_IDS, count=len(ids))
        return ids or None

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> frozenset[str] | None:
        """Return the ids of one cell of a table; several in a text are separated by `options.tag_separator`."""
        if options.is_missing(cell, words=False):
            return None
        if isinstance(cell, str) and not cell.lstrip().startswith("["):
            return self.parse([part for part in cell.split(options.tag_separator) if part.strip()])
        return self.parse(cell, lenient=True)

    def to_json(self, value: frozenset[str]) -> Json:
        """Return the id; of several, a sorted list."""
        ids = sorted(value)
        return ids[0] if len(ids) == 1 else [*ids]

    def size(self, value: frozenset[str]) -> int:
        """Return the characters of all ids."""
        return sum(map(len, value))

    def passages(self, value: frozenset[str]) -> tuple[str, ...]:
        """Return the ids, sorted."""
        return tuple(sorted(value))

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the one id that a set is asked for."""
        found = self.parse(written, lenient=True)
        if found is None or len(found) > 1:
            raise ValueProblem("slice.blank")
        (one,) = found
        return one


def _id(raw: object, whole: object, *, lenient: bool) -> str:
    """Return an id in its canonical form; raises ValueProblem for what is none."""
    if lenient and isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if not isinstance(raw, str):
        raise ValueProblem("value.not-a-choice", shown=shown(whole))
    return canonical(raw, most_characters=MOST_CHARACTERS)
