"""A process killed in the middle of learning: another goes on from what it left, and ends with the same bits.

The options are those that a checkpoint has to keep something of: batches that are drawn in couples, sparse steps on
word vectors, gradients that are added up over two batches, a rate that follows the loss, an average that begins late.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_encoder
import tiny_passages
from cutting import CutError, Cutting

from modelwright import learners
from modelwright.core import digests
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import trainer
from modelwright.storage.formats.examples import Examples

FIND = Signature.parse("find(question: text) -> answer: choice")
MODEL = {"hard_negatives": True, "freeze_words": False, "layer_decay": 0.8, "pooling": "first"}
LEARN = {
    "optimiser": {"accumulate": 2},
    "schedule": {"name": "plateau", "patience": 1},
    "averaging": {"name": "stochastic", "begin": 0.5},
}
CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent / "helpers")]
import test_killed_process as tests
tests.trainer.SAVE_EVERY_S = 0.0
tests.learned(Path(sys.argv[2]), Path(sys.argv[3]), tests.Killing(int(sys.argv[4])))
"""


class Killing(Cutting):
    """A progress that kills its process after so many reports."""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Kill where all reports are used up."""
        try:
            super().advance(steps, note)
        except CutError:
            os.kill(os.getpid(), signal.SIGKILL)


def learned(encoder: Path, place: Path, progress: Progress) -> str:
    """Learn in a folder, or go on there, and return the digest of what is learned."""
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True, exist_ok=True)
    columns = {
        "question": list(tiny_passages.QUESTIONS),
        "answer": [frozenset({one}) for one in tiny_passages.QUESTIONS.values()],
    }
    rows = Examples(list(tiny_passages.QUESTIONS), columns, passages=tiny_passages.PASSAGES)
    spec = learners.spec("match")
    setup = Setup(
        learner="match",
        steps=12,
        batch=2,
        threads=1,
        precision="bfloat16",
        instruction_set="avx2",
        seed=0,
        options=spec.Options.model_validate(MODEL),
        training=spec.Training.model_validate(LEARN),
        pretrained={"question": encoder},
    )
    learners.learn("match").learn(FIND, Rows(rows, rows), setup, place / "out", place / "scratch", progress)
    return digests.of_folder(place / "out")


def test_what_a_killed_process_left_is_gone_on_from_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, broken = tiny_encoder.save(tmp_path / "encoder"), tmp_path / "broken"
    command = [CHILD, str(Path(__file__).parent), str(encoder), str(broken), "7"]
    with subprocess.Popen([sys.executable, "-c", *command]) as child:
        every = Cutting(100)
        whole = learned(encoder, tmp_path / "whole", every)
        assert child.wait() == -signal.SIGKILL
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    rest = Cutting(100)
    assert learned(encoder, broken, rest) == whole
    assert rest.left > every.left + 3  # it went on, and didn't begin again
