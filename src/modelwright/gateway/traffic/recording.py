"""What is recorded of the traffic: one schema, whatever the protocol."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.kinds.contract.common import WritingTimes
from modelwright.runtime.worker.values import RowAnswer

OutputsJson = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Traffic:
    """One row that was answered, or that failed on our side (`code` from 500 on; then no inputs, no outputs).

    `time` is seconds since the epoch, `latency_s` from the request's arrival to its (whole) answer. `inputs` lacks
    those that are private. Values are JSON; of one that is bytes (an image) there are `{"sha256", "bytes"}`.
    `unseen` names the inputs whose value training never showed. mirrored: a copy, whose answer nobody got. `first_s`,
    `tokens_per_second`: of an answer that was written token by token.
    """

    id: str
    time: float
    version: int
    inputs: Mapping[str, object]
    outputs: OutputsJson | None
    latency_s: float
    code: int
    unseen: Sequence[str] = ()
    mirrored: bool = False
    first_s: float | None = None
    tokens_per_second: float | None = None


class Recorder(Protocol):
    """Takes the record of traffic; called in the gateway's loop, so it must not wait for a disk."""

    def __call__(self, rows: Sequence[Traffic]) -> None: ...


def answered(
    served: Served,
    rows: Sequence[Sequence[object]],
    answers: Sequence[RowAnswer],
    bodies: Sequence[AnswerJson],
    private: Collection[str],
    latency_s: float,
    *,
    written: Sequence[WritingTimes | None] = (),
    mirrored: bool = False,
) -> list[Traffic]:
    """Return the record of rows that were answered; `bodies` is what was sent, or would have been.

    written: of each row when its tokens came, where it was written token by token.
    """
    now = time.time()
    times = written or [None] * len(rows)
    return [
        Traffic(
            body["id"],
            now,
            served.version,
            served.inputs_recorded(row, private),
            served.outputs_recorded(answer, body["outputs"]),
            latency_s,
            200,
            body.get("unseen", ()),
            mirrored,
            one.first_s if one is not None else None,
            one.tokens_per_second if one is not None else None,
        )
        for row, answer, body, one in zip(rows, answers, bodies, times, strict=True)
    ]


def failed(
    served: Served, ids: Sequence[str], code: int, latency_s: float, *, mirrored: bool = False
) -> list[Traffic]:
    """Return the record of rows that failed on our side."""
    now = time.time()
    return [Traffic(one, now, served.version, {}, None, latency_s, code, (), mirrored) for one in ids]
