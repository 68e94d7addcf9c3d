"""Exports finding by words: no graph, and the files of the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwright.core.progress import Progress
from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.contract.learn import Predicted
from modelwright.learners.indexing import indexed_body
from modelwright.package.body import Body
from modelwright.runtime.drivers.index.index_settings import DRIVER
from modelwright.storage.formats.corpus import Corpus


class LexicalExport(Export):
    """Indexes the words of the passages."""

    def export(self, learned: Path) -> Body:
        """Return a body without graphs; `indexed` gives it the passages."""
        signature, states = kind_states.read(learned)
        return Body(signature, DRIVER, {}, states)

    def compress(self, body: Body) -> Body | None:
        """Return None: there is no graph."""
        return None

    def indexed(
        self,
        learned: Path,
        body: Body,
        corpus: Corpus,
        validation: Mapping[str, Sequence[object]],
        out: Path,
        threads: int,
        progress: Progress,
        cache: Path | None = None,
    ) -> Body:
        """Return the body with the passages, searched by their words."""
        return indexed_body.indexed(body, corpus, None, validation, threads, progress)

    def answered(self, body: Body, predicted: Predicted, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return what the index finds."""
        (question,), (output,) = body.signature.inputs, body.signature.outputs
        return {output.name: indexed_body.found_with(body, inputs[question.name], None)}
