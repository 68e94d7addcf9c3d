"""What `evaluate` seals: measurements as evidence, and the details that its report draws.

evidence/evidence.json      measurements, differences, baselines, warnings
evidence/outcomes.parquet   of each test row: id, and by output its truth and what its family keeps
report/details.json         what the report draws beside the evidence

Evidence holds no verdict: a verdict is a pure function of evidence and requirements, so that a bar may move
without measuring again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import PlainSerializer, PlainValidator

from modelwright.core.evidence.agreement import Agreement
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.outcomes.contract.blocks import TextPair
from modelwright.storage.formats.document import Document

EVIDENCE = "evidence.json"
DETAILS = "details.json"
OUTCOMES = "outcomes.parquet"

SealedNotice = Annotated[
    Notice,
    PlainValidator(lambda wire: wire if isinstance(wire, Notice) else Notice.from_wire(wire)),
    PlainSerializer(lambda notice: notice.to_wire()),
]
SealedPhrase = Annotated[
    Phrase,
    PlainValidator(lambda wire: wire if isinstance(wire, Phrase) else Phrase.from_wire(wire)),
    PlainSerializer(lambda phrase: phrase.to_wire()),
]


@dataclass(frozen=True)
class Baseline:
    """How a simple rule does on the same test rows; `describes` says in a sentence what it is."""

    name: str
    describes: SealedPhrase
    output: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class Evidence:
    """Everything measured on one package. Digests are SHA-256 in hex.

    `confidence` is what the project asks for; each test measurement carries the stricter confidence that the
    evaluation of that number on this test set needs. `differences` are paired, this package less the champion.
    """

    signature: str
    purpose: str | None
    package: str
    test: str
    champion: str | None
    evaluation: int
    confidence: float
    measurements: tuple[Measurement, ...]
    differences: tuple[Measurement, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    warnings: tuple[SealedNotice, ...] = ()


@dataclass(frozen=True)
class Contributions:
    """How far each input moves the answers: the mean absolute Shapley value over so many validation rows.

    `chance`: whether the answer is a probability, else a number in the output's own unit; `by_input`: in that unit, the
    most first.
    """

    rows: int
    chance: bool
    by_input: Mapping[str, float]


@dataclass(frozen=True)
class SliceBeside:
    """What a slice shows, what all other rows that can be judged do, and the difference (in the slice less outside)."""

    inside: Measurement
    rest: Measurement
    apart: Measurement


@dataclass(frozen=True)
class JudgesBeside:
    """How far two judges of the same answers agree."""

    judges: tuple[str, str]
    found: Agreement


@dataclass(frozen=True)
class JudgedByFunction:
    """What a function said that judges, asked in both orders.

    named, package: as `use` names it, and its digest; better, tied, worse: rows; equal: those tied whose two answers
    are the same text; apart: those tied of which both orders said another thing, and among these those of which it
    preferred the first place both times, or the second; refused: rows that it does not take; agreement: with people,
    None where they said nothing of the same rows; empty: rows that it was not asked about, since one answer is none.
    """

    named: str
    package: str
    better: int
    tied: int
    worse: int
    equal: int
    apart: int
    first: int
    second: int
    refused: int
    agreement: Agreement | None
    empty: int = 0


@dataclass(frozen=True)
class JudgedAnswers:
    """What people said of answers beside those of `against`.

    judges: by name, of how many rows; better, tied, worse: rows, by the mean of their judges; equal: rows among those
    tied whose two answers are the same text; skipped: rows that somebody said nothing of; gone: rows with verdicts that
    are no test rows any more; changed: verdicts on another text than this package's; pairs: both answers of rows that
    were lost, then of those that were won; function: what a function said.
    """

    against: str
    judges: Mapping[str, int]
    better: int
    tied: int
    worse: int
    equal: int
    skipped: int
    gone: int
    changed: int
    agreements: tuple[JudgesBeside, ...] = ()
    pairs: tuple[TextPair, ...] = ()
    function: JudgedByFunction | None = None


@dataclass(frozen=True)
class OutputDetails:
    """What the report draws of one output: `findings` are those of the facet `section` of its family.

    `point`: where it answers other than with what is likeliest; `importance`: by input, what is lost on validation
    rows when its values are dealt to other rows, the most first; `contributions`: how far each input moves the
    answers; `slices`: some rows beside the others; `judged`: what people said of the answers. Earlier
    versions sealed none of these.
    """

    output: str
    family: str
    findings: dict[str, Any]
    point: tuple[SealedPhrase, ...] = ()
    importance: Mapping[str, Measurement] = field(default_factory=dict)
    contributions: Contributions | None = None
    slices: tuple[SliceBeside, ...] = ()
    judged: JudgedAnswers | None = None


@dataclass(frozen=True)
class Details:
    """What the report shows beside the evidence. `rows` counts rows by split; latencies are sorted.

    `load`: the rate at which requests arrived (`50 /s`), None: one at a time. `made` says how the package was
    made (from its manifest): words that the model card lists by name. `kept`: columns beside the inputs, which the
    function does not see.
    """

    rows: Mapping[str, int]
    outputs: tuple[OutputDetails, ...] = ()
    latencies_s: tuple[float, ...] = ()
    load: str | None = None
    made: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


# -- what the format before held -------------------------------------------------------------------------------


def _sentence(text: Json) -> Json:
    """Return a sentence that was sealed in English as the message that says it."""
    return cast("Json", Phrase("evidence.sentence", text=str(text)).to_wire())


def _numbered_evaluations(content: JsonObject) -> JsonObject:
    """From format 1, where the evaluation's number was `look`, and warnings and baselines were sentences."""
    changed = {name: value for name, value in content.items() if name != "look"}
    baselines = cast("list[JsonObject]", content.get("baselines", []))
    warnings = cast("list[Json]", content.get("warnings", []))
    return changed | {
        "evaluation": content["look"],
        "baselines": [one | {"describes": _sentence(one["describes"])} for one in baselines],
        "warnings": [_sentence(one) for one in warnings],
    }


_ONE_AT_A_TIME = "one request at a time"


def _by_family(content: JsonObject) -> JsonObject:
    """From format 1, where details named two sorts of outputs, and the load was a sentence."""
    outputs: list[Json] = []
    families = ("classes", "numbers")  # all that there were
    for family in families:
        for one in cast("list[JsonObject]", content.get(family, [])):
            findings: Json = {name: value for name, value in one.items() if name != "output"}
            outputs.append({"output": one["output"], "family": family, "findings": findings})
    load = str(content.get("load", _ONE_AT_A_TIME))
    kept = {name: value for name, value in content.items() if name not in families}
    return kept | {
        "outputs": outputs,
        "load": None if load == _ONE_AT_A_TIME else load.removesuffix(", arriving at random"),
    }


_EVIDENCE = Document(EVIDENCE, made_by="evaluate", number=2, migrations={1: _numbered_evaluations})
_DETAILS = Document(DETAILS, made_by="evaluate", number=2, migrations={1: _by_family}, unnumbered=1)


def write_evidence(evidence: Evidence, folder: Path) -> None:
    """Write evidence into a folder `evidence`."""
    _EVIDENCE.write(folder, evidence)


def read_evidence(folder: Path) -> Evidence:
    """Read the evidence in a sealed folder `evidence`; raises StateError for what is none of ours."""
    return _EVIDENCE.read(folder, Evidence)


def write_details(details: Details, folder: Path) -> None:
    """Write details into a folder `report`."""
    _DETAILS.write(folder, details)


def read_details(folder: Path) -> Details:
    """Read the details in a sealed folder `report`; raises StateError for what are no details of ours."""
    return _DETAILS.read(folder, Details)
