"""A run whose learning the clock ends: what is sealed, what the next run does, and how it goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cutting import CutError, Cutting
from test_loop import declared, statuses, write_rows

from modelwright import Project
from modelwright.core.progress import Silent
from modelwright.project.loop import last_run, learning
from modelwright.project.results.run_result import RunResult
from modelwright.stages.learn import learning_time
from modelwright.stages.learn.learning_time import LearningTime, limit_s
from modelwright.storage.formats.plan import Choice

EPOCHS = 3


def project(folder: Path, progress: Silent | None = None, **changes: Any) -> Project:
    file = declared(
        model={"learner": "network"},
        # what a plan times decides neither: two plans of a busy machine may differ, and their bits with them
        learn={"epochs": EPOCHS, "batch": 32, "precision": "float32", "compile": False},
        requirements={"accuracy": ">= 0.1"},
    )
    return Project({**file, **changes}, folder=folder, progress=progress)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "loans.csv", rows=180)
    return tmp_path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Let the time of a learning run out after it was asked so often: `clock["left"] = 3`."""
    left = {"left": 10**9}

    def is_over(self: LearningTime, seconds: float) -> bool:
        left["left"] -= 1
        return left["left"] <= 0

    monkeypatch.setattr(LearningTime, "is_over", is_over)
    return left


def learned(folder: Path, result: RunResult) -> str:
    """Return the digest of what the run reached."""
    assert result.problems == ()
    found = [path for path in (folder / ".modelwright/latest").iterdir() if path.name == "learn.json"]
    assert found
    return str(project(folder)._store.latest("learn").digest)  # type: ignore[union-attr]


def objects(folder: Path, stage: str) -> list[Path]:
    return sorted((folder / ".modelwright/objects" / stage).glob("*"))


def warned(result: RunResult) -> list[str]:
    return [row.id for row in result.warnings if row.id.startswith("learn.")]


def test_the_clock_ends_learning_and_a_run_goes_on_where_it_is_asked_to(
    folder: Path, clock: dict[str, int]
) -> None:
    whole = project(folder).run(to="learn")
    uncut = learned(folder, whole)
    shutil.rmtree(folder / ".modelwright")

    clock["left"] = 5
    first = project(folder).run(to="package")
    assert statuses(first) == dict.fromkeys(["data", "plan", "learn", "package"], "done")
    assert warned(first) == ["learn.cut"]
    said = next(row for row in first.warnings if row.id == "learn.cut")
    assert "step 5 of" in said.text
    assert "loss" in said.text
    assert said.fix is not None
    assert "run --from learn" in said.fix
    plans = [Choice.read(path / "choice") for path in objects(folder, "plan")]
    assert sorted(one.last_steps.get("training", (0, 0))[0] for one in plans) == [0, 5]
    cut = learned(folder, first)
    assert cut != uncut

    # nothing to do, whatever the clock says, and nothing for gc to take
    clock["left"] = 1
    for number in range(2):
        again = project(folder).run(to="package")
        assert statuses(again) == dict.fromkeys(["data", "plan", "learn", "package"], "cached")
        assert warned(again) == ["learn.cut"]
        assert {row.name: row.status for row in project(folder).check().stages}["learn"] == "cached"
        if not number:
            project(folder).gc()
    assert learned(folder, again) == cut

    # killed while it goes on, it goes on from there; then it has never been cut
    with pytest.raises(CutError):
        project(folder, Cutting(4)).run(to="learn", start="learn")
    on = project(folder).run(to="package", start="learn")
    assert learned(folder, on) == uncut
    assert warned(on) == []
    assert next(row.why for row in on.stages if row.name == "learn") == "--from"
    after = project(folder).run(to="package")
    assert statuses(after) == dict.fromkeys(["data", "plan", "learn", "package"], "cached")
    assert learned(folder, after) == uncut


def test_a_kill_at_the_cut_changes_no_bit(folder: Path, clock: dict[str, int], monkeypatch: Any) -> None:
    clock["left"] = 5
    whole = learned(folder, project(folder).run(to="learn"))
    shutil.rmtree(folder / ".modelwright")
    clock["left"] = 5
    follow, begin = learning._follow, learning._begin_from
    for name in ("_follow", "_begin_from"):
        monkeypatch.setattr(learning, name, _dies)
        with pytest.raises(CutError):
            project(folder).run(to="learn")
        monkeypatch.setattr(learning, name, {"_follow": follow, "_begin_from": begin}[name])
    assert learned(folder, project(folder).run(to="learn")) == whole


def _dies(*_: object) -> None:
    raise CutError


def test_a_cut_learning_can_be_kept_and_an_earlier_plan_is_read(folder: Path, clock: dict[str, int]) -> None:
    clock["left"] = 5
    cut = learned(folder, project(folder).run(to="learn"))
    clock["left"] = 1
    kept = project(folder).run(to="learn", keep=["learn"])
    assert learned(folder, kept) == cut
    earlier = json.loads((objects(folder, "plan")[0] / "choice" / "choice.json").read_text("utf-8"))
    del earlier["last_steps"]
    (folder / "choice.json").write_text(json.dumps(earlier), "utf-8")
    assert Choice.read(folder).last_steps == {}


def test_force_learns_from_nothing(folder: Path, clock: dict[str, int]) -> None:
    clock["left"] = 5
    project(folder).run(to="learn")
    clock["left"] = 3
    found = project(folder).run(to="learn", force=True)
    assert "step 3 of" in next(row.text for row in found.warnings if row.id == "learn.cut")


def test_the_stamp_sees_that_a_learning_goes_on(folder: Path, clock: dict[str, int]) -> None:
    file = folder / "modelwright.yaml"
    file.write_text(
        "function: {name: grade, inputs: {income: number, job: category, owner: boolean}, outputs: {risk: category}}\n"
        "requirements: {accuracy: '>= 0.1'}\ndata: {source: loans.csv}\nmodel: {learner: network}\n"
        f"learn: {{epochs: {EPOCHS}, batch: 32}}\nevaluate: {{latency_requests: 100}}\n",
        "utf-8",
    )
    clock["left"] = 5
    Project(file).run(to="learn")
    kept = last_run.read(file, "learn", ())
    assert kept is not None
    assert warned(kept) == ["learn.cut"]
    with pytest.raises(CutError):
        Project(file, progress=Cutting(2)).run(to="learn", start="learn")
    assert last_run.read(file, "learn", ()) is None
    assert warned(Project(file).run(to="learn")) == []


def test_a_member_of_a_blend_is_ended_and_named(folder: Path, clock: dict[str, int]) -> None:
    blend = {"model": {"learner": "blend", "of": ["linear", "network"]}}
    uncut = learned(folder, project(folder, **blend).run(to="learn"))
    shutil.rmtree(folder / ".modelwright")
    clock["left"] = 5
    found = project(folder, **blend).run(to="learn")
    assert warned(found) == ["learn.cut"]
    said = next(row.text for row in found.warnings if row.id == "learn.cut")
    assert "step 5 of" in said
    assert "of `network`; kept is step" in said
    assert learned(folder, found) != uncut
    assert statuses(project(folder, **blend).run(to="learn"))["learn"] == "cached"


def test_a_learner_that_cannot_be_cut_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelwright.stages.learn.stage.limit_s", lambda planned: 0.0)
    found = project(folder, model={"learner": "linear"}, learn={"budget": "1 s"}).run(to="learn")
    assert found.problems == ()
    assert warned(found) == ["learn.not-cut"]


def test_the_limit_leaves_small_budgets_alone() -> None:
    assert limit_s(5.0) == 65.0
    assert limit_s(600.0) == 900.0


def test_time_is_counted_over_processes_and_not_between_them(tmp_path: Path) -> None:
    now = 100.0
    first = LearningTime(tmp_path, lambda: now)
    now += 30.0
    assert first.is_over(30.0)
    now += 1.0
    assert not first.is_over(32.0)  # not written down again so soon
    now = 7.0  # another boot
    second = LearningTime(tmp_path, lambda: now)
    assert second.seconds() == 30.0
    now += 3.0
    assert second.seconds() == 33.0
    (tmp_path / learning_time.NAME).write_text("{")
    assert LearningTime(tmp_path, lambda: now).seconds() == 0.0
