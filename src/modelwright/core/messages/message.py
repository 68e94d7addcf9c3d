"""Messages: an id and values; the words lie in the catalogue (see `catalog`)."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Mapping
from typing import Self, TypeAlias, cast, final

from modelwright.core.json_types import Json
from modelwright.core.messages import catalog
from modelwright.core.messages.visible import visible


class Message(ABC):
    """What every message has: a stable id, values, and three parts. `where` is a place that a reader can open."""

    __slots__ = ("id", "values", "where")
    id: str
    values: Mapping[str, object]
    where: str | None

    def __init__(self, id: str, where: Place | None = None, **values: object) -> None:  # noqa: A002 - the field's name
        """Name the message and give its values; `where` is `modelwright.yaml:12` or `questions.csv, row 8`."""
        self.id = id
        self.where = None if where is None else str(where)
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

    def at(self, where: Place | None) -> Self:
        """Return the message with its place."""
        placed = copy.copy(self)
        placed.where = None if where is None else str(where)
        return placed

    def saying(self, **values: object) -> Self:
        """Return the message with other values in place of some."""
        changed = copy.copy(self)
        changed.values = {**self.values, **values}
        return changed

    def __str__(self) -> str:
        place = f"{visible(self.where)}: " if self.where else ""
        rule = f" ({self.rule})" if self.rule else ""
        step = f": {self.next_step}" if self.next_step else ""
        return f"{place}{self.found}{rule}{step}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, where={self.where!r}, **{dict(self.values)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Message)
            and type(self) is type(other)
            and (self.id, self.where, dict(self.values)) == (other.id, other.where, dict(other.values))
        )

    def __hash__(self) -> int:
        return hash((self.id, self.where, tuple(sorted(self.values))))

    def to_wire(self) -> dict[str, Json]:
        """Return the message as JSON that `from_wire` reads: sealed or sent, and worded where it is read."""
        values = {name: _to_wire(value) for name, value in self.values.items()}
        return {"id": self.id, "where": self.where, "values": values}

    @classmethod
    def from_wire(cls, data: Mapping[str, Json]) -> Self:
        """Read what `to_wire` returned."""
        values = cast("Mapping[str, Json]", data["values"])
        where = data.get("where")
        return cls(
            str(data["id"]),
            where=None if where is None else str(where),
            **{name: _from_wire(value) for name, value in values.items()},
        )


@final
class Problem(Message):
    """One thing that is wrong: what was found, the rule, the next step.

        Problem("data.missing-column", where="a.csv", name="age", column="years", near=None, columns="`x`, `y`")

    An error carries problems; whoever catches it shows them all.
    """

    __slots__ = ()

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
class Notice(Message):
    """One thing worth knowing that stops nothing: a warning, or a note. `column` and `count` are values of it."""

    __slots__ = ()

    def as_json(self) -> dict[str, Json]:
        """Return the notice as a program reads it: id, the column and the count it is about, text and fix."""
        return {
            "id": self.id,
            "column": _to_wire(self.values.get("column")),
            "count": _to_wire(self.values.get("count")),
            "text": self.found,
            "fix": self.next_step or None,
        }


@final
class Phrase(Message):
    """A translated text that stands alone on a screen or as a value of a message; it has the part `found` alone."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.found

    def __format__(self, spec: str) -> str:
        return format(self.found, spec)


Place: TypeAlias = str | Phrase  # a row's place is a phrase, which is worded only where something is wrong


@final
class ValueProblem(ValueError):  # noqa: N818 - names a finding about one value, which a caller turns into an error
    """One value that a kind, or a key of the project file, does not take; `message` is the whole finding.

        ValueProblem("value.not-a-number", shown=…)

    A validator of the project file's sections raises it too; the message then gets the key's place.
    """

    def __init__(self, id: str, **values: object) -> None:  # noqa: A002 - the field's name
        self.message = Problem(id, where=None, **values)
        super().__init__(id)

    @property
    def rule(self) -> str:
        """Return the rule."""
        return self.message.rule

    @property
    def found(self) -> str:
        """Return what was found."""
        return self.message.found

    def __str__(self) -> str:
        return str(self.message)


def _to_wire(value: object) -> Json:
    """Return a value of a message as JSON: a message with the name of its class, a list one by one."""
    if isinstance(value, Message):
        return {"message": type(value).__name__, **value.to_wire()}
    if isinstance(value, list | tuple):
        return [_to_wire(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _from_wire(value: Json) -> object:
    if isinstance(value, dict):
        known: tuple[type[Message], ...] = (Problem, Notice, Phrase)
        return next(one for one in known if one.__name__ == value["message"]).from_wire(value)
    return [_from_wire(one) for one in value] if isinstance(value, list) else value
