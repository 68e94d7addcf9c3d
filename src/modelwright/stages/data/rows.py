"""Rows on their way from raw cells to canonical values: gathered, identified, checked by their kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, ValueProblem
from modelwright.core.signature import Field
from modelwright.stages.data.fields import Layout
from modelwright.stages.data.split import canonical_inputs, numbered, row_id
from modelwright.stages.data.table import Table

SHOWN_ROWS = 5
MOST_REMEMBERED = 10_000  # distinct cells of a column whose reading is remembered


@dataclass(frozen=True)
class Gathered:
    """All rows that were read, as columns. Row i comes from the source `sources[i]`, its `numbers[i]`-th row.

    `given[i]` is the split whose files hold the row (`source`: ours to split). `inputs` is the text that is
    hashed, `ids` are unique. `cells` and `kept` hold raw cells by field and by kept name.
    """

    given: Sequence[str]
    sources: Sequence[str]
    numbers: Sequence[int]
    inputs: Sequence[str]
    ids: Sequence[str]
    cells: Mapping[str, Sequence[Any]]
    kept: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Refusal:
    """Why a row is not used: the rule that a field breaks, and what was found (None: nothing is there)."""

    field: str
    rule: str
    found: str | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}" + (f"; found {self.found}" if self.found else "")


def gather(tables: Sequence[tuple[str, Table]], layout: Layout) -> Gathered:
    """Return the rows of all tables, each table named with the split that it is for, in their order."""
    cells = {
        name: [cell for _, table in tables for cell in table.columns[column]]
        for name, column in layout.fields.items()
    }
    columns = [cells[name] for name in layout.inputs]
    inputs = [
        canonical_inputs(dict(zip(layout.inputs, row, strict=True))) for row in zip(*columns, strict=True)
    ]
    return Gathered(
        given=[split for split, table in tables for _ in range(table.rows)],
        sources=[table.name for _, table in tables for _ in range(table.rows)],
        numbers=[number for _, table in tables for number in range(1, table.rows + 1)],
        inputs=inputs,
        ids=numbered([row_id(text) for text in inputs]),
        cells=cells,
        kept={
            name: [cell for _, table in tables for cell in table.columns[column]]
            for name, column in layout.keep.items()
        },
    )


def check(field: Field, cells: Sequence[Any], *, required: bool) -> tuple[list[Any], dict[int, Refusal]]:
    """Return the canonical values of a column, and by position the refused ones (whose value is None)."""
    parse = kinds.value(field.kind).parse
    values: list[Any] = []
    refused: dict[int, Refusal] = {}
    remembered: dict[str, Any] = {}
    for place, cell in enumerate(cells):
        if isinstance(cell, str) and cell in remembered:
            value = remembered[cell]
        else:
            try:
                value = parse(cell, lenient=True)
            except ValueProblem as problem:
                refused[place] = Refusal(field.name, problem.rule, problem.found)
                values.append(None)
                continue
            if isinstance(cell, str) and len(remembered) < MOST_REMEMBERED:
                remembered[cell] = value
        values.append(value)
        if value is None and required:
            refused[place] = Refusal(field.name, "must be there")
    return values, refused


def refuse_all(rows: Gathered, refusals: Mapping[int, Sequence[Refusal]], outputs: Sequence[Field]) -> None:
    """Raise DataError when there are refusals: one problem a source, field and rule, with first rows."""
    groups: dict[tuple[str, str, str], list[tuple[int, Refusal]]] = {}
    for place, of_row in refusals.items():
        for refusal in of_row:
            groups.setdefault((rows.sources[place], refusal.field, refusal.rule), []).append((place, refusal))
    truths = {field.name for field in outputs}
    problems = [
        _problem(source, refused, [(rows.numbers[place], one) for place, one in group], truths)
        for (source, refused, _), group in groups.items()
    ]
    if problems:
        raise DataError(problems)


def _problem(source: str, field: str, group: Sequence[tuple[int, Refusal]], truths: set[str]) -> Problem:
    count = f"{len(group):,} such rows" if len(group) > SHOWN_ROWS else ""
    shown = group[:SHOWN_ROWS]
    if group[0][1].found is not None:
        return Problem(
            "data.invalid-value",
            f"`{field}` {group[0][1].rule}",
            "; ".join([*(f"{one.found} in row {number}" for number, one in shown), *filter(None, [count])]),
            "mend the cells, name another column in `data.columns`, or set `data.invalid: drop`",
            source,
        )
    rows = f"row {', '.join(str(number) for number, _ in shown)}"
    optional = f"mark the input as one that may be missing (`{field}: KIND?`)"
    return Problem(
        "data.missing-value",
        f"every row has its truth `{field}`" if field in truths else f"every row has a value for `{field}`",
        "; ".join(["nothing in " + rows, *filter(None, [count])]),
        "fill the cells, or set `data.invalid: drop`"
        if field in truths
        else f"{optional}, or set `data.invalid: drop`",
        source,
    )


def merged(of_fields: Sequence[Mapping[int, Refusal]]) -> dict[int, list[Refusal]]:
    """Return the refusals of all fields by row."""
    by_row: dict[int, list[Refusal]] = {}
    for place, refusal in _pairs(of_fields):
        by_row.setdefault(place, []).append(refusal)
    return dict(sorted(by_row.items()))


def _pairs(of_fields: Sequence[Mapping[int, Refusal]]) -> Iterator[tuple[int, Refusal]]:
    for refusals in of_fields:
        yield from refusals.items()
