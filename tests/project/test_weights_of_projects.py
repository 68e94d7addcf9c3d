"""A project that makes weights, and another that starts from them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_encoder
import yaml

from modelwright import Project
from modelwright.core.messages import ProjectError
from modelwright.project.declaration import project_file


def _project(folder: Path, declared: dict[str, object]) -> Project:
    """Return the project of a file in a folder, as others name it."""
    (folder / "modelwright.yaml").write_text(json.dumps(declared))
    return Project(folder)


def _write(path: Path, rows: int, *, labels: bool) -> None:
    found = tiny_encoder.routed(rows).columns
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "domain"] if labels else ["question"])
        for number, (text, domain) in enumerate(zip(found["question"], found["domain"], strict=True)):
            row = f"{text} {number}"
            writer.writerow([row, domain] if labels else [row])


TEXTS = {
    "function": "read(question: text)",
    "data": {"source": "rows.csv"},
    "model": {"learner": "pretrain"},
    "learn": {"epochs": 1},
}
FEW = {
    "function": "route(question: text) -> domain: category",
    "data": {"source": "rows.csv"},
    "model": {"learner": "probe", "pretrained": "../texts"},
    "learn": {"budget": "5 s"},
}


def test_a_project_without_outputs_ends_at_learn_and_another_starts_from_it(tmp_path: Path) -> None:
    _write(tmp_path / "texts" / "rows.csv", 120, labels=False)
    _write(tmp_path / "few" / "rows.csv", 90, labels=True)
    texts = _project(tmp_path / "texts", TEXTS)
    assert [one.name for one in texts.check().stages] == ["data", "plan", "learn"]
    few = Project(FEW, folder=tmp_path / "few")
    assert "has learned nothing yet" in str(few.run(to="learn").problems[0])
    made = texts.run()
    assert [(one.name, one.status) for one in made.stages] == [
        ("data", "cached"),
        ("plan", "done"),
        ("learn", "done"),
    ]
    assert (made.version, made.problems, made.exit_code) == (None, (), 0)
    assert any("pretrained" in step for step in made.next_steps)
    assert [one.status for one in texts.run().stages] == ["cached"] * 3

    started = Project(FEW, folder=tmp_path / "few").run(to="package")
    assert not started.problems
    assert [one.status for one in Project(FEW, folder=tmp_path / "few").run(to="package").stages] == [
        "cached"
    ] * 4

    # other weights: what starts from them is learned again, and says why
    _project(tmp_path / "texts", {**TEXTS, "learn": {"epochs": 2}}).run()
    again = Project(FEW, folder=tmp_path / "few").run(to="learn")
    assert [one.status for one in again.stages] == ["cached", "done", "done"]
    assert "pretrained" in again.stages[1].why


@pytest.mark.parametrize("verb", ["release", "serve", "input_names"])
def test_what_is_no_version_is_not_released_served_or_called(tmp_path: Path, verb: str) -> None:
    with pytest.raises(ProjectError, match="nothing to package"):
        getattr(Project(TEXTS, folder=tmp_path), verb)()


@pytest.mark.parametrize("to", ["package", "evaluate"])
def test_weights_are_not_packaged(tmp_path: Path, to: str) -> None:
    _write(tmp_path / "rows.csv", 30, labels=False)
    with pytest.raises(ProjectError, match="nothing to package"):
        Project(TEXTS, folder=tmp_path).run(to=to)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"learner": "probe"}}, "there is no `->`"),
        ({"model": {}}, "there is no `->`"),
        ({"requirements": {"latency_p95": "<= 5 ms"}}, "cannot be measured"),
        ({"function": "read(question: text) -> domain: category"}, "makes weights for other functions"),
        ({"function": "read() "}, "the function has no input"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, change: dict[str, object], said: str) -> None:
    _write(tmp_path / "rows.csv", 30, labels=True)
    with pytest.raises(ProjectError, match=said):
        Project({**TEXTS, **change}, folder=tmp_path).check()


def test_a_project_that_answers_gives_no_weights(tmp_path: Path) -> None:
    _write(tmp_path / "texts" / "rows.csv", 90, labels=True)
    _write(tmp_path / "few" / "rows.csv", 90, labels=True)
    _project(tmp_path / "texts", {**FEW, "model": {"learner": "linear"}}).run(to="learn")
    found = Project(FEW, folder=tmp_path / "few").run(to="learn")
    assert "makes no weights: its learner is `linear`" in str(found.problems[0])


@pytest.mark.proof
def test_what_the_page_says_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pretraining.md").read_text("utf-8")
    fenced = page.split("```")[1::2]
    blocks = [block.removeprefix("yaml") for block in fenced if block.startswith("yaml")]
    (commands,) = (block for block in fenced if block.startswith("\n"))
    for block, (name, rows), labels in zip(
        blocks, (("texts", "questions"), ("few", "labelled")), (False, True), strict=False
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "modelwright.yaml").write_text(block)
        _write(tmp_path / name / f"{rows}.csv", 120, labels=labels)
    monkeypatch.chdir(tmp_path)
    for command in commands.strip().splitlines():
        ended = subprocess.run(
            [sys.executable, "-m", *command.split(), "--to", "learn", "--set", "learn.epochs=1"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
    for block in blocks[2:]:
        declared = {"function": "read(question: text)", **yaml.safe_load(block)}
        project_file.from_mapping(declared, (), tmp_path)
