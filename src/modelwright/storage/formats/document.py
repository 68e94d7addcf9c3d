"""How one typed artifact lies in a sealed folder: a JSON file with a format number that is checked and migrated.

    _DOCUMENT = Document("counts.json", made_by="data", number=2, migrations={1: _from_1})

    @dataclass(frozen=True)
    class Counts:
        @classmethod
        def read(cls, folder: Path) -> Self:
            return _DOCUMENT.read(folder, cls)

        def write(self, folder: Path) -> None:
            _DOCUMENT.write(folder, self)

The file holds the fields of the dataclass beside `format`. Sealed files are never written again: what an
earlier version sealed is brought to today's form when it is read, one migration per number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, StateError

T = TypeVar("T")

Migration = Callable[[JsonObject], JsonObject]
"""From the content in one format to the content in the next."""


class NoMigration(Exception):  # noqa: N818 - a finding that the caller words
    """Content in a format from which no migration leads on; the text says which."""


class Newer(Exception):  # noqa: N818 - a finding that the caller words
    """Content in a format that this version does not know; `number` is that format."""

    def __init__(self, number: int) -> None:
        super().__init__(f"format {number}")
        self.number = number


def migrated(content: JsonObject, current: int, migrations: Mapping[int, Migration]) -> JsonObject:
    """Return content in the current format; raises Newer and NoMigration."""
    number = content.get("format")
    if not isinstance(number, int):
        raise NoMigration("it has no format number")
    if number > current:
        raise Newer(number)
    for step in range(number, current):
        if step not in migrations:
            raise NoMigration(f"it has format {step}, from which no migration leads on")
        content = migrations[step](content) | {"format": step + 1}
    return content


@dataclass(frozen=True)
class Document:
    """One sort of file.

    file: its name in the folder of the part; made_by: the stage that makes it, for the next step of messages;
    number: the format that is written; migrations: format → to the next; earlier: names that the file had;
    unnumbered: the format of a file without a number, from a time when it had none.
    """

    file: str
    made_by: str
    number: int = 1
    migrations: Mapping[int, Migration] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    unnumbered: int | None = None

    def read(self, folder: Path, of: type[T]) -> T:
        """Return the dataclass that the folder's file holds; raises StateError for what is not one of ours."""
        path = next((folder / name for name in self.earlier if (folder / name).is_file()), folder / self.file)
        try:
            content = self._content(path)
            del content["format"]
            return _adapter(of).validate_python(content)
        except Newer as newer:
            problem = Problem(
                "format.newer",
                where=str(path),
                file=path.name,
                number=newer.number,
                known=self.number,
                stage=self.made_by,
            )
            raise StateError(problem) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, NoMigration) as error:
            problem = Problem(
                "format.unreadable",
                where=str(path),
                file=path.name,
                reason=_reason(error),
                stage=self.made_by,
            )
            raise StateError(problem) from None

    def write(self, folder: Path, value: object) -> None:
        """Write a dataclass into the folder, which is made; the same value gives the same bytes."""
        content = {"format": self.number, **_adapter(type(value)).dump_python(value, mode="json")}
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
        (folder / self.file).write_text(text + "\n", encoding="utf-8")

    def _content(self, path: Path) -> JsonObject:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise NoMigration("it holds no JSON object")
        if self.unnumbered is not None:
            content.setdefault("format", self.unnumbered)
        return migrated(content, self.number, self.migrations)


_ADAPTERS: dict[object, object] = {}


def _adapter(of: type[T]) -> TypeAdapter[T]:
    """Return what reads and writes a dataclass; to make one takes longer than to read most files with it."""
    if of not in _ADAPTERS:
        _ADAPTERS[of] = TypeAdapter(of)
    return cast("TypeAdapter[T]", _ADAPTERS[of])


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if isinstance(error, NoMigration) else f"{type(error).__name__}: {error}"
