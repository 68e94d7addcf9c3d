"""Small real data as examples, for the tests of learners: bundled with scikit-learn, or in the mirror."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sklearn import datasets

from modelwright.core.signature import Field, Signature
from modelwright.storage.formats.examples import Examples

MIRROR = Path(os.environ.get("MODELWRIGHT_MIRROR", Path(__file__).parents[3] / "shared" / "data"))


def mirrored(name: str) -> Path:
    """Return a file of the mirror; skips the test by name where it is not there."""
    path = MIRROR / name
    if not path.exists():
        pytest.skip(f"needs {name} below MODELWRIGHT_MIRROR")
    return path


def signature(name: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> Signature:
    """Return a signature from names and kinds."""
    return Signature(
        name,
        tuple(Field(one, kind) for one, kind in inputs.items()),
        tuple(Field(one, kind) for one, kind in outputs.items()),
    )


def examples(columns: Mapping[str, Sequence[Any]]) -> Examples:
    """Return columns as examples with counted ids."""
    rows = len(next(iter(columns.values())))
    return Examples([f"row-{row}" for row in range(rows)], columns)


def parted(data: Examples) -> tuple[Examples, Examples]:
    """Return training and validation: every fourth row validates."""
    train = [row for row in range(len(data)) if row % 4]
    held = [row for row in range(len(data)) if row % 4 == 0]
    return taken(data, train), taken(data, held)


def taken(data: Examples, rows: Sequence[int]) -> Examples:
    """Return some rows."""
    columns = {name: [values[row] for row in rows] for name, values in data.columns.items()}
    return Examples([data.ids[row] for row in rows], columns)


def iris() -> tuple[Signature, Examples]:
    """Return 150 flowers: four numbers → one of three species."""
    bunch = datasets.load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    columns: dict[str, Sequence[Any]] = {name: bunch.data[:, i].tolist() for i, name in enumerate(names)}
    columns["species"] = [str(bunch.target_names[label]) for label in bunch.target]
    return signature("iris", dict.fromkeys(names, "number"), {"species": "category"}), examples(columns)


def patients() -> tuple[Signature, Examples]:
    """Return 442 diabetes patients, outputs of three kinds; every seventh blood pressure is missing."""
    bunch = datasets.load_diabetes(scaled=False)
    columns: dict[str, Sequence[Any]] = {
        "age": bunch.data[:, 0].tolist(),
        "male": [bool(code == 2) for code in bunch.data[:, 1]],
        "bmi": bunch.data[:, 2].tolist(),
        "pressure": [None if row % 7 == 0 else value for row, value in enumerate(bunch.data[:, 3].tolist())],
        "cholesterol_group": [("low", "middle", "high")[min(2, int(v // 80))] for v in bunch.data[:, 4]],
        "progression": bunch.target.tolist(),
        "worse": [bool(value > 140) for value in bunch.target],
        "group": ["slow" if value < 100 else "fast" for value in bunch.target],
    }
    made = Signature(
        "foresee",
        (
            Field("age", "number"),
            Field("male", "boolean"),
            Field("bmi", "number"),
            Field("pressure", "number", optional=True),
            Field("cholesterol_group", "category"),
        ),
        (Field("progression", "number"), Field("worse", "boolean"), Field("group", "category")),
    )
    return made, examples(columns)


def german_credit() -> tuple[Signature, Examples]:
    """Return 1,000 loans: 7 numbers and 13 categories → good or bad (UCI Statlog, german.data)."""
    rows = [line.split() for line in mirrored("german_credit/german.data").read_text("ascii").splitlines()]
    inputs: dict[str, str] = {}
    columns: dict[str, Sequence[Any]] = {}
    for place in range(20):
        cells = [row[place] for row in rows]
        coded = cells[0].startswith("A")
        inputs[f"a{place}"] = "category" if coded else "number"
        columns[f"a{place}"] = cells if coded else [float(cell) for cell in cells]
    columns["bad"] = [row[20] == "2" for row in rows]
    return signature("risk", inputs, {"bad": "boolean"}), examples(columns)


def bank_marketing() -> tuple[Signature, Examples]:
    """Return 41,188 calls → subscribed or not, without `duration`, which is only known afterwards."""
    path = mirrored("bank_marketing/bank-additional-full.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    inputs: dict[str, str] = {}
    columns: dict[str, Sequence[Any]] = {}
    for name in rows[0]:
        cells = [row[name] for row in rows]
        if name in {"duration", "y"}:
            continue
        field = name.replace(".", "_")
        coded = any(letter.isalpha() for letter in cells[0])
        inputs[field] = "category" if coded else "number"
        columns[field] = (
            [None if cell == "unknown" else cell for cell in cells] if coded else [float(c) for c in cells]
        )
    columns["subscribed"] = [row["y"] for row in rows]
    return signature("campaign", inputs, {"subscribed": "category"}), examples(columns)


def questions(rows: int = 60) -> tuple[Signature, Examples]:
    """Return questions of insurance customers → one of the two domains with the most (insuranceqa_data)."""
    spec = importlib.util.find_spec("insuranceqa_data")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package insuranceqa_data")
    with gzip.open(Path(spec.origin).with_name("valid.json.gz"), "rt", encoding="utf-8") as file:
        found = list(json.load(file).values())
    wanted = ("medicare-insurance", "auto-insurance")
    chosen = [one for one in found if one["domain"] in wanted][:rows]
    columns = {"question": [one["en"] for one in chosen], "domain": [one["domain"] for one in chosen]}
    assert set(columns["domain"]) == set(wanted)
    return signature("route", {"question": "text"}, {"domain": "category"}), examples(columns)
