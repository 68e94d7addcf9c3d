"""Exports a re-ranking: the functions that it calls, whole, in one package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwright.core.progress import Progress
from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.contract.learn import Predicted
from modelwright.learners.rerank import reranked_body
from modelwright.learners.rerank.spec import RerankOptions
from modelwright.learners.session import session_body
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.corpus import Corpus


class RerankExport(Export):
    """Puts the packages into a body, and lets validation settle how their orders count."""

    def export(self, learned: Path) -> Body:
        """Return the body of the driver `rerank`."""
        signature, states = kind_states.read(learned)
        text = (learned / session_body.OPTIONS).read_text(encoding="utf-8")
        options = RerankOptions.model_validate_json(text)
        return reranked_body.body(signature, states, learned / session_body.FUNCTIONS, options.candidates)

    def compress(self, body: Body) -> Body | None:
        """Return None: each function is called as it was released."""
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
        """Return the body with what validation shows; its passages are those of `find`."""
        return reranked_body.settled(body, corpus, validation, threads)

    def answered(self, body: Body, predicted: Predicted, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return what the package answers: there is no other framework that it could be compared with."""
        return Function(Package(body, "", 1)).infer(inputs)
