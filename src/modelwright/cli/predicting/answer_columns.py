"""Answers as rows of cells under one header, which only the last of them settles: a label, a name that comes late."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelwright.project.results.live_results import RowAnswer

ENDS = ("low", "high")  # of an answer with an interval
ROW, VERSION, UNSEEN, ERROR, GIVEN = "row", "version", "unseen", "error", "given."
_Outputs = Mapping[str, Mapping[str, object]]


@contextmanager
def spooled(answers: Iterable[RowAnswer], folder: Path) -> Iterator[tuple[list[str], Iterator[list[object]]]]:
    """Take all answers, and yield the names of their columns and their rows of cells.

    Between the two they lie in a file without a name in the folder, as JSON: what is held does not grow with them.
    """
    columns = AnswerColumns()
    with tempfile.TemporaryFile("w+", encoding="ascii", newline="\n", dir=folder) as file:
        for answer in answers:
            columns.see(answer)
            error = "; ".join(one.found for one in answer.problems) or None
            kept = [answer.row, answer.version, answer.outputs, answer.unseen, answer.given, error]
            file.write(f"{json.dumps(kept)}\n")
        file.seek(0)
        yield columns.names(), (columns.cells(*json.loads(line)) for line in file)


class AnswerColumns:
    """`row`, what is kept, then by output value, confidence, probabilities, interval and reasons, of the answers seen.

    `unseen` are names with `;` between them; `error` says why a row has no answer. A column that is kept and has
    the name of one of these is called `given.NAME`.
    """

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, None]] = {}  # by output; as dicts, to keep their order
        self._with_interval: set[str] = set()
        self._with_reasons: set[str] = set()
        self._given: dict[str, None] = {}

    def see(self, answer: RowAnswer) -> None:
        """Take note of what an answer has."""
        for name, output in answer.outputs.items():
            self._labels.setdefault(name, {}).update(dict.fromkeys(_mapping(output, "probabilities")))
            if _mapping(output, "interval"):
                self._with_interval.add(name)
            if "reasons" in output:
                self._with_reasons.add(name)
        self._given.update(dict.fromkeys(answer.given))

    def names(self) -> list[str]:
        """Return the header."""
        made: list[str] = []
        for name, labels in self._labels.items():
            made += [name, f"{name}.confidence", *(f"{name}.p[{label}]" for label in labels)]
            made += [f"{name}.{end}" for end in self._ends(name)]
            made += [f"{name}.reasons"] if name in self._with_reasons else []
        own = {ROW, VERSION, *made, UNSEEN, ERROR}
        given = [f"{GIVEN}{name}" if name in own else name for name in self._given]
        return [ROW, *given, VERSION, *made, UNSEEN, ERROR]

    def cells(
        self,
        row: int | None,
        version: int | None,
        outputs: _Outputs,
        unseen: Sequence[str],
        given: Mapping[str, object],
        error: str | None,
    ) -> list[object]:
        """Return the cells of an answer, under `names`."""
        found: list[object] = [row, *map(given.get, self._given), version]
        for name, labels in self._labels.items():
            output = outputs.get(name, {})
            shares, interval = _mapping(output, "probabilities"), _mapping(output, "interval")
            found += [output.get("value"), output.get("confidence"), *map(shares.get, labels)]
            found += map(interval.get, self._ends(name))
            found += [_reasons(output)] if name in self._with_reasons else []
        return [*found, ";".join(unseen) or None, error]

    def _ends(self, output: str) -> Sequence[str]:
        return ENDS if output in self._with_interval else ()


def _reasons(output: Mapping[str, object]) -> str | None:
    """Return the reasons of an answer as one text: `account: < 0 DM (+0.213); …`."""
    found = output.get("reasons")
    shown = (
        [f"{one['input']}: {one['value']} ({one['share']:+.3g})" for one in found]
        if isinstance(found, list)
        else []
    )
    return "; ".join(shown) or None


def _mapping(output: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = output.get(key)
    return found if isinstance(found, dict) else {}
