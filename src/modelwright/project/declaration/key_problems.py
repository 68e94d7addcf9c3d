"""Says in plain words what pydantic found wrong: where, what is expected, what is there, what to write."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from modelwright.core.messages import Phrase, Problem, ValueProblem, did_you_mean, shown
from modelwright.project.declaration.yaml_lines import Path, dotted

Where = Callable[[Path], str | None]

# The shape that a value must have, by pydantic's error type
# (https://docs.pydantic.dev/latest/errors/validation_errors/); the catalogue has their words, `project.shape`.
_SHAPES = {
    "string_type": "words",
    "int_type": "whole",
    "int_parsing": "whole",
    "int_parsing_size": "whole",
    "int_from_float": "whole",
    "float_type": "numeral",
    "float_parsing": "numeral",
    "finite_number": "finite",
    "bool_type": "truth",
    "bool_parsing": "truth",
    "none_required": "nothing",
    "dict_type": "mapping",
    "mapping_type": "mapping",
    "model_type": "mapping",
    "model_attributes_type": "mapping",
    "dataclass_type": "mapping",
    "list_type": "sequence",
    "tuple_type": "sequence",
    "set_type": "sequence",
    "frozen_set_type": "sequence",
    "path_type": "path",
}
_BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}
_QUOTED = re.compile(r"'([^']*)'")


def problems(
    errors: Sequence[ErrorDetails], value: object, model: type[BaseModel], where: Where
) -> Iterator[Problem]:
    """Yield one problem for each thing that is wrong in `value`, which `model` refused with `errors`."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        by_path.setdefault(path_of(error, value), []).append(error)
    for path, found in by_path.items():
        yield from _at(path, _relevant(path, found, by_path), found, model, where)


def path_of(error: ErrorDetails, value: object) -> Path:
    """Return where an error lies in the data; the names of union branches in `loc` are left out."""
    path: list[str | int] = []
    here: Any = value
    last = len(error["loc"]) - 1
    for place, part in enumerate(error["loc"]):
        if _holds(here, part):
            here = here[part]
        elif error["type"] != "missing" or place != last:
            continue
        path.append(part)
    return tuple(path)


def _holds(value: object, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)


def models_of(annotation: object) -> Iterator[type[BaseModel]]:
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


def examples(model: type[BaseModel], path: Path) -> list[str]:
    """Return what the field at a path names as values that it takes, none where it names none."""
    fields = [outer.model_fields.get(str(path[-1])) for outer in model_at(model, path[:-1])] if path else []
    return [str(one) for field in fields if field is not None for one in _examples(field)]


def _examples(part: object) -> Iterator[object]:
    """Yield the examples of a field, or of what its annotation (`Device | None`) is made of."""
    if isinstance(part, FieldInfo):
        yield from part.examples or _examples(part.annotation)
    else:
        for inner in get_args(part):
            yield from _examples(inner)


def _relevant(path: Path, found: list[ErrorDetails], by_path: Mapping[Path, object]) -> list[ErrorDetails]:
    """Leave out the branches of a union that the value was not meant for."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in by_path)
    particular = [error for error in found if error["type"] not in _SHAPES]
    return particular if deeper or particular else found


def _at(
    path: Path,
    errors: list[ErrorDetails],
    found: list[ErrorDetails],
    model: type[BaseModel],
    where: Where,
) -> Iterator[Problem]:
    """Yield the problems of a path; found: what every branch of a union says, errors: those that count."""
    shapes = [_SHAPES[error["type"]] for error in errors if error["type"] in _SHAPES]
    if shapes and (renamed := _renamed(path, model)):  # a value where a section stands now
        yield renamed.at(where(path))
        return
    if shapes:
        yield _misshapen(path, shapes, errors[0]["input"], model).at(where(path))
        return
    # a key that takes words beside true and false says so too
    others = ["true", "false"] if any(one["type"] == "bool_parsing" for one in found) else []
    for error in errors:
        match error["type"]:
            case "extra_forbidden":
                yield _unknown(path, model).at(where(path))
            case "missing":
                yield _missing(path, model).at(where(path[:-1]))
            case _:
                yield _refused(path, error, model, others).at(where(path))


def _misshapen(path: Path, shapes: Sequence[str], given: object, model: type[BaseModel]) -> Problem:
    wanted = [Phrase("project.shape", shape=shape) for shape in dict.fromkeys(shapes)]
    return Problem(
        "project.bad-value",
        path=dotted(path),
        given=shown(given),
        wanted=wanted[0],
        other=wanted[1] if len(wanted) > 1 else None,
        help=_help(path, model),
    )


def _help(path: Path, model: type[BaseModel]) -> str | None:
    """Return what the reference says about a key; nothing about a section."""
    return None if model_at(model, path) else description(model, path)


def _renamed(path: Path, model: type[BaseModel]) -> Problem | None:
    """Return the problem of a key that stands elsewhere now, as its model's `renamed` says."""
    if not path:
        return None
    key, above = str(path[-1]), path[:-1]
    for outer in model_at(model, above):
        renamed: Mapping[str, str] = getattr(outer, "renamed", {})
        if key in renamed:
            return Problem("project.renamed-key", path=dotted(path), now=dotted((*above, renamed[key])))
    return None


def _unknown(path: Path, model: type[BaseModel]) -> Problem:
    key, above = str(path[-1]), path[:-1]
    known = sorted({name for outer in model_at(model, above) for name in outer.model_fields})
    homes = [f"{name}.{key}" for name in model.model_fields if key in _keys(model, name) and (name,) != above]
    if renamed := _renamed(path, model):
        return renamed
    return Problem(
        "project.unknown-key",
        path=dotted(path),
        homes=homes or None,
        near=did_you_mean(key, known),
        known=known,
    )


def _keys(model: type[BaseModel], section: str) -> set[str]:
    return {
        name for inner in models_of(model.model_fields[section].annotation) for name in inner.model_fields
    }


def _missing(path: Path, model: type[BaseModel]) -> Problem:
    return Problem("project.missing-key", path=dotted(path), key=str(path[-1]), help=description(model, path))


def _refused(path: Path, error: ErrorDetails, model: type[BaseModel], others: Sequence[str]) -> Problem:
    """Return the problem of a value that has the right type: a bound, a choice, or a section's own rule.

    others: choices that are no words.
    """
    context = error.get("ctx", {})
    own = context.get("error")
    if isinstance(own, ValueProblem):
        step = own.message.next_step or None
        return Problem("project.bad-value", path=dotted(path), reason=own.message, step=step)
    values: dict[str, object] = {
        "path": dotted(path),
        "given": shown(error["input"]),
        "help": _help(path, model),
    }
    if error["type"] in ("literal_error", "enum"):
        choices = _QUOTED.findall(str(context.get("expected", "")))
        near = did_you_mean(error["input"], choices) if isinstance(error["input"], str) else None
        values |= {"choices": [*choices, *others], "near": near}
    elif error["type"] in _BOUNDS:
        key, sign = _BOUNDS[error["type"]]
        values |= {"bound": f"{sign} {context[key]:g}"}
    elif error["type"] in ("too_short", "string_too_short"):
        values |= {"least": context.get("min_length")}
    elif error["type"] in ("too_long", "string_too_long"):
        values |= {"most": context.get("max_length")}
    elif error["type"] == "string_pattern_mismatch":
        values |= {"forms": examples(model, path) or None, "pattern": context["pattern"]}
    else:
        values |= {"error": str(own or error["msg"])}
    return Problem("project.bad-value", where=None, **values)
