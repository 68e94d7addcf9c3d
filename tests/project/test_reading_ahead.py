"""The worker that was started ahead reads the version in production before the gateway is imported."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelwright.cli.verbs.in_production import _open_otherwise
from modelwright.core.rollouts.strategy import Strategy
from modelwright.engine.lineage import MadeFrom
from modelwright.engine.store import Store
from modelwright.gateway.config import ServeConfig
from modelwright.project.serving.reading_ahead import read_released
from modelwright.runtime.worker import worker_process
from modelwright.runtime.worker.frames import Unpacker
from modelwright.runtime.worker.worker_process import OPENED_BY, WorkerProcess
from modelwright.storage.state.database import State

CANARY = Strategy("canary", (0.1, 0.5), least_rows=100, least_s=60, deadline_s=3600)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Return the end of the socket that the worker started ahead would read."""
    ours, theirs = socket.socketpair()
    with ours, theirs, subprocess.Popen([sys.executable, "-c", ""]) as process:
        monkeypatch.setattr(worker_process, "_ahead", [WorkerProcess(process, ours)])
        theirs.settimeout(10)
        yield theirs


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def state(store: Store, tmp_path: Path) -> State:
    """Return a state with two versions, of which neither is released and the first one's package is there."""
    made_from = MadeFrom(config={}, inputs={})
    key = made_from.key("package")
    with store.lock("package", key):
        out = store.fresh("package", key)
        (out / "package").mkdir()
        (out / "package" / "manifest.json").write_text("{}")
        store.seal(out, "package", key, made_from, {})
    found = State.open(tmp_path / "state.db")
    for package_key in (key, "gone"):
        found.register_version(
            package_digest=package_key,
            evidence_digest="e",
            champion_digest=None,
            package_key=package_key,
            evidence_key="e",
        )
    return found


def reads() -> Path | None:
    return worker_process._ahead[0].reads


def test_it_reads_what_is_in_production(worker: socket.socket, state: State, store: Store) -> None:
    read_released(ServeConfig(), state, store)
    assert reads() is None  # nothing is released
    state.request_release(1, "direct", "test")
    read_released(ServeConfig(port=9, unseen="refuse"), state, store)
    assert reads() == store.folder("package", state.version(1).package_key) / "package"
    assert [*Unpacker().feed(worker.recv(1 << 16))] == [["read", str(reads())]]


@pytest.mark.parametrize("stated", [{"threads": 2}, {"workers": 2}, {"device": "cpu"}])
def test_it_reads_nothing_that_is_to_be_opened_otherwise(
    worker: socket.socket, state: State, store: Store, stated: dict[str, object]
) -> None:
    state.request_release(1, "direct", "test")
    read_released(ServeConfig(**stated), state, store)
    assert reads() is None


def test_it_reads_nothing_during_a_rollout(worker: socket.socket, state: State, store: Store) -> None:
    state.request_release(1, "direct", "test")
    state.request_release(2, "canary", "test", CANARY)
    assert state.rolling_release() is not None
    read_released(ServeConfig(), state, store)
    assert reads() is None


def test_a_package_that_is_gone_is_left_to_the_gateway(
    worker: socket.socket, state: State, store: Store
) -> None:
    state.request_release(2, "direct", "test")
    read_released(ServeConfig(), state, store)
    assert reads() is None


@pytest.mark.parametrize(
    ("settings", "otherwise"),
    [
        ([], False),
        (["serve.unseen=refuse", "serve.limits.rows=10"], False),
        (["serve.unseen=serve.threads"], False),
        (["serve={threads: 2}"], True),
        *(([f"serve.{name}=1"], True) for name in OPENED_BY),
        (["serve.unseen=refuse", " serve.threads = 2"], True),
    ],
)
def test_settings_that_open_a_package_otherwise(settings: list[str], otherwise: bool) -> None:
    assert _open_otherwise(settings) is otherwise


def test_what_opens_a_package_otherwise_are_settings() -> None:
    assert set(OPENED_BY) <= set(ServeConfig.model_fields)
