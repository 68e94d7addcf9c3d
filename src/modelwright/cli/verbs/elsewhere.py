"""Verbs that take a version elsewhere: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import SERVE, AsJson, ProjectPath, Settings, Version, app, finish, opened


@app.command(rich_help_panel=SERVE)
def export(
    target: Annotated[
        str, typer.Option("--target", metavar="TARGET", help="The system to export for, such as docker")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="A folder that is new or empty [default: TARGET-vN]"),
    ] = None,
    version: Version = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Write a version as another system takes it.

    For example: modelwright export --target docker. See docs/export.md.
    """
    finish(opened(project, settings).export(target, out, version), as_json)
