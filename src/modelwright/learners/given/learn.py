"""Takes a graph as it is: the rows settle how it is wired, and nothing is learned."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from modelwright import kinds
from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import kind_states, known_truths
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.given import brought, given_graph, matching, settling
from modelwright.learners.given.running import BATCH, RunningGraph
from modelwright.learners.given.settling import Settled, encoded
from modelwright.learners.given.spec import GivenOptions
from modelwright.learners.given.wiring import Wiring
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

GRAPH, WIRING = "graph.onnx", "wiring.json"
_TIMED = 10  # requests


class GivenLearn(Learn[Rows]):
    """Settles the states of the kinds and the wiring of the graph."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Let the graph answer some rows, and say what was taken for what."""
        started = time.perf_counter()
        settled = _settled(signature, data.train, options, pretrained, machine.cores)
        took_s = time.perf_counter() - started
        return Estimate(
            steps=1,
            batch=BATCH,
            epochs=None,
            seconds=max(took_s, 1e-3),
            memory_bytes=peak_memory_bytes(),
            package_bytes=len(settled.content) + 4096,
            latency_s=_latency_s(signature, settled, data.train, machine.cores),
            why=Phrase("given.why", inputs=len(settled.wiring.ports)),
            warnings=settled.notices,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Write the needed part of the graph, its wiring and the states; with `calibrate`, a temperature too."""
        options = setup.options
        assert isinstance(options, GivenOptions)
        settled = _settled(signature, data.train, options, setup.pretrained, setup.threads)
        known_truths.require(signature, settled.states, data.train)
        states = dict(settled.states)
        if options.calibrate:
            answers = _answers(
                signature, settled.content, settled.wiring, states, data.held.columns, setup.threads
            )
            for field in signature.outputs:
                states[field.name] = kinds.arrays(field.kind).calibrate(
                    answers[field.name], data.held.columns[field.name], states[field.name], data.held.columns
                )
        (out / GRAPH).write_bytes(settled.content)
        text = json.dumps(settled.wiring.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
        (out / WIRING).write_text(text + "\n", encoding="utf-8")
        kind_states.write(out, signature, states)
        return {"history": [], "calibrated": options.calibrate}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with the graph as it was given, and with numpy around it."""
        signature, states = kind_states.read(learned)
        wiring = Wiring.from_json(json.loads((learned / WIRING).read_text(encoding="utf-8")))
        return _answers(signature, (learned / GRAPH).read_bytes(), wiring, states, inputs, 1)


def _settled(
    signature: Signature,
    train: Examples,
    options: BaseModel,
    pretrained: Mapping[str, Path],
    threads: int,
) -> Settled:
    assert isinstance(options, GivenOptions)
    folder = pretrained[BROUGHT]
    graph = given_graph.read(brought.graph(folder), str(options.path))
    matched = matching.match(signature, options, graph)
    return settling.settle(signature, options, graph, matched, train, folder, threads)


def _answers(
    signature: Signature,
    content: bytes,
    wiring: Wiring,
    states: Mapping[str, object],
    columns: Mapping[str, Sequence[object]],
    threads: int,
) -> Predicted:
    running = RunningGraph(content, threads)
    count = len(next(iter(columns.values())))
    parts = []
    for begin in range(0, count, BATCH):
        rows = {one.name: columns[one.name][begin : begin + BATCH] for one in signature.inputs}
        parts.append(wiring.answers(running.run(wiring.feeds(encoded(signature, states, rows)))))
    return {
        output: {array: np.concatenate([part[output][array] for part in parts]) for array in arrays}
        for output, arrays in parts[0].items()
    }


def _latency_s(signature: Signature, settled: Settled, train: Examples, threads: int) -> float:
    """Return the least seconds that one row took, its encoding among them."""
    running = RunningGraph(settled.content, threads)
    row = {one.name: train.columns[one.name][:1] for one in signature.inputs}
    found = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        running.run(settled.wiring.feeds(encoded(signature, settled.states, row)))
        found.append(time.perf_counter() - started)
    return max(min(found), 1e-6)
