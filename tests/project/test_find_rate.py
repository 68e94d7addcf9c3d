"""`learn --find-rate`: what it proposes on real rows, and that it leaves everything as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tiny_encoder
from test_loop import declared, write_rows

from modelwright import Project, learners
from modelwright.cli import main, rate_screen
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import rising_rate
from modelwright.learners.steps.schedule import RateSchedule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "loans.csv", rows=300)
    return tmp_path


def files(folder: Path) -> dict[str, int]:
    root = folder / ".modelwright"
    kept = [path for part in ("objects", "latest", "scratch", "tmp") for path in (root / part).rglob("*")]
    return {str(path): path.stat().st_mtime_ns for path in kept if path.is_file()}


def project(folder: Path, learner: str = "network", **learn: Any) -> Project:
    file = declared(model={"learner": learner}, learn={"epochs": 2, **learn})
    return Project(file, folder=folder)


def test_it_proposes_a_rate_and_changes_nothing(folder: Path) -> None:
    project(folder).run(to="plan")
    before = files(folder)
    found = project(folder).find_rate()
    assert files(folder) == before
    assert found.learner == "network"
    assert rising_rate.FEWEST // 4 <= len(found.points) <= rising_rate.MOST
    rates = [one.rate for one in found.points]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(rising_rate.LOWEST)
    assert found.rate is not None
    assert 1e-5 < found.rate < 1
    assert found.lines() == [f"learn.learning_rate: {found.rate:g}"]
    json.dumps(found.as_json(), allow_nan=False)
    drawn = rate_screen.chart(found)
    assert max(map(len, drawn)) <= 80
    assert "*" in "".join(drawn)
    assert "".join(drawn).isascii()
    assert [one.loss for one in project(folder).find_rate().points] == [one.loss for one in found.points]


def test_without_a_plan_none_is_kept(folder: Path) -> None:
    found = project(folder).find_rate()
    assert found.points
    assert {path.split("objects/")[1].split("/")[0] for path in files(folder) if "objects/" in path} == {
        "data"
    }


def test_a_learner_without_one_says_so(folder: Path) -> None:
    with pytest.raises(ProjectError, match="has no range test"):
        project(folder, "trees").find_rate()


def test_the_rates_of_encoder_and_heads_rise_together(tmp_path: Path) -> None:
    pretrained = tiny_encoder.save(tmp_path / "tiny")
    spec = learners.spec("finetune")
    setup = Setup(
        "finetune", 8, 8, 1, "float32", "avx2", 0, spec.Options(head_rate=0.01), spec.Training(learning_rate=0.002),
        {"question": pretrained},
    )  # fmt: skip
    rows = Rows(tiny_encoder.routed(60), tiny_encoder.routed(30))
    found = learners.learn("finetune").rates(tiny_encoder.ROUTE, rows, setup, 0.0, Silent())
    assert found is not None
    assert len(found.rates) == len(found.losses) <= rising_rate.FEWEST
    assert found.together == {"model.head_rate": pytest.approx(5.0)}


def test_the_rate_rises_evenly_on_a_logarithmic_scale() -> None:
    schedule = RateSchedule(rises_from=1e-4)
    assert [schedule.share(step, 5) for step in range(5)] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_it_is_drawn_into_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = json.dumps(declared(model={"learner": "network"}, learn={"epochs": 1}))
    (folder / "modelwright.yaml").write_text(file, "utf-8")
    words = ["learn", "--project", str(folder), "--find-rate", "--out"]
    assert main.answer([*words, str(folder / "rates.svg"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    root = ElementTree.parse(folder / "rates.svg").getroot()
    shapes = [one.tag.rpartition("}")[2] for one in root.iter()]
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert shapes.count("circle") == len(found["points"])
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{found['rate']:g}" in texts
    for wrong in (str(folder), str(folder / "rates.png")):
        assert main.answer([*words, wrong]) == 2
    (folder / "folder.svg").mkdir()
    assert main.answer([*words, str(folder / "folder.svg")]) == 2
    assert main.answer(["learn", "--project", str(folder), "--out", "rates.svg"]) == 2
