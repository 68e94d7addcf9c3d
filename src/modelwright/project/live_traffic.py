"""The version in production, as its live traffic and its evidence show it: `monitor` and `status`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict, gate
from modelwright.core.messages import Phrase
from modelwright.core.units import format_duration
from modelwright.engine.store import Store
from modelwright.gateway.keys import label_policy
from modelwright.gateway.traffic import lease
from modelwright.monitors.live_requirements import LiveVerdicts
from modelwright.project.loop import loop, version_artifacts
from modelwright.project.loop.stage_table import Context
from modelwright.project.results.live_results import (
    Heartbeat,
    MonitorReport,
    StatusReport,
    StatusRow,
    TrafficRow,
)
from modelwright.project.results.table_rows import RequirementRow
from modelwright.project.results.verdict_rows import requirement_rows
from modelwright.stages.monitor.stage import monitor as monitor_traffic
from modelwright.storage.traffic.record import LiveRecord

LIVE_RECORD = "live.db"


def monitor(context: Context, root: Path, now_s: float) -> MonitorReport:
    """Judge the live traffic of the window."""
    production = context.state.production()
    version = production.number if production else None
    live = _judged_live(context, root, now_s, version)
    return MonitorReport(
        function=context.opened.signature.name,
        version=version,
        window_s=context.opened.file.monitor.window_s,
        requests=live.requests,
        requirements=_rows(context, live.verdicts),
        drift={},
        notes=() if live.requests else (str(Phrase("monitor.no-requests")),),
        next_steps=("modelwright status",),
    )


def status(context: Context, store: Store, root: Path, now_s: float) -> StatusReport:
    """Show every requirement in every place, and the traffic of the version in production."""
    production = context.state.production()
    version = production.number if production else None
    judged = production or max(context.state.versions(), key=lambda one: one.number, default=None)
    sealed_rows: tuple[RequirementRow, ...] = ()
    held: tuple[str, ...] = ()
    if judged is not None:
        verdicts = loop.verdicts_on(context, version_artifacts.evidence(store, judged))
        sealed_rows = _rows(context, verdicts)
        if production is None:
            allowed = context.opened.file.release.allow_inconclusive
            held = tuple(str(one.requirement) for one in gate(verdicts, allowed))
    heartbeat = _heartbeat(root / LIVE_RECORD, now_s)
    live = _judged_live(context, root, now_s, version)
    live_rows = _rows(context, live.verdicts)
    rows = []
    for requirement in map(str, context.opened.requirements):
        placed = {
            phase: next((one for one in found if one.requirement == requirement and one.phase == phase), None)
            for phase, found in (
                (Phase.TEST, sealed_rows),
                (Phase.PACKAGE, sealed_rows),
                (Phase.LIVE, live_rows),
            )
        }
        some = next((one for one in placed.values() if one), None)
        if some is not None:
            rows.append(
                StatusRow(
                    requirement,
                    some.subject,
                    some.bar,
                    test=placed[Phase.TEST],
                    package=placed[Phase.PACKAGE],
                    live=placed[Phase.LIVE],
                )
            )
    return StatusReport(
        function=context.opened.signature.name,
        version=version,
        requirements=tuple(rows),
        traffic=tuple(_traffic(context, live, version)),
        alerts=tuple(
            str(Phrase("status.unmet-live", requirement=row.requirement))
            for row in live_rows
            if row.verdict == "unmet"
        ),
        notes=tuple(
            _notes(version, live, judged.number if judged else None, held, heartbeat)
            if context.opened.file.serve.record.enabled
            else _notes(version, live, judged.number if judged else None, held, None, recorded=False)
        ),
        judged=judged.number if judged else None,
        held_back_by=held,
        heartbeat=heartbeat,
        serving=_is_serving(context, version, heartbeat),
    )


def is_serving(context: Context, root: Path, now_s: float) -> bool | None:
    """Tell whether a gateway serves the version in production; None where that is not recorded."""
    production = context.state.production()
    return _is_serving(
        context, production.number if production else None, _heartbeat(root / LIVE_RECORD, now_s)
    )


def _is_serving(context: Context, version: int | None, heartbeat: Heartbeat | None) -> bool | None:
    if not context.opened.file.serve.record.enabled:
        return None
    return version is not None and heartbeat is not None and heartbeat.alive


def _heartbeat(record: Path, now_s: float) -> Heartbeat | None:
    """Return the gateway that renewed its lease last, as the record of live traffic has it."""
    if not record.exists():
        return None
    held = LiveRecord(record).last_holder(lease.NAME)
    if held is None:
        return None
    host, pid, _ = held.holder.rsplit(":", 2)
    return Heartbeat(
        f"{host}, process {pid}", max(now_s - (held.until - lease.TTL_S), 0.0), held.until > now_s
    )


def _notes(
    version: int | None,
    live: LiveVerdicts,
    judged: int | None,
    held: tuple[str, ...],
    heartbeat: Heartbeat | None,
    *,
    recorded: bool = True,
) -> Iterable[str]:
    if version is None and judged is not None:
        bars = list(held) or None
        yield str(Phrase("status.not-released", version=judged, bars=bars))
    elif version is None:
        yield str(Phrase("status.nothing-released"))
    if version is not None and recorded:
        named = None if heartbeat is None else heartbeat.gateway
        age = None if heartbeat is None else format_duration(round(heartbeat.age_s))
        yield str(
            Phrase("status.gateway", gateway=named, age=age, alive=heartbeat is not None and heartbeat.alive)
        )
    if live.dropped:
        yield str(Phrase("status.dropped", count=live.dropped))


def _judged_live(context: Context, root: Path, now_s: float, version: int | None) -> LiveVerdicts:
    file = context.opened.file
    return monitor_traffic(
        root / LIVE_RECORD,
        context.opened.requirements,
        file.monitor,
        file.confidence,
        version,
        now_s,
        label_policy(file.serve, context.opened.signature),
    )


def _rows(context: Context, verdicts: Iterable[Verdict]) -> tuple[RequirementRow, ...]:
    return requirement_rows(verdicts, context.opened.file.release.allow_inconclusive)


def _traffic(context: Context, live: LiveVerdicts, version: int | None) -> Iterable[TrafficRow]:
    if version is None or not live.requests:
        return
    p95 = next((m.value for m in live.measurements if m.subject.metric == "latency_p95"), None)
    rate = live.requests / context.opened.file.monitor.window_s
    yield TrafficRow(version, 1.0, live.requests, rate, live.failures, p95)
