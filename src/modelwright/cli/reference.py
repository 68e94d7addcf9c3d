"""Writes the generated pages of docs/reference: `python -m modelwright.cli.reference [--check]`.

Every page is a pure function of the code, whatever the terminal, the clock or the machine. With --check
nothing is written: pages that are not current are shown as a diff, and the exit code is 1.
"""

from __future__ import annotations

import difflib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import modelwright
from modelwright.core.messages import catalog

PACKAGE = Path(modelwright.__file__).parent
PAGES = PACKAGE.parent.parent / "docs" / "reference"
COMMON = frozenset({"project", "settings", "as_json", "help"})  # options that every verb takes
SCREENS = ("list.", "problem.", "screen.", "word.")  # headings and words of tables are no messages
MADE = "<!-- Made by `python -m modelwright.cli.reference` from the code; edits are lost. -->"


def main() -> None:
    """Write the pages, or compare them with what the code says now."""
    check = "--check" in sys.argv[1:]
    stale = [name for name, text in pages().items() if not _current(name, text, check)]
    if stale and check:
        sys.exit(f"not current: {', '.join(stale)}. Next: python -m modelwright.cli.reference")
    print(f"docs/reference: {'current' if check else 'written'}")


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    from modelwright.project.declaration.json_schema import schema

    return {
        "project-file.md": _project_file(),
        "commands.md": _commands(),
        "metrics.md": _metrics(),
        "messages.md": _messages(),
        "kinds-and-learners.md": _kinds_and_learners(),
        "modelwright.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
    }


def _current(name: str, text: str, check: bool) -> bool:
    """Return whether a page is as it must be; write it unless only checking."""
    path = PAGES / name
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    if found == text:
        return True
    if check:
        lines = difflib.unified_diff(
            found.splitlines(), text.splitlines(), f"docs/reference/{name}", "what the code says", lineterm=""
        )
        print("\n".join(lines))
    else:
        PAGES.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return False


# -- the project file ---------------------------------------------------------------------------------------


def _project_file() -> str:
    from modelwright.project.declaration.json_schema import schema

    made = schema()
    return _page(
        "The project file",
        "`modelwright.yaml`. Paths are relative to it; an unknown key is an error; every key but `function` "
        "and `data` may be absent. [modelwright.schema.json](modelwright.schema.json) says it to an editor.",
        *_section(made, "", made["$defs"]),
    )


def _section(made: Mapping[str, Any], path: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of one section, then those of the sections inside it."""
    properties: Mapping[str, Mapping[str, Any]] = made.get("properties", {})
    required = made.get("required", ())
    rows = [
        (
            f"`{name}`",
            _type(value, definitions),
            "needed" if name in required else _default(value),
            value.get("description", ""),
        )
        for name, value in properties.items()
    ]
    yield _table(("key", "value", "default", ""), rows)
    for name, value in properties.items():
        for inner in _sections_in(value, definitions):
            below = f"{path}.{name}" if path else name
            yield f"{'#' * min(below.count('.') + 2, 4)} `{below}`"
            yield inspect.cleandoc(inner.get("description", ""))
            yield from _section(inner, below, definitions)


def _sections_in(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for branch in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
        if "$ref" in branch and "properties" in (found := definitions[branch["$ref"].rpartition("/")[2]]):
            yield found


def _type(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return in plain words what may stand there."""
    branches = value.get("anyOf") or value.get("oneOf")
    if branches:
        shown = [_type(branch, definitions) for branch in branches if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(shown))
    if "$ref" in value:
        found = definitions[value["$ref"].rpartition("/")[2]]
        return "a section" if "properties" in found else _type(found, definitions)
    if "enum" in value or "const" in value:
        return ", ".join(f"`{choice}`" for choice in value.get("enum", (value.get("const"),)))
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    match value.get("type"):
        case "array":
            return f"list of {_type(value.get('items', {}), definitions)}"
        case "object":
            inner = value.get("additionalProperties")
            return f"name: {_type(inner if isinstance(inner, Mapping) else {}, definitions)}"
        case other:
            return f"{words.get(str(other), 'any value')}{_bounds(value)}"


def _bounds(value: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    shown = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return f" ({', '.join(shown)})" if shown else ""


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default is None or default in ("", [], {}) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`" if not isinstance(default, str) else f"`{default}`"


# -- the command line ---------------------------------------------------------------------------------------


def _commands() -> str:
    import typer

    from modelwright.cli.typer_app import EXIT_CODES, PANELS
    from modelwright.cli.verbs import app

    group = typer.main.get_command(app)
    verbs: Mapping[str, Any] = group.commands  # type: ignore[attr-defined]
    parts: list[str] = []
    for panel in PANELS:
        parts.append(f"## {panel}")
        for name, verb in verbs.items():
            if verb.rich_help_panel == panel:
                parts += _verb(name, verb)
    common = next(verb for name, verb in verbs.items() if name == "check")
    return _page(
        "Commands",
        f"`modelwright` (short: `mw`). {EXIT_CODES}",
        "Every verb takes these, and `--help` (`new` takes no `--project` and no `--set`):",
        _options(common.params),
        *parts,
    )


def _verb(name: str, verb: Any) -> Iterator[str]:
    arguments = [one for one in verb.params if one.param_type_name == "argument"]
    own = [one for one in verb.params if one.name not in COMMON]
    yield f"### `{' '.join(['modelwright', name, *(str(one.metavar) for one in arguments)])}`"
    yield inspect.cleandoc(verb.help or "")
    yield _options(own)


def _options(params: Sequence[Any]) -> str:
    rows = [
        (
            f"`{one.metavar}`"
            if one.param_type_name == "argument"
            else f"`{', '.join(one.opts)}{f' {one.metavar}' if one.metavar else ''}`",
            one.help or "",
        )
        for one in params
    ]
    return _table(("", ""), rows)


# -- what the code names ------------------------------------------------------------------------------------


def _messages() -> str:
    rows = [
        (f"`{id_}`", *(_wordings(entry.get(part, ())) for part in catalog.PARTS))
        for id_, entry in sorted(catalog.entries(catalog.DEFAULT).items())
        if not id_.startswith(SCREENS)
    ]
    return _page(
        "Messages",
        "Every message has a stable id. It says what was found, the rule where that helps, and the next step. A "
        "name in braces stands for a value. Where a message is worded in several ways, which one is shown depends "
        "on the values. `--json` gives `id`, `found`, `rule`, `next` and `where` (the place in a file).",
        _table(("id", "found", "rule", "next"), rows),
    )


def _wordings(wordings: Sequence[catalog.Alternative]) -> str:
    return " · ".join(one.text for one in wordings if one.text)


def _metrics() -> str:
    from modelwright import outcomes

    rows = [
        (
            f"`{metric.name}{'[class]' if metric.per_class else '[input]' if metric.per_input else ''}`",
            metric.summary,
            metric.better,
            str(metric.unit),
            ", ".join(sorted(phase.value for phase in metric.phases)),
            metric.interval,
        )
        for metric in sorted(outcomes.metrics(), key=lambda one: one.name)
    ]
    return _page(
        "Metrics",
        "What a requirement may name. A metric says which way is better, its unit, and where it is measured.",
        _table(("metric", "what is measured", "better", "unit", "measured in", "interval"), rows),
    )


def _kinds_and_learners() -> str:
    from modelwright import kinds, learners

    shown = [
        (f"`{name}`", ", ".join(sorted(kinds.value(name).roles)), kinds.value(name).summary)
        for name in kinds.names()
    ]
    parts = ["## Kinds", _table(("kind", "as", ""), shown), "## Learners"]
    for name in learners.names():
        spec = learners.spec(name)
        parts += [f"### `{name}`", spec.summary]
        for section, model in (("model", spec.Options), ("learn", spec.Training)):
            made = model.model_json_schema()
            if made.get("properties"):
                tables = list(_section(made, section, made.get("$defs", {})))
                # learners share the sections of `learn:`, which stand in the page of the project file
                parts += [f"Its keys of `{section}`:", *(tables if section == "model" else tables[:1])]
    return _page("Kinds and learners", "The types of a signature, and the ways to learn a body.", *parts)


# -- Markdown -----------------------------------------------------------------------------------------------


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"{MADE}\n# {title}", *(part for part in parts if part))) + "\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _first(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n\n")[0]


if __name__ == "__main__":
    main()
