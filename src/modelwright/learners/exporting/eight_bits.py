"""A smaller and quicker body of a network: convolutions, matrices and tables in 8 bits, and heads fitted to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import onnx

from modelwright.core.spacing import evenly_spaced
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import convolutions, int8, refitted_heads
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.package.body import Body
from modelwright.package.content import whole
from modelwright.storage.formats.examples import Examples

_CALIBRATED = 256  # training rows that show the range of each tensor
_FITTED = 4096  # training rows on which heads are fitted
_HELD = 2048  # validation rows on which their L2 is chosen


def compress(body: Body, rows: Callable[[], Rows], *, refitted: bool = True) -> Body | None:
    """Return the body in 8 bits, or None where nothing of it is large enough.

    rows: reads training and validation rows; some of them are taken, evenly spaced. Where there are convolutions over
    pictures, the heads are fitted again unless the caller does it; other bodies are compressed as `int8.compress` does
    it, without any row.
    """
    exact = onnx.load_from_string(whole(body.graphs["model"]))
    model = onnx.ModelProto()
    model.CopyFrom(exact)
    names = convolutions.named_nodes(model)
    if not names:
        return int8.compress(body)
    data = rows()
    shown = refitted_heads.batches(_spaced(body, data.train, _CALIBRATED))
    small = _with(body, convolutions.quantised(model, names, shown))
    small = int8.compress(small) or small
    model = onnx.load_from_string(whole(small.graphs["model"]))
    if refitted:
        train, held = _spaced(body, data.train, _FITTED), _spaced(body, data.held, _HELD)
        refitted_heads.refit(model, refitted_heads.wanted(exact, train, held))
    small = _with(body, model)
    return small if len(whole(small.graphs["model"])) < len(whole(body.graphs["model"])) else None


def _with(body: Body, model: onnx.ModelProto) -> Body:
    return replace(body, graphs={**body.graphs, "model": model.SerializeToString(deterministic=True)})


def _spaced(body: Body, examples: Examples, most: int) -> EncodedRows:
    """Return at most so many rows, evenly spaced over all."""
    some = examples.take(evenly_spaced(len(examples), most).tolist())
    return EncodedRows(body.signature, body.states, some.columns)
