"""Classes that differ by what a reader hardly sees: said with the line that unites them."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.stages.data.checking import Checked
from modelwright.stages.data.classes import label_counts
from modelwright.stages.data.columns.labels import alike, visible
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.split import SPLITS, TRAIN, VALIDATION

MOST_LABELS = 2_000  # with more, a column is of names, and many are alike
SHOWN_LABELS = 5


def look_alikes(checked: Checked, layout: Layout) -> Iterator[Notice]:
    """Yield a notice for each group of values that look alike, of outputs and of inputs with classes."""
    outputs = {field.name for field in checked.signature.outputs}
    for field in (*checked.signature.outputs, *checked.signature.inputs):
        if not kinds.value(field.kind).labelled or kinds.value(field.kind).fixed_labels:
            continue
        is_output = field.name in outputs
        rows = checked.of(*SPLITS) if is_output else checked.of(TRAIN, VALIDATION)
        counts = label_counts(field, checked.column(field.name, rows))
        if len(counts) > MOST_LABELS:
            continue
        for group in alike(counts):
            kept, *others = group
            renamed = dict.fromkeys(others, kept)
            yield Notice(
                "data.look-alike",
                column=field.name if is_output else layout.inputs[field.name],
                count=sum(counts[other] for other in others),
                labels=[
                    Phrase("data.class-rows", name=visible(name), rows=counts[name])
                    for name in group[:SHOWN_LABELS]
                ],
                line=setting("data.labels", {field.name: renamed}) if is_output else None,
            )
