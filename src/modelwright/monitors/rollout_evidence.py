"""What the record of traffic shows of a rollout: the rows of both versions since it began, judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from modelwright.core.evidence.labelled_rows import EVERY_LABEL, Label, LabelledRows, LabelPolicy
from modelwright.core.evidence.metric import Metric, RequestTimes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.rollouts.state_machine import Rollout, RolloutEvidence
from modelwright.core.rollouts.traffic_checks import ShownTraffic, judge_rollout
from modelwright.storage.traffic.followed_traffic import FollowedTraffic
from modelwright.storage.traffic.record import LiveRecord

BEFORE_S = 86_400.0  # how far back the champion's latencies count
BEFORE_ROWS = 5_000  # the newest of them


@dataclass
class _Read:
    """What the judgements before have read of a rollout, so that the next one reads only what has come since."""

    traffic: FollowedTraffic
    labelled: dict[int, tuple[list[Label], LabelledRows]] = field(
        default_factory=dict
    )  # by version, of these labels
    before: tuple[int, RequestTimes] | None = (
        None  # what the champion's requests took, as of so many readings
    )


@dataclass(frozen=True)
class RolloutJudge:
    """Judges rollouts on the record of traffic; metrics: a metric by its name; policy: whose labels count.

    It holds the figures of the rollout that it judged last, and comes to the same evidence as one that has just been
    made, to the last bit.
    """

    record: LiveRecord
    requirements: Sequence[Requirement]
    metrics: Callable[[str], Metric]
    policy: LabelPolicy = EVERY_LABEL
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)
    _reads: list[_Read] = field(default_factory=list, repr=False, compare=False)  # one at most

    def __call__(self, rollout: Rollout, now_s: float, *, figures: bool = True) -> RolloutEvidence:
        """Return the evidence of a rollout that is at one of its steps; figures: also values and intervals."""
        with self._lock:
            read = self._read(rollout)
            read.traffic.read()
            ours = self._shown(read, rollout.version, now_s)
            if rollout.strategy.steps[0].is_shadow:
                ours = replace(ours, compared=read.traffic.compared(now_s))
            champions = self._shown(read, rollout.champion, now_s)
            before = self._before(read, rollout)
        needed, optional = judge_rollout(
            self.requirements, rollout.strategy, ours, champions, before, self.metrics, figures=figures
        )
        rows = int((ours.time_s >= rollout.entered_s).sum())
        return RolloutEvidence(True, rows, needed, optional)

    def forget(self) -> None:
        """Let go of what it holds: the rollout that it judged last has ended."""
        with self._lock:
            self._reads.clear()

    def _read(self, rollout: Rollout) -> _Read:
        followed = (rollout.version, rollout.champion, rollout.requested_s)
        for one in self._reads:
            if (one.traffic.version, one.traffic.champion, one.traffic.since) == followed:
                return one
        compares = rollout.strategy.steps[0].is_shadow
        self._reads[:] = [_Read(self.record.follow(*followed, compares=compares))]
        return self._reads[0]

    def _shown(self, read: _Read, version: int, until: float) -> ShownTraffic:
        """Return what a version has shown before a Unix time."""
        window, labels = read.traffic.window(version, until), read.traffic.labels(version, until)
        if version not in read.labelled or read.labelled[version][0] is not labels:
            read.labelled[version] = labels, LabelledRows.of(labels, self.policy)
        any_input = {"": len(window.unseen)}
        names = {name for names in window.unseen.values() for name in names}
        return ShownTraffic(
            window.time,
            window.latency_s,
            window.code,
            read.labelled[version][1],
            any_input | {name: sum(name in one for one in window.unseen.values()) for name in names},
            window.confidence,
            first_s=window.first_s,
            tokens_per_second=window.tokens_per_second,
        )

    def _before(self, read: _Read, rollout: Rollout) -> RequestTimes:
        """Return what the champion's requests took before the rollout; read again where some came late."""
        readings = read.traffic.readings_before
        if read.before is None or read.before[0] != readings:
            read.before = readings, times_before(self.record, rollout.champion, rollout.requested_s)
        return read.before[1]


def times_before(record: LiveRecord, version: int, until: float) -> RequestTimes:
    """Return what the newest requests to a version took before a Unix time."""
    window = record.window(until - BEFORE_S, version, until, most=2 * BEFORE_ROWS)  # some have failed
    rows = ShownTraffic(window.time, window.latency_s, window.code)
    kept = np.flatnonzero(rows.timed & np.isfinite(window.latency_s))[-BEFORE_ROWS:]
    return RequestTimes(window.latency_s[kept], window.first_s[kept], window.tokens_per_second[kept])
