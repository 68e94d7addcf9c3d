"""The classes of the outputs: what must be there before anything is learned, and what is worth a notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import polars as pl

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase, Problem, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.column import Column
from modelwright.stages.data.layout import beyond, first
from modelwright.stages.data.split import SPLITS, TEST, TRAIN, VALIDATION, percent_reaching

EVERY = "*"  # of `data.untested`: whatever class has no test row
MOST_NAMED = 20  # classes in a line that is proposed; beyond, every class is
NO_LABEL = "-1"  # how hubs mark rows that nobody has labelled, beside classes from 0 on
TINY = 10  # rows; with fewer, a class is hardly learned, and it is hardly tested

ClassCounts = Mapping[str, Mapping[str, Mapping[str, int]]]  # output → class → split → rows


def outputs_with_classes(signature: Signature) -> tuple[str, ...]:
    """Return the names of the outputs that answer one of a set, or several."""
    return tuple(field.name for field in signature.outputs if kinds.value(field.kind).labelled)


def label_counts(field: Field, truths: pl.Series) -> Counter[str]:
    """Return how many rows carry each class; truths (n,) as their kind stores them."""
    value, column = kinds.value(field.kind), kinds.facet(field.kind, Column)
    distinct = truths.drop_nulls().value_counts()
    counts: Counter[str] = Counter()
    for truth, count in zip(column.values(distinct[truths.name]), distinct["count"].to_list(), strict=True):
        for label in value.labels(truth):
            counts[label] += count
    return counts


def count_classes(signature: Signature, truths: Callable[[str, str], pl.Series]) -> ClassCounts:
    """Return how many rows of each split carry each class; `truths(output, split)` are those of the used rows."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for field in signature.outputs:
        if field.name in outputs_with_classes(signature):
            of_splits = {split: label_counts(field, truths(field.name, split)) for split in SPLITS}
            names = sorted(set().union(*of_splits.values()))
            counted[field.name] = {
                name: {split: of_splits[split][name] for split in SPLITS} for name in names
            }
    return counted


def class_problems(
    counts: ClassCounts,
    *,
    untested: Sequence[str],
    nearest: Callable[[str], float | None],
    placed: Collection[str] = (),
) -> Iterator[Problem]:
    """Yield what makes learning or proving impossible: a single class, a class without test rows.

    `nearest`: the least position in [0, 1) of the rows of a class of the first output, when the split is ours;
    `placed`: outputs whose labels stand at places in a text, where one label is enough.
    """
    for output, classes in counts.items():
        trained = [name for name, of_class in classes.items() if of_class[TRAIN]]
        if len(trained) < (1 if output in placed else 2):
            yield Problem("data.single-class", output=output, name=next(iter(trained), None))
        missing = [name for name, of_class in classes.items() if not of_class[TEST] and name not in untested]
        if missing and EVERY not in untested:
            yield _untested(output, missing, nearest)
    known = [name for classes in counts.values() for name in classes]
    for name in untested:
        if name not in known and name != EVERY:
            yield _unknown("untested", name, did_you_mean(name, known))


def unknown_split_classes(named: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    """Yield the classes that `split.classes` names and the data does not have."""
    for name in named:
        if name not in known:
            yield _unknown("split.classes", name, did_you_mean(name, known))


def _unknown(section: str, name: str, near: str | None) -> Problem:
    return Problem("data.unknown-class", section=section, name=name, near=near)


def _untested(output: str, missing: Sequence[str], nearest: Callable[[str], float | None]) -> Problem:
    """Return the problem, with shares for each class that would take one of its rows into test."""
    found = {name: _shares(nearest(name)) for name in missing[:MOST_NAMED]}
    # an advice for some of them alone would end in the same problem of the others
    shares = {name: one for name, one in found.items() if one is not None}
    whole = len(shares) == len(missing)
    return Problem(
        "data.class-without-test-rows",
        output=output,
        classes=first(missing),
        more=beyond(missing),
        ours=nearest(missing[0]) is not None,
        line=setting("data.untested", list(missing) if len(missing) <= MOST_NAMED else EVERY),
        shares=setting("data.split.classes", shares) if whole else None,
    )


def _shares(nearest: float | None) -> dict[str, float] | None:
    """Return the shares by which the least position of a class is in test; None where there are none."""
    percent = None if nearest is None else percent_reaching(nearest)
    if percent is None or percent >= 100:
        return None
    rest = 100 - percent
    return {TRAIN: rest * 0.75, VALIDATION: rest * 0.25, TEST: percent}


def _of_nothing(output: str, classes: Mapping[str, Mapping[str, int]]) -> Iterator[Notice]:
    """Yield that one of numbered classes is -1, as rows without a label are marked where classes count from 0."""
    others = [name for name in classes if name != NO_LABEL]
    if NO_LABEL in classes and len(others) > 1 and all(name.isdecimal() for name in others):
        count = sum(classes[NO_LABEL].values())
        line = setting("data.missing", {output: [NO_LABEL]})
        yield Notice("data.no-label", column=output, count=count, name=NO_LABEL, line=line)


def class_notices(counts: ClassCounts) -> Iterator[Notice]:
    """Yield what is worth knowing about the classes: few training or test rows, or no training row."""
    for output, classes in counts.items():
        yield from _of_nothing(output, classes)
        for split in (TRAIN, TEST):
            few = {name: of_class[split] for name, of_class in classes.items() if 0 < of_class[split] < TINY}
            if few:
                yield Notice(
                    "data.few-rows",
                    column=output,
                    count=len(few),
                    split=split,
                    most=TINY,
                    classes=[Phrase("data.class-rows", name=name, rows=few[name]) for name in first(few)],
                    more=beyond(few),
                )
        untested = [name for name, of_class in classes.items() if not of_class[TEST]]
        if untested:
            yield Notice(
                "data.untested-classes",
                column=output,
                count=len(untested),
                classes=first(untested),
                more=beyond(untested),
            )
        unseen = [name for name, of_class in classes.items() if not of_class[TRAIN]]
        if unseen:
            yield Notice(
                "data.unseen-classes",
                column=output,
                count=len(unseen),
                classes=first(unseen),
                more=beyond(unseen),
            )
