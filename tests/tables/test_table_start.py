"""How delimited files begin, as spreadsheets and exports write them: marks, declared separators, titles, no header."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from modelwright.core.messages import DataError
from modelwright.tables import delimited
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.table import Table

ROWS = [(f"{n},5", f"shop {n}", "ab"[n % 2]) for n in range(30)]
HEADER = ("price", "shop", "y")


def text(separator: str, end: str = "\n", header: tuple[str, ...] = HEADER) -> str:
    rows = [header, *ROWS]
    return "".join(
        separator.join(f'"{cell}"' if separator in cell else cell for cell in row) + end for row in rows
    )


def table(folder: Path, content: bytes, name: str = "a.csv", **stated: object) -> Table:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read(SourceFile(name, path), folder / "scratch", **stated)  # type: ignore[arg-type]


def rows(found: Table) -> list[tuple[object, ...]]:
    return [row for chunk in found.chunks() for row in chunk.iter_rows()]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_every_way_of_writing_gives_the_same_rows(
    tmp_path: Path, separator: str, end: str, codec: str, name: str
) -> None:
    found = table(tmp_path, text(separator, end).encode(codec), name)
    assert (found.columns, rows(found), found.separator) == (HEADER, ROWS, separator)
    assert not found.notices


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_chinese_without_a_mark(tmp_path: Path, codec: str) -> None:
    content = "问题,部门\n" + "".join(f"如何更改密码第{'一二三四五'[n % 5]}次,账户\n" for n in range(50))
    found = table(tmp_path, content.encode(codec))
    assert (found.columns, found.encoding, found.rows) == (("问题", "部门"), codec, 50)


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n'])
def test_a_declared_separator_is_taken(tmp_path: Path, line: str) -> None:
    content = line + text(";")
    found = table(tmp_path, content.encode())
    assert (found.columns, rows(found), found.separator, found.notices) == (HEADER, ROWS, ";", ())
    assert list(delimited.parse(content, name="a.csv", separator=None).columns) == list(HEADER)


def test_any_sign_can_be_declared(tmp_path: Path) -> None:
    assert rows(table(tmp_path, ("sep=~\n" + text("~")).encode())) == ROWS


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("above", "count"),
    [
        ("Sales by shop\n", 1),
        ("Sales by shop\nexported 2024-05-01, all shops\n\n", 3),
        ("# made by a tool\n# of 2024\n", 2),
        ('"Sales; by shop"\n\n\n', 3),
    ],
)
def test_lines_above_the_header_are_left_out_and_said(
    tmp_path: Path, separator: str, above: str, count: int
) -> None:
    content = above + text(separator)
    found = table(tmp_path, content.encode())
    assert (found.columns, rows(found)) == (HEADER, ROWS)
    (notice,) = found.notices
    assert (notice.id, notice.values["count"]) == ("data.lines-above", count)
    assert notice.next_step.endswith(f"`data.skip_lines: {count}`")
    stated = table(tmp_path, content.encode(), skip=count)
    assert (rows(stated), stated.notices) == (ROWS, ())
    assert delimited.parse(content, name="a.csv", separator=None).rows == len(ROWS)


@pytest.mark.parametrize(
    "content",
    [
        "y,z\n" + "".join(f"r{n},{n},b\n" for n in range(20)),  # as R writes row names
        "x,y\n1,2,3\n4,5,6\n7,8,9\n",
        "a title\n1,2\n3,4\n5,6\n",  # no names below it
    ],
)
def test_what_is_no_title_is_still_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError) as caught:
        table(tmp_path, content.encode())
    assert caught.value.problems[0].id == "data.row-width"


def test_a_row_number_counts_from_the_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 31 has 1:"):
        table(tmp_path, ("A title\n\n" + text(",") + "alone\n").encode())


def test_a_header_that_repeats_numbers_is_no_header(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        table(tmp_path, b"5.1,3.5,5.1,setosa\n4.9,3.0,1.4,setosa\n")
    assert caught.value.problems[0].id == "data.no-header"


def test_empty_cells_at_the_ends_of_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    found = table(tmp_path, b"x,y\n1,a,\n2,b,,\n3,c\n")
    assert rows(found) == [("1", "a"), ("2", "b"), ("3", "c")]
    (notice,) = found.notices
    assert (notice.id, notice.values["count"]) == ("data.trailing-cells", 2)
    both = table(tmp_path, b"x,y,\n1,a,\n2,b,\n")
    assert (both.columns, [one.id for one in both.notices]) == (("x", "y"), ["data.unnamed-column"])
