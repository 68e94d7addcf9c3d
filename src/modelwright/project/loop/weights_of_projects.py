"""Weights that another project has learned: `model: {pretrained: ../texts}`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from modelwright import learners
from modelwright.core.messages import Problem, ProjectError
from modelwright.engine.store import Store
from modelwright.learners.contract.spec import Makes, Spec
from modelwright.learners.weights.resolving import Named
from modelwright.project.declaration import project_file, store_place
from modelwright.project.declaration.find import FILE_NAME
from modelwright.project.loop.stage_names import LEARN
from modelwright.storage.user_paths import expanded


def named_folders(named: Named, folder: Path) -> Named:
    """Return `model.pretrained`, with the folder of its weights in place of each project's.

    Paths are relative to `folder`. Raises ProjectError for a project that makes none, or has not learned them yet.
    """
    if isinstance(named, str):
        return _weights(named, folder)
    if named is None:
        return None
    return {name: None if one is None else _weights(one, folder) for name, one in named.items()}


def gone_on_from(named: Named, folder: Path, spec: Spec) -> Path | None:
    """Return the folder of what another project has learned, for a learner to go on from it or to take layers of it.

    None where no project is named. Raises ProjectError for one that has not learned yet, or of another learner than the
    one that goes on.
    """
    uses = spec.goes_on or spec.takes_layers
    if not uses or not isinstance(named, str) or _file(named, folder) is None:
        return None
    return Path(_weights(named, folder, (spec.name,) if spec.goes_on else learners.names()))


def places(named: Named, folder: Path) -> Iterator[Path]:
    """Yield the files that decide which weights a project has."""
    names = [named] if isinstance(named, str) else [one for one in (named or {}).values() if one is not None]
    for name in dict.fromkeys(names):
        file = _file(name, folder)
        if file is not None:
            yield file
            yield _store(file).root / "latest" / f"{LEARN}.json"


def _file(name: str, folder: Path) -> Path | None:
    """Return the project file that a name leads to, None where it leads to no project."""
    path = folder / expanded(name)
    file = path if path.name == FILE_NAME else path / FILE_NAME
    return file if file.is_file() else None


def _store(file: Path) -> Store:
    opened = project_file.read(file)
    return Store(store_place.of(opened))


def _weights(name: str, folder: Path, of: Collection[str] | None = None) -> str:
    """Return the folder that a name leads to; of: the learners that it may be of; None: those that make weights."""
    file = _file(name, folder)
    if file is None:
        return name
    store = _store(file)
    latest = store.latest(LEARN)
    learned = store.find(LEARN, latest.key) if latest is not None else None
    if learned is None:
        raise ProjectError(Problem("pretrained.not-learned", name=name))
    learner = str(learned.summary.get("learner"))
    makes_weights = learner in learners.names() and learners.spec(learner).makes is Makes.WEIGHTS
    if learner not in of if of is not None else not makes_weights:
        raise ProjectError(Problem("pretrained.no-weights", name=name, learner=learner))
    return str(learned.part("learned").path)
