"""The command line from outside: exit codes, what is printed where, and how quickly help answers."""

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

import modelwright.project
from modelwright.cli.main import answer
from modelwright.cli.verbs.run_stages import Stage
from modelwright.core.messages import GateError, Problem, ProjectError
from modelwright.project.results.live_results import RowAnswer
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.table_rows import RequirementRow, StageRow, WarningRow

VERBS = ["new", "check", "run", "serve", "data", "plan", "learn", "package", "evaluate", "release", "predict"]
VERBS += [
    "chat",
    "judge",
    "explain",
    "status",
    "monitor",
    "versions",
    "show",
    "diff",
    "rollback",
    "doctor",
    "gc",
    "move",
]
PROBLEM = Problem("project.yaml-tag", where="modelwright.yaml:3", tag="!!set")


class Standing:
    """Stands where `Project` stands: returns or raises what the test says; remembers how it was called."""

    outcome: object = None
    calls: ClassVar[list] = []

    def __init__(self, path, overrides=(), progress=None):
        self.calls.append(("open", path, overrides))

    def __getattr__(self, verb):
        def method(*arguments, **words):
            self.calls.append((verb, arguments, words))
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        return method


@pytest.fixture
def standing(monkeypatch, tmp_path):
    (tmp_path / "modelwright.yaml").write_text("function: f\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(modelwright.project), "Project", Standing)  # found before the real one is loaded
    monkeypatch.setattr(Standing, "calls", [])
    monkeypatch.setattr(Standing, "outcome", None)
    return Standing


def result(verdict="met", problems=()):
    row = RequirementRow(
        "accuracy >= 0.9", "accuracy", ">= 0.9", "test", 0.93, 0.91, 0.95, 500, verdict, unit="%"
    )
    status = "failed" if problems else "done"
    return RunResult(
        "f",
        1,
        "ab" * 32,
        (StageRow("data", status, 1.5, "new"),),
        (row,),
        problems=problems,
        warnings=(WarningRow("data", "data.repeats", None, 12, "12 rows", "look"),),
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_the_common_options_and_explains_itself(verb, capsys):
    assert answer([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert "--json" in said
    assert verb == "new" or ("--project" in said and "--set" in said)


def test_help_lists_every_verb_and_the_first_three_commands(capsys):
    assert answer(["--help"]) == 0
    said = capsys.readouterr().out
    assert [verb for verb in VERBS if f"\n  {verb} " not in said] == []
    assert "modelwright new my-project --from insurance-routing" in said
    assert "..." not in said.replace("[ARGS]...", ""), "no summary is cut off at 80 columns"


def test_doctor_works_without_a_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["doctor"]) == 0
    assert "onnxruntime" in capsys.readouterr().out
    assert answer(["doctor", "--project", "no-such.yaml"]) == 1, "a project that is named must be there"


def test_help_imports_nothing_heavy():
    program = "import sys; import modelwright.cli.verbs, modelwright.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "modelwright.cli.main" in loaded
    assert not loaded & {"rich", "pydantic", "sqlalchemy", "numpy", "yaml", "torch", "polars", "onnxruntime"}


def test_help_is_quick():
    # of the processor, for others may be at work
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "modelwright", "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent_s < 1.0


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (result(), 0),
        (result("unmet"), 3),
        (result("inconclusive"), 3),
        (result("pending"), 0),
        (result(problems=(PROBLEM,)), 1),
        (ProjectError([PROBLEM, PROBLEM]), 1),
        (GateError(PROBLEM), 3),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1),
        (OSError(errno.EFBIG, "File too large"), 1),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), 1),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), 1),  # the working folder is gone
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/ours"), 70),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1),
        (MemoryError(), 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), 1),
        (KeyError("surprise"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(standing, monkeypatch, outcome, code, capsys):
    monkeypatch.setattr(standing, "outcome", outcome)
    assert answer(["run"]) == code
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run", "--nonsense"], ["predict"], ["show"], ["diff", "1"], ["run", "--to", "lern"]],
)
def test_wrong_usage_is_2(standing, arguments, capsys):
    assert answer(arguments) == 2
    assert capsys.readouterr().err


def test_a_problem_is_shown_whole(standing, monkeypatch, capsys):
    monkeypatch.setattr(standing, "outcome", ProjectError(PROBLEM))
    answer(["check"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "there is a YAML tag, `!!set`\n  rule:  the project file holds plain values\n  next:  remove the tag\n"
        "  where: modelwright.yaml:3\n  [project.yaml-tag]\n"
    )


def test_a_problem_as_json(standing, monkeypatch, capsys):
    monkeypatch.setattr(standing, "outcome", ProjectError(PROBLEM))
    answer(["check", "--json"])
    assert json.loads(capsys.readouterr().out) == {"problems": [PROBLEM.as_json()]}


def test_an_internal_error_leaves_a_log_without_the_arguments(standing, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(standing, "outcome", ZeroDivisionError("one over none"))
    assert answer(["run", "--set", "state=postgresql://me:secret@db"]) == 70
    said = capsys.readouterr().err
    (log,) = (tmp_path / ".modelwright" / "logs").iterdir()
    assert str(log) in said
    assert "ZeroDivisionError: one over none" in log.read_text()
    assert "secret" not in log.read_text() + said


def test_run_json_is_the_object_of_the_design(standing, monkeypatch, capsys):
    monkeypatch.setattr(standing, "outcome", result("unmet"))
    assert answer(["run", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {
        "function": "f",
        "signature": None,
        "version": 1,
        "package": "ab" * 32,
        "stages": [{"name": "data", "status": "done", "seconds": 1.5, "why": "new"}],
        "requirements": [
            {
                "requirement": "accuracy >= 0.9",
                "phase": "test",
                "value": 0.93,
                "low": 0.91,
                "high": 0.95,
                "n": 500,
                "verdict": "unmet",
                "needed": None,
                "unjudged": 0,
                "note": "",
                "validation": None,
                "groups": None,
            }
        ],
        "warnings": [{"id": "data.repeats", "column": None, "count": 12, "fix": "look", "text": "12 rows"}],
    }


def test_the_arguments_reach_the_project(standing, monkeypatch, tmp_path):
    monkeypatch.setattr(standing, "outcome", result())
    answer(
        [
            "run",
            "--to",
            "learn",
            "--from",
            "plan",
            "--keep",
            "data",
            "--force",
            "--replan",
            "--set",
            "a=1",
            "--set",
            "b=2",
        ]
    )
    assert standing.calls == [
        ("open", tmp_path / "modelwright.yaml", ("a=1", "b=2")),
        ("run", (), {"to": "learn", "start": "plan", "keep": ("data",), "force": True, "replan": True}),
    ]


def test_the_stages_are_those_of_the_loop():
    from modelwright.project.loop.stage_names import STAGE_NAMES

    assert tuple(Stage) == STAGE_NAMES


def test_a_stage_verb_runs_to_that_stage(standing, monkeypatch):
    monkeypatch.setattr(standing, "outcome", result())
    answer(["evaluate"])
    assert standing.calls[-1] == ("run", (), {"to": "evaluate", "force": False})


def test_without_a_project_the_message_says_how_to_begin(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["run"]) == 1
    assert "modelwright new" in capsys.readouterr().err


def test_predict_answers_words_and_files(standing, monkeypatch, capsys, tmp_path):
    answered = RowAnswer(2, {"domain": {"value": "健康", "confidence": 0.97}})
    monkeypatch.setattr(standing, "outcome", (answered,))
    assert answer(["predict", "question=is a=b?"]) == 0
    assert "健康" in capsys.readouterr().out
    (rows,) = standing.calls[-1][1]
    assert list(rows) == [{"question": "is a=b?"}]
    assert answer(["predict", "--file", "q.csv"]) == 0
    words = {"keep": None, "probabilities": False, "reasons": None, "version": None}
    assert standing.calls[-1] == ("answer_file", (Path("q.csv"),), words)
    assert json.loads(capsys.readouterr().out) == answered.as_json()
    assert answer(["predict", "--file", "q.csv", "--keep", "none", "--probabilities"]) == 0
    assert standing.calls[-1][2] == {"keep": [], "probabilities": True, "reasons": None, "version": None}
    assert answer(["predict", "--file", "q.csv", "--out", "a.xlsx"]) == 1
    assert "--out writes .csv" in capsys.readouterr().err
    assert answer(["predict", "a=1", "--out", "a.csv"]) == 2


def test_predict_takes_the_value_alone_of_a_function_with_one_input(standing, monkeypatch, capsys):
    monkeypatch.setattr(standing, "input_names", lambda self: ("question",), raising=False)
    monkeypatch.setattr(standing, "outcome", (RowAnswer(2, {"domain": {"value": "a", "confidence": 1.0}}),))
    assert answer(["predict", "wake me up"]) == 0
    assert list(standing.calls[-1][1][0]) == [{"question": "wake me up"}]


def test_a_file_with_rows_that_cannot_be_answered_ends_with_1_and_names_them(standing, monkeypatch, capsys):
    sound = RowAnswer(2, {"y": {"value": "a", "confidence": 1.0}}, ("x",), 1, {"id": "7"})
    bad = [
        RowAnswer(2, {}, (), n, {}, (Problem("predict.body-failed", where=f"q.csv, row {n}"),))
        for n in range(2, 40)
    ]
    monkeypatch.setattr(standing, "outcome", (sound, *bad))
    assert answer(["predict", "--file", "q.csv"]) == 1
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["row"] for line in lines] == list(range(1, 40))
    assert (lines[0]["given"], lines[0]["unseen"]) == ({"id": "7"}, ["x"])
    assert lines[1]["errors"][0]["id"] == "predict.body-failed"
    assert "38 of 39 rows could not be answered" in said.err
    assert "q.csv, row 21:" in said.err
    assert "q.csv, row 22:" not in said.err
    assert "18 more" in said.err
    assert "1 of 39 rows have a value of `x`" in said.err


def test_the_output_can_be_cut_off_by_a_pipe():
    """`modelwright --help | head -1` ends without a traceback."""
    command = f"{sys.executable} -m modelwright --help | head -1"
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: modelwright")
    assert "Traceback" not in done.stderr
