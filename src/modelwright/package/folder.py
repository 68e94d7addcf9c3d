"""The package: a folder with all that an answer needs, and nothing of when, where or by whom it was made.

    manifest.json      format, signature, driver, kinds' states, graph names, lineage, credits, versions, threads
    *.onnx             graphs
    assets/{field}/    tokenizer.json and the like
    SHA256SUMS         every file above

The digest of a package is that of its folder (`core.digest.of_folder`), as versions and evidence name it. Only
JSON is parsed; nothing in it can run code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelwright import kinds
from modelwright.core import digest as digests
from modelwright.core.messages import PackageError, Problem, ProjectError, ValueProblem
from modelwright.core.signature import Field as SignatureField
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Dumped
from modelwright.package import graphs as graph
from modelwright.package.body import Body
from modelwright.package.checksums import AGAIN, SUMS, contents, listed, listing, stays_inside

FORMAT = 1
MANIFEST = "manifest.json"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class _FieldEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: str
    state: dict[str, Any]
    assets: list[str] = []


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int
    signature: str
    driver: str
    inputs: dict[str, _FieldEntry]
    outputs: dict[str, _FieldEntry]
    graphs: list[str]
    lineage: dict[str, str]
    credits: dict[str, str] = {}
    versions: dict[str, str]
    threads: int = Field(ge=1)

    def files(self) -> set[str]:
        """Return every file that the manifest speaks of."""
        fields = {**self.inputs, **self.outputs}
        assets = {f"assets/{name}/{asset}" for name, entry in fields.items() for asset in entry.assets}
        return assets | {f"{name}.onnx" for name in self.graphs} | {MANIFEST}


@dataclass(frozen=True)
class Package:
    """A package that was read and found whole. `threads` is what its graphs were timed and compared with."""

    body: Body
    digest: str
    threads: int
    lineage: Mapping[str, str] = dataclasses.field(default_factory=dict)
    credits: Mapping[str, str] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)


def write(
    body: Body,
    folder: Path,
    *,
    lineage: Mapping[str, str],
    versions: Mapping[str, str],
    threads: int,
    credits: Mapping[str, str] = _NOTHING,  # noqa: A002 - the manifest's word
) -> str:
    """Write a package into an empty or absent folder and return its digest; equal inputs give equal bytes.

    `lineage` maps what it was made from to digests, `credits` works of others in it to their licences, and
    `versions` libraries to their versions.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PackageError(
            Problem(
                "package.folder-not-empty",
                "a package is written into an empty folder",
                f"files in {folder}",
                "name another folder, or empty this one",
            )
        )
    for name, data in body.graphs.items():
        _require_whole_graph(f"{name}.onnx", data)
    files = _files(body, lineage, credits, versions, threads)
    files[SUMS] = listing(files)
    for path, data in files.items():
        assert stays_inside(path), f"a package cannot hold {path!r}"
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return _digest(files)


def digest(folder: Path) -> str:
    """Return the digest of a package whose files are whole; `verify` is what proves that they are."""
    if not (folder / SUMS).is_file():
        raise PackageError(_not_a_package(folder))
    return digests.of_folder(folder)


def size_bytes(folder: Path) -> int:
    """Return the bytes of all files of a package."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def verify(folder: Path) -> str:
    """Prove that a package is whole, unaltered and safe to open; returns its digest, raises PackageError."""
    files = _files_of(folder)
    _manifest(folder, files)
    return _digest(files)


def read(folder: Path) -> Package:
    """Verify a package and read it; the bytes that are opened are the bytes that were checked."""
    files = _files_of(folder)
    manifest = _manifest(folder, files)
    signature = _signature(folder, manifest)
    states = {
        field.name: _state(folder, field, entries[field.name], files)
        for fields, entries in ((signature.inputs, manifest.inputs), (signature.outputs, manifest.outputs))
        for field in fields
    }
    graphs = {name: files[f"{name}.onnx"] for name in manifest.graphs}
    return Package(
        Body(signature, manifest.driver, graphs, states),
        _digest(files),
        manifest.threads,
        manifest.lineage,
        manifest.credits,
        manifest.versions,
    )


def _digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of files whose SHA256SUMS is known to be theirs: none of them is hashed again."""
    return digests.of_listing({**listed(files[SUMS]), SUMS: digests.of_bytes(files[SUMS])})


# -- writing -----------------------------------------------------------------------------------------------


def _files(
    body: Body,
    lineage: Mapping[str, str],
    credits: Mapping[str, str],  # noqa: A002 - the manifest's word
    versions: Mapping[str, str],
    threads: int,
) -> dict[str, bytes]:
    files = {f"{name}.onnx": data for name, data in body.graphs.items()}
    sides: dict[str, dict[str, Any]] = {"inputs": {}, "outputs": {}}
    for side, fields in (("inputs", body.signature.inputs), ("outputs", body.signature.outputs)):
        for field in fields:
            dumped = kinds.arrays(field.kind).dump(body.states[field.name])
            sides[side][field.name] = {
                "kind": field.kind,
                "state": dict(dumped.data),
                "assets": sorted(dumped.assets),
            }
            files |= {f"assets/{field.name}/{name}": data for name, data in dumped.assets.items()}
    manifest = {
        "format": FORMAT,
        "signature": str(body.signature),
        "driver": body.driver,
        **sides,
        "graphs": sorted(body.graphs),
        "lineage": dict(lineage),
        "credits": dict(credits),
        "versions": dict(versions),
        "threads": threads,
    }
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return {**files, MANIFEST: f"{text}\n".encode()}


# -- reading -----------------------------------------------------------------------------------------------


def _files_of(folder: Path) -> dict[str, bytes]:
    if not (folder / SUMS).is_file() or not (folder / MANIFEST).is_file():
        raise PackageError(_not_a_package(folder))
    _require_known_format(folder)
    return contents(folder)


def _require_known_format(folder: Path) -> None:
    # Looked at before anything else: a newer format may lay out its files in another way.
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (ValueError, RecursionError):
        return  # what is wrong with it is said once it is known to be unaltered
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise PackageError(
            Problem(
                "package.newer-format",
                f"this version of Modelwright reads packages up to format {FORMAT}",
                f"format {found}",
                "upgrade Modelwright on this machine",
                str(folder),
            )
        )


def _manifest(folder: Path, files: Mapping[str, bytes]) -> _Manifest:
    """Return the manifest; raises PackageError where it and the files do not fit together."""
    where = str(folder / MANIFEST)
    try:
        manifest = _Manifest.model_validate(json.loads(files[MANIFEST]))
        if manifest.format != FORMAT:
            raise ValueError(f"there is no format {manifest.format}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PackageError(_bad_manifest(f"`{place}`: {first['msg']}", where)) from None
    except (ValueError, RecursionError) as error:
        raise PackageError(_bad_manifest(str(error)[:200], where)) from None
    spoken_of = manifest.files()
    listed = set(files) - {SUMS}
    if outside := sorted(path for path in spoken_of if not stays_inside(path)):
        raise PackageError(_bad_manifest(f"the path `{outside[0]}`, which leaves the package", where))
    if spoken_of != listed:
        differing = sorted(spoken_of ^ listed)[0]
        which = "does not exist" if differing in spoken_of else "it does not mention"
        raise PackageError(_bad_manifest(f"`{differing}`, which {which}", where))
    for name in manifest.graphs:
        _require_whole_graph(f"{name}.onnx", files[f"{name}.onnx"])
    return manifest


def _require_whole_graph(path: str, data: bytes) -> None:
    try:
        outside = next(graph.external_tensors(data), None)
    except ValueError as error:
        raise PackageError(
            Problem("package.bad-graph", "a graph is an ONNX model", str(error), AGAIN, path)
        ) from None
    if outside is not None:
        raise PackageError(
            Problem(
                "package.external-data",
                "a graph holds its weights itself",
                f"the tensor `{outside[:80]}`, whose values lie in another file",
                "export the graph in one file, without external data",
                path,
            )
        )


def _signature(folder: Path, manifest: _Manifest) -> Signature:
    where = str(folder / MANIFEST)
    try:
        signature = Signature.parse(manifest.signature)
    except ProjectError as error:
        raise PackageError(_bad_manifest(str(error.problems[0]), where)) from None
    for fields, entries in ((signature.inputs, manifest.inputs), (signature.outputs, manifest.outputs)):
        if {field.name: field.kind for field in fields} != {name: e.kind for name, e in entries.items()}:
            raise PackageError(_bad_manifest("fields that are not those of its signature", where))
    return signature


def _state(folder: Path, field: SignatureField, entry: _FieldEntry, files: Mapping[str, bytes]) -> Any:
    where = str(folder / MANIFEST)
    if entry.kind not in kinds.names():
        raise PackageError(
            Problem(
                "package.unknown-kind",
                f"every kind of a signature is known; known: {', '.join(kinds.names())}",
                f"`{field}`",
                "upgrade Modelwright on this machine",
                where,
            )
        )
    assets = {name: files[f"assets/{field.name}/{name}"] for name in entry.assets}
    try:
        return kinds.arrays(entry.kind).load(Dumped(entry.state, assets))
    except (ValueProblem, ValueError, TypeError, KeyError) as error:
        raise PackageError(
            _bad_manifest(f"a state of `{field}` that cannot be read: {error}", where)
        ) from None


def _bad_manifest(found: str, where: str) -> Problem:
    return Problem(
        "package.bad-manifest",
        f"{MANIFEST} describes a package of format {FORMAT} and the files beside it",
        found,
        AGAIN,
        where,
    )


def _not_a_package(folder: Path) -> Problem:
    there = "no such folder" if not folder.is_dir() else f"a folder without {MANIFEST} and {SUMS}"
    return Problem(
        "package.not-found",
        f"a package is a folder with {MANIFEST} and {SUMS}",
        f"{there}: {folder}",
        "name the folder of a package; `modelwright package` makes one",
    )
