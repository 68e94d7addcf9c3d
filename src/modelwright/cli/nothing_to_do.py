"""A run with nothing to do, answered before the command line is parsed in full.

Parsing with Typer alone costs as much as the whole answer may (a pydantic model of every option), so
the plain form of `run` is read here. Any other form, and any run with something to do, takes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelwright.project.declaration.find import FILE_NAME, nearest
from modelwright.project.loop.stage_names import RELEASE


def answer(arguments: Sequence[str]) -> int | None:
    """Print what the last run printed and return its exit code; None when it must be made in full."""
    words = _read(arguments)
    if words is None:
        return None
    named = words.get("--project")
    file = nearest(Path.cwd()) if named is None else Path(named[-1])
    if file is not None and file.is_dir():
        file /= FILE_NAME
    if file is None:
        return None
    from modelwright.project.loop import last_run

    result = last_run.read(file, words.get("--to", [RELEASE])[-1], words.get("--set", ()))
    if result is None:
        return None
    from modelwright.cli.output import print_result

    print_result(result, as_json="--json" in words)
    return result.exit_code


def _read(arguments: Sequence[str]) -> dict[str, list[str]] | None:
    """Return the values by option of a plain `run [--to X] [--project X] [--set X]… [--json]`, or None."""
    if not arguments or arguments[0] != "run":
        return None
    words: dict[str, list[str]] = {}
    rest = iter(arguments[1:])
    for word in rest:
        option, equals, value = word.partition("=")
        if word == "--json":
            words["--json"] = []
        elif option in ("--to", "--project", "--set"):
            given = value if equals else next(rest, None)
            if given is None:
                return None
            words.setdefault(option, []).append(given)
        else:
            return None
    return words
