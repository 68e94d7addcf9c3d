"""Lanes: the same stages under other settings, what they share made once, and the chosen one packaged."""

import itertools

import pytest
from test_loop import declared, statuses, write_rows

from modelwright import Project
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.runner import Runner
from modelwright.engine.store import Store
from modelwright.project.declaration import project_file
from modelwright.project.loop.lanes import Lane, run_lanes
from modelwright.storage.state.database import State

LANES = [
    Lane("one", ("learn.learning_rate=0.05",)),
    Lane("two", ("learn.learning_rate=0.3",)),
    Lane("bad", ("model.learner=tress",)),
]


@pytest.fixture
def folder(tmp_path):
    write_rows(tmp_path / "loans.csv", rows=600)
    return tmp_path


def run(folder, lanes, log, **options):
    root = folder / ".modelwright"
    store, fingerprint = Store(root), Fingerprint(cache=root / "cache" / "code.json")

    def runner_of():
        return Runner(store, fingerprint, listen=log.append, records_latest=False)

    return run_lanes(
        lanes,
        open_with=lambda settings: project_file.from_mapping(declared(), settings, folder),
        store=store,
        state=State.open(root / "state.db"),
        runner_of=runner_of,
        **options,
    )


def test_two_lanes_run_and_the_better_one_is_packaged(folder):
    log = []
    one, two, bad = run(folder, LANES, log)
    assert [(row.name, row.status) for row in log] == [
        ("data", "done"), ("plan", "done"), ("learn", "done"),
        ("data", "cached"), ("plan", "done"), ("learn", "done"),
    ]  # fmt: skip
    assert one.made["data"] == two.made["data"]
    assert one.made["learn"].digest != two.made["learn"].digest
    assert bad.problems
    assert not one.problems
    assert not two.problems
    project = Project(declared(), LANES[1].settings, folder=folder)
    assert project.versions().versions == (), "a lane makes no version"
    assert not (folder / ".modelwright" / "latest").exists(), "nor is it what a stage made last"
    chosen = project.run(to="package")
    assert statuses(chosen) == {"data": "cached", "plan": "cached", "learn": "cached", "package": "done"}
    assert State.open(folder / ".modelwright" / "state.db").audit() == [], "no test row was read"


def test_the_order_of_lanes_is_that_of_whoever_runs_them(folder):
    seen = []

    def backwards(function, lanes):
        found = [(seen.append(lane.name), function(lane))[1] for lane in reversed(list(lanes))]
        return reversed(found)

    results = run(folder, LANES[:2], [], to="data", order=backwards)
    assert seen == ["two", "one"]
    assert [result.lane.name for result in results] == ["one", "two"]
    assert all(set(result.made) == {"data"} for result in results)


@pytest.mark.parametrize("to", ["evaluate"])
def test_a_lane_evaluates_nothing(folder, to):
    with pytest.raises(AssertionError, match="evaluates nothing"):
        run(folder, LANES[:1], [], to=to)
    with pytest.raises(AssertionError, match="same name"):
        run(folder, list(itertools.repeat(LANES[0], 2)), [])
