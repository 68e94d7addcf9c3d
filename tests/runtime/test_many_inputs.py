"""Graphs of very many inputs: bound one by one, since ONNX Runtime's `run` compares each name with all others."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.contract.driver import Call
from modelwright.runtime.drivers.once import driver
from modelwright.runtime.drivers.once.driver import RunningOnce


def _session(inputs: int) -> onnxruntime.InferenceSession:
    names = [f"x{n}.value" for n in range(inputs)]
    nodes = [
        helper.make_node("Sum", names, ["y.value"]),
        helper.make_node("Greater", ["y.value", names[0]], ["z"]),
    ]
    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in names]
    made = [
        helper.make_tensor_value_info("y.value", TensorProto.FLOAT, ["batch"]),
        helper.make_tensor_value_info("z", TensorProto.BOOL, ["batch"]),
    ]
    graph = helper.make_graph(nodes, "many", floats, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _answers(running: RunningOnce, inputs: int, rows: int) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).normal(size=(rows, inputs)).astype(np.float32)
    # columns of one array are not contiguous, as a caller may give them
    arrays = {f"x{n}.value": values[:, n] for n in range(inputs)}
    (part,) = running.run(Call({**arrays, "unused.value": values[:, 0]}, {}, {}))
    return dict(part.arrays)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_many_inputs_are_answered_as_few_are(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = driver.MANY + 1
    bound = _answers(RunningOnce(_session(inputs)), inputs, rows)
    monkeypatch.setattr(driver, "MANY", inputs)
    plain = _answers(RunningOnce(_session(inputs)), inputs, rows)
    assert bound.keys() == plain.keys()
    for name, values in plain.items():
        assert bound[name].dtype == values.dtype
        np.testing.assert_array_equal(bound[name], values)


def test_names_of_many_inputs_are_not_compared_each_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = driver.MANY + 1
    running = RunningOnce(_session(inputs))
    monkeypatch.setattr(running._session, "run", None)
    assert _answers(running, inputs, 1)["y.value"].shape == (1,)
