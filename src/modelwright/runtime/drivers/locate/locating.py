"""Places in texts by what a graph, or the network that it was made of, says of the tokens of windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.kinds.outputs import located
from modelwright.runtime.drivers.locate import tagging
from modelwright.runtime.drivers.locate.locate_settings import misread
from modelwright.runtime.drivers.locate.text_windows import TextTokens, TextWindow, WindowReader

FORMS = frozenset({Form.SPANS})
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
        return {one.name: self._spans(one, given, by_row, logits.get(one.name, {})) for one in self.outputs}

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

    def _spans(
        self,
        output: Field,
        given: WindowedTexts,
        by_row: Sequence[Sequence[int]],
        logits: Mapping[int, Array],
    ) -> dict[str, Array]:
        """Return `spans`, `scores` and `sure` of labelled spans; of more than an answer holds, the likeliest."""
        specs = kinds.arrays(output.kind).answers(self._states[output.name])
        _, most, _ = specs["spans"].shape
        assert isinstance(most, int)
        rows = len(given.texts)
        spans = np.full((rows, most, 3), -1, dtype=np.int64)
        scores = np.zeros((rows, most), dtype=np.float32)
        sure = np.ones(rows, dtype=np.float32)
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
