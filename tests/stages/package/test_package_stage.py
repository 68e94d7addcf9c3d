"""The stage `package`, with a real learner from end to end."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace

import polars as pl
import pytest
from requirement_texts import parse

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import PackageError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.package.manifest import Typical
from modelwright.package.packages import verify
from modelwright.runtime.function import load
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.package.stage import package
from modelwright.storage.formats.data import ColumnProfile, DataProfile
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.plan import Choice

SIGNATURE = Signature.parse("sort(size: number, colour: category?) -> grade: category, price: number")
REQUIREMENTS = (
    parse("accuracy", ">= 0.8", SIGNATURE),
    parse("accuracy where colour == 'red'", ">= 0.8", SIGNATURE),
    parse("latency_p95", "<= 1 s", SIGNATURE),
)


def rows(count, seed):
    """Return fruit: its grade follows from its size, its price from both columns."""
    draw = random.Random(seed)
    size = [round(draw.uniform(0, 9), 2) for _ in range(count)]
    colour = [draw.choice(["red", "green", None]) for _ in range(count)]
    return pl.DataFrame(
        {
            "id": [f"{seed}-{row}" for row in range(count)],
            "size": size,
            "colour": colour,
            "grade": ["small" if s < 3 else "middle" if s < 6 else "large" for s in size],
            "price": [s * 2 + (c == "red") for s, c in zip(size, colour, strict=True)],
            "market": [draw.choice(["north", "south"]) for _ in range(count)],
        }
    )


def part(folder, stage, name):
    """Return a folder as a part of an artifact."""
    return ArtifactPart(stage, "0" * 64, name, digests.of_folder(folder), folder)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Return the parts that the stage reads, learned by boosted trees."""
    root = tmp_path_factory.mktemp("made")
    for seed, (split, count) in enumerate({"train": 400, "validation": 150}.items()):
        (root / split).mkdir()
        rows(count, seed).write_parquet(root / split / "rows.parquet")
    spec = learners.spec("trees")
    setup = Setup("trees", 30, 400, 1, "float32", "avx2", 0, spec.Options(), spec.Training(), None)
    examples = {split: read_examples(root / split, SIGNATURE) for split in ("train", "validation")}
    scratch = root / "scratch"
    scratch.mkdir()
    given = Rows(examples["train"], examples["validation"])
    learners.learn("trees").learn(SIGNATURE, given, setup, root / "learned", scratch, Silent())
    shutil.rmtree(scratch)
    (root / "choice").mkdir()
    Choice("trees", 30, 400, 1, "float32", "avx2", 0, {}, {}, {}, {}).write(root / "choice")
    length = ColumnProfile("number", 550, 0, 500, {"quantiles": {"0.05": 0.5, "0.5": 5.0, "0.95": 9.5}})
    profile = DataProfile({"train": 400, "validation": 150}, {SIGNATURE.inputs[0].name: length}, {}, {}, {})
    profile.write(root / "profile")
    return {
        "learned": part(root / "learned", "learn", "learned"),
        "choice": part(root / "choice", "plan", "choice"),
        "train": part(root / "train", "data", "train"),
        "validation": part(root / "validation", "data", "validation"),
        "profile": part(root / "profile", "data", "profile"),
    }


def make(parts, out, **config):
    return package(
        **parts,
        signature=SIGNATURE,
        requirements=REQUIREMENTS,
        config=PackageConfig(**config),
        private=(),
        costs=(),
        out=out,
        progress=Silent(),
    )


@pytest.fixture(scope="module")
def made(parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, make(parts, out)


def test_the_package_is_whole_and_answers(made):
    out, summary = made
    verify(out / "package")
    function = load(out / "package")
    assert function(8.0, "red").grade == "large"
    assert function.typical == {SIGNATURE.inputs[0].name: Typical(value=5.0, low=0.5, high=9.5)}
    assert function(1.0, None).grade == "small"
    assert abs(function(5.0, "red").price - 11) < 1
    assert summary["package"] == digests.of_folder(out / "package")
    assert summary["size_bytes"] == sum(f.stat().st_size for f in (out / "package").rglob("*") if f.is_file())


def test_the_manifest_names_what_the_package_was_made_from(made, parts):
    manifest = json.loads((made[0] / "package" / "manifest.json").read_text())
    assert manifest["lineage"] == {
        "learner": "trees",
        **{name: given.digest for name, given in parts.items()},
    }
    assert manifest["threads"] == 1
    assert set(manifest["versions"]) >= {"onnxruntime", "numpy"}


def test_the_report_shows_parity_batches_and_validation(made):
    report = json.loads((made[0] / "report" / "package.json").read_text())
    (exact,) = report["candidates"]  # trees have no compressed form
    assert report["taken"] == "exact"
    assert "no compressed form" in report["why"]
    assert exact["parity"]["rows"] == 150
    assert exact["parity"]["labels"] == exact["batches"]["labels"] == 0
    assert 0 <= exact["parity"]["probability"] <= 0.001
    assert exact["validation"]["main"]["grade"]["value"] > 0.9
    assert set(exact["validation"]["required"]) == {str(REQUIREMENTS[0]), str(REQUIREMENTS[1])}
    assert exact["validation"]["kept"] == sorted(exact["validation"]["required"])


def test_the_same_inputs_give_the_same_bytes_elsewhere(made, parts, tmp_path):
    moved = {}
    for name, given in parts.items():
        shutil.copytree(given.path, tmp_path / "another project" / name)
        moved[name] = replace(given, path=tmp_path / "another project" / name)
    make(moved, tmp_path / "out")
    assert digests.of_folder(tmp_path / "out") == digests.of_folder(made[0])
    for file in (tmp_path / "out" / "package").rglob("*"):
        assert not file.is_file() or str(tmp_path).encode() not in file.read_bytes()


def test_insisting_on_a_form_that_there_is_not_is_an_error(parts, tmp_path):
    with pytest.raises(PackageError) as caught:
        make(parts, tmp_path, compress="int8")
    assert "trees" in caught.value.problems[0].found
    assert not (tmp_path / "package").exists()


def test_no_compression_is_tried_where_none_is_wanted(parts, tmp_path):
    assert make(parts, tmp_path, compress="none")["why"]["id"] == "package.why-no-compression"


def test_a_learned_folder_of_another_network_fails_parity(parts, tmp_path, monkeypatch):
    # The network answers as if every size were zero: what was exported is then not what was learned.
    learner = type(learners.learn("trees"))
    honest = learner.predict
    monkeypatch.setattr(
        learner, "predict", lambda self, folder, inputs: honest(self, folder, {**inputs, "size": [0.0] * 150})
    )
    with pytest.raises(PackageError, match="does not answer as the network did"):
        make(parts, tmp_path)
