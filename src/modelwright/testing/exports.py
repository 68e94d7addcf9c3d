"""What every export target must hold. Each check takes the target's name and raises AssertionError.

The package is a tiny one; a target of your own may be given another, which it can take.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelwright import exports
from modelwright.core import digests
from modelwright.exports.contract.target import ExportNotes, Leaving
from modelwright.gateway.config import ServeConfig
from modelwright.package import packages
from modelwright.runtime import drivers

Check = Callable[[str], None]

_DRIVER = "once"
_KEYS = ("MODELWRIGHT_API_KEY", "a-key-that-must-not-leave")


def check_is_found_by_its_name(name: str) -> None:
    """The target is listed."""
    assert name in exports.names()


def check_writes_below_its_folder_and_says_what_follows(name: str) -> None:
    """There are files, no links, nothing outside the folder, and at least one next step."""
    with _leaving() as (leaving, folder):
        beside = {path.name for path in folder.parent.iterdir()}
        notes = exports.get(name).write(leaving, folder)
        assert isinstance(notes, ExportNotes)
        assert notes.next_steps, "who exports is told what comes next"
        found = list(folder.rglob("*"))
        assert any(path.is_file() for path in found), "nothing was written"
        assert not any(path.is_symlink() for path in found), "a link leads elsewhere on another machine"
        assert {path.name for path in folder.parent.iterdir()} == beside


def check_leaves_the_package_as_it_was(name: str) -> None:
    """The package is copied, never changed."""
    with _leaving() as (leaving, folder):
        before = digests.of_folder(leaving.folder)
        exports.get(name).write(leaving, folder)
        assert digests.of_folder(leaving.folder) == before == leaving.package.digest


def check_equal_packages_give_equal_bytes(name: str) -> None:
    """Written twice, in folders of other names, it is the same: it depends on no clock, folder or machine."""
    with _leaving() as (leaving, one), tempfile.TemporaryDirectory() as other:
        exports.get(name).write(leaving, one)
        exports.get(name).write(leaving, Path(other))
        assert digests.of_folder(one) == digests.of_folder(Path(other))


def check_no_secret_leaves(name: str) -> None:
    """A key of the environment is in no file."""
    variable, key = _KEYS
    before = os.environ.get(variable)
    os.environ[variable] = key
    try:
        with _leaving() as (leaving, folder):
            exports.get(name).write(leaving, folder)
            for path in folder.rglob("*"):
                assert not path.is_file() or key.encode() not in path.read_bytes(), path
    finally:
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before


CHECKS: tuple[Check, ...] = (
    check_is_found_by_its_name,
    check_writes_below_its_folder_and_says_what_follows,
    check_leaves_the_package_as_it_was,
    check_equal_packages_give_equal_bytes,
    check_no_secret_leaves,
)


def title(check: Check) -> str:
    """Return what a check is called in the list of tests."""
    return check.__name__.removeprefix("check_")


@contextmanager
def _leaving() -> Iterator[tuple[Leaving, Path]]:
    """Give a tiny package that leaves, and an empty folder for it."""
    with tempfile.TemporaryDirectory() as place:
        package, folder = Path(place) / "package", Path(place) / "out"
        folder.mkdir()
        packages.write(drivers.samples(_DRIVER).body(), package, lineage={}, versions={}, threads=1)
        yield Leaving(packages.read(package), package, 3, ServeConfig()), folder
