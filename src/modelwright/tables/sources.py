"""Which files the sources of a project name. Nothing is read here, and no package's code is run.

A source is a path, a pattern (`data/*.csv`), or `package:NAME==VERSION/FILE`, a file that an installed Python
distribution carries. FILE is given from the distribution's import package (`test.json.gz` stands for
`insuranceqa_data/test.json.gz`) or in full.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelwright.core.messages import DataError, Problem, did_you_mean

PACKAGE = "package:"
_PACKAGE_SOURCE = re.compile(
    r"package:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(==(?P<version>[^/\s]+))?/(?P<file>\S.*)"
)
_PATTERN = re.compile(r"[*?\[]")
SHOWN_FILES = 5


@dataclass(frozen=True)
class SourceFile:
    """One file that a source names; `name` is what messages call it, and holds no path of this machine."""

    name: str
    path: Path


Named = Mapping[str, Sequence[str]]
"""Sources by what they are for: `source`, or `train`, `validation` and `test`."""


def external_files(named: Named, folder: Path) -> list[Path]:
    """Return the files that the sources rest on, in the order in which they are read, each once.

    `folder` is the project's, to which paths are relative. Raises DataError, with every source that names
    nothing.
    """
    found = resolve(named, folder)
    return list(dict.fromkeys(file.path for files in found.values() for file in files))


def resolve(named: Named, folder: Path) -> dict[str, list[SourceFile]]:
    """Return the files by what they are for; raises DataError, also where nothing is named."""
    if not named:
        raise DataError(Problem("data.nothing-named"))
    problems: list[Problem] = []
    found: dict[str, list[SourceFile]] = {}
    for split, sources in named.items():
        found[split] = []
        for source in sources:
            try:
                found[split] += _files(source, folder)
            except DataError as error:
                problems += error.problems
    problems += _named_twice(found)
    if problems:
        raise DataError(problems)
    return found


def _files(source: str, folder: Path) -> list[SourceFile]:
    if source.startswith(PACKAGE):
        return [_package_file(source)]
    if "://" in source:
        raise DataError(Problem("data.source-scheme", source=source))
    path = folder / source
    if path.is_file():
        return [SourceFile(source, path.resolve())]
    if _PATTERN.search(source):
        anchor = Path(Path(source).anchor or folder)
        matches = sorted(anchor.glob(source.removeprefix(Path(source).anchor)))
        files = [match for match in matches if match.is_file()]
        if files:
            return [SourceFile(_relative(match, folder), match.resolve()) for match in files]
    elif path.is_dir():
        raise DataError(Problem("data.source-folder", source=source, folder=source.rstrip("/")))
    raise DataError(_missing(source, path))


def _relative(path: Path, folder: Path) -> str:
    """Return the path as the project sees it, so that no artifact names a folder of this machine."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _missing(source: str, path: Path) -> Problem:
    """Return the problem of a file that is not there, with the neighbour that may have been meant."""
    parent = path.parent
    if not parent.is_dir():
        return _missing_file(source, no_folder=parent.name)
    neighbours = sorted(one.name for one in parent.iterdir() if one.is_file())
    return _missing_file(
        source, near=did_you_mean(path.name, neighbours), neighbours=neighbours[:SHOWN_FILES] or None
    )


def _missing_file(
    source: str, *, near: str | None = None, neighbours: list[str] | None = None, no_folder: str | None = None
) -> Problem:
    return Problem(
        "data.missing-file",
        source=source,
        pattern=_PATTERN.search(source) is not None,
        near=near,
        neighbours=neighbours,
        no_folder=no_folder,
    )


def _named_twice(found: dict[str, list[SourceFile]]) -> Iterable[Problem]:
    splits: dict[Path, list[str]] = {}
    names: dict[Path, str] = {}
    for split, files in found.items():
        for file in files:
            splits.setdefault(file.path, []).append(split)
            names[file.path] = file.name
    for path, where in splits.items():
        if len(where) > 1:
            yield Problem("data.file-twice", file=names[path], first=where[0], second=where[1])


def _package_file(source: str) -> SourceFile:
    parts = _PACKAGE_SOURCE.fullmatch(source)
    if parts is None or ".." in PurePosixPath(parts["file"]).parts:
        raise DataError(Problem("data.package-source", source=source))
    name, version, file = parts["name"], parts["version"], parts["file"]
    wanted = f"{name}=={version}" if version else name
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise DataError(Problem("data.missing-package", name=name, wanted=wanted)) from None
    if version and distribution.version != version:
        raise DataError(
            Problem("data.package-version", name=name, version=version, installed=distribution.version)
        )
    path = _resource(distribution, file)
    return SourceFile(f"{PACKAGE}{name}=={distribution.version}/{file}", path)


def _resource(distribution: importlib.metadata.Distribution, file: str) -> Path:
    """Return where a distribution's file lies, from its own list; nothing of it is imported."""
    listed = {
        entry.as_posix(): Path(str(distribution.locate_file(entry))) for entry in distribution.files or ()
    }
    tails = {name: name.partition("/")[2] for name in listed}
    matches = [name for name in listed if file in {name, tails[name]} and ".dist-info/" not in name]
    found = [path for name in matches if (path := listed[name]).is_file()]
    found = found or _beside_modules(distribution, file)  # an editable install lists no files of its own
    if len(found) == 1:
        return found[0].resolve()
    label = f"{distribution.name} {distribution.version}"
    near = did_you_mean(file, [*tails.values(), *listed])
    raise DataError(
        Problem(
            "data.package-file",
            file=file,
            package=label,
            count=len(found) or None,
            near=None if found else near,
            matches=sorted(matches) if found else None,
        )
    )


def _beside_modules(distribution: importlib.metadata.Distribution, file: str) -> list[Path]:
    tops = (distribution.read_text("top_level.txt") or distribution.name.replace("-", "_")).split()
    found = []
    for top in filter(str.isidentifier, tops):
        spec = importlib.util.find_spec(top)  # of a top-level name: this finds it and runs nothing
        for location in (spec.submodule_search_locations or ()) if spec else ():
            inside = file.removeprefix(f"{top}/")
            if (path := Path(location) / inside).is_file():
                found.append(path)
    return found
