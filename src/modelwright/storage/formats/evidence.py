"""What `evaluate` seals: measurements as evidence, and the details that its report draws.

Evidence holds no verdict: a verdict is a pure function of evidence and requirements, so that a bar may move
without measuring again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import PackageError, Problem

FORMAT = 1
EVIDENCE = "evidence.json"
DETAILS = "details.json"
OUTCOMES = "outcomes.parquet"


@dataclass(frozen=True)
class Baseline:
    """How a simple rule does on the same test rows; `describes` says in a sentence what it is."""

    name: str
    describes: str
    output: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class Evidence:
    """Everything measured on one package. Digests are SHA-256 in hex.

    `confidence` is what the project asks for; each test measurement carries the stricter confidence that the
    `look`-th judgement on this test set needs. `differences` are paired, this package less the champion.
    """

    format: int
    signature: str
    purpose: str | None
    package: str
    test: str
    champion: str | None
    look: int
    confidence: float
    measurements: tuple[Measurement, ...]
    differences: tuple[Measurement, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mistake:
    """One wrong answer: the row's id, its inputs as text by name, truth, answer and confidence."""

    id: str
    inputs: Mapping[str, str]
    truth: str
    answer: str
    confidence: float | None


@dataclass(frozen=True)
class Confidence:
    """Answers of similar confidence: their mean confidence, the share that was right with its interval, n."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class ClassDetails:
    """What the report draws of an output with classes.

    `confusion` holds (truth, answer, count) by position in `classes`; an answer of len(classes) is an
    abstention. `train_rows` and `test_rows` count the rows of each class.
    """

    output: str
    classes: tuple[str, ...]
    train_rows: tuple[int, ...]
    test_rows: tuple[int, ...]
    confusion: tuple[tuple[int, int, int], ...]
    reliability: tuple[Confidence, ...]
    mistakes: tuple[Mistake, ...]
    unknown: int  # test rows whose true class training never showed


@dataclass(frozen=True)
class NumberDetails:
    """What the report draws of a numeric output: at most 2,000 truths and answers, and the worst rows."""

    output: str
    truth: tuple[float, ...]
    predicted: tuple[float, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class Details:
    """What the report shows beside the evidence. `rows` counts rows by split; latencies are sorted.

    `made` says how the package was made (from its manifest): words that the model card lists by name.
    """

    rows: Mapping[str, int]
    classes: tuple[ClassDetails, ...] = ()
    numbers: tuple[NumberDetails, ...] = ()
    latencies_s: tuple[float, ...] = ()
    load: str = "one request at a time"
    made: Mapping[str, str] = field(default_factory=dict)


Read = TypeVar("Read", Evidence, Details)


def write(value: Evidence | Details, path: Path) -> None:
    """Write evidence or details as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(TypeAdapter(type(value)).dump_json(value, indent=1) + b"\n")


def read_evidence(folder: Path) -> Evidence:
    """Read the evidence in a sealed folder `evidence`; raises PackageError for what is none of ours."""
    evidence = _read(Evidence, folder / EVIDENCE)
    if evidence.format != FORMAT:
        raise PackageError(
            Problem(
                "evidence.format",
                rule=f"evidence has format {FORMAT}",
                found=f"format {evidence.format}",
                next_step="evaluate the package again: `modelwright evaluate`",
                where=str(folder / EVIDENCE),
            )
        )
    return evidence


def read_details(folder: Path) -> Details:
    """Read the details in a sealed folder `report`; raises PackageError for what are no details of ours."""
    return _read(Details, folder / DETAILS)


def _read(of: type[Read], path: Path) -> Read:
    try:
        found: Read = TypeAdapter(of).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PackageError(
            Problem(
                "evidence.unreadable",
                rule="evidence is what `evaluate` sealed",
                found=str(error).splitlines()[0],
                next_step="evaluate the package again: `modelwright evaluate`",
                where=str(path),
            )
        ) from None
    return found
