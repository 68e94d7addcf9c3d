"""Whether answers can be held to a JSON schema: what it says, and what the library that holds them to it enforces.

A schema is read as draft 2020-12. Nothing of it is passed over: a keyword that is not enforced is refused by name, and
so is a reference to anything but a part of the schema itself: nothing is ever fetched.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from modelwright.core.messages import Problem
from modelwright.core.messages.near import did_you_mean
from modelwright.kinds.shared.schemas.exclusive_parts import as_any_of
from modelwright.kinds.shared.schemas.schema_parts import (
    ANNOTATIONS,
    ENFORCED,
    MOST_BYTES,
    MOST_DEPTH,
    OTHERS,
    SchemaPart,
    parts,
)
from modelwright.kinds.shared.schemas.unending import unending

EXTRA = "record"
# Of that extra. They are large and few functions need them, so they are imported where they are used.
_LIBRARIES = ("jsonschema_rs", "llguidance")
# Of a constant, a pattern or a name: each token is compared with all of it, which takes 1 ms for every 1,000.
_MOST_CHARACTERS = 2_000
# One way to write each value, so that no answer is lost in white space: as `json.dumps` writes it.
FORM: Mapping[str, Any] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "coerce_one_of": False,
    "lenient": False,
}


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Return the grammar of answers that fit a schema of which `schema_problem` finds nothing."""
    return _readable(_plain(schema))


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of which `schema_problem` finds nothing, as the library reads it within a grammar."""
    return as_any_of(_plain(schema))


def schema_problem(schema: object, name: str) -> Problem | None:
    """Return why answers cannot be held to a schema, None where they can; name: of what holds the schema."""
    return missing_library() or _invalid(schema, name)


def missing_library() -> Problem | None:
    """Return which library of the extra is not there, None where all are."""
    missing = next((one for one in _LIBRARIES if importlib.util.find_spec(one) is None), None)
    return None if missing is None else Problem("machine.missing-library", module=missing, extra=EXTRA)


def _invalid(schema: object, name: str) -> Problem | None:
    if not isinstance(schema, Mapping):
        return Problem("schema.invalid", name=name, place="#", error=f"{schema!r:.60}")
    try:
        length = len(json.dumps(schema, allow_nan=False))
    except (ValueError, TypeError, RecursionError) as error:
        return Problem("schema.invalid", name=name, place="#", error=str(error)[:200])
    if length > MOST_BYTES:
        return Problem("schema.large", name=name, length=length, most=MOST_BYTES)
    import jsonschema_rs

    plain = _plain(schema)
    try:
        jsonschema_rs.meta.validate(plain)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(["#", *map(str, error.instance_path)])
        return Problem("schema.invalid", name=name, place=place[:200], error=error.message[:200])
    except (ValueError, RecursionError) as error:
        return Problem("schema.invalid", name=name, place="#", error=str(error)[:200])
    return _unenforced(plain, name) or _refused(plain, name) or _unending(plain, name)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without the names of its own and of its draft, which are read by nobody."""
    return {key: value for key, value in schema.items() if key not in {"$schema", "$id"}}


def _readable(schema: dict[str, Any]) -> str:
    """Return the grammar of a plain schema; raises ValueError."""
    from llguidance import LLMatcher

    return LLMatcher.grammar_from_json_schema(as_any_of(schema), overrides=cast("Any", FORM))


def _unenforced(schema: dict[str, Any], name: str) -> Problem | None:
    for part in parts(schema):
        if part.depth > MOST_DEPTH:
            return Problem("schema.deep", name=name, most=MOST_DEPTH)
        if isinstance(part.schema, bool):
            continue
        reference = part.schema.get("$ref")
        if isinstance(reference, str) and reference != "#" and not reference.startswith("#/"):
            return Problem("schema.elsewhere", name=name, place=part.place, reference=reference[:120])
        if (keyword := next(_unheld(part.schema), None)) is not None:
            return _not_held(name, part, keyword)
        if (problem := _long(part.schema, part.place, name)) is not None:
            return problem
    return None


def _unheld(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keywords that answers cannot be held to where they stand."""
    for keyword in schema:
        if keyword not in ENFORCED | ANNOTATIONS and (
            not keyword.startswith("x-") or keyword == "x-guidance"
        ):
            yield keyword
    if _is_beside_the_point(schema):
        yield "format"
    # further names may come twice, and two that are equal are one: then there are too few
    least = schema.get("minProperties", 0)
    if least > max(1, len(schema.get("required", ()))):
        yield "minProperties"


def _long(schema: Mapping[str, Any], place: str, name: str) -> Problem | None:
    for keyword, length in _lengths(schema):
        if length > _MOST_CHARACTERS:
            place = f"{place}/{keyword}"
            return Problem("schema.long", name=name, place=place, length=length, most=_MOST_CHARACTERS)
    return None


def _lengths(schema: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the characters of each text that answers are compared with, and the keyword that has it."""
    for value in [schema["const"]] if "const" in schema else schema.get("enum", ()):
        yield ("const" if "const" in schema else "enum"), len(json.dumps(value, ensure_ascii=False))
    yield "pattern", len(schema.get("pattern", ""))
    for keyword in ("properties", "patternProperties"):
        yield keyword, max(map(len, schema.get(keyword, ())), default=0)


def _is_beside_the_point(schema: Mapping[str, Any]) -> bool:
    """Tell whether a format stands where no text does."""
    types = schema.get("type", "string")
    return "format" in schema and "string" not in ([types] if isinstance(types, str) else types)


def _not_held(name: str, part: SchemaPart, keyword: str) -> Problem:
    near = None if keyword in ENFORCED | OTHERS else did_you_mean(keyword, sorted(ENFORCED))
    return Problem("schema.keyword", name=name, place=part.place, keyword=keyword[:60], near=near)


def _unending(schema: dict[str, Any], name: str) -> Problem | None:
    return Problem("schema.endless", name=name) if unending(schema) else None


def _refused(schema: dict[str, Any], name: str) -> Problem | None:
    """Return what the library says of it: what can be fulfilled by nothing, or cannot be enforced."""
    from llguidance import LLMatcher

    try:
        grammar = _readable(schema)
    except ValueError as what:  # half a surrogate pair, or an integer of more than 64 bits
        return Problem("schema.refused", name=name, error=str(what)[:200], is_empty=False)
    is_wrong, words = LLMatcher.validate_grammar_with_warnings(grammar)
    if not is_wrong and not words:
        return None
    error = " ".join(words[0].split())[:200]
    return Problem("schema.refused", name=name, error=error, is_empty=error.startswith("Unsatisfiable"))
