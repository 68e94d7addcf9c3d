"""Verbs that take the project round the loop: run, one verb per stage, and judge, which people have a part in."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from modelwright.cli.typer_app import LOOP, SERVE, START, AsJson, ProjectPath, Settings, app, finish, opened
from modelwright.core.exit_codes import Exit
from modelwright.project.loop import stage_names


class Stage(StrEnum):
    """The stages by which a run can be bounded, so that a wrong one is wrong usage."""

    DATA = stage_names.DATA
    TUNE = stage_names.TUNE
    PLAN = stage_names.PLAN
    LEARN = stage_names.LEARN
    PACKAGE = stage_names.PACKAGE
    EVALUATE = stage_names.EVALUATE
    RELEASE = stage_names.RELEASE


Force = Annotated[bool, typer.Option("--force", help="Do the work again even where a sealed result fits")]


@app.command(rich_help_panel=START)
def run(
    to: Annotated[
        Stage, typer.Option("--to", metavar="STAGE", help=f"The last stage: {', '.join(Stage)}")
    ] = Stage.RELEASE,
    start: Annotated[
        Stage | None, typer.Option("--from", metavar="STAGE", help="Do this stage and all after it again")
    ] = None,
    keep: Annotated[
        list[Stage] | None,
        typer.Option("--keep", metavar="STAGE", help="Adopt this stage's last sealed result, and say so"),
    ] = None,
    force: Force = False,
    replan: Annotated[
        bool, typer.Option("--replan", help="Make a new plan, for this machine, and what follows from it")
    ] = False,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Go round the loop; print the requirement table.

    What is unchanged is not done again; a killed run resumes. Where the sealed plan is for another machine (other
    cores, another instruction set), nothing is done without --replan. Exit code 3 when a requirement holds the
    release back.
    """
    result = opened(project, settings).run(
        to=to, start=start, keep=tuple(keep or ()), force=force, replan=replan
    )
    finish(result, as_json)


@app.command(rich_help_panel=LOOP)
def data(
    force: Force = False, project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Read, check, clean and split the data."""
    finish(opened(project, settings).run(to=Stage.DATA, force=force), as_json)


@app.command(rich_help_panel=LOOP)
def tune(
    force: Force = False, project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Search among the settings of the section `tune`."""
    finish(opened(project, settings).run(to=Stage.TUNE, force=force), as_json)


@app.command(rich_help_panel=LOOP)
def plan(
    force: Force = False, project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Choose the learner; forecast time, size and latency."""
    finish(opened(project, settings).run(to=Stage.PLAN, force=force), as_json)


@app.command(rich_help_panel=LOOP)
def learn(
    force: Force = False,
    find_rate: Annotated[
        bool,
        typer.Option(
            "--find-rate", help="Draw the loss while the rate rises, and propose one; learn nothing"
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the drawing of --find-rate goes, as SVG"),
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Learn the body of the function; a killed run resumes."""
    if out is not None and not find_rate:
        raise typer.BadParameter("--out goes with --find-rate")
    if find_rate:
        from modelwright.project.rates import rate_chart  # what draws is of no use to any other run

        if out is not None and out.suffix.lower() != rate_chart.SUFFIX:
            raise typer.BadParameter(f"--out writes SVG: let the name end in {rate_chart.SUFFIX}")
        if out is not None and out.is_dir():
            raise typer.BadParameter(f"--out names a folder: name a file in it, as {out / 'rates.svg'}")
        found = opened(project, settings).find_rate()
        finish(found, as_json)  # first: what was found is not lost where the file cannot be written
        if out is not None:
            rate_chart.write(found, out)
        return
    finish(opened(project, settings).run(to=Stage.LEARN, force=force), as_json)


@app.command(rich_help_panel=LOOP)
def package(
    force: Force = False, project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Export what was learned into the files that serve."""
    finish(opened(project, settings).run(to=Stage.PACKAGE, force=force), as_json)


@app.command(rich_help_panel=LOOP)
def evaluate(
    force: Force = False, project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Measure the package against every requirement."""
    finish(opened(project, settings).run(to=Stage.EVALUATE, force=force), as_json)


@app.command(rich_help_panel=SERVE)
def release(
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="The version [default: the newest]")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            metavar="NAME",
            help="How traffic moves: direct, blue-green, canary, shadow [default: release.strategy]",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Request nothing: say what holds it back, and the traffic it needs"),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show every decision until the release has ended")
    ] = False,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Roll a version out to users, gated.

    Every requirement that can be measured before traffic must be met; traffic decides on the others, step by step.
    With --follow, exit code 3 when the version is taken back.
    """
    if dry_run and follow:
        raise typer.BadParameter("give either --dry-run or --follow")
    here = opened(project, settings)
    finish(here.release(version=version, strategy=strategy, dry_run=dry_run), as_json)
    if follow and not here.follow_release(lambda line: typer.echo(line, err=as_json)):
        raise typer.Exit(Exit.GATE)


@app.command(rich_help_panel=LOOP)
def judge(
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAME",
            help="`champion` (the version in production), a version's number, a column of the test rows, such as "
            "the output itself (its truths), or a file of answers [default: evaluate.against]",
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option("--rows", metavar="N", min=1, help="Of the drawn rows, the first N [default: all]"),
    ] = None,
    judge_name: Annotated[
        str | None, typer.Option("--judge", metavar="NAME", help="Who judges [default: the user's name]")
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--browser", help="On a page for a browser on this machine, instead of in the terminal"),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws the rows, and the sides")] = 0,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="The version [default: the newest]")
    ] = None,
    project: ProjectPath = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Let people say which of two answers is better, blind.

    On test rows, which nobody is told whose answers they are. Every verdict is kept at once in judgements.jsonl beside
    the project file; the same command goes on where it was left. l, r, t and s answer, q leaves. See docs/judging.md.
    """
    from modelwright.cli.judging.judge_screen import judge_all, judge_in_browser

    found = opened(project, settings).blind_comparison(
        against, version=version, judge=judge_name or getpass.getuser(), rows=rows, seed=seed
    )
    with found as comparison:
        if browser:
            judge_in_browser(comparison)
        else:
            judge_all(comparison, sys.stderr if as_json else sys.stdout)
        report = comparison.report()
    finish(report, as_json)
