"""Several projects behind one gateway."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelwright.core.messages import Phrase, Problem, ProjectError, UserError
from modelwright.core.progress import Progress, Silent
from modelwright.gateway.station import Serving
from modelwright.project.facade import Project
from modelwright.project.serving import project_serving


def serve_projects(
    paths: Sequence[Path],
    settings: Sequence[str] = (),
    *,
    host: str | None = None,
    port: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Serve the functions of several projects until interrupted, each as its own project file says.

    The address, the certificate and the time to end are those of the first project that can be served. A project that
    cannot be opened is left out, and said; raises ProjectError where none is left, or where two have the same function.
    """
    progress = progress or Silent()
    found, problems = _opened(paths, settings, progress)
    by_function: dict[str, Path] = {}
    for path, _, one in found:
        if one.function in by_function:
            both = [str(by_function[one.function]), str(path)]
            raise ProjectError(Problem("serve.same-function", projects=both, function=one.function))
        by_function[one.function] = path
    if not found:
        raise ProjectError([*problems, Problem("serve.none-left")])
    for problem in problems:
        progress.say(str(problem))
    for path, project, one in found:
        if not project.is_released:
            progress.say(str(Problem("serve.nothing-yet", function=one.function, project=str(path))))

    def started(url: str) -> None:
        progress.say(url)
        progress.say(str(Phrase("serve.functions", paths=[f"/{one.function}" for _, _, one in found])))

    project_serving.serve(found[0][2], [one for _, _, one in found[1:]], host, port, started)


def _opened(
    paths: Sequence[Path], settings: Sequence[str], progress: Progress
) -> tuple[list[tuple[Path, Project, Serving]], list[Problem]]:
    """Return the projects that can be served, and what is wrong with the others."""
    found, problems = [], []
    for path in paths:
        try:
            project = Project(path, settings, progress=progress)
            found.append((path, project, project.serving()))
        except UserError as error:
            problems += [
                Problem("serve.left-out", project=str(path), problem=str(one)) for one in error.problems
            ]
    return found, problems
