"""What must hold of what a learner learned."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from modelwright import kinds, learners
from modelwright.core import digests
from modelwright.core.json_types import Json
from modelwright.package.body import Body
from modelwright.package.content import size_bytes, whole
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.testing.learners.cases import Tried

PARITY = 1e-4  # of arrays, before and after export
CONFIDENCE = 0.005  # by which a batch may move a confidence (the design, "The package is what is evaluated")
_BATCHES = (3, 16)
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def check_forecasts_finite_costs(tried: Tried) -> None:
    """An estimate has finite costs above 0, and says what they rest on."""
    estimate = tried.estimate
    assert estimate.steps >= 1
    assert estimate.batch >= 1
    assert estimate.epochs is None or (math.isfinite(estimate.epochs) and estimate.epochs > 0)
    for cost in (estimate.seconds, estimate.memory_bytes, estimate.package_bytes, estimate.latency_s):
        assert math.isfinite(cost)
        assert cost > 0
    assert str(estimate.why)
    assert all(str(warning) for warning in estimate.warnings)


def check_learns_the_same_bytes_again(tried: Tried) -> None:
    """The same rows and setup give the same bytes, and a summary that is JSON."""
    assert any(tried.folder.iterdir())
    assert digests.of_folder(tried.folder) == digests.of_folder(tried.again)
    json.dumps(tried.summary, allow_nan=False)


def check_graph_answers_as_the_learner_does(tried: Tried) -> None:
    """The exported graph gives the arrays of the kinds, with the learner's own values in them."""
    predicted = learners.learn(tried.case.learner).predict(tried.folder, tried.inputs)
    wanted = learners.export(tried.case.learner).answered(tried.body, predicted, tried.inputs)
    found = _function(tried.body).infer(tried.inputs)
    assert wanted.keys() == found.keys()
    for field in tried.signature.outputs:
        arrays = kinds.arrays(field.kind).answers(tried.body.states[field.name])
        assert set(arrays) <= set(found[field.name])
        for name, spec in arrays.items():
            got, right = found[field.name][name], wanted[field.name][name]
            assert got.dtype == right.dtype == np.dtype(spec.dtype)
            assert got.shape == right.shape
            assert got.shape[1:] == spec.shape[1:]
            assert got.shape[0] == len(tried.validation)
            assert np.abs(got - right).max() <= PARITY, f"{field.name}.{name}"


def check_exports_the_same_bytes_from_equal_folders(tried: Tried) -> None:
    """Equal folders give equal graphs and states."""
    first, second = tried.body, tried.exported(tried.again)
    assert first.graphs == second.graphs
    assert first.states == second.states
    assert first.signature == tried.signature


def check_answers_do_not_depend_on_their_batch(tried: Tried) -> None:
    """A row is answered alike alone and beside others, exact or compressed."""
    for body in _bodies(tried):
        function, inputs = _function(body), tried.inputs
        written = {field.name: field.kind for field in tried.signature.outputs}
        alone = function.answer(inputs, batch=1)
        for batch in _BATCHES:
            for one, other in zip(alone, function.answer(inputs, batch=batch), strict=True):
                for name, answer in one.items():
                    beside = other[name]
                    to_json = kinds.value(written[name]).to_json
                    values = [None if v is None else to_json(v) for v in (answer.value, beside.value)]
                    assert _alike(*values)
                    gap = abs((answer.confidence or 0.0) - (beside.confidence or 0.0))
                    assert gap <= CONFIDENCE


def _alike(one: Json, other: Json) -> bool:
    """Tell whether two answers are the same, numbers up to rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other


def check_keeps_no_pickle_and_no_path(tried: Tried) -> None:
    """What is sealed runs no code when it is read, and tells nothing of the machine that made it."""
    files = {
        str(path.relative_to(tried.folder)): path.read_bytes()
        for path in tried.folder.rglob("*")
        if path.is_file()
    }
    for body in _bodies(tried):
        files |= {f"{name}.onnx": whole(graph) for name, graph in body.graphs.items()}
    places = {str(tried.folder), str(tried.folder.parent), str(Path.home()), sys.prefix} - {"/"}
    for name, content in files.items():
        assert not content.startswith(_PICKLES), f"{name}: a pickle"
        assert b"data.pkl" not in content, f"{name}: a pickle in an archive"
        for place in places:
            assert place.encode() not in content, f"{name} holds the path {place}"


def _bodies(tried: Tried) -> Iterator[Body]:
    yield tried.body
    if not tried.spec.compresses:
        assert tried.smaller is None
    if tried.smaller is not None:
        sizes = [sum(map(size_bytes, body.graphs.values())) for body in (tried.smaller, tried.body)]
        assert sizes[0] < sizes[1]
        yield tried.smaller


def _function(body: Body) -> Function:
    return Function(Package(body, "", threads=1))
