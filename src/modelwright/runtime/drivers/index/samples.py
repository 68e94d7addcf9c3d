"""Three passages, searched by their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples
from modelwright.runtime.searching import lexical_index, passage_texts

_PASSAGES = ("A card that is lost is blocked at once.", "Transfers take one day.", "信用卡丢失后请立即挂失。")


class IndexSamples(Samples):
    """`answer(question: text) -> answer: choice` over three passages, none of them learned."""

    def body(self) -> Body:
        """Return the body."""
        signature = Signature.parse("answer(question: text) -> answer: choice")
        (question,), (answer,) = signature.inputs, signature.outputs
        kind = kinds.arrays(answer.kind)
        states = {
            question.name: kinds.arrays(question.kind).fit([], form=Form.PROMPT),
            answer.name: kind.fit([frozenset({one}) for one in ("a", "b", "c")], role=Role.OUTPUT),
        }
        files = {**lexical_index.build(_PASSAGES).files(), **passage_texts.text_files(_PASSAGES)}
        return Body(signature, "index", {}, states, files, {"passages": len(_PASSAGES)})

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return questions: of known words, of none, and none at all."""
        return {"question": ["How long does a transfer take?", "信用卡丢失怎么办", "zzz", "lost card", None]}

    def refused(self) -> Sequence[Body]:
        """Return bodies with a graph, with other settings, and with fewer files."""
        body = self.body()
        fewer = {name: content for name, content in body.files.items() if "lexical" not in name}
        return [
            replace(body, graphs={"model": b""}),
            replace(body, settings={}),
            replace(body, settings={"passages": 2}),
            replace(body, settings={"passages": 3, "width": 4}),
            replace(body, files=fewer),
        ]
