"""Code of a project that a learner runs (`model.module`): found and read as text, and not run. Light.

`my_package.module:build` is `build` in `my_package/module.py` of the project's folder. Its text becomes a part of the
plan, so that a change of it learns again, and of what was learned, so that a package is made from the same code.
"""

from __future__ import annotations

import re
from pathlib import Path

from modelwright.core.messages import Problem, ProjectError

MOST_FILES, MOST_BYTES = 200, 2_000_000
_FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def read(factory: str, folder: Path) -> dict[str, str]:
    """Return the Python files of the package or module that a factory lies in: path in the project → text.

    Raises ProjectError where the name is no factory, where no file of the project has it, and where there is too much.
    """
    if _FACTORY.fullmatch(factory) is None:
        raise ProjectError(Problem("model.module-name", factory=factory).at("model.module"))
    module = factory.partition(":")[0]
    top = module.partition(".")[0]
    files = (
        [folder / f"{top}.py"] if (folder / f"{top}.py").is_file() else sorted((folder / top).rglob("*.py"))
    )
    home = folder.resolve()
    # a link may lead out of the project
    files = [path for path in files if path.resolve().is_relative_to(home)]
    names = {path.relative_to(folder).as_posix() for path in files}
    wanted = module.replace(".", "/")
    if not names & {f"{wanted}.py", f"{wanted}/__init__.py"}:
        raise ProjectError(
            Problem("model.module-missing", factory=factory, path=f"{wanted}.py").at("model.module")
        )
    size = sum(path.stat().st_size for path in files)
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise ProjectError(
            Problem("model.module-large", package=top, files=len(files), size=size, most=MOST_FILES).at(
                "model.module"
            )
        )
    try:
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
    except UnicodeDecodeError:
        raise ProjectError(Problem("model.module-not-text", package=top).at("model.module")) from None
