"""What a text is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Comparable, Value
from modelwright.kinds.shared.numbers import read_number
from modelwright.kinds.shared.strings import as_written, canonical, unchanged


def _given(raw: object) -> str | None:
    """Return the text that was given; raises ValueProblem for what is none."""
    if raw is None or isinstance(raw, str):
        return raw
    raise ValueProblem("value.not-a-text", shown=shown(raw))


class TextValue(Value[str]):
    """Text in any script, in its canonical form (`shared.strings.canonical`)."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "text in any script: a question, a review, a document"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "texts"
    synonyms: ClassVar[tuple[str, ...]] = ("string", "str", "varchar")
    most_characters: ClassVar[int] = 100_000
    unanswered: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a text."""
        return {
            "type": "string",
            "maxLength": self.most_characters,
            "description": "Text; Unicode is normalised to NFC.",
        }

    def given_schema(self) -> JsonObject:
        """Return the JSON Schema of a text in a request."""
        return {
            **self.schema(),
            "description": "Text. Runs of white space count as one space; Unicode is normalised to NFC.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> str | None:
        """Return the text in its canonical form (`shared.strings.canonical`); a blank is missing.

        Lenient too, a number or a truth value of a typed table is no text: that is a wrong column more often
        than a text.
        """
        text = _given(raw)
        return None if text is None else canonical(text, most_characters=self.most_characters) or None

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> str | None:
        """Return the text of a cell; of an output it keeps its lines (`options.lines`), of places in it all of it."""
        if options.exact and not options.is_missing(cell, words=self.takes_words):
            return self._exact(cell)
        if not options.lines or options.is_missing(cell, words=self.takes_words):
            return super().read_cell(cell, options)
        text = _given(cell)
        return None if text is None else as_written(text, most_characters=self.most_characters) or None

    def read_json(self, raw: object, options: CellOptions = DEFAULT_OPTIONS) -> str | None:
        """Return the text of a request, to the character where places in it are answered (`options.exact`)."""
        if options.exact and not options.is_missing(raw, words=False):
            return self._exact(raw)
        return super().read_json(raw, options)

    def _exact(self, raw: object) -> str | None:
        """Return a text as it stands there; raises ValueProblem for one too long or with half a character."""
        text = _given(raw)
        return None if text is None else unchanged(text, most_characters=self.most_characters)

    def size(self, value: str) -> int:
        """Return the number of characters."""
        return len(value or "")

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the text; of numbers written as text none comes before another, for "10" < "9" as texts."""
        if operator in ORDER and isinstance(written, str) and read_number(written) is not None:
            raise ValueProblem("slice.order-of-codes")
        return super().literal(written, operator)
