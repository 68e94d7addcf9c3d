"""Opens a body that writes, and answers calls through the loop that they share."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np

from modelwright import kinds
from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import PackageError, Problem, RequestError, ValueProblem
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Answer, Array
from modelwright.kinds.shared.calling.offered_tools import text_of
from modelwright.kinds.shared.calling.tool_calls import with_calls
from modelwright.kinds.shared.schemas.answer_schema import schema_problem
from modelwright.kinds.shared.schemas.written_order import answer_text
from modelwright.kinds.turns import TOOLS
from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.runtime.drivers.contract.driver import Call, Driver, Load, Part, Running
from modelwright.runtime.drivers.decode.answer_masks import AnswerMask, AnswerMasks
from modelwright.runtime.drivers.decode.cache_memory import SPARE
from modelwright.runtime.drivers.decode.cached_graph import GRAPH, CachedGraph
from modelwright.runtime.drivers.decode.calling.call_grammar import call_grammar, further_grammar
from modelwright.runtime.drivers.decode.calling.call_reading import CalledText
from modelwright.runtime.drivers.decode.calling.row_tools import (
    MOST_CALLS,
    RowTools,
    refused_schema,
    row_tools,
)
from modelwright.runtime.drivers.decode.decode_settings import DRIVER, DecodeSettings, bad_settings
from modelwright.runtime.drivers.decode.decoding_loop import DecodingLoop
from modelwright.runtime.drivers.decode.prompts import TOKENIZER, Prompts
from modelwright.runtime.drivers.decode.row_options import NONE, SCHEMA, RowOptions, row_options, schemas
from modelwright.runtime.drivers.decode.signed_bytes import BYTES, SIGNED, opened_graph
from modelwright.runtime.drivers.decode.writing_row import (
    EchoedRow,
    ScoredRow,
    WritingRow,
    scored_pieces,
)
from modelwright.runtime.in_time import in_time

_TRIED_TOKENS = 40  # of a prompt that is read in several ways
_FEWEST_TRIED = 8
_TRIED_ALONE = 3  # tokens, each written alone and beside another one
_MOST_ECHOED = 1 << 17  # log-probabilities of prompts in one answer, some 60 bytes of JSON each


class RunningDecode(Running):
    """An opened decoder; calls of several threads, and rows of one call, share its loop."""

    streams: ClassVar[bool] = True
    options: Mapping[str, JsonObject] = schemas()

    def __init__(self, output: Field, settings: DecodeSettings, prompts: Prompts, graph: CachedGraph) -> None:
        self.inputs = self.outputs = frozenset()
        self.decoded = frozenset({output.name})
        self.at_once = settings.slots
        self._output = output.name
        self._kind = kinds.value(output.kind)
        self._schema = settings.answer_schema
        self._settings = settings
        self._prompts = prompts
        self._graph = graph
        self._ends = frozenset(settings.ends)
        self._masks = AnswerMasks(prompts.own, graph.words, settings.ends)
        self._added = prompts.added_tokens()
        self._marks = {} if settings.tools is None else prompts.marks(settings.tools)
        self.loop = DecodingLoop(graph, settings.slots, settings.cache_bytes)

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield after each step what it brought; a part may speak of no row while all of them wait.

        A row that `misfits` refuses is not answered (None).
        """
        names = list(call.columns)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*call.columns.values(), strict=True)]
        options = self._options(call, len(rows))
        written = [self._row(row, one) for row, one in zip(rows, options, strict=True)]
        # what is known of a prompt is much, and comes once
        comes_whole = any(one.prompt_logprobs is not None for one in options)
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
                    shown = [] if comes_whole else news
                    yield Part(
                        answers={self._output: [self._answer(written[place]) for place in shown]}, rows=shown
                    )
            yield Part(answers={self._output: [self._answer(row) for row in written]})
        finally:
            self.loop.cancel(list(under_way.values()))

    def misfits(self, call: Call) -> Mapping[int, Problem]:
        """Return why rows cannot be answered: options that are none, an unknown role, a prompt beyond the context."""
        names = list(call.columns)
        found: dict[int, Problem] = {}
        rows = [dict(zip(names, values, strict=True)) for values in zip(*call.columns.values(), strict=True)]
        try:
            options = self._options(call, len(rows))
            for one in options[:1]:
                self._masks.of(one.schema)
        except RequestError as error:
            return {0: error.problems[0]}
        echoed = 0
        for place, (row, one) in enumerate(zip(rows, options, strict=True)):
            try:
                ids, tools = self._ids(row, one)
                self._require_writable(row, tools)
                echoed += 0 if one.prompt_logprobs is None else len(ids) * (one.prompt_logprobs + 1)
                if echoed > _MOST_ECHOED:
                    raise RequestError(Problem("request.much-echoed", most=_MOST_ECHOED))
            except RequestError as error:
                found[place] = error.problems[0]
        return found

    def log_likelihoods(self, call: Call, output: str, values: Sequence[object]) -> Array | None:
        """Return ln p of each value as the answer to its row and its tokens, (n, 2), NaN where there is none."""
        names = list(call.columns)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*call.columns.values(), strict=True)]
        scored = [list(self._scored(row, value)) for row, value in zip(rows, values, strict=True)]
        every = [piece for pieces in scored for piece in pieces]
        seen = self.loop.submit(every)
        try:
            while not all(piece.done for piece in every):
                seen = self.loop.advance(seen)
        finally:
            self.loop.cancel(every)
        found = np.full((len(rows), 2), np.nan)
        for place, pieces in enumerate(scored):
            for piece in pieces:
                if piece.error is not None:
                    raise piece.error
            if pieces:
                found[place] = (
                    sum(piece.log_likelihood for piece in pieces),
                    sum(piece.answer_tokens for piece in pieces),
                )
        return found

    def prompt_tokens(self, call: Call) -> Sequence[int]:
        """Return the tokens of each prompt; raises RequestError for a role that the template has not."""
        names = list(call.columns)
        rows = zip(*call.columns.values(), strict=True)
        return [len(self._prompts.ids(dict(zip(names, row, strict=True)))) for row in rows]

    def load(self) -> Load:
        """Return what the loop has to do, and has done."""
        return self.loop.load

    def interrupt(self) -> None:
        """Make the step under way fail."""
        self._graph.interrupt()

    def _options(self, call: Call, rows: int) -> list[RowOptions]:
        """Return the options of each row; raises RequestError for what is none, or is against the body's own schema."""
        found = row_options(call.options, self._settings.sampling, rows)
        for token, _ in found[0].bias if found else ():
            if token >= self._graph.words:
                raise RequestError(
                    Problem("request.option", name="logit_bias", wanted=f"0 … {self._graph.words - 1}")
                )
        if self._schema is None:
            return found
        for name, given in (("schema", found[0].schema), ("stop", found[0].stop)) if found else ():
            if given:
                raise RequestError(Problem("schema.own", name=name))
        return [replace(one, schema=self._schema) for one in found]

    def _ids(self, row: Mapping[str, Any], options: RowOptions) -> tuple[list[int], RowTools]:
        """Return the tokens of a row's prompt, and what its tools make of it.

        Raises RequestError where they leave no room for an answer, or where the tools cannot be called.
        """
        if options.prompt_ids is not None:
            return self._fitting(self._known(options.prompt_ids)), row_tools(options, [], None)
        row = self._prompt_row(row, options)
        offered = self._prompts.offered(row)
        if offered and self._schema is not None:
            raise RequestError(Problem("schema.own", name="tools"))
        tools = row_tools(options, offered, self._settings.tools)
        ids = [*self._prompts.ids(row), *(self._prompts.control_ids(tools.begins) if tools.begins else ())]
        return self._fitting(ids), tools

    def _fitting(self, ids: list[int]) -> list[int]:
        """Return the tokens of a prompt; raises RequestError where there are none, or no room for an answer."""
        if not ids:
            raise RequestError(Problem("request.empty-prompt"))
        if len(ids) >= self._settings.context:
            raise RequestError(
                Problem("request.long-prompt", tokens=len(ids), context=self._settings.context)
            )
        return ids

    def _known(self, ids: Sequence[int]) -> list[int]:
        """Return the tokens that a caller gives; raises RequestError for one that the graph does not have."""
        if max(ids) >= self._graph.words:
            raise RequestError(
                Problem("request.option", name="prompt", wanted=f"0 … {self._graph.words - 1}")
            )
        return [*ids]

    def _require_writable(self, row: Mapping[str, Any], tools: RowTools) -> None:
        """Raise RequestError where an answer cannot be held to its schema, that of a tool by its place."""
        try:
            self._masks.of(tools.options.schema)
            if tools.free and tools.options.schema is not None and self._mask(tools) is None:
                raise RequestError(Problem("request.option", name=SCHEMA, beside=TOOLS))
        except RequestError as error:
            if tools.reader is None or tools.free or error.problems[0].id == "machine.missing-library":
                raise
            raise RequestError(refused_schema(self._prompts.offered(row), error.problems[0])) from None

    def _row(self, row: Mapping[str, Any], options: RowOptions) -> WritingRow | None:
        try:
            ids, tools = self._ids(row, options)
        except RequestError:
            return None
        options = tools.options
        most = min(options.sampling.max_tokens, self._settings.context - len(ids))
        mask = self._mask(tools)
        marks = self._marks if tools.reader is not None else None
        how = (ids, most, self._ends, options, self._prompts.own, mask, tools.reader, marks)
        if options.prompt_logprobs is None:
            return WritingRow(*how)
        own = options.prompt_ids is not None  # whose every token was given
        given = range(len(ids)) if own else self._prompts.given_places(self._prompt_row(row, options))
        return EchoedRow(*how, given=given)

    def _prompt_row(self, row: Mapping[str, Any], options: RowOptions) -> Mapping[str, Any]:
        """Return a row as its prompt has it: without tools where none is to be called."""
        return self._prompts.without_tools(row) if options.choice == NONE else row

    def _mask(self, tools: RowTools) -> AnswerMask | None:
        """Return which tokens an answer may have: those of its schema, or behind the mark of a call of its tool."""
        texts = self._settings.tools
        if texts is not None and tools.further:
            found = self._masks.of_calls(
                f"further {text_of(tools.further)}",
                lambda: further_grammar(tools.further, texts, self._added, MOST_CALLS),
            )
            return found or self._masks.of(tools.options.schema)
        if texts is None or tools.reader is None or not tools.free:
            return self._masks.of(tools.options.schema)
        mark, one_call, schema = tools.reader.mark, tools.options.one_call, tools.options.schema
        return self._masks.of_calls(
            f"{one_call} {schema} {text_of(tools.free)}",
            lambda: call_grammar(tools.free, texts, mark, self._added, one_call=one_call, schema=schema),
        )

    def _scored(self, row: Mapping[str, Any], value: object) -> Iterator[ScoredRow]:
        """Yield the pieces in which a known answer is read, none where it cannot be."""
        if value is None:
            return
        try:
            prompt, _ = self._ids(row, RowOptions(self._settings.sampling))
        except RequestError:
            return
        answer = [*self._prompts.written_ids(answer_text(str(value), self._schema)), *self._settings.ends[:1]]
        is_document = all(one is None for one in row.values())
        for before, piece in scored_pieces(prompt, answer, self._settings.context, is_document=is_document):
            yield ScoredRow(before, piece, RowOptions(self._settings.sampling), self._prompts.own)

    def _answer(self, row: WritingRow | None) -> Answer:
        """Return an answer so far; an object once it is whole, with its text among the details."""
        if row is None:
            return Answer(None)
        if row.reader is not None:
            return self._called(row.answer, row.reader.read(str(row.answer.value), done=row.done))
        if self._schema is None:
            return row.answer
        text = str(row.answer.value)
        details = {**(row.answer.details or {}), "text": text}
        return replace(row.answer, value=self._value(text) if row.finish == "stop" else None, details=details)

    def _called(self, answer: Answer, read: CalledText) -> Answer:
        """Return an answer whose calls are told apart from what is said; those alone that are whole are its value."""
        whole = read.calls if read.is_whole else read.calls[:-1]
        calls: list[Json] = [{"name": call.name, "arguments": call.arguments} for call in read.calls]
        details = {**(answer.details or {}), "text": read.content, "calls": calls}
        return replace(answer, value=with_calls(read.content, whole), details=details)

    def _value(self, text: str) -> object:
        try:
            return cast("object", self._kind.parse(json.loads(text)))
        except (ValueError, ValueProblem):  # a number beyond all floats; else what fits the schema parses
            return None


class DecodeDriver(Driver):
    """Opens the graph `model`, or its twin `signed`, a decoder with its cache, and the tokenizer beside it."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the graph and try it once; raises PackageError where the parts are others, or do not belong together."""
        settings = DecodeSettings.of(body)
        if body.graphs.keys() - {SIGNED} != {GRAPH} or len(body.signature.outputs) != 1:
            graphs = ", ".join(f"`{name}`" for name in sorted(body.graphs)) or None
            raise PackageError(Problem("package.wrong-graphs", driver=DRIVER, wanted=GRAPH, graphs=graphs))
        for name in (TOKENIZER, BYTES) if SIGNED in body.graphs else (TOKENIZER,):
            if name not in body.files:
                raise bad_settings(name, fault="file", name=name)
        opened, files = opened_graph(body)
        graph = CachedGraph(open_session(body.graphs[opened], threads, f"{opened}.onnx", files), settings)
        if max(settings.ends, default=0) >= graph.words:
            raise bad_settings("ends", error=f"{max(settings.ends)} ≥ {graph.words}")
        whole = settings.context * graph.cache.token_bytes
        if whole > settings.cache_bytes:
            raise bad_settings("cache_bytes", error=f"{settings.cache_bytes} < {whole}")
        if settings.answer_schema is not None:
            _require_schema(settings.answer_schema)
        prompts = Prompts(body.signature, settings.prompt, body.files[TOKENIZER], graph.words, settings.tools)
        running = RunningDecode(body.signature.outputs[0], settings, prompts, graph)
        with in_time(running.interrupt):
            _try(graph, settings)
            graph.needs_company = needs_company(graph)
            graph.reads_alike = not graph.needs_company and _reads_alike(graph, settings)
        return running


def _require_schema(text: str) -> None:
    """Raise PackageError for a sealed schema to which answers cannot be held."""
    try:
        problem = schema_problem(json.loads(text), "answer_schema")
    except (ValueError, RecursionError) as error:
        raise bad_settings("answer_schema", error=str(error)[:200]) from None
    if problem is not None:
        raise PackageError(problem)


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


def needs_company(graph: CachedGraph) -> bool:
    """Tell whether a row that writes alone has other bits than beside another one.

    Seen with weights of 4 bits on processors without AVX-512: the runtime has other code for a product of one row, and
    one for all of two and more. Keys and values of every layer are compared, too: logits alone may be equal by chance.
    """
    apart = False
    for token in range(min(_TRIED_ALONE, graph.words)):
        ids = np.array([[token]], dtype=np.int64)
        alone = [graph.run(0, ids, [1], [0]).copy(), *graph.cache.copied(0, 0, 1)]
        beside = [graph.run(SPARE, np.vstack([ids, ids]), [1, 1], [1]), *graph.cache.copied(0, 0, 1)]
        apart = apart or not all(map(np.array_equal, alone, beside))
    graph.cache.free(SPARE)
    graph.cache.free(0)
    return apart


def _reads_alike(graph: CachedGraph, settings: DecodeSettings) -> bool:
    """Tell whether what follows a prompt is the same to the bit in whatever pieces it is read, and beside another one.

    That is so where the runtime sums each row of a product in the same order however many there are; a token that is
    read alone is another matter, and happens to no prompt of several.
    """
    length = min(_TRIED_TOKENS, settings.context - 1)
    if length < _FEWEST_TRIED:
        return False
    ids = np.arange(3, length + 3)[np.newaxis] % graph.words
    whole = graph.run(0, ids, [length], [length - 1]).copy()
    alike = True
    for cut in (2, length // 3, length - 2):
        graph.run(0, ids[:, :cut], [cut], [])
        alike = alike and np.array_equal(graph.run(0, ids[:, cut:], [length], [length - cut - 1]), whole)
    if settings.slots > 1:
        beside = graph.run(0, np.vstack([ids, ids]), [length, length - 3], [length - 1])
        alike = alike and np.array_equal(beside, whole)
        graph.cache.free(1)
    graph.cache.free(0)
    return alike
