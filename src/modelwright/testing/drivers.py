"""What every driver must hold. Each check takes the driver's name and raises AssertionError.

The body that they open comes from the driver's facet `samples`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

from modelwright.core.messages import PackageError
from modelwright.package.packages import Package, read, write
from modelwright.runtime import drivers
from modelwright.runtime.function import Answers, Function

Check = Callable[[str], None]


def check_opens_its_body_from_a_package(name: str) -> None:
    """The body is written, read and opened: the arrays that it takes and gives are those of its kinds."""
    body = drivers.samples(name).body()
    assert body.driver == name
    with tempfile.TemporaryDirectory() as folder:
        write(body, Path(folder) / "package", lineage={}, versions={}, threads=1)
        function = Function(read(Path(folder) / "package"))
    assert _answers(function, name) == _answers(_function(name), name)


def check_refuses_other_bodies(name: str) -> None:
    """Bodies with other graphs, files or settings are refused, with what is wrong."""
    for body in drivers.samples(name).refused():
        try:
            drivers.get(name).open(body, 1)
        except PackageError:
            continue
        raise AssertionError(f"`{name}` opened a body that it cannot run: {body}")


def check_parts_end_with_the_whole_answer(name: str) -> None:
    """Parts speak of rows of the call, and the last of all of them; more than one only where the driver streams."""
    function, columns = _function(name), drivers.samples(name).columns()
    rows = set(range(len(next(iter(columns.values())))))
    parts = list(function.parts(columns))
    assert parts, "a call has at least one part"
    assert all(part.keys() <= rows for part in parts)
    assert parts[-1].keys() == rows
    assert len(parts) == 1 or function.streams
    assert _plain([parts[-1][row] for row in sorted(rows)]) == _plain(function.answer(columns))


def check_a_row_is_answered_alone_as_among_others(name: str) -> None:
    """The answer to a row does not depend on the other rows, and is the same each time."""
    function, columns = _function(name), drivers.samples(name).columns()
    together = function.answer(columns)
    assert _plain(together) == _plain(function.answer(columns))
    for row, expected in enumerate(together):
        (alone,) = function.answer({name: [column[row]] for name, column in columns.items()})
        for output, answer in expected.items():
            assert alone[output].value == answer.value
            one, other = answer.confidence, alone[output].confidence
            assert (one is None) == (other is None)
            assert one is None or other is None or math.isclose(one, other, abs_tol=1e-5)


def check_a_call_that_is_closed_harms_no_other(name: str) -> None:
    """Who leaves after the first part, or before it, changes nothing for the next call."""
    function, columns = _function(name), drivers.samples(name).columns()
    expected = _plain(function.answer(columns))
    for taken in (0, 1):
        parts = function.parts(columns)
        for _ in range(taken):
            next(parts)
        parts.close()
        assert next(parts, None) is None, "it goes on after it was closed"
    assert _plain(function.answer(columns)) == expected


CHECKS: tuple[Check, ...] = (
    check_opens_its_body_from_a_package,
    check_refuses_other_bodies,
    check_parts_end_with_the_whole_answer,
    check_a_row_is_answered_alone_as_among_others,
    check_a_call_that_is_closed_harms_no_other,
)


def title(check: Check) -> str:
    """Return what a check is called in the list of tests."""
    return check.__name__.removeprefix("check_")


def _function(name: str) -> Function:
    return Function(Package(drivers.samples(name).body(), "", 1))


def _answers(function: Function, name: str) -> list[dict[str, object]]:
    return _plain(function.answer(drivers.samples(name).columns()))


def _plain(answers: list[Answers]) -> list[dict[str, object]]:
    return [{name: (one.value, one.confidence) for name, one in row.items()} for row in answers]
