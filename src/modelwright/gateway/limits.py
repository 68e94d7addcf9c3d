"""Reads the JSON of a request, bounded before it is parsed."""

from __future__ import annotations

import codecs
import json
import re
import sys
from typing import NoReturn

import numpy as np

from modelwright.core.json_types import Json
from modelwright.core.messages import Problem, RequestError

# A text of JSON, or what is left of one that does not end, so that no byte is looked at twice.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
_STEPS = np.zeros(256, dtype=np.int32)
_STEPS[[*b"[{"]], _STEPS[[*b"]}"]] = 1, -1


def read_json(body: bytes, *, max_depth: int, max_items: int) -> Json:
    """Return the JSON value of a body; raises RequestError (400, or 413 for too many items).

    Refuses what JSON leaves open and readers disagree on: an object that names a key twice, NaN and infinity.
    """
    # Counting brackets and commas is cheap, and nearly every body needs no more than that.
    if body.count(b"[") + body.count(b"{") > max_depth or body.count(b",") >= max_items:
        _require_bounds(body, max_depth, max_items)
    try:
        value: Json = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise RequestError(
            Problem("request.not-utf8", position=error.start),
            400,
        ) from None
    except (ValueError, RecursionError) as error:
        if "integer string conversion" in str(
            error
        ):  # CPython reads no more than `sys.get_int_max_str_digits`
            raise RequestError(
                Problem("request.long-integer", most=sys.get_int_max_str_digits()), 400
            ) from None
        known = error if isinstance(error, json.JSONDecodeError) and body else None
        problem = Problem(
            "request.not-json",
            empty=not body,
            marked=body.startswith(codecs.BOM_UTF8),
            error=known.msg if known else None,
            position=known.pos if known else None,
        )
        raise RequestError(problem, 400) from None
    return value


def _require_bounds(body: bytes, max_depth: int, max_items: int) -> None:
    structure = np.frombuffer(_TEXT.sub(b"", body).translate(None, _NOT_STRUCTURE), dtype=np.uint8)
    depth = np.cumsum(_STEPS[structure])
    deepest = int(depth.max(initial=0))
    if deepest > max_depth:
        raise RequestError(Problem("request.too-deep", levels=deepest, most=max_depth), 400)
    if structure.size and structure[0] == ord("["):
        require_items(int(((structure == ord(",")) & (depth == 1)).sum()) + 1, max_items)


def require_items(items: int, max_items: int) -> None:
    """Raise RequestError (413) for a list that is too long."""
    if items > max_items:
        raise RequestError(Problem("request.too-many-items", items=items, most=max_items), 413)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise RequestError(
            Problem("request.duplicate-key", key=twice[:60]),
            400,
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise RequestError(Problem("request.not-finite", name=name), 400)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
