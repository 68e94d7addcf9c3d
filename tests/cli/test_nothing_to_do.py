"""A run with nothing to do: answered from the stamp, with the same result, loading next to nothing."""

import json
import shutil
import subprocess
import sys

import pytest

from modelwright.cli import nothing_to_do
from modelwright.cli.main import answer
from modelwright.core.messages import Phrase
from modelwright.engine import stamp
from modelwright.project.loop import last_run
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.table_rows import CACHED, RequirementRow, StageRow

ROW = RequirementRow("size <= 60 MB", "size", "<= 60 MB", "package", 91e6, 91e6, 91e6, 1, "unmet", unit="B")
RESULT = RunResult(
    "f",
    4,
    "ab" * 32,
    (StageRow("learn", "done", 95.0, "new"), StageRow("release", "failed", 0.1, "held back")),
    (ROW,),
    next_steps=("raise the bar",),
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    file = tmp_path / "modelwright.yaml"
    file.write_text("function: f\n")
    before = stamp.take(stamp.Watch(contents=(file,)))
    place = last_run.place(file)
    place.parent.mkdir()
    kept = last_run.kept_result(RESULT)
    assert stamp.write(place, last_run.arguments(file, "release", ["a=1"]), before, stamp.Watch(), kept)
    monkeypatch.chdir(tmp_path)
    return file


def test_a_copied_project_does_not_answer_with_the_originals_results(project, tmp_path):
    copied = tmp_path / "copy"
    shutil.copytree(tmp_path, copied, ignore=lambda *_: ["copy"])
    (copied / "modelwright.yaml").write_text("function: another\n")
    assert last_run.read(project, "release", ["a=1"]) is not None
    assert last_run.read(copied / "modelwright.yaml", "release", ["a=1"]) is None


def test_the_result_is_the_same_with_every_stage_cached(project):
    found = last_run.read(project, "release", ["a=1"])
    assert found.stages == (
        StageRow("learn", CACHED, 0.0, str(Phrase("run.unchanged"))),
        StageRow("release", "failed", 0.0, "held back"),
    )
    assert found.requirements == RESULT.requirements
    assert (found.version, found.next_steps, found.exit_code) == (4, ("raise the bar",), 3)


@pytest.mark.parametrize(("to", "settings"), [("learn", ["a=1"]), ("release", []), ("release", ["a=2"])])
def test_other_arguments_are_another_run(project, to, settings):
    assert last_run.read(project, to, settings) is None


def test_a_changed_file_is_another_run(project):
    project.write_text("function: g\n")
    assert last_run.read(project, "release", ["a=1"]) is None


def test_the_command_line_prints_it_and_loads_nothing_heavy(project, capsys):
    program = (
        "import sys; from modelwright.cli.main import answer;"
        "print(answer(['run', '--set', 'a=1', '--json']), *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    shown, loaded = done.stdout.splitlines()
    assert json.loads(shown)["version"] == 4
    assert loaded.startswith("3 ")
    assert not set(loaded.split()) & {"rich", "pydantic", "sqlalchemy", "numpy", "yaml", "torch", "polars"}


@pytest.mark.parametrize(
    "form", [["--set=a=1"], ["--to", "release", "--set", "a=1"], ["--set", "a=1", "--project"]]
)
def test_the_plain_forms_are_answered_at_once(project, form, capsys):
    assert nothing_to_do.answer(["run", *form, *(["."] if form[-1] == "--project" else [])]) == 3
    assert "version 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    "form", [["--force"], ["--from", "plan"], ["--help"], ["--set"], ["--nonsense"], ["x"]]
)
def test_any_other_form_takes_the_long_way(project, form):
    assert nothing_to_do.answer(["run", "--set", "a=1", *form]) is None
    assert nothing_to_do.answer(["check"]) is None
    assert nothing_to_do.answer([]) is None


def test_a_reader_that_leaves_is_no_fault(project):
    command = f"{sys.executable} -m modelwright run --set a=1 | true"
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_force_does_the_work(project, capsys):
    assert answer(["run", "--set", "a=1", "--force"]) == 1, "`function: f` is no project that can be run"
    assert "signature.syntax" in capsys.readouterr().err
