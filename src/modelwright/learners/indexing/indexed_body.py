"""Makes a body of the driver `index` of a corpus, and lets validation rows say how rankings are fused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds, outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Subject
from modelwright.core.json_types import JsonLike
from modelwright.core.progress import Progress
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Array
from modelwright.kinds.outputs import family
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.package.body import Body
from modelwright.package.content import Content
from modelwright.runtime import drivers
from modelwright.runtime.drivers.index.driver import FoundPlaces, Fusion, RunningIndex
from modelwright.runtime.drivers.index.index_settings import DRIVER
from modelwright.runtime.searching import lexical_index, passage_texts
from modelwright.runtime.searching.ranked_places import DAMPING
from modelwright.storage.formats.corpus import Corpus

# What validation chooses from. The first did best over all pools of insuranceqa; it stays where no other is better by
# more than chance: of thirty questions one more or less says nothing.
FUSIONS = (
    *(Fusion(weight, None) for weight in (0.3, 0.0, 0.1, 0.2, 0.4, 0.5, 0.7, 1.0)),
    *(Fusion(weight, damping) for damping in (DAMPING, 10.0) for weight in (0.2, 0.5, 1.0)),
)
_CONFIDENCE = 0.95  # of an interval that nothing here reads
_ROWS = 64  # that are encoded at once


@dataclass(frozen=True)
class PassageVectors:
    """The vectors of a corpus as files of a body: width of each, and whether they are int8."""

    files: Mapping[str, Content]
    width: int
    eight_bits: bool = False
    settings: Mapping[str, JsonLike] = field(default_factory=dict)


def indexed(
    body: Body,
    corpus: Corpus,
    vectors: PassageVectors | None,
    validation: Mapping[str, Sequence[object]],
    threads: int,
    progress: Progress,
) -> Body:
    """Return a body that chooses from a corpus; vectors: of the passages that differ, in their order."""
    passages, places = corpus.distinct()
    (output,) = body.signature.outputs
    kind = kinds.arrays(output.kind)
    settings: dict[str, JsonLike] = {"passages": len(passages)}
    files: dict[str, Content] = {
        **lexical_index.build(passages, progress).files(),
        **passage_texts.text_files(passages),
    }
    if vectors is not None:
        settings |= {"width": vectors.width, "eight_bits": vectors.eight_bits, **vectors.settings}
        files |= vectors.files
    state = kind.with_corpus(body.states[output.name], corpus.ids, places)
    found = replace(
        body,
        driver=DRIVER,
        states={**body.states, output.name: state},
        files=files,
        settings=settings,
    )
    return _settled(found, output, validation, threads)


def _settled(body: Body, output: Field, validation: Mapping[str, Sequence[object]], threads: int) -> Body:
    """Return the body with the fusion of both rankings, and the confidence, that validation rows show."""
    running = opened(body, threads)
    (question,) = body.signature.inputs
    found = running.searched(validation[question.name], queries(running, body, validation))
    truths, kind = validation[output.name], kinds.arrays(output.kind)
    fusion, settings = None, dict(body.settings)
    if "width" in settings:
        scores = [score(body, output, running.ranked(found, one), validation) for one in FUSIONS]
        fusion = FUSIONS[better_by_more_than_chance(scores, len(truths))]
        settings |= asdict(fusion)
    arrays = running.ranked(found, fusion)
    state = kind.calibrate(arrays, truths, body.states[output.name], validation)
    return replace(body, settings=settings, states={**body.states, output.name: state})


def better_by_more_than_chance(scores: Sequence[float], rows: int) -> int:
    """Return the place of the best of scores between 0 and 1 of so many rows, where it is better than the first by more
    than a standard error of that; else 0."""
    usual, best = scores[0], max(scores)
    # the widest that a mean of values between 0 and 1 can scatter, and never less than half a row
    error = max(math.sqrt(max(usual * (1.0 - usual), 0.0) / max(rows, 1)), 0.5 / max(rows, 1))
    return scores.index(best) if best - usual > error else 0


def opened(body: Body, threads: int) -> RunningIndex:
    """Return the opened index of a body."""
    running = drivers.open_body(body, threads)
    assert isinstance(running, RunningIndex), f"`{body.driver}` is no index"
    return running


def queries(
    running: RunningIndex, body: Body, columns: Mapping[str, Sequence[object]]
) -> NDArray[np.float32] | None:
    """Return the vectors of questions (n, d), None where they are searched by their words alone."""
    if not body.graphs:
        return None
    (question,) = body.signature.inputs
    kind, state, texts = kinds.arrays(question.kind), body.states[question.name], columns[question.name]
    blocks = []
    for begin in range(0, len(texts), _ROWS):
        arrays = kind.encode(texts[begin : begin + _ROWS], state)
        blocks.append(running.encoded({f"{question.name}.{name}": one for name, one in arrays.items()}))
    return np.concatenate(blocks)


def found_with(
    body: Body, questions: Sequence[object], vectors: NDArray[np.float32] | None
) -> dict[str, Array]:
    """Return what an index answers to questions with these vectors, (n, d), instead of its graph's."""
    running = opened(body, 1)
    found: list[FoundPlaces] = running.searched(questions, vectors)
    return running.ranked(found)


def score(
    body: Body, output: Field, arrays: Mapping[str, Array], columns: Mapping[str, Sequence[object]]
) -> float:
    """Return the main metric of the output's family on rows; arrays: what the body answers to them."""
    name = outcomes.facet(family(output), BodyGap).stands_for_all(priced=False)
    metric = outcomes.metrics().of(name, family(output))
    assert metric is not None, f"{family(output)} has no metric {name}"
    found = kinds.arrays(output.kind).outcomes(
        columns[output.name], arrays, body.states[output.name], columns
    )
    value = measure(Subject(name, output.name), metric, found, _CONFIDENCE).value
    return -1.0 if value is None else value
