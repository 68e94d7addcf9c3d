"""What verbs answer beside their tables: warnings, next steps, what this machine lacks."""

import dataclasses
import importlib.metadata
import json
from types import SimpleNamespace

import pytest

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Notice, Phrase, Problem, catalog
from modelwright.project.loop import last_run
from modelwright.project.loop.loop import Run
from modelwright.project.results import doctor, stage_warnings
from modelwright.project.results.check_report import CheckReport
from modelwright.project.results.run_notes import next_steps
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.table_rows import WarningRow


@pytest.fixture(autouse=True)
def two_languages(monkeypatch):
    """Add a message, and a second language that has it, to the catalogue."""
    english = {
        **catalog.entries("en"),
        "test.rows": catalog._entry({"found": "{count:,} rows", "next": "look at {column}"}),
    }
    chinese = {"test.rows": catalog._entry({"found": "{count:,} 行", "next": "看 {column}"})}
    monkeypatch.setattr(catalog, "entries", lambda name: {"en": english, "zh": chinese}.get(name, {}))
    monkeypatch.setattr(catalog, "_current", "en")


def sealed(*warnings):
    return SimpleNamespace(stage="data", summary=json.loads(json.dumps({"warnings": warnings})))


def test_a_sealed_warning_is_worded_in_the_language_of_today(monkeypatch):
    artifact = sealed(Notice("test.rows", column="age", count=1200).to_wire())
    (row,) = stage_warnings.warning_rows(artifact)
    assert row == WarningRow("data", "test.rows", "age", 1200, "1,200 rows", "look at age")
    monkeypatch.setattr(catalog, "_current", "zh")
    assert next(stage_warnings.warning_rows(artifact)).text == "1,200 行"


def test_a_warning_of_an_earlier_version_is_a_sentence():
    (row,) = stage_warnings.warning_rows(sealed("three rows are strange"))
    assert (row.id, row.column, row.count, row.fix) == ("warning", None, None, None)
    assert (row.stage, row.text) == ("data", "three rows are strange")


def test_a_text_is_read_in_both_forms():
    assert stage_warnings.worded("as it was") == "as it was"
    assert stage_warnings.worded(Phrase("list.comma").to_wire()) == ", "


def test_warnings_are_listed_for_programs():
    row = WarningRow("data", "test.rows", "age", 3, "3 rows", "look at age")
    wanted = {"id": "test.rows", "column": "age", "count": 3, "fix": "look at age", "text": "3 rows"}
    assert RunResult("f", None, None, (), warnings=(row,)).as_json()["warnings"] == [wanted]
    report = CheckReport(
        "f", "f(x: text) -> y: category", (), (), {}, evaluations=2, warnings=(row,)
    ).as_json()
    assert (report["warnings"], report["evaluations"]) == ([wanted], 2)


def test_a_kept_result_keeps_its_warnings():
    result = RunResult("f", 1, None, (), warnings=(WarningRow("data", "a.b", None, 1, "x", None),))
    kept = json.loads(last_run.kept_result(result).text)
    assert [WarningRow(**row) for row in kept["warnings"]] == list(result.warnings)
    assert set(kept) == {field.name for field in dataclasses.fields(RunResult)}


def verdict(outcome, needed=None):
    return Verdict(SimpleNamespace(), Phase.TEST, None, outcome, needed)


def words(run, to="release"):
    return [str(step).split("  ")[0] for step in next_steps(run, to)]


def test_the_next_steps_follow_from_what_was_found():
    assert words(Run(problems=(Problem("list.comma"),), version=1)) == [str(Phrase("next.fix-and-run"))]
    assert words(Run(version=1)) == ["modelwright show report", "modelwright serve"]
    assert words(Run(version=1), to="evaluate") == ["modelwright show report", "modelwright release"]
    assert words(Run(version=2, instead=1))[1] == "modelwright release --version 2"
    waiting = Run(
        version=1, verdicts=(verdict(Outcome.INCONCLUSIVE, 1200), verdict(Outcome.INCONCLUSIVE, 90))
    )
    assert "1,200 test rows" in words(waiting)[0]
    unmet = Run(version=1, verdicts=(verdict(Outcome.UNMET),))
    assert words(unmet) == words(Run(version=1)), "no advice without a cause"
    assert next(next_steps(unmet, "release", [Phrase("list.comma")])) == Phrase("list.comma")
    held = Run(version=1, released=SimpleNamespace(blocking=(1,)))
    assert words(held) == ["modelwright show report"]


def test_the_doctor_says_what_is_missing(monkeypatch, tmp_path):
    real = importlib.metadata.version

    def version(name):
        if name in ("torch", "uvicorn"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    report = doctor.doctor(tmp_path)
    rows = {row.name: row for row in report.rows}
    assert (rows["uvicorn"].state, rows["uvicorn"].next_step) == (
        "missing",
        "pip install 'modelwright[serve]'",
    )
    assert (rows["torch"].state, rows["torch"].next_step) == ("note", "pip install 'modelwright[learn]'")
    assert rows["onnxruntime"].state == "ok"
    assert len(report.rows) == len(rows), "no library is listed twice"
    assert report.exit_code == 1


def test_little_disk_is_missing_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    (row,) = [row for row in doctor.doctor(tmp_path).rows if "gc" in row.next_step]
    assert (row.state, row.found) == ("missing", "1 GB")
