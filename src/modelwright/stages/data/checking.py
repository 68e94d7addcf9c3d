"""From gathered rows to checked ones: split by their inputs, read by their kinds, copies set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.classes import class_name, outputs_with_classes, unknown_split_classes
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.fields import Layout, resolved
from modelwright.stages.data.overlap import Overlap, overlap, refuse_mass
from modelwright.stages.data.rows import Gathered, Refusal, check, merged, refuse_all
from modelwright.stages.data.split import TEST, TRAIN, VALIDATION, canonical_inputs, place, position


@dataclass(frozen=True)
class Checked:
    """All rows with canonical values by field, the split of each, and why some are not used (by position)."""

    signature: Signature
    rows: Gathered
    values: Mapping[Field, Sequence[Any]]
    splits: Sequence[str]
    inputs: Sequence[str]  # one text a row for its cleaned inputs
    refusals: Mapping[int, Sequence[Refusal]]
    overlap: Overlap

    def used(self, *splits: str) -> list[int]:
        """Return the positions of the rows that are used in these splits."""
        return [at for at, split in enumerate(self.splits) if split in splits and at not in self.refusals]


def check_rows(signature: Signature, config: DataConfig, columns: Layout, rows: Gathered) -> Checked:
    """Return the rows split and checked; raises DataError for values that are refused, unless dropped.

    The kinds of inputs that the data decides are decided on the rows that train and validate.
    """
    truths = {field: check(field, rows.cells[field.name], required=True) for field in signature.outputs}
    splits = _split(rows, config, _labels(signature, truths, config))
    teaching = [at for at, split in enumerate(splits) if split != TEST]
    signature = resolved(
        signature, columns, {name: [rows.cells[name][at] for at in teaching] for name in columns.wildcard}
    )
    given = {
        field: check(field, rows.cells[field.name], required=not field.optional) for field in signature.inputs
    }
    of_fields = {**given, **truths}
    refusals: dict[int, Sequence[Refusal]] = dict(merged([refused for _, refused in of_fields.values()]))
    if config.invalid == "error":
        refuse_all(rows, dict(refusals), signature.outputs)
    values = {field: column for field, (column, _) in of_fields.items()}
    inputs = _cleaned_inputs(signature, values)
    used = [at for at in range(len(rows)) if at not in refusals]
    found = overlap(splits, inputs, used)
    if config.repeated == "drop":
        refuse_mass(found, splits, used)
        for at, where in found.found.items():
            refusals[at] = [Refusal("inputs", f"also stand in {where}")]
    return Checked(signature, rows, values, splits, inputs, refusals, found)


def _cleaned_inputs(signature: Signature, values: Mapping[Field, Sequence[Any]]) -> list[str]:
    """Return one text a row for its cleaned inputs; equal texts mean equal inputs."""
    columns = [values[field] for field in signature.inputs]
    names = [field.name for field in signature.inputs]
    return [canonical_inputs(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _labels(
    signature: Signature, truths: Mapping[Field, tuple[list[Any], dict[int, Refusal]]], config: DataConfig
) -> Sequence[str | None] | None:
    """Return the classes by which `split.classes` chooses shares: those of the first output that has any."""
    if not config.split.classes:
        return None
    named = outputs_with_classes(signature)
    if not named:
        raise DataError(
            Problem(
                "data.no-classes",
                "`data.split.classes` needs an output that has classes",
                f"outputs {', '.join(f'`{field}`' for field in signature.outputs)}",
                "leave it out",
            )
        )
    column = next(values for field, (values, _) in truths.items() if field.name == named[0])
    labels = [None if value is None else class_name(value) for value in column]
    known = sorted({label for label in labels if label is not None})
    problems = list(unknown_split_classes(list(config.split.classes), known))
    if problems:
        raise DataError(problems)
    return labels


def _split(rows: Gathered, config: DataConfig, labels: Sequence[str | None] | None) -> list[str]:
    """Return the split of every row: where its file says, else by the hash of its inputs."""
    shares = config.shares
    splits = []
    for at, given in enumerate(rows.given):
        if given in {TEST, VALIDATION} or (given == TRAIN and config.validation is not None):
            splits.append(given)
        else:
            own = shares.classes.get(labels[at] or "") if labels else None
            splits.append(place(position(rows.inputs[at], shares.key), own or shares))
    return splits
