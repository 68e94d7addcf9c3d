"""The network: encoders, a combiner and heads, put together for a signature."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.learners.networks import heads
from modelwright.learners.networks.combiner import Concatenate
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder
from modelwright.learners.networks.network_plan import NetworkPlan


class Network(nn.Module):
    """Maps a signature's input arrays (`question.ids`) to its output arrays (`domain.logits`).

    Fields are addressed by position: a Unicode name or one such as `keys` is no name for a module. `loaded` are
    encoders of the plan that have their weights already, by place; all others are built.
    """

    def __init__(
        self,
        signature: Signature,
        states: Mapping[str, object],
        plan: NetworkPlan,
        loaded: Mapping[int, Encoder] | None = None,
    ) -> None:
        super().__init__()
        self.plan = plan
        # each encoder once, also where inputs share it, so that its weights stand in files once
        self.encoders = nn.ModuleList(
            [
                (loaded or {}).get(place) or registry.build(one.type, one.config)
                for place, one in enumerate(plan.encoders)
            ]
        )
        self._places = [plan.inputs[field.name] for field in signature.inputs]
        self._inputs = [_arrays(field) for field in signature.inputs]
        widths = [self.encoder(place).width for place in self._places]
        self.combiner = Concatenate(widths)
        tasks = [_task(field, states[field.name]) for field in signature.outputs]
        self.heads = nn.ModuleList([heads.Head(self.combiner.width, task) for task in tasks])
        self.outputs = tuple(field.name for field in signature.outputs)

    def encoder(self, place: int) -> Encoder:
        """Return an encoder of the plan by its place."""
        found = self.encoders[place]
        assert isinstance(found, Encoder)
        return found

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
        for place, names in zip(self._places, self._inputs, strict=True):
            # (batch, width of this encoder)
            parts.append(self.encoders[place](*(arrays[name] for name in names)))
        # → (batch, width of the combiner)
        combined: Tensor = self.combiner(parts)
        return combined

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return each output's array by the output's name, of features (batch, width)."""
        # each head is linear: (batch, width) → (batch, columns), or (batch,)
        return {name: head(features) for name, head in self.tasks().items()}

    def forward(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each output's array by the output's name."""
        return self.answer(self.features(arrays))


def _arrays(field: Field) -> tuple[str, ...]:
    """Return the names of an input's arrays in the order in which its encoder takes them."""
    form = kinds.arrays(field.kind).input_form
    assert form is not None, "a learner refuses what has no form"
    return tuple(f"{field.name}.{array}" for array in ARRAYS[form])


def _task(field: Field, state: object) -> heads.Task:
    """Return the task of an output."""
    kind = kinds.arrays(field.kind)
    assert kind.output_form is not None, "a learner refuses what has no form"
    return heads.task(kind.output_form, kind.answers(state))
