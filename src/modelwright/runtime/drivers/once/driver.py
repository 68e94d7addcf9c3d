"""One pass through the single graph `model`."""

from __future__ import annotations

from collections.abc import Generator

from modelwright.core.messages import PackageError, Problem
from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running

GRAPH = "model"


class RunningOnce(Running):
    """The opened graph; ONNX Runtime lets several threads run one session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._names = [output.name for output in session.get_outputs()]
        self.inputs = frozenset(given.name for given in session.get_inputs())
        self.outputs = frozenset(self._names)
        self._under_way: set[onnxruntime.RunOptions] = set()

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the graph's outputs; arrays that an export found to be without effect are left out."""
        options = onnxruntime.RunOptions()
        self._under_way.add(options)
        try:
            given = {name: call.arrays[name] for name in self.inputs}
            values = self._session.run(self._names, given, options)
        finally:
            self._under_way.discard(options)
        yield Part(dict(zip(self._names, values, strict=True)))

    def interrupt(self) -> None:
        """Let the runtime stop at the next node: a loop may have no end."""
        for options in list(self._under_way):
            options.terminate = True


class OnceDriver(Driver):
    """Opens the graph `model`, with its external data among the body's files."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the graph; raises PackageError where the graphs are others."""
        if set(body.graphs) != {GRAPH}:
            raise PackageError(
                Problem(
                    "package.wrong-graphs",
                    driver=body.driver,
                    wanted=GRAPH,
                    graphs=", ".join(f"`{name}`" for name in sorted(body.graphs)) or None,
                )
            )
        return RunningOnce(open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx", body.files))
