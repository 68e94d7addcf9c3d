"""What a record is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import EQUALITY, Value

MOST_DEPTH = 32
_WHOLE = 2.0**53  # beyond, a float is no exact whole number


class RecordValue(Value[str]):
    """A JSON object as a text: keys sorted, whole numbers without a fraction, so that equal objects are equal texts."""

    name: ClassVar[str] = "record"
    summary: ClassVar[str] = "a JSON object: an order, an invoice, what is read out of a text"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.OUTPUT})
    family: ClassVar[str | None] = "records"
    operators: ClassVar[frozenset[str]] = EQUALITY
    synonyms: ClassVar[tuple[str, ...]] = ("object", "json", "struct", "dict")
    most_characters: ClassVar[int] = 100_000

    def schema(self) -> JsonObject:
        """Return the JSON Schema of any object."""
        return {"type": "object", "description": "An object with the fields that the function answers."}

    def parse(self, raw: object, *, lenient: bool = False) -> str | None:
        """Return an object as its text; lenient also of its JSON as a text. Raises ValueProblem for anything else."""
        if raw is None:
            return None
        if lenient and isinstance(raw, str):
            if not raw.strip():
                return None
            raw = _of_text(raw)
        if not isinstance(raw, Mapping):
            raise ValueProblem("value.not-a-record", shown=shown(raw))
        text = json.dumps(_plain(raw, "", 0), ensure_ascii=False, sort_keys=True)
        if len(text) > self.most_characters:
            raise ValueProblem("value.too-long", most=self.most_characters, length=len(text))
        return text

    def to_json(self, value: str) -> Json:
        """Return the object."""
        found: Json = json.loads(value)
        return found

    def size(self, value: str) -> int:
        """Return the number of characters."""
        return len(value or "")


def _of_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(raw: object, place: str, depth: int) -> Json:
    """Return a value with numbers in one form; place: of the value within the object (`.items.0.price`)."""
    if depth > MOST_DEPTH:
        raise ValueProblem("value.deep-record", most=MOST_DEPTH)
    match raw:
        case None | bool():
            return raw
        case str():
            try:
                raw.encode()
            except UnicodeEncodeError:
                raise ValueProblem("value.half-a-character") from None
            return raw
        case int() if abs(raw) < 1 << 1024:
            return raw
        case float() if math.isfinite(raw):
            return int(raw) if raw.is_integer() and abs(raw) <= _WHOLE else raw
        case Mapping() if all(isinstance(key, str) for key in raw):
            return {
                str(_plain(k, place, depth)): _plain(v, f"{place}.{k}", depth + 1) for k, v in raw.items()
            }
        case list() | tuple():
            return [_plain(one, f"{place}.{at}", depth + 1) for at, one in enumerate(raw)]
    raise ValueProblem("value.odd-field", place=place.lstrip(".")[:60] or "?", shown=shown(raw))
