"""Runs trials in processes of their own, each bounded in memory and time; one that ends badly is replaced."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.runtime import memory
from modelwright.stages.tune.trial_runs import Reported, TrialEnd
from modelwright.storage.formats.search import MEASUREMENTS

_MODULE = "modelwright.project.tuning.trial_process"
_CHECKED_S = 0.1  # between two looks at the memory and the clock
_ENDING_S = 10.0  # from the end of its answers to that of a process, which lets go of its libraries: seconds
_STARTED_S = 1.0  # between two at which processes a trial has started: all of the machine are read for that
_LEFT_UNKNOWN = frozenset(
    {"crash", "memory"}
)  # causes after which a process is replaced, whatever it answers


@dataclass(frozen=True)
class TrialBounds:
    """What one trial may take: seconds by the clock, and bytes of memory."""

    seconds: float
    memory_bytes: int


@dataclass
class _Process:
    """A process, and the trial that it has under way."""

    process: subprocess.Popen[bytes]
    number: int | None = None
    reported: Reported | None = None
    deadline: float = 0.0
    begun: float = 0.0
    scores: list[tuple[int, float]] = field(default_factory=list)
    read: bytes = b""  # of its answers, behind the last whole line
    below: list[int] = field(default_factory=list)  # what it has started, as it was looked for last
    looked: float = 0.0  # when that was

    @property
    def answers(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def send(self, message: object) -> None:
        """Send it a line; one that has ended takes none, which `next_end` finds out."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(message, default=str).encode() + b"\n")
            self.process.stdin.flush()

    def memory_bytes(self) -> int:
        """Return the memory that it holds, and what it has started: ranks, the measuring of a package."""
        if (now := time.perf_counter()) > self.looked + _STARTED_S:
            self.below, self.looked = memory.processes_below(self.process.pid), now
        return memory.bytes_of_all(self.process.pid, self.below)

    def end(self) -> None:
        """Kill the process, and what it has started, and wait for its end."""
        started = memory.processes_below(self.process.pid)
        self.process.kill()
        self.process.wait()
        # those of ours die with it; of the processes that a project's code starts nobody knows
        for pid in started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class OwnProcesses:
    """Runs trials (`stages.tune.trial_runs.TrialRuns`).

    task: what every trial is given beside its settings: `content`, `folder`, `root`, `state`.
    """

    def __init__(self, task: Mapping[str, Any], bounds: TrialBounds) -> None:
        self._task, self._bounds = dict(task), bounds
        self._processes: list[_Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._processes:
            one.end()
        self._processes.clear()

    def start(self, number: int, settings: Sequence[str], reported: Reported) -> None:
        """Begin a trial, in a process that has none under way or a new one."""
        one = next((one for one in self._processes if one.number is None), None) or self._new()
        one.number, one.reported, one.scores = number, reported, []
        one.begun = time.perf_counter()
        one.deadline = one.begun + self._bounds.seconds
        one.send({**self._task, "settings": list(settings)})

    def next_end(self) -> tuple[int, TrialEnd]:
        """Wait for the end of a trial."""
        while True:
            with selectors.DefaultSelector() as selector:
                for one in self._processes:
                    if one.number is not None:
                        selector.register(one.answers, selectors.EVENT_READ, one)
                ready = [key.data for key, _ in selector.select(_CHECKED_S)]
            for one in ready:
                if (end := self._read(one)) is not None:
                    return end
            for one in self._processes:
                if one.number is None:
                    continue
                # its pipe stays open where a process that it has forked outlives it
                if one not in ready and one.process.poll() is not None:
                    return one.number, self._gone(one)
                if (end := self._bounded(one)) is not None:
                    return end

    def _new(self) -> _Process:
        process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        one = _Process(process)
        self._processes.append(one)
        return one

    def _read(self, one: _Process) -> tuple[int, TrialEnd] | None:
        """Read what a process has written; return the end of its trial, where that is among it."""
        assert one.number is not None
        number, some = one.number, os.read(one.answers, 1 << 16)
        if not some:
            return number, self._gone(one)
        *lines, one.read = (one.read + some).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "step" in message:
                assert one.reported is not None
                one.scores.append((message["step"], message["score"]))
                one.send({"stop": one.reported(number, message["learner"], one.scores)})
                continue
            one.number, end = None, _end_of(message, one.scores)
            # what it still holds, or has done to its process, such as a limit, is not for the next trial to find
            if end.cause in _LEFT_UNKNOWN:
                self._remove(one)
            return number, end
        return None

    def _bounded(self, one: _Process) -> tuple[int, TrialEnd] | None:
        """End a trial that takes more than it may."""
        assert one.number is not None
        number, seconds = one.number, time.perf_counter() - one.begun
        if time.perf_counter() > one.deadline:
            most = format_quantity(self._bounds.seconds, Unit.SECONDS)
            self._remove(one)
            return number, TrialEnd("failed", seconds, why=Phrase("tune.too-long", most=most), cause="time")
        if one.memory_bytes() > self._bounds.memory_bytes:
            most = format_quantity(self._bounds.memory_bytes, Unit.BYTES)
            self._remove(one)
            why = Phrase("tune.too-much-memory", most=most)
            return number, TrialEnd("failed", seconds, why=why, cause="memory")
        return None

    def _gone(self, one: _Process) -> TrialEnd:
        """Return the end of a trial whose process ended with it."""
        seconds = time.perf_counter() - one.begun
        with suppress(subprocess.TimeoutExpired):  # its own code is of use
            one.process.wait(_ENDING_S)
        by_itself = one.process.returncode is not None
        self._remove(one)
        code = one.process.returncode
        if by_itself and code == -signal.SIGKILL:  # the kernel, where memory was out; nobody else kills it
            return TrialEnd("failed", seconds, why=Phrase("tune.killed"), cause="memory")
        return TrialEnd("failed", seconds, why=Phrase("tune.process-ended", code=code), cause="crash")

    def _remove(self, one: _Process) -> None:
        one.end()
        self._processes.remove(one)


def _end_of(message: Mapping[str, Any], scores: Sequence[tuple[int, float]]) -> TrialEnd:
    why, plan = message.get("why"), message.get("plan")
    return TrialEnd(
        state=message["state"],
        seconds=message["seconds"],
        learner=message.get("learner"),
        measurements=MEASUREMENTS.validate_python(tuple(message.get("measurements", ()))),
        learn_seconds=message.get("learn_seconds"),
        settled=bool(message.get("settled")),
        why=None if why is None else Phrase.from_wire(why),
        cause=message.get("cause"),
        scores=tuple(scores),
        package=message.get("package"),
        plan=None if plan is None else Path(plan),
    )
