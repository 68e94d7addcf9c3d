"""Finding by words learns nothing: it keeps the states of the kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import kind_states
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.indexing.index_forecast import index_bytes, words_s
from modelwright.learners.lexical.spec import LexicalOptions, LexicalSpec
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.runtime.searching.search_terms import terms
from modelwright.storage.formats.plan import Machine

_SHOWN = 5  # passages in a message
_SECONDS = 0.5  # to write what there is


class LexicalLearn(Learn[Rows]):
    """Keeps what the kinds remember."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Return what it costs to learn nothing."""
        corpus = data.expected_corpus
        hidden = [name for name, one in data.train.passages.items() if _has_no_words(one)]
        return Estimate(
            steps=1,
            batch=1,
            epochs=None,
            seconds=_SECONDS,
            memory_bytes=peak_memory_bytes(),
            package_bytes=index_bytes(corpus),
            latency_s=words_s(corpus),
            why=Phrase("lexical.why"),
            warnings=(Notice("lexical.no-words", count=len(hidden), ids=hidden[:_SHOWN]),) if hidden else (),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Write the states of the kinds."""
        options = setup.options
        assert isinstance(options, LexicalOptions)
        of_outputs: dict[str, dict[str, object]] = {
            one.name: {"shown": options.shown} for one in signature.outputs
        }
        states = kind_states.fit(signature, data.train, of_outputs, LexicalSpec.inputs)
        kind_states.write(out, signature, states)
        return {"history": [], "warnings": []}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return nothing: what is found follows from the corpus alone."""
        return {}


def _has_no_words(passage: str) -> bool:
    """Tell whether a passage has no term; that it has a letter is seen sooner than its terms."""
    return not any(map(str.isalnum, passage)) and next(terms(passage), None) is None
