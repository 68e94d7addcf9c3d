"""Writes a decoder as one graph that reads prompts and writes tokens, with its cache bound in place.

Inputs, n rows of t tokens each: `ids` int64 (n, t); `lengths` int32 (n,), the positions that each row has afterwards,
less one; `total` int32, the most of them; `places` int64 (k,), of the tokens, counted through all rows, after which the
next is wanted; `past.{layer}.key` and `.value` float32 (n, key heads, context, head width). Outputs: `logits` (k,
words), and `present.…`, which is the past with t positions more: whoever runs it binds both to the same memory.

Only rows with one token each may be several at once; of a longer piece n is 1. The answer to a row does not depend on
the others, and keys are masked by position alone: no token means padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.exporting.decoder.external_weights import ExternalWeights
from modelwright.learners.networks.decoders.decoder_shape import DecoderShape

Tensors = Mapping[str, NDArray[Any]]
"""Weights by the names that transformers gives them: `model.layers.0.self_attn.q_proj.weight`, (out, in)."""

RUNTIME = "com.microsoft"
_OPSET, _IR = 18, 9
_UNUSED = "rotary_emb.inv_freq"  # older checkpoints hold what the configuration says anyhow


class _Writer:
    """Puts nodes one after the other; every value has the name of what made it."""

    def __init__(self, shape: DecoderShape, tensors: Tensors) -> None:
        self.shape = shape
        self.weights = ExternalWeights()
        self.nodes: list[onnx.NodeProto] = []
        self._tensors = dict(tensors)

    def taken(self, name: str, *sizes: int) -> NDArray[np.float32] | None:
        """Return a tensor of these sizes, which is then used up; None where there is none."""
        values = self._tensors.pop(name, None)
        if values is None:
            return None
        if values.shape != sizes:
            raise ProjectError(
                Problem("decoder.tensor", name=name, found=_shown(values.shape), wanted=_shown(sizes))
            )
        found = np.ascontiguousarray(values, dtype=np.float32)
        if not np.isfinite(found).all():
            raise ProjectError(Problem("decoder.tensor", name=name))
        return found

    def needed(self, name: str, *sizes: int) -> NDArray[np.float32]:
        """Return a tensor that must be there."""
        found = self.taken(name, *sizes)
        if found is None:
            raise ProjectError(Problem("decoder.tensor", name=name, wanted=_shown(sizes)))
        return found

    def left(self) -> list[str]:
        """Return the names of the tensors that were not used."""
        return sorted(name for name in self._tensors if not name.endswith(_UNUSED))

    def node(
        self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any
    ) -> str:
        """Write a node and return the name of its first output."""
        self.nodes.append(
            helper.make_node(operator, inputs, list(outputs), name=outputs[0], domain=domain, **attributes)
        )
        return outputs[0]

    def product(self, given: str, parts: list[tuple[str, int]], width: int, out: str) -> str:
        """Write given · Wᵀ + b; of several matrices (name, rows) at once, their rows one after the other."""
        matrices = [self.needed(f"{name}.weight", rows, width) for name, rows in parts]
        biases = [self.taken(f"{name}.bias", rows) for name, rows in parts]
        # (in, out) as MatMul wants it
        weight = self.weights.add(f"{out}.weight", np.ascontiguousarray(np.concatenate(matrices).T))
        if all(bias is None for bias in biases):
            return self.node("MatMul", [given, weight], out)
        whole = [
            np.zeros(rows, np.float32) if bias is None else bias
            for bias, (_, rows) in zip(biases, parts, strict=True)
        ]
        self.node("MatMul", [given, weight], f"{out}.product")
        bias = self.weights.add(f"{out}.bias", np.concatenate(whole))
        return self.node("Add", [f"{out}.product", bias], out)

    def norm(self, name: str) -> str:
        """Keep the weight of a norm."""
        return self.weights.add(name, self.needed(name, self.shape.width))


def written(shape: DecoderShape, tensors: Tensors, context: int) -> tuple[bytes, memoryview]:
    """Return the graph, and the file of its weights (`external_weights.FILE`), in float32.

    context: positions that a row may have. Raises ProjectError where tensors are missing, of other sizes, or too many.
    """
    writer = _Writer(shape, tensors)
    table = writer.weights.add("table", writer.needed("model.embed_tokens.weight", shape.words, shape.width))
    _angles(writer, context)
    # `state` is what flows through the layers, (n, t, width); `normed` what the next layer reads of it
    state = writer.node("Gather", [table, "ids"], "words")
    normed = writer.node(
        "SimplifiedLayerNormalization",
        [state, writer.norm("model.layers.0.input_layernorm.weight")],
        "normed.0",
        axis=-1,
        epsilon=shape.epsilon,
        stash_type=1,
    )
    for layer in range(shape.layers):
        state, normed = _layer(writer, layer, state, normed)
    _head(writer, normed, table)
    if unused := writer.left():
        raise ProjectError(Problem("decoder.tensors-left", names=", ".join(unused[:5]), count=len(unused)))
    graph = helper.make_graph(
        writer.nodes,
        "decoder",
        _inputs(shape, context),
        _outputs(shape, context),
        list(writer.weights.tensors.values()),
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(RUNTIME, 1)]
    model = helper.make_model(graph, ir_version=_IR, opset_imports=opsets)
    return model.SerializeToString(deterministic=True), writer.weights.content


def _angles(writer: _Writer, context: int) -> None:
    """Keep cosine and sine of each position and pair, (context, head width / 2); float32 as these were learned with."""
    turns = np.arange(context, dtype=np.float32)[:, None] * np.array(writer.shape.angles, dtype=np.float32)
    writer.weights.add("cosines", np.cos(turns))
    writer.weights.add("sines", np.sin(turns))


def _layer(writer: _Writer, layer: int, state: str, normed: str) -> tuple[str, str]:
    """Write a layer: x + attention(norm(x)), then x + MLP(norm(x)); return x and what the next one reads of it."""
    shape = writer.shape
    at, own = f"model.layers.{layer}", f"layer.{layer}"
    rows, keys = shape.heads * shape.head_width, shape.key_heads * shape.head_width
    parts = [(f"{at}.self_attn.{part}_proj", size) for part, size in (("q", rows), ("k", keys), ("v", keys))]
    packed = writer.product(normed, parts, shape.width, f"{own}.qkv")
    past, present = ([f"{side}.{layer}.{one}" for one in ("key", "value")] for side in ("past", "present"))
    mixed = writer.node(
        "GroupQueryAttention",
        [packed, "", "", *past, "lengths", "total", "cosines", "sines"],
        f"{own}.attended",
        *present,
        domain=RUNTIME,
        num_heads=shape.heads,
        kv_num_heads=shape.key_heads,
        do_rotary=1,
        rotary_interleaved=0,
    )
    added = writer.product(mixed, [(f"{at}.self_attn.o_proj", shape.width)], rows, f"{own}.mixed")
    normed, state = _skip(writer, added, state, f"{at}.post_attention_layernorm.weight", f"{own}.middle")
    # gate and up at once: what they read is rounded once, and the runtime's threads meet once
    parts = [(f"{at}.mlp.{part}_proj", shape.hidden) for part in ("gate", "up")]
    both = writer.product(normed, parts, shape.width, f"{own}.both")
    gate, up = f"{own}.gate", f"{own}.up"
    writer.node("Split", [both], gate, up, axis=-1, num_outputs=2)
    share = writer.node("Sigmoid", [gate], f"{own}.share")
    open_gate = writer.node("Mul", [gate, share], f"{own}.open")
    inner = writer.node("Mul", [open_gate, up], f"{own}.inner")
    added = writer.product(inner, [(f"{at}.mlp.down_proj", shape.width)], shape.hidden, f"{own}.down")
    last = layer == shape.layers - 1
    following = "model.norm.weight" if last else f"model.layers.{layer + 1}.input_layernorm.weight"
    normed, state = _skip(writer, added, state, following, f"{own}.end")
    return state, normed


def _skip(writer: _Writer, added: str, state: str, norm: str, out: str) -> tuple[str, str]:
    """Write state + added, and its norm; return the norm and the sum."""
    found = writer.node(
        "SkipSimplifiedLayerNormalization",
        [added, state, writer.norm(norm)],
        f"{out}.normed",
        "",
        "",
        out,
        domain=RUNTIME,
        epsilon=writer.shape.epsilon,
    )
    return found, out


def _head(writer: _Writer, normed: str, table: str) -> None:
    """Write the logits of the wanted places alone: the head is as large as a fifth of a small decoder."""
    shape = writer.shape
    flat = writer.weights.add("flat", np.array([-1, shape.width], dtype=np.int64))
    tokens = writer.node("Reshape", [normed, flat], "tokens")  # (n·t, width)
    wanted = writer.node("Gather", [tokens, "places"], "wanted")  # (k, width)
    own = writer.taken("lm_head.weight", shape.words, shape.width)
    head = table if shape.tied or own is None else writer.weights.add("head", own)
    writer.node("Gemm", [wanted, head], "logits", transB=1)


def _shown(sizes: Sequence[int]) -> str:
    return " × ".join(map(str, sizes)) or "1"


def _inputs(shape: DecoderShape, context: int) -> list[onnx.ValueInfoProto]:
    info = helper.make_tensor_value_info
    return [
        info("ids", TensorProto.INT64, ["n", "t"]),
        info("lengths", TensorProto.INT32, ["n"]),
        info("total", TensorProto.INT32, []),
        info("places", TensorProto.INT64, ["k"]),
        *_cache("past", shape, context),
    ]


def _outputs(shape: DecoderShape, context: int) -> list[onnx.ValueInfoProto]:
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["k", shape.words])
    return [logits, *_cache("present", shape, context)]


def _cache(side: str, shape: DecoderShape, context: int) -> list[onnx.ValueInfoProto]:
    sizes: list[str | int | None] = ["n", shape.key_heads, context, shape.head_width]
    return [
        helper.make_tensor_value_info(f"{side}.{layer}.{one}", TensorProto.FLOAT, sizes)
        for layer in range(shape.layers)
        for one in ("key", "value")
    ]
