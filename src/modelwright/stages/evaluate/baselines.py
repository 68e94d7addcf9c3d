"""Measures the least that learning must beat: always the same answer, and a linear model on plain features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelwright import kinds, outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.messages import Phrase
from modelwright.core.outcomes import Outcomes
from modelwright.core.signature import Field, Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.outputs import family
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.stages.evaluate import answers, features
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.storage.formats.evidence import Baseline
from modelwright.storage.formats.file_values import taken

Columns = Mapping[str, Sequence[Any]]


def measured(
    signature: Signature, train: Columns, answered: AnsweredRows, most_rows: int, confidence: float
) -> Iterator[Baseline]:
    """Yield what both baselines, learned from the training split, show on the rows that the package answered."""
    for field in signature.outputs:
        models = outcomes.facet(family(field), BaselineModels)
        reference = answered.outcomes[field.name]
        same, says = models.constant(truths(field, train[field.name]), reference)
        yield _baseline("always the same", says, field, same, answered, confidence)
        line = linear(signature, field, train, answered.columns, reference, most_rows)
        if line is not None:
            described = models.describes(features.describe(signature))
            yield _baseline(models.sort, described, field, line, answered, confidence)


def truths(field: Field, values: Sequence[Any]) -> Truths:
    """Return the known truths of an output."""
    kind = kinds.value(field.kind)
    known = [value for value in values if value is not None]
    return Truths(known, [kind.labels(value) for value in known])


def linear(
    signature: Signature, output: Field, train: Columns, test: Columns, reference: Outcomes, most_rows: int
) -> Outcomes | None:
    """Return the outcomes of a linear model on the test rows, or None where it cannot be learned.

    It cannot where an input is of a form that has no plain features, or where training shows one class only.
    At most `most_rows` rows of the training split, evenly spaced, are learned from.
    """
    if not features.readable(signature):
        return None
    known = [row for row, value in enumerate(train[output.name]) if value is not None]
    rows = [known[place] for place in evenly_spaced(len(known), most_rows).tolist()]
    if not rows:
        return None
    learned = {f.name: taken(train[f.name], rows) for f in signature.inputs}
    of_train, of_test = features.features(signature, learned, test)
    models = outcomes.facet(family(output), BaselineModels)
    found: Outcomes | None = models.linear(
        truths(output, [train[output.name][row] for row in rows]), of_train, of_test, reference
    )
    return found


def _baseline(
    name: str, says: Phrase, field: Field, answers_of: Outcomes, answered: AnsweredRows, confidence: float
) -> Baseline:
    found = tuple(
        measure(one, answered.metric(one), answers_of, confidence, answered.groups)
        for one in answers.plain_subjects(field, answers_of)
    )
    return Baseline(name, says, field.name, found)
