"""One pass through the single graph `model`."""

from __future__ import annotations

from collections.abc import Generator

from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.contract.graph_passes import GraphPasses

GRAPH = "model"


class RunningOnce(Running):
    """The opened graph; ONNX Runtime lets several threads run one session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._names = [output.name for output in session.get_outputs()]
        self.inputs = frozenset(given.name for given in session.get_inputs())
        self.outputs = frozenset(self._names)
        self._passes = GraphPasses()

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the graph's outputs; arrays that an export found to be without effect are left out."""
        given = {name: call.arrays[name] for name in self.inputs}
        with self._passes.one() as options:
            values = self._session.run(self._names, given, options)
        yield Part(dict(zip(self._names, values, strict=True)))

    def interrupt(self) -> None:
        """Let the runtime stop at the next node."""
        self._passes.interrupt()


class OnceDriver(Driver):
    """Opens the graph `model`, with its external data among the body's files."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the graph; raises PackageError where the graphs are others."""
        return _opened(body, threads, on_gpu=False)

    def open_on_gpu(self, body: Body, threads: int) -> Running:
        """Open the graph on a GPU; raises as `open`."""
        return _opened(body, threads, on_gpu=True)


def _opened(body: Body, threads: int, *, on_gpu: bool) -> Running:
    require_graphs(body, [GRAPH])
    session = open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx", body.files, on_gpu=on_gpu)
    return RunningOnce(session)
