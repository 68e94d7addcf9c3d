"""A package that judges two texts: it prefers the longer one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_serving import sealed
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright.core.signature import Signature
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.text.arrays import TextState
from modelwright.package.body import Body

CLASSES = ("first", "second", "tie")


def longer(folder: Path, shift: float = 0.0, classes: tuple[str, ...] = CLASSES) -> Path:
    """Write `prefer(question: text, first: text, second: text) -> better: category`, by `shift`."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    nodes = []
    for side in ("first", "second"):
        nodes += [
            helper.make_node("Cast", [f"{side}.mask"], [f"{side}.there"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", [f"{side}.there", "along"], [f"{side}.words"], keepdims=1),
        ]
    nodes += [
        helper.make_node("Sub", ["first.words", "second.words"], ["more"]),
        # (n, 1) times (1, classes)
        helper.make_node("Mul", ["more", "slope"], ["sided"]),
        helper.make_node("Add", ["sided", "shift"], ["better.logits"]),
    ]
    weights = {
        "along": np.array([1], dtype=np.int64),
        "slope": np.array([[1, -1, 0]], dtype=np.float32),
        "shift": np.array([[shift, 0, 0.5]], dtype=np.float32),
    }
    inputs = [
        helper.make_tensor_value_info(f"{side}.mask", TensorProto.INT64, ["batch", f"{side}_length"])
        for side in ("first", "second")
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        inputs,
        [helper.make_tensor_value_info("better.logits", TensorProto.FLOAT, ["batch", len(CLASSES)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    text = TextState(tokenizer.to_str().encode(), 128, 1)
    body = Body(
        Signature.parse("prefer(question: text, first: text, second: text) -> better: category"),
        "once",
        {"model": model.SerializeToString(deterministic=True)},
        {"question": text, "first": text, "second": text, "better": CategoryState(classes)},
    )
    return sealed(body, folder)
