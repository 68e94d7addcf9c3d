"""What a function answered, as its caller reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelwright import kinds
from modelwright.kinds.contract.common import Answer


@dataclass(frozen=True, repr=False)
class Prediction:
    """What the function answered: `prediction.domain`, `prediction.confidence`, or all of it in `outputs`."""

    outputs: Mapping[str, Answer]
    kinds: Mapping[str, str] = field(default_factory=dict, compare=False)  # of the outputs, for JSON
    unseen: tuple[str, ...] = ()  # inputs whose value training never showed, nor (a number) any near it
    # Of an answer of a gateway: what feedback names it by, and the version that answered.
    id: str | None = field(default=None, compare=False)
    version: int | None = field(default=None, compare=False)

    @property
    def confidence(self) -> float | None:
        """Return the confidence; of several outputs the lowest, and None where none has any."""
        known = [answer.confidence for answer in self.outputs.values() if answer.confidence is not None]
        return min(known, default=None)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return the outputs as the server answers them: `{"domain": {"value": …, "confidence": …}}`."""
        return {
            name: {
                "value": self._json(name, answer.value),
                "confidence": answer.confidence,
                **({} if answer.probabilities is None else {"probabilities": dict(answer.probabilities)}),
                **({} if answer.interval is None else {"interval": dict(answer.interval)}),
                **({} if answer.details is None else {"details": dict(answer.details)}),
            }
            for name, answer in self.outputs.items()
        }

    def _json(self, name: str, value: Any) -> Any:
        return (
            value if value is None or name not in self.kinds else kinds.value(self.kinds[name]).to_json(value)
        )

    def __getattr__(self, name: str) -> Any:
        # called only for names that are no attribute, so an output named `outputs` is reached through it
        outputs = self.__dict__.get("outputs", {})
        if name in outputs:
            return outputs[name].value
        raise AttributeError(f"no output {name!r}; the outputs are {', '.join(outputs)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.outputs]

    def __repr__(self) -> str:
        parts = [f"{name}={answer.value!r}" for name, answer in self.outputs.items()]
        if self.confidence is not None:
            parts.append(f"confidence={self.confidence:.2f}")
        if self.unseen:
            parts.append(f"unseen={self.unseen!r}")
        return f"Prediction({', '.join(parts)})"
