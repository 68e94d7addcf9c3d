"""A state database that was lost is no new project: it is said, refused, and restored as far as can be."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from test_loop import declared, write_rows

from modelwright import Project
from modelwright.core.messages import StateError
from modelwright.storage.state import backups
from modelwright.storage.state.database import State
from modelwright.storage.traffic.record import LiveRecord


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a project with two versions, both released, of which the second serves."""
    folder = tmp_path_factory.mktemp("history")
    write_rows(folder / "loans.csv")
    (folder / "modelwright.yaml").write_text(yaml.safe_dump(declared(learn={"budget": "2 s"})))
    assert Project(folder).run().version == 1
    assert Project(folder, ["learn.seed=3"]).run().version == 2
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def state_files(folder):
    return list((folder / ".modelwright").glob("state.db*"))


def deleted(folder):
    for file in state_files(folder):
        file.unlink()


def emptied(folder):
    deleted(folder)
    (folder / ".modelwright" / "state.db").touch()


def without_a_row(folder):
    deleted(folder)
    State.open(folder / ".modelwright" / "state.db")


def damaged(folder):
    deleted(folder)
    (folder / ".modelwright" / "state.db").write_bytes(b"no database" * 1000)


def cut(folder):
    path = folder / ".modelwright" / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:5000])


LOSSES = [deleted, emptied, without_a_row, damaged, cut]


def no_list(folder):
    """As of an earlier version of Modelwright, which kept no list of databases."""
    (folder / ".modelwright" / "state-places.json").unlink()


@pytest.mark.parametrize("before", [None, no_list])
@pytest.mark.parametrize("lose", LOSSES)
def test_what_was_lost_is_said_refused_and_restored(folder, lose, before):
    if before is not None:
        before(folder)
    lose(folder)
    for verb in (
        Project(folder).run,
        Project(folder).status,
        Project(folder).versions,
        Project(folder).release,
    ):
        with pytest.raises(StateError) as error:
            verb()
        assert error.value.problems[0].id in {"state.lost", "state.damaged"}
        assert "doctor --restore" in error.value.problems[0].next_step
    seen = Project(folder).doctor()
    assert (seen.exit_code, seen.rows[0].state) == (1, "missing")
    assert "doctor --restore" in seen.rows[0].next_step
    report = Project(folder).restore()
    assert report.exit_code == 0
    assert all(row.state != "missing" for row in Project(folder).doctor().rows[:1])
    project = Project(folder)
    assert [row.number for row in project.versions().versions] == [2, 1]
    assert project.status().version == 2
    assert project.run().version == 1
    assert "nothing was changed" in Project(folder).restore().rows[0].found


@pytest.mark.parametrize("lose", [deleted, damaged])
def test_without_a_copy_versions_are_rebuilt_and_what_cannot_be_told_is_said(folder, lose):
    packages = {row.package for row in Project(folder).versions().versions}
    shutil.rmtree(folder / ".modelwright" / "backups")
    lose(folder)
    report = Project(folder).restore()
    assert any("production cannot be told" in row.found for row in report.rows)
    project = Project(folder)
    assert {row.package for row in project.versions().versions} == packages
    assert project.status().version is None
    assert project.check().evaluations == 2
    assert project.release(1).version == 1


def test_evaluations_are_counted_also_where_their_results_are_gone(folder):
    shutil.rmtree(folder / ".modelwright" / "backups")
    first = next(row for row in Project(folder).versions().versions if row.number == 1)
    for evaluated in (folder / ".modelwright" / "objects" / "evaluate").iterdir():
        if first.package in (evaluated / "evidence" / "evidence.json").read_text():
            shutil.rmtree(evaluated)
    deleted(folder)
    Project(folder).restore()
    assert len(Project(folder).versions().versions) == 1
    assert Project(folder).check().evaluations == 2


def test_a_damaged_copy_is_passed_over(folder):
    newest = max((folder / ".modelwright" / "backups").iterdir())
    newest.write_bytes(newest.read_bytes()[:3000])
    deleted(folder)
    Project(folder).restore()
    assert [row.number for row in Project(folder).versions().versions] == [2, 1]


def test_another_place_is_a_new_history_until_it_has_one(folder):
    moved = ["state=other.db"]
    assert Project(folder, moved).versions().versions == ()
    assert Project(folder, moved).run().version == 1
    (folder / "other.db").unlink()
    with pytest.raises(StateError):
        Project(folder, moved).versions()
    assert len(Project(folder).versions().versions) == 2


def test_a_copy_is_made_at_each_release_and_few_are_kept(tmp_path):
    at = [datetime(2026, 1, 1, tzinfo=UTC)]
    state = State.open(tmp_path / "state.db", clock=lambda: at[0])
    for number in range(1, backups.KEPT + 4):
        state.register_version(
            package_digest=f"{number}",
            evidence_digest="e",
            champion_digest=None,
            package_key="k",
            evidence_key="k",
        )
        at[0] += timedelta(seconds=1)
        state.request_release(number, "direct", "test")
        state.request_release(number, "direct", "test")
    copies = list(backups.good(tmp_path / "state.db"))
    assert len(copies) == backups.KEPT == len(list(backups.folder(tmp_path / "state.db").iterdir()))
    shutil.copy(copies[0], tmp_path / "restored.db")
    assert State.open(tmp_path / "restored.db").production().number == backups.KEPT + 3


def test_a_copy_that_cannot_be_made_stops_no_release(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "take", full)
    state = State.open(tmp_path / "state.db")
    state.register_version(
        package_digest="p", evidence_digest="e", champion_digest=None, package_key="k", evidence_key="k"
    )
    assert state.request_release(1, "direct", "test").version == 1
    assert state.audit(1)[0].action == "backup.failed"


# -- which version answers -----------------------------------------------------------------------------------


def test_after_a_rollback_the_version_in_production_answers(folder):
    project = Project(folder)
    project.rollback()
    row = {"income": "20", "job": "clerk", "owner": "no"}
    assert [one.version for one in project.predict([row])] == [1]
    assert [one.version for one in project.predict([row], version=2)] == [2]
    assert "1" in project.show("card").title
    assert "2" in project.show("card", version=2).title
    with pytest.raises(StateError) as error:
        project.rollback()
    assert error.value.problems[0].values["others"] == [2]
    assert "2" in error.value.problems[0].found
    with pytest.raises(StateError):
        project.show("report", version=9)


def state_of(project, number):
    return next(row.state for row in project.versions().versions if row.number == number)


def test_status_says_what_holds_a_version_back_and_whether_a_gateway_runs(folder):
    live = Project(folder).status()
    assert (live.judged, live.heartbeat, live.serving) == (2, None, False)
    assert state_of(Project(folder), 2) == "released, not serving"
    assert any("no gateway runs" in note for note in live.notes)
    record = LiveRecord.open(folder / ".modelwright" / "live.db")
    record.lease("gateway", "here:12:ab", 10.0)
    record.close()
    assert Project(folder).status().heartbeat.alive
    assert Project(folder).status().serving is True
    assert state_of(Project(folder), 2) == "live"
    unrecorded = Project(folder, ["serve.record.enabled=false"])
    assert unrecorded.status().serving is None
    assert state_of(unrecorded, 2) == "released"
    assert any("here, process 12" in note for note in Project(folder).status().notes)
    later = Project(folder, clock=lambda: datetime.now(UTC) + timedelta(hours=1)).status()
    assert not later.heartbeat.alive
    assert later.heartbeat.age_s > 3500
    assert later.serving is False
    # one that is gone is not taken for alive until the clock has caught up
    earlier = Project(folder, clock=lambda: datetime.now(UTC) - timedelta(hours=1)).status()
    assert (earlier.heartbeat.alive, earlier.heartbeat.age_s, earlier.serving) == (False, None, False)
    assert any("before the clock was set back" in note for note in earlier.notes)
    shutil.rmtree(folder / ".modelwright" / "backups")
    deleted(folder)
    Project(folder).restore()
    unreleased = Project(folder, ["requirements.accuracy=>= 0.9999"]).status()
    assert unreleased.version is None
    assert unreleased.held_back_by == ("accuracy >= 0.9999",)
    assert any(row.test is not None for row in unreleased.requirements)


def a_byte_changed(graph):
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (a_byte_changed, "other content than was sealed"),
        (lambda graph: graph.write_bytes(graph.read_bytes()[:-1]), "were sealed"),
        (lambda graph: graph.unlink(), "is missing"),
        (lambda graph: shutil.rmtree(graph.parent.parent), "no longer in the store"),
    ],
)
def test_status_sees_what_became_of_the_package_in_production(folder, harm, said):
    serves = Path(Project(folder).show("2").path)
    assert Project(folder).status().alerts == ()
    harm(next(serves.glob("*.onnx")))
    (alert,) = Project(folder).status().alerts
    assert said in alert
    assert "version 2" in alert
    again = Project(folder, ["learn.seed=3"])
    again.run(start="package")
    assert Project(folder).status().alerts == ()
