"""What a form rests on: the exact body, and rows that show what flows through its graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from modelwright.core.spacing import evenly_spaced
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import refitted_heads
from modelwright.learners.exporting.refitted_heads import Wanted
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.package.body import Body
from modelwright.package.content import whole
from modelwright.package.graphs import open_session
from modelwright.storage.formats.examples import Examples

Arrays = Mapping[str, NDArray[Any]]

_FITTED = 512  # training rows on which heads are fitted again
_HELD = 512  # validation rows on which their L2 is chosen
CALIBRATED = 256  # training rows that show what flows through a graph


@dataclass(frozen=True)
class Material:
    """The exact body and the rows at hand; rows are read when a form first asks for some."""

    exact: Body
    rows: Callable[[], Rows]

    @cached_property
    def _read(self) -> Rows:
        return self.rows()

    def train(self, most: int) -> EncodedRows:
        """Return at most so many training rows, evenly spaced over all."""
        return self._spaced(self._read.train, most)

    def held(self, most: int) -> EncodedRows:
        """Return at most so many validation rows, evenly spaced over all."""
        return self._spaced(self._read.held, most)

    @cached_property
    def wanted(self) -> Wanted:
        """Return what the exact body's heads answer, to which those of other forms are fitted."""
        return refitted_heads.wanted(graph_of(self.exact), self.train(_FITTED), self.held(_HELD))

    def _spaced(self, examples: Examples, most: int) -> EncodedRows:
        some = examples.take(evenly_spaced(len(examples), most).tolist())
        return EncodedRows(self.exact.signature, self.exact.states, some.columns)


def graph_of(body: Body) -> onnx.ModelProto:
    """Return the graph of a body, to be changed at will."""
    return onnx.load_from_string(whole(body.graphs["model"]))


def flowing(
    model: onnx.ModelProto, names: Sequence[str], rows: EncodedRows
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield what stands in some tensors of a graph, row by row: so nothing in them is filling."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    wanted = list(dict.fromkeys(names))
    del shown.graph.output[:]
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in wanted
    )
    session = open_session(shown.SerializeToString(), 1, "model")
    for batch in one_by_one(rows):
        yield dict(zip(wanted, session.run(wanted, dict(batch)), strict=True))


def one_by_one(rows: EncodedRows) -> Iterable[Arrays]:
    """Yield the input arrays of each row as a graph takes them."""
    for row in range(len(rows)):
        yield {name: values.numpy() for name, values in rows.arrays(np.array([row])).items()}
