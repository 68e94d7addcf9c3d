"""How the arrays of the kinds become what a graph reads, and what it gives becomes the answers of the kinds.

It is stated once, as JSON, and done twice: here with numpy, for comparison, and as nodes of the exported graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import Array

SMALLEST = 1e-37  # a probability of 0 has a logarithm all the same
NEVER = -1e4  # the logit of a class that the graph does not have
DTYPES: Mapping[str, Any] = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "int16": np.int16,
    "int8": np.int8,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "string": np.object_,
}
"""The types of tensors that a graph may read, and numpy's."""

Arrays = Mapping[str, Mapping[str, Array]]  # input → array → values


@dataclass(frozen=True)
class PixelWiring:
    """How pixels (n, h, w, c) enter: axes, order of the channels, and levels less `mean` in units of `deviation`."""

    layout: Literal["nchw", "nhwc", "nhw", "flat"]
    bgr: bool
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class InputWiring:
    """How one input enters a graph: as a tensor of its own, or as columns of one that it shares with others.

    port: the graph's input; form: of its arrays; missing: what stands for a missing value (None: NaN); table: of a
    code, what it is in the graph, by its number (0: missing or unknown); places: of a set, for each column the
    member that it is; mask, types: of tokens, further inputs of the graph.
    """

    field: str
    port: str
    form: str
    missing: float | None = None
    table: tuple[str | float, ...] = ()
    places: tuple[int, ...] = ()
    pixels: PixelWiring | None = None
    mask: str | None = None
    types: str | None = None


@dataclass(frozen=True)
class OutputWiring:
    """Where the answer to one output is in what a graph gives.

    port: the tensor; form, array: of the answer, and its name; probabilities: whether the numbers are, else logits;
    columns: of classes and sets, for each class the column of the tensor, −1 for none; positive: where the tensor has
    one column alone, the place of the class whose score it is; column: of a number; mean, deviation: by which the
    kind has standardised it.
    """

    field: str
    port: str
    form: str
    array: str
    probabilities: bool = False
    columns: tuple[int, ...] = ()
    positive: int | None = None
    column: int = 0
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()


@dataclass(frozen=True)
class PortType:
    """The type of an input of the graph, and its number of axes."""

    dtype: str
    rank: int


@dataclass(frozen=True)
class Wiring:
    """All of it: `ports`: the graph's inputs, in its order."""

    ports: Mapping[str, PortType]
    inputs: tuple[InputWiring, ...]
    outputs: tuple[OutputWiring, ...]

    def to_json(self) -> JsonObject:
        """Return it as JSON."""
        content: JsonObject = TypeAdapter(Wiring).dump_python(self, mode="json")
        return content

    @classmethod
    def from_json(cls, content: JsonObject) -> Wiring:
        """Return what `to_json` gave."""
        return TypeAdapter(Wiring).validate_python(content)

    def feeds(self, arrays: Arrays) -> dict[str, Array]:
        """Return what the graph reads, by its own names, of the arrays of a batch."""
        found: dict[str, Array] = {}
        for name, port in self.ports.items():
            blocks = []
            for one in self.inputs:
                given = arrays[one.field]
                if one.port == name:
                    blocks.append(_block(one, given, text=port.dtype == "string"))
                elif one.mask == name:
                    blocks.append(given["mask"])
                elif one.types == name:
                    blocks.append(np.zeros_like(given["ids"]))
            whole = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
            whole = whole.reshape(-1) if port.rank == 1 else whole
            found[name] = np.ascontiguousarray(whole.astype(DTYPES[port.dtype]))
        return found

    def answers(self, given: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the kinds' arrays of what the graph gives for a batch, by the names of its tensors."""
        return {one.field: {one.array: _answer(one, given[one.port])} for one in self.outputs}


def _block(  # noqa: PLR0911 - a return for each form
    one: InputWiring, arrays: Mapping[str, Array], *, text: bool
) -> Array:
    """Return the columns of an input, (n, columns); of pixels in the order of their axes; of tokens (n, length)."""
    fill = np.nan if one.missing is None else one.missing
    if one.form == "tokens":
        return arrays["ids"]
    if one.form == "amount":
        amount = arrays["amount"]
        return np.where(np.isnan(amount), fill, amount)[:, None]
    if one.form == "scalar":
        return np.where(arrays["missing"] > 0, fill, arrays["value"].astype(np.float64))[:, None]
    if one.form == "vector":
        return np.where(arrays["missing"][:, None] > 0, fill, arrays["values"].astype(np.float64))
    if one.form == "code":
        table: Array = np.array(one.table, dtype=np.object_ if text else np.float64)
        return table[arrays["index"]][:, None]
    if one.form == "set":
        return arrays["members"][:, list(one.places)]
    assert one.pixels is not None
    return _pixels(one.pixels, arrays["pixels"])


def _pixels(one: PixelWiring, pixels: Array) -> Array:
    levels: Array = pixels[..., ::-1] if one.bgr else pixels
    scaled: Array = levels.astype(np.float32) / np.float32(one.scale)
    scaled = (scaled - np.array(one.mean, np.float32)) / np.array(one.deviation, np.float32)
    if one.layout == "nchw":
        return scaled.transpose(0, 3, 1, 2)
    if one.layout == "nhw":
        return scaled[..., 0]
    return scaled.reshape(len(scaled), -1) if one.layout == "flat" else scaled


def _answer(one: OutputWiring, given: Array) -> Array:
    """Return the kind's array: (n,) of a number or a truth value, else (n, columns)."""
    if one.form in {"scalar", "vector"}:
        numbers: Array = given.reshape(len(given), -1).astype(np.float64)
        if one.form == "scalar":
            numbers = numbers[:, one.column : one.column + 1]
        standard: Array = (numbers - np.array(one.mean)) / np.array(one.deviation)
        standard = standard.astype(np.float32)
        return standard[:, 0] if one.form == "scalar" else standard
    scores: Array = given.reshape(len(given), -1).astype(np.float32)
    if one.positive is not None:
        return _binary(one, scores[:, 0])
    if one.form == "set":
        logits = _log_odds(scores) if one.probabilities else scores
    else:
        logits = np.log(np.maximum(scores, np.float32(SMALLEST))) if one.probabilities else scores
    if one.form == "flag":
        return logits[:, one.columns[1]] - logits[:, one.columns[0]]
    padded = np.concatenate([logits, np.full((len(logits), 1), NEVER, np.float32)], axis=1)
    return padded[:, list(one.columns)]


def _binary(one: OutputWiring, scores: Array) -> Array:
    """Return the answer of one column of scores (n,), which are those of the class `positive`."""
    logit = _log_odds(scores) if one.probabilities else scores
    if one.form == "flag":
        return logit if one.positive == 1 else -logit
    rows = np.zeros((len(logit), 2), np.float32)
    rows[:, one.positive] = logit
    return rows


def _log_odds(shares: Array) -> Array:
    smallest = np.float32(SMALLEST)
    return np.log(np.maximum(shares, smallest)) - np.log(np.maximum(np.float32(1) - shares, smallest))
