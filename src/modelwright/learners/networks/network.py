"""The network: encoders, a combiner and heads, put together for a signature."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.learners.networks import encoders, heads
from modelwright.learners.networks.combiner import Concatenate
from modelwright.learners.networks.encoders import TextEncoder


class Network(nn.Module):
    """Maps a signature's input arrays (`question.ids`) to its output arrays (`domain.logits`).

    Fields are addressed by position: a Unicode name or one such as `keys` is no name for a module.
    """

    def __init__(self, signature: Signature, states: Mapping[str, object], text: TextEncoder) -> None:
        super().__init__()
        self.text = text
        read = [kinds.arrays(field.kind) for field in signature.inputs]
        forms = [kind.input_form for kind in read if kind.input_form is not None]
        assert len(forms) == len(read), "a learner refuses what has no form"
        parts = [
            encoders.build(form, kind.specs(states[field.name]), text)
            for field, kind, form in zip(signature.inputs, read, forms, strict=True)
        ]
        # The shared encoder of tokens is `text`; registering it again would put its weights into files twice.
        self.encoders = nn.ModuleList([nn.Identity() if part is text else part for part in parts])
        self.combiner = Concatenate([part.width for part in parts])
        tasks = [_task(field, states[field.name]) for field in signature.outputs]
        self.heads = nn.ModuleList([heads.Head(self.combiner.width, task) for task in tasks])
        self._inputs = [
            tuple(f"{field.name}.{array}" for array in encoders.ARRAYS[form])
            for field, form in zip(signature.inputs, forms, strict=True)
        ]
        self.outputs = tuple(field.name for field in signature.outputs)

    def inputs(self) -> list[str]:
        """Return the names of the input arrays, in the signature's order."""
        return [name for names in self._inputs for name in names]

    def answers(self) -> list[str]:
        """Return the names of the output arrays, in the signature's order."""
        return [f"{name}.{head.task.array}" for name, head in self.tasks().items()]

    def tasks(self) -> dict[str, heads.Head]:
        """Return the head of each output by its name."""
        found = {}
        for name, head in zip(self.outputs, self.heads, strict=True):
            assert isinstance(head, heads.Head)
            found[name] = head
        return found

    def features(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return the combined features (batch, width) of the input arrays by name."""
        parts = []
        for encoder, names in zip(self.encoders, self._inputs, strict=True):
            module = self.text if isinstance(encoder, nn.Identity) else encoder
            # (batch, width of this encoder)
            parts.append(module(*(arrays[name] for name in names)))
        combined: Tensor = self.combiner(parts)
        return combined

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return each output's array by the output's name, of features (batch, width)."""
        return {name: head(features) for name, head in self.tasks().items()}

    def forward(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each output's array by the output's name."""
        return self.answer(self.features(arrays))


def _task(field: Field, state: object) -> heads.Task:
    """Return the task of an output."""
    kind = kinds.arrays(field.kind)
    assert kind.output_form is not None, "a learner refuses what has no form"
    return heads.task(kind.output_form, kind.answers(state))
