"""Pictures are varied in training as declared, the same after a kill, and brought to pixels as `model.pixels` says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cutting import CutError, Cutting
from safetensors.torch import load

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners import kind_states
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.training import Precision
from modelwright.learners.descent import trainer
from modelwright.learners.training import precision
from modelwright.storage.formats.examples import Examples
from modelwright.testing.learners.tiny_encoder import save_of_pictures

SEE = Signature.parse("see(photo: image) -> bright: category")
STEPS = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_of_pictures(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def _save_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)


def rows(count: int, first: int) -> Examples:
    seeds = range(first, first + count)
    photos = [picture("PNG", "RGB", size=(16, 24), seed=seed) for seed in seeds]
    return Examples(
        [str(seed) for seed in seeds], {"photo": photos, "bright": ["ab"[seed % 2] for seed in seeds]}
    )


def setup(weights: Path, **options: object) -> Setup:
    spec = learners.spec("finetune")
    return Setup(
        learner="finetune",
        steps=STEPS,
        batch=8,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=5,
        options=spec.Options.model_validate({"start": "random", **options}),
        training=spec.Training(),
        pretrained={"photo": weights},
    )


def learned(out: Path, given: Setup, progress: Silent | None = None) -> bytes:
    for folder in (out / "learned", out / "scratch"):
        folder.mkdir(parents=True, exist_ok=True)
    data = Rows(rows(20, 0), rows(8, 100))
    learners.learn("finetune").learn(SEE, data, given, out / "learned", out / "scratch", progress or Silent())
    return (out / "learned/weights.safetensors").read_bytes()


def test_varied_pictures_teach_other_weights_and_the_same_after_a_kill(weights: Path, tmp_path: Path) -> None:
    plain = setup(weights)
    varied = replace(plain, augment={"photo": {"rotate": 20.0, "brightness": 0.2}})
    whole = learned(tmp_path / "whole", varied)
    assert whole != learned(tmp_path / "plain", plain)
    for after in (1, 2):
        with pytest.raises(CutError):
            learned(tmp_path / "cut", varied, Cutting(after))
    assert learned(tmp_path / "cut", varied) == whole


def test_pixels_are_as_the_model_says(weights: Path, tmp_path: Path) -> None:
    given = setup(weights, pixels={"side": 32, "fit": "stretch", "scale": "percentile"})
    learned(tmp_path, given)
    _, states = kind_states.read(tmp_path / "learned")
    sizing = states["photo"].sizing  # type: ignore[attr-defined]
    assert (max(sizing.height, sizing.width), sizing.fit, sizing.scale) == (32, "stretch", "percentile")


def test_small_pictures_are_enlarged_to_what_the_encoder_needs(weights: Path, tmp_path: Path) -> None:
    learned(tmp_path, setup(weights))
    _, states = kind_states.read(tmp_path / "learned")
    sizing = states["photo"].sizing  # type: ignore[attr-defined]
    assert (sizing.height, sizing.width) == (56, 37)


def test_torch_answers_with_pictures(weights: Path, tmp_path: Path) -> None:
    learned(tmp_path, setup(weights))
    found = learners.learn("finetune").predict(tmp_path / "learned", {"photo": [picture("JPEG", "L"), None]})
    assert found["bright"]["logits"].shape == (2, 2)
    assert bool(torch.isfinite(torch.from_numpy(found["bright"]["logits"])).all())


def test_steps_in_bfloat16_round_and_are_the_same_after_a_kill(weights: Path, tmp_path: Path) -> None:
    exact = setup(weights)
    half = replace(exact, precision="bfloat16")
    whole = learned(tmp_path / "whole", half)
    assert whole != learned(tmp_path / "exact", exact)
    assert {tensor.dtype for tensor in load(whole).values() if tensor.is_floating_point()} == {torch.float32}
    with pytest.raises(CutError):
        learned(tmp_path / "cut", half, Cutting(2))
    assert learned(tmp_path / "cut", half) == whole


@pytest.mark.parametrize(
    ("requested", "has", "half_s", "taken"),
    [
        (None, False, 0.1, "float32"),
        (None, True, 0.5, "bfloat16"),
        (None, True, 0.95, "float32"),  # too little gain for the digits lost
        ("float32", True, 0.1, "float32"),
        ("bfloat16", False, 3.0, "bfloat16"),
    ],
)
def test_bfloat16_is_taken_where_it_is_quicker(
    monkeypatch: pytest.MonkeyPatch, requested: Precision | None, has: bool, half_s: float, taken: str
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: has)
    seconds = {"float32": 1.0, "bfloat16": half_s}
    assert precision.quickest(requested, seconds.__getitem__) == (taken, seconds[taken])


def test_convolutions_from_scratch_learn_the_same_bits_after_a_kill(tmp_path: Path) -> None:
    """Their weights lie in memory with channels last, and so must the moments that a checkpoint gives back."""
    spec = learners.spec("network")
    given = Setup(
        learner="network",
        steps=STEPS,
        batch=8,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=5,
        options=spec.Options(),
        training=spec.Training(),
    )
    data = Rows(rows(20, 0), rows(8, 100))

    def learn(place: Path, progress: Silent) -> bytes:
        for folder in (place / "learned", place / "scratch"):
            folder.mkdir(parents=True, exist_ok=True)
        learners.learn("network").learn(SEE, data, given, place / "learned", place / "scratch", progress)
        return (place / "learned/weights.safetensors").read_bytes()

    whole = learn(tmp_path / "whole", Silent())
    with pytest.raises(CutError):
        learn(tmp_path / "cut", Cutting(3))
    assert learn(tmp_path / "cut", Silent()) == whole
