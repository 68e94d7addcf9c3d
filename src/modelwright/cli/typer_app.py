"""The Typer app, the options that every verb takes, and how its help is laid out.

Nothing heavy is imported here: `modelwright --help` must answer at once. A verb imports what it calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from modelwright.core.exit_codes import Exit

if TYPE_CHECKING:
    from modelwright.cli.output import Printable
    from modelwright.project import Project

START = "Start here"
LOOP = "Round the loop, up to one stage"
SERVE = "In production"
HISTORY = "History, and back"
MACHINE = "This machine"
PANELS = (START, LOOP, SERVE, HISTORY, MACHINE)

EXIT_CODES = (
    f"Exit codes: {Exit.DONE} done; {Exit.FIXABLE} something you can fix; {Exit.USAGE} wrong usage; {Exit.GATE} a "
    f"requirement is unmet or inconclusive; {Exit.INTERNAL} an internal error; {Exit.INTERRUPTED} interrupted."
)

EPILOG = f"""
The first three commands:

\b
  modelwright new my-project --from insurance-routing
  cd my-project && modelwright check
  modelwright run

{EXIT_CODES} `modelwright VERB --help` explains a verb. MODELWRIGHT_LANG=zh, or the
locale, shows messages in Chinese.
"""

ProjectPath = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="PATH", help="The project file or its folder [default: the nearest one upwards]"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the project file for this run: --set learn.seed=1 (repeat)"
    ),
]
Version = Annotated[
    int | None,
    typer.Option("--version", metavar="N", help="The version [default: the one in production]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs")]


class _Grouped(TyperGroup):
    """Lists the verbs under headings, and keeps the epilogue's lines."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section a heading, in the order in which the verbs are declared."""
        panels: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        verbs = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        widest = max(map(len, verbs), default=0)
        for name, verb in verbs.items():
            if verb is not None and not verb.hidden:
                limit = max(formatter.width - 6 - widest, 20)
                row = (name.ljust(widest), verb.get_short_help_str(limit))
                panels[getattr(verb, "rich_help_panel", MACHINE)].append(row)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the epilogue; a paragraph that begins with \\b keeps its lines."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write_text(self.epilog.strip())


# No Rich in the help: importing it costs as much as the whole answer may take.
app = typer.Typer(
    name="modelwright",
    cls=_Grouped,
    help="Make a learned program a function with a typed signature and requirements, and take it round the "
    "whole loop: data, plan, learn, package, evaluate, release, serve, monitor.",
    epilog=EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=True,
)


def _version(wanted: bool) -> None:
    if wanted:
        from modelwright import __version__

        typer.echo(f"modelwright {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave")
    ] = False,
) -> None:
    pass


def opened(project: Path | None, settings: list[str] | None) -> Project:
    """Return the project that `--project` names, or the nearest upwards, with `--set` applied."""
    from modelwright.cli.progress_bars import shown
    from modelwright.project.declaration.find import find

    path = project or find(Path.cwd())
    from modelwright.project import Project

    return Project(path, tuple(settings or ()), progress=shown())


def finish(result: Printable, as_json: bool) -> None:
    """Print a result, as a table or as JSON, and leave with its exit code."""
    from modelwright.cli.output import print_result

    print_result(result, as_json=as_json)
    code = getattr(result, "exit_code", 0)
    if code:
        raise typer.Exit(code)
