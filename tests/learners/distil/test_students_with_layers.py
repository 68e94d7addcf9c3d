"""A student of texts begins with layers of an encoder, some of them or narrower ones, and with its teacher's heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from students import GRADE, TRAIN, function, problems, teacher_package
from torch import nn

from modelwright import kinds, learners
from modelwright.core import digests
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.distil import narrower_layers, pretrained_layers
from modelwright.learners.training import learned_folder
from modelwright.learners.training.starting_point import starting_point
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT
from modelwright.testing.learners import tiny_encoder

READ = Signature.parse("f(text: text) -> y: category")
WORDS = ["good", "fine", "bad", "poor", "the", "day", "was", "a"]


def remarks(count: int, seed: int) -> Examples:
    draw = np.random.default_rng(seed)
    texts = [" ".join(draw.choice(WORDS, 5).tolist()) for _ in range(count)]
    return Examples(
        [str(row) for row in range(count)],
        {"text": texts, "y": ["up" if "good" in one or "fine" in one else "down" for one in texts]},
    )


SAID, ASKED = remarks(120, 0), remarks(60, 1)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the package of a teacher of texts, and pretrained weights of four layers."""
    root = tmp_path_factory.mktemp("reader")
    package = teacher_package(root, "linear", READ, Rows(SAID, ASKED), steps=30)
    return package, tiny_encoder.save(root / "weights", WORDS, layers=4)


def reading(reader: tuple[Path, Path], place: Path, steps: int, **options: object) -> Path:
    package, weights = reader
    bring, spec = learners.bring("distil"), learners.spec("distil")
    assert bring is not None
    given = spec.Options.model_validate({"from": str(package), "pretrained": str(weights), **options})
    files = place / "brought"
    files.mkdir(parents=True)
    assert not list(bring.problems(READ, given, place))
    assert any(weights in file.parents for file in bring.files(given, place))
    bring.prepare(given, place, files)
    setup = Setup("distil", steps, 32, 1, "float32", "avx2", 0, given, spec.Training(), {BROUGHT: files})
    for name in ("out", "scratch"):
        (place / name).mkdir()
    learners.learn("distil").learn(READ, Rows(SAID, ASKED), setup, place / "out", place / "scratch", Silent())
    return place / "out"


def test_a_student_begins_with_layers_of_a_pretrained_encoder(
    reader: tuple[Path, Path], tmp_path: Path
) -> None:
    learned = learned_folder.read(reading(reader, tmp_path / "one", 1, layers=2, variants=0)).network
    ours = {name: weight.detach() for name, weight in learned.encoder(0).named_parameters()}
    theirs = load_file(reader[1] / "model.safetensors")
    assert len(learned.encoder(0).layers()) == 2
    words = "embeddings.word_embeddings.weight"
    assert torch.equal(ours[f"transformer.{words}"], theirs[words])  # word vectors stay as they were
    for place, stay in enumerate((1, 3)):
        name = "attention.self.query.weight"
        gap = ours[f"transformer.encoder.layer.{place}.{name}"] - theirs[f"encoder.layer.{stay}.{name}"]
        assert float(gap.abs().max()) < 0.01  # one step away
    (answer,) = function(tmp_path / "one" / "out").answer({"text": ["a good day"]})
    assert answer["y"].value in {"up", "down"}


def test_a_pretrained_student_has_the_same_bytes_again(reader: tuple[Path, Path], tmp_path: Path) -> None:
    first = reading(reader, tmp_path / "one", 12, layers=1)
    assert digests.of_folder(first) == digests.of_folder(reading(reader, tmp_path / "two", 12, layers=1))


@pytest.fixture(scope="module")
def tuned(reader: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what another project has learned with the encoder, whose weights are others by now."""
    begin = starting_point(READ, SAID, {"text": reader[1]}, {"pooling": "first"})
    with torch.no_grad():
        for weight in begin.network.parameters():
            weight.mul_(1.5)
    out = tmp_path_factory.mktemp("tuned")
    learned_folder.write(out, "finetune", READ, begin.states, begin.network)
    return out


def test_a_student_begins_with_layers_that_another_project_has_learned(
    reader: tuple[Path, Path], tuned: Path, tmp_path: Path
) -> None:
    place = tmp_path / "one"
    learned = learned_folder.read(reading((reader[0], tuned), place, 1, layers=2, variants=0)).network
    theirs = learned_folder.read(tuned).network
    ours, kept = (one.encoder(0).layers() for one in (learned, theirs))
    for number, stay in enumerate((1, 3)):
        for one, other in zip(ours[number].parameters(), kept[stay].parameters(), strict=True):
            assert float((one - other).detach().abs().max()) < 0.01  # one step away
    assert learned.plan.encoders[0].config["pooling"] == "first"
    # and with its heads, which read what the encoder gives as it is
    for one, other in zip(learned.heads.parameters(), theirs.heads.parameters(), strict=True):
        assert float((one - other).detach().abs().max()) < 0.01
    assert not learned.plan.scaled
    # it reads texts as that network does
    asked = {"text": ["a GOOD day", "poor"]}
    states = [learned_folder.read(one).states["text"] for one in (place / "out", tuned)]
    first, second = (kinds.arrays("text").encode(asked["text"], state) for state in states)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_heads_of_other_classes_are_not_taken(reader: tuple[Path, Path], tuned: Path, tmp_path: Path) -> None:
    learned = learned_folder.read(tuned)
    other = {**SAID.columns, "y": [f"other {one}" for one in SAID.columns["y"]]}
    states = starting_point(READ, Examples(SAID.ids, other), {"text": reader[1]}).states
    (tmp_path / "others").mkdir()
    learned_folder.write(
        tmp_path / "others", "finetune", READ, {**learned.states, "y": states["y"]}, learned.network
    )
    found = learned_folder.read(
        reading((reader[0], tmp_path / "others"), tmp_path / "one", 1, layers=1, variants=0)
    )
    assert found.network.plan.scaled
    assert found.states["y"].classes == learned.states["y"].classes


def test_a_student_has_the_channels_of_its_layers_that_tell_most(
    reader: tuple[Path, Path], tuned: Path, tmp_path: Path
) -> None:
    learned = reading((reader[0], tuned), tmp_path / "one", 1, layers=2, variants=0, feed_forward=0.5)
    network, theirs = (learned_folder.read(one).network for one in (learned, tuned))
    sizes = [one.encoder(0).transformer.config.intermediate_size for one in (network, theirs)]
    assert sizes == [sizes[1] // 2, sizes[1]]
    # what stays of the first linear layer is the teacher's, channel by channel
    for number, stay in enumerate((1, 3)):
        ours, whole = (
            dict(one.encoder(0).layers()[at].named_parameters())["intermediate.dense.weight"].detach()
            for one, at in ((network, number), (theirs, stay))
        )
        apart = torch.cdist(ours, whole).min(dim=1).values
        assert float(apart.max()) < 0.05
    asked = {"text": ["a good day", "poor"]}
    wanted = learned_folder.predict(learned, asked)["y"]["logits"]
    given = function(learned).infer(asked)["y"]["logits"]
    np.testing.assert_allclose(given, wanted, atol=1e-4)


def test_channels_stay_where_a_line_needs_them() -> None:
    # of eight channels that say the same twice, what reads four of them can give what all eight gave
    first, second = nn.Linear(8, 32), nn.Linear(32, 8)
    with torch.no_grad():
        first.weight[16:] = first.weight[:16]
        first.bias[16:] = first.bias[:16]
    values = torch.randn(200, 8)
    channels = first(values).relu()
    wanted = second(channels).detach()
    square = (channels.T @ channels).detach().double().numpy()
    narrower_layers.cut(first, second, square, 16)
    np.testing.assert_allclose(second(first(values).relu()).detach(), wanted, atol=1e-2)


@pytest.mark.parametrize("encoder", ["none", "gated"])
def test_channels_that_are_not_there_are_refused(
    reader: tuple[Path, Path], tmp_path: Path, encoder: str
) -> None:
    if encoder == "none":
        given: dict[str, object] = {"from": str(reader[0]), "feed_forward": 0.5}
        assert problems(READ, tmp_path, **given) == "distil.channels-of-none"
        return
    begin = starting_point(READ, SAID, {"text": reader[1]})
    for layer in begin.network.encoder(0).layers():
        layer.gate = nn.Linear(*layer.intermediate.dense.weight.shape[::-1])
    with pytest.raises(ProjectError) as error:
        narrower_layers.narrow(READ, begin, 0.5, SAID)
    assert [one.id for one in error.value.problems] == ["distil.no-channels"]


def test_what_has_no_encoder_of_texts_gives_no_layers(
    package: Path, reader: tuple[Path, Path], tuned: Path, tmp_path: Path
) -> None:
    begin = starting_point(GRADE, TRAIN, {})
    learned_folder.write(tmp_path, "network", GRADE, begin.states, begin.network)
    given = {"from": str(reader[0]), "pretrained": str(tmp_path)}
    assert problems(READ, tmp_path, **given) == "distil.no-encoder"
    (tmp_path / "learned.json").unlink()  # as of a learner without a network
    assert problems(READ, tmp_path, **given) == "distil.no-encoder"
    assert problems(GRADE, tmp_path, **{"from": str(package), "pretrained": str(tuned)}) == (
        "pretrained.reads-no-input"
    )


@pytest.mark.parametrize("asked", [5, 2])
def test_layers_that_are_not_there_are_refused(reader: tuple[Path, Path], tmp_path: Path, asked: int) -> None:
    options: dict[str, object] = {"from": str(reader[0]), "layers": asked}
    if asked == 2:  # of no encoder at all
        assert problems(READ, tmp_path, **options) == "distil.layers-of-none"
        return
    with pytest.raises(ProjectError) as error:
        reading(reader, tmp_path / "one", 1, layers=asked)
    assert [one.id for one in error.value.problems] == ["distil.bad-layers"]


def test_weights_that_read_no_input_are_refused(
    package: Path, reader: tuple[Path, Path], tmp_path: Path
) -> None:
    given = {"from": str(package), "pretrained": str(reader[1])}
    assert problems(GRADE, tmp_path, **given) == "pretrained.reads-no-input"


def test_layers_are_spread_evenly() -> None:
    assert [pretrained_layers.spread(6, count) for count in (1, 2, 3, 6)] == [
        [3],
        [1, 4],
        [1, 3, 5],
        [*range(6)],
    ]
