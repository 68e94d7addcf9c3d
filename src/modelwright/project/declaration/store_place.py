"""Where the store lies, as `store:` of the project file says it, and the file with another place in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelwright.core.messages import Problem, ProjectError
from modelwright.project.declaration.project_file import Opened, ProjectFile
from modelwright.project.declaration.yaml_lines import read_document
from modelwright.storage.user_paths import expanded

KEY = "store"
_LINE = re.compile(r"""^(store|"store"|'store')\s*:""")
_PLAIN = re.compile(r"[A-Za-z0-9./_][A-Za-z0-9./_~+-]*(:///?[A-Za-z0-9./_%~+-]*)?")
_HERE = frozenset({"", "localhost"})


def folder_of(stated: str, folder: Path, place: str | None = None) -> Path:
    """Return the folder that a path (relative to `folder`) or a `file://` URL names; raises ProjectError for others.

    place: where it was stated, for the message.
    """
    if "://" not in stated:
        return (folder / expanded(stated)).absolute()
    parts = urlsplit(stated)
    if parts.scheme != "file" or parts.netloc not in _HERE or parts.query or parts.fragment or not parts.path:
        raise ProjectError(Problem("store.no-folder", where=place, stated=stated))
    return Path(unquote(parts.path)).absolute()


def of(opened: Opened) -> Path:
    """Return the folder of a project's store; raises ProjectError."""
    return folder_of(opened.file.store, opened.folder, opened.where((KEY,)))


def state_place(stated: str | None, folder: Path, root: Path) -> str | Path:
    """Return where a project's state database is; a path is relative to the project, like every other."""
    if stated is None:
        return root / "state.db"
    return stated if "://" in stated else folder / stated


def stated_in(path: Path) -> object:
    """Return what a project file says of its store, whatever `--set` says."""
    document = read_document(path.read_bytes().decode("utf-8-sig"), path.name)
    assert isinstance(document.value, dict), "it was read as a project"
    return document.value.get(KEY, ProjectFile.model_fields[KEY].default)


def with_store(path: Path, stated: str) -> str:
    """Return the text of a project file with another store, and nothing else changed; raises ProjectError.

    The line of `store` at the left edge is replaced, or one is added at the end.
    """
    text = path.read_bytes().decode()  # with its line ends
    line = f"{KEY}: {stated if _PLAIN.fullmatch(stated) else json.dumps(stated, ensure_ascii=False)}"
    lines = text.splitlines(keepends=True)
    places = [number for number, one in enumerate(lines) if _LINE.match(one)]
    if places:
        end = lines[places[0]][len(lines[places[0]].rstrip("\r\n")) :]
        lines[places[0]] = line + end
    else:
        lines += ["" if not lines or lines[-1].endswith("\n") else "\n", line + "\n"]
    changed = "".join(lines)
    if not _says_the_same(text, changed, stated):
        raise ProjectError(Problem("move.cannot-edit", where=path.name, line=line))
    return changed


def _says_the_same(text: str, changed: str, stated: str) -> bool:
    """Return whether a text is a project file with another store: a value of many lines, say, is not replaced."""
    before = read_document(text, "")
    assert isinstance(before.value, dict), "it was read as a project"
    try:
        after = read_document(changed, "")
    except ProjectError:  # a line added behind a mapping in braces
        return False
    return not after.problems and after.value == {**before.value, KEY: stated}
