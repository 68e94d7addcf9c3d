"""Answers rows with a packaged function, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from modelwright.core.messages import Place
from modelwright.project.explained.reasons import with_reasons
from modelwright.project.results.live_results import RowAnswer
from modelwright.runtime.function import Function
from modelwright.tables.files.held_files import HeldFiles

T = TypeVar("T")


def answered(
    version: int,
    function: Function,
    placed: Iterable[tuple[Place | None, Mapping[str, Any]]],
    batch: int,
    *,
    probabilities: bool = False,
    reasons: int | None = None,
    files: HeldFiles | None = None,
) -> Iterator[RowAnswer]:
    """Yield the answers to rows, each given with its place for messages."""
    for some in _batches(placed, batch):
        read = [function.rows.read(row, lenient=True, where=where, files=files) for where, row in some]
        columns = function.rows.columns(read)
        function.require_fit(columns, [where for where, _ in some])
        unseen = function.unseen(columns)
        for place, answer in enumerate(function.answer(columns, probabilities=probabilities)):
            outputs = with_reasons(function, read[place], function.prediction(answer).as_json(), reasons)
            yield RowAnswer(version, outputs, unseen.get(place, ()))


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(rows)
    while some := list(islice(rest, size)):
        yield some
