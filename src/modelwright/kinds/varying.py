"""How training values are varied: what a project declares under `data.augment`, as amounts by input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from modelwright import kinds
from modelwright.core.messages import Problem, ProjectError, did_you_mean, shown
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.augment import Augment

AUTO, NONE = "auto", "none"

Path = tuple[str, ...]
Declared = str | Mapping[str, object]
"""`auto`, `none`, or input → `auto`, `none`, or variation → amount (true: the usual one)."""


def amounts(signature: Signature, declared: Declared) -> dict[str, dict[str, float]]:
    """Return input → variation → amount above 0, of the inputs that vary at all; raises ProjectError.

    signature: every kind known. An input that a mapping does not name varies as with `auto`.
    """
    if problems := [problem for _, problem in augment_problems(signature, declared)]:
        raise ProjectError(problems)
    found = {}
    for field in signature.inputs:
        if not kinds.has(field.kind, Augment):
            continue
        facet = kinds.facet(field.kind, Augment)
        of_field = declared if isinstance(declared, str) else declared.get(field.name, AUTO)
        chosen = _amounts(facet, of_field)
        if chosen:
            found[field.name] = chosen
    return found


def augment_problems(signature: Signature, declared: Declared) -> Iterator[tuple[Path, Problem]]:
    """Yield what is wrong with a declaration, each problem with the keys below `data.augment` that lead to it.

    Of a signature whose inputs the data decides (it has none yet), the names are not checked.
    """
    if isinstance(declared, str):
        if declared not in {AUTO, NONE}:
            yield (), Problem("augment.not-a-setting", shown=shown(declared), name=None)
        return
    fields = {field.name: field for field in signature.inputs}
    for name, given in declared.items():
        if name not in fields:
            if fields:
                near = did_you_mean(name, list(fields))
                yield (name,), Problem("augment.unknown-input", name=name, near=near, inputs=sorted(fields))
            continue
        for path, problem in _of_field(fields[name], given):
            yield (name, *path), problem


def _of_field(field: Field, given: object) -> Iterator[tuple[Path, Problem]]:
    if not kinds.has(field.kind, Augment):
        if given != NONE:
            fitting = [name for name in kinds.names() if kinds.has(name, Augment)]
            yield (), Problem("augment.fixed", field=field.name, kind=field.kind, fitting=fitting)
        return
    if isinstance(given, str) and given in {AUTO, NONE}:
        return
    if not isinstance(given, Mapping):
        yield (), Problem("augment.not-a-setting", shown=shown(given), name=field.name)
        return
    facet = kinds.facet(field.kind, Augment)
    known = [one.name for one in facet.variations]
    for name, amount in given.items():
        variation = facet.variation(str(name))
        if variation is None:
            near = did_you_mean(str(name), known)
            yield (
                (str(name),),
                Problem("augment.unknown", name=str(name), kind=field.kind, near=near, known=known),
            )
        elif not isinstance(amount, bool) and not _within(amount, variation.most):
            yield (
                (variation.name,),
                Problem(
                    "augment.range", name=variation.name, shown=shown(amount), most=f"{variation.most:g}"
                ),
            )


def _within(amount: object, most: float) -> bool:
    return isinstance(amount, int | float) and math.isfinite(amount) and 0 <= amount <= most


def _amounts(facet: Augment, given: object) -> dict[str, float]:
    if given == NONE:
        return {}
    if not isinstance(given, Mapping):
        return dict(facet.default_amounts())
    found = {}
    for variation in facet.variations:
        amount = given.get(variation.name, 0.0)
        found[variation.name] = (
            (variation.usual if amount else 0.0) if isinstance(amount, bool) else float(amount)
        )
    return {name: amount for name, amount in found.items() if amount > 0}
