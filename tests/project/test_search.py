"""A search from end to end: its trials, the winner to the bit, bars that move, a kill, and trials that go wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_loop import declared, statuses, write_rows

from modelwright import Project
from modelwright.engine.store import Store
from modelwright.project.declaration import project_file
from modelwright.project.loop.main_metrics import main_metrics
from modelwright.storage.formats.search import Search, plan_folder


def tuned(tune, **changes):
    return declared(learn={"budget": "2 s"}, tune=tune, **changes)


GRID = {"sampler": "grid", "space": {"learn.learning_rate": [0.05, 0.3], "model.leaves": [3, 15]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    write_rows(folder / "loans.csv", rows=400)
    return folder


@pytest.fixture(scope="module")
def searched(folder):
    return Project(tuned(GRID), folder=folder).run(to="package")


@pytest.mark.parametrize(
    ("requirements", "main"),
    [
        ({}, ("accuracy", "rmse")),
        ({"auc": ">= 0.8", "price.mae": "<= 3"}, ("auc", "mae")),
        (
            {"auc": ">= 0.8", "accuracy": ">= 0.8", "price.mae": "<= 3", "latency_p95": "<= 1 s"},
            (None, "mae"),
        ),
        ({"price.mae where job == 'a'": "<= 3"}, (None, None)),  # a bar on some answers says nothing of all
    ],
)
def test_the_best_is_looked_for_by_the_metric_that_is_required(requirements, main):
    function = "f(job: category) -> risk: category, price: number"
    found, usual = (
        main_metrics(opened.signature, opened.costs, opened.requirements)
        for opened in (
            project_file.from_mapping(
                {"function": function, "requirements": wanted, "data": {"source": "x.csv"}}
            )
            for wanted in (requirements, {})
        )
    )
    for output, name in zip(("risk", "price"), main, strict=True):
        assert found[output][0] == name if name else found[output] == usual[output]
    assert found["price"] == ("mae", False) or main[1] != "mae"


def sealed(folder):
    store = Store(folder / ".modelwright")
    found = store.find("tune", store.latest("tune").key)
    return found, Search.read(found.part("search").path)


def test_every_point_of_a_grid_is_tried_and_the_winner_is_its_trial_to_the_bit(folder, searched):
    assert statuses(searched) == {
        "data": "done", "tune": "done", "plan": "cached", "learn": "cached", "package": "cached"
    }  # fmt: skip
    artifact, search = sealed(folder)
    assert len(search.trials) == 4
    assert {one.state for one in search.trials} == {"done"}
    taken = next(one for one in search.trials if one.number == searched.search.taken)
    assert searched.package == taken.package
    assert all(
        one.value("latency_p50") and one.value("size") and one.value("accuracy", "risk")
        for one in search.trials
    )
    plans = artifact.part("plans").path
    assert all((plan_folder(plans, one.number) / "choice" / "choice.json").is_file() for one in search.trials)
    assert json.loads(json.dumps(searched.as_json()))["search"]["trials"][0]["taken"] is True


def test_a_sealed_search_is_a_plan_also_where_its_trials_are_gone(folder, searched):
    """`gc` takes what trials made; the winner is learned again to the bit, by the plan that the search holds."""
    shutil.copytree(folder, copy := folder.parent / f"{folder.name}-copy")
    for stage in ("plan", "learn", "package", "measure"):
        shutil.rmtree(copy / ".modelwright" / "objects" / stage)
    again = Project(tuned(GRID), folder=copy).run(to="package")
    assert statuses(again) == {
        "data": "cached", "tune": "cached", "plan": "cached", "learn": "done", "package": "done"
    }  # fmt: skip
    assert again.package == searched.package


def test_a_bar_that_moves_tries_nothing_again(folder, searched):
    moved = {**declared()["requirements"], "latency_p95": "<= 1 us"}
    again = Project(tuned(GRID, requirements=moved), folder=folder).run(to="learn")
    assert statuses(again)["tune"] == "cached"
    assert again.search.standing == "nearest"
    assert "latency_p95 <= 1 us" in again.search.trials[0].misses


@pytest.mark.proof
def test_a_longer_search_goes_on_from_what_is_sealed(folder, searched):
    longer = {**GRID, "space": {**GRID["space"], "learn.learning_rate": [0.05, 0.3, 0.1]}}
    Project(tuned(longer), folder=folder).run(to="tune")
    _, search = sealed(folder)
    assert len(search.trials) == 6
    before = {one.package for one in search.trials if one.values["learn.learning_rate"] != 0.1}
    assert {row.figures["accuracy"] for row in searched.search.trials} <= {
        one.value("accuracy", "risk") for one in search.trials
    }
    assert searched.package in before


def test_a_trial_that_fails_is_left_out_and_counted(folder):
    bad = {"sampler": "grid", "space": {"package.compress": ["int8", "none"]}}  # trees have no form in 8 bits
    found = Project(tuned(bad), folder=folder).run(to="tune")
    assert sorted(row.state for row in found.search.trials) == ["done", "failed"]
    (notice,) = [row for row in found.warnings if row.id == "tune.failed"]
    assert notice.count == 1
    assert "--set tune=null" in notice.fix


def test_to_search_again_makes_no_other_plan_of_the_winner(folder, searched):
    again = Project(tuned(GRID), folder=folder).run(to="package", start="tune")
    assert statuses(again) == {
        "data": "cached", "tune": "done", "plan": "cached", "learn": "cached", "package": "cached"
    }  # fmt: skip
    assert again.package == searched.package


SCRIPT = """
import json, sys
from pathlib import Path
from modelwright import Project
found = Project(json.loads(sys.argv[1]), folder=Path(sys.argv[2])).run(to="package")
print(json.dumps([found.package, [row.number for row in found.search.trials]]))
"""


def test_a_killed_search_goes_on_behind_its_last_trial_and_draws_the_same(tmp_path):
    space = {
        "space": {"learn.learning_rate": {"low": 0.01, "high": 0.5, "log": True}},
        "trials": 2,
        "sampler": "tpe",
    }
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        write_rows(tmp_path / name / "loans.csv", rows=300)
    whole = Project(tuned(space), folder=tmp_path / "whole").run(to="package")
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(tuned(space)), str(tmp_path / "cut")]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, start_new_session=True)
    scratch = tmp_path / "cut" / ".modelwright" / "scratch" / "tune"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and len(journal(scratch)) < 1:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    before = journal(scratch)
    assert len(before) == 1
    again = Project(tuned(space), folder=tmp_path / "cut").run(to="package")
    values = {row.number: row.settings for row in whole.search.trials}
    assert {row.number: row.settings for row in again.search.trials} == values
    _, search = sealed(tmp_path / "cut")
    kept = {one.number: one.seconds for one in search.trials}
    assert all(kept[one["number"]] == one["seconds"] for one in before), "these were not tried again"


def journal(scratch: Path):
    lines = [
        line for file in scratch.glob("*/trials.jsonl") for line in file.read_text().splitlines(keepends=True)
    ]
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.mark.proof  # two searches
def test_trials_side_by_side_are_those_of_one_after_the_other(tmp_path):
    space = {"sampler": "grid", "space": {"learn.learning_rate": [0.05, 0.3]}}
    packages = []
    for parallel in (1, 2):
        folder = tmp_path / str(parallel)
        folder.mkdir()
        write_rows(folder / "loans.csv", rows=300)
        Project(tuned({**space, "parallel": parallel}), folder=folder).run(to="tune")
        _, search = sealed(folder)
        assert (search.parallel, {one.state for one in search.trials}) == (parallel, {"done"})
        packages.append({one.values["learn.learning_rate"]: one.package for one in search.trials})
    assert packages[0] == packages[1]
    assert len(set(packages[0].values())) == 2


@pytest.mark.proof  # learns for some 12 seconds, and packages each trial
def test_without_a_space_every_learner_is_tried_within_the_budget_and_what_is_taken_is_packaged(tmp_path):
    write_rows(tmp_path / "loans.csv", rows=400)
    declaration = declared(
        model={}, plan={"learners": ["linear", "trees"]}, learn={"budget": "12 s"}, tune="auto"
    )
    found = Project(declaration, folder=tmp_path).run(to="package")
    search = found.search
    tried = {row.number: row for row in search.trials}
    assert search.ended in {"budget", "exhausted", "trials"}
    # first each learner as it is by default, then with options of its own
    assert {tried[0].learner, tried[1].learner} == {"linear", "trees"}
    assert all(set(tried[number].settings) == {"model.learner"} for number in (0, 1))
    assert {row.learner for row in search.trials} <= {"linear", "trees", "blend"}
    assert search.seconds < 3 * 12  # one more is begun where half of it is likely to fit
    taken = tried[search.taken]
    assert taken.state == "done"
    best = max(row.figures["accuracy"] for row in search.trials if row.state == "done" and not row.misses)
    assert taken.misses == ()
    assert best - taken.figures["accuracy"] < 0.1
    _, kept = sealed(tmp_path)
    assert found.package == next(one.package for one in kept.trials if one.number == search.taken)
    # nothing to do again
    again = Project(declaration, folder=tmp_path).run(to="package")
    assert set(statuses(again).values()) == {"cached"}
    assert again.package == found.package
