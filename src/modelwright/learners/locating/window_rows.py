"""Rows of texts as the windows that a network reads, with the truth of each window.

Shapes: n rows, w windows, l tokens of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.runtime.drivers.locate import answering, tagging
from modelwright.runtime.drivers.locate.locating import Locator, WindowedTexts
from modelwright.runtime.drivers.locate.text_windows import WindowReader
from modelwright.storage.formats.examples import Examples


@dataclass(frozen=True)
class Astray:
    """Places whose ends are not those of tokens: how many of all, and of which row the first is."""

    count: int = 0
    places: int = 0
    row: str | None = None


@dataclass(frozen=True)
class WindowRows:
    """Windows over the texts of rows, and the truth of each by output and array, (w, …).

    astray: by output.
    """

    given: WindowedTexts
    truths: Mapping[str, Mapping[str, Array]]
    reader: WindowReader
    text: Field
    astray: Mapping[str, Astray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.given.windows)

    def spaced(self, most: int) -> NDArray[np.int64]:
        """Return the places of at most so many windows, evenly spaced."""
        return np.arange(len(self))[:: max(1, -(-len(self) // most))]

    def rows(
        self, signature: Signature, states: Mapping[str, object], some: NDArray[np.int64] | None = None
    ) -> EncodedRows:
        """Return the windows, or some of them, as a network reads them; signature: of windows."""
        places = np.arange(len(self)) if some is None else some
        targets = {
            name: {array: values[places] for array, values in truths.items()}
            for name, truths in self.truths.items()
        }
        # what stands for the values of the kind: windows have arrays, and no text of their own
        columns = {self.text.name: [None] * len(places)}
        given = {self.text.name: partial(self._arrays, places)}
        return EncodedRows(signature, states, columns, targets=targets, given=given)

    def _arrays(self, places: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, Array]:
        return dict(self.reader.arrays([self.given.windows[place] for place in places[rows].tolist()]))


def window_rows(locator: Locator, rows: Examples, states: Mapping[str, object]) -> WindowRows:
    """Return the windows over the texts of rows."""
    given = locator.windowed(rows.columns)
    truths: dict[str, Mapping[str, Array]] = {}
    astray: dict[str, Astray] = {}
    for output in locator.outputs:
        kind = kinds.arrays(output.kind)
        assert kind.output_form is not None, "an output has a form"
        encoded = kind.encode_truth(rows.columns[output.name], rows.columns, states[output.name])["spans"]
        truths[output.name], astray[output.name] = _TRUTHS[kind.output_form](encoded, given, rows.ids)
    return WindowRows(given, truths, locator.reader, locator.text, astray)


def _tags(spans: Array, given: WindowedTexts, ids: Sequence[str]) -> tuple[Mapping[str, Array], Astray]:
    """Return the tags of the tokens of each window, (w, l), -1 where there is none; spans: (n, m, 3)."""
    of_rows: dict[int, NDArray[np.int64]] = {}
    places = count = 0
    first = None
    for row, tokens in enumerate(given.tokens):
        if spans[row].size and spans[row, 0, 0] < 0:
            continue  # nobody knows what is in it
        wanted = [(start, end, label) for start, end, label in spans[row].tolist() if end > start]
        of_rows[row], astray = tagging.tags_of(wanted, tokens)
        places, count = places + len(wanted), count + astray
        first = ids[row] if astray and first is None else first
    longest = max((len(window.ids) for window in given.windows), default=1)
    tags = np.full((len(given.windows), longest), -1, dtype=np.int64)
    for place, window in enumerate(given.windows):
        if window.row in of_rows:
            own = of_rows[window.row][window.first : window.first + window.count]
            tags[place, window.offset : window.offset + window.count] = own
    return {"tags": tags}, Astray(count, places, first)


def _places(spans: Array, given: WindowedTexts, ids: Sequence[str]) -> tuple[Mapping[str, Array], Astray]:
    """Return where the answer of each window begins and ends, (w,), and its tokens `inside`, (w, l).

    spans: (n, m, 2), of which the first is learned. A window that does not hold all of it holds no answer.
    """
    count = places = 0
    first = None
    of_rows: dict[int, tuple[int, int] | None] = {}
    for row, tokens in enumerate(given.tokens):
        start, end = spans[row, 0].tolist()
        if start < 0:
            continue  # nobody knows whether there is one
        found = answering.tokens_of(start, end, tokens) if end > start else None
        of_rows[row] = None if found is None else found[:2]
        places += end > start
        astray = end > start and (found is None or not found[2])
        count += astray
        first = ids[row] if astray and first is None else first
    longest = max((len(window.ids) for window in given.windows), default=1)
    ends = np.full((2, len(given.windows)), -1, dtype=np.int64)
    inside = np.zeros((len(given.windows), longest), dtype=np.int64)
    for place, window in enumerate(given.windows):
        inside[place, [0, *range(window.offset, window.offset + window.count)]] = 1
        if window.row not in of_rows:
            continue
        wanted = of_rows[window.row]
        held = wanted is not None and window.first <= wanted[0] and wanted[1] < window.first + window.count
        for end in range(2):
            ends[end, place] = wanted[end] - window.first + window.offset if held and wanted else 0
    return {"begin": ends[0], "end": ends[1], "inside": inside}, Astray(count, places, first)


_Truths = Callable[[Array, WindowedTexts, Sequence[str]], tuple[Mapping[str, Array], Astray]]
_TRUTHS: Mapping[Form, _Truths] = {Form.SPANS: _tags, Form.SPAN: _places}
