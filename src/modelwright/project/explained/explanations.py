"""Puts together what `explain` answers, and writes the picture of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelwright import kinds
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import DataError, Phrase, Problem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.explain import Explain
from modelwright.kinds.contract.show import Show
from modelwright.project import input_file
from modelwright.project.declaration.project_file import Opened
from modelwright.project.explained.explain_report import (
    ExplainedOutput,
    ExplainReport,
    InputShare,
    PartShare,
)
from modelwright.runtime.explaining import ORDERS, Explanation, OutputEffects, explain
from modelwright.runtime.function import Function
from modelwright.storage import disk
from modelwright.storage.out_files import require_place

OFF = 0.02  # of a probability: an input's parts are left out of a form that is answered otherwise than it by more


def of_row(
    function: Function,
    version: int,
    row: Mapping[str, Any],
    opened: Opened,
    *,
    out: Path | None = None,
    orders: int = ORDERS,
) -> ExplainReport:
    """Explain the answer to a row as a user gives it, with the names of the signature or of the project's data."""
    if out is not None:
        require_place(out, reads=[value for value in row.values() if isinstance(value, Path)])
    named = input_file.named_row(row, function.signature, opened)
    values = function.rows.read(named, lenient=True)
    function.require_fit(function.rows.columns([values]), [None])
    by_name = dict(zip((one.name for one in function.signature.inputs), values, strict=True))
    return explanation(function, version, by_name, out=out, orders=orders)


def explanation(
    function: Function,
    version: int,
    row: Mapping[str, Any],
    *,
    out: Path | None = None,
    orders: int = ORDERS,
) -> ExplainReport:
    """Explain the answer to a row of canonical values by input; `out`: where a picture of the first output goes.

    Raises DataError where nothing can be explained, or a picture is wanted of a row without one.
    """
    signature = function.signature
    if orders < 2:
        raise DataError(Problem("explain.orders", orders=orders))
    found = explain(function, row, orders=orders)
    if not found.outputs:
        raise DataError(Problem("explain.no-score", signature=str(signature)))
    picture = None if out is None else _picture(signature, row, found, out)
    return ExplainReport(
        function=signature.name,
        version=version,
        outputs=tuple(_output(signature, one) for one in found.outputs),
        orders=found.orders,
        rows=found.rows,
        notes=tuple(map(str, _notes(function, row, found))),
        picture=picture,
    )


def _output(signature: Signature, one: OutputEffects) -> ExplainedOutput:
    inputs = {field.name: field for field in signature.inputs}
    answered = next(field for field in signature.outputs if field.name == one.output)
    return ExplainedOutput(
        name=one.output,
        value=None if one.answer.value is None else kinds.value(answered.kind).to_json(one.answer.value),
        chance=one.chance,
        labels=one.labels,
        score=one.score,
        base=one.base,
        inputs=tuple(
            InputShare(
                effect.name,
                _recorded(inputs[effect.name], effect.value),
                _recorded(inputs[effect.name], effect.instead),
                effect.alone,
                effect.share,
                effect.error,
                _text(inputs[effect.name], effect.value),
                _text(inputs[effect.name], effect.instead),
            )
            for effect in one.inputs
        ),
        parts={
            name: tuple(PartShare(each.part.name, each.part.place, each.effect) for each in parts)
            for name, parts in one.parts.items()
        },
        wholes=one.wholes,
    )


def _notes(function: Function, row: Mapping[str, Any], found: Explanation) -> Iterator[Phrase]:
    for name in function.unseen({name: [value] for name, value in row.items()}).get(0, ()):
        yield Phrase("explain.unseen", name=name)
    for one in found.outputs:
        kind = next(field.kind for field in function.signature.outputs if field.name == one.output)
        if point := kinds.arrays(kind).operating_point(function.state(one.output)):
            yield Phrase("explain.point", output=one.output, says=list(point))
        if one.answer.value is None:
            yield Phrase("explain.abstained", output=one.output, label=one.labels[0])
        for name, score in one.wholes.items():
            if one.chance and abs(score - one.score) > OFF:
                yield Phrase("explain.other-form", name=name, score=one.score, whole=score)


def _picture(signature: Signature, row: Mapping[str, Any], found: Explanation, out: Path) -> str:
    """Write the picture of the first input that has one, for the first output; returns its path."""
    effects = found.outputs[0].parts
    for one in signature.inputs:
        if one.name not in effects:
            continue
        pairs = [(each.part, each.effect) for each in effects[one.name]]
        content = kinds.facet(one.kind, Explain).picture(row[one.name], pairs)
        if content is not None:
            disk.write_atomically(out, content)
            return str(out)
    raise DataError(Problem("explain.no-picture", signature=str(signature)))


def _recorded(one: Field, value: object) -> JsonLike:
    return None if value is None else kinds.value(one.kind).to_record(value)


def _text(one: Field, value: object) -> str:
    return kinds.facet(one.kind, Show).text(value)
