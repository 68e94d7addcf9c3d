"""Where a project's steps read from outside the store: what their keys and the stamp of a run follow from."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelwright.engine.step_sources import Pattern, Sources
from modelwright.project.declaration.project_file import Opened
from modelwright.storage.state.database import State

MIRROR = "MODELWRIGHT_MIRROR"
# What decides where the hub's client keeps what it has fetched.
_HUB = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME")


def of_data(opened: Opened) -> Sources:
    """Return the files of `data:` with the patterns that named them; raises DataError for what names nothing."""
    from modelwright.tables.sources import PACKAGE, external_files

    splits = opened.file.data.splits
    named = [source for sources in splits.values() for source in sources]
    # A file of an installed package needs no rule: which one it is follows from the libraries.
    local = [source for source in named if not source.startswith(PACKAGE)]
    return Sources(
        files={_name(path, opened.folder): path for path in external_files(splits, opened.folder)},
        places=tuple(_looked_up(local, opened.folder)),
        patterns=tuple(_patterns(local, opened.folder)),
        environment=(MIRROR,),
    )


def of_weights(pretrained: Path | None, name: str | None) -> Sources:
    """Return the folder of pretrained weights, if there is one, and what decides where a hub's lie."""
    return Sources(
        files={"pretrained": pretrained} if pretrained is not None else {},
        environment=_HUB if name is not None else (),
    )


def of_state(state: State) -> Sources:
    """Return the database whose rows are read; a server's shows no change without a query."""
    return Sources(databases=(state.file,)) if state.file is not None else Sources(unwatched=("state",))


def _name(path: Path, folder: Path) -> str:
    """Return a file's name that does not change with the machine: relative to the project, or its last parts."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else "/".join(path.parts[-2:])


def _looked_up(sources: Iterable[str], folder: Path) -> Iterator[Path]:
    """Yield the paths that were tried: links as such, and names that would be taken before a pattern is."""
    for source in sources:
        yield folder / source
    for pattern in _patterns(sources, folder):
        yield from sorted(path for path in pattern.folder.glob(pattern.glob) if path.is_file())


def _patterns(sources: Iterable[str], folder: Path) -> Iterator[Pattern]:
    for source in sources:
        if glob.has_magic(source) and not (folder / source).is_file():
            anchor = Path(source).anchor
            yield Pattern(Path(anchor or folder), source.removeprefix(anchor))
