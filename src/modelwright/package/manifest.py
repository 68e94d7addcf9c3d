"""manifest.json: what a package says of itself, and whether that fits the files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from modelwright.core.messages import PackageError, Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.kinds.shared.numbers import NumberForm
from modelwright.package.checksums import SUMS, stays_inside

# 2 knows files and settings of the driver, and external data; 3 says how inputs are written. Earlier ones are read.
FORMAT = 3
MANIFEST = "manifest.json"
MOST_THREADS = 1024  # more cost memory and gain nothing


class FieldEntry(BaseModel):
    """What a package holds for one field of its signature: its kind's state, as JSON and asset files."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: str
    state: dict[str, JsonValue]
    assets: list[str] = []


class Typical(BaseModel):
    """What training rows mostly have of an input: a typical value, as JSON, and from where to where most lie."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: JsonValue
    low: str | float | None = None
    high: str | float | None = None


class NumberFormEntry(BaseModel):
    """How numbers are written: the decimal sign, and what groups thousands."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    decimal: str
    thousands: str | None = None


class SettledEntry(BaseModel):
    """How an input was written in the training data (`SettledCells`), where that is not how it always is."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    missing: list[str] | None = None
    numbers: list[NumberFormEntry] = []
    dates: list[str] = []
    tag_separator: str = ";"
    gaps: list[float] = []
    exact: bool = False

    @classmethod
    def of(cls, settled: SettledCells) -> SettledEntry:
        """Return the entry of what was settled."""
        return cls(
            missing=None if settled.missing is None else list(settled.missing),
            numbers=[
                NumberFormEntry(decimal=one.decimal, thousands=one.thousands) for one in settled.numbers
            ],
            dates=list(settled.dates),
            tag_separator=settled.tag_separator,
            gaps=list(settled.gaps),
            exact=settled.exact,
        )

    def settled(self) -> SettledCells:
        """Return what was settled; raises ValueError for what never is."""
        return SettledCells(
            missing=None if self.missing is None else tuple(self.missing),
            numbers=tuple(NumberForm(one.decimal, one.thousands) for one in self.numbers),
            dates=tuple(self.dates),
            tag_separator=self.tag_separator,
            gaps=tuple(self.gaps),
            exact=self.exact,
        )


class Manifest(BaseModel):
    """The contents of manifest.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int
    signature: str
    driver: str
    inputs: dict[str, FieldEntry]
    outputs: dict[str, FieldEntry]
    graphs: list[str]
    files: list[str] = []
    settings: dict[str, JsonValue] = {}
    typical: dict[str, Typical] = {}
    columns: dict[str, str] = {}  # input: its name in the data, where the two differ
    cells: dict[str, SettledEntry] = {}  # input: how it was written in the training data
    lineage: dict[str, str]
    credits: dict[str, str] = {}
    versions: dict[str, str]
    threads: int = Field(ge=1, le=MOST_THREADS)

    def paths(self) -> set[str]:
        """Return the path of every file that the manifest speaks of."""
        fields = {**self.inputs, **self.outputs}
        assets = {f"assets/{name}/{asset}" for name, entry in fields.items() for asset in entry.assets}
        return {MANIFEST, *assets, *map(graph_path, self.graphs), *self.files}

    def encoded(self) -> bytes:
        """Return the file's bytes; equal manifests give equal bytes."""
        text = json.dumps(self.model_dump(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def graph_path(name: str) -> str:
    """Return the path of a graph inside the package."""
    return f"{name}.onnx"


def is_data(path: str) -> bool:
    """Return whether a path can be that of a file of the driver, which is mapped and not read as a whole."""
    own = path in {MANIFEST, SUMS} or path.endswith(".onnx") or path.startswith("assets/")
    return stays_inside(path) and not own


def require_known_format(folder: Path) -> None:
    """Raise PackageError for a newer format: checked before all else, since it may lay its files out otherwise."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (ValueError, RecursionError):
        return  # what is wrong with it is reported once it is known to be unaltered
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(found, int) and found > FORMAT:
        problem = Problem("package.newer-format", where=str(folder), format=found, newest=FORMAT)
        raise PackageError(problem)


def parse(folder: Path, files: Mapping[str, bytes | memoryview]) -> Manifest:
    """Return the manifest of a folder with these files; raises PackageError where they do not fit together."""
    try:
        manifest = Manifest.model_validate(json.loads(bytes(files[MANIFEST])))
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_manifest(folder, key=".".join(map(str, first["loc"])), error=first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise bad_manifest(folder, error=str(error)[:200]) from None
    later = (manifest.files or manifest.settings, manifest.cells)  # what 2 and 3 brought
    if not 1 <= manifest.format <= FORMAT or any(later[manifest.format - 1 :]):
        raise bad_manifest(folder, format=manifest.format)
    paths = manifest.paths()
    there = set(files) - {SUMS}
    if outside := sorted(path for path in paths if not stays_inside(path)):
        raise bad_manifest(folder, outside=outside[0])
    if absent := sorted(paths - there):
        raise bad_manifest(folder, absent=absent[0])
    if other := sorted(there - paths) or [path for path in manifest.files if not is_data(path)]:
        raise bad_manifest(folder, other=other[0])
    return manifest


def signature_of(folder: Path, manifest: Manifest) -> Signature:
    """Return the manifest's signature, whose fields are those that it lists; raises PackageError."""
    try:
        signature = Signature.parse(manifest.signature)
    except ProjectError as error:
        raise bad_manifest(folder, key="signature", error=error.problems[0].found) from None
    for fields, entries in ((signature.inputs, manifest.inputs), (signature.outputs, manifest.outputs)):
        if {field.name: field.kind for field in fields} != {name: e.kind for name, e in entries.items()}:
            raise bad_manifest(folder, signature=str(signature))
    return signature


def settled_of(folder: Path, manifest: Manifest) -> Mapping[str, SettledCells] | None:
    """Return how inputs were written in the training data, None of a package that does not say; raises PackageError."""
    if manifest.format < 3:
        return None
    found = {}
    for name, entry in manifest.cells.items():
        try:
            found[name] = entry.settled()
        except ValueError as error:
            raise bad_manifest(folder, key=f"cells.{name}"[:80], error=str(error)) from None
    if other := sorted(found.keys() - manifest.inputs.keys()):
        raise bad_manifest(folder, key=f"cells.{other[0]}"[:80], error="no input has this name")
    return found


def bad_manifest(folder: Path, **values: Any) -> PackageError:
    """Return the error of a manifest that does not describe the package."""
    return PackageError(Problem("package.bad-manifest", where=str(folder / MANIFEST), **values))
