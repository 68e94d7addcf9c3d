"""MobileNetV2: its weights go by torchvision's names, and it reads pictures of every sort alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners.contract.source import Rows
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.mobilenet import MobileNetEncoder
from modelwright.stages.plan.warnings import compressed_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.testing.learners.cases import MACHINE
from modelwright.testing.learners.tiny_encoder import save_of_pictures

SEE = Signature.parse("see(photo: image) -> bright: category")


def rows(count: int) -> Examples:
    photos = [picture("PNG", "RGB", size=(16, 24), seed=seed) for seed in range(count)]
    return Examples(
        [str(seed) for seed in range(count)],
        {"photo": photos, "bright": ["ab"[seed % 2] for seed in range(count)]},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_of_pictures(tmp_path_factory.mktemp("weights"))


def test_weights_have_the_names_and_shapes_of_torchvision() -> None:
    shapes = {name: tuple(value.shape) for name, value in MobileNetEncoder().state_dict().items()}
    assert (
        len(shapes) == 306
    )  # of the 314 of its checkpoint; two are the classifier's, six the layer's before it
    assert shapes["features.0.0.weight"] == (32, 3, 3, 3)
    assert shapes["features.1.conv.1.weight"] == (16, 32, 1, 1)
    assert shapes["features.2.conv.1.0.weight"] == (96, 1, 3, 3)
    assert shapes["features.17.conv.3.running_var"] == (320,)
    assert MobileNetEncoder().width == 24 + 32 + 96 + 320 + 1


def test_a_folder_is_read_and_built_again(folder: Path) -> None:
    name, loaded = registry.load(folder, {})
    assert name == "mobilenet-v2"
    again = registry.build(name, json.loads(json.dumps(loaded.config)))
    again.load_state_dict(loaded.encoder.state_dict())
    pixels, missing = torch.randint(0, 256, (2, 64, 48, 3), dtype=torch.uint8), torch.tensor([0.0, 1.0])
    with torch.no_grad():
        found = again(pixels, missing)
        assert torch.equal(found, loaded.encoder(pixels, missing))
    assert found.shape == (2, loaded.encoder.width)
    assert found[0, :-1].abs().sum() > 0
    assert found[1].tolist() == [0.0] * (loaded.encoder.width - 1) + [1.0]


def test_grey_pictures_are_read_as_their_three_channels(folder: Path) -> None:
    encoder = registry.load(folder, {})[1].encoder
    grey, there = torch.randint(0, 256, (3, 64, 64, 1), dtype=torch.uint8), torch.zeros(3)
    with torch.no_grad():
        assert torch.allclose(encoder(grey, there), encoder(grey.expand(-1, -1, -1, 3), there), atol=1e-3)


def test_batch_statistics_stay_while_weights_are_trained(folder: Path) -> None:
    encoder = registry.load(folder, {})[1].encoder.train()
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    encoder(torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8), torch.zeros(4)).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
    assert all(weight.grad is not None for weight in encoder.parameters())


def test_the_stages_hold_every_weight_once(folder: Path) -> None:
    encoder = registry.load(folder, {})[1].encoder
    layers = [weight for layer in encoder.layers() for weight in layer.parameters()]
    assert len(encoder.layers()) == 4
    assert len({id(one) for one in layers}) == len(layers) == len(list(encoder.parameters()))


def test_weights_of_another_shape_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["features.0.0.weight"] = torch.zeros(3, 3, 3, 3)
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ProjectError, match=r"features\.0\.0\.weight"):
        registry.load(tmp_path, {})


def test_convolutions_are_expected_to_shrink_in_8_bits(folder: Path) -> None:
    """What `plan` says of the size in 8 bits rests on what the exporter changes: convolutions, matrices and tables."""
    spec, train = learners.spec("probe"), rows(40)
    estimate = learners.learn("probe").forecast(
        SEE, Rows(train), spec.Options(), spec.Training(), {"photo": folder}, MACHINE, 5.0
    )
    assert estimate.compressible_bytes is not None
    assert estimate.package_bytes / 2 < estimate.compressible_bytes < estimate.package_bytes
    small = compressed_bytes(spec, estimate)
    assert small is not None
    assert small < estimate.package_bytes / 2
