"""The columns by which `split.by` splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelwright.core.messages import Problem, did_you_mean
from modelwright.stages.data.config import GROUP, HASH, TIME, DataConfig

SHOWN_NAMES = 5


def split_column(config: DataConfig) -> str | None:
    """Return the column of the data that `split.by` goes by, None for the hash."""
    by = config.split.by
    return {HASH: None, GROUP: config.group, TIME: config.time}.get(by, by)


def unknown_split_column(config: DataConfig, columns: Iterable[str], where: str) -> Iterator[Problem]:
    """Yield the problem of a column that `split.by`, `group` or `time` names and the data does not have."""
    known = list(columns)
    by = config.split.by
    named = {"group": config.group, "time": config.time}
    if by not in {HASH, GROUP, TIME}:
        named["split.by"] = by
    for section, name in named.items():
        if name is not None and name not in known:
            near = did_you_mean(name, known)
            yield Problem(
                "data.unknown-column",
                where=where,
                section=section,
                name=name,
                near=near,
                columns=known[:SHOWN_NAMES] or None,
                more=len(known) - SHOWN_NAMES if len(known) > SHOWN_NAMES else None,
            )
