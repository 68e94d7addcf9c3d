"""Makes a body of the driver `rerank`, and lets validation rows say how much the order of `same` counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Signature
from modelwright.learners.indexing.indexed_body import score
from modelwright.learners.session.session_body import functions_in
from modelwright.package.body import Body
from modelwright.runtime import drivers
from modelwright.runtime.drivers.rerank.driver import RunningRerank
from modelwright.runtime.drivers.rerank.rerank_settings import DRIVER, RerankSettings
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.roles import FIND
from modelwright.storage.formats.corpus import Corpus

# What validation chooses from: what the order in which passages were found counts beside that of `same`, which counts
# 1. The first of equally good ones; with the last, `same` decides between neighbours alone.
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 8.0)


def body(signature: Signature, states: Mapping[str, object], folder: Path, candidates: int) -> Body:
    """Return the body, of the passages of `find`; folder: the packages by role; states: of the question's kind."""
    functions = functions_in(folder)
    entries, graphs, files = joined(functions)
    settings = RerankSettings(functions=entries, candidates=candidates, weight=WEIGHTS[0])
    found = functions[FIND].body
    (question,), (output,) = signature.inputs, signature.outputs
    (chosen,) = found.signature.outputs
    own = {question.name: states[question.name], output.name: found.states[chosen.name]}
    return Body(signature, DRIVER, graphs, own, files, settings.model_dump(mode="json"))


def settled(body: Body, corpus: Corpus, validation: Mapping[str, Sequence[object]], threads: int) -> Body:
    """Return the body with the weight and the confidence that validation rows show.

    Raises DataError where the corpus is not that of `find`.
    """
    (question,), (output,) = body.signature.inputs, body.signature.outputs
    kind, state = kinds.arrays(output.kind), body.states[output.name]
    other = sorted(set(corpus.ids) ^ set(kind.known(state)))
    if other:
        raise DataError(Problem("use.other-corpus", count=len(other), ids=other[:3]))
    running = drivers.open_body(body, threads)
    assert isinstance(running, RunningRerank), f"`{body.driver}` is no re-ranking"
    read = running.read(validation[question.name])
    tried = {weight: running.ranked(read, weight) for weight in WEIGHTS}
    best = max(WEIGHTS, key=lambda weight: score(body, output, tried[weight], validation))
    found = kind.calibrate(tried[best], validation[output.name], state, validation)
    settings = {**body.settings, "weight": best}
    return replace(body, settings=settings, states={**body.states, output.name: found})
