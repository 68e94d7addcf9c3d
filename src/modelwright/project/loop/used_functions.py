"""Functions of other projects that a project calls: `use: {find: ../find, policy: ../policy@2}`.

A name is the folder of a project, and then what it has in production is called; `@2` names a version, and so do the
first digits of its package's digest. The folder of a package is a name, too. What is called is copied into the package
that calls it: a release of the other project changes nothing until this one is run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from modelwright.core.messages import ModelwrightError, PackageError, Phrase, Problem, ProjectError
from modelwright.engine.store import Store
from modelwright.learners.session.used_function import JUDGE, USE, UsedFunction
from modelwright.package import packages
from modelwright.package.manifest import MANIFEST
from modelwright.project.declaration import project_file, store_place
from modelwright.project.declaration.find import FILE_NAME
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop.version_artifacts import package_folder
from modelwright.storage.state import opening
from modelwright.storage.state.database import State
from modelwright.storage.state.versions import Version
from modelwright.storage.user_paths import expanded

_NAME = re.compile(r"(?P<place>.+?)(@(?P<which>[0-9a-f]+))?")
_FEWEST_DIGITS = 8  # of a digest; a shorter number is that of a version


def judge(opened: Opened) -> UsedFunction | None:
    """Return the function that judges answers, None where none is named; raises ProjectError where it is not there."""
    return found(opened, (JUDGE,)).get(JUDGE)


def found(opened: Opened, among: Collection[str] = ()) -> dict[str, UsedFunction]:
    """Return the functions that a project calls, by their roles; raises ProjectError with all that are not there.

    among: only these roles, if any are given.
    """
    functions: dict[str, UsedFunction] = {}
    problems: list[Problem] = []
    for role, named in opened.file.use.items():
        if among and role not in among:
            continue
        where = opened.where((USE, role))
        try:
            _require_no_circle(named, opened.folder, [_file_of(opened)])
            functions[role] = _function(named, opened.folder)
        except ModelwrightError as error:
            problems += [problem.at(where) for problem in error.problems]
    if problems:
        raise ProjectError(problems)
    return functions


def changed(opened: Opened, store: Store, version: Version | None) -> Iterator[str]:
    """Yield what a version calls that its project file names otherwise now, and what of that is not there."""
    if version is None or not opened.file.use:
        return
    try:
        now = found(opened)
    except ProjectError as error:
        yield from (problem.found for problem in error.problems)
        return
    try:
        manifest = json.loads((package_folder(store, version) / MANIFEST).read_bytes())
    except (OSError, ValueError, PackageError):
        return  # gone or damaged, which is said of the package itself
    called = manifest["settings"].get("functions", {})
    for role, one in now.items():
        if role == JUDGE:
            continue  # the package holds none: it was judged by the one that its evidence names
        if called.get(role, {}).get("package") != one.package:
            yield str(
                Phrase(
                    "status.other-function",
                    role=role,
                    named=one.named,
                    version=one.version,
                    judged=version.number,
                )
            )


def places(opened: Opened) -> Iterator[Path]:
    """Yield the project files that decide which functions a project calls."""
    for named in opened.file.use.values():
        place, _ = _parsed(named)
        yield _project(opened.folder / expanded(place))


def databases(opened: Opened) -> Iterator[Path]:
    """Yield the state databases in which stands what those projects have released."""
    for named in opened.file.use.values():
        file = _project(opened.folder / expanded(_parsed(named)[0]))
        if file.is_file():
            database = opening.file_of(_state_place(project_file.read(file)))
            if database is not None:
                yield database.absolute()


def _parsed(named: str) -> tuple[str, str | None]:
    match = _NAME.fullmatch(named)
    assert match is not None, "a text that is not empty matches"
    return match["place"], match["which"]


def _project(path: Path) -> Path:
    return path if path.name == FILE_NAME else path / FILE_NAME


def _file_of(opened: Opened) -> Path:
    return (opened.path or opened.folder / FILE_NAME).resolve()


def _state_place(other: Opened) -> str | Path:
    return store_place.state_place(other.file.state, other.folder, store_place.of(other))


def _function(named: str, folder: Path) -> UsedFunction:
    place, which = _parsed(named)
    path = folder / expanded(place)
    if (path / MANIFEST).is_file():
        digest = packages.digest(path)
        if which is not None and not digest.startswith(which):
            raise ProjectError(Problem("use.no-version", named=place, which=which, known=[digest[:12]]))
        return UsedFunction(named=named, package=digest, folder=path.absolute())
    file = _project(path)
    if not file.is_file():
        raise ProjectError(Problem("use.no-place", path=place))
    other = project_file.read(file)
    place_of_state = _state_place(other)
    database = opening.file_of(place_of_state)
    version = None
    if database is None or database.is_file():
        version = _version(State.open(place_of_state), which, place)
    if version is None:
        raise ProjectError(Problem("use.not-released", named=place))
    there = package_folder(Store(store_place.of(other)), version)
    return UsedFunction(
        named=named, version=version.number, package=version.package_digest, folder=there.absolute()
    )


def _version(state: State, which: str | None, place: str) -> Version | None:
    """Return the version that is named, else the one in production, None where nothing is."""
    if which is None:
        return state.production()
    versions = state.versions()
    by_digest = len(which) >= _FEWEST_DIGITS or not which.isdecimal()
    for one in versions:
        if one.package_digest.startswith(which) if by_digest else one.number == int(which):
            return one
    known = [str(one.number) for one in versions]
    raise ProjectError(Problem("use.no-version", named=place, which=which, known=known or None))


def _require_no_circle(named: str, folder: Path, way: list[Path]) -> None:
    """Raise ProjectError where following what projects call leads back to the first one."""
    file = _project(folder / expanded(_parsed(named)[0]))
    if not file.is_file():
        return
    if file.resolve() in way:
        shown = [one.parent.name for one in (*way[way.index(file.resolve()) :], file.resolve())]
        raise ProjectError(Problem("use.circle", way=" → ".join(shown)))
    other = project_file.read(file)
    for further in other.file.use.values():
        _require_no_circle(further, other.folder, [*way, file.resolve()])


def as_options(functions: Mapping[str, UsedFunction]) -> dict[str, object]:
    """Return what the section `use` adds to the options of the learner."""
    called = {role: one for role, one in functions.items() if role != JUDGE}
    return {USE: called} if called else {}
