"""Names of classes that a Parquet file states for its numbers, as `datasets` of Hugging Face writes them.

https://huggingface.co/docs/datasets/about_dataset_features: `{"info": {"features": {"label": {"names": […], "_type":
"ClassLabel"}, "tags": {"feature": {"names": […], "_type": "ClassLabel"}, "_type": "List"}}}}`, under `huggingface`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

Names = tuple[str, ...]
_KEY = "huggingface"
_LABEL = "ClassLabel"


def class_names(path: Path) -> dict[str, Names]:
    """Return by column the names of its numbers, from 0 on; none where the file states none, or states nonsense."""
    try:
        stated: Any = json.loads(pl.read_parquet_metadata(path).get(_KEY, "{}"))
        features = stated["info"]["features"].items()
    except (
        ValueError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
        OSError,
        pl.exceptions.PolarsError,
    ):
        return {}
    found = {unicodedata.normalize("NFC", column): _names(feature) for column, feature in features}
    return {column: names for column, names in found.items() if names}


def _names(feature: object) -> Names:
    if isinstance(feature, list) and len(feature) == 1:  # how lists were written first
        (feature,) = feature
    if isinstance(feature, Mapping) and isinstance(inner := feature.get("feature"), Mapping):
        feature = inner
    if not isinstance(feature, Mapping) or feature.get("_type") != _LABEL:
        return ()
    names: Any = feature.get("names")
    are_names = isinstance(names, list) and all(isinstance(one, str) and one.strip() for one in names)
    return tuple(names) if are_names and len(set(names)) == len(names) else ()


def with_names(cells: pl.Series, names: Sequence[str]) -> pl.Series:
    """Return a column of numbers, or of lists of them, by their names.

    -1 says that there is none; what has no name stays a number.
    """
    known = dict(enumerate(names))
    if cells.dtype.is_integer():
        found = [None if one is None or one == -1 else known.get(one, str(one)) for one in cells.to_list()]
        return pl.Series(cells.name, found, dtype=pl.String)
    if isinstance(cells.dtype, pl.List) and cells.dtype.inner.is_integer():
        lists = [
            None if one is None else [known.get(i, str(i)) for i in one if i is not None]
            for one in cells.to_list()
        ]
        return pl.Series(cells.name, lists, dtype=pl.List(pl.String))
    return cells
