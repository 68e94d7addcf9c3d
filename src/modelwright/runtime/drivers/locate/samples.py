"""A graph that takes every word of a list for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples
from modelwright.runtime.drivers.locate.locate_settings import GRAPH, TOKENIZER

_WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "Anna", "Meier", "lives", "in")
_PEOPLE = (4, 5)


class LocateSamples(Samples):
    """`names(text: text) -> people: spans`, eight tokens a window."""

    def body(self) -> Body:
        """Return the body."""
        signature = Signature.parse("names(text: text) -> people: spans")
        (text,), (people,) = signature.inputs, signature.outputs
        kind = kinds.arrays(people.kind)
        truth = kinds.value(people.kind).parse([{"start": 0, "end": 4, "label": "person"}])
        states = {
            text.name: kinds.arrays(text.kind).fit([], form=Form.LOCATED),
            people.name: kind.fit([truth], role=Role.OUTPUT, reads=text.name),
        }
        # (words, tags): outside, the first of a name, another of it
        table = np.zeros((len(_WORDS), 3), dtype=np.float32)
        table[:, 0] = 4.0
        table[list(_PEOPLE)] = [(0.0, 6.0, 5.0), (0.0, 1.0, 6.0)]
        ids = helper.make_tensor_value_info(f"{text.name}.ids", TensorProto.INT64, ["batch", "length"])
        logits = helper.make_tensor_value_info(
            f"{people.name}.logits", TensorProto.FLOAT, ["batch", "length", 3]
        )
        node = helper.make_node("Gather", ["table", ids.name], [logits.name])
        graph = helper.make_graph([node], "names", [ids], [logits], [numpy_helper.from_array(table, "table")])
        model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
        return Body(
            signature,
            "locate",
            {GRAPH: model.SerializeToString(deterministic=True)},
            states,
            {TOKENIZER: _tokenizer()},
            {"window": 8, "stride": 2, "question": 2},
        )

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return texts: with a name, with one beyond the first window, with none, empty, and missing."""
        return {
            "text": [
                "Anna Meier lives in Bern",
                "in in in in in in in in in in in Anna Meier in in in in",
                "nobody  lives 在这里",
                "",
                None,
            ]
        }

    def refused(self) -> Sequence[Body]:
        """Return bodies without a graph, without a tokenizer, and with other settings."""
        body = self.body()
        return [
            replace(body, graphs={}),
            replace(body, files={}),
            replace(body, files={TOKENIZER: b"{}"}),
            replace(body, settings={}),
            replace(body, settings={"window": 1, "stride": 0, "question": 0}),
        ]


def _tokenizer() -> bytes:
    built = Tokenizer(models.WordLevel({word: place for place, word in enumerate(_WORDS)}, unk_token="[UNK]"))  # noqa: S106 - a token of a text
    built.pre_tokenizer = pre_tokenizers.Whitespace()
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return str(built.to_str()).encode()
