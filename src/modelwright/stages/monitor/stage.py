"""Monitor: judge the live traffic of the version in production. Never cached; it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelwright.core.evidence.labelled_rows import EVERY_LABEL, LabelPolicy
from modelwright.core.requirements.requirement import Requirement
from modelwright.monitors.live_requirements import LiveVerdicts, judge_live
from modelwright.stages.monitor.config import MonitorConfig
from modelwright.storage.traffic.record import LiveRecord


def monitor(
    record: Path,
    requirements: Sequence[Requirement],
    config: MonitorConfig,
    confidence: float,
    version: int | None,
    now_s: float,
    policy: LabelPolicy = EVERY_LABEL,
) -> LiveVerdicts:
    """Judge the window that ends at `now_s` (seconds since the epoch); `version` None means all traffic.

    policy: whose labels count.
    """
    live = LiveRecord.open(record)
    try:
        since = now_s - config.window_s
        return judge_live(
            live,
            requirements,
            version=version,
            since=since,
            until=now_s,
            confidence=confidence,
            policy=policy,
        )
    finally:
        live.close()
