"""Writes experiment records, in a process of its own: it may hang or fail, and learning goes on.

Run as a file with nothing of Modelwright imported. On standard input come lines of JSON:

    {"mlflow": {"uri", "experiment", "artifacts"} or null, "tensorboard": folder or null, "id", "name", "params"}
    {"points": [[figure, value, step, milliseconds], …]}            any number of times
    {"status": "FINISHED", "name", "tags": {…}, "figures": {…},     the end
     "trials": [{"identity", "name", "status", "params", "tags", "figures"}, …]}

and on standard output, at the end, one: {"failed": {"mlflow": why, …}}. Input that stops before its end is that
of a run that was killed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

IDENTITY = "modelwright.id"
_PARENT = "mlflow.parentRunId"  # the tag by which MLflow shows a run below another
_MOST_METRICS = 1000  # of one request, MLflow's own limit
_MOST_PARAMS = 100
_LONGEST = 500  # characters of a param, which every MLflow takes
_CONNECT_S = 2.0
ANSWER_S = 4.0  # for each request of a server, with all that MLflow tries again
_PORTS = {"http": 80, "https": 443}
_PASSWORD = re.compile(r"//[^/\s]+@")


class Sink(Protocol):
    """Where records go. Methods raise whatever the library behind raises."""

    def points(self, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Write figures of steps."""

    def end(self, last: Mapping[str, Any]) -> None:
        """Write the figures, tags and status of the end."""


class _InTime:
    """A client of a server, each call of which ends within a bounded time: MLflow bounds no answer that trickles."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._client, name)

        def call(*values: Any, **named: Any) -> Any:
            with _within(ANSWER_S):
                return called(*values, **named)

        return call


class _LateError(Exception):
    """Time is up. No OSError, which HTTP libraries take for a broken line, and try again."""


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise TimeoutError where what is done takes longer, whatever becomes of errors in it."""
    is_late = False

    def stop(number: int, frame: object) -> None:
        nonlocal is_late
        is_late = True
        raise _LateError

    before = signal.signal(signal.SIGALRM, stop)
    # again each second, where something took it for its own
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    except Exception as error:
        if is_late:
            raise TimeoutError(f"no answer within {seconds:g} s") from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _look_for(uri: str) -> bool:
    """Tell whether a URI is that of a server; raises OSError where it is, and nobody listens there.

    Seconds sooner than MLflow, whose import is most of what is spent on a server that is down, and in fewer words.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:  # which quotes what may be a password
        raise ValueError("it is not a URI") from None
    if parts.scheme not in _PORTS:
        return False
    if not host:
        raise ValueError("it names no host")
    by_way_of = urllib.request.getproxies()
    if parts.scheme in by_way_of and not urllib.request.proxy_bypass(host):
        return True  # the proxy knows who listens
    with socket.create_connection((host, port or _PORTS[parts.scheme]), timeout=_CONNECT_S):
        return True


class MlflowSink:
    """One run of MLflow, found again by its identity, so that nothing is written twice."""

    def __init__(self, begin: Mapping[str, Any]) -> None:
        where = begin["mlflow"]
        is_server = _look_for(where["uri"])
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(where["uri"])
        if is_server:
            self._client = _InTime(self._client)
        experiment = self._client.get_experiment_by_name(where["experiment"])
        number = (
            self._client.create_experiment(where["experiment"], artifact_location=where["artifacts"])
            if experiment is None
            else experiment.experiment_id
        )
        found = self._client.search_runs(
            [number],
            f"tags.`{IDENTITY}` = '{begin['id']}'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        self._seen: dict[str, set[int]] = {}
        self._experiment = number
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            for key in found[0].data.metrics:
                self._seen[key] = {one.step for one in self._client.get_metric_history(self._run, key)}
        else:
            tags = {IDENTITY: begin["id"]}
            self._run = self._client.create_run(number, tags=tags, run_name=begin["name"]).info.run_id
            self._params(self._run, begin["params"])

    def _params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        given = [Param(key, value[:_LONGEST]) for key, value in params.items()]
        for first in range(0, len(given), _MOST_PARAMS):
            self._client.log_batch(run, params=given[first : first + _MOST_PARAMS])

    def _measured(self, run: str, last: Mapping[str, Any]) -> None:
        """Write figures and tags of a run."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        metrics = [Metric(key, value, now, 0) for key, value in last.get("figures", {}).items()]
        for first in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(run, metrics=metrics[first : first + _MOST_METRICS])
        tags = [RunTag(key, str(value)) for key, value in last.get("tags", {}).items()]
        for first in range(0, len(tags), _MOST_PARAMS):
            self._client.log_batch(run, tags=tags[first : first + _MOST_PARAMS])

    def _trials(self, trials: Iterable[Mapping[str, Any]]) -> None:
        """Write the trials that are not there to their end yet, each as a run below this one."""
        for trial in trials:
            found = self._client.search_runs(
                [self._experiment], f"tags.`{IDENTITY}` = '{trial['identity']}'", max_results=1
            )
            if found and found[0].info.status == trial["status"]:
                continue
            if found:  # a recording that was ended between its first line and its last
                self._client.delete_run(found[0].info.run_id)
            tags = {IDENTITY: trial["identity"], _PARENT: self._run}
            run = self._client.create_run(self._experiment, tags=tags, run_name=trial["name"]).info.run_id
            self._params(run, trial["params"])
            self._measured(run, trial)
            self._client.set_terminated(run, trial["status"])

    def points(self, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Write the steps that are not there yet."""
        from mlflow.entities import Metric

        new = []
        for key, value, step, at in points:
            steps = self._seen.setdefault(key, set())
            if step not in steps:
                steps.add(step)
                new.append(Metric(key, value, at, step))
        for first in range(0, len(new), _MOST_METRICS):
            self._client.log_batch(self._run, metrics=new[first : first + _MOST_METRICS])

    def end(self, last: Mapping[str, Any]) -> None:
        """Write what was measured, the trials of the search, and close the run."""
        self._measured(self._run, last)
        self._trials(last.get("trials", ()))
        if last.get("name"):
            self._client.update_run(self._run, name=last["name"])
        self._client.set_terminated(self._run, last["status"])


class TensorboardSink:
    """Event files in a folder of their own, written anew: a run that goes on says again what was before."""

    def __init__(self, begin: Mapping[str, Any]) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        folder = Path(begin["tensorboard"]) / begin["id"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._writer = EventFileWriter(str(folder))
        self._seen: set[tuple[str, int]] = set()

    def points(self, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Write the steps that are not there yet."""
        for key, value, step, at in points:
            if (key, step) not in self._seen:
                self._seen.add((key, step))
                self._write(key, value, step, at)
        self._writer.flush()

    def end(self, last: Mapping[str, Any]) -> None:
        """Write what was measured."""
        for key, value in last.get("figures", {}).items():
            self._write(key, value, 0, int(time.time() * 1000))
        self._writer.close()

    def _write(self, key: str, value: float, step: int, at: int) -> None:
        figure = self._summary(value=[self._summary.Value(tag=key, simple_value=value)])
        self._writer.add_event(self._event(wall_time=at / 1000, step=step, summary=figure))


class _Sinks:
    """The sinks that still work; one that fails is left out from then on, and its reason is kept."""

    def __init__(self) -> None:
        self._open: dict[str, Sink] = {}
        self.failed: dict[str, str] = {}

    def add(self, name: str, made: Callable[[], Sink]) -> None:
        """Open a sink."""
        try:
            self._open[name] = made()
        except Exception as error:  # of whatever library
            self._fail(name, error)

    def each(self, do: Callable[[Sink], None]) -> None:
        """Do something with each."""
        for name, sink in list(self._open.items()):
            try:
                do(sink)
            except Exception as error:
                del self._open[name]
                self._fail(name, error)

    def _fail(self, name: str, error: Exception) -> None:
        # libraries quote the URI that they could not reach, whole
        text = _PASSWORD.sub("//…@", " ".join(str(error).split()))
        self.failed[name] = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def main() -> None:
    """Read lines until the end, and write them down."""
    logging.disable(logging.ERROR)  # what MLflow says of its tables would stand on the user's screen
    # MLflow prints where a run can be seen: what libraries print is no answer
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines = sys.stdin
    begin = json.loads(lines.readline() or "null")
    if begin is None:
        return
    sinks = _Sinks()
    if begin["mlflow"] is not None:
        sinks.add("mlflow", lambda: MlflowSink(begin))
    if begin["tensorboard"] is not None:
        sinks.add("tensorboard", lambda: TensorboardSink(begin))
    for line in lines:
        message = json.loads(line)
        if "points" in message:
            points = [tuple(point) for point in message["points"]]
            sinks.each(lambda sink, points=points: sink.points(points))  # type: ignore[misc]
        else:
            sinks.each(lambda sink, last=message: sink.end(last))  # type: ignore[misc]
            answers.write(json.dumps({"failed": sinks.failed}) + "\n")
            answers.flush()
            return
    sinks.each(lambda sink: sink.end({"status": "KILLED"}))


if __name__ == "__main__":
    main()
