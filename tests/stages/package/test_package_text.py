"""A real encoder, exported and compressed: what the package stage says of it."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from requirement_texts import parse

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import MachineError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.weights.resolving import resolve
from modelwright.runtime.function import load
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.package.stage import package
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.plan import Choice

MIRROR = Path(os.environ.get("MODELWRIGHT_MIRROR", Path(__file__).parents[4] / "shared" / "data"))
BANKING = MIRROR / "banking77" / "train.csv"
INTENTS = ("card_arrival", "exchange_rate", "terminate_account")
SIGNATURE = Signature.parse("intent(question: text) -> intent: category")


@pytest.mark.proof
@pytest.mark.skipif(not BANKING.is_file(), reason="banking77 is not in the mirror")
def test_a_compressed_encoder_keeps_what_the_exact_one_shows(tmp_path):
    try:
        pretrained = resolve(None, tmp_path)
    except MachineError as error:
        pytest.skip(str(error))
    with BANKING.open(newline="", encoding="utf-8") as file:
        found = [row for row in csv.reader(file) if row[1] in INTENTS]
    parts = {}
    for split, some in (("train", found[::3]), ("validation", found[1::3])):
        (tmp_path / split).mkdir()
        pl.DataFrame(
            {
                "id": [f"{split}-{row}" for row in range(len(some))],
                "question": [text for text, _ in some],
                "intent": [intent for _, intent in some],
            }
        ).write_parquet(tmp_path / split / "rows.parquet")
    spec = learners.spec("probe")
    setup = Setup(
        "probe", 20, 32, 2, "float32", "avx2", 0, spec.Options(), spec.Training(), {"question": pretrained}
    )
    (tmp_path / "scratch").mkdir()
    train, validation = (read_examples(tmp_path / split, SIGNATURE) for split in ("train", "validation"))
    learners.learn("probe").learn(
        SIGNATURE, Rows(train, validation), setup, tmp_path / "learned", tmp_path / "scratch", Silent()
    )
    (tmp_path / "choice").mkdir()
    Choice("probe", 20, 32, 2, "float32", "avx2", 0, {}, {}, {}, {}).write(tmp_path / "choice")
    DataProfile({}, {}, {}, {}, {}).write(tmp_path / "profile")
    for name in ("learned", "choice", "train", "validation", "profile"):
        folder = tmp_path / name
        parts[name] = ArtifactPart("stage", "0" * 64, name, digests.of_folder(folder), folder)
    requirements = (parse("accuracy", ">= 0.9", SIGNATURE),)
    summary = package(
        **parts,
        signature=SIGNATURE,
        requirements=requirements,
        config=PackageConfig(compress="int8"),
        private=(),
        costs=(),
        out=tmp_path / "out",
        progress=Silent(),
    )
    exact, compressed = json.loads((tmp_path / "out" / "report" / "package.json").read_text())["candidates"]
    assert summary["taken"] == "int8"
    assert compressed["graph_bytes"] < 0.4 * exact["graph_bytes"]
    assert compressed["batches"]["labels"] == 0
    assert _accuracy(compressed) >= _accuracy(exact) - 0.005
    assert load(tmp_path / "out" / "package")("When will my new card come?").intent == "card_arrival"


def _accuracy(candidate: dict[str, Any]) -> float:
    """Return the main figure of the output, which is its accuracy."""
    shown = candidate["validation"]["main"]["intent"]
    assert shown["metric"] == "accuracy"
    found: float = shown["value"]
    return found
