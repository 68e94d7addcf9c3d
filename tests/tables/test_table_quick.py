"""Delimited text read by Polars where it can be: the cells and the refusals are those of the reader alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwright.core.messages import DataError
from modelwright.tables import delimited
from modelwright.tables.delimited import DelimitedRows, TextBlocks
from modelwright.tables.quick import read_blocks

PIECES = st.sampled_from(
    ["a", "1", ",", ",", "\n", "\n", "\r\n", "\r", '"', " ", "#", "é", "\x00", "\u2028", ";", "NA"]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def by_blocks(text: str, characters: int) -> Any:
    blocks = TextBlocks(io.StringIO(text, newline=""), characters)
    rows = DelimitedRows("a.csv", ",")
    try:
        rows.read_header(blocks.lines())
        frames = list(read_blocks(blocks, rows))
        rows.finish()
    except DataError as error:
        return [(one.id, one.where, one.found) for one in error.problems]
    names = [name for name in rows.header.names if name]
    return {name: [cell for frame in frames for cell in frame[name].to_list()] for name in names}


def by_reader(text: str) -> Any:
    try:
        table = delimited.parse(text, name="a.csv", separator=",")
    except DataError as error:
        return [(one.id, one.where, one.found) for one in error.problems]
    return {name: list(cells) for name, cells in table.columns.items()}


@given(TEXTS, st.sampled_from([1, 3, 10, 1000]))
@example("a,b\n1,2\n3\n4,5,6\n", 1000)
@example("a,b\n1,2,3\n4\n", 1000)
@example("a\n1\n\n2\n", 1000)
@example('a,b\n1,2\n"3\n4",5\n6,7', 1)
@example('a,b\n1,2\n"3\n4,5\n6,7', 1)
def test_blocks_give_what_the_reader_gives(text: str, characters: int) -> None:
    assert by_blocks(text, characters) == by_reader(text)


@pytest.mark.parametrize("characters", [1, 5, 1 << 20])
def test_a_long_file_in_blocks(characters: int) -> None:
    lines = [f"{number},text {number},{number % 3}" for number in range(3_000)]
    text = "n,t,c\n" + "\n".join(lines)
    assert by_blocks(text, characters)["t"] == [f"text {number}" for number in range(3_000)]
    quoted = text.replace("text 2000,", '"text, with a comma\nand 2 lines",')
    assert by_blocks(quoted, characters) == by_reader(quoted)
    broken = text.replace("text 2500,", '"text,')
    assert by_blocks(broken, characters) == by_reader(broken)
    ((_, where, _),) = by_blocks(broken, characters)
    assert where == "a.csv, row 2501 (line 2502)"


def test_a_file_beyond_what_is_sniffed_is_told_to_go_on() -> None:
    short, long = "a,b\n1,2\n", "a,b\n" + "1,2\n" * 20_000
    assert TextBlocks(io.StringIO(short), 10).whole
    blocks = TextBlocks(io.StringIO(long), 10)
    assert not blocks.whole
    assert "".join(iter(blocks.block, "")) == long


def test_no_scratch_is_left_and_none_is_needed_for_little(tmp_path: Path) -> None:
    from modelwright.tables.readers import read
    from modelwright.tables.sources import SourceFile

    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    read(SourceFile("a.csv", tmp_path / "a.csv"), tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
