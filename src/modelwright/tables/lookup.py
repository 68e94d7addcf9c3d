"""Where the paths in a table's cells are looked up. Light."""

from __future__ import annotations

from pathlib import Path

from modelwright.tables.held_files import HeldFiles
from modelwright.tables.sources import SourceFile


def lookup(source: SourceFile | None, project: Path, folder: str | None, most_bytes: int) -> HeldFiles:
    """Return what finds the files of a table: `folder` is where the project says that they lie (`data.files.folder`).

    Else they lie in the folder of the table, or in that of the project. Of files that the project itself names, links
    may lead anywhere.
    """
    if source is not None and source.files is not None:
        return HeldFiles([source.files.base], None, most_bytes)
    if folder is not None:
        return HeldFiles.within(project / folder, most_bytes=most_bytes)
    beside = () if source is None else source.folders
    return HeldFiles.within(*beside, project, most_bytes=most_bytes)
