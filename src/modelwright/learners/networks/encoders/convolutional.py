"""Pictures through residual blocks of convolutions (He et al. 2016), from scratch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast, final

import torch
from torch import Tensor, nn

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoder_options import ConvolutionalOptions
from modelwright.learners.networks.encoders.contract import Encoder, ScratchType

_MOST_WIDER = 8  # times the channels of the first stage
# pixels, from which the stem halves a picture once, and twice: full size costs most and shows least. Seen on digits of
# 28 pixels with plain convolutions of this shape: 34 to 37 of 5,000 validation rows wrong after 90 CPU seconds, and 70
# after 108 without the halving. With residual blocks 54 were wrong after half of the steps.
_HALVED, _LARGE = 20, 96


class _Block(nn.Module):
    """Two convolutions and a way around them; a stride halves the size, in the first of them or (`late`) the second."""

    def __init__(self, inside: int, outside: int, stride: int, *, late: bool) -> None:
        super().__init__()
        of_first, of_second = (1, stride) if late else (stride, 1)
        self.first = nn.Conv2d(inside, outside, 3, of_first, 1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, of_second, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outside) for _ in range(2)])
        self.act = nn.ReLU()
        self.around: nn.Module = nn.Identity()
        if stride > 1 or inside != outside:
            # a mean before the 1 × 1, so that no pixel is left out (He et al. 2019, ResNet-D)
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.around = nn.Sequential(
                pool, nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outside, h / stride, w / stride) of (batch, inside, h, w)."""
        inner = self.act(self.norms[0](self.first(x)))
        found: Tensor = self.act(self.norms[1](self.second(inner)) + self.around(x))
        return found


@final
class ConvolutionalEncoder(Encoder):
    """Stages of residual blocks, and the mean and the largest of every channel over the picture."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        options: ConvolutionalOptions,
        *,
        large: bool,
        halved: bool,
        stages: int,
    ) -> None:
        super().__init__()
        channels = len(mean)
        # of the levels from 0 to 255, by channel; they stand in the configuration, so they are no weights
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, channels, 1, 1), persistent=False)
        self.stem = nn.Conv2d(channels, options.width, 3, 2 if large else 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(options.width)
        self.act = nn.ReLU()
        self.halve = nn.Sequential()
        if halved:
            self.halve.append(nn.Conv2d(options.width, options.width, 3, 2, 1, bias=False))
            self.halve.append(nn.BatchNorm2d(options.width))
            self.halve.append(nn.ReLU())
        blocks: list[nn.Module] = []
        inside, most = options.width, _MOST_WIDER * options.width
        for stage in range(stages):
            # of pictures that are halved before, the first stage is wider than the stem
            outside = min(options.width * 2 ** (stage + halved), most)
            for number in range(options.blocks):
                # a stage is halved where it ends, at its second convolution, so that the first one still sees all
                ends = number == options.blocks - 1 and stage < stages - 1
                stride = 2 if (ends if halved else stage and not number) else 1
                blocks.append(_Block(inside, outside, stride, late=halved))
                inside = outside
        self.blocks = nn.Sequential(*blocks)
        # the order in which convolutions run quickest on a CPU: a step takes a quarter less than with channels first
        for part in (self.halve, self.blocks):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dropout = nn.Dropout(options.dropout)
        self.width = 2 * inside

    def forward(self, pixels: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, width) of pixels uint8 (batch, h, w, c)."""
        # bytes are scaled within the graph: a request copies a quarter of what floats would be
        x = (pixels.to(torch.float32).permute(0, 3, 1, 2) - self.mean) / self.deviation  # (batch, c, h, w)
        x = self.halve(self.act(self.norm(self.stem(x))))  # (batch, width, h', w')
        x = self.blocks(x)  # (batch, channels, h'', w'')
        features: Tensor = self.dropout(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=-1))
        return features


@final
class Convolutional(ScratchType):
    """A residual convolutional network."""

    name: ClassVar[str] = "convolutional"
    forms: ClassVar[frozenset[Form]] = frozenset({Form.PIXELS})

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return the options with the number of stages that the size of the pictures asks for."""
        given = ConvolutionalOptions.model_validate(options)
        _, height, width, channels = specs["pixels"].shape
        assert isinstance(height, int)
        assert isinstance(width, int)
        assert isinstance(channels, int)
        side = min(height, width)
        large, halved = side > _LARGE, side >= _HALVED
        left = side / ((2 if large else 1) * (2 if halved else 1))
        # each stage after the first halves what is left, down to 7 to 14 pixels
        stages = given.stages or max(2, min(5, 1 + math.floor(math.log2(max(left, 7) / 7))))
        # a kind that says nothing of its levels has them from 0 to 255
        mean = specs["pixels"].mean or (127.5,) * channels
        deviation = specs["pixels"].deviation or (127.5,) * channels
        return {
            "mean": list(mean),
            "deviation": list(deviation),
            "large": large,
            "halved": halved,
            "stages": stages,
            "options": given.model_dump(mode="json"),
        }

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        options = ConvolutionalOptions.model_validate(config["options"])
        return ConvolutionalEncoder(
            cast("list[float]", config["mean"]),
            cast("list[float]", config["deviation"]),
            options,
            large=bool(config["large"]),
            # earlier versions never halved a picture after its stem, and their configurations do not say so
            halved=bool(config.get("halved", False)),
            stages=cast("int", config["stages"]),
        )
