"""What `explain` answers: what decides the answer to one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwright.core.exit_codes import Exit
from modelwright.core.json_types import JsonLike


@dataclass(frozen=True)
class InputShare:
    """One input: its value and what stood in for it, as text and as the record of traffic has them.

    `alone`: by how much leaving it out alone lowers the score; `share`: its contribution; `error`: the standard
    error of the share, None where it is exact.
    """

    name: str
    value: JsonLike
    instead: JsonLike
    alone: float
    share: float
    error: float | None
    value_text: str = ""
    instead_text: str = ""


@dataclass(frozen=True)
class PartShare:
    """A part of an input (a word, a patch): where it lies, and by how much leaving it out lowers the score."""

    name: str
    place: Mapping[str, JsonLike]
    effect: float


@dataclass(frozen=True)
class ExplainedOutput:
    """One output: what was answered, and the score that is explained.

    `chance`: whether `score` is a probability, the mean of those of `labels` (of an empty set, that of no tag); else
    it is the number that was answered. `base`: the score with every input left out; `wholes`: the score of an input
    in the form in which its parts are left out.
    """

    name: str
    value: JsonLike
    chance: bool
    labels: tuple[str, ...]
    score: float
    base: float
    inputs: tuple[InputShare, ...]
    parts: Mapping[str, tuple[PartShare, ...]] = field(default_factory=dict)
    wholes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ExplainReport:
    """What decides an answer. `orders`: random orders of the inputs that were asked, None where all were."""

    function: str
    version: int
    outputs: tuple[ExplainedOutput, ...]
    orders: int | None
    rows: int
    notes: tuple[str, ...] = ()
    picture: str | None = None

    @property
    def exit_code(self) -> int:
        """Return 0: what the answer is, is no failure."""
        return Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON; numbers in full."""
        return {
            "function": self.function,
            "version": self.version,
            "method": "exact" if self.orders is None else "sampled",
            "orders": self.orders,
            "rows": self.rows,
            "outputs": [_output(one) for one in self.outputs],
            "notes": list(self.notes),
            "picture": self.picture,
        }


def _output(one: ExplainedOutput) -> dict[str, object]:
    return {
        "name": one.name,
        "value": one.value,
        "score_is": "probability" if one.chance else "value",
        "labels": list(one.labels),
        "score": one.score,
        "base": one.base,
        "inputs": [
            {
                "name": share.name,
                "value": share.value,
                "instead": share.instead,
                "alone": share.alone,
                "share": share.share,
                "error": share.error,
            }
            for share in one.inputs
        ],
        "parts": {
            name: [{"name": part.name, "place": dict(part.place), "effect": part.effect} for part in parts]
            for name, parts in one.parts.items()
        },
        "wholes": dict(one.wholes),
    }
