"""Functions with many kinds, on each side where they can stand."""

from __future__ import annotations

import numpy as np
import onnx
from file_bodies import picture
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models

from modelwright.core.signature import Signature
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.date.arrays import DateState
from modelwright.kinds.image.arrays import ImageArrays
from modelwright.kinds.number.arrays import NumberState
from modelwright.kinds.tags.arrays import TagsState
from modelwright.kinds.text.arrays import TextState
from modelwright.kinds.vector.arrays import VectorState
from modelwright.package.body import Body


def every_kind() -> Body:
    """Return a body with every kind but text on each side where it can stand; it answers zeros."""
    signature = Signature.parse(
        "measure(n: number, b: boolean, c: category, d: date, t: tags) "
        "-> x: number, y: boolean, z: category, s: tags"
    )
    inputs = {"n.value": (1, []), "n.missing": (1, []), "b.value": (1, []), "b.missing": (1, [])}
    inputs |= {"c.index": (7, []), "d.values": (1, [4]), "d.missing": (1, []), "t.members": (1, [2])}
    outputs = {"x.value": [], "y.logit": [], "z.logits": [3], "s.logits": [2]}
    nodes = [helper.make_node("Mul", ["n.value", "zero"], ["zeros"])]
    weights = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    for name, shape in outputs.items():
        if not shape:
            nodes.append(helper.make_node("Identity", ["zeros"], [name]))
            continue
        weights.append(numpy_helper.from_array(np.array([1, *shape], np.int64), f"{name}.times"))
        nodes.append(helper.make_node("Unsqueeze", ["zeros", "last"], [f"{name}.column"]))
        nodes.append(helper.make_node("Tile", [f"{name}.column", f"{name}.times"], [name]))
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "last"))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, kind, ["batch", *shape]) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *s]) for n, s in outputs.items()],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    states = {
        "n": NumberState(1.0, 2.0),
        "b": BooleanState(),
        "c": CategoryState(("no", "yes")),
        "d": DateState(2000.0, 3.0),
        "t": TagsState(("big", "small")),
        "x": NumberState(1.0, 2.0),
        "y": BooleanState(1.0, 0.4, 0.2),
        "z": CategoryState(("a", "b", "c"), 1.0, 0.2, (1.0, 2.0, 1.0)),
        "s": TagsState(("big", "small"), 1.0, (0.4, 0.6)),
    }
    return Body(signature, "once", {"model": model.SerializeToString(deterministic=True)}, states)


def echoing() -> Body:
    """Return a body with an input of every kind but a sound and a series, which says number, truth, class and vector
    again."""
    signature = Signature.parse(
        "measure(n: number, b: boolean, c: category, d: date, q: text, p: image, v: vector, t: tags) "
        "-> x: number, y: boolean, z: category, w: vector"
    )
    nodes = [
        helper.make_node("Identity", ["n.value"], ["x.value"]),
        helper.make_node("Sub", ["b.value", "half"], ["y.logit"]),
        helper.make_node("Gather", ["rows", "c.index"], ["z.logits"]),
        helper.make_node("Identity", ["v.values"], ["w.values"]),
    ]
    weights = {
        "half": np.array(0.5, np.float32),
        "rows": np.array([[0, 0], [3, 0], [0, 3]], np.float32),  # 0: missing, unseen
    }
    inputs = {"n.value": (1, []), "b.value": (1, []), "c.index": (7, []), "v.values": (1, [3])}
    outputs = {"x.value": [], "y.logit": [], "z.logits": [2], "w.values": [3]}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, kind, ["batch", *shape]) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *s]) for n, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]"))
    vector = VectorState((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    states = {
        "n": NumberState(1.0, 2.0),
        "b": BooleanState(),
        "c": CategoryState(("no", "yes")),
        "d": DateState(2000.0, 3.0),
        "q": TextState(tokenizer.to_str().encode(), 16, 1),
        "p": ImageArrays().fit([picture(20), picture(200)], side=16),
        "v": vector,
        "t": TagsState(("big", "small")),
        "x": NumberState(1.0, 2.0),
        "y": BooleanState(1.0, 0.4, 0.2),
        "z": CategoryState(("no", "yes"), 1.0, 0.2, (1.0, 1.0)),
        "w": vector,
    }
    return Body(signature, "once", {"model": model.SerializeToString(deterministic=True)}, states)
