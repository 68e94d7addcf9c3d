"""Verdicts as rows of the requirement table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Verdict, gate
from modelwright.core.units import Unit
from modelwright.project.results.table_rows import RequirementRow

_SIGNS = {Unit.SECONDS: "s", Unit.BYTES: "B", Unit.PER_SECOND: "/s", Unit.FRACTION: "%"}


def requirement_rows(
    verdicts: Iterable[Verdict],
    allow_inconclusive: bool | Collection[str],  # noqa: FBT001 - true allows all, texts allow some
    validation: Mapping[str, float | None] = MappingProxyType({}),
) -> tuple[RequirementRow, ...]:
    """Return one row a verdict, in the order of the project file; validation: values by requirement."""
    verdicts = tuple(verdicts)
    blocking = set(gate(verdicts, allow_inconclusive))
    return tuple(_row(verdict, validation, blocks=verdict in blocking) for verdict in verdicts)


def _row(verdict: Verdict, validation: Mapping[str, float | None], *, blocks: bool) -> RequirementRow:
    seen = verdict.measurement
    requirement = verdict.requirement
    gated = verdict.outcome in (Outcome.UNMET, Outcome.INCONCLUSIVE)
    return RequirementRow(
        requirement=str(requirement),
        subject=requirement.key,
        bar=f"{requirement.op} {requirement.bar_text}",
        phase=str(verdict.phase),
        value=seen.value if seen else None,
        low=seen.low if seen else None,
        high=seen.high if seen else None,
        n=seen.n if seen else 0,
        verdict=str(verdict.outcome),
        needed=verdict.needed,
        unit=_SIGNS.get(requirement.metric.unit, ""),
        allowed=gated and not blocks,
        unjudged=seen.unjudged if seen else 0,
        groups=seen.groups if seen else None,
        validation=validation.get(str(requirement)) if verdict.phase is Phase.TEST else None,
        note=str(verdict.note) if verdict.note is not None else "",
    )
