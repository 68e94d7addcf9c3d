"""Verbs for this machine: doctor, gc, move."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import MACHINE, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=MACHINE)
def doctor(
    restore: Annotated[
        bool, typer.Option("--restore", help="Restore a state database that was lost or damaged")
    ] = False,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what is missing on this machine; works without a project.

    With --restore: bring back the newest copy of the state database, and the versions that sealed results tell of.
    """
    from modelwright.project.declaration.find import nearest

    if restore:
        finish(opened(project, settings).restore(), as_json)
        return
    here = Path.cwd()
    if project is None and nearest(here) is None:
        from modelwright.project.results import doctor as doctor_result

        finish(doctor_result.doctor(here), as_json)
    else:
        finish(opened(project, settings).doctor(), as_json)


@app.command(rich_help_panel=MACHINE)
def gc(
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", metavar="N", help="Of the versions never released keep the newest N [default: all]"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; say what would go")] = False,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Free space: remove what no version and no run needs.

    A version that was ever released stays. With --keep, versions that never were go, but for the newest N.
    """
    finish(opened(project, settings).gc(keep, dry_run=dry_run), as_json)


@app.command(rich_help_panel=MACHINE)
def move(
    store: Annotated[
        str,
        typer.Option(
            "--store",
            metavar="URL",
            help="The new folder, as `store` of the project file names it: a path or file:///…",
        ),
    ],
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Move the project's store to another folder.

    Sealed results, the state and the records go, and the project file says where they are. Every file is read
    again at its new place before the old one goes. What was interrupted is ended by the same command.
    For example: modelwright move --store /mnt/team/route. See docs/moving.md.
    """
    finish(opened(project, settings).move(store), as_json)
