"""Whether the section `model:` names a learner and options that there are, with values that they take.

Only specifications are read, so `check` can ask without a framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from modelwright import learners
from modelwright.core.messages import Problem, ValueProblem, did_you_mean, key_problems
from modelwright.core.signature import Signature

PRETRAINED = "pretrained"
COMMON_KEYS = frozenset({"learner", PRETRAINED})  # of `model:`; all others are a learner's own

Found = tuple[key_problems.Path, Problem]
"""A problem, and the keys that lead to it in the project file: `("model", "leaves")`."""

_OF_VALUES = {"plan.bad-option", "project.bad-value", "project.missing-key", "project.unknown-key"}
_SIGNS: Mapping[type, tuple[str, str]] = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


def option_problems(model: Mapping[str, object], allowed: Sequence[str] | None = None) -> list[Found]:
    """Return everything wrong with the names and values of `model:` and with the names in `plan.learners`.

    model: the section as it was read, `learner` and `pretrained` among it; allowed: `plan.learners`, None where
    it is not given. Where no learner is named, a key is known if any allowed learner has it, and a value is
    refused if every learner that has the key refuses it. Each problem comes with its path, for its line.
    """
    problems = list(_name_problems(model.get("learner"), allowed))
    if problems:
        return problems
    named = model.get("learner")
    candidates = (named,) if isinstance(named, str) else tuple(allowed or learners.names())
    common = COMMON_KEYS - (
        {PRETRAINED} if _reads_weights(named) and model.get(PRETRAINED) is not None else set()
    )
    given = {key: value for key, value in model.items() if key not in common}
    known = sorted({key for name in candidates for key in learners.spec(name).Options.model_fields})
    problems += [(("model", key), _unknown(key, known, candidates)) for key in given if key not in known]
    for name in candidates:
        problems += _refused(name, given, problems)
    return [one for one in problems if not _taken_by_another(one, given, candidates)]


def unknown_outputs(signature: Signature, weights: Mapping[str, float]) -> Iterator[Problem]:
    """Yield what is wrong with the names of `model.weights`: each is an output."""
    known = {field.name for field in signature.outputs}
    if unknown := sorted(set(weights) - known):
        named = ", ".join(f"`{name}`" for name in unknown)
        yield Problem("model.unknown-output", unknown=named, outputs=", ".join(sorted(known)))


def value_problems(
    learner: str, options: type[BaseModel], given: Mapping[str, object], error: ValidationError
) -> Iterator[Found]:
    """Yield what pydantic found in the options of one learner: of an option, with its range and its default.

    A rule of the learner's own is said in its own words, at its option; one that looks at several, at `model`.
    """
    within: list[ErrorDetails] = []
    for one in error.errors(include_url=False):
        own = isinstance(one.get("ctx", {}).get("error"), ValueProblem)
        if own or len(one["loc"]) != 1 or one["type"].startswith("union_tag"):
            within.append({**one, "loc": ("model", *one["loc"])})
        elif one["type"] == "extra_forbidden":
            key = str(one["loc"][0])
            yield ("model", key), _unknown(key, sorted(options.model_fields), (learner,))
        else:
            yield ("model", *one["loc"]), _bad_value(learner, options, one)
    section = create_model("Section", model=(options, ...))
    yield from key_problems.with_paths(within, {"model": given}, section)


def _name_problems(named: object, allowed: Sequence[str] | None) -> Iterator[Found]:
    known = learners.names()
    for place, name in enumerate(allowed or ()):
        if name not in known:
            near = did_you_mean(name, known)
            yield (
                ("plan", "learners", place),
                Problem("plan.unknown-learner", name=name, near=near, known=known),
            )
    if not isinstance(named, str):
        return
    if named not in known:
        near = did_you_mean(named, known)
        problem = Problem("project.unknown-learner", learner=named, near=near, names=known)
        yield ("model", "learner"), problem
    elif allowed is not None and named not in allowed:
        yield ("plan", "learners"), Problem("plan.learner-not-allowed", name=named, allowed=allowed)


def _reads_weights(named: object) -> bool:
    """Tell whether the learner of the project reads itself what `model.pretrained` names."""
    return isinstance(named, str) and PRETRAINED in learners.spec(named).Options.model_fields


def _refused(name: str, given: Mapping[str, object], known: Sequence[Found]) -> Iterator[Found]:
    """Yield the values that one learner does not take, of the keys that it has; each path once."""
    options = learners.spec(name).Options
    own = {key: value for key, value in given.items() if key in options.model_fields}
    try:
        options.model_validate(own)
    except ValidationError as error:
        paths = {path for path, _ in known}
        yield from (one for one in value_problems(name, options, own, error) if one[0] not in paths)


def _taken_by_another(found: Found, given: Mapping[str, object], candidates: Sequence[str]) -> bool:
    """Tell whether another candidate has the key that a problem is about, and takes its value."""
    path, problem = found
    if problem.id not in _OF_VALUES:
        return False
    keys = (
        {str(path[1])} if len(path) > 1 else set(given)
    )  # a rule of several options is about all that are given
    for name in candidates:
        # beside all others: whether one option is taken can depend on another
        paths = [other for other, _ in _refused(name, given, ())]
        known = keys <= set(learners.spec(name).Options.model_fields)
        if known and not any(len(other) == 1 or other[1] in keys for other in paths):
            return True
    return False


def _unknown(key: str, known: Sequence[str], candidates: Sequence[str]) -> Problem:
    for name in candidates:
        if (now := learners.spec(name).moved.get(key)) is not None:
            return Problem("project.renamed-key", path=f"model.{key}", now=now)
    keys = sorted({*known, *COMMON_KEYS})
    near = did_you_mean(key, keys)
    return Problem("project.unknown-option", key=key, learners=candidates, near=near, known=keys)


def _bad_value(learner: str, options: type[BaseModel], error: ErrorDetails) -> Problem:
    name = str(error["loc"][0])
    key = ".".join(map(str, ("model", *error["loc"])))
    field = options.model_fields[name]
    choices = _choices(field.annotation)
    kind = error["type"]
    wanted = kind.partition("_")[0]  # `int_parsing` and `int_type` wanted an int
    default = field.get_default(call_default_factory=True)
    return Problem(
        "plan.bad-option",
        key=key,
        shown=repr(error["input"])[:80],
        learner=learner,
        range=limits(field, name) if kind.startswith(("greater", "less")) else None,
        choices=choices if kind.startswith("literal") else None,
        whole=wanted == "int",
        number=wanted in {"float", "finite"},
        flag=wanted == "bool",
        text=wanted == "string",
        mapping=wanted in {"dict", "model"},
        list=wanted in {"list", "tuple"},
        multiple=error.get("ctx", {}).get("multiple_of"),
        reason=refusal(error),
        default="{}" if isinstance(default, BaseModel) else "null" if default is None else str(default),
    )


def refusal(error: ErrorDetails) -> str:
    """Return why a value was refused: in the words of the section itself, where it has a rule of its own."""
    own = error.get("ctx", {}).get("error")
    return own.found if isinstance(own, ValueProblem) else str(own or error["msg"])


def limits(field: FieldInfo, name: str) -> str | None:
    """Return a field's range as `2 ≤ leaves ≤ 4096`, None where it has none."""
    low = high = ""
    for one in _constraints(field):
        attribute, sign = _SIGNS[type(one)]
        bound = key_problems.plain_number(getattr(one, attribute))
        if isinstance(one, Ge | Gt):
            low = bound + {"≥": " ≤ ", ">": " < "}[sign]
        else:
            high = f" {sign} {bound}"
    return f"{low}{name}{high}" if low or high else None


def _constraints(field: FieldInfo) -> Iterator[Ge | Gt | Le | Lt]:
    """Yield the bounds of a field, also of one whose type is `Annotated[…] | None`."""
    inner = [part for one in get_args(field.annotation) for part in getattr(one, "__metadata__", ())]
    for one in (*field.metadata, *inner):
        nested = one.metadata if isinstance(one, FieldInfo) else (one,)
        yield from (bound for bound in nested if isinstance(bound, Ge | Gt | Le | Lt))


def _choices(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(choice for part in get_args(annotation) for choice in _choices(part))
