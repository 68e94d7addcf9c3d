"""Makes the product of two smaller matrices of a large one.

The factors are those that change least of what the matrix gives on training rows, not of its weights: the singular
value decomposition is taken of the matrix as its inputs weigh it (Hsu et al. 2022, section 3, with the inputs' full
covariance in place of their importance).
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modelwright.learners.compressing.material import CALIBRATED, Material, flowing

_FEWEST = 64 * 64
_FEWEST_IN_TABLE = 100_000
_RIDGE = 1e-3  # of the mean square of an input: one that was never seen must not count for nothing


def factor(model: onnx.ModelProto, share: float, of: str, material: Material) -> int:
    """Replace large matrices and tables in place; return how many. share: of their weights that is left."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    found = [
        (node, weight)
        for node in graph.node
        if (weight := weights.get(_weight_of(node, of) or "")) is not None
        and _rank(node, weight, share) is not None
    ]
    if not found:
        return 0
    squares = _squares(model, {node.input[0] for node, _ in found if node.op_type == "MatMul"}, material)
    changed = {id(node): weight for node, weight in found}
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    for node in graph.node:
        weight = changed.get(id(node))
        if weight is None:
            nodes.append(node)
            continue
        rank = _rank(node, weight, share)
        assert rank is not None
        square = squares[node.input[0]] if node.op_type == "MatMul" else None
        nodes += _factors(node, weight, rank, square, added)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added.values()])
    return len(changed)


def _weight_of(node: onnx.NodeProto, of: str) -> str | None:
    if node.op_type == "MatMul" and of != "tables":
        return str(node.input[1])
    return str(node.input[0]) if node.op_type == "Gather" and of != "matrices" else None


def _rank(node: onnx.NodeProto, weight: onnx.TensorProto, share: float) -> int | None:
    """Return the rank that leaves a share of the weights; None where the weight is too small for two."""
    if len(weight.dims) != 2 or weight.data_type != TensorProto.FLOAT:
        return None
    inputs, outputs = weight.dims
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    fewest = _FEWEST if node.op_type == "MatMul" else _FEWEST_IN_TABLE
    if inputs * outputs < fewest or axis != 0:
        return None
    rank = int(share * inputs * outputs / (inputs + outputs))
    return rank if rank >= 1 else None


def _squares(model: onnx.ModelProto, names: set[str], material: Material) -> dict[str, NDArray[np.float64]]:
    """Return by tensor (…, k) the sum of its squares over training rows, xᵀx (k, k)."""
    found: dict[str, NDArray[np.float64]] = {}
    if not names:
        return found
    for tensors in flowing(model, sorted(names), material.train(CALIBRATED)):
        for name, values in tensors.items():
            flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
            found[name] = found.get(name, 0.0) + flat.T @ flat
    return found


def _factors(
    node: onnx.NodeProto,
    weight: onnx.TensorProto,
    rank: int,
    square: NDArray[np.float64] | None,
    added: dict[str, onnx.TensorProto],
) -> list[onnx.NodeProto]:
    first, second = f"{weight.name}.first", f"{weight.name}.second"
    if square is not None:  # what flows into each node is its own
        first, second = f"{node.output[0]}.first", f"{node.output[0]}.second"
    if first not in added:
        made = _split(numpy_helper.to_array(weight).astype(np.float64), rank, square)
        for name, values in zip((first, second), made, strict=True):
            added[name] = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
    middle = f"{node.output[0]}.narrow"
    if node.op_type == "Gather":
        narrow = helper.make_node("Gather", [first, node.input[1]], [middle], name=node.name)
    else:
        narrow = helper.make_node("MatMul", [node.input[0], first], [middle])
    return [narrow, helper.make_node("MatMul", [middle, second], [node.output[0]])]


def _split(
    values: NDArray[np.float64], rank: int, square: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factors (k, rank) and (rank, n) of a matrix (k, n).

    With xᵀx = LLᵀ, the sum of ‖x(W − AB)‖² is ‖Lᵀ(W − AB)‖², which the largest singular values of LᵀW make least; what
    is left of W in the span of its right singular vectors is A.
    """
    weighed = values
    if square is not None:
        ridge = _RIDGE * np.trace(square) / len(square) + 1e-12
        weighed = np.linalg.cholesky(square + ridge * np.eye(len(square))).T @ values
    # eigenvectors of the smaller side: a table is far longer than it is wide
    _, vectors = np.linalg.eigh(weighed.T @ weighed)
    right = vectors[:, ::-1][:, :rank]  # (n, rank), those of the largest singular values
    return values @ right, right.T
