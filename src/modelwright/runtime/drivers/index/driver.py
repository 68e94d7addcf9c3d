"""Searches a corpus: what words find (BM25) and what vectors find, fused by their scores or by reciprocal rank.

graphs   `model`, where there are vectors: from the arrays of the question to `vector` (n, d), of length 1
files    lexical/…, corpus/…, vectors/… (`runtime.searching`)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Answer, Array, Form
from modelwright.package.body import Body
from modelwright.package.content import view
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.contract.graph_passes import GraphPasses
from modelwright.runtime.drivers.index.index_settings import IndexSettings, damaged
from modelwright.runtime.searching.clustered_index import CLUSTER_FILES, ClusteredIndex
from modelwright.runtime.searching.lexical_index import FILES, DamagedIndexError, LexicalIndex
from modelwright.runtime.searching.passage_texts import TEXT_FILES, PassageTexts
from modelwright.runtime.searching.ranked_places import (
    NOWHERE,
    Places,
    Scores,
    above_nothing,
    added,
    fused,
    padded,
)
from modelwright.runtime.searching.vector_index import SCALES, VECTORS, VectorIndex

GRAPH, VECTOR = "model", "vector"
EVIDENCE = ("cosine", "lead", "words")
"""What speaks for the first passage, under these names in the details of an answer: see `FoundPlaces.evidence`."""


@dataclass(frozen=True)
class Fusion:
    """What words count beside vectors, which count 1; damping: of the ranks of both, None: their scores are added."""

    lexical_weight: float
    damping: float | None


@dataclass(frozen=True)
class EitherFound:
    """The places (m,) that words or vectors found of one question, ascending, and what both say of each.

    cosines: (m,); words: BM25 as a share of the most that a passage could have, (m,).
    """

    places: Places
    cosines: Scores
    words: Scores


@dataclass(frozen=True)
class FoundPlaces:
    """What was found for one question: by its words, with BM25, and by its vector, with cosines (None: without).

    candidates: of both, where there are vectors.
    """

    by_words: Places
    word_scores: Scores
    near: tuple[Places, Scores] | None
    candidates: EitherFound | None = None

    def fused(self, fusion: Fusion, depth: int) -> tuple[Places, Scores]:
        """Return one ranking of both, and the score of each place."""
        if self.near is None:
            return fused([self.by_words], [1.0], depth)
        if fusion.damping is None:
            assert self.candidates is not None, "what vectors find has candidates"
            scores = [self.candidates.cosines, self.candidates.words]
            return added(scores, [1.0, fusion.lexical_weight], self.candidates.places, depth)
        return fused([self.near[0], self.by_words], [1.0, fusion.lexical_weight], depth, fusion.damping)

    def evidence(self, first: int) -> list[float]:
        """Return what speaks for the first of the fused ranking: its cosine, its lead over the next, and its words.

        Words count ln(1 + BM25), 0 where it shares none with the question. The lead is one of cosines, or of words.
        """
        cosine, lead = _of_first(first, *self.near) if self.near is not None else (0.0, None)
        words, lead_of_words = _of_first(first, self.by_words, np.log1p(self.word_scores))
        return [cosine, lead_of_words if lead is None else lead, words]


def _of_first(first: int, places: Places, scores: Scores) -> tuple[float, float]:
    """Return the score of a place in a ranking and how far it lies above the best other; 0 where it is not in it."""
    (found,) = np.nonzero(places == first)
    if first == NOWHERE or not found.size:
        return 0.0, 0.0
    own, others = float(scores[found[0]]), np.delete(scores, found[0])
    return own, own - float(others.max(initial=0.0))


class RunningIndex(Running):
    """The opened index. Files are mapped, and nothing is changed, so that threads share it."""

    def __init__(
        self,
        question: Field,
        output: Field,
        settings: IndexSettings,
        depth: int,
        lexical: LexicalIndex,
        texts: PassageTexts,
        vectors: VectorIndex | ClusteredIndex | None,
        session: onnxruntime.InferenceSession | None,
    ) -> None:
        self._question, self._output = question.name, output.name
        self._settings, self._depth = settings, depth
        self._lexical, self._texts, self._vectors = lexical, texts, vectors
        self._session = session
        self.inputs = frozenset() if session is None else frozenset(one.name for one in session.get_inputs())
        self.outputs = frozenset(
            f"{self._output}.{array}" for array in ("places", "scores", "lexical", "evidence")
        )
        self._passes = GraphPasses()

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the rankings of all rows."""
        queries = None if self._session is None else self.encoded(call.arrays)
        found = self.searched(call.columns[self._question], queries)
        yield Part({f"{self._output}.{name}": one for name, one in self.ranked(found).items()})

    def searched(self, questions: Sequence[object], queries: NDArray[np.float32] | None) -> list[FoundPlaces]:
        """Return what words find of n questions, and what vectors do; queries: (n, d), where there are some."""
        if self._vectors is None:
            return [
                FoundPlaces(*self._lexical.search(str(text or ""), self._depth), None) for text in questions
            ]
        assert queries is not None, "a question that is searched by vectors has one"
        near = zip(*self._vectors.search(queries, self._depth), strict=True)
        return [
            self._beside(str(text or ""), query, self._vectors, places, cosines)
            for text, query, (places, cosines) in zip(questions, queries, near, strict=True)
        ]

    def _beside(
        self,
        text: str,
        query: NDArray[np.float32],
        vectors: VectorIndex | ClusteredIndex,
        near: Places,
        cosines: Scores,
    ) -> FoundPlaces:
        """Return what words find beside what is near, and what both say of all that one of them found."""
        scores, most = self._lexical.weighed(text)
        by_words, word_scores = above_nothing(scores, self._depth)
        places = np.union1d(near, by_words)
        words = scores[places] / np.float32(most or 1.0)
        both = EitherFound(places, vectors.cosines(query, places), words)
        return FoundPlaces(by_words, word_scores, (near, cosines), both)

    def ranked(self, found: Sequence[FoundPlaces], fusion: Fusion | None = None) -> dict[str, Array]:
        """Return the arrays of the output; fusion: another one than that of the settings."""
        fusion = fusion or Fusion(self._settings.lexical_weight, self._settings.damping)
        fused_rows = [one.fused(fusion, self._depth) for one in found]
        shape = (len(found), self._depth)
        lexical = [padded(one.by_words, self._depth) for one in found]
        evidence = [one.evidence(int(row[0][0])) for one, row in zip(found, fused_rows, strict=True)]
        return {
            "places": np.array([row[0] for row in fused_rows], np.int64).reshape(shape),
            "scores": np.array([row[1] for row in fused_rows], np.float32).reshape(shape),
            "lexical": np.array(lexical, np.int64).reshape(shape),
            "evidence": np.array(evidence, np.float32).reshape(len(found), -1),
        }

    def encoded(self, arrays: Mapping[str, Array]) -> NDArray[np.float32]:
        """Return the vectors (n, d) of encoded questions."""
        assert self._session is not None
        given = {name: arrays[name] for name in self.inputs}
        with self._passes.one() as options:
            (found,) = self._session.run([VECTOR], given, options)
        return cast("NDArray[np.float32]", found)

    def passage(self, place: int) -> str:
        """Return the text of a passage."""
        return self._texts[place]

    def detailed(
        self, output: str, answers: Sequence[Answer], arrays: Mapping[str, Array]
    ) -> Sequence[Answer]:
        """Return the answers with the text of each passage that they name, and what speaks for the first of them."""
        return self.with_passages(answers, arrays, EVIDENCE)

    def with_passages(
        self, answers: Sequence[Answer], arrays: Mapping[str, Array], names: Sequence[str]
    ) -> Sequence[Answer]:
        """Return the answers as `detailed` does; names: of the evidence."""
        rows = zip(answers, arrays["places"], arrays["evidence"].tolist(), strict=True)
        return [
            self._with_texts(one, places, dict(zip(names, found, strict=True))) for one, places, found in rows
        ]

    def _with_texts(self, answer: Answer, places: Places, evidence: Mapping[str, float]) -> Answer:
        choices = cast("Sequence[Mapping[str, str | float]]", (answer.details or {}).get("choices", ()))
        # the choices are the first places, in their order
        whole: list[Json] = [
            {**choice, "passage": self._texts[place]}
            for choice, place in zip(choices, places.tolist(), strict=False)
        ]
        spoken: dict[str, Json] = {name: round(one, 6) for name, one in evidence.items()}
        return replace(answer, details={**(answer.details or {}), "choices": whole, "evidence": spoken})

    def interrupt(self) -> None:
        """Let the runtime stop at the next node."""
        self._passes.interrupt()


class IndexDriver(Driver):
    """Opens the files of an index, and the graph that makes a vector of a question."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the index; raises PackageError where files, settings and graphs are not of one index."""
        settings = IndexSettings.read(body.settings)
        require_graphs(body, [] if settings.width is None else [GRAPH])
        question, output = _fields(body)
        state = body.states[output.name]
        if len(kinds.arrays(output.kind).known(state)) < settings.passages:
            raise damaged("there are passages without an id")
        files = {name: view(content) for name, content in body.files.items()}
        if set(files) != {*FILES, *TEXT_FILES, *_vector_files(settings)}:
            raise damaged("there are other files than those of an index")
        try:
            lexical = LexicalIndex.of_files(files, settings.passages)
            texts = PassageTexts.of_files(files)
            if len(texts) != settings.passages:
                raise DamagedIndexError("there are not as many texts as passages")
            vectors = _vectors(files, settings)
        except DamagedIndexError as error:
            raise damaged(str(error)) from None
        session = (
            None if settings.width is None else open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx")
        )
        if session is not None:
            _require_vector(session, settings)
        (depth,) = kinds.arrays(output.kind).answers(state)["places"].shape[1:]
        assert isinstance(depth, int)
        return RunningIndex(question, output, settings, depth, lexical, texts, vectors, session)


def _vector_files(settings: IndexSettings) -> Iterator[str]:
    """Yield the files of the vectors."""
    if settings.width is not None:
        yield VECTORS
        yield from (SCALES,) if settings.eight_bits else ()
        yield from () if settings.clusters is None else CLUSTER_FILES


def _vectors(
    files: Mapping[str, bytes | memoryview], settings: IndexSettings
) -> VectorIndex | ClusteredIndex | None:
    """Return what searches the vectors, None where there are none; raises DamagedIndexError."""
    if settings.width is None:
        return None
    found = VectorIndex.of_files(files, settings.passages, settings.width, eight_bits=settings.eight_bits)
    if settings.clusters is None:
        return found
    return ClusteredIndex.of_files(found, files, settings.clusters, settings.probes)


def _fields(body: Body) -> tuple[Field, Field]:
    """Return the question and what is chosen; raises PackageError for another signature."""
    chosen = [one for one in body.signature.outputs if kinds.arrays(one.kind).output_form is Form.CHOICE]
    if len(body.signature.inputs) != 1 or len(chosen) != 1 or len(body.signature.outputs) != 1:
        raise damaged(f"an index answers one question with one choice, and this is {body.signature}")
    return body.signature.inputs[0], chosen[0]


def _require_vector(session: onnxruntime.InferenceSession, settings: IndexSettings) -> None:
    """Raise PackageError for a graph that gives other vectors than the index has."""
    given = {one.name: one.shape for one in session.get_outputs()}
    shape = given.get(VECTOR)
    if shape is None or len(shape) != 2 or shape[1] != settings.width:
        raise damaged(f"the graph gives no `{VECTOR}` of {settings.width} numbers")
