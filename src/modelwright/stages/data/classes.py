"""The classes of the outputs: what must be there before anything is learned, and what is worth a warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from modelwright import kinds
from modelwright.core.messages import Problem, did_you_mean
from modelwright.core.signature import Signature
from modelwright.stages.data.split import SPLITS, TEST, TRAIN, percent_reaching

SHOWN_CLASSES = 5
TINY = 10  # rows; with fewer, a class is hardly learned, and next to nothing is proved about it

ClassCounts = Mapping[str, Mapping[str, Mapping[str, int]]]  # output → class → split → rows


def class_name(value: object) -> str:
    """Return the name of the class that a value of an output with classes stands for."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def outputs_with_classes(signature: Signature) -> tuple[str, ...]:
    """Return the names of the outputs that answer one of a set."""
    return tuple(field.name for field in signature.outputs if kinds.value(field.kind).labelled)


def count_classes(values: Mapping[str, Sequence[object]], splits: Sequence[str]) -> ClassCounts:
    """Return how many rows of each split carry each class; `values` by output, as long as `splits`."""
    counted = {
        output: Counter(zip(map(class_name, column), splits, strict=True))
        for output, column in values.items()
    }
    return {
        output: {
            name: {split: counts[name, split] for split in SPLITS}
            for name in sorted({name for name, _ in counts})
        }
        for output, counts in counted.items()
    }


def class_problems(
    counts: ClassCounts, *, untested: Sequence[str], positions: Mapping[str, Sequence[float]] | None
) -> Iterator[Problem]:
    """Yield what makes learning or proving impossible: a single class, a class without test rows.

    `positions`: where the rows of each class of the first output lie in [0, 1), when the split is ours.
    """
    for output, classes in counts.items():
        trained = [name for name, of_class in classes.items() if of_class[TRAIN]]
        if len(trained) < 2:
            yield Problem(
                "data.single-class",
                f"`{output}` has at least two classes in the training rows",
                f"only {listed(trained)}" if trained else "none",
                "look at the column; an answer that never varies needs no function",
            )
        missing = [name for name, of_class in classes.items() if not of_class[TEST] and name not in untested]
        if missing:
            yield Problem(
                "data.class-without-test-rows",
                f"every class of `{output}` has test rows; without them nothing is proved about it",
                listed(missing),
                _next_step(missing, positions),
            )
    known = [name for classes in counts.values() for name in classes]
    for name in untested:
        if name not in known:
            near = did_you_mean(name, known)
            yield _unknown("untested", name, near)


def unknown_split_classes(named: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    """Yield the classes that `split.classes` names and the data does not have."""
    for name in named:
        if name not in known:
            yield _unknown("split.classes", name, did_you_mean(name, known))


def _unknown(section: str, name: str, near: str | None) -> Problem:
    return Problem(
        "data.unknown-class",
        f"`data.{section}` names classes that the data has",
        f"`{name}`",
        f"did you mean `{near}`?" if near else "look at how the class is written in the data",
    )


def _next_step(missing: Sequence[str], positions: Mapping[str, Sequence[float]] | None) -> str:
    if positions is None or not positions.get(missing[0]):
        return "add test rows for them, or name them in `data.untested`"
    percent = percent_reaching(positions[missing[0]])
    shares = f"{{train: {(100 - percent) * 0.75:g}, validation: {(100 - percent) * 0.25:g}, test: {percent}}}"
    own = f"`data.split.classes: {{{missing[0]}: {shares}}}` would test one" if percent < 100 else ""
    return "; ".join(["add rows", *filter(None, [own]), "or name them in `data.untested`"])


def class_warnings(counts: ClassCounts) -> Iterator[str]:
    """Yield what is worth knowing about the classes: few rows to learn from or to prove with, or none."""
    for output, classes in counts.items():
        for split, purpose in ((TRAIN, "learn from"), (TEST, "prove with")):
            few = {name: of_class[split] for name, of_class in classes.items() if 0 < of_class[split] < TINY}
            if few:
                yield f"`{output}`: fewer than {TINY} rows to {purpose}: {listed(few, few)}"
        unseen = [name for name, of_class in classes.items() if not of_class[TRAIN]]
        if unseen:
            yield f"`{output}`: no training row shows {listed(unseen)}; these answers cannot be learned"


def listed(names: Sequence[str] | Mapping[str, int], counts: Mapping[str, int] | None = None) -> str:
    """Return the first names, each with its count, and how many more there are."""
    shown = [f"`{name}`" + (f" ({counts[name]})" if counts else "") for name in list(names)[:SHOWN_CLASSES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
