"""The rows behind a warning: set aside, repeated, or with more than one answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import polars as pl

from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature
from modelwright.project.results.show_report import ShowReport
from modelwright.storage.formats.examples import ID, ROWS_FILE

MOST_SHOWN = 50  # rows, or groups of rows
# Not the test rows: what is known of them one by one finds its way into a choice.
SPLITS = ("train", "validation")


class Which(StrEnum):
    """Names the rows that `show rows` lists."""

    SET_ASIDE = "set-aside"
    REPEATED = "repeated"
    CONFLICTING = "conflicting"


def shown_rows(folder: Path, signature: Signature, which: Which) -> ShowReport:
    """Return rows of the data artifact in `folder`: the first of them in full, and how many there are."""
    found = _set_aside(folder) if which is Which.SET_ASIDE else _alike(folder, signature, which)
    rows = list(found)
    title = Phrase("show.rows", which=which.value, count=len(rows), shown=min(len(rows), MOST_SHOWN) or None)
    text = "\n".join(line for _, lines in rows[:MOST_SHOWN] for line in lines)
    return ShowReport(str(title), text=text, data=[one for one, _ in rows])


Found = tuple[dict[str, object], list[str]]  # as data, and as lines of a screen


def _set_aside(folder: Path) -> Iterator[Found]:
    for row in pl.read_parquet(folder / "rejected" / ROWS_FILE).iter_rows(named=True):
        place = Phrase("place.row", file=row["source"], row=row["row"])
        yield row, [f"{place} ({row['split']}): {row['reason']}", f"  {row['raw']}"]


def _alike(folder: Path, signature: Signature, which: Which) -> Iterator[Found]:
    """Yield groups of rows of one split with equal inputs; of the conflicting ones, those with several answers."""
    inputs = [field.name for field in signature.inputs]
    outputs = [field.name for field in signature.outputs]
    for split in SPLITS:
        rows = pl.read_parquet(folder / split / ROWS_FILE, columns=[ID, *inputs, *outputs])
        groups = rows.group_by(inputs, maintain_order=True).agg(
            pl.len().alias("rows of the group"), ID, *outputs
        )
        for group in groups.filter(pl.col("rows of the group") > 1).iter_rows(named=True):
            answers = [{name: group[name][at] for name in outputs} for at in range(len(group[ID]))]
            if which is Which.CONFLICTING and len({_text(one) for one in answers}) == 1:
                continue
            same = {name: group[name] for name in inputs}
            by_id = dict(zip(group[ID], answers, strict=True))
            data: dict[str, object] = {"split": split, "inputs": same, "rows": by_id}
            lines = [f"  {one}  {_text(answer)}" for one, answer in by_id.items()]
            yield data, [f"{split}: {_text(same)}", *lines]


def _text(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str)
