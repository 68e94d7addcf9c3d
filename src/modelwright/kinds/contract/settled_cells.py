"""How an input was written where it was learned, so that every door reads it so: files, words, requests, Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.value import AnyValue
from modelwright.kinds.shared.dates import is_form
from modelwright.kinds.shared.numbers import DECIMALS, PLAIN, THOUSANDS, NumberForm

MOST_FORMS = 16  # of one input; each file has one
MOST_WORDS = 1_000


@dataclass(frozen=True)
class SettledCells:
    """What `data` settled about the cells of one input: stated, or seen in its training rows.

    missing: the words that stand for nothing (None: those that the kind takes for it); numbers, dates: the forms of the
    files, where one of them is not the plain one; gaps: numbers that stood for nothing in the steps of a series; exact:
    texts are kept to the character.
    Raises ValueError for what no `data` settles.
    """

    missing: tuple[str, ...] | None = None
    numbers: tuple[NumberForm, ...] = ()
    dates: tuple[str, ...] = ()
    tag_separator: str = ";"
    gaps: tuple[float, ...] = ()
    exact: bool = False

    def __post_init__(self) -> None:
        if max(len(self.numbers), len(self.dates)) > MOST_FORMS:
            raise ValueError("too many forms")
        if max(len(self.missing or ()), len(self.gaps)) > MOST_WORDS:
            raise ValueError("too many words for nothing")
        for one in self.numbers:
            known = one.decimal in DECIMALS and (one.thousands is None or one.thousands in THOUSANDS)
            if not known or one.decimal == one.thousands:
                raise ValueError(f"no form of numbers: {one.decimal!r}, {one.thousands!r}")
        if wrong := [form for form in self.dates if not is_form(form)]:
            raise ValueError(f"no form of dates: {wrong[0][:40]!r}")
        if not self.tag_separator:
            raise ValueError("nothing separates tags")

    @classmethod
    def of(cls, options: Iterable[CellOptions]) -> SettledCells:
        """Return what the options by which the files of an input were read have in common, and their forms."""
        every = list(options)
        numbers = tuple(
            sorted({one.number for one in every}, key=lambda form: (form.decimal, form.thousands or ""))
        )
        return cls(
            missing=every[0].missing,
            numbers=() if numbers == (PLAIN,) else numbers,
            dates=tuple(sorted({one.date for one in every if one.date is not None})),
            tag_separator=every[0].tag_separator,
            gaps=every[0].gaps,
            exact=every[0].exact,
        )

    def options(self) -> list[CellOptions]:
        """Return the options of each form in which the input was written; at least one."""
        common = CellOptions(
            missing=self.missing, tag_separator=self.tag_separator, gaps=self.gaps, exact=self.exact
        )
        return [
            replace(common, number=number, date=date)
            for number in self.numbers or (PLAIN,)
            for date in self.dates or (None,)
        ]


NOT_SETTLED = SettledCells()


class SettledReader:
    """Reads what is given for one input, at any door, as the cells that it was learned from were read."""

    def __init__(self, kind: AnyValue, settled: SettledCells = NOT_SETTLED) -> None:
        self._kind = kind
        self._own = settled.options()
        self._others = list(_others(self._own))

    def cell(self, cell: object) -> Any:
        """Return the canonical value of a cell, or of a word of the command line (None: missing); raises ValueProblem.

        A text that no form of the training data reads is read as a program writes it, where it cannot be another
        number in a form like theirs; one that reads as two values is refused: nobody would see that one is wrong.
        """
        if not (self._others or len(self._own) > 1):
            return self._kind.read_cell(cell, self._own[0])
        found, problem = self._readings(cell, self._own)
        if not found:
            found, _ = self._readings(cell, self._others)
        return _only_reading(cell, found, problem)

    def json(self, raw: object) -> Any:
        """Return the canonical value of what a request or a call gives (None: missing); raises ValueProblem.

        JSON types only, as `Value.parse` takes them; but what stood for nothing in the data does here, too, and dates
        may be written as they were there.
        """
        if not isinstance(raw, str) or len(self._own) == 1:
            return self._kind.read_json(raw, self._own[0])
        return _only_reading(raw, *self._readings(raw, self._own, strict=True))

    def _readings(
        self, cell: object, forms: Sequence[CellOptions], *, strict: bool = False
    ) -> tuple[list[Any], ValueProblem | None]:
        """Return what each form that reads a cell makes of it, and why the first one that does not refuses it."""
        read = self._kind.read_json if strict else self._kind.read_cell
        found: list[Any] = []
        refused: ValueProblem | None = None
        for options in forms:
            try:
                found.append(read(cell, options))
            except ValueProblem as problem:
                refused = refused or problem
        return found, refused


def _others(own: Sequence[CellOptions]) -> Iterator[CellOptions]:
    """Yield the forms in which a text is read that no form of the data reads: none where numbers are plain there."""
    forms = {one.number for one in own}
    if forms == {PLAIN}:
        return
    decimals = sorted({one.decimal for one in forms})
    alike = {NumberForm(sign, apart) for sign in decimals for apart in THOUSANDS if apart != sign}
    for form in sorted({PLAIN, *alike} - forms, key=lambda one: (one.decimal, one.thousands or "")):
        yield replace(own[0], number=form)


def _only_reading(given: object, found: Sequence[Any], refused: ValueProblem | None) -> Any:
    """Return what all readings agree on; raises ValueProblem where there is none, or where two differ."""
    if not found:
        assert refused is not None
        raise refused
    if any(one != found[0] for one in found[1:]):
        raise ValueProblem("value.two-readings", shown=shown(given), read=_first_two(found))
    return found[0]


def _first_two(found: Sequence[Any]) -> list[str]:
    """Return the first value and the first other one, as texts."""
    other = next(one for one in found if one != found[0])
    return [f"{one:.10g}" if isinstance(one, float) else str(one) for one in (found[0], other)]
