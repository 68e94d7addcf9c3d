"""Verbs for a version at work: serve, predict, status, monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import SERVE, START, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=START)
def serve(
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="The address [default: serve.host]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="The port [default: serve.port]")
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Serve the released version over HTTP.

    POST /{function} answers; /docs, /openapi.json and /metrics describe it. Ctrl-C stops it.
    """
    del as_json  # every verb takes it; the gateway logs
    opened(project, settings).serve(host, port)


@app.command(rich_help_panel=SERVE)
def predict(
    values: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="The inputs")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Answer every row of a .csv, .tsv or .jsonl; prints JSON lines"
        ),
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Run the newest version's function here, on one row or a file.

    For example: modelwright predict question="Does Medicare cover dental?" A file is read like the project's
    data: its columns may have the data's names or the signature's, and those that are no inputs are left out.
    """
    if bool(values) == (file is not None):
        raise typer.BadParameter("give either NAME=VALUE … or --file FILE")
    from modelwright.cli import predict_rows

    here = opened(project, settings)
    answers = here.predict_file(file) if file else here.predict([predict_rows.from_words(values or [])])
    if file or as_json:
        for answer in answers:
            typer.echo(predict_rows.as_line(answer.as_json()))
        return
    for answer in answers:
        finish(answer, as_json)


@app.command(rich_help_panel=SERVE)
def status(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Show every requirement in every place, on one screen."""
    finish(opened(project, settings).status(), as_json)


@app.command(rich_help_panel=SERVE)
def monitor(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Judge the live traffic of the last window.

    Exit code 3 when a requirement is unmet in live traffic.
    """
    finish(opened(project, settings).monitor(), as_json)
