"""The other processes of a training that several compute: started by rank 0, each runs this module.

It replays the learning up to its first step, from the sealed rows and from what rank 0 has left in the scratch folder,
says that it has come as far, and computes gradients from then on (`learners.descent.gradient_exchange`). It writes
nothing that outlives it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from modelwright import learners
from modelwright.core.messages import MachineError, ModelwrightError, Problem
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners import devices
from modelwright.learners.contract.ranks import RankEnded, Ranks
from modelwright.runtime.worker.parent import die_with_parent
from modelwright.stages.learn.ready import ready, rows_for
from modelwright.storage.formats.data import read_signature, write_signature
from modelwright.storage.formats.plan import Choice, Machine

_READY = b"ready\n"
_ENDS_S = 10.0  # that a process may take to end when all is computed
_LONGEST_LINE = 200  # characters of the last line that one wrote


class RankProcesses:
    """The processes of all ranks above 0, started when they are met. As a context: ended with it."""

    def __init__(
        self,
        parts: Mapping[str, ArtifactPart],
        signature: Signature,
        machine: Machine,
        pretrained: Mapping[str, Path],
        scratch: Path,
        size: int,
    ) -> None:
        self._size = size
        self._given = {
            "parts": {name: str(one.path) for name, one in parts.items()},
            "machine": asdict(machine),
            "pretrained": {name: str(path) for name, path in pretrained.items()},
            "scratch": str(scratch),
            "size": size,
        }
        self._signature = signature
        self._processes: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="modelwright-ranks-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, log in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, log):
                if pipe is not None:
                    pipe.close()
        self._folder.cleanup()

    @property
    def ranks(self) -> Ranks:
        """Return them as rank 0 sees them."""
        return Ranks(0, self._size, Path(self._folder.name), self.meet, self.ended, self.leave)

    def meet(self) -> None:
        """Start them, and wait until each has come to its first step; raises MachineError where one does not."""
        folder = Path(self._folder.name)
        write_signature(self._signature, folder)
        for rank in range(1, self._size):
            log = (folder / f"{rank}.log").open("w+b")
            process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            self._processes.append((process, log))
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended, which the next line finds out
                process.stdin.write(
                    json.dumps({**self._given, "rank": rank, "folder": str(folder)}).encode() + b"\n"
                )
                process.stdin.flush()
        for process, _ in self._processes:
            assert process.stdout is not None
            if process.stdout.readline() != _READY and (problem := self.ended()) is not None:
                raise MachineError(problem)

    def ended(self) -> Problem | None:
        """Return why one of them is gone, None while all are there."""
        for rank, (process, log) in enumerate(self._processes, start=1):
            with suppress(
                subprocess.TimeoutExpired
            ):  # a connection breaks a moment before its process has ended
                process.wait(1.0)
            code = process.poll()
            if code is not None:
                log.seek(0)
                lines = log.read().decode(errors="replace").strip().splitlines()
                line = lines[-1][:_LONGEST_LINE] if lines else None
                shown = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                return Problem("learn.rank-ended", rank=rank, processes=self._size, code=shown, line=line)
        return None

    def leave(self) -> None:
        """Wait until they have ended; one that does not is ended with the context."""
        for process, _ in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS_S)


def _run(given: Mapping[str, Any]) -> None:
    """Learn as one of several ranks."""
    folder, rank = Path(given["folder"]), int(given["rank"])
    parts = {
        name: ArtifactPart("", "", Path(path).name, "", Path(path)) for name, path in given["parts"].items()
    }
    machine = Machine(**{**given["machine"], "gpus": tuple(given["machine"]["gpus"])})
    pretrained = {name: Path(path) for name, path in given["pretrained"].items()}
    signature = read_signature(folder)
    chosen = Choice.read(parts["choice"].path)
    spec, setup = ready(chosen, parts["choice"].path, machine, pretrained)
    setup = replace(
        setup,
        ranks=Ranks(rank, int(given["size"]), folder, meet=_say_ready),
        execution=replace(setup.execution, device=devices.of_rank(setup.execution.device, rank)),
    )
    rows = rows_for(spec, parts["train"], parts["validation"], signature)
    with tempfile.TemporaryDirectory() as out, suppress(RankEnded):
        learners.learn(spec.name).learn(signature, rows, setup, Path(out), Path(given["scratch"]), Silent())


def _say_ready() -> None:
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()


def main() -> int:
    """Run one rank, as standard input says."""
    die_with_parent()
    given = json.loads(sys.stdin.buffer.readline())
    try:
        _run(given)
    except ModelwrightError as error:
        sys.stderr.write(f"{error.problems[0].found}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
