"""Real trials that crash, are killed, run out of memory or never end: the search goes on without them and says so."""

import json
import os
import sys

import pytest
from test_loop import declared, write_rows
from test_search import sealed

from modelwright import Project
from modelwright.project.tuning import own_processes

# The process of trials, whose trees do something else than learn where their leaves say so.
MODULE = """
import os, signal, sys, time
from modelwright import learners
from modelwright.project.tuning import trial_process

trees, held = type(learners.learn("trees")), []
learn = trees.learn


def eat():
    while True:
        held.append(bytearray(b"x") * (32 << 20))


def refuse():
    raise MemoryError


WHAT = {
    40: lambda: os._exit(3),
    41: lambda: os.kill(os.getpid(), signal.SIGKILL),
    42: eat,
    43: refuse,
    44: lambda: time.sleep(10_000),
}


def learns_or_not(self, signature, rows, setup, *places):
    WHAT.get(setup.options.leaves, lambda: None)()
    return learn(self, signature, rows, setup, *places)


trees.learn = learns_or_not
if __name__ == "__main__":
    sys.exit(trial_process.main())
"""

# A network of the project's own, whose factories do it in the middle of a step.
NETWORKS = """
import os, resource, signal, time
import torch
from torch import nn

held = []


class Own(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does, self.line = does, nn.Linear(2, 2)

    def forward(self, arrays):
        if torch.is_grad_enabled():  # single rows of a step learn without what makes training noisy
            self.does()
        return {"y": self.line(torch.cat([arrays[name].reshape(-1, 1) for name in ("a.value", "b.value")], 1))}


def hold():
    while True:
        held.append(bytearray(b"x") * (32 << 20))
        time.sleep(0.01)


def hold_within(limit=1 << 30):
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    hold()


def refuse(error):
    raise error


def exits(*_): return Own(lambda: os._exit(3))
def killed(*_): return Own(lambda: os.kill(os.getpid(), signal.SIGKILL))
def aborts(*_): return Own(os.abort)
def sleeps(*_): return Own(lambda: time.sleep(10_000))
def eats(*_): return Own(hold)
def limited(*_): return Own(hold_within)
def too_large(*_): return Own(lambda: torch.empty(1 << 50))
def no_memory(*_): return Own(lambda: refuse(MemoryError()))
def leaves(*_): return Own(lambda: refuse(SystemExit(5)))
def errs(*_): return Own(lambda: refuse(ValueError("no way")))
def prints(*_): return Own(lambda: (print("{hello}"), os.write(1, b"other\\n")))
def dies_early(*_): os._exit(4)
"""
ENDS = {
    "exits": "crash",
    "killed": "memory",
    "aborts": "crash",
    "sleeps": "time",
    "eats": "memory",
    "limited": "memory",
    "too_large": "memory",
    "no_memory": "memory",
    "leaves": "crash",
    "errs": "crash",
    "dies_early": "crash",
    "prints": None,  # what it prints is no answer of the process
}


@pytest.fixture
def trees_that_fail(tmp_path, monkeypatch):
    (tmp_path / "failing_trials.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr(own_processes, "_MODULE", "failing_trials")
    write_rows(tmp_path / "loans.csv", rows=300)
    return tmp_path


def searched(folder, leaves, **bounds):
    """Return what a search among these leaves told, and the cause by leaves."""
    tune = {"sampler": "grid", "space": {"model.leaves": leaves}, **bounds}
    found = Project(declared(learn={"epochs": 3}, tune=tune), folder=folder).run(to="package")
    _, search = sealed(folder)
    return found, {one.values["model.leaves"]: one.cause for one in search.trials}


def failures(found):
    """Return what the run says of trials that failed."""
    return [row for row in found.warnings if row.id == "tune.failed"]


@pytest.mark.proof  # two processes
def test_a_search_goes_on_without_a_trial_whose_process_is_gone_and_says_so(trees_that_fail):
    found, causes = searched(trees_that_fail, [40, 4])
    assert causes == {40: "crash", 4: None}
    assert found.package
    (notice,) = failures(found)
    assert "1 of 2 trials crashed" in notice.text


@pytest.mark.proof  # six processes, one of which takes all the time that it has
def test_a_search_goes_on_without_trials_that_are_killed_eat_memory_or_never_end(trees_that_fail):
    bounds = {"trial_time": "2 min", "memory": "1 GB"}
    found, causes = searched(trees_that_fail, [40, 41, 42, 43, 44, 4], **bounds)
    assert causes == {40: "crash", 41: "memory", 42: "memory", 43: "memory", 44: "time", 4: None}
    assert found.package
    assert found.search.taken == 5
    texts = [row.text for row in failures(found)]
    fixes = {row.text.partition(": ")[2]: row.fix for row in failures(found)}
    assert len(texts) == len(fixes) == 4
    assert "leaves=40" in fixes["its process ended with code 3"]
    assert "tune.trial_time: 4 min" in fixes["it was stopped after 2 min by the clock"]
    assert "tune.memory: 2 GB" in fixes["it was stopped when it held more than 1 GB"]
    assert any("2 of 6 trials ran out of memory" in text for text in texts)


@pytest.mark.proof  # a process with torch for each trial, of which several take all the time that they have
def test_whatever_a_module_of_the_project_does_to_its_trial_the_search_goes_on(tmp_path):
    (tmp_path / "mine.py").write_text(NETWORKS)
    rows = [f"{place % 7},{place % 5},{'yes' if place % 7 > 3 else 'no'}" for place in range(300)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *rows]))
    declaration = {
        "function": "f(a: number, b: number) -> y: category",
        "requirements": {"accuracy": ">= 0.1"},
        "data": {"source": "rows.csv", "twins": "ignore"},
        "model": {"learner": "network"},
        "learn": {"epochs": 2},
        "tune": {
            "sampler": "grid",
            "trial_time": "3 min",
            "memory": "1500 MB",
            "space": {"model.module": [f"mine:{name}" for name in ENDS]},
        },
    }
    found = Project(declaration, folder=tmp_path).run(to="package")
    _, search = sealed(tmp_path)
    causes = {one.values["model.module"].removeprefix("mine:"): one.cause for one in search.trials}
    assert causes == ENDS
    assert found.package
    assert json.loads(json.dumps(found.as_json()))["search"]["taken"] == list(ENDS).index("prints")
