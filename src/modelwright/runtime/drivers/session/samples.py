"""A session that finds passages by their words, and one whose parts are not those of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.drivers.contract.samples import Samples
from modelwright.runtime.drivers.index.samples import IndexSamples
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.roles import FIND
from modelwright.runtime.drivers.session.session_settings import SessionSettings, SessionTexts

_TEXTS = SessionTexts(
    refuse="I have found nothing about this.",
    ask="What exactly is it about?",
    hand_over="A colleague will answer you.",
)


class SessionSamples(Samples):
    """`assist(messages: dialogue) -> reply: text` over the passages of the driver `index`."""

    def body(self) -> Body:
        """Return the body."""
        signature = Signature.parse("assist(messages: dialogue) -> reply: text")
        (messages,), (reply,) = signature.inputs, signature.outputs
        states = {
            messages.name: kinds.arrays(messages.kind).fit([], form=Form.PROMPT),
            reply.name: kinds.arrays(reply.kind).fit([], role=Role.OUTPUT),
        }
        entries, graphs, files = joined({FIND: Package(IndexSamples().body(), "0" * 64, 1)})
        settings = SessionSettings(functions=entries, answer_from=0.1, sentences=1, texts=_TEXTS)
        return Body(signature, "session", graphs, states, files, settings.model_dump(mode="json"))

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return dialogues: a question with an answer, one without, one that was asked back about, and none."""
        parse = kinds.value(self.body().signature.inputs[0].kind).parse
        turns = (
            ("lost card", _TEXTS.ask, "it was stolen"),
            ("How long does a transfer take?",),
            ("zzz",),
            ("信用卡丢失怎么办",),
        )
        roles = ("user", "assistant", "user")
        dialogues: list[object] = [
            parse([{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)])
            for texts in turns
        ]
        return {"messages": [*dialogues, None]}

    def refused(self) -> Sequence[Body]:
        """Return bodies with other settings, without a file, of another signature, and within another session."""
        body = self.body()
        settings = dict(body.settings)
        other = Signature.parse("assist(messages: dialogue) -> label: category")
        states = {
            **body.states,
            "label": kinds.arrays(other.outputs[0].kind).fit(["a", "b"], role=Role.OUTPUT),
        }
        nested, graphs, files = joined({FIND: Package(body, "", 1)})
        entries = {FIND: nested[FIND].model_dump(mode="json")}
        return [
            replace(body, settings={}),
            replace(body, settings={**settings, "functions": {}}),
            replace(body, settings={**settings, "answer_from": 2.0}),
            replace(body, files={}),
            replace(body, signature=other, states=states),
            replace(body, graphs=graphs, files=files, settings={**settings, "functions": entries}),
        ]
