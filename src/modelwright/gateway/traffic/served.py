"""A version that is loaded, and answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NotRequired, TypedDict

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.signature import Signature
from modelwright.gateway.traffic.desired_traffic import DesiredVersion
from modelwright.gateway.traffic.pool import Pool
from modelwright.kinds.contract.value import AnyValue
from modelwright.runtime.row_reader import RowReader
from modelwright.runtime.worker.channel import Worker
from modelwright.runtime.worker.values import PROMPT_IDS, PROMPT_LOGPROBS, RowAnswer


class AnswerJson(TypedDict):
    """One row's answer, as `POST /{function}` gives it."""

    id: str
    version: int
    outputs: dict[str, dict[str, object]]
    unseen: NotRequired[list[str]]  # inputs whose value training never showed


@dataclass(eq=False)  # a cached property would not go with a frozen one
class Served:
    """A version that is loaded: how its rows are read and its answers shown, and the workers that answer."""

    desired: DesiredVersion
    signature: Signature
    rows: RowReader
    pool: Pool

    @property
    def version(self) -> int:
        """Return the version's number."""
        return self.desired.number

    @property
    def retired(self) -> bool:
        """Return whether it takes no more requests."""
        return self.pool.retired

    @property
    def worker(self) -> Worker:
        """Return one of its workers, which stands for all: they are alike."""
        return self.pool.workers[0]

    @cached_property
    def files(self) -> frozenset[str]:
        """Return the inputs whose kinds hold files."""
        return frozenset(one.name for one in self.signature.inputs if kinds.value(one.kind).holds_files)

    @cached_property
    def options(self) -> Mapping[str, JsonObject]:
        """Return what may be asked beside the inputs, with the JSON schema of each; a name of an input is none."""
        names = {one.name for one in self.signature.inputs}
        hidden = {*names, PROMPT_IDS}  # which stands in the place of a row
        return {name: schema for name, schema in self.worker.options.items() if name not in hidden}

    @property
    def takes_tokens(self) -> bool:
        """Return whether it answers prompts that are given as tokens."""
        return PROMPT_IDS in self.worker.options

    def may_stream(self, name: str) -> bool:
        """Return whether it writes its answers in parts, and has no input of that name."""
        return self.worker.streams and all(one.name != name for one in self.signature.inputs)

    def file_sizes(self, row: Sequence[object]) -> Iterator[tuple[str, int]]:
        """Yield the bytes of each file of a row of canonical values, by input."""
        for one, value in zip(self.signature.inputs, row, strict=True):
            if one.name in self.files and value is not None:
                wire = kinds.value(one.kind).to_wire(value)
                if isinstance(wire, bytes):
                    yield one.name, len(wire)

    def answer_json(self, row_id: str, answers: RowAnswer) -> AnswerJson:
        """Return a row's answers as JSON."""
        outputs: dict[str, dict[str, object]] = {
            name: {"value": value if kind is None else _json(kind, value), "confidence": confidence}
            for (name, kind), (value, confidence, *_) in zip(self._outputs, answers, strict=True)
        }
        for output, answer in zip(outputs.values(), answers, strict=True):
            if len(answer) > 3 and answer[3] is not None:
                output["interval"] = answer[3]
            if len(answer) > 4:
                output["details"] = answer[4]
        return {"id": row_id, "version": self.version, "outputs": outputs}

    def outputs_recorded(
        self, answers: RowAnswer, as_json: dict[str, dict[str, object]]
    ) -> dict[str, dict[str, object]]:
        """Return a row's answers as the record of traffic keeps them; `as_json` is what was answered."""
        if all(kind is None for _, kind in self._outputs):
            return {name: _without_prompt(output) for name, output in as_json.items()}
        return {
            name: {"value": _recorded(kind, value), "confidence": confidence}
            for (name, kind), (value, confidence, *_) in zip(self._outputs, answers, strict=True)
        }

    def with_probabilities(self, body: AnswerJson, answers: RowAnswer) -> AnswerJson:
        """Return a row's answer with the probability of every label, of the outputs that have them."""
        outputs = {
            name: {**output, "probabilities": answer[2]}
            if len(answer) > 2 and answer[2] is not None
            else output
            for (name, output), answer in zip(body["outputs"].items(), answers, strict=True)
        }
        return {**body, "outputs": outputs}

    def inputs_recorded(self, row: Sequence[object], private: Collection[str]) -> Mapping[str, object]:
        """Return a row's inputs as the record of traffic keeps them."""
        return {
            name: value if kind is None else _recorded(kind, value)
            for (name, kind), value in zip(self._inputs, row, strict=True)
            if name not in private
        }

    @cached_property
    def _inputs(self) -> list[tuple[str, AnyValue | None]]:
        return [(one.name, _converting(kinds.value(one.kind))) for one in self.signature.inputs]

    @cached_property
    def _outputs(self) -> list[tuple[str, AnyValue | None]]:
        return [(one.name, _converting(kinds.value(one.kind))) for one in self.signature.outputs]


def _without_prompt(output: dict[str, object]) -> dict[str, object]:
    """Return an output without what its details tell of the prompt: an input may be private."""
    details = output.get("details")
    if not isinstance(details, dict) or PROMPT_LOGPROBS not in details:
        return output
    return {**output, "details": {name: one for name, one in details.items() if name != PROMPT_LOGPROBS}}


def _converting(kind: AnyValue) -> AnyValue | None:
    """Return the kind, or None where its values are JSON as they are: the path of every request is short."""
    return None if kind.crosses_as_it_is else kind


def _json(kind: AnyValue | None, value: object) -> object:
    return value if kind is None or value is None else kind.to_json(value)


def _recorded(kind: AnyValue | None, value: object) -> object:
    return value if kind is None or value is None else kind.to_record(value)
