"""Columns of a part are read from the very file, whatever the folders that it lies in are called."""

import polars as pl
import pytest

from modelwright.storage.formats import examples


@pytest.mark.parametrize("name", ["a=b", "[1]", "a*", "a?", "id=7", "x#y", "100%25", "~", "a\nb"])
def test_folders_are_no_syntax(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    pl.DataFrame({"id": ["1", "2"], "size": [1.0, None]}).write_parquet(folder / examples.ROWS_FILE)
    assert examples.column_names(folder) == ("id", "size")
    assert examples.read_columns(folder, ["id", "size"]) == {"id": ["1", "2"], "size": [1.0, None]}
