"""MobileNetV2 (Sandler et al. 2018) with pretrained weights: pictures as the means of its stages.

The names of the weights are those of torchvision, whose checkpoint is read; torchvision itself is not needed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.networks.encoders.contract import Encoder, Loaded, PretrainedType

# Expansion, channels, blocks and first stride of each group of inverted residuals (table 2 of the paper).
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_FIRST = 32
_MOST_TIMES = 2.0  # a multiplier of the channels
# The layers after which features are averaged: the ends of the stages at a 4th, 8th, 16th and 32nd of the size. The
# layer after them, 1,280 features made for ImageNet's classes, is left out: on the validation rows of chest X-rays,
# ridge heads on these four have an AUC of 0.995, with it in place of the fourth 0.984, and on it alone 0.960.
_STAGES = (3, 6, 13, 17)
_UNREAD = "num_batches_tracked"  # a count that nothing reads, as batch normalisation keeps its statistics
# Mean and deviation of ImageNet's red, green and blue, by which the weights were trained.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The longer side of a picture: least, so that the last stage still has a few places, and most without a declaration.
LEAST_SIDE, USUAL_LIMIT = 56, 128


class _InvertedResidual(nn.Module):
    """Expand to more channels, one 3 × 3 filter a channel, back to few; added to its input where it has its shape."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_normed(channels, hidden, 1)]
        layers += [_normed(hidden, hidden, 3, stride, groups=hidden)]
        layers += [nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == out

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, out, h / stride, w / stride) of (n, channels, h, w)."""
        found: Tensor = self.conv(values)
        return values + found if self.adds else found


def _normed(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU6())


@final
class MobileNetEncoder(Encoder):
    """The means over all places of four stages, 24 + 32 + 96 + 320 features, and whether the picture is missing.

    multiplier: of the numbers of channels (the paper's α), 1 of the weights that we know by name.

    Batch normalisation keeps ImageNet's statistics, also while the weights are trained further: batches of a few
    pictures of one kind would move them further than they can tell.
    """

    fewest_steps = 150
    mean: Tensor
    deviation: Tensor

    def __init__(self, multiplier: float = 1.0) -> None:
        super().__init__()
        channels = _channels(_FIRST, multiplier)
        layers: list[nn.Module] = [_normed(3, channels, 3, 2)]
        widths = [channels]
        for expansion, full, blocks, stride in _GROUPS:
            out = _channels(full, multiplier)
            for number in range(blocks):
                layers.append(_InvertedResidual(channels, out, stride if number == 0 else 1, expansion))
                channels = out
                widths.append(out)
        self.features = nn.ModuleList(layers)
        self.width = sum(widths[stage] for stage in _STAGES) + 1
        self.register_buffer("mean", _of_channels(_MEAN), persistent=False)
        self.register_buffer("deviation", _of_channels(_DEVIATION), persistent=False)

    def layers(self) -> Sequence[nn.Module]:
        """Return the four stages from the lowest: the layers of one learn alike."""
        begins = (0, *(stage + 1 for stage in _STAGES))
        return [self.features[begin:end] for begin, end in itertools.pairwise(begins)]

    def train(self, mode: bool = True) -> MobileNetEncoder:  # noqa: FBT001, FBT002 - as torch has it
        """Train the weights, but keep batch normalisation as it is in serving."""
        super().train(mode)
        for module in self.features.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, pixels: Tensor, missing: Tensor) -> Tensor:
        """Return (n, width) of pixels (n, h, w, 1 or 3), levels from 0 to 255, and missing (n,)."""
        # (n, 3, h, w): grey pictures have one channel, which stands for all three
        values = pixels.to(torch.float32).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        values = (values / 255.0 - self.mean) / self.deviation
        means = []
        for place, layer in enumerate(self.features):
            values = layer(values)
            if place in _STAGES:
                means.append(values.mean(dim=(2, 3)))  # (n, channels)
        there = (1.0 - missing).unsqueeze(-1)  # (n, 1)
        return torch.cat([torch.cat(means, dim=-1) * there, missing.unsqueeze(-1)], dim=-1)


def _channels(full: int, multiplier: float) -> int:
    """Return so many channels times the multiplier, in eights, and at most a tenth fewer."""
    rounded = max(8, int(full * multiplier + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * full * multiplier else rounded + 8


def _of_channels(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)


@final
class MobileNet(PretrainedType):
    """A folder with `model.safetensors`, the weights under torchvision's names."""

    name: ClassVar[str] = "mobilenet-v2"

    def load(self, folder: Path, options: Mapping[str, object]) -> Loaded:
        """Return the encoder; the kind is given the side for which the weights do."""
        config = {"multiplier": _multiplier(folder)}
        encoder = MobileNetEncoder(**config)
        found = {
            name: value
            for file in sorted(folder.glob("*.safetensors"))
            for name, value in load_file(file).items()
        }
        wanted = {
            name: value.shape for name, value in encoder.state_dict().items() if not name.endswith(_UNREAD)
        }
        weights = {name: value for name, value in found.items() if wanted.get(name) == value.shape}
        if lacking := sorted(wanted.keys() - weights.keys()):
            raise ProjectError(
                Problem(
                    "pretrained.missing-weights", count=len(lacking), first=lacking[0], folder=str(folder)
                )
            )
        encoder.load_state_dict(weights, strict=False)
        return Loaded(encoder.eval(), {**config}, {"least": LEAST_SIDE, "limit": USUAL_LIMIT})

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder with weights yet to be loaded."""
        multiplier = config["multiplier"]
        assert isinstance(multiplier, int | float)
        return MobileNetEncoder(multiplier).eval()


def _multiplier(folder: Path) -> float:
    """Return the multiplier that config.json states, else 1."""
    stated = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("multiplier", 1.0)
    return float(stated) if isinstance(stated, int | float) and 0 < stated <= _MOST_TIMES else 1.0
