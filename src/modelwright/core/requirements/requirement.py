"""Requirements: a bar on a metric, `recall[fraud] >= 0.9` or `accuracy >= champion - 0.01`."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from modelwright.core.evidence.measurement import Subject
from modelwright.core.evidence.metric import Metric, Metrics
from modelwright.core.messages import Problem, ProjectError, did_you_mean
from modelwright.core.requirements.slices import Slice
from modelwright.core.units import Unit, exact_quantity, parse_quantity

OPERATORS = {"higher": (">=", ">"), "lower": ("<=", "<")}
_KEEPS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_SHOWN = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}

_KEY = re.compile(
    r"""\s*
    (?:(?P<output>[^\s.\[\]]+)\s*\.\s*)?
    (?P<metric>[^\W\d]\w*)\s*
    (?:\[\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^\]"'][^\]]*?))\s*\]\s*)?
    (?:(?:\s|(?<=\]))where\s+(?P<where>.+?))?\s*""",
    re.VERBOSE | re.DOTALL,
)
_BAR = re.compile(r"\s*(?P<op>>=|<=|≥|≤|>|<)\s*(?P<bar>.*?)\s*", re.DOTALL)
_CHAMPION = re.compile(r"champion(?:\s*(?P<sign>[+-])\s*(?P<offset>.+))?")


@dataclass(frozen=True)
class Bar:
    """What a value is held against, in base units; with `champion`, the champion's value plus `value`."""

    value: float
    champion: bool = False

    def text(self, unit: Unit) -> str:
        """Return the bar as it is written in a project file."""
        if not self.champion:
            return exact_quantity(self.value, unit)
        if self.value == 0:
            return "champion"
        return f"champion {'-' if self.value < 0 else '+'} {exact_quantity(abs(self.value), unit)}"


@dataclass(frozen=True)
class MeasuredOutput:
    """An output as its requirements see it.

    kind, family: as the signature and its kind name them; labels: the labels that the kind fixes (`false`,
    `true`), none where the data shows them; positive: the label that a metric without one means, if any.
    """

    name: str
    kind: str
    family: str
    labels: tuple[str, ...] = ()
    positive: str | None = None


@dataclass(frozen=True)
class Requirement:
    """A subject, an operator and a bar. `parse` makes one from a line of the project file.

    `metric` is the one that the subject names, of its output's family. `implied` says that the name fits one
    output of the signature alone, so that texts need not say which.
    """

    subject: Subject
    op: str
    bar: Bar
    metric: Metric = field(compare=False, repr=False)
    implied: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.key} {self.op} {self.bar_text}"

    @property
    def key(self) -> str:
        """Return what is measured, as it is written in a project file: `recall[fraud] where age >= 60`."""
        shown = replace(self.subject, output=None) if self.implied else self.subject
        return str(replace(shown, of=_class_text(shown.of) if shown.of is not None else None))

    def keeps(self, value: float | None) -> bool:
        """Tell whether a value lies on the right side of a bar that needs no champion; one that is not known never."""
        return value is not None and bool(_KEEPS[self.op](value, self.bar.value))

    @property
    def bar_text(self) -> str:
        """Return the bar as it is written in a project file, without the operator: `15 ms`."""
        return self.bar.text(self.metric.unit)

    @property
    def text(self) -> str:
        """Return the requirement for people: `latency_p95 ≤ 15 ms`."""
        return f"{self.key} {_SHOWN[self.op]} {self.bar_text}"


def parse(
    key: str, bar: str | float, metrics: Metrics, outputs: Sequence[MeasuredOutput] | None = None
) -> Requirement:
    """Read one line of `requirements:`, `METRIC[CLASS] where SLICE: "OP VALUE UNIT"`; raises ProjectError.

    metrics: all that there are (`outcomes.metrics()`); outputs: those of the signature (`kinds.outputs`). With
    these the output is filled in where the metric fits one alone, and `OUTPUT.METRIC` names it where it fits
    several; None: the signature is not known. A class with odd characters stands in quotes. Columns of a slice,
    and classes that only the data shows, are checked against the data elsewhere.
    """
    read = _KEY.fullmatch(unicodedata.normalize("NFC", key))
    if read is None:
        raise ProjectError(Problem("requirement.key", key=key))
    problems: list[Problem] = []
    where = _where(read["where"], problems)
    named = metrics.named(read["metric"])
    if not named:
        problems.append(_unknown_metric(read["metric"], key, metrics))
        raise ProjectError(problems)
    output, implied = _output(read["output"], named, outputs, key, metrics, problems)
    metric = next((one for one in named if output is not None and one.family == output.family), named[0])
    of = _class(read)
    if of is not None and not (metric.per_class or metric.per_input):
        taking = _names(one for one in metrics if one.per_class or one.per_input)
        problems.append(_class_problem(key, metric, taking=taking))
    if output is not None and metric.per_class:
        if of is not None and output.labels and of not in output.labels:
            problems.append(_class_problem(key, metric, of=of, output=output))
        of = output.positive if of is None else of
    op, value = _read_bar(metric, key, bar, problems)
    if problems:
        raise ProjectError(problems)
    name = read["output"] if output is None else output.name
    return Requirement(Subject(metric.name, name, of, where), op, value, metric, implied)


def _names(metrics: Iterable[Metric]) -> list[str]:
    return list(dict.fromkeys(metric.name for metric in metrics))


def _class(read: re.Match[str]) -> str | None:
    quoted = read["double"] if read["double"] is not None else read["single"]
    return read["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _class_text(of: str) -> str:
    """Return a class as it stands in brackets: quoted where it must be."""
    bare = of and of == of.strip() and "]" not in of and of[0] not in "\"'"
    return of if bare else '"' + of.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _where(text: str | None, problems: list[Problem]) -> str | None:
    if text is None:
        return None
    try:
        return str(Slice.parse(text))
    except ProjectError as error:
        problems.extend(error.problems)
        return None


def _unknown_metric(name: str, key: str, metrics: Metrics) -> Problem:
    near = did_you_mean(name, list(metrics.names()))
    return Problem("requirement.unknown-metric", key=key, name=name, near=near, known=list(metrics.names()))


def _class_problem(
    key: str,
    metric: Metric,
    *,
    of: str | None = None,
    output: MeasuredOutput | None = None,
    taking: Sequence[str] = (),
) -> Problem:
    """Return what is wrong with a class in brackets: there is none of that name, or the metric takes none."""
    return Problem(
        "requirement.class",
        key=key,
        metric=metric.name,
        taking=list(taking),
        of=of,
        kind=None if output is None else output.kind,
        labels=None if output is None else list(output.labels),
        example=None if output is None else f"{metric.name}[{output.positive or output.labels[0]}]",
    )


def _output_problem(
    key: str,
    metric: str,
    *,
    name: str | None = None,
    near: str | None = None,
    outputs: Sequence[str] = (),
    example: str | None = None,
) -> Problem:
    """Return what is wrong with the output that is named, or is not.

    name: of no output; example: how the first of several outputs is named; neither: the metric is of none.
    """
    return Problem(
        "requirement.output",
        key=key,
        metric=metric,
        name=name,
        near=near,
        outputs=list(outputs) or None,
        example=example,
    )


def _output(
    named: str | None,
    metrics: Sequence[Metric],
    outputs: Sequence[MeasuredOutput] | None,
    key: str,
    known: Metrics,
    problems: list[Problem],
) -> tuple[MeasuredOutput | None, bool]:
    """Return the output that is meant, and whether the name of the metric fits no other.

    metrics: those of one name, one a family.
    """
    families = {metric.family for metric in metrics}
    if families == {None}:
        beside = metrics[0].beside
        if beside is not None and outputs is not None and not set(beside) & {one.family for one in outputs}:
            problems.append(_unfit(metrics[0], None, outputs, key, known))
        if named is not None:
            problems.append(_output_problem(key, metrics[0].name))
        return None, False
    if outputs is None:
        return None, False
    fitting = [output for output in outputs if output.family in families]
    chosen = [output for output in fitting if named in (None, output.name)]
    if named is not None and named not in [output.name for output in outputs]:
        names = [output.name for output in outputs]
        near = did_you_mean(named, names)
        problems.append(_output_problem(key, metrics[0].name, name=named, near=near, outputs=names))
    elif not chosen:
        problems.append(_unfit(metrics[0], named, outputs, key, known))
    elif len(chosen) > 1:
        names, example = [output.name for output in chosen], f"{chosen[0].name}.{metrics[0].name}"
        problems.append(_output_problem(key, metrics[0].name, outputs=names, example=example))
    else:
        return chosen[0], len(fitting) == 1
    return None, False


def _unfit(
    metric: Metric, named: str | None, outputs: Sequence[MeasuredOutput], key: str, known: Metrics
) -> Problem:
    meant = [output for output in outputs if named in (None, output.name)]
    families = {output.family for output in meant}
    return Problem(
        "requirement.kind",
        key=key,
        metric=metric.name,
        kinds=sorted({output.kind for output in meant}),
        fitting=_names(one for one in known if one.family in families) or None,
    )


def _read_bar(metric: Metric, key: str, bar: str | float, problems: list[Problem]) -> tuple[str, Bar]:
    """Return operator and bar; what is wrong is added to the problems."""
    better = OPERATORS[metric.better]
    read = _BAR.fullmatch(str(bar))
    if read is None:
        number = str(bar) if _NUMBER.match(str(bar)) else None
        problems.append(Problem("requirement.bar", key=key, bar=str(bar), op=better[0], number=number))
        return better[0], Bar(0.0)
    op = {"≥": ">=", "≤": "<="}.get(read["op"], read["op"])
    if op not in better:
        problems.append(
            Problem(
                "requirement.direction",
                key=key,
                op=op,
                metric=metric.name,
                higher=metric.better == "higher",
                strict=better[1],
                right=better[0],
            )
        )
    champion = _CHAMPION.fullmatch(read["bar"])
    text = (champion["offset"] or exact_quantity(0.0, metric.unit)) if champion else read["bar"]
    try:
        value = parse_quantity(text, metric.unit)
    except ProjectError as error:
        problems.extend(error.problems)
        return op, Bar(0.0)
    if metric.unit is Unit.FRACTION and not 0 <= value <= 1:
        percent = text if 1 < value <= 100 and "%" not in text else None
        problems.append(_range_problem(key, metric, text, percent=percent, fraction=True))
    elif metric.better == "lower" and not champion and value < 0:
        problems.append(_range_problem(key, metric, text, percent=None, fraction=False))
    return op, Bar(-value if champion and champion["sign"] == "-" else value, champion is not None)


def _range_problem(key: str, metric: Metric, text: str, *, percent: str | None, fraction: bool) -> Problem:
    return Problem(
        "requirement.range", key=key, metric=metric.name, text=text, percent=percent, fraction=fraction
    )


_NUMBER = re.compile(r"\s*[\d.]")
