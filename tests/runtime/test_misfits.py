"""What a state cannot encode is refused row by row, wherever rows come in; and answers carry their interval out."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright import learners
from modelwright.cli.predicting.answer_columns import spooled
from modelwright.core.messages import Problem, RequestError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Answer
from modelwright.kinds.timeseries.window import TimeWindow
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees.spec import TreesOptions, TreesTraining
from modelwright.package.packages import Package
from modelwright.project.results.live_results import RowAnswer
from modelwright.runtime.function import Function
from modelwright.runtime.worker import channel, worker
from modelwright.runtime.worker.frames import Unpacker
from modelwright.runtime.worker.inbox import Waiting
from modelwright.runtime.worker.values import Crossing, row_answer
from modelwright.storage.formats.examples import Examples

SIGNATURE = Signature.parse("f(past: timeseries) -> next: timeseries")


@pytest.fixture(scope="module")
def function(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    drawn = np.random.default_rng(0)
    columns = {
        "past": [TimeWindow.of(drawn.uniform(1, 9, 6).tolist()) for _ in range(60)],
        "next": [TimeWindow.of(drawn.uniform(1, 9, 2).tolist()) for _ in range(60)],
    }
    rows = Examples([str(row) for row in range(60)], columns)
    setup = Setup(
        learner="trees",
        steps=2,
        batch=60,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=0,
        options=TreesOptions(),
        training=TreesTraining(),
        pretrained={},
    )
    for name in ("out", "scratch"):
        (folder / name).mkdir()
    learners.learn("trees").learn(
        SIGNATURE, Rows(rows, rows), setup, folder / "out", folder / "scratch", Silent()
    )
    return Function(Package(learners.export("trees").export(folder / "out"), "", threads=1))


SHORT, WIDE = [1.0] * 5, [[1.0, 2.0]] * 6


@pytest.mark.parametrize(("past", "id"), [(SHORT, "value.too-few-steps"), (WIDE, "value.other-channels")])
def test_a_call_is_refused_with_what_is_wrong(function, past, id):  # noqa: A002
    with pytest.raises(RequestError) as refused:
        function(past=past)
    (problem,) = refused.value.problems
    assert problem.id == "request.wrong-value"
    assert problem.values["problem"].id == id


def test_each_row_is_named(function):
    with pytest.raises(RequestError) as refused:
        function.predict([{"past": [1.0] * 6}, {"past": SHORT}, {"past": WIDE}])
    assert [problem.where for problem in refused.value.problems] == ["row 2", "row 3"]


def asked(function, *rows):
    """Return the replies of a worker to requests of one row each, as the gateway reads them."""
    crossing = Crossing(SIGNATURE)
    batch = [Waiting(number, crossing.rows_out([row]), 0.0, {}) for number, row in enumerate(rows)]
    answers = worker._answers(function, crossing, batch, 8)
    found = []
    for request, one in zip(batch, answers, strict=True):
        ((kind, _, *rest),) = Unpacker().feed(worker._reply(request, one, 0.1, 0.2, len(rows)))
        found.append(channel._reply(kind, *rest))
    return found


def test_a_worker_refuses_one_request_and_answers_the_others(function):
    good = (TimeWindow.of([1.0] * 6),)
    first, second, third = asked(function, good, (TimeWindow.of(SHORT),), good)
    assert second.answers is None
    (problem,) = second.problems
    assert isinstance(problem, Problem)
    assert problem.values["problem"].id == "value.too-few-steps"
    for reply in (first, third):
        assert not reply.problems
        ((value, confidence, probabilities, interval),) = reply.answers[0]
        assert len(value) == len(interval["low"]) == len(interval["high"]) == 2
        assert (confidence, probabilities, interval["share"]) == (None, None, 0.8)


def test_an_answer_is_no_longer_than_what_there_is_to_say():
    interval = {"low": [0.0], "high": [2.0], "share": 0.8}
    assert row_answer([Answer(1.0, 0.5)]) == [[1.0, 0.5]]
    assert row_answer([Answer(1.0, 0.5, {"a": 1.0})]) == [[1.0, 0.5, {"a": 1.0}]]
    assert row_answer([Answer(1.0, None, None, interval)]) == [[1.0, None, None, interval]]


def test_files_have_the_ends_of_an_interval_in_columns_of_their_own(function, tmp_path):
    answers = function.predict([{"past": [1.0] * 6}])
    with spooled([RowAnswer(None, answers[0].as_json(), row=1)], tmp_path) as (names, rows):
        columns = dict(zip(names, next(rows), strict=True))
    assert {"next", "next.low", "next.high"} <= set(columns)
    low, middle, high = (columns[name] for name in ("next.low", "next", "next.high"))
    assert all(one <= two <= three for one, two, three in zip(low, middle, high, strict=True))
