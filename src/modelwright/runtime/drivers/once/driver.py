"""One pass through the single graph `model`."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.contract.graph_passes import GraphPasses

GRAPH = "model"
# `run` of ONNX Runtime looks for each input's name in a list of all: of 2,000 inputs that takes longer than the pass.
MANY = 100
_PLAIN = "biuf"  # arrays that can be bound without being copied


class RunningOnce(Running):
    """The opened graph; ONNX Runtime lets several threads run one session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._names = [output.name for output in session.get_outputs()]
        self.inputs = frozenset(given.name for given in session.get_inputs())
        self.outputs = frozenset(self._names)
        self._passes = GraphPasses()
        tensors = all(output.type.startswith("tensor(") for output in session.get_outputs())
        self._binds = len(self.inputs) > MANY and tensors

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the graph's outputs; arrays that an export found to be without effect are left out."""
        given = {name: call.arrays[name] for name in self.inputs}
        with self._passes.one() as options:
            values = self._values(given, options)
        yield Part(dict(zip(self._names, values, strict=True)))

    def _values(
        self, given: Mapping[str, NDArray[Any]], options: onnxruntime.RunOptions
    ) -> Sequence[NDArray[Any]]:
        if not self._binds or any(values.dtype.kind not in _PLAIN for values in given.values()):
            return list(self._session.run(self._names, dict(given), options))
        bound = self._session.io_binding()
        arrays = {name: np.ascontiguousarray(values) for name, values in given.items()}
        for name, values in arrays.items():
            bound.bind_cpu_input(name, values)
        for name in self._names:
            bound.bind_output(name)
        self._session.run_with_iobinding(bound, options)
        return list(bound.copy_outputs_to_cpu())

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
