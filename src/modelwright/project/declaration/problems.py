"""Says in plain words what pydantic found wrong: where, what is expected, what is there, what to write."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from modelwright.core.messages import Problem, did_you_mean
from modelwright.project.declaration.yaml_lines import Path, dotted

Where = Callable[[Path], str | None]

# What a value must be, by pydantic's error type (https://docs.pydantic.dev/latest/errors/validation_errors/).
_SHAPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "nothing",
    "dict_type": "a mapping (`key: value`)",
    "mapping_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "model_attributes_type": "a mapping (`key: value`)",
    "dataclass_type": "a mapping (`key: value`)",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "path_type": "a path",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_FOUND = re.compile(r"; found (.*?)(?=\. |$)", re.DOTALL)


def problems(
    errors: Sequence[ErrorDetails], value: Any, model: type[BaseModel], where: Where
) -> Iterator[Problem]:
    """Yield one problem for each thing that is wrong in `value`, which `model` refused with `errors`."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        by_path.setdefault(path_of(error, value), []).append(error)
    for path, found in by_path.items():
        yield from _at(path, _relevant(path, found, by_path), value, model, where)


def path_of(error: ErrorDetails, value: Any) -> Path:
    """Return where an error lies in the data; the names of union branches in `loc` are left out."""
    path: list[str | int] = []
    here = value
    last = len(error["loc"]) - 1
    for place, part in enumerate(error["loc"]):
        if _holds(here, part):
            here = here[part]
        elif error["type"] != "missing" or place != last:
            continue
        path.append(part)
    return tuple(path)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)


def show(value: Any) -> str:
    """Return a value as a message shows it."""
    match value:
        case None:
            shown = "nothing"
        case bool():
            shown = "true" if value else "false"
        case str():
            shown = f"the text '{value[:60]}{'…' if len(value) > 60 else ''}'" if value else "an empty text"
        case int() | float():
            shown = f"the number {value}"
        case Mapping():
            shown = f"a mapping with {', '.join(f'`{key}`' for key in list(value)[:5]) or 'no keys'}"
        case list() | tuple():
            shown = f"a list of {len(value)}"
        case _:
            shown = f"a {type(value).__name__}"
    return shown


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models that an annotation (`str | Split | None`) lets stand there."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType):
        for branch in get_args(annotation):
            yield from models_of(branch)


def model_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    """Return the models that may stand at a path below `model`."""
    found = [model]
    for part in path:
        found = [
            inner
            for outer in found
            if isinstance(part, str) and part in outer.model_fields
            for inner in models_of(outer.model_fields[part].annotation)
        ]
    return found


def description(model: type[BaseModel], path: Path) -> str | None:
    """Return the description of the field at a path, or None where there is none."""
    for outer in model_at(model, path[:-1]) if path else ():
        field = outer.model_fields.get(str(path[-1]))
        if field is not None and field.description:
            return field.description
    return None


def _relevant(path: Path, found: list[ErrorDetails], by_path: Mapping[Path, object]) -> list[ErrorDetails]:
    """Leave out the branches of a union that the value was not meant for."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in by_path)
    particular = [error for error in found if error["type"] not in _SHAPES]
    return particular if deeper or particular else found


def _at(
    path: Path, errors: list[ErrorDetails], value: Any, model: type[BaseModel], where: Where
) -> Iterator[Problem]:
    shapes = [_SHAPES[error["type"]] for error in errors if error["type"] in _SHAPES]
    if shapes:
        wanted = " or ".join(dict.fromkeys(shapes))
        found = show(errors[0]["input"])
        yield _wrong(path, f"`{dotted(path)}` is {wanted}", found, model, where, f"write {wanted}")
        return
    for error in errors:
        match error["type"]:
            case "extra_forbidden":
                yield _unknown(path, model, where)
            case "missing":
                yield _missing(path, model, where)
            case "literal_error" | "enum":
                yield _choice(path, error, model, where)
            case "value_error":
                rule, found, step = _validator_said(path, error)
                yield _wrong(path, rule, found, model, where, step)
            case _:
                rule, step = _sentence(path, error)
                yield _wrong(path, rule, show(error["input"]), model, where, step)


def _validator_said(path: Path, error: ErrorDetails) -> tuple[str, str, str]:
    """Return rule, finding and next step of a section's own validator: `RULE[; found X][. NEXT STEP]`."""
    said = str(error.get("ctx", {}).get("error", error["msg"]))
    found = _FOUND.search(said)
    rule, _, step = _FOUND.sub("", said).partition(". ")
    if not rule.startswith("`"):
        joined = " " if rule.startswith(("must ", "is ", "has ", "needs ")) else ": "
        rule = f"`{dotted(path)}`{joined}{rule}"
    return rule, found[1] if found else show(error["input"]), step or "change it so that this holds"


def _unknown(path: Path, model: type[BaseModel], where: Where) -> Problem:
    key, above = str(path[-1]), path[:-1]
    known = sorted({name for outer in model_at(model, above) for name in outer.model_fields})
    near = did_you_mean(key, known)
    homes = [
        f"`{name}.{key}`" for name in model.model_fields if key in _keys(model, name) and (name,) != above
    ]
    if homes:
        step = f"did you mean {' or '.join(homes)}?"
    elif near:
        step = f"did you mean '{near}'?"
    else:
        step = f"remove it; known here: {', '.join(known)}"
    section = f"the section `{dotted(above)}`" if above else "the project file"
    return Problem(
        "project.unknown-key", f"{section} takes known keys only", f"`{dotted(path)}`", step, where(path)
    )


def _keys(model: type[BaseModel], section: str) -> set[str]:
    return {
        name for inner in models_of(model.model_fields[section].annotation) for name in inner.model_fields
    }


def _missing(path: Path, model: type[BaseModel], where: Where) -> Problem:
    above = path[:-1]
    section = f"the section `{dotted(above)}`" if above else "the project file"
    told = description(model, path)
    return Problem(
        "project.missing-key",
        f"{section} needs the key `{path[-1]}`",
        "none",
        f"add `{path[-1]}:`" + (f" {told}" if told else ""),
        where(above),
    )


def _choice(path: Path, error: ErrorDetails, model: type[BaseModel], where: Where) -> Problem:
    expected = str(error.get("ctx", {}).get("expected", ""))
    choices = re.findall(r"'([^']*)'", expected)
    near = did_you_mean(error["input"], choices) if isinstance(error["input"], str) else None
    step = f"did you mean '{near}'?" if near else f"write one of {', '.join(choices)}"
    rule = f"`{dotted(path)}` is one of {', '.join(choices)}"
    return _wrong(path, rule, show(error["input"]), model, where, step)


def _sentence(path: Path, error: ErrorDetails) -> tuple[str, str]:
    """Return rule and next step of an error about a value of the right type."""
    name, context = f"`{dotted(path)}`", error.get("ctx", {})
    if error["type"] in _BOUNDS:
        key, word = _BOUNDS[error["type"]]
        return f"{name} is {word} {context[key]:g}", f"write a number {word} {context[key]:g}"
    if error["type"] in ("too_short", "string_too_short"):
        return f"{name} is not empty" if context.get("min_length") == 1 else f"{name} is longer", "write more"
    if error["type"] in ("too_long", "string_too_long"):
        return f"{name} has at most {context.get('max_length')} parts", "write fewer"
    if error["type"] == "string_pattern_mismatch":
        return f"{name} has the form {context['pattern']}", "write it in that form"
    message = error["msg"]
    return f"{name}: {message[:1].lower()}{message[1:]}", "write another value"


def _wrong(path: Path, rule: str, found: str, model: type[BaseModel], where: Where, step: str) -> Problem:
    told = None if step.endswith("?") or model_at(model, path) else description(model, path)
    return Problem("project.bad-value", rule, found, f"{step}: {told}" if told else step, where(path))
