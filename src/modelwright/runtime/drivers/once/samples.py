"""A sum, with its weight in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples

_WEIGHTS = "weights.bin"


class OnceSamples(Samples):
    """`add(a: number, b: number) -> sum: number`; the graph adds three times each, in deviations."""

    def body(self) -> Body:
        """Return the body; the factor three lies in the file `weights.bin`."""
        factor = TensorProto(
            name="factor", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
        )
        for key, value in (("location", _WEIGHTS), ("offset", "4"), ("length", "4")):
            factor.external_data.add(key=key, value=value)
        names = [f"{name}.value" for name in ("a", "b", "sum")]
        a, b, total = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in names)
        nodes = [
            helper.make_node("Add", names[:2], ["both"]),
            helper.make_node("Mul", ["both", "factor"], names[2:]),
        ]
        graph = helper.make_graph(nodes, "add", [a, b], [total], [factor])
        model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
        signature = Signature.parse("add(a: number, b: number) -> sum: number")
        fields = (*signature.inputs, *signature.outputs)
        states = {one.name: kinds.arrays(one.kind).fit([1.0, 2.0, 3.0]) for one in fields}
        weights = np.array([0, 3], dtype=np.float32).tobytes()
        graphs = {"model": model.SerializeToString(deterministic=True)}
        return Body(signature, "once", graphs, states, {_WEIGHTS: weights})

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return four rows."""
        return {"a": [1.0, 2.0, 3.0, -4.0], "b": [0.5, 0.0, -1.0, 8.0]}

    def refused(self) -> Sequence[Body]:
        """Return bodies without a graph, and with two."""
        body = self.body()
        model = body.graphs["model"]
        return [replace(body, graphs={}), replace(body, graphs={"model": model, "second": model})]
