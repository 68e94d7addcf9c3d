from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import DataError
from modelwright.tables import delimited
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.table import Table


def read_bytes(folder: Path, name: str, content: bytes, **how: Any) -> Table:
    path = folder / name
    path.write_bytes(content)
    return read(SourceFile(name, path), folder / "scratch", **how)


def cells(table: Table) -> dict[str, list[Any]]:
    """Return all cells by column."""
    found: dict[str, list[Any]] = {name: [] for name in table.columns}
    for chunk in table.chunks():
        for name in table.columns:
            found[name] += chunk[name].to_list()
    return found


def refused(folder: Path, name: str, content: bytes, **how: Any) -> DataError:
    with pytest.raises(DataError) as error:
        read_bytes(folder, name, content, **how)
    return error.value


def test_every_cell_of_a_csv_is_text_as_it_stands(tmp_path: Path) -> None:
    content = '\ufeffa, b ,c\r\n01, x ,\r\n\r\n"1,5","say ""hi""\nthere",NaN\r\n'.encode()
    table = read_bytes(tmp_path, "rows.csv", content)
    assert cells(table) == {"a": ["01", "1,5"], "b": [" x ", 'say "hi"\nthere'], "c": ["", "NaN"]}
    assert (table.rows, table.encoding, table.separator) == (2, "utf-8-sig", ",")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    rows = [["a", "b", "c"], ["1,5", "x", "p;q|r, s"], ["2,5", "", "t\tu"]] * 3
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([rows[0], *rows[1:3] * 3])
    table = read_bytes(tmp_path, "rows.csv", out.getvalue().encode())
    assert table.separator == separator
    assert table.rows == 6
    assert list(table.columns) == ["a", "b", "c"]


def test_one_column_of_text_with_commas_needs_quotes(tmp_path: Path) -> None:
    assert cells(read_bytes(tmp_path, "a.csv", b'text\n"a, b"\nc\n')) == {"text": ["a, b", "c"]}
    error = refused(tmp_path, "a.csv", b"text\na, b\nc\n")
    assert error.problems[0].id == "data.row-width"
    tabs = read_bytes(tmp_path, "a.tsv", b"text\na, b\nc\n")
    assert cells(tabs) == {"text": ["a, b", "c"]}


def test_wrong_widths_are_named_by_row(tmp_path: Path) -> None:
    lines = ["a,b"] + ["1,2"] * 3 + ["1"] + ["1,2,3"] * 7
    problem = refused(tmp_path, "rows.csv", "\n".join(lines).encode()).problems[0]
    assert problem.id == "data.row-width"
    assert problem.found.startswith("the header has 2 cells, but row 4 has 1, row 5 has 3, ")
    assert problem.found.endswith("8 such rows in all")
    assert problem.where == "rows.csv"


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        (b'a,b\n1,2\n1,"2\n3,4\n', "rows.csv, row 2 (line 3)", "never closed"),
        (b'a,b\n"1\n",2\n1,"2"x\n3,4\n', "rows.csv, row 2 (line 4)", "after a closing quote"),
        (b'a,"b\n1,2\n', "rows.csv, header", "never closed"),
    ],
)
def test_broken_quotes_are_named_by_row(tmp_path: Path, content: bytes, where: str, found: str) -> None:
    problem = refused(tmp_path, "rows.csv", content).problems[0]
    assert (problem.id, problem.where) == ("data.quoting", where)
    assert found in problem.found


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"", "data.empty-file"),
        ("a.csv", b"\n\n", "data.empty-file"),
        ("a.csv", b"a,b\n", "data.no-rows"),
        ("a.csv", b"a,b,a\n1,2,3\n", "data.duplicate-column"),
        ("a.csv", b"a,b\n\x81\x8d\x90\xff,\xfe\n", "data.encoding"),
        ("a.csv.gz", b"not gzip", "data.unreadable-file"),
        ("a.csv.gz", gzip.compress(b"a,b\n" * 99, mtime=0)[:-9], "data.unreadable-file"),
        ("a.doc", b"a", "data.unknown-format"),
        ("a.parquet", b"PAR1 no", "data.parquet"),
        ("a.parquet.gz", b"", "data.unknown-format"),
        ("a.json", b"", "data.json"),
        ("a.json", b"{", "data.json"),
        ("a.json", b"3", "data.json-shape"),
        ("a.json", b"[1]", "data.json-shape"),
        ("a.json", b'{"a": 1}', "data.json-shape"),
        ("a.json", b"[]", "data.no-rows"),
        ("a.json", b'{"x": {"key": 1}}', "data.duplicate-column"),
        ("a.json", b'[{"a": 1, "a": 2}]', "data.json"),
        ("a.json", b"[" * 100_000, "data.json"),
        ("a.jsonl", b'{"a": 1}\n[2]\n', "data.json-shape"),
        ("a.jsonl", b'{"a": 1}\n\n{"a"\n', "data.json"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    if problem == "data.encoding":
        error = refused(tmp_path, name, content, encoding="utf-8")
    else:
        error = refused(tmp_path, name, content)
    assert [one.id for one in error.problems] == [problem]
    assert (error.problems[0].where or "").startswith(name)


def test_a_damaged_parquet_file_is_refused_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"a": list(range(300)), "b": [str(n) for n in range(300)]}).write_parquet(
        tmp_path / "whole.parquet"
    )
    whole = (tmp_path / "whole.parquet").read_bytes()
    draw, refusals = random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(8):  # the footer is what makes readers stumble
            damaged[-draw.randrange(1, 700)] = draw.randrange(256)
        try:
            read_bytes(tmp_path, "a.parquet", bytes(damaged))
        except DataError as error:
            refusals += error.problems[0].id == "data.parquet"
    assert refusals > 200
    assert capfd.readouterr() == ("", "")


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path, "a.jsonl", b'{"a": 1}\n\n{"a"\n')
    assert error.problems[0].where == "a.jsonl, row 2 (line 3)"


def test_json_keeps_types_and_fills_what_lacks(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"b": None, "c": [1]}]
    expected = {"a": [1, None], "b": ["x", None], "c": [None, [1]]}
    assert cells(read_bytes(tmp_path, "a.json", json.dumps(rows).encode())) == expected
    lines = "\n".join(map(json.dumps, rows)).encode()
    assert cells(read_bytes(tmp_path, "a.jsonl", lines)) == expected
    assert cells(read_bytes(tmp_path, "a.ndjson.gz", gzip.compress(lines))) == expected
    # U+2028 is a line break to Python, and a character to JSON.
    assert cells(read_bytes(tmp_path, "b.jsonl", '{"a": "x\u2028y"}\n'.encode())) == {"a": ["x\u2028y"]}


def test_the_key_of_an_object_of_objects_is_a_column(tmp_path: Path) -> None:
    table = read_bytes(tmp_path, "a.json", b'{"q1": {"a": 1}, "q2": {"a": 2}}')
    assert cells(table) == {"key": ["q1", "q2"], "a": [1, 2]}
    assert table.made == {"key"}


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "x": [0.5, float("nan")],
            "t": ["a", ""],
            "b": [True, False],
            "d": [date(2024, 1, 2), None],
            "m": [Decimal("1.50"), None],
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    table = read(SourceFile("a.parquet", tmp_path / "a.parquet"), tmp_path / "scratch")
    assert cells(table)["n"] == [1, None]
    assert cells(table)["b"] == [True, False]
    assert cells(table)["d"] == [date(2024, 1, 2), None]
    assert cells(table)["m"] == [1.5, None]
    assert cells(table)["c"] == ["u", "v"]
    assert table.encoding is None


CHINESE = "问题,部门\n医疗保险包括牙科吗？,医疗\n如何更换我的银行卡？,银行\n"
FRENCH = (
    "question,domaine\n"
    + "Où puis-je déclarer un dégât des eaux à l'étage ?,maison\nJ'ai été hospitalisé,santé\n" * 5
)


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gb2312", "gb18030"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (FRENCH, "cp1252", "cp1252"),
        ("saison,n\nété,1\nhiver,2\n", "cp1252", "cp1252"),
        ("año,niño\nseñor,mañana\n", "cp1252", "cp1252"),
        ("größe,straße\nklein,Müllerstraße\n", "cp1252", "cp1252"),
        ("miasto,ulica\nŁódź,Święta\nKraków,Żółta\n", "cp1250", "cp1250"),
        ("город,улица\nМосква,Тверская\n", "cp1251", "cp1251"),
        ("都市,通り\n東京,銀座\n大阪,御堂筋でした\n", "shift_jis", "shift_jis"),
        (FRENCH, "utf-16", "utf-16"),
        # Prices, units and quotation marks beside words, in the encodings that Excel writes.
        ("Straße,Preis\n" + "Hauptstraße,5.00 €\nAm Ölberg,7.00 €\n" * 9, "cp1252", "cp1252"),
        ("n,preis\n" + "1,5.00 €\n2,7.00 €\n" * 9, "cp1252", "cp1252"),
        ("n,temp\n" + "1,5 °C\n2,7 °C\n" * 9, "cp1252", "cp1252"),
        ("n,size\n" + "1,½ m²\n2,7 µm ± 3\n" * 9, "cp1252", "cp1252"),
        ("n,q\n" + "1,I don’t – really…\n2,“£5” for a café\n" * 9, "cp1252", "cp1252"),
        ("n,q\n" + "1,¿Cuánto cuesta?\n2,à la carte où ?\n" * 9, "cp1252", "cp1252"),
        ("n,q\n" + "1,żółw był mały\n2,Łódź że 5 €\n" * 9, "cp1250", "cp1250"),
        ("n,q\n" + "1,gdzie jest moja paczka która miała przyjść 5 €\n" * 99, "cp1250", "cp1250"),
        ("n,q\n" + "1,Žluťoučký kůň\n2,příliš ďábelské ódy\n" * 9, "cp1250", "cp1250"),
        ("n,q\n" + "1,и я в Москве № 3\n2,с ним и она\n" * 9, "cp1251", "cp1251"),
        ("n,q\n" + "1,Το σπίτι μου 5 €\n2,η γάτα και ο σκύλος\n" * 9, "cp1253", "cp1253"),
        ("n,q\n" + "1,İstanbul'da yağmur yağıyor\n2,şimdi değil ışık\n" * 9, "cp1254", "cp1254"),
        ("n,q\n" + "1,한국어 문장입니다\n2,배송이 늦어요\n" * 9, "euc_kr", "euc_kr"),
        ("n,q\n" + "1,何時に届きますか\n2,返金してください\n" * 9, "shift_jis", "shift_jis"),
    ],
)
def test_the_encoding_is_found_and_stated(tmp_path: Path, text: str, written: str, found: str | None) -> None:
    table = read_bytes(tmp_path, "a.csv", text.encode(written))
    rows = list(csv.reader(io.StringIO(text)))
    assert list(table.columns) == rows[0]
    assert list(zip(*cells(table).values(), strict=True)) == [tuple(row) for row in rows[1:]]
    assert found is None or table.encoding == found
    assert table.encoding is not None


def test_short_chinese_is_gb18030_and_german_that_passes_as_such_is_not(tmp_path: Path) -> None:
    chinese = read_bytes(tmp_path, "a.csv", "品名,价格\n苹果,3\n香蕉,4\n".encode("gb18030"))
    assert (chinese.encoding, cells(chinese)["品名"]) == ("gb18030", ["苹果", "香蕉"])
    content = "Straße,Größe\nMüller,Köln\n".encode("cp1252")
    assert content.decode("gb18030")  # every byte pair is some rare character
    assert cells(read_bytes(tmp_path, "b.csv", content)) == {"Straße": ["Müller"], "Größe": ["Köln"]}


def test_a_stated_encoding_is_used_alone(tmp_path: Path) -> None:
    content = FRENCH.encode("cp1252")
    assert read_bytes(tmp_path, "a.csv", content, encoding="cp1252").encoding == "cp1252"
    problem = refused(tmp_path, "a.csv", content, encoding="utf-8").problems[0]
    assert problem.id == "data.encoding"
    assert "not utf-8: byte 18 does not fit" in problem.found
    marked = read_bytes(tmp_path, "b.csv", b"\xef\xbb\xbfa,b\n1,2\n", encoding="utf-8")
    assert list(marked.columns) == ["a", "b"]


def test_a_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    table = read_bytes(tmp_path, "a.csv", b"text,y\n" + b"x" * 1_000_000 + b",1\n")
    assert len(cells(table)["text"][0]) == 1_000_000
    assert csv.field_size_limit() == before


def test_a_column_without_a_name_is_left_out_and_told(tmp_path: Path) -> None:
    table = read_bytes(tmp_path, "a.csv", b",a,b\n0,1,2\n1,3,4\n")
    assert cells(table) == {"a": ["1", "3"], "b": ["2", "4"]}
    (notice,) = table.notices
    assert (notice.id, notice.values["file"], notice.values["count"]) == ("data.unnamed-column", "a.csv", 1)
    assert "column 1 has no name" in notice.found


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(",;\t|"))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str, str]], separator: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    table = delimited.parse(out.getvalue(), name="a.csv", separator=separator)
    assert list(zip(*table.columns.values(), strict=True)) == rows


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        table = delimited.parse(text, name="a.csv", separator=None)
    except DataError:
        return
    assert all(len(cells) == table.rows for cells in table.columns.values())
