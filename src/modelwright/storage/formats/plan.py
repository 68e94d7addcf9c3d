"""What `plan` seals: the choice that decides the bits of what is learned, and the forecast beside it.

choice/choice.json        what `learn` reads; its key depends on this part alone
forecast/forecast.json    what it will cost, and how every learner was ranked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Self, cast

from pydantic import JsonValue, PlainSerializer, PlainValidator

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.storage.formats.document import Document


def _phrase(given: object) -> Phrase:
    return given if isinstance(given, Phrase) else Phrase.from_wire(cast("JsonObject", given))


def _notice(given: object) -> Notice:
    return given if isinstance(given, Notice) else Notice.from_wire(cast("JsonObject", given))


def _wire(message: Phrase | Notice) -> dict[str, object]:
    return dict(message.to_wire())


# Messages are sealed as ids and values, and worded where they are read.
SealedPhrase = Annotated[Phrase, PlainValidator(_phrase), PlainSerializer(_wire)]
SealedNotice = Annotated[Notice, PlainValidator(_notice), PlainSerializer(_wire)]


@dataclass(frozen=True)
class Machine:
    """What a machine offers: cores, memory, its instruction set (`avx2`, `avx512`, `neon`), and GPUs by their names."""

    cores: int
    memory_bytes: int
    instruction_set: str
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Execution:
    """Where and how the steps of a training are computed, which decides how sums are rounded.

    device: as torch names it (`cpu`, `cuda`), of several processes the first one's; gpu: what that device is, None: the
    processor; processes: that share the rows of each step; compiled: whether layers are compiled (torch.compile).
    """

    device: str = "cpu"
    gpu: str | None = None
    processes: int = 1
    compiled: bool = False

    @property
    def named(self) -> str:
        """Return the device as a reader knows it: `cuda (NVIDIA A100)`."""
        return self.device if self.gpu is None else f"{self.device} ({self.gpu})"


# -- the choice ------------------------------------------------------------------------------------------------


def _choice_with_defaults(content: JsonObject) -> JsonObject:
    """From format 1, where None left a key to the learner, and which had no credits at first."""
    training: JsonObject = {
        name: value for name, value in _object(content["training"]).items() if value is not None
    }
    changed: JsonObject = {"training": training, "credits": content.get("credits", {})}
    return content | changed


def _choice_by_input(content: JsonObject) -> JsonObject:
    """From format 2, where one folder of weights was for all inputs that could start from it."""
    digest = content["pretrained"]
    changed: JsonObject = {"pretrained": {} if digest is None else {ALL_INPUTS: digest}}
    return content | changed


ALL_INPUTS = "*"
"""In `Choice.pretrained`, of plans that an earlier version sealed: every input that starts from weights."""

BROUGHT = "="
"""In `Choice.pretrained`, and for learners: the folder of what a project brings for the whole function."""

BROUGHT_FOLDER = "brought"
"""Beside `choice.json`, where that folder is sealed."""


@dataclass(frozen=True)
class BlendMember:
    """One of several that are learned and blended: what decides its bits, as in `Choice`, and its likely cost.

    name: among the others, and of its folder; latency_s: of one request; pretrained: inputs that start from weights;
    seconds: of learning, for its share of the time, 0 in what an earlier version sealed.
    """

    name: str
    learner: str
    steps: int
    batch: int
    precision: str
    options: Mapping[str, JsonValue]
    training: Mapping[str, JsonValue]
    latency_s: float
    pretrained: tuple[str, ...] = ()
    execution: Execution = field(default_factory=Execution)
    seconds: float = 0.0


_CHOICE = Document(
    "choice.json", made_by="plan", number=3, migrations={1: _choice_with_defaults, 2: _choice_by_input}
)


@dataclass(frozen=True)
class Choice:
    """What decides the bits of what is learned.

    steps: the learner's own count; batch: rows a step; threads, precision, instruction_set: how sums are
    rounded; options, training: the learner's own keys of `model:` and `learn:`, defaults included; pretrained:
    input → digest of the weights that it starts from, the same wherever they lie, and under `BROUGHT` that of what the
    project brings, which is sealed beside it; credits: their name → licence;
    reason: why this learner, None in what an earlier version sealed; augment: input → variation → how far training
    values are varied; members: of a learner that blends others, in the order in which they are learned; last_steps:
    training → the step after which it ends, and how many its schedule is of, where the clock had run out; execution:
    where and how steps are computed.
    """

    learner: str
    steps: int
    batch: int
    threads: int
    precision: str
    instruction_set: str
    seed: int
    options: Mapping[str, JsonValue]
    training: Mapping[str, JsonValue]
    pretrained: Mapping[str, str]
    credits: Mapping[str, str]
    reason: SealedPhrase | None = None
    augment: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    members: tuple[BlendMember, ...] = ()
    last_steps: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    execution: Execution = field(default_factory=Execution)

    @property
    def learners(self) -> tuple[str, ...]:
        """Return the learner, and those that it blends."""
        return (self.learner, *sorted({one.learner for one in self.members} - {self.learner}))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `choice`; raises StateError for what is none of ours."""
        return _CHOICE.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `choice`; equal choices give equal bytes."""
        _CHOICE.write(folder, self)


# -- the forecast ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranked:
    """One learner that could have been chosen, and what it would cost.

    steps, batch: as in `Choice`; epochs: passes over the training rows, None where that means nothing;
    seconds: of learning on a quiet machine; memory_bytes: at the peak; package_bytes, latency_s (of one
    request): of the exported body; compressed_bytes: of its form in 8 bits, None where it has none; why: what
    these rest on; lack: why it does not fit into budget and memory; execution: where and how steps are computed.
    """

    learner: str
    steps: int
    batch: int
    epochs: float | None
    seconds: float
    memory_bytes: int
    package_bytes: int
    latency_s: float
    compressed_bytes: int | None
    why: SealedPhrase
    lack: SealedPhrase | None = None
    execution: Execution = field(default_factory=Execution)

    def to_json(self) -> dict[str, Json]:
        """Return the costs as JSON, messages as ids and values."""
        content: dict[str, Json] = {one.name: getattr(self, one.name) for one in fields(self)}
        lack = self.lack.to_wire() if self.lack is not None else None
        execution: dict[str, Json] = asdict(self.execution)
        return content | {"why": self.why.to_wire(), "lack": lack, "execution": execution}


@dataclass(frozen=True)
class ValidationScore:
    """What a learner answered on validation: the main metric of an output on n rows; None where it has no value."""

    output: str
    metric: str
    value: float | None
    n: int


@dataclass(frozen=True)
class LearnerScores:
    """One learner of a comparison: a score for each output, and the CPU seconds that learning and answering took.

    also: the learners that start from what this one learns, so that its scores stand for them too; behind: how far
    its expected error lies behind the best one's, as a share of the worst one's (over several outputs: their sum);
    standard_error: of that difference, row by row, None of the best and where there is none; alike: whether it lies
    within one standard error of the best. Earlier versions sealed none of these.
    """

    learner: str
    also: tuple[str, ...]
    scores: tuple[ValidationScore, ...]
    seconds: float
    behind: float | None = None
    standard_error: float | None = None
    alike: bool = False


@dataclass(frozen=True)
class Comparison:
    """What learners answered on validation after each learned from the same training rows.

    The first is the one to take: the cheapest to serve of those within one standard error of the best. The others
    follow by how well they answered.

    train_rows, validation_rows: how many each learned from and answered; seconds: of CPU time, out of the budget.
    """

    train_rows: int
    validation_rows: int
    seconds: float
    learners: tuple[LearnerScores, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the comparison as JSON."""
        return cast("dict[str, Json]", asdict(self))


def _forecast_in_parts(content: JsonObject) -> JsonObject:
    """From format 1, where the chosen learner's costs lay flat, refused learners in the ranking, messages as texts."""
    ranking = [_object(one) for one in cast("list[Json]", content["ranking"])]
    able = [
        one | {"why": _text(one["why"]), "lack": _text(one["lack"]) if one.get("lack") else None}
        for one in ranking
        if one["accepts"]
    ]
    return {
        "chosen": able[0],
        "rows": content["rows"],
        "budget_s": content["budget_s"],
        "machine": content["machine"],
        "ranking": cast("Json", able),
        "refused": {str(one["learner"]): _text(one["lack"]) for one in ranking if not one["accepts"]},
        "warnings": [_text(one) for one in cast("list[Json]", content["warnings"])],
    }


_FORECAST = Document("forecast.json", made_by="plan", number=2, migrations={1: _forecast_in_parts})


@dataclass(frozen=True)
class Forecast:
    """What the chosen learner will cost, and what it was chosen from.

    chosen: the learner that is taken; rows: how many each split holds; budget_s: seconds of learning on a quiet
    machine; machine: where all was timed; ranking: every learner that accepts the signature, the chosen one
    first; refused: learner → why it cannot learn it; warnings: what is likely to disappoint; comparison: what
    learners answered on validation, None where they were not compared.
    """

    chosen: Ranked
    rows: Mapping[str, int]
    budget_s: float
    machine: Machine
    ranking: tuple[Ranked, ...]
    refused: Mapping[str, SealedPhrase]
    warnings: tuple[SealedNotice, ...]
    comparison: Comparison | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `forecast`; raises StateError for what is none of ours."""
        return _FORECAST.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `forecast`."""
        _FORECAST.write(folder, self)


def _object(value: Json) -> JsonObject:
    return cast("JsonObject", value)


def _text(sealed: Json) -> Json:
    """Return a message that shows a text of format 1 as it was worded then."""
    return Phrase("plan.earlier-text", text=sealed).to_wire()
