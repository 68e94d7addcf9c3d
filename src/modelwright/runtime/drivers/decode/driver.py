"""Opens a body that writes, and answers calls through the loop that they share."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import PackageError, Problem, RequestError
from modelwright.kinds.contract.common import Answer, Array
from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.runtime.drivers.contract.driver import Call, Driver, Load, Part, Running
from modelwright.runtime.drivers.decode.answer_masks import AnswerMasks
from modelwright.runtime.drivers.decode.cached_graph import GRAPH, CachedGraph
from modelwright.runtime.drivers.decode.decode_settings import DRIVER, DecodeSettings, bad_settings
from modelwright.runtime.drivers.decode.decoding_loop import DecodingLoop
from modelwright.runtime.drivers.decode.prompts import TOKENIZER, Prompts
from modelwright.runtime.drivers.decode.row_options import RowOptions, row_options, schemas
from modelwright.runtime.drivers.decode.writing_row import ScoredRow, WritingRow
from modelwright.runtime.in_time import in_time


class RunningDecode(Running):
    """An opened decoder; calls of several threads, and rows of one call, share its loop."""

    streams: ClassVar[bool] = True
    options: ClassVar[Mapping[str, JsonObject]] = schemas()

    def __init__(self, output: str, settings: DecodeSettings, prompts: Prompts, graph: CachedGraph) -> None:
        self.inputs = self.outputs = frozenset()
        self.decoded = frozenset({output})
        self.at_once = settings.slots
        self._output = output
        self._settings = settings
        self._prompts = prompts
        self._graph = graph
        self._ends = frozenset(settings.ends)
        self._masks = AnswerMasks(prompts.own, graph.words, settings.ends)
        self.loop = DecodingLoop(graph, settings.slots, settings.cache_bytes)

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield after each step what it brought; a part may speak of no row while all of them wait.

        A row that `misfits` refuses is not answered (None).
        """
        names = list(call.columns)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*call.columns.values(), strict=True)]
        options = row_options(call.options, self._settings.sampling, len(rows))
        written = [self._row(row, one) for row, one in zip(rows, options, strict=True)]
        under_way = {place: row for place, row in enumerate(written) if row is not None and not row.done}
        seen = self.loop.submit(list(under_way.values()))
        sizes = dict.fromkeys(under_way, 0)
        try:
            while under_way:
                seen = self.loop.advance(seen)
                news = [place for place, row in under_way.items() if len(row.ids) > sizes[place] or row.done]
                for place in news:
                    row = under_way[place]
                    sizes[place] = len(row.ids)
                    if row.error is not None:
                        raise row.error
                    if row.done:
                        del under_way[place]
                if under_way:
                    yield Part(answers={self._output: [_answer(written[place]) for place in news]}, rows=news)
            yield Part(answers={self._output: [_answer(row) for row in written]})
        finally:
            self.loop.cancel(list(under_way.values()))

    def misfits(self, call: Call) -> Mapping[int, Problem]:
        """Return why rows cannot be answered: options that are none, an unknown role, a prompt beyond the context."""
        names = list(call.columns)
        found: dict[int, Problem] = {}
        for place, values in enumerate(zip(*call.columns.values(), strict=True)):
            try:
                self._ids(dict(zip(names, values, strict=True)))
            except RequestError as error:
                found[place] = error.problems[0]
        try:
            rows = len(next(iter(call.columns.values())))
            for one in row_options(call.options, self._settings.sampling, rows)[:1]:
                self._masks.of(one.schema)
        except RequestError as error:
            found[0] = error.problems[0]
        return found

    def log_likelihoods(self, call: Call, output: str, values: Sequence[object]) -> Array | None:
        """Return ln p of each value as the answer to its row and its tokens, (n, 2), NaN where there is none."""
        names = list(call.columns)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*call.columns.values(), strict=True)]
        scored = {
            place: made
            for place, (row, value) in enumerate(zip(rows, values, strict=True))
            if (made := self._scored(row, value)) is not None
        }
        seen = self.loop.submit(list(scored.values()))
        try:
            while not all(row.done for row in scored.values()):
                seen = self.loop.advance(seen)
        finally:
            self.loop.cancel(list(scored.values()))
        found = np.full((len(rows), 2), np.nan)
        for place, row in scored.items():
            if row.error is not None:
                raise row.error
            found[place] = row.log_likelihood, row.answer_tokens
        return found

    def load(self) -> Load:
        """Return what the loop has to do, and has done."""
        return self.loop.load

    def interrupt(self) -> None:
        """Make the step under way fail."""
        self._graph.interrupt()

    def _ids(self, row: Mapping[str, Any]) -> list[int]:
        """Return the tokens of a row's prompt; raises RequestError where they leave no room for an answer."""
        ids = self._prompts.ids(row)
        if not ids:
            raise RequestError(Problem("request.empty-prompt"))
        if len(ids) >= self._settings.context:
            raise RequestError(
                Problem("request.long-prompt", tokens=len(ids), most=self._settings.context - 1)
            )
        return ids

    def _row(self, row: Mapping[str, Any], options: RowOptions) -> WritingRow | None:
        try:
            ids = self._ids(row)
        except RequestError:
            return None
        most = min(options.sampling.max_tokens, self._settings.context - len(ids))
        mask = self._masks.of(options.schema)
        return WritingRow(ids, most, self._ends, options, self._prompts.own, mask)

    def _scored(self, row: Mapping[str, Any], value: object) -> ScoredRow | None:
        if value is None:
            return None
        try:
            prompt = self._ids(row)
        except RequestError:
            return None
        answer = [*self._prompts.answer_ids(str(value)), *self._settings.ends[:1]]
        if not answer or len(prompt) + len(answer) > self._settings.context:
            return None
        return ScoredRow(prompt, answer, RowOptions(self._settings.sampling), self._prompts.own)


def _answer(row: WritingRow | None) -> Answer:
    return Answer(None) if row is None else row.answer


class DecodeDriver(Driver):
    """Opens the graph `model`, a decoder with its cache, and the tokenizer beside it."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the graph and try it once; raises PackageError where the parts are others, or do not belong together."""
        settings = DecodeSettings.of(body)
        if set(body.graphs) != {GRAPH} or len(body.signature.outputs) != 1:
            graphs = ", ".join(f"`{name}`" for name in sorted(body.graphs)) or None
            raise PackageError(Problem("package.wrong-graphs", driver=DRIVER, wanted=GRAPH, graphs=graphs))
        if TOKENIZER not in body.files:
            raise bad_settings(TOKENIZER, fault="file", name=TOKENIZER)
        graph = CachedGraph(open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx", body.files), settings)
        if max(settings.ends, default=0) >= graph.words:
            raise bad_settings("ends", error=f"{max(settings.ends)} ≥ {graph.words}")
        whole = settings.context * graph.cache.token_bytes
        if whole > settings.cache_bytes:
            raise bad_settings("cache_bytes", error=f"{settings.cache_bytes} < {whole}")
        prompts = Prompts(body.signature, settings.prompt, body.files[TOKENIZER], graph.words)
        running = RunningDecode(body.signature.outputs[0].name, settings, prompts, graph)
        with in_time(running.interrupt):
            _try(graph, settings)
        return running


def _try(graph: CachedGraph, settings: DecodeSettings) -> None:
    """Read a chunk and write a token; raises PackageError where the graph fails on it."""
    length = min(settings.chunk, settings.context - 1)
    try:
        graph.run(0, np.zeros((1, length), dtype=np.int64), [length], [length - 1])
        graph.run(0, np.zeros((1, 1), dtype=np.int64), [length + 1], [0])
    except Exception as error:  # whatever the runtime raises
        reason = (str(error).splitlines() or [""])[0][:200]
        raise PackageError(Problem("package.cannot-answer", error=reason)) from None
    graph.cache.free(0)
