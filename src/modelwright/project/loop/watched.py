"""What a run rests on, taken before it reads anything, so that the next one may find that nothing has changed."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modelwright
from modelwright.core.messages import ModelwrightError
from modelwright.engine import stamp
from modelwright.learners.weights import available
from modelwright.project.declaration.file import Opened
from modelwright.project.loop import stamped
from modelwright.project.loop.table import Context
from modelwright.project.results.run_result import RunResult
from modelwright.stages.data.sources import external_files


@dataclass(frozen=True)
class Watched:
    """The state of everything outside the store, before a run."""

    path: Path | None
    root: Path
    taken: stamp.Stamp

    @classmethod
    def before(cls, opened: Opened, root: Path) -> Watched:
        """Take the signatures of the project file, the data, the weights, our code and the installed packages."""
        try:
            outside = tuple(external_files(opened.file.data, opened.folder))
        except ModelwrightError:
            outside = ()  # the run will say what is wrong, and there will be no stamp
        try:
            found = available(opened.file.model.pretrained, opened.folder)
        except ModelwrightError:
            found = None
        watch = stamp.Watch(
            contents=(opened.path,) if opened.path else (),
            files=tuple(path for path in outside if not path.is_dir()),
            folders=(*(path for path in outside if path.is_dir()), *([found] if found else [])),
            sources=(Path(modelwright.__file__).parent,),
            listings=tuple(sorted({Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")})),
        )
        return cls(opened.path, root, stamp.take(watch))

    def stamp(self, context: Context, arguments: dict[str, Any], result: RunResult) -> None:
        """Write the stamp of a run that came to its end; a run with problems leaves none."""
        assert self.path is not None
        if result.problems:
            return
        seals = tuple(artifact.path / "artifact.json" for artifact in context.made.values())
        sealed = tuple(one.path / name for one in context.made.values() for name in one.files)
        made = stamp.Watch(files=seals, databases=(self.root / "state.db",), sealed=sealed)
        said = stamp.StampedResult(stamped.text(result), result.exit_code)
        stamp.write(stamped.place(self.path), arguments, self.taken, made, said)
