"""A frame of pandas is read as a table: its gaps, its own types, and the forms of the training data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from every_kind import every_kind
from tiny_serving import sealed

from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.kinds.shared.numbers import NumberForm
from modelwright.runtime.data_frames import is_frame, rows_of
from modelwright.runtime.function import load

ROW = {"n": 1234.5, "b": True, "c": "no", "d": "2000-12-31", "t": ["big"]}


class DataFrame:
    """What of pandas' DataFrame is used, where pandas is not installed."""

    def __init__(self, columns: dict[str, Sequence[Any]]) -> None:
        self.columns = list(columns)
        self._columns = list(columns.values())

    def __len__(self) -> int:
        return len(self._columns[0])

    def isna(self) -> Any:
        """Return which cells are nothing."""
        gaps = [[cell is None or cell != cell for cell in column] for column in self._columns]
        return SimpleNamespace(to_numpy=lambda: np.array(gaps).T)

    @property
    def iloc(self) -> Any:
        """Return what gives a column by its place."""
        outer = self

        class _Columns:
            def __getitem__(self, key: tuple[slice, int]) -> Any:
                return SimpleNamespace(tolist=lambda: list(outer._columns[key[1]]))

        return _Columns()


@pytest.fixture
def frame_class(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return pandas' own class, or what stands for it."""
    try:
        import pandas
    except ImportError:
        module = ModuleType("pandas")
        module.DataFrame = DataFrame  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pandas", module)
        return DataFrame
    return pandas.DataFrame


def test_a_frame_of_pandas_is_answered_as_rows_are(frame_class: Any, tmp_path: Path) -> None:
    settled = {
        "n": SettledCells(numbers=(NumberForm(",", "."),)),
        "d": SettledCells(dates=("%d.%m.%Y",)),
        "t": SettledCells(tag_separator="|"),
    }
    function = load(sealed(every_kind(), tmp_path / "p", settled=settled))
    frame = frame_class(
        {"n": ["1.234,5"], "b": ["yes"], "c": ["no"], "d": ["31.12.2000"], "t": ["big"], "more": [1]}
    )
    assert is_frame(frame)
    assert function.predict(frame) == function.predict([ROW])


def test_gaps_of_pandas_are_missing(frame_class: Any) -> None:
    frame = frame_class({"n": [1.5, float("nan")], "c": ["no", None]})
    assert rows_of(frame) == [{"n": 1.5, "c": "no"}, {"n": None, "c": None}]
