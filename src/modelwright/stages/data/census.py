"""Counts every row that was read, and says what a reader should know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelwright.stages.data.checking import Checked
from modelwright.stages.data.classes import ClassCounts, class_warnings
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS, TEST, VALIDATION
from modelwright.stages.data.table import Table


def census(checked: Checked, counts: ClassCounts, tables: Sequence[tuple[str, Table]]) -> dict[str, Any]:
    """Return the counts, as JSON; `counts` are those of the classes.

    rows: used rows by split; splits: read, used, rejected, duplicates (rows whose inputs repeat those of an
    earlier row of the split) and conflicts (inputs that stand with different truths, by output with classes);
    also_in_test, also_in_validation: rows that teach or choose although their inputs prove.
    """
    splits: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        used = checked.used(split)
        read = sum(one == split for one in checked.splits)
        rejected = sum(checked.splits[at] == split for at in checked.refusals)
        assert read == len(used) + rejected, "every row is used or rejected"
        splits[split] = {
            "read": read,
            "used": len(used),
            "rejected": rejected,
            "duplicates": len(used) - len({checked.inputs[at] for at in used}),
            "conflicts": {output: _conflicts(checked, output, used) for output in counts},
        }
    total = sum(table.rows for _, table in tables)
    assert total == sum(one["read"] for one in splits.values()), "every row that was read has a split"
    return {
        "read": total,
        "rows": {split: one["used"] for split, one in splits.items()},
        "splits": splits,
        "classes": counts,
        "also_in_test": checked.overlap.count(TEST),
        "also_in_validation": checked.overlap.count(VALIDATION),
        "sources": [
            {
                "for": split,
                "name": table.name,
                "rows": table.rows,
                "encoding": table.encoding,
                "separator": table.separator,
            }
            for split, table in tables
        ],
    }


def _conflicts(checked: Checked, output: str, used: Sequence[int]) -> int:
    column = next(values for field, values in checked.values.items() if field.name == output)
    truths: dict[str, set[Any]] = {}
    for at in used:
        truths.setdefault(checked.inputs[at], set()).add(column[at])
    return sum(len(found) > 1 for found in truths.values())


def warnings(
    checked: Checked, config: DataConfig, summary: Mapping[str, Any], tables: Sequence[tuple[str, Table]]
) -> list[str]:
    """Return what is worth knowing before learning, most pressing first."""
    return [
        *_repeated(config, summary),
        *_of_splits(checked, summary),
        *class_warnings(summary["classes"]),
        *_of_sources(config, tables),
    ]


def _repeated(config: DataConfig, summary: Mapping[str, Any]) -> Iterator[str]:
    done = "set aside" if config.repeated == "drop" else "kept, as `data.repeated` says"
    for where, taught in (("test", "training or validation"), ("validation", "training")):
        if count := summary[f"also_in_{where}"]:
            yield f"{taught} rows whose inputs stand in {where}, too: {count:,}, {done}"


def _of_splits(checked: Checked, summary: Mapping[str, Any]) -> Iterator[str]:
    copies = checked.overlap.found if summary["also_in_test"] or summary["also_in_validation"] else {}
    for split, counts in summary["splits"].items():
        set_aside = sum(checked.splits[at] == split and at in checked.refusals for at in copies)
        if invalid := counts["rejected"] - set_aside:
            yield f"{split} rows with values that are refused: {invalid:,} of {counts['read']:,}, set aside"
        if counts["duplicates"]:
            repeated, used = counts["duplicates"], counts["used"]
            yield f"{split} rows that repeat the inputs of an earlier one: {repeated:,} of {used:,}"
        for output, conflicts in counts["conflicts"].items():
            if conflicts:
                yield f"{split} inputs that stand there with more than one `{output}`: {conflicts:,}"


def _of_sources(config: DataConfig, tables: Sequence[tuple[str, Table]]) -> Iterator[str]:
    for _, table in tables:
        if config.encoding is None and table.encoding not in {None, "utf-8", "utf-8-sig"}:
            words = f", with words such as {', '.join(table.foreign)}" if table.foreign else ""
            yield f"{table.name} was read as {table.encoding}{words}; if that is wrong, state `data.encoding`"
        yield from (f"{table.name}: {note}" for note in table.notes)
