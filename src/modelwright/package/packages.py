"""The package: a folder with all that an answer needs, and nothing of when, where or by whom it was made.

    manifest.json      format, signature, driver and its settings, kinds' states, names, lineage, credits, versions
    *.onnx             graphs
    assets/{field}/    tokenizer.json and the like
    ...                files of the driver, and values of large graphs, by the names that the manifest lists
    SHA256SUMS         every file above

The digest of a package is that of its folder (`core.digest.of_folder`), as versions and evidence name it. Only
JSON is parsed; nothing in it can run code, and no path in it is followed that SHA256SUMS does not list.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from modelwright import kinds
from modelwright.core import digests
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import PackageError, Problem, ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Dumped, Role
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.package.checksums import SUMS, contents, listed, listing, stays_inside
from modelwright.package.content import Content
from modelwright.package.graph_contents import contents as graph_contents
from modelwright.package.graph_contents import is_location
from modelwright.package.graph_encoding import GraphEncodingError
from modelwright.package.manifest import (
    FORMAT,
    MANIFEST,
    FieldEntry,
    Manifest,
    SettledEntry,
    Typical,
    bad_manifest,
    graph_path,
    is_data,
    parse,
    require_known_format,
    settled_of,
    signature_of,
)

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NOTHING_TYPICAL: Mapping[str, Typical] = MappingProxyType({})
_NOTHING_SETTLED: Mapping[str, SettledCells] = MappingProxyType({})


@dataclass(frozen=True)
class Package:
    """A package that was read and found whole. `threads` is what its graphs were timed and compared with.

    settled: how inputs were written in the training data, where that is not as usual; None: it does not say.
    """

    body: Body
    digest: str
    threads: int
    lineage: Mapping[str, str] = field(default_factory=dict)
    credits: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    typical: Mapping[str, Typical] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, SettledCells] | None = None


def write(
    body: Body,
    folder: Path,
    *,
    lineage: Mapping[str, str],
    versions: Mapping[str, str],
    threads: int,
    credits: Mapping[str, str] = _NOTHING,  # noqa: A002 - the manifest's word
    typical: Mapping[str, Typical] = _NOTHING_TYPICAL,
    columns: Mapping[str, str] = _NOTHING,
    settled: Mapping[str, SettledCells] = _NOTHING_SETTLED,
) -> str:
    """Write a package into an empty or absent folder and return its digest; equal inputs give equal bytes.

    `lineage` maps what it was made from to digests, `credits` works of others in it to their licences, and
    `versions` libraries to their versions; `typical` inputs to what training rows mostly have of them,
    `columns` inputs to their names in the data, where the two differ, and `settled` inputs to how they were written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PackageError(Problem("package.folder-not-empty", folder=str(folder)))
    if bad := sorted(path for path in body.files if not is_data(path)):
        raise PackageError(Problem("package.bad-file-name", path=bad[0]))
    for name, graph in body.graphs.items():
        _require_safe(graph_path(name), content.view(graph), body.files)
    sides: dict[str, dict[str, FieldEntry]] = {"inputs": {}, "outputs": {}}
    files: dict[str, Content] = {graph_path(name): graph for name, graph in body.graphs.items()}
    files |= body.files
    for side, fields in (("inputs", body.signature.inputs), ("outputs", body.signature.outputs)):
        for one in fields:
            dumped = kinds.arrays(one.kind).dump(body.states[one.name])
            entry = FieldEntry(kind=one.kind, state=_plain(dumped.data), assets=sorted(dumped.assets))
            sides[side][one.name] = entry
            files |= {f"assets/{one.name}/{name}": data for name, data in dumped.assets.items()}
    files[MANIFEST] = Manifest(
        format=FORMAT,
        signature=str(body.signature),
        driver=body.driver,
        inputs=sides["inputs"],
        outputs=sides["outputs"],
        graphs=sorted(body.graphs),
        files=sorted(body.files),
        settings=_plain(body.settings),
        typical=dict(typical),
        columns=dict(columns),
        cells={name: SettledEntry.of(one) for name, one in settled.items()},
        lineage=dict(lineage),
        credits=dict(credits),
        versions=dict(versions),
        threads=threads,
    ).encoded()
    sums = listing(files)
    files[SUMS] = sums
    for path, data in files.items():
        assert stays_inside(path), f"a package cannot hold {path!r}"
        content.write(data, folder / path)
    return _digest(sums)


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
    _, files = _opened(folder)
    return _digest(bytes(files[SUMS]))


def introduced(folder: Path) -> tuple[Signature, str]:
    """Prove what `verify` proves; return a package's signature and digest. What its kinds remember is not read."""
    manifest, files = _opened(folder)
    return signature_of(folder, manifest), _digest(bytes(files[SUMS]))


def read(folder: Path) -> Package:
    """Verify a package and read it; its files are mapped, all else is the bytes that were checked."""
    manifest, files = _opened(folder)
    signature = signature_of(folder, manifest)
    states = {
        one.name: _state(folder, one, role, entries[one.name], files)
        for role, fields, entries in (
            (Role.INPUT, signature.inputs, manifest.inputs),
            (Role.OUTPUT, signature.outputs, manifest.outputs),
        )
        for one in fields
    }
    body = Body(
        signature,
        manifest.driver,
        {name: files[graph_path(name)] for name in manifest.graphs},
        states,
        {path: files[path] for path in manifest.files},
        manifest.settings,
    )
    sums = bytes(files[SUMS])
    return Package(
        body,
        _digest(sums),
        manifest.threads,
        manifest.lineage,
        manifest.credits,
        manifest.versions,
        manifest.typical,
        manifest.columns,
        settled_of(folder, manifest),
    )


def _digest(sums: bytes) -> str:
    """Return the digest of files whose SHA256SUMS is known to be theirs: none of them is hashed again."""
    return digests.of_listing({**listed(sums), SUMS: digests.of_bytes(sums)})


def _opened(folder: Path) -> tuple[Manifest, dict[str, bytes | memoryview]]:
    """Return the manifest and every file's bytes by path; raises PackageError."""
    if not (folder / SUMS).is_file() or not (folder / MANIFEST).is_file():
        raise PackageError(_not_a_package(folder))
    require_known_format(folder)
    files = contents(folder, mapped=is_data)
    manifest = parse(folder, files)
    for name in manifest.graphs:
        _require_safe(graph_path(name), files[graph_path(name)], manifest.files)
    return manifest, files


def _require_safe(path: str, graph: bytes | memoryview, files: Container[str]) -> None:
    """Raise PackageError for a graph that is not written as ONNX is, or asks for more than its package has."""
    try:
        found = graph_contents(graph)
    except GraphEncodingError as error:
        problem = Problem("package.bad-graph", where=path, error=error.fault, place=error.place, at=error.at)
        raise PackageError(problem) from None
    for domain, operator in found.foreign:
        raise PackageError(
            Problem("package.foreign-operator", where=path, operator=operator[:80], domain=domain[:80])
        )
    for tensor in found.external:
        name = tensor.name[:80]
        if tensor.location is None or tensor.location not in files or not is_location(tensor.location):
            shown = (tensor.location or "")[:120]
            raise PackageError(
                Problem("package.external-data", where=path, tensor=name, location=shown or None)
            )
        if not tensor.initializer:
            raise PackageError(Problem("package.external-constant", where=path, tensor=name))


def _plain(data: Mapping[str, JsonLike]) -> dict[str, JsonValue]:
    """Return JSON as it is read back: lists instead of tuples."""
    plain: dict[str, JsonValue] = json.loads(json.dumps(data, allow_nan=False))
    return plain


def _state(
    folder: Path, one: Field, role: Role, entry: FieldEntry, files: Mapping[str, bytes | memoryview]
) -> Any:  # whatever the kind makes
    if entry.kind not in kinds.names():
        raise PackageError(
            Problem(
                "package.unknown-kind",
                where=str(folder / MANIFEST),
                field=str(one),
                known=", ".join(kinds.names()),
            )
        )
    assets = {name: bytes(files[f"assets/{one.name}/{name}"]) for name in entry.assets}
    kind = kinds.arrays(entry.kind)
    try:
        state = kind.load(Dumped(entry.state, assets))
        kind.require(state, role)
    except (ValueProblem, ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_manifest(folder, field=str(one), error=str(error)[:200]) from None
    return state


def _not_a_package(folder: Path) -> Problem:
    missing = None if folder.is_dir() else str(folder)
    return Problem("package.not-found", folder=str(folder), missing=missing, manifest=MANIFEST, sums=SUMS)
