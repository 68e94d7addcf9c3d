"""Keeps the packages of the functions that a re-ranking calls, beside the state of the question's kind."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import kind_states
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.rerank import reranked_body
from modelwright.learners.rerank.spec import RerankOptions, RerankSpec
from modelwright.learners.session import session_body
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

_TIMED = 5  # questions, behind one that warms up


class RerankLearn(Learn[Rows]):
    """Puts the packages together."""

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
        """Answer some training rows: nearly all of a request is the time in which `same` reads the candidates."""
        assert isinstance(options, RerankOptions)
        folder = pretrained[BROUGHT]
        made = reranked_body.body(signature, _states(signature, data.train), folder, options.candidates)
        function = Function(Package(made, "", machine.cores))
        (question,) = signature.inputs
        rows = data.train.columns[question.name][: 1 + _TIMED]
        began, timed = time.perf_counter(), 0
        for place, row in enumerate(rows):
            if place == 1:
                began = time.perf_counter()
            function.answer({question.name: [row]})
            timed = max(1, place)
        return Estimate(
            steps=1,
            batch=1,
            epochs=None,
            seconds=1e-3 + packages.size_bytes(folder) / 1e9,
            memory_bytes=peak_memory_bytes(),
            package_bytes=packages.size_bytes(folder),
            latency_s=(time.perf_counter() - began) / max(1, timed),
            why=Phrase(
                "rerank.why",
                candidates=options.candidates,
                functions=[one.called(role) for role, one in sorted(options.use.items())],
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Keep the packages and the options."""
        session_body.keep(setup, out)
        kind_states.write(out, signature, _states(signature, data.train))
        return {"history": [], "warnings": []}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return nothing: what is found follows from the functions that are called."""
        return {}


def _states(signature: Signature, train: Examples) -> dict[str, object]:
    return kind_states.fit(signature, train, accepted=RerankSpec.inputs)
