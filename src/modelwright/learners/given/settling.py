"""What the rows settle about a graph: the states of the kinds, the order of classes, what its numbers are.

Whatever is taken for something becomes a notice, with the line of the project file that would say otherwise; where the
rows contradict it, that is a problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, PackageError, Problem, ProjectError, ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form, Role
from modelwright.learners import known_truths
from modelwright.learners.given import entering
from modelwright.learners.given.given_graph import GivenGraph
from modelwright.learners.given.matching import GraphExit, Matched, classes_of
from modelwright.learners.given.running import GraphFailed, RunningGraph, core
from modelwright.learners.given.spec import GivenOptions
from modelwright.learners.given.wiring import OutputWiring, Wiring
from modelwright.storage.formats.examples import Examples

TRIED = 256  # training rows that the graph answers before it is taken
_MIXED = 7  # of them, that are answered alone and together
_ALIKE = 1e-3
_SUMS = 1e-3  # by which the probabilities of a row may miss 1
_FEWEST, _BETTER = 20, 0.2  # rows, and the share of them, that tell of another order of the classes


@dataclass(frozen=True)
class Settled:
    """A graph that fits: its needed part, how it is wired, the states of all fields, and what was taken for what."""

    content: bytes
    wiring: Wiring
    states: dict[str, object]
    notices: tuple[Notice, ...]


def settle(
    signature: Signature,
    options: GivenOptions,
    graph: GivenGraph,
    matched: Matched,
    train: Examples,
    folder: Path,
    threads: int,
) -> Settled:
    """Return all of it; raises ProjectError for what contradicts the rows, DataError for rows that do not fit.

    folder: as `prepare` wrote it.
    """
    entered = entering.entered(signature, matched, graph, train, folder)
    content = core(graph, [*entered.ports], [*{one.port.name: one.port for one in matched.exits}.values()])
    some = train.spaced(TRIED)
    wiring = Wiring(entered.ports, entered.wirings, ())
    given = _tried(signature, content, wiring, entered.states, some, threads)
    states, notices, outputs = dict(entered.states), list(entered.notices), []
    for one in matched.exits:
        scores = given[one.port.name].reshape(len(some), -1)
        state, wired, taken = _answered(signature, options, graph, one, scores, train)
        states[one.field.name] = state
        outputs.append(wired)
        notices += taken
    whole = replace(wiring, outputs=tuple(outputs))
    _require_finite(signature, whole, given, some)
    _require_answers_without(signature, whole, content, states, some, threads)
    for one, wired in zip(matched.exits, outputs, strict=True):
        notices += _agreement(signature, one, wired, given[one.port.name], states, some, notices)
    return Settled(content, whole, states, tuple(notices))


def encoded(
    signature: Signature, states: Mapping[str, object], columns: Mapping[str, Sequence[object]]
) -> dict[str, dict[str, Array]]:
    """Return the arrays of the inputs of a batch."""
    return {
        one.name: kinds.arrays(one.kind).encode(columns[one.name], states[one.name])
        for one in signature.inputs
    }


def _tried(
    signature: Signature,
    content: bytes,
    wiring: Wiring,
    states: Mapping[str, object],
    some: Examples,
    threads: int,
) -> dict[str, Array]:
    """Return what the graph gives for some rows, alone and together the same; raises ProjectError."""
    path = "model.path"
    try:
        running = RunningGraph(content, threads)
    except PackageError as error:
        reason = str(error.problems[0].values.get("error", ""))
        raise ProjectError(Problem("given.cannot-run", reason=reason).at(path)) from None
    feeds = wiring.feeds(encoded(signature, states, some.columns))
    few = {name: array[:_MIXED] for name, array in feeds.items()}
    try:
        alone = [
            running.run({name: array[row : row + 1] for name, array in few.items()})
            for row in range(len(few[next(iter(few))]))
        ]
    except GraphFailed as error:
        raise ProjectError(Problem("given.cannot-run", reason=str(error)).at(path)) from None
    try:
        together = running.run(few)
        found = [
            running.run({name: array[begin : begin + 64] for name, array in feeds.items()})
            for begin in range(0, len(some), 64)
        ]
    except GraphFailed as error:
        raise ProjectError(Problem("given.fixed-batch", reason=str(error)).at(path)) from None
    for name, values in together.items():
        single = np.concatenate([one[name] for one in alone])
        if single.shape != values.shape or not np.allclose(
            single, values, atol=_ALIKE, rtol=_ALIKE, equal_nan=True
        ):
            raise ProjectError(Problem("given.fixed-batch", reason=None).at(path))
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _answered(
    signature: Signature,
    options: GivenOptions,
    graph: GivenGraph,
    one: GraphExit,
    scores: Array,
    train: Examples,
) -> tuple[object, OutputWiring, list[Notice]]:
    if one.form in {Form.SCALAR, Form.VECTOR}:
        return _number(one, scores, train)
    declared = classes_of(signature, options, one.field)
    width, taken = scores.shape[1], []
    classes = declared or _own_classes(graph, one, width, train)
    if declared is not None:
        _require_width(one, declared, width, train)
    if classes is None:
        classes = _guessed(one, width, train)
        taken.append(
            Notice(
                "given.class-order",
                column=one.field.name,
                count=None,
                output=one.shown,
                classes=list(classes),
                line=_line(signature, one.field, classes),
            )
        )
    state = _output_state(one, train, classes)
    places = [_place(one, name, state) for name in classes]
    probabilities, guess = _probabilities(graph, one, scores)
    taken += guess
    size = 2 if one.form is Form.FLAG else _size(one, state)
    wired = OutputWiring(
        one.field.name, one.port.name, one.form.value, _array(one, state), probabilities=probabilities
    )
    if width == 1 and one.form is not Form.SET:
        return state, replace(wired, positive=places[1]), taken
    columns = [-1] * size
    for column, place in enumerate(places):
        columns[place] = column
    taken += _absent(one, columns, state, train)
    return state, replace(wired, columns=tuple(columns)), taken


def _array(one: GraphExit, state: object) -> str:
    return next(iter(kinds.arrays(one.field.kind).answers(state)))


def _size(one: GraphExit, state: object) -> int:
    (spec,) = kinds.arrays(one.field.kind).answers(state).values()
    size = spec.shape[1]
    assert isinstance(size, int), "classes are known once fitted"
    return size


def _number(one: GraphExit, scores: Array, train: Examples) -> tuple[object, OutputWiring, list[Notice]]:
    state = _output_state(one, train, ())
    kind, width = kinds.arrays(one.field.kind), scores.shape[1]
    column = one.options.column or 0
    size = 1 if one.form is Form.SCALAR else _size(one, state)
    if (one.form is Form.SCALAR and width > 1 and one.options.column is None) or column >= width:
        raise _unfit(
            one, Problem("given.columns-of-number", name=one.field.name, output=one.shown, width=width)
        )
    if one.form is Form.VECTOR and width != size:
        raise _unfit(
            one, Problem("given.length", name=one.field.name, output=one.shown, width=width, wanted=size)
        )
    # where the standardised 0 and 1 lie, as the kind itself restores them
    plain = _output_state(one, train, (), ranged=False)  # a range would cut them
    low, high = (_restored(one, plain, np.full(size, at, np.float32)) for at in (0.0, 1.0))
    wired = OutputWiring(
        one.field.name,
        one.port.name,
        one.form.value,
        next(iter(kind.answers(state))),
        column=column,
        mean=tuple(low.tolist()),
        deviation=tuple((high - low).tolist()),
    )
    return state, wired, []


def _restored(one: GraphExit, state: object, standard: Array) -> Array:
    kind = kinds.arrays(one.field.kind)
    array = next(iter(kind.answers(state)))
    given = standard if one.form is Form.SCALAR else standard[None, :]
    return np.array(kind.decode({array: given}, state, {})[0].value, dtype=np.float64).reshape(-1)


# -- classes ---------------------------------------------------------------------------------------------------


def _labels(one: GraphExit, train: Examples) -> list[str]:
    """Return the classes that training shows, numbers in their order and texts by code point."""
    value = kinds.value(one.field.kind)
    found = {
        label for truth in train.columns[one.field.name] if truth is not None for label in value.labels(truth)
    }
    if one.form is Form.FLAG:
        return ["false", "true"]
    if found and all(label.lstrip("-").isdigit() for label in found):
        return sorted(found, key=int)
    return sorted(found)


def _own_classes(graph: GivenGraph, one: GraphExit, width: int, train: Examples) -> tuple[str, ...] | None:
    """Return the classes that the graph holds: one list, whose names are classes and no numbers of columns."""
    wanted = 2 if width == 1 and one.form is not Form.SET else width
    lists = [names for names in graph.class_lists if len(names) == wanted and len(set(names)) == wanted]
    if len(lists) != 1:
        return None
    (names,) = lists
    numbers = set(names) == {str(place) for place in range(wanted)}
    known = set(_labels(one, train))
    if one.form is Form.FLAG:
        return names if {name.lower() for name in names} in _TRUTHS else None
    return None if numbers and not known & set(names) else names


_TRUTHS = ({"false", "true"}, {"0", "1"}, {"no", "yes"}, {"n", "y"}, {"f", "t"})


def _named(one: GraphExit, width: int, names: int) -> bool:
    """Tell whether so many names name the columns of an output: one each, or the two sides of a single column."""
    return names == width or (width == 1 and names == 2 and one.form is not Form.SET)


def _guessed(one: GraphExit, width: int, train: Examples) -> tuple[str, ...]:
    """Return the classes of training in the order in which most tools number them; raises where they are others."""
    found = _labels(one, train)
    if _named(one, width, len(found)):
        return tuple(found)
    raise _unfit(
        one,
        Problem(
            "given.classes",
            name=one.field.name,
            output=one.shown,
            width=width,
            known=len(found),
            some=found[:12],
        ),
    )


def _require_width(one: GraphExit, declared: Sequence[str], width: int, train: Examples) -> None:
    if _named(one, width, len(declared)):
        return
    raise _unfit(
        one,
        Problem(
            "given.declared-classes",
            name=one.field.name,
            output=one.shown,
            width=width,
            declared=len(declared),
        ),
    )


def _unfit(one: GraphExit, problem: Problem) -> ProjectError:
    return ProjectError(problem.at("model.outputs"))


def _line(signature: Signature, field: Field, classes: Sequence[str]) -> str:
    """Return the line of the project file that declares the classes of an output."""
    names = ", ".join(f'"{name}"' for name in classes)
    if len(signature.outputs) == 1:
        return f"model: {{classes: [{names}]}}"
    return f"model: {{outputs: {{{field.name}: {{classes: [{names}]}}}}}}"


def _value(one: GraphExit, name: str) -> object:
    """Return the truth that a class is named by; raises ProjectError for a name that the kind does not read."""
    if one.form is Form.SET:
        return frozenset({name})
    try:
        return kinds.value(one.field.kind).parse(name, lenient=True)
    except ValueProblem as error:
        problem = Problem(
            "given.no-class", name=one.field.name, shown=name, kind=one.field.kind, why=error.message
        )
        raise _unfit(one, problem) from None


def _place(one: GraphExit, name: str, state: object) -> int:
    """Return the place of a class among those of the state."""
    truth = kinds.arrays(one.field.kind).encode_truth([_value(one, name)], {}, state)
    array = truth[known_truths.TRUTH[one.form]][0]
    return int(np.argmax(array)) if one.form is Form.SET else int(array)


def _output_state(one: GraphExit, train: Examples, classes: Sequence[str], *, ranged: bool = True) -> object:
    kind, field = kinds.arrays(one.field.kind), one.field
    values = [*train.columns[field.name], *(_value(one, name) for name in classes)]
    options = {} if field.range is None or not ranged else {"range": field.range}
    try:
        return kind.fit(values, role=Role.OUTPUT, **options)
    except ValueProblem as problem:
        raise DataError(
            Problem(
                "learn.unfit-column",
                field=str(field),
                name=field.name,
                rows=len(train),
                reason=problem.message,
            )
        ) from None


def _probabilities(graph: GivenGraph, one: GraphExit, scores: Array) -> tuple[bool, list[Notice]]:
    """Return whether scores (n, width) are probabilities: as declared, as the graph ends, or as the rows show."""
    numbers = scores.astype(np.float64)
    known = numbers[np.isfinite(numbers).all(axis=1)]
    shares = bool(len(known)) and bool((known >= -_SUMS).all() and (known <= 1 + _SUMS).all())
    if one.form is not Form.SET and scores.shape[1] > 1:
        shares = shares and bool(np.abs(known.sum(axis=1) - 1).max() <= _SUMS)
    stated = one.options.scores or graph.scores_are(one.port.name)
    if stated == "probabilities" and len(known) and not shares:
        if (
            one.options.scores is None
            and one.form is not Form.SET
            and bool((known >= 0).all() and (known <= 1).all())
        ):
            stated = None  # a sigmoid for each class: they do not add up to 1, and are scores
        else:
            raise _unfit(one, Problem("given.no-probabilities", name=one.field.name, output=one.shown))
    if stated is not None:
        return stated == "probabilities", []
    taken = Notice(
        "given.scores",
        column=one.field.name,
        count=len(known),
        output=one.shown,
        shares=shares,
        other="logits" if shares else "probabilities",
    )
    return shares, [taken]


def _absent(one: GraphExit, columns: Sequence[int], state: object, train: Examples) -> Iterator[Notice]:
    """Yield the classes of the rows that the graph does not know."""
    if one.form is Form.FLAG:
        return
    names = list(kinds.arrays(one.field.kind).known(state))
    value = kinds.value(one.field.kind)
    lacking = [name for name, column in zip(names, columns, strict=True) if column < 0]
    if lacking:
        truths = train.columns[one.field.name]
        count = sum(bool(set(value.labels(truth)) & set(lacking)) for truth in truths if truth is not None)
        yield Notice("given.class-absent", column=one.field.name, count=count, classes=lacking)


# -- what the rows say -----------------------------------------------------------------------------------------


def _require_finite(signature: Signature, wiring: Wiring, given: Mapping[str, Array], some: Examples) -> None:
    """Raise ProjectError where the graph answers rows with what is no finite number."""
    bad = np.zeros(len(some), dtype=bool)
    for one in wiring.outputs:
        numbers = given[one.port].reshape(len(some), -1).astype(np.float64)
        bad |= ~np.isfinite(numbers).all(axis=1)
    if not bad.any():
        return
    rows = np.flatnonzero(bad).tolist()
    gaps = [one.name for one in signature.inputs if any(some.columns[one.name][row] is None for row in rows)]
    problem = Problem("given.not-finite", count=len(rows), rows=len(some), name=gaps[0] if gaps else None)
    raise ProjectError(problem.at("model.inputs" if gaps else "model.path"))


def _require_answers_without(
    signature: Signature,
    wiring: Wiring,
    content: bytes,
    states: Mapping[str, object],
    some: Examples,
    threads: int,
) -> None:
    """Raise ProjectError where a row without an input that may be missing has no finite answer."""
    running = RunningGraph(content, threads)
    row = {one.name: some.columns[one.name][:1] for one in signature.inputs}
    for field in (one for one in signature.inputs if one.optional):
        feeds = wiring.feeds(encoded(signature, states, {**row, field.name: [None]}))
        try:
            found = running.run(feeds)
            finite = all(np.isfinite(found[one.port].astype(np.float64)).all() for one in wiring.outputs)
        except GraphFailed:
            finite = False
        if not finite:
            raise ProjectError(Problem("given.cannot-miss", column=field.name).at("model.inputs"))


def _agreement(
    signature: Signature,
    one: GraphExit,
    wired: OutputWiring,
    given: Array,
    states: Mapping[str, object],
    some: Examples,
    taken: Sequence[Notice],
) -> Iterator[Notice]:
    """Yield a notice where training rows speak for another order of the classes; raises where it was only taken."""
    if one.form not in {Form.CODE, Form.FLAG}:
        return
    field, state = one.field, states[one.field.name]
    truth = known_truths.truths(field, some, states)
    (answers,) = Wiring({}, (), (wired,)).answers({one.port.name: given})[field.name].values()
    answered = answers.argmax(axis=1) if one.form is Form.CODE else (answers >= 0).astype(np.int64)
    there = known_truths.known(truth)
    if int(there.sum()) < _FEWEST:
        return
    size = int(max(answered.max(), truth.max())) + 1
    confusion = np.zeros((size, size), dtype=np.int64)  # (answered, truth)
    np.add.at(confusion, (answered[there], truth[there]), 1)
    _, best = linear_sum_assignment(-confusion)
    right, possible = int(np.trace(confusion)), int(confusion[np.arange(size), best].sum())
    count = int(there.sum())
    if possible - right < _BETTER * count:
        return
    names = ["false", "true"] if one.form is Form.FLAG else list(kinds.arrays(field.kind).known(state))
    if wired.positive is not None:
        order = [names[int(best[1 - wired.positive])], names[int(best[wired.positive])]]
    else:
        by_column = {
            column: names[int(best[place])]
            for place, column in enumerate(wired.columns)
            if column >= 0 and place < size
        }
        order = [by_column.get(column, "?") for column in range(len(by_column))]
    values: dict[str, Any] = {
        "column": field.name,
        "count": count,
        "right": right,
        "possible": possible,
        "line": _line(signature, field, order),
    }
    if any(notice.id == "given.class-order" and notice.values["column"] == field.name for notice in taken):
        raise _unfit(one, Problem("given.other-order", **values))
    yield Notice("given.order-doubtful", **values)
