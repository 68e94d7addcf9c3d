"""Trials in processes of their own: one that crashes, eats memory, never ends or is killed ends no other."""

import os
import signal
import sys
from pathlib import Path

import pytest
from waiting import eventually

from modelwright.project.tuning import own_processes
from modelwright.project.tuning.own_processes import OwnProcesses, TrialBounds

# Stands in for the process of trials: does what the settings say, by the same lines of JSON.
MODULE = """
import json, os, subprocess, sys, time
held = []
EATS = "held = [bytearray(b'x') * (64 << 20) for _ in range(12)]; import time; time.sleep(600)"
for line in iter(sys.stdin.readline, ""):
    task = json.loads(line)
    what = task["settings"][0]
    if what == "dies":
        os._exit(3)
    if what == "killed":
        os.kill(os.getpid(), 9)
    if what == "lingers":  # says no more, and takes its time to end
        os.close(1)
        time.sleep(float(task["settings"][1]))
        os._exit(5)
    if what == "loops":
        time.sleep(600)
    if what == "leaves" and os.fork():  # the other goes on and keeps what it writes its answers into
        os._exit(4)
    if what in ("leaves", "starts"):
        pids = [os.getpid()]
        if what == "starts":
            pids.append(subprocess.Popen([sys.executable, "-c", EATS]).pid)
        with open(os.path.join(os.path.dirname(__file__), "pids"), "w") as file:
            file.write(" ".join(map(str, pids)))
        time.sleep(600)
    while what == "eats":
        held.append(bytearray(b"x") * (32 << 20))
    stopped = None
    if what == "reports":
        for step in (1, 2, 3):
            print(json.dumps({"learner": "net", "step": step, "score": 1 / step}), flush=True)
            if json.loads(sys.stdin.readline())["stop"]:
                stopped = step
                break
    end = {"state": "pruned" if stopped else "done", "seconds": 1.0, "learner": str(os.getpid())}
    if what in ("error", "crash", "memory"):
        end |= {"state": "failed", "cause": what}
    print(json.dumps(end), flush=True)
"""


@pytest.fixture
def runs(tmp_path, monkeypatch):
    (tmp_path / "stand_in_for_trials.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr(own_processes, "_MODULE", "stand_in_for_trials")
    with OwnProcesses({}, TrialBounds(20.0, 400 << 20)) as runs:
        yield runs


def is_running(pid):
    """Tell whether a process is there, and no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end_of(runs, *words):
    runs.start(0, list(words), lambda *_: False)
    return runs.next_end()[1]


@pytest.mark.parametrize(("word", "cause"), [("dies", "crash"), ("killed", "memory"), ("eats", "memory")])
def test_a_trial_that_ends_badly_is_an_end_and_the_next_has_a_new_process(runs, word, cause):
    before = end_of(runs, "well").learner
    end = end_of(runs, word)
    assert (end.state, end.cause) == ("failed", cause)
    assert str(end.why)
    after = end_of(runs, "well")
    assert after.state == "done"
    assert after.learner != before


@pytest.mark.parametrize(("seconds", "code"), [(1.2, 5), (600, -9)])
def test_a_process_that_is_slow_to_end_has_not_run_out_of_memory(runs, monkeypatch, seconds, code):
    """Its libraries let go of what they hold: seconds on a busy machine. Whom we end ourselves, the kernel did not."""
    monkeypatch.setattr(own_processes, "_ENDING_S", 20.0 if code > 0 else 0.2)
    end = end_of(runs, "lingers", seconds)
    assert (end.state, end.cause) == ("failed", "crash")
    assert f"code {code}" in str(end.why)


@pytest.mark.parametrize(("cause", "same"), [("error", True), ("crash", False), ("memory", False)])
def test_a_process_that_says_of_itself_what_nobody_foresaw_has_no_further_trial(runs, cause, same):
    end = end_of(runs, cause)
    assert (end.state, end.cause) == ("failed", cause)
    assert (end_of(runs, "well").learner == end.learner) is same
    assert is_running(int(end.learner)) is same


def test_what_a_trial_has_started_counts_and_ends_with_it(tmp_path, runs):
    assert end_of(runs, "starts").cause == "memory"
    own, below = map(int, (tmp_path / "pids").read_text().split())
    assert eventually(lambda: not is_running(own) and not is_running(below))


def test_an_end_is_seen_where_a_process_that_was_forked_outlives_it(tmp_path, runs):
    try:
        end = end_of(runs, "leaves")
        assert (end.cause, end.why.values["code"]) == ("crash", 4)
    finally:
        os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)


def test_a_trial_that_never_ends_is_stopped_by_the_clock(tmp_path, runs):
    runs._bounds = TrialBounds(1.0, 400 << 20)
    end = end_of(runs, "loops")
    assert (end.state, end.cause) == ("failed", "time")


def test_trials_one_after_the_other_share_a_process_and_several_at_once_do_not(runs):
    assert end_of(runs, "well").learner == end_of(runs, "well").learner
    for number in range(3):
        runs.start(number, ["well"], lambda *_: False)
    ends = dict(runs.next_end() for _ in range(3))
    assert set(ends) == {0, 1, 2}
    assert len({end.learner for end in ends.values()}) == 3


def test_what_a_trial_reports_may_end_it(runs):
    seen = []

    def reported(number, learner, scores):
        seen.append((number, learner, list(scores)))
        return len(scores) == 2

    runs.start(7, ["reports"], reported)
    number, end = runs.next_end()
    assert (number, end.state) == (7, "pruned")
    assert end.scores == ((1, 1.0), (2, 0.5))
    assert seen[-1] == (7, "net", [(1, 1.0), (2, 0.5)])


def test_no_process_is_left_behind(tmp_path, monkeypatch, runs):
    pid = int(end_of(runs, "well").learner)
    runs.start(1, ["loops"], lambda *_: False)
    runs.__exit__(None, None, None)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
