"""Messages: an id and values; the words lie in the catalogue (see `catalog`)."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Mapping
from typing import Any, Self, final

from modelwright.core.messages import catalog

_PARTS = ("found", "rule", "next")


class _Message(ABC):
    """What every message has: a stable id, values, and three parts. `where` is a place that a reader can open."""

    __slots__ = ("id", "values", "where")
    id: str
    values: Mapping[str, Any]
    where: str | None

    def __init__(self, id: str, where: str | None = None, **values: Any) -> None:  # noqa: A002 - the field's name
        """Name the message and give its values; `where` is `modelwright.yaml:12` or `questions.csv, row 8`."""
        self.id = id
        self.where = where
        self.values = values

    @property
    def found(self) -> str:
        """Return what was found."""
        return catalog.text(self.id, "found", self.values)

    @property
    def rule(self) -> str:
        """Return the rule that it breaks; empty where the finding says it."""
        return catalog.text(self.id, "rule", self.values)

    @property
    def next_step(self) -> str:
        """Return what a reader can do; empty where there is nothing to do."""
        return catalog.text(self.id, "next", self.values)

    def at(self, where: str | None) -> Self:
        """Return the message with its place."""
        placed = copy.copy(self)
        placed.where = where
        return placed

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        rule = f" ({self.rule})" if self.rule else ""
        step = f": {self.next_step}" if self.next_step else ""
        return f"{place}{self.found}{rule}{step}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, where={self.where!r}, **{dict(self.values)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Message)
            and type(self) is type(other)
            and (self.id, self.where, dict(self.values)) == (other.id, other.where, dict(other.values))
        )

    def __hash__(self) -> int:
        return hash((self.id, self.where, tuple(sorted(self.values))))

    def to_wire(self) -> dict[str, Any]:
        """Return the message as JSON that `from_wire` reads: sealed or sent, and worded where it is read."""
        values = {name: _to_wire(value) for name, value in self.values.items()}
        return {"id": self.id, "where": self.where, "values": values}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_wire` returned."""
        return cls(data["id"], data["where"], **{k: _from_wire(v) for k, v in data["values"].items()})


@final
class Problem(_Message):
    """One thing that is wrong: what was found, the rule, the next step.

        Problem("data.missing-column", where="a.csv", name="age", column="years", near=None, columns="`x`, `y`")

    An error carries problems; whoever catches it shows them all.
    """

    __slots__ = ("_texts",)

    def __init__(
        self,
        id: str,  # noqa: A002 - the field's name
        rule: str | None = None,
        found: str | None = None,
        next_step: str | None = None,
        where: str | None = None,
        **values: Any,
    ) -> None:
        super().__init__(id, where, **values)
        # TRANSITION: texts given in the call, until every message stands in the catalogue
        self._texts = None if found is None else {"rule": rule or "", "found": found, "next": next_step or ""}

    @property
    def found(self) -> str:
        """Return what was found."""
        return self._texts["found"] if self._texts else super().found

    @property
    def rule(self) -> str:
        """Return the rule that it breaks; empty where the finding says it."""
        return self._texts["rule"] if self._texts else super().rule

    @property
    def next_step(self) -> str:
        """Return what a reader can do; empty where there is nothing to do."""
        return self._texts["next"] if self._texts else super().next_step

    def as_json(self) -> dict[str, str | None]:
        """Return the message, worded, as the JSON that the command line and the server answer with."""
        return {
            "id": self.id,
            "rule": self.rule,
            "found": self.found,
            "next": self.next_step,
            "where": self.where,
        }


@final
class Notice(_Message):
    """One thing worth knowing that stops nothing: a warning, or a note. `column` and `count` are values of it."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """Return the notice as a program reads it: id, the column and the count it is about, text and fix."""
        return {
            "id": self.id,
            "column": self.values.get("column"),
            "count": self.values.get("count"),
            "text": self.found,
            "fix": self.next_step or None,
        }


@final
class Phrase(_Message):
    """A translated text that is a value of another message; it has the part `found` alone."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.found

    def __format__(self, spec: str) -> str:
        return format(self.found, spec)


@final
class ValueProblem(ValueError):  # noqa: N818 - names a finding about one value, which a caller turns into an error
    """One value that a kind does not take: `message` has what was found and the rule.

    ValueProblem("value.not-a-number", shown=…)
    """

    def __init__(self, id: str, **values: Any) -> None:  # noqa: A002 - the field's name
        self.message = Problem(id, **values)
        super().__init__(id)

    @property
    def rule(self) -> str:
        """Return the rule: `must be a number`."""
        return self.message.rule

    @property
    def found(self) -> str:
        """Return what was found: `the text 'abc'`."""
        return self.message.found

    def __str__(self) -> str:
        return f"{self.rule}; found {self.found}"


def _to_wire(value: Any) -> Any:
    return {"phrase": value.to_wire()} if isinstance(value, Phrase) else value


def _from_wire(value: Any) -> Any:
    return Phrase.from_wire(value["phrase"]) if isinstance(value, Mapping) and "phrase" in value else value
