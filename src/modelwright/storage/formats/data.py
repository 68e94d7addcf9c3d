"""What `data` seals beside the rows: the signature with every kind known, the profile, and the counts.

profile/signature.json    the signature
profile/profile.json      what the training and validation rows look like; the test rows are not in it
counts/counts.json        how many rows of every split were read, used and set aside
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.signature import Signature
from modelwright.storage.formats.document import Document

ClassRows = Mapping[str, Mapping[str, int]]
"""Class → split → rows."""

# -- the signature ---------------------------------------------------------------------------------------------

_SIGNATURE = Document("signature.json", made_by="data", unnumbered=1)


def read_signature(folder: Path) -> Signature:
    """Return the signature that a part `profile` holds; raises StateError for what is none."""
    return _SIGNATURE.read(folder, Signature)


def write_signature(signature: Signature, folder: Path) -> None:
    """Write the signature into a part `profile`."""
    _SIGNATURE.write(folder, signature)


# -- the profile -----------------------------------------------------------------------------------------------


def _columns_with_figures(content: JsonObject) -> JsonObject:
    """From format 1, where what a kind tells of a column stood beside what every column has."""
    common = {"kind", "rows", "missing", "distinct", "splits"}

    def described(flat: JsonObject) -> JsonObject:
        figures: JsonObject = {name: flat[name] for name in flat if name not in common}
        return {
            "kind": flat["kind"],
            "rows": flat["rows"],
            "missing": flat["missing"],
            "distinct": flat.get("distinct", 1 if flat.get("least", 0) == flat.get("most", 1) else None),
            "figures": figures,
            "classes": flat.get("splits"),
        }

    def side(which: str) -> Json:
        columns = cast("Mapping[str, JsonObject]", content[which])
        return {name: described(flat) for name, flat in columns.items()}

    return content | {"inputs": side("inputs"), "outputs": side("outputs")}


_PROFILE = Document("profile.json", made_by="data", number=2, migrations={1: _columns_with_figures})


@dataclass(frozen=True)
class ColumnProfile:
    """What one column of canonical values looks like.

    rows: training and validation rows; missing: those without a value; distinct: how many different values
    the others have, None where they were not counted; figures: what the facet `profile` of the kind tells, as
    JSON; classes: of an output with classes, the training and validation rows of each.
    """

    kind: str
    rows: int
    missing: int
    distinct: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    classes: ClassRows | None = None


@dataclass(frozen=True)
class DataProfile:
    """What the training and validation rows look like.

    rows: by split, without test; inputs, outputs: by field, in the order of the signature; columns: field →
    column of the source; keep: name → column of the source.
    """

    rows: Mapping[str, int]
    inputs: Mapping[str, ColumnProfile]
    outputs: Mapping[str, ColumnProfile]
    columns: Mapping[str, str]
    keep: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `profile`; raises StateError for what is none of ours."""
        return _PROFILE.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `profile`."""
        _PROFILE.write(folder, self)


# -- the counts ------------------------------------------------------------------------------------------------


def _counts_from_1(content: JsonObject) -> JsonObject:
    """From format 1, `census.json`, where a source had its split under `for`, and all rows stood under `read`."""
    sources = cast("list[JsonObject]", content["sources"])
    return {
        **{name: value for name, value in content.items() if name != "read"},
        "rows_read": content["read"],
        "sources": [{**one, "split": one["for"]} for one in sources],
    }


_COUNTS = Document(
    "counts.json", made_by="data", number=2, migrations={1: _counts_from_1}, earlier=("census.json",)
)


@dataclass(frozen=True)
class SplitCounts:
    """Rows of one split: read = used + rejected.

    duplicates: used rows whose inputs repeat those of an earlier one; conflicts: by output with classes, how
    many inputs stand there with different truths.
    """

    read: int
    used: int
    rejected: int
    duplicates: int
    conflicts: Mapping[str, int]


@dataclass(frozen=True)
class SourceCounts:
    """One file that was read: its split (`source`: still to be split), its name without a path, its rows."""

    split: str
    name: str
    rows: int
    encoding: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many rows there are.

    rows_read: of all sources; rows: used rows by split; classes: by output with classes, the used rows of
    each class and split; also_in_test, also_in_validation: training (and validation) rows whose inputs stand
    there, too; test_sketch: the least hashes of the test rows, by which a test set is known again.
    """

    rows_read: int
    rows: Mapping[str, int]
    splits: Mapping[str, SplitCounts]
    classes: Mapping[str, ClassRows]
    also_in_test: int
    also_in_validation: int
    sources: tuple[SourceCounts, ...]
    test_sketch: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `counts`, or `census` as it was called; raises StateError for what is none of ours."""
        return _COUNTS.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `counts`."""
        _COUNTS.write(folder, self)
