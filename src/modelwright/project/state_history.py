"""Opens the state of a project, notices where its history was lost, and restores it.

`state-places.json` in the store says which databases had a history. One of them that is empty, or gone, while sealed
evidence lies in the store, was lost: a new history would count versions and evaluations from 1 again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modelwright.core.messages import ModelwrightError, Phrase, Problem, StateError
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.store import Store
from modelwright.project.loop.context import counts_part
from modelwright.project.loop.stage_names import DATA, EVALUATE, PACKAGE
from modelwright.project.results.machine_results import DoctorReport, DoctorRow
from modelwright.storage import disk, read_only
from modelwright.storage.formats.data import Counts
from modelwright.storage.formats.evidence import Evidence, read_evidence
from modelwright.storage.state import backups, opening
from modelwright.storage.state.database import State

_PLACES = "state-places.json"
_FORMAT = 1
_SIDE_FILES = ("", "-wal", "-shm")

Clock = Callable[[], datetime]


def open_state(place: str | Path, store: Store, clock: Clock) -> State:
    """Open the state database; raises StateError where it had a history and has none now."""
    state = State.open(place, clock)
    if not state.is_new():
        remember(state, store)
        return state
    shown, known = _shown(state, store), _known_places(store)
    default = state.file == store.root / "state.db"
    # Before there were lists of places, every project's was the default one.
    if (sealed := _evidence_count(store)) and (shown in known or (default and not known)):
        count = sum(1 for _ in backups.good(state.file)) if state.file is not None else 0
        raise StateError(Problem("state.lost", where=state.where, sealed=sealed, backups=count or None))
    return state


def remember(state: State, store: Store) -> None:
    """Write down that a database has a history."""
    shown, known = _shown(state, store), _known_places(store)
    if shown not in known and not state.is_new() and read_only.is_writable(store.root):
        places = json.dumps({"format": _FORMAT, "places": [*known, shown]})
        disk.write_atomically(store.root / _PLACES, places)


def faults(store: Store, opened: Callable[[], State]) -> tuple[DoctorRow, ...]:
    """Say what is wrong with the state database of a project, as opening it tells; nothing where nothing is."""
    if not store.root.exists():
        return ()  # of a project that never ran: nothing is made for a question
    try:
        opened()
    except StateError as error:
        what = str(Phrase("doctor.state"))
        return tuple(DoctorRow(what, "missing", one.found, one.next_step or "") for one in error.problems)
    return ()


def restore(place: str | Path, store: Store, clock: Clock) -> DoctorReport:
    """Restore the newest good copy of the state database, then what the sealed results tell beside it.

    Nothing is changed where the database has a history. What was there before is moved aside.
    """
    what = str(Phrase("doctor.state"))
    file = opening.file_of(place)
    try:
        if not State.open(place, clock).is_new():
            return DoctorReport((DoctorRow(what, "ok", str(Phrase("restore.needless"))),))
    except StateError:
        if file is None:  # a server's database is not ours to replace
            raise
    rows = []
    if file is not None:
        aside = _move_aside(file, clock())
        if aside is not None:
            rows.append(DoctorRow(what, "note", str(Phrase("restore.moved", path=str(aside)))))
        backup = next(backups.good(file), None)
        if backup is not None:
            backups.copy(backup, file)
        found = Phrase("restore.backup", name=backup.name) if backup else Phrase("restore.no-backup")
        rows.append(DoctorRow(what, "ok" if backup else "note", str(found)))
    state = State.open(place, clock)
    rows += _from_sealed(state, store)
    state.note("doctor", "state.restored", {"rows": [row.found for row in rows]})
    if state.production() is None:
        step = str(Phrase("restore.release"))
        rows.append(
            DoctorRow(str(Phrase("doctor.releases")), "note", str(Phrase("restore.no-releases")), step)
        )
    return DoctorReport(tuple(rows))


@dataclass(frozen=True)
class _Sealed:
    """An evaluation that lies in the store: what it measured, and the package, where that lies there too."""

    evaluated: Artifact
    evidence: Evidence
    package: Artifact | None


def _from_sealed(state: State, store: Store) -> Iterator[DoctorRow]:
    """Register versions and evaluations that the database lacks and sealed results tell of; yield what was done."""
    known = {(one.package_digest, one.evidence_digest) for one in state.versions()}
    artifacts = store.artifacts()
    sketches = {one.part("test").digest: _sketch(one) for one in artifacts if one.stage == DATA}
    made, without = [], 0
    for one in _sealed(artifacts):
        evidence = one.evidence
        sketch = sketches.get(evidence.test, ())
        # Each evaluation spent some of what the test set can prove, also those whose results are gone.
        while (count := state.evaluations(evidence.test, sketch)) < evidence.evaluation - 1:
            state.register_evaluation(evidence.test, f"lost evaluation {count + 1}", sketch, by="doctor")
        state.register_evaluation(evidence.test, evidence.package, sketch, by="doctor")
        evidence_digest = one.evaluated.part("evidence").digest
        if (evidence.package, evidence_digest) in known:
            continue
        if one.package is None:
            without += 1
            continue
        made.append(
            state.register_version(
                package_digest=evidence.package,
                evidence_digest=evidence_digest,
                champion_digest=evidence.champion,
                package_key=one.package.key,
                evidence_key=one.evaluated.key,
                by="doctor",
            )
        )
    name = str(Phrase("doctor.versions"))
    if made:
        yield DoctorRow(name, "ok", str(Phrase("restore.versions", numbers=made)))
    if without:
        yield DoctorRow(name, "note", str(Phrase("restore.no-package", count=without)))


def _sealed(artifacts: list[Artifact]) -> list[_Sealed]:
    """Return what is sealed of evaluations, in the order in which they were made."""
    packages = {one.part("package").digest: one for one in artifacts if one.stage == PACKAGE}
    found = []
    for one in artifacts:
        if one.stage == EVALUATE and "evidence" in one.parts:
            try:
                evidence = read_evidence(one.part("evidence").path)
            except ModelwrightError:
                continue  # of another format, or damaged
            found.append(_Sealed(one, evidence, packages.get(evidence.package)))
    return sorted(found, key=lambda one: (one.evidence.evaluation, one.evaluated.path.stat().st_mtime_ns))


def _sketch(data: Artifact) -> tuple[str, ...]:
    try:
        return tuple(Counts.read(counts_part(data).path).test_sketch)
    except ModelwrightError:
        return ()


def _move_aside(file: Path, at: datetime) -> Path | None:
    """Move a database with its side files away; return where the database is, None where there was none."""
    word = f"before-{at.strftime('%Y%m%dT%H%M%SZ')}"
    had = file.exists() and file.stat().st_size > 0
    for ending in _SIDE_FILES:
        side = file.with_name(file.name + ending)
        if side.exists():
            side.rename(file.with_name(f"{file.name}.{word}{ending}"))
    return file.with_name(f"{file.name}.{word}") if had else None


def _shown(state: State, store: Store) -> str:
    """Return a database's place as the list has it: relative where it lies in the store, which may be moved."""
    if state.file is not None and state.file.is_relative_to(store.root):
        return state.file.relative_to(store.root).as_posix()
    return state.where


def _known_places(store: Store) -> list[str]:
    try:
        found: Mapping[str, object] = json.loads((store.root / _PLACES).read_text("utf-8"))
        places = found["places"]
        return [str(one) for one in places] if isinstance(places, list) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _evidence_count(store: Store) -> int:
    return sum(1 for _ in store.root.glob(f"objects/{EVALUATE}/*/artifact.json"))
