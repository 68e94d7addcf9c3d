"""Monitor: judge the live traffic of the version in production. Never cached; it changes nothing but gauges."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.errors import ModelwrightError
from modelwright.core.requirement import Requirement
from modelwright.core.verdict import Outcome
from modelwright.serve.telemetry import Telemetry
from modelwright.serve.watch import Look, look
from modelwright.stages.monitor.config import MonitorConfig
from modelwright.state.live import LiveRecord

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """What is watched, and how."""

    requirements: Sequence[Requirement]
    config: MonitorConfig
    confidence: float

    def at(self, record: LiveRecord, version: int | None, now_s: float) -> Look:
        """Judge the window that ends now; `version` None means the traffic of all."""
        return look(
            record,
            self.requirements,
            version=version,
            since=now_s - self.config.window_s,
            confidence=self.confidence,
        )


def monitor(record: Path, watch: Watch, version: int | None, now_s: float) -> Look:
    """Judge the record of live traffic at a path; `now_s` (seconds since the epoch) ends the window."""
    live = LiveRecord.open(record)
    try:
        return watch.at(live, version, now_s)
    finally:
        live.close()


def gauges(
    record: LiveRecord, watch: Watch, version: Callable[[], int | None]
) -> Callable[[Telemetry], Awaitable[None]]:
    """Return what runs beside a server and keeps the gauges of its live requirements current."""

    async def keep(telemetry: Telemetry) -> None:
        while True:
            serving = version()
            if serving is not None:
                try:
                    seen = await asyncio.to_thread(watch.at, record, serving, time.time())
                except ModelwrightError as error:
                    _LOG.error("%s", error)
                else:
                    telemetry.requirements(_rows(seen, serving), [str(one) for one in Outcome])
            await asyncio.sleep(watch.config.refresh_s)

    return keep


def _rows(seen: Look, version: int) -> Iterator[tuple[str, int, float | None, str]]:
    for verdict in seen.verdicts:
        value = verdict.measurement.value if verdict.measurement is not None else None
        yield str(verdict.requirement), version, value, str(verdict.outcome)
