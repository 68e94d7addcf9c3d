"""What became of releases, decision by decision; what one would need; and watching one until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelwright import outcomes
from modelwright.core.evidence.labelled_rows import LabelledRows
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import Phrase, Problem, StateError
from modelwright.core.rollouts import traffic_checks
from modelwright.core.rollouts.state_machine import Status
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.units import Unit, format_duration, format_quantity
from modelwright.gateway.keys import label_policy
from modelwright.monitors.rollout_evidence import BEFORE_S, times_before
from modelwright.project.loop.context import Context
from modelwright.project.results.show_report import ShowReport
from modelwright.storage.state.database import State
from modelwright.storage.state.releases import Decided, Release
from modelwright.storage.traffic.record import LiveRecord

FOLLOW_EVERY_S = 0.5
_ENDED = frozenset({Status.SERVING, Status.RETIRED, Status.ROLLED_BACK, Status.FAILED})


def show_release(context: Context, number: int | None) -> ShowReport:
    """Show a release (by default the newest): every decision about it, with the evidence that it rests on."""
    release = find_release(context, number)
    decisions = context.state.decisions(release.id)
    facts = [
        (str(Phrase("release.fact", of="version")), str(release.version)),
        (str(Phrase("release.fact", of="strategy")), release.strategy),
        (str(Phrase("release.fact", of="status")), str(Phrase("screen.word", word=release.status.value))),
        (
            str(Phrase("release.fact", of="requested")),
            f"{release.requested_at:%Y-%m-%d %H:%M:%S} UTC ({release.by})",
        ),
    ]
    if release.champion is not None:
        facts.insert(1, (str(Phrase("release.fact", of="champion")), str(release.champion)))
    lines = [line for one in decisions for line in decision_lines(one)] or [release.detail]
    return ShowReport(
        str(Phrase("release.title", number=release.id)),
        facts=tuple(facts),
        text="\n".join(lines),
        data=release_details(release, decisions),
    )


def find_release(context: Context, number: int | None) -> Release:
    """Return a release by its number, the newest for None; raises StateError."""
    past = context.state.releases()
    release = next((one for one in reversed(past) if number in (None, one.id)), None)
    if release is None:
        known = [one.id for one in past] or None
        raise StateError(Problem("release.unknown", number=number, known=known))
    return release


def release_details(release: Release, decisions: Sequence[Decided]) -> dict[str, Any]:
    """Return a release and the decisions about it as JSON."""
    return {"release": release_json(release), "decisions": [_decided_json(one) for one in decisions]}


def decision_lines(decided: Decided) -> Iterator[str]:
    """Yield a decision as lines: when, what, the shares from then on, why; and below it, the evidence."""
    shares = ", ".join(
        f"{version}: {100 * share:g} %"
        for version, share in sorted(decided.shares.items(), key=lambda one: int(one[0]))
    )
    word = Phrase("screen.word", word=decided.status.value)
    yield f"{decided.at:%Y-%m-%d %H:%M:%S}  {word} ({shares})  {decided.why}"
    for one in decided.evidence:
        verdict = Phrase("screen.word", word=one["verdict"])
        seen = None if one["measurement"] is None else Measurement.from_json(one["measurement"])
        note = f"  ({one['note']})" if one["note"] else ""
        yield f"    {one['requirement']}: {verdict}{_figure(seen)}{note}"


def needed_traffic(context: Context, record: Path, strategy: Strategy, now_s: float) -> tuple[str, ...]:
    """Say how much traffic a release needs until it is decided: of a version like the one in production."""
    production = context.state.production()
    if not strategy.steps:
        return (str(Phrase("release.needs-none")),)
    if production is None:
        return (str(Phrase("release.first")),)
    live = LiveRecord(record)
    window = live.window(now_s - BEFORE_S, production.number, now_s) if record.exists() else None
    if window is None or not len(window):
        return (str(Phrase("release.no-traffic-yet", version=production.number)),)
    before = times_before(live, production.number, now_s)
    shares: Mapping[str, float] = {"failure_rate": float((window.code >= traffic_checks.FAILED_FROM).mean())}
    policy = label_policy(context.opened.file.serve, context.opened.signature)
    labels = LabelledRows.of(live.labels(production.number, now_s - BEFORE_S, now_s), policy)
    if len(labels):
        shares = {**shares, "labelled_accuracy": labels.right / len(labels)}
    rows = traffic_checks.rows_needed(
        context.opened.requirements, strategy, before, shares, outcomes.metrics().any
    )
    rate = len(window) / max(float(window.time[-1] - window.time[0]), 1.0)
    lines = [str(Phrase("release.needs", requirement=name, rows=count)) for name, count in rows.items()]
    known = [count for count in rows.values() if count is not None]
    if known and len(known) == len(rows):
        seconds = _seconds(strategy, max(known), rate)
        lines.append(
            str(
                Phrase(
                    "release.takes",
                    rows=max(known),
                    time=format_duration(round(seconds)),
                    rate=format_quantity(rate, Unit.PER_SECOND),
                    deadline=format_duration(round(strategy.deadline_s)),
                    late=seconds > strategy.deadline_s,
                )
            )
        )
    return tuple(lines)


def planned_traffic(context: Context, record: Path, now_s: float) -> tuple[str, ...]:
    """Say how much traffic the release of what is planned will need; nothing where it waits for none.

    Nothing that a run keeps: it follows from traffic, which goes on.
    """
    file = context.opened.file
    strategy = file.release.as_strategy(file.confidence)
    if not strategy.steps or not file.serve.record.enabled or context.state.production() is None:
        return ()
    return needed_traffic(context, record, strategy, now_s)


def follow(
    state: State,
    release_id: int,
    say: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Release:
    """Say every decision about a release as it is taken, until it has ended; return how it ended."""
    known = 0
    while True:
        decisions = state.decisions(release_id)
        for one in decisions[known:]:
            for line in decision_lines(one):
                say(line)
        known = len(decisions)
        release = next(one for one in state.releases() if one.id == release_id)
        if release.status in _ENDED:
            return release
        pause(FOLLOW_EVERY_S)


def _seconds(strategy: Strategy, rows: int, rate: float) -> float:
    """Return how long it takes at a rate of requests until the version has had that many rows."""
    total, left = 0.0, float(rows)
    for place, step in enumerate(strategy.steps):
        per_s = rate * (step.share or 1.0)  # copies come at the rate of all requests
        last = place == len(strategy.steps) - 1
        wanted = max(left, strategy.least_rows) if last else strategy.least_rows
        seconds = max(wanted / per_s, strategy.least_s)
        total, left = total + seconds, left - seconds * per_s
    return total


def _figure(seen: Measurement | None) -> str:
    if seen is None or seen.value is None:
        return ""
    unit = outcomes.metrics().any(seen.subject.metric).unit
    low, high = ("–" if one is None else format_quantity(one, unit) for one in (seen.low, seen.high))
    return f", {format_quantity(seen.value, unit)} [{low}, {high}], n = {seen.n:,}"


def release_json(release: Release) -> dict[str, object]:
    """Return a release as JSON."""
    return {
        "id": release.id,
        "version": release.version,
        "champion": release.champion,
        "strategy": release.strategy,
        "status": release.status.value,
        "step": release.step,
        "requested_at": release.requested_at.isoformat(),
        "moved_at": release.moved_at.isoformat() if release.moved_at is not None else None,
        "by": release.by,
        "detail": release.detail,
        "settings": release.settings,
    }


def _decided_json(decided: Decided) -> dict[str, object]:
    return {
        "at": decided.at.isoformat(),
        "status": decided.status.value,
        "step": decided.step,
        "shares": dict(decided.shares),
        "why": str(decided.why),
        "evidence": list(decided.evidence),
    }
