"""Rows as a request carries them, and predictions as an answer brings them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError, ValueProblem
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Answer
from modelwright.kinds.contract.value import AnyValue
from modelwright.runtime.data_frames import is_frame, named, rows_of
from modelwright.runtime.prediction import Prediction

NO_OPTIONS: Mapping[str, object] = MappingProxyType({})
_MOST_BYTES = 2**20  # of the rows of one request: half of what a gateway takes by default
_AS_THEY_ARE = (str, bool, int, float, list, dict, tuple, type(None))


def row_of(
    signature: Signature, values: Sequence[object], by_name: Mapping[str, object]
) -> dict[str, object]:
    """Return a row given by place, by name or both; raises RequestError for one input given twice, or too many."""
    names = [field.name for field in signature.inputs]
    twice = next(iter(sorted(set(names[: len(values)]) & set(by_name))), None)
    if len(values) > len(names) or twice is not None:
        raise RequestError(
            Problem(
                "request.too-many-inputs",
                twice=twice,
                values=len(values),
                inputs=len(names),
                signature=str(signature),
            )
        )
    return {**dict(zip(names, values, strict=False)), **by_name}


def row_texts(signature: Signature, rows: Any, options: Mapping[str, object] = NO_OPTIONS) -> list[bytes]:
    """Return each row as JSON; rows: mappings by input, or a data frame, whose other columns are left out.

    options: what is asked beside the inputs, of each row.

    What JSON has no form for is written as its kind writes it (a date, the bytes of a picture); the server judges the
    rest, so that one place alone says what a row may be. Raises RequestError.
    """
    if is_frame(rows):
        names = [field.name for field in signature.inputs]
        rows = named(rows_of(rows), {}, names, drop=True)
    of_kind = {field.name: field.kind for field in signature.inputs}
    return [
        json.dumps(
            {name: _plain(name, value, of_kind.get(name)) for name, value in {**options, **row}.items()}
        ).encode()
        for row in rows
    ]


def truth_of(given: Mapping[str, object], signature: Signature | None) -> dict[str, object]:
    """Return true outputs as JSON has them."""
    of_kind = {field.name: field.kind for field in signature.outputs} if signature is not None else {}
    return {name: _plain(name, value, of_kind.get(name)) for name, value in given.items()}


def portions(texts: Sequence[bytes], most_rows: int) -> Iterator[Sequence[bytes]]:
    """Yield rows in portions that a request can hold: up to `most_rows`, and fewer where they are large."""
    begun, size = 0, 0
    for place, text in enumerate(texts):
        if place > begun and (place - begun >= most_rows or size + len(text) > _MOST_BYTES):
            yield texts[begun:place]
            begun, size = place, 0
        size += len(text)
    if texts:
        yield texts[begun:]


def prediction_of(signature: Signature, body: Mapping[str, Any]) -> Prediction:
    """Return an answer as `load` gives it, with its id and the version that answered."""
    of_kind = {field.name: field.kind for field in signature.outputs}
    outputs = {name: _answer(of_kind.get(name), output) for name, output in body["outputs"].items()}
    return Prediction(outputs, of_kind, tuple(body.get("unseen", ())), body["id"], body["version"])


def _answer(kind: str | None, output: Mapping[str, Any]) -> Answer:
    value, reads = output["value"], _value_of(kind)
    return Answer(
        value if value is None or reads is None else reads.parse(value),
        output["confidence"],
        output.get("probabilities"),
        output.get("interval"),
        output.get("details"),
    )


def _plain(name: str, value: object, kind: str | None) -> object:
    """Return a value as JSON has it; raises RequestError for one that its kind does not take."""
    reads = _value_of(kind)
    if isinstance(value, Path) and reads is not None and reads.holds_files:
        value = value.read_bytes()
    if isinstance(value, bytes | bytearray) and (reads is None or reads.holds_files):
        return base64.b64encode(value).decode()
    usual, plain = _of_python(value)
    if usual or reads is None:
        return plain if usual else str(value)
    try:
        canonical = reads.parse(value)
    except ValueProblem as problem:
        raise RequestError(
            Problem("request.wrong-value", field=name, kind=kind, problem=problem.message)
        ) from None
    return None if canonical is None else reads.to_json(canonical)


def _of_python(value: object) -> tuple[bool, object]:
    """Return whether a value is of a type that every kind's JSON may hold, and then as that; NaN is missing."""
    if hasattr(value, "tolist"):  # of numpy
        value = value.tolist()
    if isinstance(value, float) and math.isnan(value):
        return True, None
    if isinstance(value, set | frozenset):
        return True, sorted(map(str, value))
    if isinstance(value, date):  # a moment is one, too
        return True, value.isoformat()
    return isinstance(value, _AS_THEY_ARE), value


def _value_of(kind: str | None) -> AnyValue | None:
    """Return what a value of a kind is; None of a kind that another distribution brings, and this machine lacks."""
    return kinds.value(kind) if kind is not None and kind in kinds.names() else None
