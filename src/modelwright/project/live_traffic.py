"""The version in production, as its live traffic and its evidence show it: `monitor` and `status`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modelwright import outcomes
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict, gate
from modelwright.core.messages import Phrase
from modelwright.core.rollouts.state_machine import UNDER_WAY
from modelwright.core.units import format_duration
from modelwright.engine.store import Store
from modelwright.gateway.keys import label_policy
from modelwright.gateway.traffic import lease
from modelwright.monitors.live_requirements import LiveVerdicts
from modelwright.monitors.rollout_evidence import RolloutJudge
from modelwright.project.loop import loop, used_functions, version_artifacts
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
from modelwright.storage.file_digests import FileDigests
from modelwright.storage.state.releases import Release
from modelwright.storage.state.versions import Version
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
    rolling = _rolling(context)
    canary_rows = _rows(context, _canary(context, root, now_s, rolling))
    rows = []
    # a release compares with the version before, too: bars that the project file does not state
    compared = [one.requirement for one in canary_rows]
    for requirement in dict.fromkeys([*map(str, context.opened.requirements), *compared]):
        placed = {
            phase: next((one for one in found if one.requirement == requirement and one.phase == phase), None)
            for phase, found in (
                (Phase.TEST, sealed_rows),
                (Phase.PACKAGE, sealed_rows),
                (Phase.LIVE, live_rows),
            )
        }
        canary = next((one for one in canary_rows if one.requirement == requirement), None)
        some = next((one for one in (*placed.values(), canary) if one), None)
        if some is not None:
            rows.append(
                StatusRow(
                    requirement,
                    some.subject,
                    some.bar,
                    test=placed[Phase.TEST],
                    package=placed[Phase.PACKAGE],
                    canary=canary,
                    live=placed[Phase.LIVE],
                )
            )
    return StatusReport(
        function=context.opened.signature.name,
        version=version,
        requirements=tuple(rows),
        traffic=tuple(_traffic(context, root, now_s, live, version, rolling)),
        alerts=(
            *(
                str(Phrase("status.unmet-live", requirement=row.requirement))
                for row in live_rows
                if row.verdict == "unmet"
            ),
            *_damages(context, store, judged, rolling),
        ),
        notes=(
            *_under_way(rolling),
            *used_functions.changed(context.opened, store, judged),
            *(
                _notes(version, live, judged.number if judged else None, held, heartbeat)
                if context.opened.file.serve.record.enabled
                else _notes(version, live, judged.number if judged else None, held, None, recorded=False)
            ),
        ),
        judged=judged.number if judged else None,
        held_back_by=held,
        heartbeat=heartbeat,
        serving=_is_serving(context, version, heartbeat),
    )


def _damages(
    context: Context, store: Store, judged: Version | None, rolling: Release | None
) -> Iterable[str]:
    """Yield what is wrong with the packages that answer, or soon may: before a gateway has to load one again."""
    digests = FileDigests(store.root / "cache" / "files.json")
    rising = None if rolling is None else context.state.version(rolling.version)
    for version in dict.fromkeys(one for one in (judged, rising) if one is not None):
        yield from map(str, version_artifacts.package_damage(store, version, digests))


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
    alive, age_s = held.holds(now_s, lease.TTL_S), now_s - (held.until - lease.TTL_S)
    # below 0 the clock was set back since, and nobody knows for how long the gateway has been silent
    known_s = max(age_s, 0.0) if alive or age_s >= 0 else None
    return Heartbeat(f"{host}, process {pid}", known_s, alive)


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
        age_s = None if heartbeat is None else heartbeat.age_s
        age = None if age_s is None else format_duration(round(age_s))
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


def rollout_judge(context: Context, root: Path) -> RolloutJudge:
    """Return what judges rollouts on the record of traffic."""
    policy = label_policy(context.opened.file.serve, context.opened.signature)
    return RolloutJudge(
        LiveRecord(root / LIVE_RECORD), context.opened.requirements, outcomes.metrics().any, policy
    )


def _rolling(context: Context) -> Release | None:
    """Return the release whose rollout is under way, None without one."""
    rolling = context.state.rolling_release()
    return rolling if rolling is not None and rolling.status in UNDER_WAY else None


def _canary(context: Context, root: Path, now_s: float, rolling: Release | None) -> tuple[Verdict, ...]:
    """Return the verdicts that the traffic so far gives on a version that is rolled out."""
    rollout = rolling.rollout if rolling is not None else None
    if rollout is None or rollout.current is None or not (root / LIVE_RECORD).exists():
        return ()
    evidence = rollout_judge(context, root)(rollout, now_s)
    return (*evidence.needed, *evidence.optional)


def _under_way(rolling: Release | None) -> Iterable[str]:
    if rolling is not None:
        status = Phrase("screen.word", word=rolling.status.value)
        yield str(Phrase("status.under-way", number=rolling.id, version=rolling.version, status=status))


def _traffic(
    context: Context,
    root: Path,
    now_s: float,
    live: LiveVerdicts,
    version: int | None,
    rolling: Release | None,
) -> Iterable[TrafficRow]:
    """Yield the traffic of the version in production, and that of one that is rolled out (copies included)."""
    shares = {} if version is None else {version: 1.0}
    if rolling is not None and rolling.rollout is not None:
        shares = {**shares, rolling.version: 0.0, **rolling.rollout.shares}
    for number, share in shares.items():
        seen = live if number == version else _judged_live(context, root, now_s, number)
        if not seen.requests:
            continue
        values = {one.subject.metric: one.value for one in seen.measurements}
        rate = seen.requests / context.opened.file.monitor.window_s
        names = ("latency_p95", "ttft_p95", "tokens_per_second")
        yield TrafficRow(
            number, share, seen.requests, rate, seen.failures, *(values.get(name) for name in names)
        )
