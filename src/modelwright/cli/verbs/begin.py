"""Verbs that begin: new, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import START, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=START)
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make")],
    example: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="EXAMPLE",
            help="Begin from an example: assistant, chat, credit-risk, insurance-routing",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a project in a folder of its own.

    Writes a commented modelwright.yaml, or copies an example that runs as it is.
    """
    from modelwright.cli.new import make

    finish(make(folder, example), as_json)


@app.command(rich_help_panel=START)
def check(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Validate the file and the data; say what would run.

    Says too which requirement the test set is large enough to prove. Runs no code that a project names.
    """
    finish(opened(project, settings).check(), as_json)
