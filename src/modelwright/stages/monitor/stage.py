"""Monitor: look at the live traffic of the version in production and judge it. Never cached; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelwright.core.requirement import Requirement
from modelwright.serve.watch import Look, Watch, look
from modelwright.stages.monitor.config import MonitorConfig
from modelwright.state.live import LiveRecord


def watched(requirements: Sequence[Requirement], config: MonitorConfig, confidence: float) -> Watch:
    """Return what is watched, as the project file says it."""
    return Watch(requirements, confidence, config.window_s, config.refresh_s)


def monitor(record: Path, watch: Watch, version: int | None, now_s: float) -> Look:
    """Look at the record of live traffic at a path; `now_s` ends the window."""
    live = LiveRecord.open(record)
    try:
        return look(live, watch, version, now_s)
    finally:
        live.close()
