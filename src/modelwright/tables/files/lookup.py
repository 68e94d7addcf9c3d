"""Where the paths in a table's cells are looked up. Light."""

from __future__ import annotations

from pathlib import Path

from modelwright.tables.files.held_files import HeldFiles
from modelwright.tables.sources import SourceFile


def lookup(source: SourceFile | None, project: Path, folder: str | None, most_bytes: int) -> HeldFiles:
    """Return what finds the files of a table: `folder` is where the project says that they lie (`data.files.folder`).

    Else they lie in the folder of the table, or in that of the project. Files that a folder or a pattern names lie
    below that, below the project, or below `folder`, whatever links there are.
    """
    stated = None if folder is None else project / folder
    if source is not None and source.files is not None:
        roots = [source.path, project, *([] if stated is None else [stated])]
        return HeldFiles([source.files.base], [root.resolve() for root in roots], most_bytes)
    if stated is not None:
        return HeldFiles.within(stated, most_bytes=most_bytes)
    beside = () if source is None else source.folders
    return HeldFiles.within(*beside, project, most_bytes=most_bytes)
