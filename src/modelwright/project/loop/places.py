"""Where a project's steps read from outside the store: what their keys and the stamp of a run follow from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelwright import kinds
from modelwright.engine.step_sources import Pattern, Sources
from modelwright.learners.weights import fetching, resolving
from modelwright.learners.weights.resolving import InputWeights, Named
from modelwright.project.declaration.project_file import Opened
from modelwright.storage import file_patterns
from modelwright.storage.state.database import State

MIRROR = "MODELWRIGHT_MIRROR"
# What decides where the hub's client keeps what it has fetched.
_HUB = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME")
_HOME = "HOME"  # what `~` stands for


def of_data(opened: Opened) -> Sources:
    """Return the files of `data:` with the patterns that named them, and those that their cells name.

    Raises DataError for what names nothing.
    """
    from modelwright.tables.sources import Resolved, resolved

    found = resolved(opened.file.data.splits, opened.folder)
    for name, beside in (("corpus", opened.file.data.corpus), ("queries", opened.file.data.queries)):
        if beside is not None:
            # apart: a table of questions and answers may be both rows and corpus
            more = resolved({name: beside.source}, opened.folder)
            found = Resolved(
                {**found.files, **more.files},
                (*found.tried, *more.tried),
                {**found.patterns, **more.patterns},
            )
    every = list(dict.fromkeys(file for files in found.files.values() for file in files))
    paths = dict.fromkeys(path for file in every if file.files is None for path in (file.path, *file.beside))
    sets: dict[str, Mapping[str, str]] = {
        _name(file.path, opened.folder) + f" {file.name}": file.files.places() for file in every if file.files
    }
    looked_up: list[Path] = []
    if columns := _columns_of_files(opened):
        from modelwright.stages.data.files.named_files import named_files

        for file in every:
            if file.files is not None:
                continue
            there, missing = named_files(file, columns, opened.file.data, opened.folder)
            sets[f"named in {_name(file.path, opened.folder)}"] = there
            looked_up += map(Path, missing)
    return Sources(
        files={_name(path, opened.folder): path for path in paths},
        sets={name: files for name, files in sets.items() if files},
        names={
            f"what {file.name} leaves out": file.files.left_out
            for file in every
            if file.files is not None and file.files.left_out
        },
        places=(*found.tried, *looked_up),
        patterns=tuple(Pattern(*rule, tuple(paths)) for rule, paths in found.patterns.items()),
        environment=(MIRROR,),
    )


def _columns_of_files(opened: Opened) -> tuple[str, ...]:
    """Return the columns of the data that may hold paths: those of fields whose kinds hold files."""
    config, signature = opened.file.data, opened.signature
    fields = {field.name: field.kind for field in (*signature.inputs, *signature.outputs)}
    stated = {name: kind.removesuffix("?") for name, kind in config.kinds.items() if opened.open_inputs}
    known = {name: kind for name, kind in {**stated, **fields}.items() if kind in kinds.names()}
    held = [name for name, kind in known.items() if kinds.value(kind).holds_files]
    return tuple(dict.fromkeys(config.columns.get(name, name) for name in held))


def of_weights(found: InputWeights, named: Named, folder: Path) -> Sources:
    """Return the folders of pretrained weights, and what decides which ones they are."""
    default = named is None and not found.lacking and not any(map(fetching.holds, found.folders.values()))
    return Sources(
        files={f"pretrained/{name}": path for name, path in found.folders.items()},
        places=tuple(resolving.places(named, folder, found.folders)),
        environment=() if default else (*_HUB, _HOME),
    )


def of_own_code(factory: object, folder: Path) -> Sources:
    """Return what `model.module` is read from: a module of the project, or a package with all that is in it.

    Their text is a part of the step's configuration; nothing where there is no factory.
    """
    if not isinstance(factory, str):
        return Sources()
    top = factory.partition(":")[0].partition(".")[0]
    rule = (str(folder), f"{top}/**/*.py")
    return Sources(
        places=(folder / f"{top}.py",), patterns=(Pattern(*rule, tuple(file_patterns.matches(*rule))),)
    )


def of_state(state: State) -> Sources:
    """Return the database whose rows are read; a server's shows no change without a query."""
    return Sources(databases=(state.file,)) if state.file is not None else Sources(unwatched=("state",))


def _name(path: Path, folder: Path) -> str:
    """Return a file's name that does not change with the machine: relative to the project, or its last parts."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else "/".join(path.parts[-2:])
