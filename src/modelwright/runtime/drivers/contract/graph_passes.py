"""Passes through ONNX graphs that can be interrupted, whichever thread runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelwright.package.ort import onnxruntime


class GraphPasses:
    """The passes under way in the sessions of a body, from any threads."""

    def __init__(self) -> None:
        self._under_way: set[onnxruntime.RunOptions] = set()

    @contextmanager
    def one(self) -> Iterator[onnxruntime.RunOptions]:
        """Give the options of a pass; until the block ends, `interrupt` ends the pass."""
        options = onnxruntime.RunOptions()
        self._under_way.add(options)
        try:
            yield options
        finally:
            self._under_way.discard(options)

    def interrupt(self) -> None:
        """Let the runtime stop at the next node: a loop may have no end."""
        for options in list(self._under_way):
            options.terminate = True
