"""Verbs for a version at work: serve, predict, chat, explain, status, monitor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import (
    SERVE,
    START,
    AsJson,
    ProjectPath,
    Settings,
    Version,
    app,
    finish,
    opened,
)
from modelwright.core.exit_codes import Exit
from modelwright.runtime.worker.worker_process import OPENED_BY, read_ahead, start_ahead


@app.command(rich_help_panel=START)
def serve(
    projects: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PROJECT]...", help="Projects to serve on one address [default: that of --project]"
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="The address [default: serve.host]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="The port [default: serve.port]")
    ] = None,
    package: Annotated[
        Path | None,
        typer.Option(
            "--package", metavar="FOLDER", help="Serve this package alone: no project, nothing is written"
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FOLDER", help="Where --package records traffic [default: nowhere]"),
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Serve what is released over HTTP, of one project or several.

    Or a package alone (--package). POST /{function} answers; /docs, /openapi.json and /metrics describe it.
    Ctrl-C stops it.
    """
    del as_json  # every verb takes it; the gateway logs
    if package is not None and project is not None:
        raise typer.BadParameter("give either --package or --project")
    if package is None and record is not None:
        raise typer.BadParameter("--record goes with --package; a project says serve.record")
    if projects and (package is not None or project is not None):
        raise typer.BadParameter("give either PROJECT … or --project or --package")
    start_ahead()
    if projects and len(projects) > 1:
        from modelwright.cli.progress_bars import shown
        from modelwright.project.serving.many_serving import serve_projects

        serve_projects(projects, settings or (), host=host, port=port, progress=shown())
        return
    if package is None:
        opened(projects[0] if projects else project, settings).serve(host, port)
        return
    if not _open_otherwise(settings or ()):
        read_ahead(package.absolute())
    from modelwright.project.serving.package_serving import serve_package

    serve_package(package, settings or (), host=host, port=port, record=record)


def _open_otherwise(settings: Sequence[str]) -> bool:
    """Return whether one of these settings may say how a worker opens a package; reads no more than their keys."""
    keys = {one.partition("=")[0].strip() for one in settings}
    return not keys.isdisjoint({"serve", *(f"serve.{name}" for name in OPENED_BY)})


@app.command(rich_help_panel=SERVE)
def predict(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...", help="The inputs; the value alone where there is one input"
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Answer every row of a .csv, .tsv, .jsonl or .parquet"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where the answers to --file go: .csv, .tsv, .jsonl or .parquet [default: JSON lines on stdout]",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COLUMN",
            help="A column of --file to keep beside the answer (repeat); `none` keeps none [default: all]",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also give the probability of every label")
    ] = False,
    reasons: Annotated[
        int | None,
        typer.Option(
            "--reasons",
            metavar="N",
            help="Also give the N inputs that speak most for each answer (see explain)",
        ),
    ] = None,
    version: Version = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Answer one row or a file here, with the version in production.

    For example: modelwright predict question="Does Medicare cover dental?", or photo=@cat.jpg for an input that is a
    file. The file of --file is read like the project's data: its columns may have the data's names or the
    signature's. Each of its rows has an answer with its number and its columns beside it, or says why it has none;
    exit code 1 when there are such rows.
    """
    if bool(values) == (file is not None):
        raise typer.BadParameter("give either NAME=VALUE … or --file FILE")
    if file is None and (out is not None or keep):
        raise typer.BadParameter("--out and --keep go with --file FILE")
    from modelwright.cli import standard_streams
    from modelwright.cli.predicting import answer_files, predict_rows
    from modelwright.storage.out_files import require_place

    here = opened(project, settings)
    if file is None:
        row = predict_rows.from_words(values or [], here.input_names)
        row = predict_rows.with_files(row, here.file_names)
        for answer in here.predict([row], probabilities=probabilities, reasons=reasons, version=version):
            if as_json:
                standard_streams.print_json(answer.as_json())
            else:
                finish(answer, as_json)
        return
    if out is not None:
        answer_files.require_ending(out)
        require_place(out, reads=[file])
    tally = answer_files.Tally()
    kept = None if not keep else [] if keep == ["none"] else keep
    answers = here.answer_file(file, keep=kept, probabilities=probabilities, reasons=reasons, version=version)
    answer_files.write(answers, out, tally)
    answer_files.report(tally)
    if tally.failed:
        raise typer.Exit(Exit.FIXABLE)


@app.command(rich_help_panel=SERVE)
def chat(
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="URL", help="Talk with a function of this gateway [default: the project's]"
        ),
    ] = None,
    function: Annotated[
        str | None, typer.Option("--function", metavar="NAME", help="Of a gateway that has several")
    ] = None,
    package: Annotated[
        Path | None, typer.Option("--package", metavar="FOLDER", help="Talk with this package: no project")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="A first turn of the role system")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="How answers are written: max_tokens=100, temperature=0.7 (repeat)",
        ),
    ] = None,
    version: Version = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a function that writes, in the terminal.

    Or with lines of a pipe. With the version in production here, a package, or a served function (--url; its key is
    MODELWRIGHT_API_KEY). /reset begins anew, /quit or Ctrl-D leaves, Ctrl-C stops an answer. See docs/chat.md.
    """
    if (url is not None) + (package is not None) + (project is not None) > 1:
        raise typer.BadParameter("give one of --url, --package and --project")
    if url is None and function is not None:
        raise typer.BadParameter("--function goes with --url")
    if version is not None and (url is not None or package is not None):
        raise typer.BadParameter("--version goes with a project")
    from modelwright.cli.chatting.chat_partners import PartnerHere, PartnerThere, options_of
    from modelwright.cli.chatting.chat_screen import Talk

    options = options_of(option or ())
    if url is not None:
        partner: PartnerHere | PartnerThere = PartnerThere.at(
            url, os.environ.get("MODELWRIGHT_API_KEY"), function
        )
    elif package is not None:
        from modelwright.runtime.function import load

        partner = PartnerHere(load(package))
    else:
        partner = PartnerHere(opened(project, settings).function(version))
    with closing(partner):
        talk = Talk(partner, options, system, as_json=as_json)
        talk.hold()
    if talk.failed:
        raise typer.Exit(Exit.FIXABLE)


@app.command(rich_help_panel=SERVE)
def explain(
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help="The inputs, as for predict; the value alone where there is one input",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the heat map of a picture goes, as PNG"),
    ] = None,
    orders: Annotated[
        int, typer.Option("--orders", metavar="N", help="Random orders of the inputs, of more than 8 inputs")
    ] = 100,
    version: Version = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what decides an answer: which inputs, words, patches.

    For example: modelwright explain photo=@cat.jpg height=12 --out heat.png. See docs/explain.md for what the numbers
    mean.
    """
    from modelwright.cli.predicting import predict_rows

    here = opened(project, settings)
    row = predict_rows.from_words(values, here.input_names)
    row = predict_rows.with_files(row, here.file_names)
    finish(here.explain(row, out=out, version=version, orders=orders), as_json)


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
