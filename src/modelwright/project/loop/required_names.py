"""What requirements name and the data does not know: classes, columns of slices, and the values beside these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from modelwright.core.messages import PackageError, Problem, ProjectError, StateError, did_you_mean
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.kinds.slicing import unshown_values
from modelwright.learners.session.used_function import JUDGE, USE
from modelwright.project.declaration.checks import input_problem
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop import used_functions
from modelwright.project.loop.context import Context
from modelwright.project.loop.opponents import judged_output, require_known
from modelwright.project.loop.stage_names import DATA, EVALUATE
from modelwright.stages.evaluate.judge_function import fit

_OF_KEYS = frozenset({"plan.no-device", "plan.too-few-gpus"})  # whose value `key` is the place of a key
MOST_SHOWN = 10  # classes in a message
_SPLITS = ("train", "validation", "test")


def unknown_names(context: Context) -> Iterator[Problem]:
    """Yield a problem for each class, input, column and value that no row of the data shows.

    Of what requirements name, and what costs do.
    """
    opened = context.opened
    # as the file writes them, since a requirement's own text is in one form however it is written
    for key, one in zip(opened.file.requirements, opened.requirements, strict=True):
        where = opened.where(("requirements", key))
        problem = input_problem(one, context.signature) or _unknown_class(context, one)
        if problem is not None:
            yield problem.at(where)
        if one.subject.where is not None:
            yield from (problem.at(where) for problem in _slice_problems(context, one.subject.where))
    yield from _judge_problems(context)
    try:
        require_known(
            opened.file.evaluate.against, opened, context.state, context.signature, context.part(DATA, "test")
        )
    except (ProjectError, StateError) as error:
        yield from (problem.at(opened.where((EVALUATE, "against"))) for problem in error.problems)
    for place, text in enumerate(opened.file.evaluate.slices):
        where = opened.where((EVALUATE, "slices", place))
        yield from (problem.at(where) for problem in _slice_problems(context, str(Slice.parse(text))))
    for costs in opened.costs:
        field = next(one for one in context.signature.outputs if one.name == costs.output)
        classes = context.counts.classes.get(costs.output, {})
        for keys, problem in costs.problems([*classes], optional=field.optional) if classes else ():
            yield problem.at(opened.where(("costs", *keys)))


def _judge_problems(context: Context) -> Iterator[Problem]:
    """Yield that the function that `use.judge` names is not there, or cannot judge the answers of this one."""
    opened = context.opened
    where = opened.where((USE, JUDGE))
    try:
        found = used_functions.judge(opened)
        problem = None if found is None else fit(found, context.signature)
    except (ProjectError, PackageError) as error:
        yield from (one if one.where else one.at(where) for one in error.problems)
        return
    if found is not None and judged_output(context.signature) is None:
        yield Problem("judge.no-texts", signature=str(context.signature)).at(where)
    elif problem is not None:
        yield problem.at(where)


def placed(opened: Opened, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems of a stage, those about a key at that key's place in the project file."""
    return tuple(_placed(opened, problem) for problem in problems)


def _placed(opened: Opened, problem: Problem) -> Problem:
    section, name = problem.values.get("section"), problem.values.get("name")
    if problem.where is None and problem.id in _OF_KEYS:
        return problem.at(opened.where(tuple(str(problem.values["key"]).split("."))))
    if (problem.where or "").partition(".")[0] == "model":
        return problem.at(opened.option_place(problem.where))  # of a learner, which knows its options alone
    if problem.where is not None or not isinstance(section, str):
        return problem
    return problem.at(opened.where((DATA, *section.split("."), str(name))))


def _unknown_class(context: Context, requirement: Requirement) -> Problem | None:
    subject = requirement.subject
    known = context.counts.classes.get(subject.output or "", {})
    if subject.of is None or not known or subject.of in known:
        return None
    near = did_you_mean(subject.of, list(known))
    shown = ", ".join(list(known)[:MOST_SHOWN]) + (" …" if len(known) > MOST_SHOWN else "")
    return Problem(
        "requirement.unknown-class", output=subject.output, of=subject.of, near=near, classes=shown
    )


def _slice_problems(context: Context, where: str) -> list[Problem]:
    """Return what of a slice the rows of all splits do not know. Reads the columns that it names, and no other."""
    from modelwright.storage.formats.examples import (  # a slice is the one thing that needs the rows
        ID,
        column_names,
        read_columns,
    )

    signature = context.signature
    fields = (*signature.inputs, *signature.outputs)
    parts = [context.part(DATA, name).path for name in _SPLITS]
    known = [name for name in column_names(parts[0]) if name != ID]
    wanted = Slice.parse(where)
    if unknown := wanted.unknown_columns(known):
        return unknown
    columns: dict[str, list[Any]] = {name: [] for name in wanted.columns}
    for part in parts:
        named = [field for field in fields if field.name in columns]
        for name, values in read_columns(part, list(columns), named).items():
            columns[name] += values
    try:
        return list(unshown_values(where, signature, columns))
    except ProjectError as error:
        return list(error.problems)
