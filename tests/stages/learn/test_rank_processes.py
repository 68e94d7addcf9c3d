"""Several processes that share the rows of a step: the bits of one, and one clear message where one of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import MachineError
from modelwright.core.progress import Progress, Silent
from modelwright.stages.learn.rank_processes import RankProcesses
from modelwright.stages.learn.stage import learn
from modelwright.storage.formats.plan import Choice, Execution, Machine

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, instruction_set="avx2")


def choice(folder: Path, *, processes: int, parts: int, steps: int = 6) -> Path:
    """Seal what a plan would: a network that draws, normalises by the batch and is cut into parts."""
    spec = learners.spec("network")
    training = spec.Training.model_validate({"optimiser": {"accumulate": parts}, "processes": processes})
    Choice(
        learner="network",
        steps=steps,
        batch=30,
        threads=processes,
        precision="float32",
        instruction_set="avx2",
        seed=5,
        options=spec.Options().model_dump(mode="json"),
        training=training.model_dump(mode="json", exclude_none=True),
        pretrained={},
        credits={},
        execution=Execution(processes=processes),
    ).write(folder)
    return folder


def learned(
    flowers: Any,
    as_part: Any,
    chosen: Path,
    out: Path,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> str:
    scratch = scratch or out.with_name(f"{out.name}-scratch")
    scratch.mkdir(parents=True, exist_ok=True)
    learn(
        train=flowers.part("train"),
        validation=flowers.part("validation"),
        choice=as_part(chosen),
        signature=flowers.signature,
        machine=MACHINE,
        pretrained={},
        out=out,
        scratch=scratch,
        progress=progress or Silent(),
    )
    return digests.of_folder(out / "learned")


def test_two_processes_give_the_bits_of_one_that_accumulates(
    flowers: Any, as_part: Any, tmp_path: Path
) -> None:
    # of three parts, the first process reads two; and a last batch has fewer rows than the others
    one = choice(tmp_path / "one" / "choice", processes=1, parts=3)
    two = choice(tmp_path / "two" / "choice", processes=2, parts=3)
    whole = choice(tmp_path / "whole" / "choice", processes=1, parts=1)
    alone = learned(flowers, as_part, one, tmp_path / "of-one")
    assert learned(flowers, as_part, two, tmp_path / "of-two") == alone
    # the parts are what decides: without them, sums are rounded otherwise, and normalised by other rows
    assert learned(flowers, as_part, whole, tmp_path / "of-whole") != alone


class _Killing(Silent):
    """Kills the process of rank 1 once some steps are taken."""

    def __init__(self, after: int) -> None:
        self._left = after

    def task(self, title: str, total: int | None = None) -> Any:
        return _KillingTask(super().task(title, total), self)

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            (found,) = _rank_processes(os.getpid())
            os.kill(found, signal.SIGKILL)


class _KillingTask:
    def __init__(self, inner: Any, owner: _Killing) -> None:
        self._inner, self._owner = inner, owner

    def __enter__(self) -> Any:
        self._task = self._inner.__enter__()
        return self

    def __exit__(self, *reason: Any) -> Any:
        return self._inner.__exit__(*reason)

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        if steps == 1:
            self._owner.step()


def _rank_processes(parent: int) -> list[int]:
    """Return the running processes that a process started to compute gradients."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            named = b"rank_processes" in (path / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if path.name.isdigit() and named and int(stat[1]) == parent and stat[0] != "Z":
            found.append(int(path.name))
    return found


@pytest.mark.proof
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes below /proc, which Linux has")
def test_a_process_that_ends_is_named_and_a_rerun_ends_with_the_same_bits(
    flowers: Any, as_part: Any, tmp_path: Path
) -> None:
    two = choice(tmp_path / "two" / "choice", processes=2, parts=2, steps=12)
    whole = learned(flowers, as_part, two, tmp_path / "whole")
    scratch = tmp_path / "scratch"
    with pytest.raises(MachineError) as raised:
        learned(flowers, as_part, two, tmp_path / "cut", _Killing(5), scratch)
    (problem,) = raised.value.problems
    assert problem.id == "learn.rank-ended"
    assert "process 1 of 2, which computes gradients, ended with SIGKILL" in problem.found
    assert (scratch / "state.safetensors").is_file()
    assert learned(flowers, as_part, two, tmp_path / "again", scratch=scratch) == whole


def test_one_that_does_not_come_to_its_first_step_says_why(
    flowers: Any, as_part: Any, tmp_path: Path
) -> None:
    two = choice(tmp_path / "two" / "choice", processes=2, parts=2)
    parts = {"train": flowers.part("train"), "validation": flowers.part("validation"), "choice": as_part(two)}
    other = Machine(cores=2, memory_bytes=8 * 10**9, instruction_set="neon")
    others = RankProcesses(parts, flowers.signature, other, {}, tmp_path, 2)
    with others, pytest.raises(MachineError) as raised:
        others.meet()
    (problem,) = raised.value.problems
    assert "ended with exit code 1" in problem.found
    assert "this machine computes with neon" in problem.found


@pytest.mark.proof
@pytest.mark.skipif(sys.platform != "linux", reason="processes end with the one that started them on Linux")
def test_no_process_outlives_the_one_that_learns(flowers: Any, as_part: Any, tmp_path: Path) -> None:
    two = choice(tmp_path / "two" / "choice", processes=2, parts=2, steps=100_000)
    script = (
        "import sys; from pathlib import Path; from test_rank_processes import learned;"
        "from conftest import Sealed, part_of;"
        "from modelwright.core.signature import Signature;"
        "from modelwright.storage.formats.data import read_signature;"
        f"folder = Path({str(flowers.folder)!r});"
        "sealed = Sealed(read_signature(folder / 'profile'), folder);"
        f"learned(sealed, part_of, Path({str(two)!r}), Path({str(tmp_path / 'out')!r}))"
    )
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        while not (tmp_path / "out-scratch" / "best.safetensors").is_file() and process.poll() is None:
            time.sleep(0.1)
        (rank,) = _rank_processes(process.pid)
    finally:
        process.kill()
        process.wait()
    until = time.monotonic() + 20
    while (state := _state(rank)) not in {None, "Z"} and time.monotonic() < until:
        time.sleep(0.05)
    assert state in {None, "Z"}


def _state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
