"""What a project file's sections must mean to each other: kinds, requirements, columns, the learner's keys.

Nothing is imported that learns: a learner's options stand in its specification, so that a wrong key or value is
named at once and `check` needs no torch.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from modelwright import kinds, learners, outcomes
from modelwright.core.messages import Problem, ProjectError, did_you_mean, key_problems
from modelwright.core.requirements import requirement
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Role
from modelwright.kinds.outputs import outputs
from modelwright.kinds.slicing import slice_problems
from modelwright.kinds.varying import augment_problems
from modelwright.learners.contract.spec import Makes
from modelwright.learners.goals import goal
from modelwright.learners.options import option_problems
from modelwright.learners.session.used_function import JUDGE, USE
from modelwright.project.declaration.cost_checks import declared_costs, unpriced
from modelwright.runtime.drivers.rerank.rerank_settings import DRIVER as RERANK_DRIVER
from modelwright.runtime.drivers.rerank.rerank_settings import ROLES as RERANK_ROLES
from modelwright.runtime.drivers.session.roles import ROLES
from modelwright.runtime.drivers.session.session_settings import DRIVER


def declared(
    value: Mapping[str, object], where: key_problems.Where
) -> tuple[Signature | None, tuple[Requirement, ...], tuple[ErrorCosts, ...], list[Problem]]:
    """Return signature, requirements and costs that a file declares, with all that is wrong with them.

    `value` is the file's content. What has the wrong type is left out: the model has already named it.
    """
    problems: list[Problem] = []
    signature = _signature(value, where, problems)
    if signature is not None:
        problems += _kind_problems(signature, where)
        problems += _column_problems(value, signature, where)
        problems += _stated_kind_problems(value, signature, where)
        problems += _corpus_problems(value, signature, where) if not problems else ()
        problems += _augment_problems(value, signature, where) if not problems else ()
    problems += _goal_problems(value, signature, where) if signature is not None and not problems else ()
    sound = signature if not problems else None  # else a bar would be blamed for a kind that is unknown
    costs = declared_costs(value, sound, where, problems) if sound is not None else ()
    before = len(problems)
    requirements = _requirements(value, sound, where, problems)
    if sound is not None and len(problems) == before:
        problems += unpriced(requirements, value, where)
    if signature is not None and not signature.outputs and signature.inputs and requirements:
        shown = [str(one) for one in requirements]
        problems.append(Problem("pretrain.requirements", requirements=shown).at(where(("requirements",))))
    problems += _measured_slice_problems(value, sound, where)
    problems += _allowed_problems(value, requirements, where) if not problems else ()
    problems += _model_problems(value, where)
    problems += _use_problems(value, where)
    return signature, requirements, costs, problems


def _signature(
    value: Mapping[str, object], where: key_problems.Where, problems: list[Problem]
) -> Signature | None:
    function = value.get("function")
    try:
        if isinstance(function, str):
            return Signature.parse(function, encoder=_makes_weights(value.get("model")))
        return _built(function) if isinstance(function, Mapping) else None
    except ProjectError as error:
        problems += [problem.at(where(("function",))) for problem in error.problems]
        return None


def _makes_weights(model: object) -> bool:
    """Tell whether the learner that a project names makes weights; only such a one does without an output."""
    name = model.get("learner") if isinstance(model, Mapping) else None
    return name in learners.names() and learners.spec(str(name)).makes is Makes.WEIGHTS


def _built(function: Mapping[str, object]) -> Signature | None:
    """Return the signature that a mapping gives, or None where the model has refused it."""
    name, inputs, outputs = (function.get(key) for key in ("name", "inputs", "outputs"))
    outputs = _with_ranges(outputs)
    if not isinstance(name, str) or not _is_texts(outputs):
        return None
    if inputs == "*":  # the data says; until then a stand-in lets the rest be checked
        stand_in = "input" + "_" * max(map(len, outputs), default=0)
        return dataclasses.replace(Signature.build(name, {stand_in: "any"}, outputs), inputs=())
    return Signature.build(name, inputs, outputs) if _is_texts(inputs) else None


def _with_ranges(outputs: object) -> object:
    """Return the outputs with each `{kind: number, range: [0, 500]}` as `number[0..500]`."""
    if not isinstance(outputs, Mapping):
        return outputs
    return {name: _with_range(one) if isinstance(one, Mapping) else one for name, one in outputs.items()}


def _with_range(output: Mapping[str, object]) -> object:
    kind, within = output.get("kind"), output.get("range")
    if not isinstance(kind, str) or within is None:
        return kind
    if not isinstance(within, list | tuple) or len(within) != 2 or not all(map(_is_number, within)):
        return None  # the model has named it
    low, high = (repr(float(end)) for end in within)
    optional = "?" if kind.rstrip().endswith("?") else ""
    return f"{kind.rstrip().removesuffix('?')}[{low}..{high}]{optional}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: object) -> TypeGuard[Mapping[str, str]]:
    return isinstance(value, Mapping) and all(isinstance(inner, str) for inner in value.values())


def _kind_problems(signature: Signature, where: key_problems.Where) -> Iterator[Problem]:
    for role, fields in ((Role.INPUT, signature.inputs), (Role.OUTPUT, signature.outputs)):
        for field in fields:
            problem = _kind_problem(field, role)
            if problem is not None:
                yield problem.at(_field_place(field, role, where))


def _kind_problem(field: Field, role: Role) -> Problem | None:
    known = kinds.names()
    sound = field.kind in known and role in kinds.value(field.kind).roles
    if sound and (field.range is None or kinds.value(field.kind).ranged):
        return None  # asked for each field of each value that a search may try: what is wrong alone lists all kinds
    fitting = [name for name in known if role in kinds.value(name).roles]
    if sound:
        ranged = [name for name in fitting if kinds.value(name).ranged]
        return Problem("project.kind-range", field=field.name, kind=field.kind, fitting=ranged)
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
        near=_near_kind(field.kind, fitting, role),
    )


def _near_kind(word: str, fitting: Sequence[str], role: Role) -> str | None:
    """Return the kind that a word most likely means: by its own name, or by another word for it (`integer`).

    A word for two kinds (`string`) means, of an output, the one with a closed set of values, and of an input the other.
    """
    by_likelihood = sorted(fitting, key=lambda name: kinds.value(name).closed == (role is Role.OUTPUT))
    by_word = {word: name for name in by_likelihood for word in (name, *kinds.value(name).synonyms)}
    near = did_you_mean(word.lower(), list(by_word))
    return by_word[near] if near else None


def _field_place(field: Field, role: Role, where: key_problems.Where) -> str | None:
    return where(("function", f"{role.value}s", field.name))


def _column_problems(
    value: Mapping[str, object], signature: Signature, where: key_problems.Where
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


def _stated_kind_problems(
    value: Mapping[str, object], signature: Signature, where: key_problems.Where
) -> Iterator[Problem]:
    """Yield what is wrong in `data.kinds`: a kind that no input has, and a name where the signature has its inputs."""
    data = value.get("data")
    stated = data.get("kinds") if isinstance(data, Mapping) else None
    for name, kind in stated.items() if isinstance(stated, Mapping) else ():
        place = where(("data", "kinds", name))
        if signature.inputs:
            yield Problem("data.kinds-stated", where=place, name=name)
        elif isinstance(kind, str):
            field = Field(name, kind.removesuffix("?").strip())
            if (problem := _kind_problem(field, Role.INPUT)) is not None:
                yield problem.at(place)


def _corpus_problems(
    value: Mapping[str, object], signature: Signature, where: key_problems.Where
) -> Iterator[Problem]:
    """Yield that a corpus is needed and not named, or named and not needed."""
    data = value.get("data")
    given = isinstance(data, Mapping) and data.get("corpus") is not None
    chosen = [field for field in signature.outputs if kinds.value(field.kind).of_corpus]
    if chosen and not given:
        yield Problem("corpus.needed", field=chosen[0].name, where=where(("function",)))
    elif given and not chosen:
        yield Problem("corpus.unused", signature=str(signature), where=where(("data", "corpus")))


def _augment_problems(
    value: Mapping[str, object], signature: Signature, where: key_problems.Where
) -> Iterator[Problem]:
    """Yield what is wrong in `data.augment`: an input or a variation that there is none of, an amount out of range."""
    data = value.get("data")
    declared = data.get("augment") if isinstance(data, Mapping) else None
    if isinstance(declared, str | Mapping):
        for path, problem in augment_problems(signature, declared):
            yield problem.at(where(("data", "augment", *path)))


def _goal_problems(
    value: Mapping[str, object], signature: Signature, where: key_problems.Where
) -> Iterator[Problem]:
    """Yield what is wrong with the bar at which learning is to end."""
    learn = value.get("learn")
    text = learn.get("stop_at") if isinstance(learn, Mapping) else None
    try:
        goal(text if isinstance(text, str) else None, signature)
    except ProjectError as error:
        for problem in error.problems:
            yield problem.at(where(("learn", "stop_at")))


def _requirements(
    value: Mapping[str, object],
    signature: Signature | None,
    where: key_problems.Where,
    problems: list[Problem],
) -> tuple[Requirement, ...]:
    """Return the requirements in the order of the file."""
    read: list[Requirement] = []
    bars = value.get("requirements")
    targets = None if signature is None else outputs(signature)
    for key, bar in (bars or {}).items() if isinstance(bars, Mapping) or bars is None else ():
        if not isinstance(bar, str | int | float):
            continue
        try:
            found = requirement.parse(key, bar, outcomes.metrics(), targets)
            wrong = list(_slice_problems(found.subject.where, signature, value))
            if signature is not None and (problem := input_problem(found, signature)) is not None:
                wrong.append(problem)
            if not wrong:
                read.append(found)
        except ProjectError as error:
            wrong = list(error.problems)
        problems += [problem.at(where(("requirements", key))) for problem in wrong]
    return tuple(read)


def input_problem(one: Requirement, signature: Signature) -> Problem | None:
    """Return what is wrong with the input that a requirement names; None where it names none, or the data decides."""
    fields = {field.name: field for field in signature.inputs}
    name = one.subject.of
    if not one.metric.per_input or name is None or not fields:
        return None
    known = [field.name for field in fields.values() if kinds.value(field.kind).can_be_unseen]
    if name in known:
        return None
    return Problem(
        "requirement.input",
        key=one.key,
        name=name,
        open=name in fields,
        kind=fields[name].kind if name in fields else None,
        near=did_you_mean(name, known),
        inputs=known or None,
    )


def _measured_slice_problems(
    value: Mapping[str, object], signature: Signature | None, where: key_problems.Where
) -> Iterator[Problem]:
    """Yield what is wrong in `evaluate.slices`."""
    section = value.get("evaluate")
    texts = section.get("slices") if isinstance(section, Mapping) else None
    for place, text in enumerate(texts if isinstance(texts, list) else ()):
        if isinstance(text, str):
            try:
                wrong = [*_slice_problems(str(Slice.parse(text)), signature, value)]
            except ProjectError as error:
                wrong = list(error.problems)
            yield from (problem.at(where(("evaluate", "slices", place))) for problem in wrong)


def _slice_problems(
    text: str | None, signature: Signature | None, value: Mapping[str, object]
) -> Iterator[Problem]:
    """Yield what a slice names and no row could have; with open inputs the data knows more columns."""
    if text is None or signature is None:
        return
    data = value.get("data")
    keep = data.get("keep") if isinstance(data, Mapping) else None
    kept = [str(name) for name in keep] if isinstance(keep, Mapping | list | tuple) else []
    yield from slice_problems(text, signature, kept=kept, open_inputs=not signature.inputs)


def _allowed_problems(
    value: Mapping[str, object], requirements: Sequence[Requirement], where: key_problems.Where
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


def _model_problems(value: Mapping[str, object], where: key_problems.Where) -> Iterator[Problem]:
    """Yield a learner that there is none of, and options that no learner takes, or not with these values."""
    model, plan = value.get("model"), value.get("plan")
    allowed = plan.get("learners") if isinstance(plan, Mapping) else None
    if not isinstance(allowed, list) or not all(isinstance(name, str) for name in allowed):
        allowed = None  # the model has already named it
    for path, problem in option_problems(model if isinstance(model, Mapping) else {}, allowed):
        yield problem.at(where(path))


_CALLED: Mapping[str, Sequence[str]] = {DRIVER: ROLES, RERANK_DRIVER: RERANK_ROLES}
"""The roles of the functions that a learner calls, by its name."""


def _use_problems(value: Mapping[str, object], where: key_problems.Where) -> Iterator[Problem]:
    """Yield roles that no function can have, and functions that the learner does not call."""
    use, model = value.get(USE), value.get("model")
    if not isinstance(use, Mapping) or not use:
        return
    named = model.get("learner") if isinstance(model, Mapping) else None
    name = named if isinstance(named, str) else None
    if name not in _CALLED and set(use) != {JUDGE}:
        yield Problem("use.other-learner", learner=name, known=list(_CALLED)).at(where((USE,)))
    roles = (*_CALLED.get(name or "", ROLES), JUDGE)
    for role in use:
        if role not in roles:
            near = did_you_mean(str(role), roles)
            yield Problem("use.unknown-role", role=str(role), near=near, known=list(roles)).at(
                where((USE, role))
            )
