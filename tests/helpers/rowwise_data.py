"""The stage `data` row by row, as it is defined: slow, and what the one by columns is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.core.signature import Signature
from modelwright.stages.data.config import Shares
from modelwright.stages.data.split import canonical_inputs, numbered, place, position, row_id


@dataclass
class Expected:
    """What the rows become: by split their ids and values; why rows are rejected; counts."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rejected: list[tuple[str, str, int, str]] = field(default_factory=list)
    duplicates: dict[str, int] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    also_in: dict[str, int] = field(default_factory=dict)


def by_rows(
    signature: Signature,
    sources: Mapping[str, Sequence[Mapping[str, Any]]],
    shares: Mapping[str, Shares | None],
) -> Expected:
    """Return what becomes of sources (split → rows) with `invalid: drop`; shares None: the file decides."""
    cells = [
        (given, number, row) for given, rows in sources.items() for number, row in enumerate(rows, start=1)
    ]
    texts = [
        canonical_inputs({one.name: row.get(one.name) for one in signature.inputs}) for _, _, row in cells
    ]
    ids = numbered([row_id(text) for text in texts])
    splits = [
        given if (own := shares[given]) is None else place(position(text, ""), own)
        for (given, _, _), text in zip(cells, texts, strict=True)
    ]
    values: list[tuple[Any, ...]] = []
    reasons: list[str] = []
    for _, _, row in cells:
        found, why = [], []
        for one in (*signature.inputs, *signature.outputs):
            try:
                value = kinds.value(one.kind).parse(row.get(one.name), lenient=True)
                if value is None and not one.optional:
                    why.append(f"{one.name}: must be there")
            except ValueProblem as problem:
                value = None
                why.append(f"{one.name}: {problem.rule}; found {problem.found}")
            found.append(value)
        values.append(tuple(found))
        reasons.append("; ".join(why))
    width = len(signature.inputs)
    cleaned = [repr(one[:width]) for one in values]
    used = [not why for why in reasons]
    standing = {
        split: {cleaned[at] for at in range(len(cells)) if used[at] and splits[at] == split}
        for split in ("validation", "test")
    }
    expected = Expected(also_in={"test": 0, "validation": 0})
    for at in range(len(cells)):
        where = None
        if used[at] and splits[at] != "test" and cleaned[at] in standing["test"]:
            where = "test"
        elif used[at] and splits[at] == "train" and cleaned[at] in standing["validation"]:
            where = "validation"
        if where is not None:
            expected.also_in[where] += 1
            reasons[at] = f"inputs: also stand in {where}"
    for split in ("train", "validation", "test"):
        places = [at for at in range(len(cells)) if splits[at] == split and not reasons[at]]
        expected.rows[split] = [(ids[at], *values[at]) for at in places]
        expected.duplicates[split] = len(places) - len({cleaned[at] for at in places})
        truths: dict[str, set[Any]] = {}
        for at in places:
            truths.setdefault(cleaned[at], set()).add(values[at][width])
        expected.conflicts[split] = sum(len(one) > 1 for one in truths.values())
    expected.rejected = [
        (ids[at], splits[at], cells[at][1], reasons[at]) for at in range(len(cells)) if reasons[at]
    ]
    return expected
