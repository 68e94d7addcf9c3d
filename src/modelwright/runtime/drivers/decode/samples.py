"""A decoder of one layer whose weights are drawn by chance, with every letter of ASCII as a token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelwright import kinds
from modelwright.core.json_types import JsonLike
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples

_WORDS, _WIDTH, _CONTEXT = 129, 16, 64
_END = 128


class DecodeSamples(Samples):
    """`reply(message: text) -> answer: text`; the graph attends with one head and has no MLP."""

    def body(self) -> Body:
        """Return the body."""
        signature = Signature.parse("reply(message: text) -> answer: text")
        states = {
            "message": kinds.arrays(signature.inputs[0].kind).fit([], form=Form.PROMPT),
            "answer": kinds.arrays(signature.outputs[0].kind).fit([], role=Role.OUTPUT),
        }
        settings: dict[str, JsonLike] = {
            "context": _CONTEXT,
            "ends": [_END],
            "prompt": [{"text": "> "}, {"input": "message"}, {"text": "\n"}],
            "chunk": 4,
            "slots": 2,
            "cache_bytes": 2 * _WIDTH * 4 * _CONTEXT * 2,
            "sampling": {"max_tokens": 12},
        }
        return Body(
            signature, "decode", {"model": _graph()}, states, {"tokenizer.json": _tokenizer()}, settings
        )

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return more rows than there are slots, one of them missing, one longer than the context."""
        return {"message": ["hello", "how are you?", None, "x" * 40, "y" * 80]}

    def refused(self) -> Sequence[Body]:
        """Return bodies that lack a part, or whose parts do not belong together."""
        body = self.body()
        settings = dict(body.settings)
        words = json.loads(_tokenizer())
        words["model"]["vocab"]["extra"] = _WORDS
        others: list[dict[str, JsonLike]] = [
            {"context": 32},
            {"ends": [_WORDS]},
            {"slots": 0},
            {"cache_bytes": 100},
            {"prompt": []},
            {"prompt": [{"input": "nothing"}]},
            {"prompt": [{"text": "a", "input": "message"}]},
            {"sampling": {"temperature": -1.0}},
            {"unknown": 1},
        ]
        return [
            replace(body, graphs={}),
            replace(body, files={}),
            replace(body, files={"tokenizer.json": b"{}"}),
            replace(body, files={"tokenizer.json": json.dumps(words).encode()}),
            *(replace(body, settings={**settings, **other}) for other in others),
        ]


def _tokenizer() -> bytes:
    vocab = {chr(code): code for code in range(128)} | {"<end>": _END}
    added = {"id": _END, "content": "<end>", "special": True, "normalized": False}
    added |= {"single_word": False, "lstrip": False, "rstrip": False}
    model = {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "?"}
    return json.dumps(
        {"version": "1.0", "added_tokens": [added], "model": model, "decoder": {"type": "Fuse"}}
    ).encode()


def _graph() -> bytes:
    """Return a table, attention, and the table as head."""
    rng = np.random.Generator(np.random.Philox(7))
    half = _WIDTH // 2
    turns = np.arange(_CONTEXT)[:, None] * 100.0 ** (-np.arange(half) / half)  # (context, half)
    weights = {
        "table": rng.normal(size=(_WORDS, _WIDTH)),
        "qkv": rng.normal(size=(_WIDTH, 3 * _WIDTH)) * 0.5,
        "cosines": np.cos(turns),
        "sines": np.sin(turns),
    }
    tensors = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([-1, _WIDTH], dtype=np.int64), "flat"))
    cache = ["past.0.key", "past.0.value"]
    present = ["present.0.key", "present.0.value"]
    make, info = helper.make_node, helper.make_tensor_value_info
    nodes = [
        make("Gather", ["table", "ids"], ["words"]),
        make("MatMul", ["words", "qkv"], ["packed"]),
        make(
            "GroupQueryAttention",
            ["packed", "", "", *cache, "lengths", "total", "cosines", "sines"],
            ["mixed", *present],
            domain="com.microsoft",
            num_heads=1,
            kv_num_heads=1,
            do_rotary=1,
        ),
        make("Add", ["words", "mixed"], ["state"]),
        make("Reshape", ["state", "flat"], ["tokens"]),
        make("Gather", ["tokens", "places"], ["wanted"]),
        make("Gemm", ["wanted", "table"], ["logits"], transB=1),
    ]
    sizes: list[str | int | None] = ["n", 1, _CONTEXT, _WIDTH]
    inputs = [
        info("ids", TensorProto.INT64, ["n", "t"]),
        info("lengths", TensorProto.INT32, ["n"]),
        info("total", TensorProto.INT32, []),
        info("places", TensorProto.INT64, ["k"]),
        *(info(name, TensorProto.FLOAT, sizes) for name in cache),
    ]
    outputs = [info("logits", TensorProto.FLOAT, ["k", _WORDS])]
    outputs += [info(name, TensorProto.FLOAT, sizes) for name in present]
    graph = helper.make_graph(nodes, "decoder", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised
