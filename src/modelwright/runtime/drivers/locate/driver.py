"""One graph over the windows of texts; places in the texts come of what it says of tokens."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from modelwright import kinds
from modelwright.kinds.contract.common import Array
from modelwright.package.body import Body
from modelwright.package.content import whole
from modelwright.package.graphs import open_session
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.contract.graph_passes import GraphPasses
from modelwright.runtime.drivers.locate.locate_settings import GRAPH, TOKENIZER, LocateSettings, misread
from modelwright.runtime.drivers.locate.locating import LOGITS, Locator
from modelwright.runtime.drivers.locate.text_windows import WindowReader


class RunningLocate(Running):
    """The opened graph; ONNX Runtime lets several threads run one session."""

    inputs: frozenset[str] = frozenset()

    def __init__(self, body: Body, session: onnxruntime.InferenceSession) -> None:
        settings = LocateSettings.read(body.settings)
        reader = WindowReader(whole(body.files[TOKENIZER]), settings)
        self._locator = Locator(body.signature, body.states, reader)
        self._session = session
        text = self._locator.text.name
        self._given = {f"{text}.{array}": array for array in ("ids", "mask")}
        self._names = {f"{one.name}.{LOGITS}": one.name for one in body.signature.outputs}
        if {one.name for one in session.get_inputs()} - set(self._given):
            raise misread("the graph takes other arrays than the tokens of a text")
        if set(self._names) - {one.name for one in session.get_outputs()}:
            raise misread("the graph says nothing of the tokens of an output")
        self.outputs = frozenset(
            f"{one.name}.{array}"
            for one in body.signature.outputs
            for array in kinds.arrays(one.kind).answers(body.states[one.name])
        )
        self._taken = [one.name for one in session.get_inputs()]
        self._passes = GraphPasses()

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the places in all texts."""
        with self._passes.one() as options:

            def logits(arrays: Mapping[str, Array]) -> dict[str, Array]:
                given = {name: arrays[self._given[name]] for name in self._taken}
                values = self._session.run(list(self._names), given, options)
                return dict(zip(self._names.values(), values, strict=True))

            found = self._locator.answers(call.columns, logits)
        yield Part(
            {f"{name}.{array}": one for name, arrays in found.items() for array, one in arrays.items()}
        )

    def interrupt(self) -> None:
        """Let the runtime stop at the next node."""
        self._passes.interrupt()


class LocateDriver(Driver):
    """Opens the graph `model` and the tokenizer beside it."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the graph; raises PackageError where graph, files or settings are others."""
        return _opened(body, threads, on_gpu=False)

    def open_on_gpu(self, body: Body, threads: int) -> Running:
        """Open the graph on a GPU; raises as `open`."""
        return _opened(body, threads, on_gpu=True)


def _opened(body: Body, threads: int, *, on_gpu: bool) -> Running:
    require_graphs(body, [GRAPH])
    if set(body.files) != {TOKENIZER}:
        raise misread(f"its one file is {TOKENIZER}")
    session = open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx", on_gpu=on_gpu)
    return RunningLocate(body, session)
