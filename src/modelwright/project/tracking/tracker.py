"""Tells a process of its own what a run learned and measured; nothing here waits for it longer than a bounded time."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from modelwright.core import digests
from modelwright.core import progress as progress_of
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice
from modelwright.core.progress import LearningPoint, Progress, ProgressTask
from modelwright.project.tracking import recorder
from modelwright.project.tracking.tracking_config import TrackingConfig
from modelwright.storage import disk
from modelwright.storage.user_paths import expanded

PYTHON = sys.executable
LIBRARIES = {"mlflow": "mlflow", "tensorboard": "tensorboard"}  # what is written → the module that writes it
WAIT_S = 30.0  # at the end of a run, for what writes the records
_SEND_EVERY_S = 2.0
_REFUSED = re.compile(r"\berror code 40[13]\b")  # as MLflow words what a server answers
_JOURNAL = "tracked.json"  # in the store: where → identity → the evidence that was written
# MLflow waits two minutes a request and tries seven times, unless it is told otherwise; 3.x also reports home.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


@dataclass(frozen=True)
class RecordTarget:
    """Where records go: the URI of MLflow, the folder of TensorBoard, None where nothing goes there."""

    experiment: str
    mlflow: str | None
    artifacts: str | None
    tensorboard: Path | None

    @classmethod
    def of(cls, config: TrackingConfig, function: str, folder: Path, root: Path) -> RecordTarget:
        """Return what a section says; `folder` is the project's, `root` that of its store."""
        uri, artifacts = None, None
        if config.mlflow is not False:
            uri = config.mlflow if isinstance(config.mlflow, str) else os.environ.get("MLFLOW_TRACKING_URI")
            if not uri:
                uri, artifacts = f"sqlite:///{root / 'mlflow.db'}", (root / "mlflow").as_uri()
        board = None if config.tensorboard is None else folder / expanded(config.tensorboard)
        return cls(config.experiment or function, uri, artifacts, board)

    def lacking(self, config: TrackingConfig) -> Iterator[str]:
        """Yield the libraries that the project asks for and this machine does not have."""
        wanted = {
            "mlflow": isinstance(config.mlflow, str)
            or bool(os.environ.get("MLFLOW_TRACKING_URI") and self.mlflow),
            "tensorboard": self.tensorboard is not None,
        }
        yield from (name for name, is_wanted in wanted.items() if is_wanted and not installed(name))

    def possible(self) -> RecordTarget:
        """Return the target less what this machine has no library for."""
        return RecordTarget(
            self.experiment,
            self.mlflow if installed("mlflow") else None,
            self.artifacts,
            self.tensorboard if installed("tensorboard") else None,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return where records go, in words that may be shown."""
        return tuple(
            str(one)
            for one in (without_password(self.mlflow) if self.mlflow else None, self.tensorboard)
            if one
        )


def installed(name: str) -> bool:
    """Tell whether the library behind is there; nothing is imported."""
    return importlib.util.find_spec(LIBRARIES[name]) is not None


def without_password(uri: str) -> str:
    """Return a URI as it may be shown."""
    scheme, separator, rest = uri.partition("://")
    if scheme in {"file", "sqlite"} or "@" not in rest:
        return uri
    # at the last @, for a password may hold any character, and the rest then is no URI that could be parsed
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}"


@dataclass(frozen=True)
class TrackedTrial:
    """A trial of a search, as a run below that of its winner; status: MLflow's."""

    identity: str
    name: str
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Tracked:
    """What is recorded of a run beside its points.

    identity: of what was learned, by all that decides it; evidence: of what was measured, empty where nothing was;
    trials: of the search before it, in the order of the leaderboard.
    """

    identity: str
    params: Mapping[str, str]
    evidence: str = ""
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    trials: tuple[TrackedTrial, ...] = ()


class Tracker:
    """Records one run. A Progress passes through it (`watching`), so that points are written as they come."""

    def __init__(self, target: RecordTarget, root: Path) -> None:
        self._target, self._root = target.possible(), root
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._waiting: list[list[object]] = []
        self._sent_at = time.monotonic()
        self._answers: queue.Queue[str] = queue.Queue()
        self._threads: tuple[threading.Thread, ...] = ()

    @property
    def running(self) -> bool:
        """Tell whether the process that writes was started."""
        return self._process is not None

    @property
    def writes(self) -> bool:
        """Tell whether there is anywhere to write to."""
        return self._target.mlflow is not None or self._target.tensorboard is not None

    def begin(self, tracked: Tracked) -> None:
        """Start the process that writes, if it is not running yet."""
        if self._process is not None or not self.writes:
            return
        environment = {**_ENVIRONMENT, **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._process = subprocess.Popen(  # noqa: S603 - our own file, by the Python that runs this
            # -P: the folder of the file is no place to import from
            [PYTHON, "-P", recorder.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=self._root,  # what a library leaves beside it is not left in the project
            start_new_session=True,  # an interrupt of the run is the run's; this one sees its input end
        )
        self._threads = (
            threading.Thread(target=_write, args=(self._process, self._lines), daemon=True),
            threading.Thread(target=_read, args=(self._process, self._answers), daemon=True),
        )
        for thread in self._threads:
            thread.start()
        target = self._target
        begin: JsonObject = {
            "mlflow": None
            if target.mlflow is None
            else {"uri": target.mlflow, "experiment": target.experiment, "artifacts": target.artifacts},
            "tensorboard": None if target.tensorboard is None else str(target.tensorboard),
            "id": tracked.identity,
            "name": tracked.identity[:12],
            "params": dict(tracked.params),
        }
        self._lines.put(json.dumps(begin))

    def point(self, point: LearningPoint) -> None:
        """Write a point, with those that come within the next seconds."""
        now = int(time.time() * 1000)
        self._waiting += [
            [key(point.of, name), value, point.step, now] for name, value in point.figures.items()
        ]
        if self._process is not None and time.monotonic() - self._sent_at >= _SEND_EVERY_S:
            self._send()

    def finish(self, tracked: Tracked, *, failed: bool) -> Notice | None:
        """Write the rest, and wait a bounded time; returns what went wrong, None where all is written."""
        last = tracked.evidence or "learned"
        if tracked.trials:  # a search may go on, and take the same trial
            last += f"+{len(tracked.trials)}"
        if not self.writes or (self._process is None and self._written(tracked.identity) == last):
            return None
        self.begin(tracked)
        self._send()
        status = "FAILED" if failed else "FINISHED"
        end = {"status": status, "name": tracked.name, "tags": tracked.tags, "figures": tracked.figures}
        self._lines.put(json.dumps({**end, "trials": [asdict(one) for one in tracked.trials]}))
        found = self._ended()
        if found == {}:
            self._note(tracked.identity, last)
            return None
        where = ", ".join(self._target.names)
        if found is None:
            return Notice("tracking.no-answer", where=None, target=where, seconds=WAIT_S)
        reason = "; ".join(dict.fromkeys(found.values()))
        kind = "refused" if _REFUSED.search(reason) else "failed"
        return Notice("tracking.failed", where=None, target=where, reason=reason, kind=kind)

    def _send(self) -> None:
        if self._waiting:
            self._lines.put(json.dumps({"points": self._waiting}))
            self._waiting, self._sent_at = [], time.monotonic()

    def _ended(self) -> Mapping[str, str] | None:
        """Return what failed by its name, None where the process did not answer in time."""
        try:
            answer = self._answers.get(timeout=WAIT_S)
            return dict(json.loads(answer)["failed"])
        except (queue.Empty, ValueError, KeyError, TypeError):
            return None
        finally:
            self.close()

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is None or self._process.poll() is not None:
            self._join()
            return
        self._lines.put(None)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        self._process.kill()
        self._process.wait()
        self._join()

    def _join(self) -> None:
        """Wait for the threads, which end where the process has."""
        self._lines.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = ()

    def _written(self, identity: str) -> str | None:
        return self._journal().get(self._place, {}).get(identity)

    def _note(self, identity: str, evidence: str) -> None:
        journal = self._journal()
        journal.setdefault(self._place, {})[identity] = evidence
        with suppress(OSError):  # where it cannot be written, the next run looks again
            disk.write_atomically(self._root / _JOURNAL, json.dumps(journal, indent=1))

    def _journal(self) -> dict[str, dict[str, str]]:
        try:
            found = json.loads((self._root / _JOURNAL).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def _place(self) -> str:
        """Return a name of the target that holds no password, and is the same where the whole store was moved to."""
        target = self._target
        mlflow = None if target.mlflow is None else target.mlflow.replace(str(self._root), "")
        return digests.of_json([mlflow, target.experiment, str(target.tensorboard)])[:16]


class Watching:
    """A Progress whose recorded points are written, too; `begin` is called before the first."""

    def __init__(self, inner: Progress, tracker: Tracker, begin: Tracked) -> None:
        self._inner, self._tracker, self._begin = inner, tracker, begin

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task."""
        with self._inner.task(title, total) as task:
            yield _TrackedTask(task, self._tracker, self._begin)

    def say(self, line: str) -> None:
        """Show one line."""
        self._inner.say(line)


class _TrackedTask:
    def __init__(self, inner: ProgressTask, tracker: Tracker, begin: Tracked) -> None:
        self._inner, self._tracker, self._begin = inner, tracker, begin

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self._inner.advance(steps, note)

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        progress_of.seen(self._inner, figures, rows)

    def record(self, point: LearningPoint) -> None:
        self._tracker.begin(self._begin)
        self._tracker.point(point)
        progress_of.record(self._inner, point)


def key(*parts: str | None) -> str:
    """Return a name that MLflow takes: letters of any script, digits, `_ - . /` and spaces.

    >>> key("test", "recall[a+b]")
    'test/recall/a_b'
    """
    name = "/".join(part for part in parts if part)
    name = name.replace("[", "/").replace("]", "")
    return re.sub(r"[^/\w.\- ]", "_", name)[:250]


def _write(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Write lines until None comes or nobody reads."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        while (line := lines.get()) is not None:
            process.stdin.write(line + "\n")
            process.stdin.flush()
    with suppress(OSError, ValueError):
        process.stdin.close()


def _read(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Take the one line that the process answers, empty where it ended without."""
    assert process.stdout is not None
    with process.stdout as stream:
        answers.put(stream.readline())
