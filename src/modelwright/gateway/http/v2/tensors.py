"""Rows and answers as tensors of the Open Inference Protocol v2: one tensor an input or output, rows first.

A text, a class or a date is BYTES [n], as UTF-8; a file BYTES [n], as it is; a number FP64 [n]; a truth value BOOL [n];
a vector FP32 [n, d]. What has no tensor of its own (a set of tags, a series) is BYTES [n], each the JSON of a value.
https://github.com/kserve/open-inference-protocol, and for bytes behind the JSON its binary tensor data extension.
"""

from __future__ import annotations

import json
import math
import struct
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError
from modelwright.core.signature import Field
from modelwright.gateway.limits import read_json

CONFIDENCE = "_confidence"
_NUMBERS = {
    **{
        f"{sign}INT{bits}": f"<{letter}{bits // 8}"
        for sign, letter in (("", "i"), ("U", "u"))
        for bits in (8, 16, 32, 64)
    },
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH = struct.Struct("<I")
_MOST_DIMENSIONS = 8
_LARGEST = 2**31  # of a dimension: no request holds as many values


@dataclass(frozen=True)
class TensorForm:
    """How the values of a field are put into a tensor. `shape` is that of one row: () or (-1,), of any length."""

    datatype: str
    shape: tuple[int, ...] = ()
    is_json: bool = False  # each value is a text of JSON
    is_file: bool = False  # each value is the bytes of a file


def form_of(field: Field) -> TensorForm:
    """Return the form of a field, as its kind's schema tells."""
    kind = kinds.value(field.kind)
    schema = kind.schema()
    if kind.holds_files:
        return TensorForm("BYTES", is_file=True)
    match schema.get("type"):
        case "string":
            return TensorForm("BYTES")
        case "number" | "integer":
            return TensorForm("FP64")
        case "boolean":
            return TensorForm("BOOL")
        case "array" if schema.get("items") == {"type": "number"}:
            return TensorForm("FP32", (-1,))
    return TensorForm("BYTES", is_json=True)


def rows_of(
    fields: Sequence[Field], tensors: object, blob: bytes, most_rows: int, most_depth: int = 32
) -> list[dict[str, object]]:
    """Return the rows of a request's tensors, `blob` being the bytes behind its JSON; raises RequestError (400).

    most_depth: how deeply the JSON of one value may nest.
    """
    if not isinstance(tensors, list) or not tensors:
        raise _wrong("inputs", "inputs-list")
    known = {field.name: form_of(field) for field in fields}
    columns: dict[str, list[object]] = {}
    rest = memoryview(blob)
    for tensor in tensors:
        if not isinstance(tensor, dict) or not isinstance(name := tensor.get("name"), str):
            raise _wrong("inputs", "tensor-name")
        name = unicodedata.normalize("NFC", name)  # clients may send NFD
        if name not in known:
            raise _wrong(name, "unknown-input")
        if name in columns:
            raise _wrong(name, "twice")
        size = _binary_size(tensor, name)
        data, rest = (None, rest) if size is None else (rest[:size], rest[size:])
        if size is not None and (len(data or b"") != size or "data" in tensor):
            raise _wrong(name, "binary-size")
        columns[name] = _values(tensor, name, known[name], data, most_rows, most_depth)
    if len(rest):
        raise _wrong("inputs", "binary-left")
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1:
        raise _wrong("inputs", "row-counts")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def described(fields: Sequence[Field]) -> list[dict[str, object]]:
    """Return the tensors of fields as the model's metadata lists them; -1 stands for any number."""
    forms = [(field.name, form_of(field)) for field in fields]
    return [{"name": name, "datatype": form.datatype, "shape": [-1, *form.shape]} for name, form in forms]


@dataclass(frozen=True)
class Tensor:
    """One tensor of an answer: its name, its datatype, its shape, and its values, flat; None where there is none."""

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]

    def as_json(self) -> dict[str, object]:
        """Return it with its data in JSON."""
        return {**self._head(), "data": self.values}

    def as_binary(self) -> tuple[dict[str, object], bytes]:
        """Return it without its data, and its data as bytes; a number that is missing is NaN."""
        if self.datatype == "BYTES":
            texts = [
                ("" if one is None else str(one)).encode("utf-8", "surrogatepass") for one in self.values
            ]
            blob = b"".join(_LENGTH.pack(len(one)) + one for one in texts)
        elif self.datatype == "BOOL":
            blob = bytes(bool(one) for one in self.values)
        else:
            numbers = [math.nan if one is None else one for one in self.values]
            blob = np.array(numbers, _NUMBERS[self.datatype]).tobytes()
        return {**self._head(), "parameters": {"binary_data_size": len(blob)}}, blob

    def _head(self) -> dict[str, object]:
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape}


def answers(fields: Sequence[Field], rows: Sequence[Mapping[str, Mapping[str, object]]]) -> Iterator[Tensor]:
    """Yield the tensors of an answer: of each output its values, and its confidences where it has any."""
    for field in fields:
        form = form_of(field)
        values = [row[field.name]["value"] for row in rows]
        shape = [len(rows)]
        if form.is_json:
            values = [None if one is None else json.dumps(one, ensure_ascii=False) for one in values]
        elif form.shape:
            width = max((len(one) for one in values if isinstance(one, list)), default=0)
            values = [one for row in values for one in (row if isinstance(row, list) else [None] * width)]
            shape.append(width)
        yield Tensor(field.name, form.datatype, shape, values)
        confidences = [row[field.name]["confidence"] for row in rows]
        if any(one is not None for one in confidences):
            yield Tensor(field.name + CONFIDENCE, "FP32", [len(rows)], confidences)


def _values(
    tensor: Mapping[str, Any],
    name: str,
    form: TensorForm,
    data: memoryview | None,
    most_rows: int,
    most_depth: int,
) -> list[object]:
    """Return the value of each row of a tensor."""
    shape = _shape(tensor, name, form)
    if shape[0] > most_rows:
        raise RequestError(Problem("request.too-many-items", items=shape[0], most=most_rows), 413)
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or not (
        datatype == form.datatype or (datatype in _NUMBERS and form.datatype in _NUMBERS)
    ):
        raise _wrong(name, "datatype", wanted=form.datatype)
    count = math.prod(shape)
    flat = (
        _flat(tensor.get("data"), name, count)
        if data is None
        else _unpacked(data, str(datatype), name, count)
    )
    if form.shape:
        width = shape[1]
        return [flat[row * width : (row + 1) * width] for row in range(shape[0])]
    if form.datatype == "BYTES":
        return [_text(one, name, form, most_depth) for one in flat]
    # binary data has no null: as in an answer, NaN stands for a number that is missing
    return [None if isinstance(one, float) and math.isnan(one) else one for one in flat]


def _shape(tensor: Mapping[str, Any], name: str, form: TensorForm) -> list[int]:
    """Return the shape, as [rows] or [rows, width]; a last dimension of 1 may be written for a single value."""
    shape = tensor.get("shape")
    if (
        not isinstance(shape, list)
        or not 0 < len(shape) <= _MOST_DIMENSIONS
        or not all(type(one) is int and 0 <= one < _LARGEST for one in shape)
    ):
        raise _wrong(name, "shape")
    if not form.shape and len(shape) == 2 and shape[1] == 1:
        shape = shape[:1]
    if len(shape) != 1 + len(form.shape):
        raise _wrong(name, "dimensions", wanted=str([-1, *form.shape]))
    return shape


def _binary_size(tensor: Mapping[str, Any], name: str) -> int | None:
    parameters = tensor.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise _wrong(name, "parameters")
    size = (parameters or {}).get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise _wrong(name, "binary-size")
    return size


def _flat(data: object, name: str, count: int) -> list[object]:
    """Return data that is flat or nested as a flat list of as many values."""
    if not isinstance(data, list):
        raise _wrong(name, "no-data")
    flat: list[object] = data
    while any(isinstance(one, list) for one in flat):
        if not all(isinstance(one, list) for one in flat):
            raise _wrong(name, "ragged")
        flat = [value for one in flat if isinstance(one, list) for value in one]
    if len(flat) != count:
        raise _wrong(name, "count", wanted=str(count), found_count=len(flat))
    return flat


def _unpacked(data: memoryview, datatype: str, name: str, count: int) -> list[Any]:
    """Return the values of a tensor in binary."""
    if datatype in _NUMBERS or datatype == "BOOL":
        dtype = np.dtype(_NUMBERS.get(datatype, "u1"))
        if len(data) != count * dtype.itemsize:
            raise _wrong(name, "count", wanted=str(count), found_count=len(data) // dtype.itemsize)
        numbers = np.frombuffer(data, dtype)
        values: list[Any] = numbers.tolist() if datatype in _NUMBERS else (numbers != 0).tolist()
        return values
    found: list[bytes] = []
    place = 0
    while place < len(data) and len(found) < count:
        if place + _LENGTH.size > len(data):
            break
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        if place + length > len(data):
            break
        found.append(bytes(data[place : place + length]))
        place += length
    if len(found) != count or place != len(data):
        raise _wrong(name, "count", wanted=str(count), found_count=len(found))
    return found


def _text(value: object, name: str, form: TensorForm, most_depth: int) -> object:
    """Return one value of a tensor of bytes as a request in JSON gives it."""
    if isinstance(value, bytes):
        if form.is_file:
            return value
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise RequestError(Problem("request.not-utf8", position=error.start), 400) from None
    if not form.is_json or not isinstance(value, str) or not value:
        return value
    text = value.encode("utf-8", "surrogatepass")
    try:
        return read_json(text, max_depth=most_depth, max_items=len(text))
    except RequestError as error:
        if error.problems[0].id == "request.not-json":
            raise _wrong(name, "no-json") from None
        raise


def _wrong(name: str, what: str, wanted: str = "", found_count: int = 0) -> RequestError:
    problem = Problem("request.tensor", name=name[:60], what=what, wanted=wanted, found_count=found_count)
    return RequestError(problem, 400)
