"""What a step rests on outside the store, stated once: its key and the stamp of a run both follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelwright.core.json_types import Json, JsonLike
from modelwright.engine import stamp
from modelwright.engine.artifact_manifest import NAME, Artifact
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.stamp import KeptResult, Watch


@dataclass(frozen=True)
class Pattern:
    """A rule that named files below a folder, with the paths that it named. A further one, or one less, is a change."""

    folder: str
    pattern: str
    found: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """Where a step reads from, beside its inputs, its configuration and its code.

    Into the key goes what was read:

    files: name in the key → file or folder, by content, whatever its path.
    sets: name in the key → many files by their names in the set, each by content.
    names: name in the key → names that are shown and not read, such as those of files that are left out.

    The stamp watches, beside these files, what decided that they are the ones:

    places: paths as they were looked up (a link rather than what it leads to; a name where nothing was);
    patterns: rules that named files; environment: variables that were read; facts: names of `engine.facts`.
    databases: SQLite files whose rows were read; what is read from them stands in the step's configuration.
    unwatched: what no signature shows, such as a database server: a run that rests on it leaves no stamp.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    sets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    places: tuple[Path, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    environment: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    databases: tuple[Path, ...] = ()
    unwatched: tuple[str, ...] = ()

    def watch(self) -> Watch:
        """Return what must be as it was before anything was read; databases are signed after the last use."""
        paths = [*self.files.values(), *self.places]
        matched = {path for one in self.patterns for path in one.found}  # these are signed with their pattern
        several = [
            tuple(path for path in every.values() if path not in matched) for every in self.sets.values()
        ]
        return Watch(
            files=tuple(path for path in paths if not path.is_dir()),
            sets=tuple(paths_of_set for paths_of_set in several if paths_of_set),
            folders=tuple(path for path in paths if path.is_dir()),
            patterns=tuple((one.folder, one.pattern) for one in self.patterns),
            facts=(*(f"environment {name}" for name in self.environment), *self.facts),
        )


def joined(every: Sequence[Sources]) -> Sources:
    """Return all that several rest on; of a name that two have, what the last has."""
    return Sources(
        files={name: path for one in every for name, path in one.files.items()},
        sets={name: paths for one in every for name, paths in one.sets.items()},
        names={name: shown for one in every for name, shown in one.names.items()},
        places=tuple(dict.fromkeys(place for one in every for place in one.places)),
        patterns=tuple(dict.fromkeys(pattern for one in every for pattern in one.patterns)),
        environment=tuple(dict.fromkeys(name for one in every for name in one.environment)),
        facts=tuple(dict.fromkeys(fact for one in every for fact in one.facts)),
        databases=tuple(dict.fromkeys(path for one in every for path in one.databases)),
        unwatched=tuple(dict.fromkeys(name for one in every for name in one.unwatched)),
    )


class SourceRecord:
    """What one run has rested on, signed as its steps declare it, before they read; at its end it makes the stamp."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self._fingerprint = fingerprint
        self._taken: dict[str, dict[str, Json]] = {}
        self._code: set[Path] = set()
        self._databases: set[Path] = set()
        self._unwatched: set[str] = set()
        self._used: dict[Path, Artifact] = {}

    def rest_on(
        self, sources: Sources, *, contents: tuple[Path, ...] = (), code: tuple[str, ...] = ()
    ) -> None:
        """Sign what is about to be read. Every step does so for itself, a run for what it reads beside them.

        contents: files that count by their content alone (see `stamp.Watch`); code: root modules.
        """
        places = [place for place in self._fingerprint.places(code) if place not in self._code]
        self._code.update(places)
        watch = Watch(
            contents=contents,
            sources=tuple(place for place in places if place.is_dir()),
            files=tuple(place for place in places if not place.is_dir()),
        )
        for one in (sources.watch(), watch):
            self._taken = stamp.joined(self._taken, stamp.take(one, but=self._taken))
        self._databases.update(sources.databases)
        self._unwatched.update(sources.unwatched)

    def still_holds(self, sources: Sources) -> bool:
        """Return whether all that a step rests on is as it was when it was signed, and named by the same rules."""
        places = sources.watch().places()
        taken = {sort: {place: self._taken[sort][place] for place in found} for sort, found in places.items()}
        named = all(
            stamp.names_taken(taken, one.folder, one.pattern) == stamp.names_digest(one.found)
            for one in sources.patterns
        )
        return named and stamp.holds(taken)

    def forget(self, sources: Sources) -> None:
        """Sign what a step rests on anew the next time: what it read of it before was not used."""
        for sort, found in sources.watch().places().items():
            for place in found:
                self._taken.get(sort, {}).pop(place, None)

    def use(self, artifact: Artifact) -> None:
        """Take down that the run used what is sealed here: it must stay whole."""
        self._used[artifact.path] = artifact

    def stamp(self, path: Path, arguments: JsonLike, result: KeptResult) -> bool:
        """Write the stamp of the run, right after its last use of anything; return whether there is one."""
        if self._unwatched:
            path.unlink(missing_ok=True)
            return False
        made = Watch(
            files=tuple(folder / NAME for folder in self._used),
            databases=tuple(sorted(self._databases)),
            sealed=tuple(folder / name for folder, one in self._used.items() for name in one.files),
        )
        return stamp.write(path, arguments, self._taken, made, result)
