"""The network: encoders, a combiner and heads, put together for a signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from modelwright.core.signature import Signature
from modelwright.learners.networks import encoders, heads
from modelwright.learners.networks.combiner import Concatenate
from modelwright.learners.networks.encoders import TextEncoder

ENCODED = frozenset(encoders.ARRAYS)  # kinds that have an encoder
ANSWERED = frozenset({"category", "number", "boolean"})  # kinds that have a head


def refuses(signature: Signature) -> str | None:
    """Return why no network can be put together for a signature, or None."""
    for field in signature.inputs:
        if field.kind not in ENCODED:
            return f"no encoder reads `{field}`; they read {', '.join(sorted(ENCODED))}"
    for field in signature.outputs:
        if field.kind not in ANSWERED:
            return f"no head answers `{field}`; they answer {', '.join(sorted(ANSWERED))}"
    if not any(field.kind == "text" for field in signature.inputs):
        return "a pretrained encoder needs a text to read, and no input is one"
    return None


class Network(nn.Module):
    """Maps a signature's input arrays (`question.ids`) to its output arrays (`domain.logits`).

    Fields are addressed by position: a Unicode name or one such as `keys` is no name for a module.
    """

    def __init__(self, signature: Signature, states: Mapping[str, Any], text: TextEncoder) -> None:
        super().__init__()
        self.text = text
        parts = [encoders.build(field, states[field.name], text) for field in signature.inputs]
        # The shared text encoder is `text`; registering it again would put its weights into files twice.
        self.encoders = nn.ModuleList([nn.Identity() if part is text else part for part in parts])
        self.combiner = Concatenate([part.width for part in parts])
        self.heads = nn.ModuleList(
            [
                heads.Head(self.combiner.width, heads.task(field, states[field.name]))
                for field in signature.outputs
            ]
        )
        self._inputs = [
            tuple(f"{field.name}.{array}" for array in encoders.ARRAYS[field.kind])
            for field in signature.inputs
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
            parts.append(module(*(arrays[name] for name in names)))
        combined: Tensor = self.combiner(parts)
        return combined

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return each output's array by the output's name, of features (batch, width)."""
        return {name: head(features) for name, head in self.tasks().items()}

    def forward(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each output's array by the output's name."""
        return self.answer(self.features(arrays))
