from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core.messages import StateError
from modelwright.storage.traffic import live_schema
from modelwright.storage.traffic.record import Lease, LiveRecord


@dataclass(frozen=True)
class Traffic:
    """What the server hands over; the record knows it by its fields alone."""

    id: str
    time: float = 100.0
    version: int = 1
    inputs: dict[str, Any] = field(default_factory=lambda: {"question": "Lost my card 丢"})
    outputs: dict[str, dict[str, Any]] | None = field(
        default_factory=lambda: {"domain": {"value": "cards", "confidence": 0.9}}
    )
    latency_s: float = 0.01
    code: int = 200
    unseen: tuple[str, ...] = ()
    mirrored: bool = False
    first_s: float | None = None
    tokens_per_second: float | None = None


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(tmp_path: Path, clock: Clock) -> Iterator[LiveRecord]:
    opened = LiveRecord.open(tmp_path / "live.db", clock)
    yield opened
    opened.close()


def test_what_is_recorded_is_read_again(record: LiveRecord) -> None:
    two = {"a": {"value": "x", "confidence": 0.4}, "b": {"value": None, "confidence": None}}
    record.record([Traffic("r1"), Traffic("r2", 101.0, 2, outputs=two, latency_s=0.5)])
    record.record([Traffic("r3", 102.0, 2, {}, None, 0.02, 500)])
    assert record.flush()
    rows = record.rows(since=0)
    assert [row.id for row in rows] == ["r1", "r2", "r3"]
    assert rows[0].inputs == {"question": "Lost my card 丢"}
    assert rows[1].outputs == two
    assert [row.confidence for row in rows] == [0.9, 0.4, None]
    assert (rows[2].outputs, rows[2].code, rows[2].feedback) == (None, 500, {})
    assert record.find("r2") == rows[1]
    assert record.find("none") is None
    assert record.dropped == 0


def test_a_window_is_arrays(record: LiveRecord) -> None:
    assert len(record.window(since=0)) == 0
    record.record(
        [
            Traffic(f"r{i}", float(i), 1 + i % 2, latency_s=i / 10, code=500 if i == 6 else 200)
            for i in range(10)
        ]
    )
    record.record([Traffic("bare", 9.5, 1, outputs=None)])
    record.flush()
    window = record.window(since=2, version=1, until=9)
    assert window.time.tolist() == [2.0, 4.0, 6.0, 8.0]
    assert window.latency_s.tolist() == [0.2, 0.4, 0.6, 0.8]
    assert window.version.tolist() == [1] * 4
    assert window.codes == {200: 3, 500: 1}
    assert [array.dtype for array in (window.time, window.code)] == [np.float64, np.int64]
    assert len(record.window(since=2)) == 9
    newest = record.window(since=2, version=1, until=9, most=2)
    assert newest.time.tolist() == window.time[-2:].tolist()
    assert newest.latency_s.tolist() == window.latency_s[-2:].tolist()
    assert len(record.window(since=2, most=100)) == 9
    assert np.isnan(record.window(since=9.5).confidence).tolist() == [True]
    assert [row.id for row in record.rows(since=0, limit=2)] == ["r9", "bare"]


def test_feedback_may_come_before_late_and_again(record: LiveRecord) -> None:
    assert record.feedback("r1", "domain", "loans")
    record.record([Traffic("r1")])
    record.feedback("r1", "domain", "cards")
    record.feedback("r1", "score", 0.5)
    record.flush()
    assert record.find("r1").feedback == {"domain": "cards", "score": 0.5}


def test_a_request_id_that_a_caller_uses_twice_is_two_rows(record: LiveRecord) -> None:
    record.record([Traffic("same", 1.0), Traffic("same", 2.0)])
    record.flush()
    assert len(record.rows(since=0)) == 2
    assert record.find("same").time == 2.0


def test_a_full_queue_drops_counts_and_says_so(tmp_path: Path, clock: Clock) -> None:
    record = LiveRecord.open(tmp_path / "live.db", clock, most_waiting=10)
    with closing(live_schema.connect(tmp_path / "live.db")) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else can write meanwhile, and `record` returns all the same
        for number in range(100):
            record.record([Traffic(f"r{number}")])
        assert record.dropped >= 80
        other.execute("ROLLBACK")
    assert record.flush()
    rows = len(record.rows(since=0))
    record.close()
    assert rows + record.dropped == 100
    assert record.window(since=1000).dropped == record.dropped
    assert record.window(since=1001).dropped == 0


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    record = LiveRecord.open(tmp_path / "live.db")
    record.record([Traffic("r1")])
    record.close()
    record.record([Traffic("r2")])
    assert record.dropped == 1
    assert not record.feedback("r1", "domain", "x")
    assert [row.id for row in record.rows(since=0)] == ["r1"]
    assert not [thread for thread in threading.enumerate() if thread.name == "live-record"]


def test_whoever_only_reads_has_no_thread(tmp_path: Path) -> None:
    record = LiveRecord.open(tmp_path / "live.db")
    record.rows(since=0)
    record.flush()
    assert not [thread for thread in threading.enumerate() if thread.name == "live-record"]
    record.close()


def test_a_value_that_is_no_json_costs_its_row_alone(record: LiveRecord) -> None:
    record.record(
        [Traffic("r1"), Traffic("r2", inputs={"x": object()}), Traffic("r3", inputs={"x": float("nan")})]
    )
    record.record([Traffic("r4")])
    record.flush()
    assert [row.id for row in record.rows(since=0)] == ["r1", "r4"]
    assert record.dropped == 2


def test_a_record_that_was_moved_away_begins_anew(record: LiveRecord, tmp_path: Path) -> None:
    record.record([Traffic("r1")])
    record.flush()
    for name in ("live.db", "live.db-wal", "live.db-shm"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(tmp_path / f"old-{name}")
    record.record([Traffic("r2")])
    record.flush()
    assert [row.id for row in record.rows(since=0)] == ["r2"]
    assert record.dropped == 0


def test_a_disk_that_fails_costs_rows_not_the_server(record: LiveRecord, tmp_path: Path) -> None:
    (tmp_path / "live.db").rename(tmp_path / "away.db")
    (tmp_path / "live.db").mkdir()
    record.record([Traffic("r1"), Traffic("r2")])
    assert record.flush()
    assert record.dropped == 2
    (tmp_path / "live.db").rmdir()
    record.record([Traffic("r3")])
    assert record.flush()
    assert [row.id for row in record.rows(since=0)] == ["r3"]
    assert record.window(since=0).dropped == 2


def test_pruning_removes_what_is_old_and_gives_space_back(
    record: LiveRecord, clock: Clock, tmp_path: Path
) -> None:
    record.record([Traffic(f"r{i}", float(i), inputs={"text": "x" * 500}) for i in range(7000)])
    clock.now = 10.0
    record.feedback("r10", "domain", "x")
    clock.now = 6995.0
    record.feedback("r6995", "domain", "x")
    record.flush()
    record.close()
    size = (tmp_path / "live.db").stat().st_size
    assert record.prune(before=6990.0) == 6990
    assert [row.id for row in record.rows(since=0)] == [f"r{i}" for i in range(6990, 7000)]
    assert record.find("r6995").feedback == {"domain": "x"}
    with closing(live_schema.connect(tmp_path / "live.db")) as connection:
        assert connection.execute("SELECT request_id FROM feedback").fetchall() == [("r6995",)]
    assert (tmp_path / "live.db").stat().st_size < size / 5
    assert record.prune(before=6990.0) == 0


# -- leases --------------------------------------------------------------------------------------------------


def test_a_lease_is_held_renewed_expired_and_given_back(record: LiveRecord, clock: Clock) -> None:
    assert record.last_holder("gateway") is None
    assert record.lease("gateway", "a", 10) == Lease("gateway", "a", 1010.0, 1)
    assert record.lease("gateway", "b", 10).holder == "a"
    clock.now = 1009.0
    assert record.lease("gateway", "a", 10) == Lease("gateway", "a", 1019.0, 1)
    clock.now = 1019.0
    assert not record.last_holder("gateway").holds(clock.now, 10)
    assert record.lease("gateway", "b", 10) == Lease("gateway", "b", 1029.0, 2)
    record.give_back("gateway", "a")
    assert record.last_holder("gateway").holds(clock.now, 10)
    record.give_back("gateway", "b")
    assert not record.last_holder("gateway").holds(clock.now, 10)
    assert record.lease("gateway", "a", 10).term == 3
    assert record.lease("other", "b", 10).term == 1


def test_a_lease_outlives_no_clock_that_is_set_back(record: LiveRecord, clock: Clock) -> None:
    record.lease("gateway", "a", 10)
    clock.now -= 3600
    assert not record.last_holder("gateway").holds(clock.now, 10)
    assert record.lease("gateway", "b", 10).holder == "b"  # else nobody could lead for an hour
    assert record.lease("gateway", "a", 10).holder == "b"


def take_lease(path: Path, name: str, gate: Any, answers: Any) -> None:
    gate.wait()
    answers.put((name, LiveRecord.open(path, lambda: 5.0).lease("gateway", name, 10).holder))


def test_one_of_many_processes_gets_the_lease(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate, answers = spawn.Event(), spawn.Queue()
    names = [f"p{i}" for i in range(3)]
    processes = [
        spawn.Process(target=take_lease, args=(tmp_path / "live.db", name, gate, answers)) for name in names
    ]
    for process in processes:
        process.start()
    gate.set()
    told = dict(answers.get(timeout=20) for _ in names)
    for process in processes:
        process.join(60)
    assert len(set(told.values())) == 1
    assert set(told) == set(names)


# -- processes, kills and the schema -------------------------------------------------------------------------

WRITER = r"""
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_traffic_record import Traffic
from modelwright.storage.traffic.record import LiveRecord
record = LiveRecord.open(Path(sys.argv[1]))
for i in range(300):
    record.record([Traffic(f"{sys.argv[2]}-{i}")])
assert record.flush()
sys.stdout.write("flushed\n"); sys.stdout.flush()
sys.stdin.readline()
record.close()
"""


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_what_processes_have_flushed_stays(tmp_path: Path, end: str) -> None:
    path = tmp_path / "live.db"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number), str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "flushed\n"
        if end == "killed":
            writer.kill()
        else:
            writer.stdin.write("\n")
        writer.communicate()
    rows = LiveRecord.open(path).rows(since=0)
    assert {row.id for row in rows} == {f"{n}-{i}" for n in range(2) for i in range(300)}
    assert len(rows) == 600


def test_copies_count_for_their_own_version_alone(record: LiveRecord) -> None:
    record.record([Traffic("r1"), Traffic("r1", version=2, mirrored=True), Traffic("r2")])
    assert record.flush()
    assert len(record.window(0)) == 2
    assert [row.id for row in record.rows(0)] == ["r1", "r2"]
    assert [(row.id, row.mirrored) for row in record.rows(0, version=2)] == [("r1", True)]
    assert record.find("r1").version == 1


def test_a_newer_or_damaged_record_is_a_message(tmp_path: Path) -> None:
    LiveRecord.open(tmp_path / "live.db")
    with closing(sqlite3.connect(tmp_path / "live.db")) as connection:
        connection.execute("PRAGMA user_version = 9")
    for name, problem in (("live.db", "live.newer"), ("text.db", "live.unusable")):
        if name == "text.db":
            (tmp_path / name).write_text("no database " * 100)
        with pytest.raises(StateError) as caught:
            LiveRecord.open(tmp_path / name)
        assert caught.value.problems[0].id == problem


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSONS, max_size=2), min_size=1, max_size=4), JSONS)
def test_any_json_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, inputs: list[dict[str, Any]], truth: object
) -> None:
    record = LiveRecord.open(tmp_path_factory.mktemp("live") / "live.db")
    record.record([Traffic(f"r{i}", inputs=one) for i, one in enumerate(inputs)])
    record.feedback("r0", "domain", truth)
    record.close()
    rows = record.rows(since=0)
    assert [row.inputs for row in rows] == inputs
    assert rows[0].feedback == {"domain": truth}


def test_labels_say_which_answers_were_right(record: LiveRecord) -> None:
    def answer(value: object) -> dict[str, dict[str, Any]]:
        return {"domain": {"value": value, "confidence": 0.9}}

    record.record(
        [Traffic("a", 10.0), Traffic("b", 11.0), Traffic("c", 12.0), Traffic("d", 13.0, outputs=None)]
    )
    record.record([Traffic("a", 10.0, version=2, outputs=answer("loans"), mirrored=True)])
    for name, truth in (("c", "loans"), ("a", "cards"), ("d", "cards"), ("nobody", "cards")):
        record.feedback(name, "domain", truth)
    record.feedback("b", "an output that it does not have", "cards")
    assert record.flush()
    assert sorted(one.right for one in record.labels(1, 0.0)) == [False, True]
    assert [(one.time_s, one.right) for one in record.labels(2, 0.0)] == [(1000.0, False)]
    assert [(one.time_s, one.right) for one in record.labels(1, 0.0, until=11.0)] == [(1000.0, True)]
    record.feedback("c", "domain", "cards")  # the latest of one key counts
    record.feedback("a", "domain", "loans", "another key")  # and stands beside that of another
    assert record.flush()
    found = [(one.key, one.right) for one in record.labels(1, 0.0)]
    assert sorted(found) == [("", True), ("", True), ("another key", False)]


def test_an_id_that_several_requests_brought_labels_none_of_them(record: LiveRecord) -> None:
    copies = [Traffic(f"r{n}", version=2, mirrored=True) for n in range(2)]
    record.record([*(Traffic("same", float(n)) for n in range(50)), Traffic("r0"), Traffic("r1"), *copies])
    record.record(
        [Traffic("again", outputs=None, code=503), Traffic("again")]
    )  # sent again until it was answered
    for name in ("same", "r0", "again"):
        record.feedback(name, "domain", "cards", "desk")
    assert record.flush()
    assert len(record.labels(1, 0.0)) == 2
    assert len(record.labels(2, 0.0)) == 1
    found = record.known(["same", "r0", "r1", "nobody", "again"], 0.0, "desk")
    assert {name: one.answers for name, one in found.items()} == {"same": 50, "r0": 1, "r1": 1, "again": 1}
    assert found["r0"].labelled == {"domain"}
    assert record.known(["r0"], 0.0, "another")["r0"].labelled == frozenset()
    assert record.known(["r0"], 101.0, "desk") == {}  # given before: no longer to be labelled


@pytest.mark.parametrize("schema", range(1, len(live_schema._STEPS)))
def test_a_record_of_any_earlier_schema_is_brought_up_to_date(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        for statements in live_schema._STEPS[:schema]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(
            "INSERT INTO requests (id, time, version, inputs, outputs, latency_s, code)"
            """ VALUES ('r1', 5.0, 1, '{}', '{"domain": {"value": "cards"}}', 0.1, 200)"""
        )
        keyed = (", key", ", ''") if schema >= 4 else ("", "")
        connection.execute(
            f"INSERT INTO feedback (request_id, output, value, time{keyed[0]})"
            f" VALUES ('r1', 'domain', '\"cards\"', 6.0{keyed[1]})"
        )
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.commit()
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "live-20200101T000000.000000Z.db").write_bytes(b"of an earlier change")
    record = LiveRecord.open(path)
    assert [(one.key, one.right, one.time_s) for one in record.labels(1, 0.0)] == [("", True, 6.0)]
    record.feedback("r1", "domain", "loans", "desk")
    record.close()
    assert record.find("r1").feedback == {"domain": "loans"}
    (copy,) = (tmp_path / "backups").iterdir()  # what it was before
    with closing(sqlite3.connect(copy)) as before:
        assert before.execute("PRAGMA user_version").fetchone() == (schema,)
        assert before.execute("SELECT id FROM requests").fetchall() == [("r1",)]
    LiveRecord.open(path).prune(0.0)
    assert copy.exists()
    LiveRecord.open(path, clock=lambda: time.time() + 8 * 86_400).prune(0.0)
    assert not copy.exists()


def test_a_record_that_cannot_be_copied_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        for statement in live_schema._STEPS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StateError):
        LiveRecord.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
