"""Verbs for the history of a function and for this machine: versions, show, diff, rollback, doctor, gc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.app import HISTORY, MACHINE, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=HISTORY)
def versions(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """List every version, newest first, and which one is live."""
    finish(opened(project, settings).versions(), as_json)


@app.command(rich_help_panel=HISTORY)
def show(
    what: Annotated[
        str, typer.Argument(metavar="X", help="A version (3), a stage (learn), `report`, `card`, or a digest")
    ],
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show a version, a stage's result, the report."""
    finish(opened(project, settings).show(what), as_json)


@app.command(rich_help_panel=HISTORY)
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A version")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another version")],
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions."""
    finish(opened(project, settings).diff(a, b), as_json)


@app.command(rich_help_panel=HISTORY)
def rollback(
    to: Annotated[
        int | None, typer.Option("--to", metavar="N", help="The version [default: the one before]")
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier version."""
    finish(opened(project, settings).rollback(to=to), as_json)


@app.command(rich_help_panel=MACHINE)
def doctor(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Say what is missing on this machine; works without a project."""
    from modelwright.project.declaration.find import nearest

    here = Path.cwd()
    if project is None and nearest(here) is None:
        from modelwright.project.results import doctor as machine

        finish(machine.doctor(here), as_json)
    else:
        finish(opened(project, settings).doctor(), as_json)


@app.command(rich_help_panel=MACHINE)
def gc(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Free space: remove what no version and no run needs."""
    finish(opened(project, settings).gc(), as_json)
