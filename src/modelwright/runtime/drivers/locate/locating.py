"""Places in texts by what a graph, or the network that it was made of, says of the tokens of windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.kinds.outputs import located
from modelwright.runtime.drivers.locate import answering, tagging
from modelwright.runtime.drivers.locate.locate_settings import misread
from modelwright.runtime.drivers.locate.text_windows import TextTokens, TextWindow, WindowReader

FORMS = frozenset({Form.SPANS, Form.SPAN})
LOGITS = "logits"  # what a graph says of each token of an output: (w, l, columns)
_AT_ONCE = 16  # windows
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""From `ids` and `mask` (w, l) to the logits of each output by its name, (w, l, columns)."""


@dataclass(frozen=True)
class WindowedTexts:
    """Texts, their tokens and their windows, in order of the texts."""

    texts: Sequence[str]
    tokens: Sequence[TextTokens]
    windows: Sequence[TextWindow]


class Locator:
    """Reads the rows of a signature, of whose inputs the last text is the one in which places are found."""

    def __init__(self, signature: Signature, states: Mapping[str, object], reader: WindowReader) -> None:
        """Take a signature and the states of its outputs; raises PackageError for one that finds no places."""
        text = located(signature)
        unfit = [one for one in signature.outputs if kinds.arrays(one.kind).output_form not in FORMS]
        if text is None or unfit or not signature.outputs:
            raise misread(f"{signature} finds no places in a text")
        self.text: Field = text
        self.reader, self._states = reader, states
        self.outputs = signature.outputs
        self._beside = [one.name for one in signature.inputs if one != text]

    def windowed(self, columns: Mapping[str, Sequence[object]]) -> WindowedTexts:
        """Return the texts of rows in windows."""
        texts = ["" if one is None else str(one) for one in columns[self.text.name]]
        tokens = self.reader.tokens(texts) if texts else []
        windows = [
            window
            for row, found in enumerate(tokens)
            for window in self.reader.windows(row, found, self._question(columns, row))
        ]
        return WindowedTexts(texts, tokens, windows)

    def answers(self, columns: Mapping[str, Sequence[object]], run: Run) -> dict[str, dict[str, Array]]:
        """Return the arrays of each output."""
        given = self.windowed(columns)
        by_row: list[list[int]] = [[] for _ in given.texts]
        for place, window in enumerate(given.windows):
            by_row[window.row].append(place)
        logits = self._logits(given.windows, run)
        found = {}
        for one in self.outputs:
            specs = kinds.arrays(one.kind).answers(self._states[one.name])
            _, most, _ = specs["spans"].shape
            assert isinstance(most, int), "an answer holds so many places"
            of_form = _FOUND[kinds.arrays(one.kind).output_form]
            found[one.name] = of_form(given, by_row, logits.get(one.name, {}), most)
        return found

    def _question(self, columns: Mapping[str, Sequence[object]], row: int) -> str:
        given = (columns[name][row] for name in self._beside)
        return "\n".join(str(one) for one in given if one is not None)

    def _logits(self, windows: Sequence[TextWindow], run: Run) -> dict[str, dict[int, Array]]:
        """Return the logits of each window, (l, columns), by output; windows of like length are read together."""
        found: dict[str, dict[int, Array]] = {}
        order = sorted(range(len(windows)), key=lambda place: len(windows[place].ids))
        for begin in range(0, len(order), _AT_ONCE):
            places = order[begin : begin + _AT_ONCE]
            for name, values in run(self.reader.arrays([windows[place] for place in places])).items():
                of_output = found.setdefault(name, {})
                for place, one in zip(places, values, strict=True):
                    of_output[place] = one.astype(np.float64)
        return found


ByRow = Sequence[Sequence[int]]  # the places of the windows of each row


def _spans(given: WindowedTexts, by_row: ByRow, logits: Mapping[int, Array], most: int) -> dict[str, Array]:
    """Return `spans`, `scores` and `sure` of labelled spans; of more than an answer holds, the likeliest."""
    spans = np.full((len(by_row), most, 3), -1, dtype=np.int64)
    scores = np.zeros((len(by_row), most), dtype=np.float32)
    sure = np.ones(len(by_row), dtype=np.float32)
    for row, places in enumerate(by_row):
        if not places:
            continue
        tokens = given.tokens[row]
        windows = [given.windows[place] for place in places]
        whole = tagging.of_tokens(windows, [logits[place] for place in places], len(tokens))
        found = tagging.spans_of(whole, tokens)
        # in the order of the text
        kept = np.sort(np.argsort(-found.scores, kind="stable")[:most])
        spans[row, : len(kept)] = found.spans[kept]
        scores[row, : len(kept)] = found.scores[kept]
        sure[row] = found.sure
    return {"spans": spans, "scores": scores, "sure": sure}


def _answers(given: WindowedTexts, by_row: ByRow, logits: Mapping[int, Array], most: int) -> dict[str, Array]:
    """Return `spans` and `scores` of the best places for an answer."""
    spans = np.full((len(by_row), most, 2), -1, dtype=np.int64)
    scores = np.zeros((len(by_row), most), dtype=np.float32)
    for row, places in enumerate(by_row):
        windows = [given.windows[place] for place in places]
        found = answering.candidates(windows, [logits[place] for place in places], given.tokens[row], most)
        for place, (start, end, score) in enumerate(found):
            spans[row, place] = start, end
            scores[row, place] = score
    return {"spans": spans, "scores": scores}


_FOUND: Mapping[Form | None, Callable[[WindowedTexts, ByRow, Mapping[int, Array], int], dict[str, Array]]] = {
    Form.SPANS: _spans,
    Form.SPAN: _answers,
}
