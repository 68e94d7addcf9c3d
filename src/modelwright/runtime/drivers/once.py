"""The driver `once`: one pass through the single graph `model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelwright.core.messages import PackageError, Problem
from modelwright.kinds.contract.common import Array
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers import Running

GRAPH = "model"


class Once:
    """The opened graph; ONNX Runtime lets several threads run one session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._names = [output.name for output in session.get_outputs()]
        self.inputs = frozenset(given.name for given in session.get_inputs())
        self.outputs = frozenset(self._names)

    def run(self, arrays: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
        """Yield the graph's outputs, once; arrays that an export found to be without effect are left out."""
        values = self._session.run(self._names, {name: arrays[name] for name in self.inputs})
        yield dict(zip(self._names, values, strict=True))


def start(graphs: Mapping[str, bytes], threads: int) -> Running:
    """Open the graph `model`; raises PackageError where the graphs are others."""
    if set(graphs) != {GRAPH}:
        raise PackageError(
            Problem(
                "package.wrong-graphs",
                f"the driver `once` runs one graph, `{GRAPH}.onnx`",
                ", ".join(f"{name}.onnx" for name in sorted(graphs)) or "no graph",
                "export one graph, or name the driver that runs these",
            )
        )
    return Once(open_session(graphs[GRAPH], threads, f"{GRAPH}.onnx"))
