"""What is said of a stage that has ended while the rest of the run goes on."""

from pathlib import Path

import pytest

from modelwright.core.progress import Silent
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.lineage import MadeFrom
from modelwright.engine.step import StepResult
from modelwright.project.loop.stage_names import SEALING
from modelwright.project.notes.stage_lines import came_to, tell


def ended(stage, summary):
    artifact = Artifact(stage, "k", "d", Path(), summary, MadeFrom(), {}, {})
    return StepResult(stage, "done", 1.5, "", artifact)


class Told(Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def finished(self, *line):
        self.lines.append(line)


@pytest.mark.parametrize(
    ("stage", "summary", "text"),
    [
        ("data", {"rows": {"test": 45, "train": 1279}}, "rows: train 1,279, test 45"),
        ("plan", {"learner": "trees", "seconds": 95.0}, "`trees`, expected to learn for 95 s"),
        ("plan", {"learner": "trees", "seconds": None}, "`trees`"),
        ("learn", {"memory_bytes": 265_000_000}, "memory at most 265 MB"),
        ("package", {"size_bytes": 20436, "taken": "exact"}, "20.4 kB"),
        ("package", {"size_bytes": 20436, "taken": "int8"}, "20.4 kB, in 8 bits"),
        ("evaluate", {"rows": 2000, "evaluation": 5}, "measured on 2,000 test rows, evaluation 5 of them"),
        ("evaluate", {"rows": 45}, "measured on 45 test rows"),
    ],
)
def test_a_stage_says_in_a_few_words_what_it_came_to(stage, summary, text):
    assert came_to(ended(stage, summary)) == text


@pytest.mark.parametrize("stage", SEALING)
def test_a_summary_that_does_not_say_it_is_no_fault(stage):
    assert came_to(ended(stage, {})) == ""


def test_a_stage_that_failed_has_its_own_message_and_no_line():
    told = Told()
    tell(told, StepResult("learn", "failed", 1.0, "", None))
    tell(told, ended("learn", {"memory_bytes": 1000}))
    assert told.lines == [("learn", "done", 1.5, "memory at most 1 kB")]


def test_a_progress_of_other_programs_that_shows_no_stages_is_left_alone():
    tell(Silent(), ended("learn", {}))
