"""The loop on a table of real shape: what runs, what is cached, what is held back, and the way back."""

import csv
import json
import random
import shutil

import pytest

from modelwright import Project
from modelwright.core.messages import DataError, MachineError, ProjectError, RequestError, StateError
from modelwright.project import history, packaged_function
from modelwright.project.loop import loop
from modelwright.stages.release.stage import release
from modelwright.storage import locks, read_only

JOBS = ("builder", "clerk", "nurse", "teacher")
ROWS = 900


def write_rows(path, rows=ROWS, flip=None):
    """Write loans whose risk follows income and job; `flip` corrects the label of one row by number."""
    chance = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["income", "job", "owner", "risk"])
        for number in range(rows):
            income, job = round(chance.gauss(50, 15), 2), chance.choice(JOBS)
            bad = income < 40 or (job == "clerk" and income < 55)
            if number == flip:
                bad = not bad
            writer.writerow([income, job, chance.choice(["yes", "no"]), "bad" if bad else "good"])


def declared(**changes):
    project = {
        "function": {
            "name": "grade",
            "inputs": {"income": "number", "job": "category", "owner": "boolean"},
            "outputs": {"risk": "category"},
        },
        "requirements": {"accuracy": ">= 0.80", "latency_p95": "<= 500 ms", "failure_rate": "<= 1 %"},
        "data": {"source": "loans.csv"},
        "model": {"learner": "trees", "bags": 1},  # five would take five times as long
        "learn": {"budget": "10 s"},
        "evaluate": {"latency_requests": 100},
    }
    return {**project, **changes}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loans")
    write_rows(folder / "loans.csv")
    return folder


@pytest.fixture(scope="module")
def first(folder):
    return Project(declared(), folder=folder).run()


def statuses(result):
    return {stage.name: stage.status for stage in result.stages}


def test_the_loop_goes_round(first):
    assert first.problems == ()
    assert statuses(first) == dict.fromkeys(
        ["data", "plan", "learn", "package", "evaluate", "release"], "done"
    )
    assert first.version == 1
    assert first.exit_code == 0
    verdicts = {(row.subject, row.phase): row.verdict for row in first.requirements}
    assert verdicts["accuracy", "test"] == "met"
    assert verdicts["latency_p95", "package"] == "met"
    assert verdicts["latency_p95", "live"] == "pending"
    assert verdicts["failure_rate", "live"] == "pending"


def test_the_json_is_that_of_the_design(first):
    shown = json.loads(json.dumps(first.as_json()))
    assert set(shown) == {
        "function",
        "version",
        "package",
        "stages",
        "requirements",
        "warnings",
        "signature",
        "validation",
    }
    assert set(shown["stages"][0]) == {"name", "status", "seconds", "why"}
    assert set(shown["requirements"][0]) == {
        "requirement",
        "phase",
        "value",
        "low",
        "high",
        "n",
        "verdict",
        "needed",
        "unjudged",
        "note",
        "validation",
        "groups",
    }


def test_nothing_to_do_runs_nothing(folder, first):
    again = Project(declared(), folder=folder).run()
    assert set(statuses(again).values()) == {"cached"}
    assert again.package == first.package
    assert again.version == 1


def test_a_moved_bar_measures_nothing_again(folder, first):
    moved = declared(requirements={**declared()["requirements"], "accuracy": ">= 0.999999"})
    result = Project(moved, folder=folder).run(to="evaluate")
    assert statuses(result)["learn"] == "cached"
    assert statuses(result)["evaluate"] == "cached"
    assert result.exit_code == 3
    assert result.version == first.version


def test_a_seed_learns_again_and_says_why(folder, first):
    result = Project(declared(), ["learn.seed=1"], folder=folder).run(to="learn")
    rows = {stage.name: stage for stage in result.stages}
    assert rows["data"].status == "cached"
    assert rows["learn"].status == "done"
    assert "learn.seed" in rows["plan"].why


def test_check_forecasts_without_running(folder, first):
    report = Project(declared(), ["learn.seed=2"], folder=folder).check()
    told = {stage.name: stage.status for stage in report.stages}
    assert told["data"] == "cached"
    assert told["plan"] == "would run"
    assert sum(report.rows.values()) == ROWS


def test_what_is_not_met_is_held_back(folder, first):
    strict = declared(requirements={"accuracy": ">= 0.9999"})
    result = Project(strict, ["learn.seed=3"], folder=folder).run()
    assert result.exit_code == 3
    assert statuses(result)["release"] == "failed"
    project = Project(strict, folder=folder)
    assert project.release(result.version).version is None
    assert project.status().version == 1


def test_release_and_rollback(folder, first):
    second = Project(declared(), ["learn.seed=4"], folder=folder).run()
    assert second.version != first.version
    project = Project(declared(), folder=folder)
    assert project.status().version == second.version
    back = project.rollback()
    assert back.version == first.version
    assert project.status().version == first.version
    # a run with the rolled-back version leaves it where it is
    again = Project(declared(), ["learn.seed=4"], folder=folder).run()
    assert statuses(again)["release"] == "cached"
    assert project.status().version == first.version


def test_rollback_to_what_never_was_is_refused(folder, first):
    with pytest.raises(StateError) as caught:
        Project(declared(), folder=folder).rollback(to=99)
    assert caught.value.problems[0].id == "versions.unknown"


def test_a_project_that_cannot_be_written_can_be_read(folder, first, monkeypatch):
    monkeypatch.setattr(read_only, "is_writable", lambda path: False)

    def files():  # without the caches, which are written where they can be
        below = {
            one
            for one in folder.rglob("*")
            if one.is_file() and one.parent.name != "cache" and "-" not in one.suffix
        }
        return {one: one.stat().st_mtime_ns for one in below}

    before = files()
    project = Project(declared(), folder=folder)
    assert project.versions().versions
    assert project.status().version is not None
    assert project.check().rows
    assert project.show("card").text
    assert project.diff("1", "1").changes == {}
    assert len(list(project.predict([{"income": "20", "job": "clerk", "owner": "no"}]))) == 1
    other = Project(declared(), ["data.split.key=other"], folder=folder).check()
    assert {row.name: row.status for row in other.stages}["data"] == "would run"
    assert other.rows
    for verb in (project.run, project.release, project.rollback, project.serve, project.gc):
        with pytest.raises(MachineError) as error:
            verb()
        assert error.value.problems[0].id == "project.read-only"
    after = files()
    assert {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)} == set()


def test_an_unknown_stage_is_refused(folder):
    with pytest.raises(ProjectError) as caught:
        Project(declared(), folder=folder).run(to="lern")
    assert "learn" in caught.value.problems[0].next_step


def test_a_corrected_test_label_learns_nothing_again(tmp_path):
    write_rows(tmp_path / "loans.csv")
    project = declared()
    base = Project(project, folder=tmp_path)
    base.run(to="evaluate")
    test_ids = set(base.show("data").data["rows"])
    assert test_ids == {"train", "validation", "test"}
    import polars as pl

    sealed = next((tmp_path / ".modelwright/objects/data").glob("*/test/rows.parquet"))
    row = pl.read_parquet(sealed).row(0, named=True)
    with (tmp_path / "loans.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    number = next(i for i, r in enumerate(rows[1:]) if float(r[0]) == row["income"] and r[1] == row["job"])
    write_rows(tmp_path / "loans.csv", flip=number)
    result = Project(project, folder=tmp_path).run(to="evaluate")
    told = statuses(result)
    assert told["data"] == "done"
    assert told["plan"] == told["learn"] == told["package"] == "cached"
    assert told["evaluate"] == "done"


def test_two_folders_give_the_same_package(tmp_path, folder, first):
    """From the same sealed plan: a plan of its own would be timed, and may end with other steps."""
    shutil.copytree(folder / ".modelwright/objects/data", tmp_path / ".modelwright/objects/data")
    shutil.copytree(folder / ".modelwright/objects/plan", tmp_path / ".modelwright/objects/plan")
    write_rows(tmp_path / "loans.csv")
    other = Project(declared(), folder=tmp_path).run(to="package")
    assert statuses(other) == {"data": "cached", "plan": "cached", "learn": "done", "package": "done"}
    assert other.package == first.package


def test_versions_show_and_diff(folder, first):
    project = Project(declared(), folder=folder)
    numbers = [row.number for row in project.versions().versions]
    assert numbers == sorted(numbers, reverse=True)
    assert project.show("1").facts
    assert project.show("report").path is not None
    assert "grade" in project.show("card").text
    if len(numbers) > 1:
        assert project.diff("1", str(numbers[0])).a == "version 1"
    assert project.diff("1", "1").conclusion == ""
    assert "the first 0" not in project.show("rows", "set-aside").title


def test_the_option_that_makes_a_stage_again_is_its_reason(folder, first):
    project = Project(declared(), folder=folder)
    after = {stage.name: stage.why for stage in project.run(to="plan", start="plan").stages}
    assert after == {"data": "", "plan": "--from"}
    whole = {stage.name: stage.why for stage in project.run(to="plan", start="plan", force=True).stages}
    assert whole == {"data": "--force", "plan": "--force"}


def test_predict_answers_with_the_newest_package(folder, first):
    project = Project(declared(), folder=folder)
    answers = list(project.predict([{"income": "20", "job": "clerk", "owner": "no"}]))
    assert answers[0].outputs["risk"]["value"] in {"good", "bad"}


def test_predict_reads_the_file_that_the_project_trains_on(folder, first, tmp_path):
    project = Project(declared(), folder=folder)
    read = list(project.predict_file(folder / "loans.csv"))
    with (folder / "loans.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: row[name] for name in ("income", "job", "owner")} for row in csv.DictReader(file)]
    assert read == list(project.predict(rows))
    renamed = declared(data={"source": "loans.csv", "columns": {"income": "Net income"}})
    (tmp_path / "few.csv").write_bytes("\ufeffjob;Net income;note;owner\nclerk;20;-;no\n".encode("utf-8"))
    assert list(Project(renamed, folder=folder).predict_file(tmp_path / "few.csv")) == list(
        project.predict([{"income": "20", "job": "clerk", "owner": "no"}])
    )


def test_a_refused_cell_names_its_row_in_the_whole_file(folder, first, tmp_path):
    project = Project(declared(), folder=folder)
    rows = ["20,clerk,no"] * 400
    rows[299] = "much,clerk,no"
    (tmp_path / "q.csv").write_text("\n".join(["income,job,owner", *rows]))
    with pytest.raises(RequestError) as caught:
        list(project.predict_file(tmp_path / "q.csv"))
    assert caught.value.problems[0].where == "q.csv, row 300"
    (tmp_path / "q.csv").write_text("income,job\n1,clerk\n")
    with pytest.raises(DataError) as missing:
        project.predict_file(tmp_path / "q.csv")
    assert missing.value.problems[0].id == "predict.missing-column"


def test_a_row_of_several_is_named_by_its_number(folder, first):
    row = {"income": "20", "job": "clerk", "owner": "no"}
    bad = {**row, "income": "much"}
    project = Project(declared(), folder=folder)
    for rows, where in (([row] * 299 + [bad], "row 300"), ([bad], None)):
        with pytest.raises(RequestError) as caught:
            list(project.predict(rows))
        assert caught.value.problems[0].where == where


def test_gc_keeps_what_versions_need(folder, first):
    project = Project(declared(), folder=folder)
    project.gc()
    assert list(project.predict([{"income": "20", "job": "clerk", "owner": "no"}]))


def test_gc_waits_while_a_version_is_released_and_takes_none_that_is_loaded(folder, first, monkeypatch):
    project, free = Project(declared(), folder=folder), {}
    store = folder / ".modelwright" / "locks"

    def watched(name, call, pattern):
        def seen(*given, **named):
            for path in store.glob(pattern):
                with locks.attempt(path) as held:
                    free.setdefault(name, []).append(held)
            return call(*given, **named)

        return seen

    monkeypatch.setattr(history.release_stage, "release", watched("release", release, "freeing.lock"))
    monkeypatch.setattr(loop, "release", watched("run", release, "freeing.lock"))
    monkeypatch.setattr(
        packaged_function, "load", watched("predict", packaged_function.load, "package.*.lock")
    )
    project.release(1)
    list(project.predict([{"income": "20", "job": "clerk", "owner": "no"}]))
    Project(declared(), ["learn.seed=77"], folder=folder).run()
    assert free["release"] == free["run"] == [False]
    assert free["predict"].count(False) == 1


def test_a_class_that_the_data_lacks_is_refused(folder, first):
    project = Project(declared(requirements={"recall[bda]": ">= 0.5"}), folder=folder)
    with pytest.raises(ProjectError) as caught:
        project.check()
    problem = caught.value.problems[0]
    assert problem.id == "requirement.unknown-class"
    assert problem.next_step == "did you mean `bad`?"
    result = project.run()
    assert [one.id for one in result.problems] == ["requirement.unknown-class"]
    assert result.exit_code == 1
    assert [stage.name for stage in result.stages] == ["data"], "nothing is learned for it"


def test_a_moved_bar_plans_nothing_again(folder, first):
    for bar in ("<= 1 B", "<= 2 B"):
        result = Project(declared(requirements={"size": bar}), folder=folder).run(to="plan")
        assert statuses(result)["plan"] == "cached"
        assert any("the forecast is up to" in note for note in result.notes), (
            "the forecast is held against it"
        )


def test_another_choice_of_inputs_is_another_evaluation_of_the_same_rows(tmp_path):
    write_rows(tmp_path / "train.csv")
    write_rows(tmp_path / "test.csv", rows=120)
    data = {"train": "train.csv", "test": "test.csv", "repeated": "keep"}
    seen = []
    for inputs in ({"income": "number", "job": "category"}, {"income": "number"}):
        function = {"name": "grade", "inputs": inputs, "outputs": {"risk": "category"}}
        project = Project(declared(function=function, data=data), folder=tmp_path)
        before = project.check().evaluations
        version = project.run(to="evaluate").version
        seen.append((before, project.show(str(version)).data["evaluation"]))
    assert seen == [(0, 1), (1, 2)]
