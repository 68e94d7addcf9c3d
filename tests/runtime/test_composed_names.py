"""A name is the same name in both forms of Unicode, wherever it comes from: macOS and some clients send o and dots."""

import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.messages import DataError, RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.http.v2.tensors import rows_of
from modelwright.runtime.row_reader import RowReader
from modelwright.tables import objects
from modelwright.tables.parquet import read_parquet

SIGNATURE = Signature.parse("bewerte(größe: number, été: number?) -> ort: category")
NAME = "größe"
WRITTEN = unicodedata.normalize("NFD", NAME)


def lines(text: str) -> list[Any]:
    return list(objects.read_lines(text.split("\n"), name="a.jsonl"))


def parquet(folder: Path, *names: str) -> list[str]:
    file = folder / "a.parquet"
    pl.DataFrame({name: [1.0] for name in names}).write_parquet(file)
    return [name for frame in read_parquet(file, name="a.parquet", rows=9) for name in frame.columns]


def test_a_row_is_read_by_either_form() -> None:
    reader = RowReader(SIGNATURE)
    assert WRITTEN != NAME
    assert reader.read({WRITTEN: 3.0}) == reader.read({NAME: 3.0}) == (3.0, None)
    with pytest.raises(RequestError):  # neither is meant
        reader.read({WRITTEN: 3.0, NAME: 3.0})
    with pytest.raises(RequestError):
        reader.read({"gros": 3.0, unicodedata.normalize("NFD", "été"): 1.0})


def test_a_tensor_is_named_in_either_form() -> None:
    tensor = {"name": WRITTEN, "datatype": "FP64", "shape": [1], "data": [3.0]}
    assert rows_of(SIGNATURE.inputs, [tensor], b"", 9) == [{NAME: 3.0}]


def test_columns_of_json_and_parquet_are_named_as_those_of_a_header_are(tmp_path: Path) -> None:
    assert list(lines(f'{{"{WRITTEN}": 1}}')[0]) == [NAME]
    assert list(objects.read_rows(f'[{{"{WRITTEN}": 1}}]', name="a.json").rows[0]) == [NAME]
    assert "key" in objects.read_rows(f'{{"a": {{"{WRITTEN}": 1}}}}', name="a.json").rows[0]
    assert parquet(tmp_path, "a", WRITTEN) == ["a", NAME]


def test_two_forms_of_one_name_are_two_columns_of_one_name(tmp_path: Path) -> None:
    for both in (
        lambda: lines(f'{{"{WRITTEN}": 1, "{NAME}": 2}}'),
        lambda: objects.read_rows(f'[{{"{WRITTEN}": 1, "{NAME}": 2}}]', name="a.json"),
        lambda: parquet(tmp_path, WRITTEN, NAME),
    ):
        with pytest.raises(DataError) as error:
            both()
        assert NAME in unicodedata.normalize("NFC", error.value.problems[0].found)
