"""Sources that name files which are values themselves: a folder by class, a pattern with names. Light.

    pictures/                                       columns `folder` and `file`
    pictures/*/*.jpg                                the same
    recordings/{digit}_{speaker}_{index:d}.wav      columns `digit`, `speaker`, `index` and `file`

`{name}` stands for any characters but a slash, `{name:d}` for digits; braces with a comma are alternatives.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelwright.core.messages import DataError, Problem
from modelwright.storage import file_patterns

FILE, FOLDER = "file", "folder"  # columns of such a source
_NAME = re.compile(r"\{([^{},]*)\}")
_WILD = re.compile(r"\[(?:!)?\]?[^\]]*\]|[*?]")
SHOWN = 3


@dataclass(frozen=True)
class Ambiguous:
    """A file name that a pattern reads in two ways: two values of one of its names."""

    file: str
    name: str
    taken: str
    other: str


@dataclass(frozen=True)
class FileSet:
    """Files that are values, a row each.

    names: columns beside `file`; base: the folder that `paths` are relative to; cells: (n,) of each file, by `names`.
    hidden, beside: how many files were left out because their names begin with a dot, and because they do not match,
    with the first of these; empty: folders that would be classes, and have no file; doubtful: names that read in two
    ways, and the first of them.
    """

    names: tuple[str, ...]
    base: Path
    paths: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    hidden: int = 0
    beside: tuple[str, ...] = ()
    doubtful: int = 0
    example: Ambiguous | None = None
    empty: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return what is said of files and folders that are no rows, nothing where there are none."""
        hidden = (f"{self.hidden} hidden",) if self.hidden else ()
        return (*hidden, *self.beside, *(f"{name}/" for name in self.empty))

    def places(self) -> dict[str, str]:
        """Return where each file lies, by its path."""
        base = str(self.base)
        return {path: f"{base}/{path}" for path in self.paths}


@dataclass(frozen=True)
class _Pattern:
    """One pattern without alternatives: as a glob, and as the expressions that read its names, few or many characters
    first."""

    glob: str
    names: tuple[str, ...]
    lazy: re.Pattern[str]
    greedy: re.Pattern[str]


def has_names(source: str) -> bool:
    """Tell whether a source has names in braces."""
    return _NAME.search(source) is not None


def without_names(source: str) -> str:
    """Return the glob of a source with names."""
    return _NAME.sub("*", source)


def fixed_part(source: str) -> str:
    """Return the folders with which a pattern begins that have no sign and no name in them."""
    fixed: list[str] = []
    for part in source.split("/")[:-1]:
        if file_patterns.is_pattern(part) or "{" in part or "}" in part:
            break
        fixed.append(part)
    return "/".join(fixed)


def wide(rest: str) -> list[str]:
    """Return the globs of what a pattern names and of what lies beside it."""
    globs = [_pattern(one, rest).glob.split("/") for one in file_patterns.choices(rest)]
    return list(dict.fromkeys("/".join([*parts[:-1], "**" if parts[-1] == "**" else "*"]) for parts in globs))


def by_folder(
    source: str, root: Path, listed: Sequence[str], project: Path, is_table: Callable[[str], bool]
) -> FileSet:
    """Return the files of a folder's folders, which name the classes; listed: all files below.

    Raises DataError for a folder that is empty, flat, deeper, or holds tables.
    """
    prefix = len(str(root).rstrip("/")) + 1
    shown = [path[prefix:] for path in listed if not _is_hidden(path[prefix:])]
    folder = source.rstrip("/")
    if not shown:
        raise DataError(Problem("data.empty-folder", source=source, hidden=len(listed) or None))
    by_class = [path for path in shown if path.count("/") == 1]
    deeper = next((path for path in shown if path.count("/") > 1), None)
    if all(map(is_table, shown)) or (not by_class and deeper is None and any(map(is_table, shown))):
        raise DataError(Problem("data.source-folder", source=source, folder=folder))
    if deeper is not None and sum(path.count("/") > 1 for path in shown) > len(by_class):
        stars = "/".join(["{split}", *["*"] * (deeper.count("/") - 2), "{label}", "*"])
        raise DataError(Problem("data.deep-folder", source=source, file=deeper, pattern=f"{folder}/{stars}"))
    if not by_class:
        ending = os.path.splitext(shown[0])[1]  # noqa: PTH122
        pattern = f"{folder}/{{label}}_{{number}}{ending}"
        raise DataError(Problem("data.flat-folder", source=source, count=len(shown), pattern=pattern))
    found = _by_folder(root, listed, [_pattern("*/*", source)], project)
    return replace(found, empty=_folders_without(root, {path.partition("/")[0] for path in shown}))


def _folders_without(root: Path, filled: Collection[str]) -> tuple[str, ...]:
    """Return the names of the folders in `root` that are neither hidden nor among `filled`, sorted."""
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not _is_hidden(entry.name)]
    return tuple(sorted(file_patterns.readable(name) for name in names if name not in filled))


def by_pattern(source: str, rest: str, root: Path, listed: Sequence[str], project: Path) -> FileSet:
    """Return the files among `listed` (paths as they were found, those beside included) that a pattern names.

    rest: the pattern from `root` on. Raises DataError for names that cannot be columns, and where alternatives have
    different ones.
    """
    patterns = [_pattern(one, source) for one in file_patterns.choices(rest)]
    names = patterns[0].names
    if odd := next((one.names for one in patterns if set(one.names) != set(names)), None):
        raise DataError(Problem("data.pattern-names", source=source, names=list(names), others=list(odd)))
    if not names:
        return _by_folder(root, listed, patterns, project)
    rows: list[tuple[str, tuple[str, ...]]] = []
    beside: list[str] = []
    hidden = doubtful = 0
    example: Ambiguous | None = None
    prefix = str(root).rstrip("/") + "/"
    base, strip = _base(root, project)
    for path in listed:
        inside = path[len(prefix) :]
        if _is_hidden(inside):
            hidden += 1
            continue
        for pattern in patterns:
            if (found := pattern.lazy.fullmatch(inside)) is None:
                continue
            values = dict(zip(pattern.names, found.groups(), strict=True))
            other = pattern.greedy.fullmatch(inside)
            if other is not None and other.groups() != found.groups():
                doubtful += 1
                example = example or _doubt(inside, pattern.names, found.groups(), other.groups())
            rows.append((path[strip:], tuple(_text(values[name]) for name in names)))
            break
        else:
            beside.append(inside)
    return FileSet(
        names,
        base,
        tuple(path for path, _ in rows),
        tuple(cells for _, cells in rows),
        hidden,
        tuple(beside),
        doubtful,
        example,
    )


def _by_folder(root: Path, listed: Sequence[str], patterns: Sequence[_Pattern], project: Path) -> FileSet:
    """Return files with the name of the folder in which each lies."""
    prefix = str(root).rstrip("/") + "/"
    base, strip = _base(root, project)
    shown = [path for path in listed if not _is_hidden(path[len(prefix) :])]
    matched = [path for path in shown if any(one.lazy.fullmatch(path[len(prefix) :]) for one in patterns)]
    taken = set(matched)
    return FileSet(
        (FOLDER,),
        base,
        tuple(path[strip:] for path in matched),
        tuple((_text(path.rsplit("/", 2)[-2]),) for path in matched),
        len(listed) - len(shown),
        tuple(path[len(prefix) :] for path in shown if path not in taken),
    )


def _base(root: Path, project: Path) -> tuple[Path, int]:
    """Return the folder that paths are relative to, so that none names a folder of this machine, and its length."""
    base = project if root.is_relative_to(project) else root
    return base, len(str(base).rstrip("/")) + 1


def _is_hidden(inside: str) -> bool:
    return inside[:1] == "." or "/." in inside


def _text(cell: str) -> str:
    return unicodedata.normalize("NFC", cell)  # as the header and the cells of a table are compared


def _doubt(file: str, names: Sequence[str], taken: Sequence[str], other: Sequence[str]) -> Ambiguous:
    at = next(place for place, pair in enumerate(zip(taken, other, strict=True)) if pair[0] != pair[1])
    return Ambiguous(file, names[at], taken[at], other[at])


def _pattern(written: str, source: str) -> _Pattern:
    names: list[str] = []
    globbed: list[str] = []
    lazy: list[str] = []
    greedy: list[str] = []
    parts = [part for part in written.split("/") if part not in {"", "."}]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            globbed.append("**")
            lazy.append(r"(?:[^/]+/)*" if not last else r"(?:[^/]+/)*[^/]+")
            greedy.append(lazy[-1])
            continue
        one_glob, one_lazy, one_greedy = _segment(part, names, source)
        globbed.append(one_glob)
        lazy.append(one_lazy + ("" if last else "/"))
        greedy.append(one_greedy + ("" if last else "/"))
    return _Pattern("/".join(globbed), tuple(names), re.compile("".join(lazy)), re.compile("".join(greedy)))


def _segment(part: str, names: list[str], source: str) -> tuple[str, str, str]:
    """Return one part of a path as a glob and as two expressions; the names that it has are added to `names`."""
    glob, lazy, greedy, at = "", "", "", 0
    for found in re.finditer(f"{_NAME.pattern}|{_WILD.pattern}", part):
        literal = part[at : found.start()]
        at = found.end()
        glob, lazy, greedy = glob + literal, lazy + re.escape(literal), greedy + re.escape(literal)
        sign = found[0]
        if sign[0] != "{":
            wild = {"*": "[^/]*", "?": "[^/]"}.get(sign) or re.sub(r"^\[!", "[^", sign)
            glob, lazy, greedy = glob + sign, lazy + wild, greedy + wild
            continue
        name, _, form = found[1].partition(":")
        if not name.isidentifier() or name == FILE or form not in {"", "d"}:
            raise DataError(Problem("data.pattern-name", source=source, name=found[0], reserved=name == FILE))
        glob += "*"
        if name in names:
            lazy, greedy = (f"{one}\\{names.index(name) + 1}" for one in (lazy, greedy))
            continue
        names.append(name)
        signs = "[0-9]" if form else "[^/]"
        lazy, greedy = f"{lazy}({signs}+?)", f"{greedy}({signs}+)"
    rest = part[at:]
    return glob + rest, lazy + re.escape(rest), greedy + re.escape(rest)


def no_files(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the paths that are links to nothing, and those that are no files: pipes, sockets, devices."""
    dangling, special = [], []
    for path in paths:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - 100,000 of them
        except OSError:  # a loop of links, too
            dangling += [path] if os.path.islink(path) else []  # noqa: PTH114
            continue
        special += [] if stat.S_ISREG(mode) else [path]
    return dangling, special
