"""What a project file's sections must mean to each other: kinds, requirements, columns, the learner's keys.

Nothing is imported that learns: the keys of a learner's `Options` are read from its source, so that a wrong
key is named at once and `check` needs no torch. Their values are checked by `plan`.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from modelwright import kinds, learners, outcomes
from modelwright.core.messages import Problem, ProjectError, did_you_mean
from modelwright.core.requirements import requirement
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Role
from modelwright.kinds.outputs import outputs
from modelwright.project.declaration import problems as wording

# Keys of `model` that every learner takes; all others are the learner's own.
COMMON_MODEL_KEYS = frozenset({"learner", "pretrained"})


def declared(
    value: Mapping[str, object], where: wording.Where
) -> tuple[Signature | None, tuple[Requirement, ...], list[Problem]]:
    """Return the signature and the requirements that a file declares, with all that is wrong with them.

    `value` is the file's content. What has the wrong type is left out: the model has already named it.
    """
    problems: list[Problem] = []
    signature = _signature(value.get("function"), where, problems)
    if signature is not None:
        problems += _kind_problems(signature, where)
        problems += _column_problems(value, signature, where)
    sound = signature if not problems else None  # else a bar would be blamed for a kind that is unknown
    requirements = _requirements(value.get("requirements"), sound, where, problems)
    problems += _allowed_problems(value, requirements, where) if not problems else ()
    problems += _model_problems(value.get("model"), where)
    return signature, requirements, problems


def _signature(function: object, where: wording.Where, problems: list[Problem]) -> Signature | None:
    try:
        if isinstance(function, str):
            return Signature.parse(function)
        return _built(function) if isinstance(function, Mapping) else None
    except ProjectError as error:
        problems += [problem.at(where(("function",))) for problem in error.problems]
        return None


def _built(function: Mapping[str, object]) -> Signature | None:
    """Return the signature that a mapping gives, or None where the model has refused it."""
    name, inputs, outputs = (function.get(key) for key in ("name", "inputs", "outputs"))
    if not isinstance(name, str) or not _is_texts(outputs):
        return None
    if inputs == "*":  # the data says; until then a stand-in lets the rest be checked
        stand_in = "input" + "_" * max(map(len, outputs), default=0)
        return dataclasses.replace(Signature.build(name, {stand_in: "text"}, outputs), inputs=())
    return Signature.build(name, inputs, outputs) if _is_texts(inputs) else None


def _is_texts(value: object) -> TypeGuard[Mapping[str, str]]:
    return isinstance(value, Mapping) and all(isinstance(inner, str) for inner in value.values())


def _kind_problems(signature: Signature, where: wording.Where) -> Iterator[Problem]:
    for role, fields in ((Role.INPUT, signature.inputs), (Role.OUTPUT, signature.outputs)):
        for field in fields:
            problem = _kind_problem(field, role)
            if problem is not None:
                yield problem.at(_field_place(field, role, where))


def _kind_problem(field: Field, role: Role) -> Problem | None:
    known = kinds.names()
    fitting = [name for name in known if role in kinds.value(name).roles]
    if field.kind in fitting:
        return None
    if field.kind in known:
        return Problem(
            "project.kind-role", field=field.name, kind=field.kind, role=role.value, fitting=fitting
        )
    return Problem(
        "project.unknown-kind",
        field=field.name,
        kind=field.kind,
        role=role.value,
        fitting=fitting,
        near=_near_kind(field.kind, fitting),
    )


def _near_kind(word: str, fitting: Sequence[str]) -> str | None:
    """Return the kind that a word most likely means: by its own name, or by another word for it (`integer`)."""
    by_word = {said: name for name in fitting for said in (name, *kinds.value(name).said)}
    near = did_you_mean(word.lower(), list(by_word))
    return by_word[near] if near else None


def _field_place(field: Field, role: Role, where: wording.Where) -> str | None:
    return where(("function", f"{role.value}s", field.name))


def _column_problems(
    value: Mapping[str, object], signature: Signature, where: wording.Where
) -> Iterator[Problem]:
    """Yield the keys of `data.columns` that are no name of the signature; with open inputs any may be one."""
    data = value.get("data")
    columns = data.get("columns") if isinstance(data, Mapping) else None
    if not isinstance(columns, Mapping) or not signature.inputs:
        return
    names = [field.name for field in (*signature.inputs, *signature.outputs)]
    for key in columns:
        if unicodedata.normalize("NFC", key) not in names:
            near = did_you_mean(key, names)
            yield Problem(
                "project.unknown-column-name",
                where=where(("data", "columns", key)),
                key=key,
                near=near,
                names=names,
            )


def _requirements(
    bars: object, signature: Signature | None, where: wording.Where, problems: list[Problem]
) -> tuple[Requirement, ...]:
    """Return the requirements in the order of the file."""
    read: list[Requirement] = []
    targets = None if signature is None else outputs(signature)
    for key, bar in (bars or {}).items() if isinstance(bars, Mapping) or bars is None else ():
        if not isinstance(bar, str | int | float):
            continue
        try:
            read.append(requirement.parse(key, bar, outcomes.metrics(), targets))
        except ProjectError as error:
            problems += [problem.at(where(("requirements", key))) for problem in error.problems]
    return tuple(read)


def _allowed_problems(
    value: Mapping[str, object], requirements: Sequence[Requirement], where: wording.Where
) -> Iterator[Problem]:
    """Yield the texts of `release.allow_inconclusive` that name no requirement."""
    release = value.get("release")
    allowed = release.get("allow_inconclusive") if isinstance(release, Mapping) else None
    known = {text for one in requirements for text in (one.key, str(one), one.text, str(one.subject))}
    for place, text in enumerate(allowed if isinstance(allowed, list) else ()):
        if isinstance(text, str) and " ".join(text.split()) not in known:
            keys = [one.key for one in requirements]
            near = did_you_mean(text, keys)
            yield Problem(
                "project.unknown-requirement",
                where=where(("release", "allow_inconclusive", place)),
                text=text,
                near=near,
                keys=keys or None,
            )


def _model_problems(model: object, where: wording.Where) -> Iterator[Problem]:
    """Yield a learner that there is none of, and keys of `model` that the learner (or any) does not take."""
    if not isinstance(model, Mapping):
        return
    learner = model.get("learner")
    if isinstance(learner, str) and learner not in learners.names():
        near = did_you_mean(learner, learners.names())
        yield Problem(
            "project.unknown-learner",
            where=where(("model", "learner")),
            learner=learner,
            near=near,
            names=learners.names(),
        )
        return
    candidates = (learner,) if isinstance(learner, str) else learners.names()
    known = set(COMMON_MODEL_KEYS)
    for name in candidates:
        options = option_names(name)
        if options is None:
            return
        known |= options
    for key in model.keys() - known:
        near = did_you_mean(key, sorted(known))
        yield Problem(
            "project.unknown-option",
            where=where(("model", key)),
            key=key,
            learners=candidates,
            near=near,
            known=sorted(known),
        )


def option_names(learner: str) -> frozenset[str] | None:
    """Return the keys of a learner's `Options`, read from its source; None where the source does not tell.

    Importing a learner imports what it learns with, and `check` should need none of that.
    """
    spec = importlib.util.find_spec(f"{learners.__name__}.{learner}")
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    named = [
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and "Options" in [getattr(target, "id", None) for target in _targets(node)]
        and isinstance(node.value, ast.Name)
    ]
    options = classes.get(named[0]) if named else classes.get("Options")
    if options is None or [base.id for base in options.bases if isinstance(base, ast.Name)] != ["BaseModel"]:
        return None
    fields = [node.target for node in options.body if isinstance(node, ast.AnnAssign)]
    return frozenset(target.id for target in fields if isinstance(target, ast.Name))


def _targets(node: ast.Assign | ast.AnnAssign) -> Sequence[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
