"""The files of a package's folder: each is listed with its digest, none leaves the folder, none is a link."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from modelwright.core.messages import PackageError, Problem
from modelwright.package import content
from modelwright.package.content import Content

SUMS = "SHA256SUMS"
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<path>.+)")


def listing(files: Mapping[str, Content]) -> bytes:
    """Return the SHA256SUMS of files by path, in the form that `sha256sum -c` reads."""
    return "".join(f"{content.digest(files[path])}  {path}\n" for path in sorted(files)).encode()


def listed(sums: bytes) -> dict[str, str]:
    """Return path → SHA-256 (hex) of a SHA256SUMS that `listing` wrote or `contents` has checked."""
    lines = sums.decode().removesuffix("\n").split("\n")  # as `_sums` does: a path may hold other line breaks
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def contents(folder: Path, mapped: Callable[[str], bool]) -> dict[str, bytes | memoryview]:
    """Return every file's bytes by path; raises PackageError with everything that is not as it was sealed.

    `mapped` tells of a path whether its file is mapped instead of being read into memory.
    """
    sums, problems = _sums(folder)
    where = str(folder)
    found: dict[str, bytes | memoryview] = {}
    for path, place in _everything(folder):
        if place.is_symlink() or not place.is_file():
            problems.append(Problem("package.not-a-file", where=where, path=path))
        elif path == SUMS:
            found[path] = place.read_bytes()
        elif path not in sums:
            problems.append(Problem("package.unlisted-file", where=where, path=path, sums=SUMS))
        else:
            found[path], digest = content.read_with_digest(place, mapped=mapped(path))
            if digest != sums[path]:
                problems.append(Problem("package.altered-file", where=where, path=path))
    for path in sums:
        if path not in found:
            problems.append(Problem("package.missing-file", where=where, path=path, sums=SUMS))
    if problems:
        raise PackageError(problems)
    return found


def _everything(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (path inside the package, place) of everything that is no folder; links are not followed."""
    for root, folders, files in os.walk(folder, followlinks=False):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in sorted([*files, *links]):
            place = Path(root) / name
            yield place.relative_to(folder).as_posix(), place


def _sums(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    sums: dict[str, str] = {}
    problems: list[Problem] = []
    lines = (folder / SUMS).read_bytes().decode(errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line:
            break
        match = _LINE.fullmatch(line)
        if match is None or not stays_inside(match["path"]) or match["path"] in {SUMS, *sums}:
            place = f"{folder / SUMS}:{number}"
            problems.append(Problem("package.bad-sums", where=place, line=repr(line[:120]), sums=SUMS))
            continue
        sums[match["path"]] = match["digest"]
    return sums, problems


def stays_inside(path: str) -> bool:
    """Return whether a relative path, as written, names a file below the package's folder."""
    parts = path.split("/")
    return path.isprintable() and "\\" not in path and not any(part in {"", ".", ".."} for part in parts)
