"""Verbs for the history of a function: versions, show, diff, rollback."""

from __future__ import annotations

from typing import Annotated

import typer

from modelwright.cli.typer_app import HISTORY, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=HISTORY)
def versions(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """List every version, newest first, and which one is live."""
    finish(opened(project, settings).versions(), as_json)


@app.command(rich_help_panel=HISTORY)
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="X",
            help="A version (3), a stage (learn), `release`, `report`, `card`, `rows`, or a digest",
        ),
    ],
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="Of `release`: its number [default: the newest]")
    ] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="With `rows`: those that are not used, and why")
    ] = False,
    repeated: Annotated[
        bool, typer.Option("--repeated", help="With `rows`: those with equal inputs")
    ] = False,
    conflicting: Annotated[
        bool, typer.Option("--conflicting", help="With `rows`: those with equal inputs and several answers")
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", metavar="N", help="Of `report` and `card` [default: the one in production]"
        ),
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show a version, release or stage, the report, or data rows."""
    chosen = {"set-aside": set_aside, "repeated": repeated, "conflicting": conflicting}
    which = next((name for name, given in chosen.items() if given), None)
    finish(opened(project, settings).show(what, which, version=version, number=number), as_json)


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
