"""Experiment records: what is written, that nothing is written twice, and that nothing is waited for without end.

Those that need MLflow or TensorBoard run where the Python that runs the tests has them, or one that
`MODELWRIGHT_MLFLOW_PYTHON` names; the others use the real process without these libraries, or stand-ins of it.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Phrase
from modelwright.core.progress import LearningPoint, Silent
from modelwright.project.loop.loop import Searched
from modelwright.project.tracking import recorder, tracked_run, tracker
from modelwright.project.tracking.tracker import RecordTarget, Tracked, TrackedTrial, Tracker, Watching
from modelwright.project.tracking.tracking_config import TrackingConfig
from modelwright.stages.tune.judging import judge_trials
from modelwright.storage.formats.search import Search, SearchTrial

TRACKED = Tracked(
    "0123abcd", {"learner": "network", "learn.rate": "0.1"}, "evidence-1", "route 1", {"modelwright.package": "ab"},
    {"test/accuracy": 0.9, "test/accuracy.low": 0.8},
)  # fmt: skip
POINTS = [LearningPoint(step, {"loss": 1 / step, "validation-loss": 2 / step}) for step in (1, 2, 3)]


def _has(python: str, module: str) -> bool:
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="session")
def real_python() -> str:
    python = os.environ.get("MODELWRIGHT_MLFLOW_PYTHON", sys.executable)
    if not (_has(python, "mlflow") and _has(python, "sqlalchemy")):
        pytest.skip("MLflow is not installed; MODELWRIGHT_MLFLOW_PYTHON may name a Python that has it")
    return python


@pytest.fixture
def with_mlflow(real_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "PYTHON", real_python)
    monkeypatch.setattr(tracker, "installed", lambda name: True)
    monkeypatch.setattr(tracker, "WAIT_S", 120.0)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the libraries for installed, whether they are or not."""
    monkeypatch.setattr(tracker, "installed", lambda name: True)


def _target(folder: Path, uri: str | None = None, board: Path | None = None) -> RecordTarget:
    return RecordTarget(
        "route", uri or f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri(), board
    )


def _record(
    target: RecordTarget, root: Path, points: list[LearningPoint], tracked: Tracked = TRACKED
) -> object:
    found = Tracker(target, root)
    try:
        with Watching(Silent(), found, tracked).task("learning") as task:
            for point in points:
                task.record(point)  # type: ignore[attr-defined]
        return found.finish(tracked, failed=False)
    finally:
        found.close()


def _rows(root: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(root / "mlflow.db")) as database:
        return sorted(database.execute(query).fetchall())


@pytest.mark.usefixtures("with_mlflow")
def test_a_run_is_in_mlflow_once_with_its_settings_points_figures_and_tags(tmp_path: Path) -> None:
    target = _target(tmp_path)
    assert _record(target, tmp_path, POINTS) is None
    points = "select key, step, value from metrics where key like '%loss'"
    expected = [("loss", step, 1 / step) for step in (1, 2, 3)]
    expected += [("validation-loss", step, 2 / step) for step in (1, 2, 3)]
    assert _rows(tmp_path, points) == expected
    assert _rows(tmp_path, "select key, value from params") == sorted(TRACKED.params.items())
    assert ("modelwright.package", "ab") in _rows(tmp_path, "select key, value from tags")
    assert _rows(tmp_path, "select status, name from runs") == [("FINISHED", "route 1")]
    figures = "select key, value from metrics where key like 'test%'"
    assert _rows(tmp_path, figures) == sorted(TRACKED.figures.items())

    again = Tracker(target, tmp_path)
    assert again.finish(TRACKED, failed=False) is None
    assert not again.running, "what is written is not looked at again"

    # other test rows, of what was learned before: the same run, and no point twice
    newer = Tracked(TRACKED.identity, TRACKED.params, "evidence-2", "route 2", {}, {"test/accuracy": 0.7})
    assert _record(target, tmp_path, POINTS, newer) is None
    assert _rows(tmp_path, points) == expected
    assert _rows(tmp_path, "select status, name from runs") == [("FINISHED", "route 2")]


def _trials(*states: str) -> tuple[TrackedTrial, ...]:
    status = {"done": "FINISHED", "failed": "FAILED", "pruned": "KILLED"}
    return tuple(
        TrackedTrial(
            f"0123abcd.{number}",
            f"trial {number}",
            status[state],
            {"learn.rate": f"0.{number}"},
            {"modelwright.state": state},
            {"seconds": 1.0 + number},
        )
        for number, state in enumerate(states)
    )


@pytest.mark.usefixtures("with_mlflow")
def test_the_trials_of_a_search_are_runs_below_that_of_its_winner_and_none_is_there_twice(
    tmp_path: Path,
) -> None:
    searched = replace(TRACKED, trials=_trials("done", "pruned"))
    assert _record(_target(tmp_path), tmp_path, POINTS, searched) is None
    (parent,) = _rows(tmp_path, "select run_uuid from runs where name = 'route 1'")
    of_parents = "select run_uuid from tags where key = 'mlflow.parentRunId'"
    below = f"select name, status from runs where run_uuid in ({of_parents})"
    assert _rows(tmp_path, below) == [("trial 0", "FINISHED"), ("trial 1", "KILLED")]
    parents = "select distinct value from tags where key = 'mlflow.parentRunId'"
    assert _rows(tmp_path, parents) == [parent]
    assert _rows(tmp_path, "select key, value from params where value like '0.%' and key = 'learn.rate'") == [
        ("learn.rate", "0.0"),
        ("learn.rate", "0.1"),
        ("learn.rate", "0.1"),  # the winner's own
    ]
    assert _rows(tmp_path, "select value from metrics where key = 'seconds'") == [(1.0,), (2.0,)]

    # the search has gone on, and takes the same trial
    more = replace(searched, trials=_trials("done", "pruned", "failed"))
    assert _record(_target(tmp_path), tmp_path, POINTS, more) is None
    assert _rows(tmp_path, below) == [("trial 0", "FINISHED"), ("trial 1", "KILLED"), ("trial 2", "FAILED")]
    again = Tracker(_target(tmp_path), tmp_path)
    assert again.finish(more, failed=False) is None
    assert not again.running


def test_a_leaderboard_is_recorded_with_its_places_and_what_each_trial_was(tmp_path: Path) -> None:
    accuracy = Measurement(Subject("accuracy", "risk"), Phase.TEST, 0.9, 0.8, 0.95, 40, "wilson", 0.95)
    size = Measurement(Subject("size"), Phase.PACKAGE, 2e5, 2e5, 2e5, 1, "exact", 0.95)
    tried = SearchTrial(
        0, {"model.learner": "trees", "model.leaves": 7}, (), "failed", 3.0, why=Phrase("tune.killed")
    )
    found = SearchTrial(
        1, {"model.learner": "linear"}, (), "done", 2.0, "linear", (accuracy, size), package="ab" * 32
    )
    search = Search((tried, found), {"risk": ("accuracy", True)}, (), "trials", "tpe", "none", 0, 1, 2, 5.0)
    judged = judge_trials(search, (), None)
    assert judged is not None
    first, second = tracked_run.trials_of("0123", Searched(search, judged))
    assert (first.identity, first.name, first.status) == ("0123.1", "trial 1", "FINISHED")
    assert first.figures == {
        "place": 1.0,
        "seconds": 2.0,
        "validation/risk.accuracy": 0.9,
        "validation/risk.accuracy.low": 0.8,
        "validation/risk.accuracy.high": 0.95,
        "validation/risk.accuracy.n": 40.0,
        "package/size": 2e5,
        "package/size.low": 2e5,
        "package/size.high": 2e5,
        "package/size.n": 1.0,
    }
    assert first.tags["modelwright.taken"] == "true"
    assert (second.status, second.figures, second.params) == (
        "FAILED",
        {"seconds": 3.0},
        {"model.learner": "trees", "model.leaves": "7"},
    )
    assert second.tags["modelwright.why"] == str(Phrase("tune.killed"))


@pytest.mark.usefixtures("with_mlflow")
def test_a_run_that_was_killed_goes_on_in_the_run_of_mlflow_that_it_began(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from modelwright.core.progress import LearningPoint\n"
        "from modelwright.project.tracking import tracker\n"
        "tracker.PYTHON, tracker.installed = sys.argv[2], lambda name: True\n"
        "root = Path(sys.argv[1])\n"
        "target = tracker.RecordTarget('route', f'sqlite:///{root}/mlflow.db', None, None)\n"
        "one = tracker.Tracker(target, root)\n"
        "one.begin(tracker.Tracked('0123abcd', {'learner': 'network'}))\n"
        "one.point(LearningPoint(1, {'loss': 1.0}))\n"
        "one._send()\n"
        "while one._lines.qsize():\n"
        "    time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), tracker.PYTHON], check=False)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if _rows(tmp_path, "select status from runs") == [("KILLED",)]:
                break
        except sqlite3.Error:
            pass
        time.sleep(0.1)
    assert _record(_target(tmp_path), tmp_path, POINTS) is None
    assert _rows(tmp_path, "select step from metrics where key = 'loss'") == [(1,), (2,), (3,)]
    assert _rows(tmp_path, "select status from runs") == [("FINISHED",)]


@pytest.mark.usefixtures("anywhere")
def test_what_was_written_is_known_where_the_whole_store_was_moved_to(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    Tracker(_target(before), before)._note("0123abcd", "evidence")
    before.rename(after)
    moved = Tracker(_target(after), after)
    assert moved.finish(Tracked("0123abcd", {}, evidence="evidence"), failed=False) is None
    assert not moved.running
    for elsewhere in (_target(tmp_path), _target(after, "http://127.0.0.1:5000")):
        assert Tracker(elsewhere, after)._written("0123abcd") is None


@pytest.mark.usefixtures("with_mlflow")
@pytest.mark.parametrize("answers", [False, True])
def test_a_server_that_is_down_or_says_nothing_is_named_within_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    monkeypatch.setattr(tracker, "WAIT_S", 60.0)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if answers:  # the system accepts; nobody reads
            listening.listen(8)
        uri = f"http://user:secret@127.0.0.1:{listening.getsockname()[1]}"
        started = time.monotonic()
        notice = _record(_target(tmp_path, uri), tmp_path, POINTS)
    assert time.monotonic() - started < 70
    assert notice is not None
    assert str(notice).startswith("what was learned is not recorded in http://…@127.0.0.1:")
    assert "secret" not in str(notice)


@pytest.mark.usefixtures("with_mlflow")
def test_tensorboard_reads_what_was_written_and_nothing_twice(tmp_path: Path, real_python: str) -> None:
    if not _has(real_python, "tensorboard"):
        pytest.skip("TensorBoard is not installed")
    board = tmp_path / "board"
    target = RecordTarget("route", None, None, board)
    assert _record(target, tmp_path, POINTS[:2]) is None
    newer = Tracked(TRACKED.identity, {}, "evidence-2", None, {}, {"test/accuracy": 0.5})
    assert _record(target, tmp_path, POINTS, newer) is None
    code = (
        "import json, sys\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        "found = EventAccumulator(sys.argv[1]).Reload()\n"
        "print(json.dumps({tag: [[e.step, e.value] for e in found.Scalars(tag)] for tag in found.Tags()['scalars']}))\n"
    )
    read = subprocess.run(
        [real_python, "-c", code, str(board / TRACKED.identity)], check=True, capture_output=True, text=True
    )
    found = json.loads(read.stdout)
    assert found["loss"] == [[step, pytest.approx(1 / step)] for step in (1, 2, 3)]
    assert found["test/accuracy"] == [[0, 0.5]]


@pytest.fixture
def server(real_python: str, tmp_path: Path) -> Iterator[str]:
    if not _has(real_python, "flask"):
        pytest.skip("MLflow's server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        real_python,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 'mlflow.db'}",
        "--artifacts-destination",
        str(tmp_path),
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        try:
            uri, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 200
            while True:
                try:
                    with urllib.request.urlopen(f"{uri}/health", timeout=5):
                        break
                except OSError:
                    assert time.monotonic() < deadline, "MLflow's server did not start"
                    time.sleep(0.3)
            yield uri
        finally:
            os.killpg(process.pid, 9)


@pytest.mark.proof
@pytest.mark.usefixtures("with_mlflow")
def test_a_real_server_of_mlflow_holds_what_sqlite_does(tmp_path: Path, server: str) -> None:
    assert _record(_target(tmp_path, server), tmp_path, POINTS) is None
    assert _rows(tmp_path, "select step from metrics where key = 'loss'") == [(1,), (2,), (3,)]
    assert _rows(tmp_path, "select status, name from runs") == [("FINISHED", "route 1")]


STAND_INS = {
    "dies": "raise SystemExit(1)",
    "dies while it is told": "import sys; sys.stdin.readline(); raise SystemExit(1)",
    "hangs and reads nothing": "import time; time.sleep(600)",
    "hangs at the end": "import sys, time; sys.stdin.read(1); time.sleep(600)",
    "answers with nonsense": "import sys\nfor line in sys.stdin:\n    print('hm', flush=True)",
}


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("does", STAND_INS)
def test_a_process_that_fails_or_hangs_costs_a_bounded_time_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_INS[does])
    monkeypatch.setattr(recorder, "__file__", str(tmp_path / "stand_in.py"))
    monkeypatch.setattr(tracker, "WAIT_S", 1.0)
    many = [LearningPoint(step, {"loss": 1 / step}) for step in range(1, 50_000)]  # more than a pipe holds
    started = time.monotonic()
    notice = _record(_target(tmp_path), tmp_path, many)
    assert time.monotonic() - started < 20
    assert notice is not None
    assert "mlflow.db" in str(notice)
    assert not (tmp_path / "tracked.json").exists(), "the next run tries again"


@pytest.mark.usefixtures("anywhere")
def test_a_library_that_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # before all that is installed
    for name in ("mlflow", "tensorboard"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken on purpose')")
    notice = _record(_target(tmp_path, board=tmp_path / "board"), tmp_path, POINTS)
    assert "ImportError: broken on purpose" in str(notice)


@pytest.mark.usefixtures("anywhere")
def test_what_a_library_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow 3 prints the addresses of a run that has ended, where it is a server's."""
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").write_text("")
    (tmp_path / "mlflow" / "entities.py").write_text("Metric = Param = RunTag = lambda *values: values")
    (tmp_path / "mlflow" / "tracking.py").write_text(
        "import os\nfrom unittest.mock import MagicMock\n\n\n"
        "class MlflowClient:\n"
        "    def __init__(self, uri):\n        pass\n\n"
        "    def __getattr__(self, name):\n        return MagicMock()\n\n"
        "    def search_runs(self, *values, **named):\n        return []\n\n"
        "    def set_terminated(self, *values):\n"
        "        print('View run at: http://127.0.0.1', flush=True)\n        os.write(1, b'{}\\n')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert _record(_target(tmp_path), tmp_path, POINTS) is None


BAD_URIS = {
    "http://[::1": "it is not a URI",
    "http://user:secret@127.0.0.1:99999": "it is not a URI",
    "http://user:sec/ret@127.0.0.1:5000": "it is not a URI",
    "http://user:secret": "it is not a URI",
    "https:///": "it names no host",
}


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("uri", BAD_URIS)
def test_what_is_no_uri_is_said_in_a_line_and_stops_nothing(tmp_path: Path, uri: str) -> None:
    notice = str(_record(_target(tmp_path, uri), tmp_path, POINTS))
    assert f"ValueError: {BAD_URIS[uri]}: look whether it runs and its URI is right" in notice
    assert "ret@" not in notice, "no part of a password"


@pytest.mark.usefixtures("anywhere")
def test_a_port_that_is_closed_is_said_without_waiting_for_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.py").write_text("raise ImportError('it was imported')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        uri = f"http://u:secret@127.0.0.1:{bound.getsockname()[1]}"
        notice = str(_record(_target(tmp_path, uri), tmp_path, POINTS))
    assert "ConnectionRefusedError" in notice
    assert "secret" not in notice


class _Trickling:
    """A client that takes whatever interrupts its waiting for a line that broke, as HTTP libraries do."""

    def get_run(self) -> None:
        for _ in range(100):
            try:
                time.sleep(0.1)
            except OSError:
                continue
        raise AssertionError("nobody ended it")

    def quick(self, value: int) -> int:
        return value


def test_a_request_ends_within_its_time_whatever_the_library_catches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "ANSWER_S", 0.2)
    client = recorder._InTime(_Trickling())
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        client.get_run()
    assert client.quick(3) == 3
    time.sleep(0.3)  # and nothing rings later


def test_a_server_that_wants_a_password_says_which_variables_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "API request failed with error code 401 != 200. Response body: 'denied'"
    (tmp_path / "stand_in.py").write_text(
        "import json, sys\nfor line in sys.stdin:\n    if 'status' in line: break\n"
        f"print(json.dumps({{'failed': {{'mlflow': {reason!r}}}}}), flush=True)"
    )
    monkeypatch.setattr(recorder, "__file__", str(tmp_path / "stand_in.py"))
    monkeypatch.setattr(tracker, "installed", lambda name: True)
    assert "MLFLOW_TRACKING_PASSWORD" in str(
        _record(_target(tmp_path, "http://127.0.0.1:1"), tmp_path, POINTS)
    )


def test_where_records_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "store"

    def of(**given: object) -> RecordTarget:
        return RecordTarget.of(TrackingConfig.model_validate(given), "route", tmp_path, root)

    assert of().mlflow == f"sqlite:///{root}/mlflow.db"
    assert of(mlflow=False).mlflow is None
    assert of(mlflow="http://here", experiment="trials") == RecordTarget("trials", "http://here", None, None)
    assert of(mlflow=False, tensorboard="runs").tensorboard == tmp_path / "runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there")
    assert (of().mlflow, of().artifacts) == ("http://there", None)
    assert of(mlflow="http://here").mlflow == "http://here"


def test_what_is_asked_for_and_lacking_is_named_and_the_default_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracker, "installed", lambda name: False)
    for given, lacking in (
        ({}, []),
        ({"mlflow": False}, []),
        ({"mlflow": "http://here"}, ["mlflow"]),
        ({"tensorboard": "runs"}, ["tensorboard"]),
    ):
        config = TrackingConfig.model_validate(given)
        target = RecordTarget.of(config, "route", tmp_path, tmp_path)
        assert list(target.lacking(config)) == lacking
        assert not Tracker(target, tmp_path).writes


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("test", "accuracy"), "test/accuracy"),
        (("test", "部门.recall[卡 丢失]"), "test/部门.recall/卡 丢失"),
        (("test", "recall[a<b>] where x == 'y'"), "test/recall/a_b_ where x __ _y_"),
        ((None, "loss"), "loss"),
    ],
)
def test_names_are_those_that_mlflow_takes(parts: tuple[str | None, ...], name: str) -> None:
    assert tracker.key(*parts) == name
