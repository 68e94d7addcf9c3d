"""Exports the means as a graph of a few nodes."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.package.body import Body


class CentroidExport(Export):
    """Distance to each mean."""

    def export(self, learned):
        """Return one graph: (n, 1, inputs) less (1, classes, inputs), squared, summed, scaled."""
        signature, fitted = kind_states.read(learned)
        means = np.load(learned / "means.npy", allow_pickle=False)
        names = [f"{field.name}.value" for field in signature.inputs]
        floats = {
            "means": means[None],
            "scale": -np.load(learned / "sharpness.npy", allow_pickle=False).astype(np.float32),
        }
        shapes = {
            "column": np.array([1], np.int64),
            "middle": np.array([1], np.int64),
            "last": np.array([2], np.int64),
        }
        nodes = [helper.make_node("Unsqueeze", [name, "column"], [f"{name}.column"]) for name in names]
        nodes += [
            helper.make_node("Concat", [f"{name}.column" for name in names], ["rows"], axis=1),
            helper.make_node("Unsqueeze", ["rows", "middle"], ["apart"]),
            helper.make_node("Sub", ["apart", "means"], ["difference"]),
            helper.make_node("Mul", ["difference", "difference"], ["squares"]),
            helper.make_node("ReduceSum", ["squares", "last"], ["distances"], keepdims=0),
            helper.make_node("Mul", ["distances", "scale"], [f"{signature.outputs[0].name}.logits"]),
        ]
        graph = helper.make_graph(
            nodes,
            "centroid",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in names],
            [
                helper.make_tensor_value_info(
                    f"{signature.outputs[0].name}.logits", TensorProto.FLOAT, ["batch", len(means)]
                )
            ],
            [numpy_helper.from_array(np.asarray(one), name) for name, one in {**floats, **shapes}.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return Body(signature, "once", {"model": model.SerializeToString(deterministic=True)}, fitted)

    def compress(self, body):
        """Return None: it is small."""
        return
