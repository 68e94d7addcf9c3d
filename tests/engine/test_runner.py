from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy_stages
from toy_stages import LOG, learn_step, run_loop, runner_of

from modelwright.core.messages import Problem, StateError
from modelwright.core.progress import Silent
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.runner import Outdated, Runner, Step, StepResult
from modelwright.engine.step_sources import Sources
from modelwright.engine.store import Store


def statuses(outcomes: list[StepResult]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_what_is_sealed_is_not_made_again(tmp_path: Path) -> None:
    log = tmp_path / LOG
    first = run_loop(runner_of(tmp_path / "store"), log=log)
    assert statuses(first) == ["done"] * 3
    assert [outcome.why for outcome in first] == ["first run"] * 3
    again = run_loop(runner_of(tmp_path / "store"), log=log)
    assert statuses(again) == ["cached"] * 3
    assert [outcome.why for outcome in again] == [""] * 3
    assert [a.artifact for a in again] == [a.artifact for a in first]
    assert log.read_text().split() == ["data", "plan", "learn"]
    assert not list((tmp_path / "store" / "scratch").glob("*/*"))
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_why_says_what_changed(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    run_loop(runner)
    epochs = run_loop(runner, epochs=4)
    assert (epochs[2].status, epochs[2].why) == ("done", "config `learn.epochs` 3 → 4")
    rows = run_loop(runner, rows=41, epochs=4)
    assert [outcome.why for outcome in rows] == [
        "config `data.rows` 40 → 41",
        "input train changed",
        "input plan changed" if rows[1].sealed.digest != epochs[1].sealed.digest else "input train changed",
    ]
    back = run_loop(runner)
    assert statuses(back) == ["cached"] * 3


def test_foretelling_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    _, plan, learn = run_loop(runner)
    train = runner.store.artifacts()[0].part("train")
    same, other = (learn_step(plan.sealed, train, epochs) for epochs in (3, 4))
    assert runner.forecast(same).artifact == learn.artifact
    assert not runner.forecast(same).would_run
    assert runner.forecast(same, forced_by="--force").why == "--force"
    told = runner.forecast(other)
    assert (told.would_run, told.why, told.artifact) == (True, "config `learn.epochs` 3 → 4", None)
    assert runner.store.find("learn", told.key) is None
    made = runner.run(other)
    assert (made.why, made.sealed.key) == (told.why, told.key)


def test_a_later_stage_depends_on_the_part_that_it_reads_alone(tmp_path: Path) -> None:
    def other_test(out: Path, rows: int) -> Mapping[str, Any]:
        summary = toy_stages.toy_data(out, rows)
        (out / "test" / "rows.json").write_text("[]")
        return summary

    other_test.__module__ = "toy_stages"
    runner = runner_of(tmp_path / "store")
    data, plan, _ = run_loop(runner)
    changed = runner.run(Step("data", other_test, config={"other": True}, arguments={"rows": 40})).sealed
    assert changed.digest != data.sealed.digest
    again = runner.run(Step("plan", toy_stages.toy_plan, inputs={"train": changed.part("train")}))
    assert (again.status, again.sealed) == ("cached", plan.sealed)


def test_libraries_code_and_files_are_in_the_key(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    step = Step("data", toy_stages.toy_data, arguments={"rows": 4})
    key = runner.forecast(step).key
    (tmp_path / "rows.csv").write_text("1")
    with_file = replace(step, sources=Sources(files={"source": tmp_path / "rows.csv"}))
    read = runner.forecast(with_file).key
    assert read != key
    (tmp_path / "moved.csv").write_text("1")
    moved = replace(step, sources=Sources(files={"source": tmp_path / "moved.csv"}))
    assert runner.forecast(moved).key == read, "content and name count, not the place"
    (tmp_path / "rows.csv").write_text("2")
    assert runner.forecast(with_file).key != read
    elsewhere = Sources(environment=("X",), facts=("machine",), databases=(tmp_path / "a.db",))
    assert runner.forecast(replace(step, sources=elsewhere)).key == key, "these are for the stamp alone"
    assert runner.forecast(replace(step, code=("modelwright.core.evidence.measurement",))).key != key
    assert runner.forecast(replace(step, arguments={"rows": 5})).key == key
    assert list(runner.made_from(step).code) == ["toy_stages"]
    assert "python" in runner.made_from(step).libraries


def test_damage_is_made_again_and_said(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    learn = run_loop(runner)[2].sealed
    (learn.path / "weights.json").unlink()
    again = run_loop(runner)
    assert statuses(again) == ["cached", "cached", "done"]
    assert again[2].why == "the sealed result is damaged: weights.json is missing"
    assert again[2].artifact == learn
    assert runner.store.verify(learn) == ()


def test_a_removed_result_is_made_again_and_said(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    learn = run_loop(runner)[2].sealed
    learn.path.rename(tmp_path / "away")
    assert run_loop(runner)[2].why == "the sealed result was removed"


def test_force_makes_it_again_from_nothing(tmp_path: Path) -> None:
    log = tmp_path / LOG
    runner = runner_of(tmp_path / "store")
    first = run_loop(runner, log=log)
    forced = run_loop(runner, log=log, forced_by="--from")
    assert statuses(forced) == ["cached", "cached", "done"]
    assert forced[2].why == "--from"
    assert forced[2].artifact == first[2].artifact
    assert log.read_text().split() == ["data", "plan", "learn", "learn"]


def test_a_forced_run_does_not_resume_what_its_scratch_folder_holds(tmp_path: Path) -> None:
    """A checkpoint of a run that was killed may be what it is forced for."""
    runner = runner_of(tmp_path / "store")
    learn = run_loop(runner)[2].sealed
    left = runner.store.scratch("learn", learn.key) / "checkpoint.json"
    left.write_text('{"step": 30, "sum": 1e6}')
    forced = run_loop(runner, forced_by="--force")[2]
    assert forced.sealed.digest == learn.digest
    assert forced.sealed.summary == learn.summary
    assert not left.exists(), "what is sealed needs no scratch folder"
    learn.path.rename(tmp_path / "away")
    (runner.store.scratch("learn", learn.key) / "checkpoint.json").write_text('{"step": 30, "sum": 1e6}')
    assert run_loop(runner)[2].sealed.summary != learn.summary, "unforced, it resumes"


# -- what comes before ---------------------------------------------------------------------------------------


def test_before_is_called_once_right_before_the_function_and_for_nothing_else(tmp_path: Path) -> None:
    said: list[str] = []

    def stage(out: Path) -> Mapping[str, Any]:
        said.append("function")
        return {}

    runner = Runner(Store(tmp_path / "store"), Fingerprint())
    step = Step("data", stage, before=lambda: said.append("before"))
    runner.forecast(step)
    assert said == []
    runner.run(step)
    runner.run(step)
    assert said == ["before", "function"]


def test_a_step_that_is_outdated_makes_nothing_and_is_not_heard_of(tmp_path: Path) -> None:
    def outdated() -> None:
        raise Outdated

    heard: list[StepResult] = []
    runner = Runner(Store(tmp_path / "store"), Fingerprint(), listen=heard.append)
    step = Step("fails", failing, before=outdated)
    with pytest.raises(Outdated):
        runner.run(step)
    assert heard == []
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_what_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    def refuse(found: Artifact) -> None:
        assert found.summary == {"rows": 40}
        raise StateError(Problem("store.other-layout", stage="data", part="train"))

    runner = runner_of(tmp_path / "store")
    run_loop(runner)
    step = Step("data", toy_stages.toy_data, config={"other": 1}, arguments={"rows": 40}, readable=refuse)
    with pytest.raises(StateError) as caught:
        runner.run(step, keep=True)
    assert caught.value.problems[0].id == "store.other-layout"


def test_results_that_are_not_recorded_are_not_what_a_stage_made_last(tmp_path: Path) -> None:
    run_loop(runner_of(tmp_path / "store", records_latest=False))
    assert Store(tmp_path / "store").latest("learn") is None
    run_loop(runner_of(tmp_path / "store"))
    assert Store(tmp_path / "store").latest("learn") is not None


def failing(scratch: Path, out: Path) -> Mapping[str, Any]:
    (out / "half").write_text("1")
    (scratch / "kept").write_text("1")
    raise RuntimeError("no luck")


def test_a_failed_stage_seals_nothing_and_leaves_its_scratch(tmp_path: Path) -> None:
    heard: list[StepResult] = []
    runner = Runner(Store(tmp_path / "store"), Fingerprint(), listen=heard.append)
    step = Step("fails", failing)
    with pytest.raises(RuntimeError, match="no luck"):
        runner.run(step)
    assert [(o.status, o.why, o.artifact) for o in heard] == [("failed", "first run", None)]
    key = runner.forecast(step).key
    assert runner.store.find("fails", key) is None
    assert (runner.store.scratch("fails", key) / "kept").exists()
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_a_forced_run_that_fails_leaves_the_sealed_result(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    data, plan, learn = run_loop(runner)
    step = learn_step(plan.sealed, data.sealed.part("train"), 3)
    broken = replace(step, arguments={**step.arguments, "log": tmp_path})  # a folder: cannot be written to
    with pytest.raises(IsADirectoryError):
        runner.run(broken, forced_by="--force")
    assert runner.store.verify(learn.sealed) == ()
    assert runner.run(step).status == "cached"


# -- keep ----------------------------------------------------------------------------------------------------


def test_keep_adopts_the_latest_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / LOG
    runner = runner_of(tmp_path / "store")
    first = run_loop(runner, log=log)[2].sealed
    kept = run_loop(runner, epochs=4, keep=True, log=log)[2]
    assert (kept.status, kept.why) == ("cached", "kept: config `learn.epochs` 3 → 4")
    assert (kept.sealed.digest, kept.sealed.adopted_from) == (first.digest, first.key)
    assert kept.sealed.key != first.key
    assert run_loop(runner, epochs=4, log=log)[2].artifact == kept.artifact
    assert log.read_text().split() == ["data", "plan", "learn"]


def test_there_must_be_something_to_keep(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    with pytest.raises(StateError) as caught:
        run_loop(runner, keep=True)
    assert caught.value.problems[0].id == "store.nothing-to-keep"


# -- our own bugs --------------------------------------------------------------------------------------------


def test_parameters_that_do_not_fit_are_our_bugs(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    for arguments, words in [
        ({}, "not given {'rows'}"),
        ({"rows": 1, "other": 2}, "takes no {'other'}"),
        ({"rows": 1, "out": 2}, "the runner's to give"),
    ]:
        with pytest.raises(AssertionError, match=words):
            runner.run(Step("data", toy_stages.toy_data, arguments=arguments))


def test_an_input_that_is_gone_is_a_message(tmp_path: Path) -> None:
    runner = runner_of(tmp_path / "store")
    data, plan, _ = run_loop(runner)
    step = learn_step(plan.sealed, data.sealed.part("train"), 9)
    (data.sealed.path / "test" / "rows.json").unlink()
    with pytest.raises(StateError) as caught:
        runner.run(step)
    assert caught.value.problems[0].id == "store.input-gone"


# -- two processes -------------------------------------------------------------------------------------------


class Told(Silent):
    def __init__(self, act: Any) -> None:
        self.lines: list[str] = []
        self._act = act

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._act()


OTHER = r"""
import os, sys
from pathlib import Path
import toy_stages
from toy_stages import run_loop, runner_of

step = toy_stages.toy_learn
def held(plan, train, out, scratch, epochs, log=None):
    os.write(1, b"inside\n")
    sys.stdin.readline()
    return step(plan, train, out, scratch, epochs, log)
held.__module__ = "toy_stages"
toy_stages.toy_learn = held
run_loop(runner_of(Path(sys.argv[1])), log=Path(sys.argv[2]))
"""


def other(root: Path, log: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(root), str(log)],
        cwd=Path(toy_stages.__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("end", ["it finishes", "it is killed"])
def test_one_process_works_and_the_other_waits(tmp_path: Path, end: str) -> None:
    root, log = tmp_path / "store", tmp_path / LOG
    with other(root, log) as process:
        assert process.stdout.readline() == "inside\n"

        def go_on() -> None:
            if end == "it is killed":
                process.kill()
            else:
                process.stdin.write("\n")
                process.stdin.flush()

        told = Told(go_on)
        outcomes = run_loop(runner_of(root, progress=told), log=log)
    assert len(told.lines) == 1
    assert told.lines[0].startswith(f"learn: waiting for process {process.pid} on ")
    assert statuses(outcomes) == ["cached", "cached", "done" if end == "it is killed" else "cached"]
    assert log.read_text().split() == ["data", "plan", "learn"]


def test_a_function_is_imported_only_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "late_toy.py"
    module.write_text("def late(out):\n    return {'made': True}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    runner = Runner(Store(tmp_path / "s"), Fingerprint())
    step = Step("late", "late_toy:late")
    assert runner.forecast(step).would_run
    assert "late_toy" not in sys.modules
    made = runner.run(step).sealed
    assert made.summary == {"made": True}
    assert list(made.made_from.code) == ["late_toy"]
    del sys.modules["late_toy"]
    assert runner.run(step).status == "cached"
    assert "late_toy" not in sys.modules


# -- progress and time ---------------------------------------------------------------------------------------


def reports(out: Path, progress: Any) -> Mapping[str, Any]:
    with progress.task("adding", total=2) as task:
        task.advance()
    progress.say("half way")
    return {"places": (1, 2)}


def test_a_stage_reports_and_is_timed(tmp_path: Path) -> None:
    told = Told(lambda: None)
    ticks = iter([10.0, 12.5])
    runner = Runner(Store(tmp_path / "s"), Fingerprint(), progress=told, timer=lambda: next(ticks))
    outcome = runner.run(Step("reports", reports))
    assert told.lines == ["half way"]
    assert outcome.seconds == 2.5
    assert outcome.sealed.summary == {"places": [1, 2]}
