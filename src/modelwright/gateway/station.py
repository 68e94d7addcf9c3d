"""All that stands behind one function of a gateway: its keys, its record, its versions, and its paths."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelwright.core.evidence.labelled_rows import EVERY_LABEL, LabelPolicy
from modelwright.core.messages import MachineError, ModelwrightError, Problem
from modelwright.core.requirements.requirement import Requirement
from modelwright.gateway.audit_log import AuditLog
from modelwright.gateway.background import keep_doing
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http.admin import Admin
from modelwright.gateway.http.admission import Admission
from modelwright.gateway.http.app import Application, Background
from modelwright.gateway.http.browsers import LocalHosts
from modelwright.gateway.http.feedback import Feedback
from modelwright.gateway.http.predictions import Predictions
from modelwright.gateway.keys import Keys
from modelwright.gateway.operations import Operations
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic.bytes_under_way import BytesUnderWay
from modelwright.gateway.traffic.desired_traffic import DesiredReleases
from modelwright.gateway.traffic.lease import RENEW_S, LeasedReleases
from modelwright.monitors import live_requirements
from modelwright.package import gpu
from modelwright.runtime.memory import give_back_freed
from modelwright.storage.traffic.record import LiveRecord

_LOG = logging.getLogger(__name__)
_PRUNE_EVERY_S = 3600.0
_MOST_ROWS = (
    100_000  # that the gauges rest on, the newest: they are computed beside the requests, again and again
)


@dataclass(frozen=True)
class Live:
    """How live traffic is recorded and judged: the record's file, and the bars for the last `window_s`.

    labels: whose labels count for the accuracy that feedback shows.
    """

    record: Path
    requirements: Sequence[Requirement] = ()
    confidence: float = 0.95
    window_s: float = 3600.0
    refresh_s: float = 15.0
    labels: LabelPolicy = EVERY_LABEL


@dataclass(frozen=True)
class Serving:
    """A function to serve; live: how its traffic is recorded and judged, None: not at all.

    operations: what its `/admin` acts on; None: on nothing.
    """

    function: str
    config: ServeConfig
    releases: DesiredReleases
    live: Live | None = None
    bar_s: float | None = None  # the time that an answer may take, None where none is required
    operations: Operations | None = None
    memory_bytes: int | None = (
        None  # what the workers of a version may take together, where none sets their number
    )


def _require_gpu() -> None:
    """Raise MachineError where graphs cannot be run on a GPU."""
    from modelwright.package.ort import onnxruntime  # a tenth of a second, which no other gateway need spend

    lacks = gpu.lack(onnxruntime.get_available_providers())
    if lacks is not None:
        raise MachineError(Problem("serve.no-gpu", lacks=lacks))


class Station:
    """One function of a gateway, whole: what another function's station does or suffers is not seen in it."""

    def __init__(
        self, serving: Serving, host: str, environment: Mapping[str, str], *background: Background
    ) -> None:
        """Open the audit log and the record; raises MachineError and StateError.

        host: where the gateway listens; background: what runs beside it from the start of the server to its end.
        """
        function, config, releases = serving.function, serving.config, serving.releases
        if config.device == "cuda":
            _require_gpu()
        self.config = config
        self.keys = Keys(config.keys, environment)
        self.telemetry = Telemetry(function)
        self._audit = AuditLog(Path(config.audit) if config.audit is not None else None)
        self._live = serving.live if config.record.enabled else None
        self.record: LiveRecord | None = None
        self._leased: LeasedReleases | None = None
        if self._live is not None:
            try:
                self.record = LiveRecord.open(self._live.record)
            except BaseException:
                self._audit.close()
                raise
            releases = self._leased = LeasedReleases(releases, self.record)
            background = (*background, self._lead, self._show_requirements, self._prune)
        self.gateway = Gateway(
            function, config, releases, self.telemetry, serving.bar_s, serving.memory_bytes
        )
        recorder = self.record.record if self.record else None
        under_way = BytesUnderWay(config.limits.under_way)
        admission = Admission(self.keys, self._audit, LocalHosts([host, *config.hosts]))
        self.application = Application(
            self.gateway,
            Predictions(self.gateway, config, self.telemetry, recorder, admission, self._audit, under_way),
            self.telemetry,
            admission,
            Feedback(self.gateway, config, self.telemetry, self.record, under_way),
            Admin(self.gateway, admission, serving.operations),
            background,
        )

    def close(self) -> None:
        """Close its files, and let another gateway lead."""
        self._audit.close()
        if self.record is not None:
            self.record.close()
        if self._leased is not None:
            self._leased.give_back()

    async def _lead(self) -> None:
        """Keep the lease on the releases, or take it once nobody else holds it."""
        assert self._leased is not None
        renew = partial(asyncio.to_thread, self._leased.renew)
        await keep_doing(renew, RENEW_S, _LOG, "could not renew the lease on the releases")

    async def _show_requirements(self) -> None:
        """Show the live requirements as gauges, again and again."""
        assert self._live is not None
        fault = "could not show the live requirements"
        await keep_doing(self._judge_live, self._live.refresh_s, _LOG, fault)

    async def _judge_live(self) -> None:
        live, record, route = self._live, self.record, self.gateway.route
        assert live is not None
        assert record is not None
        with contextlib.suppress(ModelwrightError):  # the writer of the record has logged it
            seen = {
                served.version: await asyncio.to_thread(
                    live_requirements.judge_live,
                    record,
                    live.requirements,
                    version=served.version,
                    since=time.time() - live.window_s,
                    confidence=live.confidence,
                    policy=live.labels,
                    most=_MOST_ROWS,
                )
                for served, _ in (route.shares if route is not None else ())
            }
            self.telemetry.requirements({version: one.verdicts for version, one in seen.items()})
            # the figures of 100,000 rows are parts of the heap here and there, and more with each round
            await asyncio.to_thread(give_back_freed)

    async def _prune(self) -> None:
        """Remove what the record need not keep any longer, again and again."""
        fault = "could not remove the oldest of the record"
        await keep_doing(self._prune_once, _PRUNE_EVERY_S, _LOG, fault)

    async def _prune_once(self) -> None:
        assert self.record is not None
        with contextlib.suppress(ModelwrightError):  # the writer of the record has logged it
            before = time.time() - self.config.record.days * 86_400
            await asyncio.to_thread(self.record.prune, before)
