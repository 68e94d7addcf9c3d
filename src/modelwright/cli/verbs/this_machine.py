"""Verbs for this machine: doctor, gc."""

from __future__ import annotations

from pathlib import Path

from modelwright.cli.typer_app import MACHINE, AsJson, ProjectPath, Settings, app, finish, opened


@app.command(rich_help_panel=MACHINE)
def doctor(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Say what is missing on this machine; works without a project."""
    from modelwright.project.declaration.find import nearest

    here = Path.cwd()
    if project is None and nearest(here) is None:
        from modelwright.project.results import doctor as doctor_result

        finish(doctor_result.doctor(here), as_json)
    else:
        finish(opened(project, settings).doctor(), as_json)


@app.command(rich_help_panel=MACHINE)
def gc(project: ProjectPath = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Free space: remove what no version and no run needs."""
    finish(opened(project, settings).gc(), as_json)
