"""What `explain` answers, as JSON, as a screen and as a picture."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from file_bodies import picture, picture_body
from PIL import Image
from rich.console import Console
from tiny_serving import linear_body, sealed

from modelwright.cli.screens import screen
from modelwright.core.messages import DataError
from modelwright.project.explained.explain_report import ExplainReport
from modelwright.project.explained.explanations import explanation
from modelwright.runtime.function import Function, load

PHOTO = picture(60)
ROW = {"photo": PHOTO, "height": 12.5, "marks": frozenset({"new", "7"})}


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Function:
    return load(sealed(picture_body(), tmp_path_factory.mktemp("explained") / "package"))


@pytest.fixture(scope="module")
def report(measure: Function, tmp_path_factory: pytest.TempPathFactory) -> ExplainReport:
    return explanation(measure, 3, ROW, out=tmp_path_factory.mktemp("out") / "heat.png")


def test_the_report_is_json_without_the_file(report: ExplainReport) -> None:
    found = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert (found["function"], found["version"], found["method"], found["orders"]) == (
        "measure",
        3,
        "exact",
        None,
    )
    (output,) = found["outputs"]
    assert output["score_is"] == "probability"
    assert output["labels"] == [output["value"]]
    photo, height, marks = output["inputs"]
    assert photo["value"] == {"sha256": hashlib.sha256(PHOTO).hexdigest(), "bytes": len(PHOTO)}
    assert (height["value"], height["instead"]) == (12.5, None)
    assert marks["value"] == ["7", "new"]
    assert photo["share"] + height["share"] + marks["share"] == pytest.approx(
        output["score"] - output["base"]
    )
    assert set(output["parts"]) == {"photo", "marks"}
    assert any("`marks`" in note for note in found["notes"]), "training never showed `new`"


def test_the_picture_is_one(report: ExplainReport) -> None:
    assert report.picture is not None
    image = Image.open(io.BytesIO(Path(report.picture).read_bytes()))
    assert image.format == "PNG"
    assert image.size[0] * 16 == image.size[1] * 24, "the shape is that of the picture"


def test_the_screen_says_it_all(report: ExplainReport) -> None:
    out = io.StringIO()
    screen(report, Console(file=out, width=100))
    text = out.getvalue()
    for word in (
        "with probability",
        "contribution",
        "PNG 24 × 16",
        "By part of `photo`",
        "urgent",
        "heat.png",
    ):
        assert (word in text) is (word != "urgent"), (word, text)
    assert "±" not in text.split("By part")[0].split("\n", 3)[3], "all is exact"


def test_what_cannot_be_drawn_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    function = load(sealed(linear_body(), tmp_path / "package"))
    out = tmp_path / "heat.png"
    with pytest.raises(DataError) as error:
        explanation(function, 1, {"height": 1.0, "width": 2.0}, out=out)
    assert [one.id for one in error.value.problems] == ["explain.no-picture"]
    assert not out.exists()
    with pytest.raises(DataError) as error:
        explanation(function, 1, {"height": 1.0, "width": 2.0}, orders=1)
    assert [one.id for one in error.value.problems] == ["explain.orders"]
