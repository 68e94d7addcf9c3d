"""A run may be killed at any instant: nothing sealed is lost or made twice, and the bits are the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import toy_stages
from toy_stages import LOG, run_loop, runner_of

from modelwright.engine import gc
from modelwright.engine.store import Store

LOOP = r"""
import sys
from pathlib import Path
from toy_stages import run_loop, runner_of
sys.stdout.write("go\n"); sys.stdout.flush()
run_loop(runner_of(Path(sys.argv[1])), rows=400, epochs=2, log=Path(sys.argv[2]))
"""


def digests(root: Path) -> dict[str, str]:
    return {artifact.stage: artifact.digest for artifact in Store(root).artifacts()}


def check_sound(root: Path) -> None:
    store = Store(root)
    for artifact in store.artifacts():
        assert store.find(artifact.stage, artifact.key) == artifact
        assert store.verify(artifact) == ()
    assert len(list(root.glob("objects/*/*"))) == len(store.artifacts())


def test_a_run_killed_at_random_instants_ends_with_the_same_bits(tmp_path: Path) -> None:
    root, log = tmp_path / "killed", tmp_path / LOG
    run_loop(runner_of(tmp_path / "unbroken"), rows=400, epochs=2)
    dice = random.Random(7)
    ended = False
    sealed: dict[str, str] = {}
    for _ in range(12):
        log.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", LOOP, str(root), str(log)],
            cwd=Path(toy_stages.__file__).parent,
            stdout=subprocess.PIPE,
        ) as process:
            process.stdout.readline()
            timer = threading.Timer(dice.uniform(0, 0.12), process.kill)
            timer.start()
            process.wait()
            timer.cancel()
        begun = log.read_text().split() if log.exists() else []
        assert not set(begun) & set(sealed), "what was sealed before this run began was made again"
        check_sound(root)
        sealed = digests(root)
        if process.returncode == 0:
            ended = True
            break
    if not ended:
        run_loop(runner_of(root), rows=400, epochs=2)
    assert digests(root) == digests(tmp_path / "unbroken")


def killed_at_event(number: int, root: Path, **options: Any) -> bool:
    """Run the loop in a forked child that dies at its n-th touch of the file system; tells whether it did."""
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, args: object) -> None:
            nonlocal left
            if event == "open" or event.startswith(("os.", "fcntl.", "shutil.")):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            runner = runner_of(root)
            sys.addaudithook(count)
            run_loop(runner, rows=6, epochs=1, **options)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


EVERY = pytest.mark.parametrize(
    ("first", "stride"), [(1, 11), pytest.param(1, 1, marks=pytest.mark.proof)], ids=["some", "every"]
)


@EVERY
def test_a_run_killed_at_any_touch_of_the_disk_is_recovered(tmp_path: Path, first: int, stride: int) -> None:
    run_loop(runner_of(tmp_path / "unbroken"), rows=6, epochs=1)
    expected = digests(tmp_path / "unbroken")
    root, log = tmp_path / "killed", tmp_path / LOG
    number = first
    while killed_at_event(number, root):
        check_sound(root)
        before = digests(root)
        run_loop(runner_of(root), rows=6, epochs=1, log=log)
        assert digests(root) == expected
        begun = log.read_text().split() if log.exists() else []
        assert not set(begun) & set(before)
        assert len(begun) == len(set(begun))
        gc.collect(Store(root), {artifact.key for artifact in Store(root).artifacts()})
        assert not list(root.glob("scratch/*/*"))
        assert not list(root.glob("tmp/*"))
        shutil.rmtree(root)
        log.unlink(missing_ok=True)
        number += stride
    assert number > 100  # else nothing was counted


@EVERY
def test_a_forced_run_killed_at_any_touch_has_the_old_or_the_new(
    tmp_path: Path, first: int, stride: int
) -> None:
    new = run_loop(runner_of(tmp_path / "old"), rows=6, epochs=1)[2].sealed
    store = Store(tmp_path / "old")
    shutil.rmtree(new.path)  # the old one has other bits, so that it must be replaced
    with store.lock("learn", new.key):
        out = store.fresh("learn", new.key)
        (out / "weights.json").write_text("0")
        old = store.seal(out, "learn", new.key, new.made_from, {"sum": 0})
    root, log = tmp_path / "killed", tmp_path / LOG
    seen = set()
    number = first
    while True:
        shutil.copytree(tmp_path / "old", root)
        killed = killed_at_event(number, root, forced_by="--force")
        run_loop(runner_of(root), rows=6, epochs=1, log=log)
        assert not log.exists()  # one of the two was whole at every instant: nothing is made again
        check_sound(root)
        seen.add(digests(root)["learn"])
        shutil.rmtree(root)
        if not killed:
            break
        number += stride
    assert seen == {old.digest, new.digest}
