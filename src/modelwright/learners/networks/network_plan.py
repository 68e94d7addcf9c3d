"""What a network is put together from: JSON by which it is built again before its weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, cast

from modelwright.core.json_types import JsonObject
from modelwright.learners.contract.steps import Activation

NOTE, WEIGHTS = "learned.json", "weights.safetensors"
"""The files of a folder that was learned: the first holds the plan, the second every weight of the network."""


@dataclass(frozen=True)
class EncoderPlan:
    """An encoder: its type, as the registry knows it, and the configuration by which that builds it."""

    type: str
    config: JsonObject


@dataclass(frozen=True)
class LogarithmPlan:
    """How what a head gives becomes a number: exp(min(given · deviation + centre, most)) + zero.

    centre, deviation: of the logarithms in training, so that a head begins near them; most: more than the largest of
    them; zero: where 0 lies among standardised numbers.
    """

    centre: float
    deviation: float
    most: float
    zero: float


@dataclass(frozen=True)
class JoinedPlan:
    """Texts that one encoder reads in one sequence: inputs, in order, and the tokens that stand before each text."""

    inputs: tuple[str, ...]
    leading: int


@dataclass(frozen=True)
class NetworkPlan:
    """The encoders of a network, and which of them reads each input; inputs may share one.

    encoders: each once; inputs: input → its place among them; combiner: its type and configuration; columns: that
    of the layers which read all columns of a table together, None where each is a part of its own; weighing:
    whether the weights of the outputs' losses are learned; own: the code of a module of the project, which then stands
    for all of these; parts: the plans of networks whose answers are stacked, which then have the encoders; matching:
    how inputs are compared position by position, which is a part more, None where they are not; alone: whether each
    part has heads of its own, which answer the rows that have no other part; scaled: whether what pretrained encoders
    give is standardised by what they give in training; own_layers: of the layer that each output has of its own, None
    where its head reads the shared features alone; activation: of all layers that are not pretrained; logarithms: of
    outputs whose heads give the logarithm of a number; joined: texts that are read in one sequence, None where each is
    read by itself.
    """

    encoders: tuple[EncoderPlan, ...]
    inputs: Mapping[str, int]
    combiner: JsonObject = field(default_factory=lambda: {"type": "concatenate"})
    columns: JsonObject | None = None
    weighing: bool = False
    own: JsonObject | None = None
    parts: tuple[Self, ...] = ()
    matching: JsonObject | None = None
    alone: bool = False
    scaled: bool = False
    own_layers: JsonObject | None = None
    activation: Activation = "relu"
    logarithms: Mapping[str, LogarithmPlan] = field(default_factory=dict)
    joined: JoinedPlan | None = None

    def to_json(self) -> JsonObject:
        """Return the plan as JSON."""
        lists = {
            "encoders": [asdict(one) for one in self.encoders],
            "parts": [one.to_json() for one in self.parts],
        }
        return cast("JsonObject", asdict(self) | lists)

    @classmethod
    def from_json(cls, content: JsonObject) -> Self:
        """Return the plan of what `to_json` gave."""
        encoders = cast("list[JsonObject]", content["encoders"])
        joined = cast("Mapping[str, Any] | None", content.get("joined"))
        return cls(
            tuple(EncoderPlan(str(one["type"]), cast("JsonObject", one["config"])) for one in encoders),
            cast("Mapping[str, int]", content["inputs"]),
            cast("JsonObject", content["combiner"]),
            cast("JsonObject | None", content.get("columns")),
            bool(content.get("weighing", False)),
            cast("JsonObject | None", content.get("own")),
            tuple(cls.from_json(one) for one in cast("list[JsonObject]", content.get("parts", []))),
            cast("JsonObject | None", content.get("matching")),
            bool(content.get("alone", False)),
            bool(content.get("scaled", False)),
            cast("JsonObject | None", content.get("own_layers")),
            cast("Activation", content.get("activation", "relu")),
            {
                name: LogarithmPlan(**one)
                for name, one in cast("Mapping[str, dict[str, float]]", content.get("logarithms", {})).items()
            },
            None if joined is None else JoinedPlan(tuple(joined["inputs"]), joined["leading"]),
        )
