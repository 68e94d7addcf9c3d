"""What the record of traffic shows of a rollout: the rows of both versions since it began, judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelwright.core.evidence.labelled_rows import EVERY_LABEL, LabelledRows, LabelPolicy
from modelwright.core.evidence.metric import Metric, RequestTimes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.rollouts.state_machine import Rollout, RolloutEvidence
from modelwright.core.rollouts.traffic_checks import ShownTraffic, judge_rollout
from modelwright.storage.traffic.record import LiveRecord

BEFORE_S = 86_400.0  # how far back the champion's latencies count
BEFORE_ROWS = 5_000  # the newest of them


@dataclass(frozen=True)
class RolloutJudge:
    """Judges rollouts on the record of traffic; metrics: a metric by its name; policy: whose labels count."""

    record: LiveRecord
    requirements: Sequence[Requirement]
    metrics: Callable[[str], Metric]
    policy: LabelPolicy = EVERY_LABEL

    def __call__(self, rollout: Rollout, now_s: float, *, figures: bool = True) -> RolloutEvidence:
        """Return the evidence of a rollout that is at one of its steps; figures: also values and intervals."""
        ours = shown(self.record, rollout.version, rollout.requested_s, now_s, self.policy)
        if rollout.strategy.steps[0].is_shadow:
            compared = self.record.compared(rollout.version, rollout.champion, rollout.requested_s, now_s)
            ours = replace(ours, compared=compared)
        champions = shown(self.record, rollout.champion, rollout.requested_s, now_s, self.policy)
        needed, optional = judge_rollout(
            self.requirements,
            rollout.strategy,
            ours,
            champions,
            times_before(self.record, rollout.champion, rollout.requested_s),
            self.metrics,
            figures=figures,
        )
        rows = int((ours.time_s >= rollout.entered_s).sum())
        return RolloutEvidence(True, rows, needed, optional)


def shown(
    record: LiveRecord, version: int, since: float, until: float, policy: LabelPolicy = EVERY_LABEL
) -> ShownTraffic:
    """Return what a version has shown between two Unix times."""
    window = record.window(since, version, until)
    any_input = {"": len(window.unseen)}
    names = {name for names in window.unseen.values() for name in names}
    return ShownTraffic(
        window.time,
        window.latency_s,
        window.code,
        LabelledRows.of(record.labels(version, since, until), policy),
        any_input | {name: sum(name in one for one in window.unseen.values()) for name in names},
        window.confidence,
        first_s=window.first_s,
        tokens_per_second=window.tokens_per_second,
    )


def times_before(record: LiveRecord, version: int, until: float) -> RequestTimes:
    """Return what the newest requests to a version took before a Unix time."""
    window = record.window(until - BEFORE_S, version, until, most=2 * BEFORE_ROWS)  # some have failed
    rows = ShownTraffic(window.time, window.latency_s, window.code)
    kept = np.flatnonzero(rows.timed & np.isfinite(window.latency_s))[-BEFORE_ROWS:]
    return RequestTimes(window.latency_s[kept], window.first_s[kept], window.tokens_per_second[kept])
