"""Three passages found by their words, in the order of a function that likes one word of a passage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.drivers.contract.samples import Samples
from modelwright.runtime.drivers.index.samples import IndexSamples
from modelwright.runtime.drivers.rerank.rerank_settings import DRIVER, SAME, RerankSettings
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.roles import FIND

_WORDS = ("[UNK]", "one", "day")


def same_body() -> Body:
    """Return `same(question: text, passage: text) -> same: boolean`: a passage with `day` is the right one."""
    signature = Signature.parse("same(question: text, passage: text) -> same: boolean")
    tokenizer = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(_WORDS)}, unk_token=_WORDS[0])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (question, passage), (same,) = signature.inputs, signature.outputs
    state = kinds.arrays(question.kind).fit(["one day"], tokenizer=tokenizer.to_str().encode(), max_length=16)
    nodes = [
        helper.make_node("Gather", ["worth", "passage.ids"], ["each"]),
        helper.make_node("ReduceMax", ["each"], ["best"], axes=[1], keepdims=0),
        helper.make_node("ReduceMax", ["question.ids"], ["beside"], axes=[1], keepdims=0),
        helper.make_node("Cast", ["beside"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "nothing"], ["none"]),
        helper.make_node("Add", ["best", "none"], ["same.logit"]),
    ]
    weights = {"worth": np.array([-2, -2, 2], np.float32), "nothing": np.zeros(1, np.float32)}
    inputs = [
        helper.make_tensor_value_info(f"{name}.ids", TensorProto.INT64, ["batch", f"{name}.length"])
        for name in ("question", "passage")
    ]
    output = helper.make_tensor_value_info("same.logit", TensorProto.FLOAT, ["batch"])
    initial = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "same", inputs, [output], initial)
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 13)])
    states = {
        question.name: state,
        passage.name: state,
        same.name: kinds.arrays(same.kind).fit([True, False], role=Role.OUTPUT),
    }
    return Body(signature, "once", {"model": model.SerializeToString(deterministic=True)}, states)


class RerankSamples(Samples):
    """`answer(question: text) -> answer: choice` over the passages of the driver `index`."""

    def body(self) -> Body:
        """Return the body."""
        find = IndexSamples().body()
        packages = {FIND: Package(find, "0" * 64, 1), SAME: Package(same_body(), "1" * 64, 1)}
        entries, graphs, files = joined(packages)
        settings = RerankSettings(functions=entries, candidates=2, weight=0.0)
        (question,) = find.signature.inputs
        states = {
            **find.states,
            question.name: kinds.arrays(question.kind).fit([], form=Form.PROMPT, role=Role.INPUT),
        }
        return Body(find.signature, DRIVER, graphs, states, files, settings.model_dump(mode="json"))

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return questions: of known words, of none, and none at all."""
        return {"question": ["a transfer of a card", "信用卡丢失怎么办", "zzz", "lost card", None]}

    def refused(self) -> Sequence[Body]:
        """Return bodies with other settings, without files, and whose functions cannot do what they are called for."""
        body = self.body()
        settings = dict(body.settings)
        find = Package(IndexSamples().body(), "", 1)
        entries, graphs, files = joined({FIND: find, SAME: find})
        stated = {name: one.model_dump(mode="json") for name, one in entries.items()}
        return [
            replace(body, settings={}),
            replace(body, settings={**settings, "functions": {}}),
            replace(body, settings={**settings, "candidates": 0}),
            replace(body, files={}),
            replace(body, graphs=graphs, files=files, settings={**settings, "functions": stated}),
        ]
