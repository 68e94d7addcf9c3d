"""The files of a package's folder: each is listed with its digest, none leaves the folder, none is a link."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelwright.core.messages import PackageError, Problem

SUMS = "SHA256SUMS"
AGAIN = "make the package again (`modelwright package --force`), or fetch it again from where it came"
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<path>.+)")


_EXACTLY = f"a package holds exactly the files of its {SUMS}"


def listing(files: Mapping[str, bytes]) -> bytes:
    """Return the SHA256SUMS of files by path, in the form that `sha256sum -c` reads."""
    return "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode()


def listed(sums: bytes) -> dict[str, str]:
    """Return path → SHA-256 (hex) of a SHA256SUMS that `listing` wrote or `contents` has checked."""
    lines = sums.decode().removesuffix("\n").split("\n")  # as `_sums` does: a path may hold other line breaks
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes by path; raises PackageError with everything that is not as it was sealed."""
    sums, problems = _sums(folder)
    found: dict[str, bytes] = {}
    for path, place in _everything(folder):
        if place.is_symlink() or not place.is_file():
            problems.append(
                Problem(
                    "package.not-a-file",
                    "a package holds plain files and folders only",
                    f"a link or a device at `{path}`",
                    AGAIN,
                    str(folder),
                )
            )
        elif path != SUMS and path not in sums:
            problems.append(
                Problem(
                    "package.unlisted-file", _EXACTLY, f"`{path}`, which is not listed", AGAIN, str(folder)
                )
            )
        else:
            found[path] = place.read_bytes()
    for path, expected in sums.items():
        if path not in found:
            problems.append(
                Problem("package.missing-file", _EXACTLY, f"no file `{path}`", AGAIN, str(folder))
            )
        elif hashlib.sha256(found[path]).hexdigest() != expected:
            problems.append(
                Problem("package.altered-file", _EXACTLY, f"other bytes in `{path}`", AGAIN, str(folder))
            )
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
            problems.append(
                Problem(
                    "package.bad-sums",
                    f"each line of {SUMS} is a SHA-256, two spaces and the path of one file in the package",
                    repr(line[:120]),
                    AGAIN,
                    f"{folder / SUMS}:{number}",
                )
            )
            continue
        sums[match["path"]] = match["digest"]
    return sums, problems


def stays_inside(path: str) -> bool:
    """Return whether a relative path, as written, names a file below the package's folder."""
    parts = path.split("/")
    return path.isprintable() and "\\" not in path and not any(part in {"", ".", ".."} for part in parts)
