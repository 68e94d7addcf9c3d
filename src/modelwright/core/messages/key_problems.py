"""Says in plain words what pydantic found wrong: where, what is expected, what is there, what to write."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from modelwright.core.messages.message import Phrase, Problem, ValueProblem
from modelwright.core.messages.near import did_you_mean
from modelwright.core.messages.shown import shown

Path = tuple[str | int, ...]
"""The keys and positions that lead to a value, from the root of what was read."""

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


def dotted(path: Path) -> str:
    """Return a path as it is written: `data.columns.question`, `data.keep[0]`."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else part
    return shown


def problems(
    errors: Sequence[ErrorDetails], value: object, model: type[BaseModel], where: Where
) -> Iterator[Problem]:
    """Yield one problem for each thing that is wrong in `value`, which `model` refused with `errors`."""
    for path, problem in with_paths(errors, value, model):
        yield problem.at(where(path))


def with_paths(
    errors: Sequence[ErrorDetails], value: object, model: type[BaseModel]
) -> Iterator[tuple[Path, Problem]]:
    """Yield each problem of `problems` with the path whose line it belongs to: of a missing key, what lacks it."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        by_path.setdefault(path_of(error, value), []).append(error)
    for path, found in by_path.items():
        yield from _at(path, _relevant(path, found, by_path), found, model)


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


def plain_number(bound: float) -> str:
    """Return a bound as a file holds it: a whole number with all its digits."""
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def models_of(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models that an annotation (`str | Split | None`) lets stand there."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType):
        for branch in get_args(annotation):
            yield from models_of(branch)
    elif get_origin(annotation) is Annotated:
        yield from models_of(get_args(annotation)[0])


def model_at(model: type[BaseModel], path: Path, tags: Container[object] = ()) -> list[type[BaseModel]]:
    """Return the models that may stand at a path below `model`.

    tags: of unions that a key tells apart (`type: words`), the branches that were meant; all, where none is.
    """
    found: list[object] = [model]  # annotations
    for part in path:
        found = [inner for outer in found for inner in _below(outer, part)]
    models = [one for annotation in found for one in models_of(annotation)]
    return [one for one in models if any(tag in tags for tag in _tags_of(one))] or models


def _below(annotation: object, part: str | int) -> Iterator[object]:
    """Yield the annotations of what stands at a key or a position of a value."""
    for one in models_of(annotation):
        if part in one.model_fields:
            yield one.model_fields[str(part)].annotation
    branches = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for branch in branches:
        if get_origin(branch) is dict:
            yield get_args(branch)[1]


def _tags_of(model: type[BaseModel]) -> Iterator[object]:
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal:
            yield from get_args(field.annotation)


def description(model: type[BaseModel], path: Path, tags: Container[object] = ()) -> str | None:
    """Return the description of the field at a path, or None where there is none; tags: as in `model_at`."""
    for outer in model_at(model, path[:-1], tags) if path else ():
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
) -> Iterator[tuple[Path, Problem]]:
    """Yield the problems of a path; found: what every branch of a union says, errors: those that count."""
    shapes = [_SHAPES[error["type"]] for error in errors if error["type"] in _SHAPES]
    if shapes and (renamed := _renamed(path, model)):  # a value where a section stands now
        yield path, renamed
        return
    if shapes:
        yield path, _misshapen(path, shapes, errors[0]["input"], model, errors[0]["loc"])
        return
    # a key that takes words beside true and false says so too
    others = ["true", "false"] if any(one["type"] in {"bool_parsing", "bool_type"} for one in found) else []
    for error in errors:
        match error["type"]:
            case "extra_forbidden":
                yield path, _unknown(path, model, error["loc"])
            case "missing":
                yield path[:-1], _missing(path, model)
            case "union_tag_not_found":
                tag = (*path, *_tag_key(error))
                yield path, _missing(tag, model, _choices_of(tag, model))
            case "union_tag_invalid":
                tagged = (*path, *_tag_key(error))
                yield tagged, _refused(tagged, error, model, others)
            case _:
                yield path, _refused(path, error, model, others)


def _misshapen(
    path: Path, shapes: Sequence[str], given: object, model: type[BaseModel], tags: Container[object]
) -> Problem:
    wanted = [Phrase("project.shape", shape=shape) for shape in dict.fromkeys(shapes)]
    return Problem(
        "project.bad-value",
        path=dotted(path),
        given=shown(given),
        wanted=wanted[0],
        other=wanted[1] if len(wanted) > 1 else None,
        help=_help(path, model, tags),
    )


def _help(path: Path, model: type[BaseModel], tags: Container[object]) -> str | None:
    """Return what the reference says about a key; nothing about a section."""
    return None if model_at(model, path) else description(model, path, tags)


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


def _tag_key(error: ErrorDetails) -> Path:
    """Return the key by which a union tells its branches apart."""
    return tuple(_QUOTED.findall(str(error.get("ctx", {}).get("discriminator"))))


def _unknown(path: Path, model: type[BaseModel], tags: Container[object]) -> Problem:
    key, above = str(path[-1]), path[:-1]
    known = sorted({name for outer in model_at(model, above, tags) for name in outer.model_fields})
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


def _missing(path: Path, model: type[BaseModel], choices: Sequence[object] = ()) -> Problem:
    return Problem(
        "project.missing-key",
        path=dotted(path),
        key=str(path[-1]),
        help=description(model, path),
        choices=choices or None,
    )


def _choices_of(path: Path, model: type[BaseModel]) -> list[object]:
    """Return the words that a key of a union's branches takes, of all branches together."""
    fields = [one.model_fields.get(str(path[-1])) for one in model_at(model, path[:-1])]
    return [word for one in fields if one is not None for word in get_args(one.annotation)]


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
        "help": _help(path, model, error["loc"]),
    }
    if error["type"] in ("literal_error", "enum"):
        choices = _QUOTED.findall(str(context.get("expected", "")))
        near = did_you_mean(error["input"], choices) if isinstance(error["input"], str) else None
        values |= {"choices": [*choices, *others], "near": near}
    elif error["type"] == "union_tag_invalid":
        choices = _QUOTED.findall(str(context["expected_tags"]))
        near = did_you_mean(str(context["tag"]), choices)
        values |= {"given": shown(context["tag"]), "choices": choices, "near": near}
    elif error["type"] == "multiple_of":
        values |= {"multiple": context["multiple_of"]}
    elif error["type"] in _BOUNDS:
        key, sign = _BOUNDS[error["type"]]
        values |= {"bound": f"{sign} {plain_number(context[key])}"}
    elif error["type"] in ("too_short", "string_too_short"):
        values |= {"least": context.get("min_length")}
    elif error["type"] in ("too_long", "string_too_long"):
        values |= {"most": context.get("max_length")}
    elif error["type"] == "string_pattern_mismatch":
        values |= {"forms": examples(model, path) or None, "pattern": context["pattern"]}
    else:
        values |= {"error": str(own or error["msg"])}
    return Problem("project.bad-value", where=None, **values)
