"""The network: encoders, a combiner and heads, put together for a signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.contract.steps import Normalisation
from modelwright.learners.networks import combiner, heads, stacking
from modelwright.learners.networks.auxiliary import AuxiliaryHeads
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import ARRAYS, READ, Encoder, Positions
from modelwright.learners.networks.encoders.joined_texts import joined
from modelwright.learners.networks.encoders.layers import Standard, mlp
from modelwright.learners.networks.initial_layers import activate
from modelwright.learners.networks.network_plan import NetworkPlan
from modelwright.learners.networks.own_module import OwnCode, OwnModule, offsets
from modelwright.learners.networks.pair_matching import Matching


@dataclass(frozen=True)
class Parts:
    """What the encoders read of a batch: the features of every part, (batch, width of the part).

    positions: of every part but the columns, what its features were made of; there: of every part, whether the row has
    it, bool (batch,), where each can answer by itself.
    """

    features: Sequence[Tensor]
    positions: Sequence[Positions] = ()
    there: Sequence[Tensor] = ()


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
        apart = plan.own is None and not plan.parts
        self._places = [plan.inputs[field.name] for field in signature.inputs] if apart else []
        self._inputs = [_arrays(field) for field in signature.inputs]
        self._read = [f"{field.name}.{READ}" for field in signature.inputs]
        widths = [self.encoder(place).width for place in self._places]
        # what stands for an input that is missing, of the forms whose encoder cannot know it: (width of the part,)
        self.absent = nn.ParameterDict(
            {
                str(number): nn.Parameter(torch.zeros(width))
                for number, (field, width) in enumerate(zip(signature.inputs, widths, strict=apart))
                if kinds.arrays(field.kind).input_form in _ABSENT
            }
        )
        self._absent = {number: _ABSENT[form] for number, form in _forms(signature) if form in _ABSENT}
        # pretrained features are far larger in some numbers than in others: encoder's place → what standardises them
        self.scales = nn.ModuleDict(
            {
                str(place): Standard(self.encoder(place).width)
                for place in sorted(set(self._places))
                if plan.scaled and registry.is_pretrained(plan.encoders[place].type)
            }
        )
        # texts that are read in one sequence, as the part of the first of them
        self._joined = [
            number
            for number, field in enumerate(signature.inputs)
            if plan.joined is not None and field.name in plan.joined.inputs
        ]
        # inputs that are read together as columns; the others are a part each
        grouped = plan.columns is not None
        self._columns = [
            number
            for number, place in enumerate(self._places)
            if grouped and plan.encoders[place].type in registry.COLUMNS
        ]
        tasks = {field.name: _task(field, states[field.name], plan) for field in signature.outputs}
        self.own: OwnModule | None = None
        if plan.own is not None:
            code = OwnCode.from_json(plan.own)
            self.own = OwnModule(code, _specs(signature, states), _answers(signature, states), tasks)
            widths = [self.own.width]
        self.parts = nn.ModuleList(
            [Network(stacking.narrowed(signature, one.inputs), states, one) for one in plan.parts]
        )
        # parts whose input may be missing, and is known to be
        self.doubted = tuple(
            place
            for place, part in enumerate(plan.parts)
            if any(field.optional and field.name in part.inputs for field in signature.inputs)
            and self.part(place).absent
        )
        if plan.parts:
            widths = [stacking.width(tasks.values(), len(plan.parts), len(self.doubted))]
        within = {*self._columns, *self._joined[1:]}
        of_parts = [width for number, width in enumerate(widths) if number not in within]
        # input → its place among the parts that are combined; all columns together are the first part
        places = [number for number in range(len(self._places)) if number not in within]
        self._part_of = {number: place + bool(self._columns) for place, number in enumerate(places)}
        self.columns: nn.Module | None = None
        if plan.columns is not None and self._columns:
            together = sum(widths[number] for number in self._columns)
            self.columns = _columns(together, plan.columns)
            # the columns as they are, too: what is linear in them need not be learned through layers
            of_parts.insert(0, together + cast("int", plan.columns["width"]))
        # of what is combined: the features of a part, (batch, width)
        self.part_widths = tuple(of_parts)
        self.part_inputs = self._part_inputs(signature)
        # optional inputs, each a part of its own, for which a learned vector can stand
        self.spared = {
            field.name: self._part_of[number]
            for number, field in enumerate(signature.inputs)
            if field.optional and str(number) in self.absent
        }
        self.matching: Matching | None = None
        if plan.matching is not None:
            alone = [self._places[number] for number in self._part_of]
            self.matching = _matching(alone, self, plan.matching)
            of_parts.append(self.matching.width)
        self.combiner = combiner.build(plan.combiner, of_parts)
        begins = offsets(list(tasks.values())) if self.own is not None else [None] * len(tasks)
        self.heads = nn.ModuleList(
            [
                heads.Head(self.combiner.width, task, begin, _own(self.combiner.width, plan.own_layers))
                for task, begin in zip(tasks.values(), begins, strict=True)
            ]
        )
        self.outputs = tuple(field.name for field in signature.outputs)
        # log variance of each output's error (Kendall et al. 2018), where the losses' weights are learned
        self.uncertainty = nn.Parameter(torch.zeros(len(self.outputs))) if plan.weighing else None
        self.alone = AuxiliaryHeads(self.part_widths, tasks) if plan.alone else None
        for module in self.from_scratch() if plan.activation != "relu" else ():
            activate(module, plan.activation)

    def learning(self, *, noisy: bool, layer_dropout: float = 0.0) -> None:
        """Set all layers to learn (dropout, statistics of a batch) or to answer; pretrained ones always answer.

        The statistics of a pretrained normalisation are of far more examples than a batch has. layer_dropout: share
        that pretrained layers drop out all the same, where they were pretrained with dropout.
        """
        self.train(noisy)
        for one, encoder in zip(self.plan.encoders, self.encoders, strict=True):
            if registry.is_pretrained(one.type):
                encoder.eval()
                for layer in encoder.modules() if layer_dropout else ():
                    if isinstance(layer, nn.Dropout):
                        layer.p = layer_dropout
                        layer.train()
        for place in range(len(self.parts)):
            self.part(place).learning(noisy=noisy, layer_dropout=layer_dropout)

    def from_scratch(self) -> list[nn.Module]:
        """Return the modules that begin without pretrained weights; a module of the project sees to itself."""
        encoders = [
            encoder
            for one, encoder in zip(self.plan.encoders, self.encoders, strict=True)
            if not registry.is_pretrained(one.type)
        ]
        others = [self.columns, self.matching, self.combiner, self.heads, self.alone]
        parts = [module for place in range(len(self.parts)) for module in self.part(place).from_scratch()]
        return [*encoders, *(one for one in others if one is not None), *parts]

    def encoder(self, place: int) -> Encoder:
        """Return an encoder of the plan by its place."""
        found = self.encoders[place]
        assert isinstance(found, Encoder)
        return found

    def encoder_of(self, name: str) -> Encoder:
        """Return the encoder of an input, of the part that reads it where parts are stacked."""
        for place, plan in enumerate(self.plan.parts):
            if name in plan.inputs:
                return self.part(place).encoder_of(name)
        return self.encoder(self.plan.inputs[name])

    def part(self, place: int) -> Network:
        """Return one of the networks whose answers are stacked."""
        found = self.parts[place]
        assert isinstance(found, Network)
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

    @property
    def in_positions(self) -> bool:
        """Tell whether its heads read every position of its one input, and not the features of a row."""
        return any(head.task.of_positions for head in self.tasks().values())

    @property
    def device(self) -> torch.device:
        """Return where its weights lie, and what it reads is taken to."""
        return next(self.parameters()).device

    def features(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return the combined features (batch, width) of the input arrays by name."""
        return self.combined(self.read(arrays))

    def read(self, arrays: Mapping[str, Tensor]) -> Parts:
        """Return what is combined, of arrays by name, wherever they lie."""
        device = self.device
        if any(values.device != device for values in arrays.values()):
            arrays = {name: values.to(device) for name, values in arrays.items()}
        if self.own is not None:
            return Parts([self.own(arrays)])
        if self.parts:
            answers = [self.part(place).evidence(arrays) for place in range(len(self.parts))]
            missing = {place: self.part(place).missing(arrays) for place in self.doubted}
            return Parts([stacking.beside(answers, missing)])
        each, positions, known = dict[int, Tensor](), [], dict[int, Tensor]()
        for number, (place, names) in enumerate(zip(self._places, self._inputs, strict=True)):
            if number in self._joined[1:]:
                continue  # read with the first of them
            # (batch, width of this encoder), and its positions; one that does not learn may have read all rows before
            read = arrays.get(self._read[number])
            if read is None:
                found, of_input = self.encoder(place).in_positions(*self._given(number, names, arrays))
            else:
                found, of_input = read, Positions.of_one(read)
            # (batch,), bool; None where the encoder is all that knows which rows have the input
            there = self._absent[number](arrays[names[1]]) if number in self._absent else None
            if str(place) in self.scales:
                found = self.scales[str(place)](found, there)
            if there is not None:
                known[number] = there
                found = torch.where(there.unsqueeze(-1), found, self.absent[str(number)])
                of_input = _only(of_input, there.unsqueeze(-1))
            each[number] = found
            if number not in self._columns:
                positions.append(of_input)
        parts = [each[number] for number in self._part_of]
        if self.columns is not None:
            together = torch.cat([each[number] for number in self._columns], dim=-1)
            parts.insert(0, torch.cat([together, self.columns(together)], dim=-1))
        if self.alone is None:
            return Parts(parts, positions)
        always = torch.ones_like(parts[0][:, 0], dtype=torch.bool)
        # all columns together are there, whatever their values are
        of_parts = [always] * bool(self._columns) + [known.get(number, always) for number in self._part_of]
        return Parts(parts, positions, of_parts)

    def _given(self, number: int, names: Sequence[str], arrays: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """Return what an encoder is given of an input, or of the texts that are joined, of which it is the first."""
        if number not in self._joined:
            return [arrays[name] for name in names]
        assert self.plan.joined is not None
        texts = [(arrays[ids], arrays[mask]) for ids, mask in (self._inputs[one] for one in self._joined)]
        return joined(texts, self.plan.joined.leading)

    def _part_inputs(self, signature: Signature) -> tuple[tuple[str, ...], ...]:
        """Return the inputs of each part that is combined."""
        names = [field.name for field in signature.inputs]
        if self.own is not None or self.parts:  # what is combined is read of all inputs together
            return (tuple(names),)
        # all columns, then texts that are joined, and every other input by itself
        parts = [self._joined if number in self._joined else [number] for number in self._part_of]
        every = [self._columns, *parts] if self._columns else parts
        return tuple(tuple(names[number] for number in part) for part in every)

    def without(self, parts: Parts, out: Mapping[str, Tensor]) -> Parts:
        """Return what `read` gave, as if inputs were missing; out: one of `spared` → where it is, bool (batch,)."""
        features, positions = list(parts.features), list(parts.positions)
        numbers = {place: number for number, place in self._part_of.items()}
        for name, gone in out.items():
            place, out_of = self.spared[name], gone.unsqueeze(-1)  # (batch, 1)
            absent = self.absent[str(numbers[place])]
            features[place] = torch.where(out_of, absent.to(features[place].dtype), features[place])
            of_input = place - bool(self._columns)
            positions[of_input] = _only(positions[of_input], ~out_of)
        return Parts(features, positions)  # which parts are there is not asked while several learn together

    def combined(self, parts: Parts) -> Tensor:
        """Return the combined features (batch, width) of what `read` gave; (batch, length, width) of positions."""
        if self.in_positions:
            (only,) = parts.positions  # (batch, length, width)
            return only.values
        matched = [] if self.matching is None else [self.matching(parts.positions)]
        found: Tensor = self.combiner([*parts.features, *matched])
        return found

    def evidence(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return the answers to all outputs side by side, (batch, columns of all), as another network reads them."""
        return stacking.answered((head.task for head in self.tasks().values()), self(arrays))

    def missing(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return 1.0 where all inputs that are known to be missing are, (batch,)."""
        there = [is_there(arrays[self._inputs[number][1]]) for number, is_there in self._absent.items()]
        return (~torch.stack(there).any(dim=0)).to(torch.float32)

    def evidence_of_missing(self) -> Tensor:
        """Return `evidence` of a row without its input, (1, columns of all), of a network of one such input."""
        (absent,) = self.absent.values()
        return stacking.answered(
            (head.task for head in self.tasks().values()), self.answer(absent.unsqueeze(0))
        )

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return each output's array by the output's name, of features (batch, width)."""
        # (batch, width) → (batch, columns), or (batch,)
        return {name: head(features) for name, head in self.tasks().items()}

    def answer_of(self, parts: Parts) -> dict[str, Tensor]:
        """Return each output's array of what `read` gave: of all parts together, of one by itself where it is alone."""
        found = self.answer(self.combined(parts))
        if self.alone is None:
            return found
        single = torch.stack(list(parts.there)).sum(dim=0) == 1  # (batch,)
        for there, own in zip(parts.there, self.alone(parts.features), strict=True):
            for name, values in own.items():
                # (batch, 1, …): a row's answer is of one kind, whatever its shape
                chosen = (single & there).view(-1, *[1] * (values.dim() - 1))
                found[name] = torch.where(chosen, values, found[name])
        return found

    def forward(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each output's array by the output's name."""
        return self.answer_of(self.read(arrays))


def _only(positions: Positions, there: Tensor) -> Positions:
    """Return positions of the rows that have a value, bool (batch, 1); others have none, and nothing to be read."""
    values = torch.where(there.unsqueeze(-1), positions.values, 0.0)
    return Positions(values, positions.there * there)


_ABSENT: Mapping[Form | None, Callable[[Tensor], Tensor]] = {
    Form.PIXELS: lambda missing: missing < 0.5,
    Form.FRAMES: lambda mask: mask.sum(dim=1) > 0,
    Form.SERIES: lambda present: present.sum(dim=(1, 2)) > 0,
}
"""Form → from the second of its arrays, which rows have a value: bool (batch,)."""


def _forms(signature: Signature) -> list[tuple[int, Form | None]]:
    return [(number, kinds.arrays(field.kind).input_form) for number, field in enumerate(signature.inputs)]


def _specs(signature: Signature, states: Mapping[str, object]) -> dict[str, dict[str, ArraySpec]]:
    return {field.name: kinds.arrays(field.kind).specs(states[field.name]) for field in signature.inputs}


def _answers(signature: Signature, states: Mapping[str, object]) -> dict[str, dict[str, ArraySpec]]:
    return {field.name: kinds.arrays(field.kind).answers(states[field.name]) for field in signature.outputs}


def _matching(places: Sequence[int], network: Network, config: JsonObject) -> Matching:
    """Return what compares inputs, by the places of their encoders."""
    widths = [network.encoder(place).position_width for place in places]
    return Matching(widths, places, cast("int", config["width"]), cast("float", config["dropout"]))


def _columns(together: int, config: JsonObject) -> nn.Module:
    width, layers = cast("int", config["width"]), cast("int", config["layers"])
    return mlp(together, width, layers, cast("float", config["dropout"]), _normalisation(config))


def _normalisation(config: JsonObject) -> Normalisation:
    """Return how layers are normalised; a plan from before it could be chosen does not say it."""
    return cast("Normalisation", config.get("normalisation", "batch"))


def _own(features: int, config: JsonObject | None) -> tuple[nn.Module, int] | None:
    """Return a layer of one output's own and its width, where outputs have one."""
    if config is None:
        return None
    width = cast("int", config["width"])
    return mlp(features, width, 1, cast("float", config["dropout"]), _normalisation(config)), width


def _arrays(field: Field) -> tuple[str, ...]:
    """Return the names of an input's arrays in the order in which its encoder takes them."""
    form = kinds.arrays(field.kind).input_form
    assert form is not None, "a learner refuses what has no form"
    return tuple(f"{field.name}.{array}" for array in ARRAYS[form])


def _task(field: Field, state: object, plan: NetworkPlan) -> heads.Task:
    """Return the task of an output."""
    kind = kinds.arrays(field.kind)
    assert kind.output_form is not None, "a learner refuses what has no form"
    return heads.task(kind.output_form, kind.answers(state), plan.logarithms.get(field.name))
