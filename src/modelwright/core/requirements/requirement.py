"""Requirements: a bar on a metric, `recall[fraud] >= 0.9` or `accuracy >= champion - 0.01`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modelwright.core.evidence.measurement import Subject
from modelwright.core.messages import Problem, ProjectError, did_you_mean
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, exact_quantity, parse_quantity

if TYPE_CHECKING:
    from modelwright.core.metrics import Metric

OPERATORS = {"higher": (">=", ">"), "lower": ("<=", "<")}
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
class Requirement:
    """A subject, an operator and a bar. `parse` makes one from a line of the project file.

    `implied` says that the metric fits one output of the signature alone, so that texts need not name it.
    """

    subject: Subject
    op: str
    bar: Bar
    implied: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.key} {self.op} {self.bar_text}"

    @property
    def key(self) -> str:
        """Return what is measured, as it is written in a project file: `recall[fraud] where age >= 60`."""
        shown = replace(self.subject, output=None) if self.implied else self.subject
        return str(replace(shown, of=_class_text(shown.of) if shown.of is not None else None))

    @property
    def bar_text(self) -> str:
        """Return the bar as it is written in a project file, without the operator: `15 ms`."""
        return self.bar.text(self.metric.unit)

    @property
    def text(self) -> str:
        """Return the requirement for people: `latency_p95 ≤ 15 ms`."""
        return f"{self.key} {_SHOWN[self.op]} {self.bar_text}"

    @property
    def metric(self) -> Metric:
        """Return the metric that is measured."""
        return _metrics()[self.subject.metric]


def parse(key: str, bar: str | float, signature: Signature | None = None) -> Requirement:
    """Read one line of `requirements:`, `METRIC[CLASS] where SLICE: "OP VALUE UNIT"`; raises ProjectError.

    With a signature the output is filled in where the metric fits one alone, and `OUTPUT.METRIC` names it
    where it fits several. A class with odd characters stands in quotes. Columns of a slice, and classes of a
    `category`, are checked against the data elsewhere.
    """
    read = _KEY.fullmatch(unicodedata.normalize("NFC", key))
    if read is None:
        raise ProjectError(
            Problem(
                "requirement.key",
                "a requirement reads METRIC, METRIC[CLASS] or METRIC where SLICE",
                repr(key),
                "write it like recall[fraud] where age >= 60",
            )
        )
    problems: list[Problem] = []
    where = _where(read["where"], problems)
    metric = _metrics().get(read["metric"])
    if metric is None:
        problems.append(_unknown_metric(read["metric"], key))
        raise ProjectError(problems)
    of = _class(read)
    if of is not None and not metric.per_class:
        problems.append(
            Problem(
                "requirement.class",
                f"{metric.name} takes no class",
                repr(key),
                "remove the brackets; a class goes with "
                + _named(m for m in _metrics().values() if m.per_class),
            )
        )
    output, implied = _output(read["output"], metric, signature, key, problems)
    kind = next((f.kind for f in signature.outputs if f.name == output), None) if signature else None
    if kind == "boolean" and metric.per_class:
        if of not in (None, "true", "false"):
            problems.append(
                Problem(
                    "requirement.class",
                    "the classes of a boolean are true and false",
                    f"{of!r} in {key!r}",
                    f"write {metric.name}[true]",
                )
            )
        of = of or "true"
    op, value = _read_bar(metric, key, bar, problems)
    if problems:
        raise ProjectError(problems)
    return Requirement(Subject(metric.name, output, of, where), op, value, implied)


def _metrics() -> dict[str, Metric]:
    from modelwright.core import metrics  # here, because metrics need numpy and the command line starts fast

    return dict(metrics.METRICS)


def _named(metrics: Iterable[Metric]) -> str:
    return ", ".join(metric.name for metric in metrics)


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


def _unknown_metric(name: str, key: str) -> Problem:
    near = did_you_mean(name, list(_metrics()))
    return Problem(
        "requirement.unknown-metric",
        "a requirement names a metric",
        f"'{name}' in {key!r}",
        f"did you mean '{near}'?" if near else f"choose one of {', '.join(_metrics())}",
    )


def _output(
    named: str | None, metric: Metric, signature: Signature | None, key: str, problems: list[Problem]
) -> tuple[str | None, bool]:
    """Return the output that is meant, and whether the metric fits no other."""
    if metric.outcomes is None:
        if named is not None:
            problems.append(
                Problem(
                    "requirement.output",
                    f"{metric.name} is measured on the whole function, not on an output",
                    repr(key),
                    f"write {metric.name}",
                )
            )
        return None, False
    if signature is None:
        return named, False
    outputs = [output.name for output in signature.outputs]
    fitting = [output.name for output in signature.outputs if metric.fits(output.kind)]
    if named is not None and named not in outputs:
        problems.append(_unknown_output(named, outputs, key))
    elif not fitting or (named is not None and named not in fitting):
        problems.append(_unfit(metric, named, signature, key))
    elif named is None and len(fitting) > 1:
        problems.append(
            Problem(
                "requirement.output",
                f"{metric.name} fits several outputs ({', '.join(fitting)}), so a requirement names one",
                repr(key),
                f"write {fitting[0]}.{metric.name}",
            )
        )
    else:
        return named or fitting[0], len(fitting) == 1
    return named, False


def _unknown_output(named: str, outputs: Sequence[str], key: str) -> Problem:
    near = did_you_mean(named, outputs)
    return Problem(
        "requirement.output",
        "what stands before the dot is an output of the signature",
        f"'{named}' in {key!r}",
        f"did you mean '{near}'?" if near else f"choose one of {', '.join(outputs)}",
    )


def _unfit(metric: Metric, named: str | None, signature: Signature, key: str) -> Problem:
    outputs = [output for output in signature.outputs if named in (None, output.name)]
    fit = _named(m for m in _metrics().values() if any(m.fits(output.kind) for output in outputs))
    return Problem(
        "requirement.kind",
        f"{metric.name} is not computed for {', '.join(sorted({output.kind for output in outputs}))}",
        repr(key),
        f"choose one of {fit}" if fit else "choose a metric of the package or of live traffic",
    )


def _read_bar(metric: Metric, key: str, bar: str | float, problems: list[Problem]) -> tuple[str, Bar]:
    """Return operator and bar; what is wrong is added to the problems."""
    better = OPERATORS[metric.better]
    read = _BAR.fullmatch(str(bar))
    if read is None:
        problems.append(
            Problem(
                "requirement.bar",
                "a bar is an operator and a value",
                f"{bar!r} for {key!r}",
                f'write "{better[0]} {bar}"' if _NUMBER.match(str(bar)) else f'write it like "{better[0]} …"',
            )
        )
        return better[0], Bar(0.0)
    op = {"≥": ">=", "≤": "<="}.get(read["op"], read["op"])
    if op not in better:
        problems.append(
            Problem(
                "requirement.direction",
                f"of {metric.name} {metric.better} is better, so that its operator is {' or '.join(better)}",
                f"'{op}' for {key!r}",
                f"write {better[0]}",
            )
        )
    champion = _CHAMPION.fullmatch(read["bar"])
    text = (champion["offset"] or exact_quantity(0.0, metric.unit)) if champion else read["bar"]
    try:
        value = parse_quantity(text, metric.unit)
    except ProjectError as error:
        problems.extend(
            Problem(one.id, one.rule, f"{one.found} for {key!r}", one.next_step) for one in error.problems
        )
        return op, Bar(0.0)
    if metric.unit is Unit.FRACTION and not 0 <= value <= 1:
        problems.append(
            Problem(
                "requirement.range",
                f"{metric.name} is a fraction between 0 and 1",
                f"{text} for {key!r}",
                f"write {text} %" if 1 < value <= 100 and "%" not in text else "write it like 0.97 or 97 %",
            )
        )
    elif metric.better == "lower" and not champion and value < 0:
        problems.append(
            Problem(
                "requirement.range",
                f"{metric.name} is never below 0",
                f"{text} for {key!r}",
                "write a bar that can be met",
            )
        )
    return op, Bar(-value if champion and champion["sign"] == "-" else value, champion is not None)


_NUMBER = re.compile(r"\s*[\d.]")
