"""What the verbs on this machine answer: doctor, gc."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from modelwright.core.exit_codes import Exit


@dataclass(frozen=True)
class DoctorRow:
    """One thing that this machine needs: `state` is `ok`, `missing` (something will not work) or `note`."""

    name: str
    state: str
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """What is there and what is missing on this machine."""

    rows: tuple[DoctorRow, ...]

    @property
    def exit_code(self) -> int:
        """Return 1 when something is missing that can be fixed, else 0."""
        return Exit.FIXABLE if any(row.state == "missing" for row in self.rows) else Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class KeptVersion:
    """A version that `gc` left, and why: `released` (once, at least), `newest` (of those that never were),
    `unreleased` (all of them are kept), `answers` (by default), `latest-run` or `in-use` (by another process).
    """

    version: int
    why: str


@dataclass(frozen=True)
class GcReport:
    """What `gc` removed and kept, in artifacts and bytes; in a dry run, what it would.

    `freed_versions`: those whose package and evidence went; `in_use`: artifacts that only a running process needs.
    """

    removed: int
    freed_bytes: int
    kept: int
    kept_bytes: int
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    freed_versions: tuple[int, ...] = ()
    kept_versions: tuple[KeptVersion, ...] = ()
    in_use: int = 0

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ExportReport:
    """What `export` wrote: the files below `folder`, and the digest of the package among them."""

    target: str
    folder: str
    version: int
    package: str
    files: tuple[str, ...]
    size_bytes: int
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class MoveReport:
    """What `move` brought to the folder `store`; `source`: where it was, None where that was gone already.

    `files`, `size_bytes`: what was copied now; a move that was killed and is only ended copies nothing again.
    """

    store: str
    source: str | None
    artifacts: int
    files: int
    size_bytes: int
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return asdict(self)
