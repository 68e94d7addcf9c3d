"""What an encoder learns from inputs alone: to fill in what is masked, and to tell two views of one value from others.

Shapes: n rows of a batch, w the width of their features, v of a vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.kinds.contract.common import Form
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder
from modelwright.learners.pretrain.spec import PretrainOptions
from modelwright.learners.training import augmentation, precision
from modelwright.learners.training.augmentation import Amounts

_PROJECTED = (
    128  # numbers of the vector in which views are compared (Chen et al. 2020, section 4.2: few suffice)
)
_CELLS = 8  # patches of a picture, each way
_HIDDEN_PATCHES = 0.5
# of the masked tokens, so many are hidden and so many are another token; the others stay (Devlin et al. 2019, A.1)
_HIDDEN, _SWAPPED = 0.8, 0.1
_LEVELS = 255.0


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of an encoder of texts: how many, and which one hides another."""

    size: int
    mask: int


class Pretext(nn.Module):
    """An encoder with what is learned beside it and thrown away in the end."""

    def __init__(
        self,
        encoder: Encoder,
        form: Form,
        options: PretrainOptions,
        vocabulary: Vocabulary | None,
        channels: int,
        amounts: Amounts,
        numbers: str = "float32",
    ) -> None:
        super().__init__()
        self.numbers = numbers  # in which products are computed; losses are in float32
        self.encoder, self.form, self._options = encoder, form, options
        self._vocabulary, self._amounts = vocabulary, amounts
        # texts of Banking77, 25 s: views alone bring a linear probe from 0.56 to 0.64, masks alone to 0.57
        wanted = options.objective or ("both" if form is Form.PIXELS else "contrastive")
        self.masks, self.contrasts = wanted != "contrastive", wanted != "masked"
        width = encoder.width
        if self.contrasts:
            self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, _PROJECTED))
        if self.masks and form is Form.TOKENS:
            assert vocabulary is not None, "texts have tokens"
            inside = nn.Linear(encoder.position_width, width)
            guess = nn.Linear(width, vocabulary.size)
            if isinstance(words := encoder.words(), nn.Embedding):
                # a pretrained table of words guesses them, too (Press and Wolf 2017); another is learned fast enough
                guess.weight = words.weight
            self.fill = nn.Sequential(inside, nn.GELU(), nn.LayerNorm(width), guess)
        if self.masks and form is Form.PIXELS:
            self.fill = nn.Sequential(
                nn.Linear(width, width), nn.GELU(), nn.Linear(width, _CELLS * _CELLS * channels)
            )

    def loss(self, arrays: Mapping[str, Tensor], seed: int, step: int) -> Tensor:
        """Return the mean loss of a batch, (); what is hidden and varied follows from seed and step."""
        generator = augmentation.drawing(seed, step, _DRAWN)
        found = torch.zeros(())
        if self.masks and self.form is Form.TOKENS:
            found = found + self._tokens(arrays, generator)
        elif self.masks:
            found = found + self._patches(arrays, generator)
        if self.contrasts and len(next(iter(arrays.values()))) > 1:  # one row has no others
            found = found + self._views(arrays, seed, step, generator)
        return found

    def _computing(self) -> AbstractContextManager[object]:
        return precision.computing_in(self.numbers, next(self.parameters()).device.type)

    def _there(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Return tensors where the weights lie; all is drawn on the processor, so that a seed means the same there."""
        device = next(self.parameters()).device
        return tuple(one.to(device) for one in values)

    def _tokens(self, arrays: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Return how badly masked tokens are filled in: cross-entropy over the vocabulary."""
        assert self._vocabulary is not None
        ids, mask = arrays["ids"], arrays["mask"]  # (n, length)
        drawn = torch.rand(ids.shape, generator=generator)
        chosen = (drawn < self._options.masked) & (mask > 0)
        if not bool(chosen.any()):
            return torch.zeros(())
        fate = torch.rand(ids.shape, generator=generator)
        other = torch.randint(0, self._vocabulary.size, ids.shape, generator=generator)
        shown = torch.where(chosen & (fate < _HIDDEN), self._vocabulary.mask, ids)
        swapped = chosen & (fate >= _HIDDEN) & (fate < _HIDDEN + _SWAPPED)
        shown = torch.where(swapped, other, shown)
        shown, mask, truth = self._there(shown, mask, ids[chosen])
        with self._computing():
            _, positions = self.encoder.in_positions(shown, mask)
            guesses = self.fill(positions.values[chosen])  # (masked, v)
        return functional.cross_entropy(guesses.float(), truth)

    def _patches(self, arrays: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Return the squared error of the mean levels of hidden patches, in deviations of the batch."""
        pixels = arrays["pixels"].to(torch.float32)  # (n, h, w, c)
        count, height, width, channels = pixels.shape
        hidden = torch.rand((count, 1, _CELLS, _CELLS), generator=generator) < _HIDDEN_PATCHES
        levels = pixels.permute(0, 3, 1, 2)  # (n, c, h, w)
        truth = functional.adaptive_avg_pool2d(levels, _CELLS)  # (n, c, 8, 8)
        spread = truth.std() + _LEVELS / 100
        cover = functional.interpolate(hidden.to(torch.float32), (height, width))  # nearest
        mean = levels.mean((2, 3), keepdim=True)  # a hidden patch has the mean level of its picture
        shown = (levels * (1 - cover) + mean * cover).permute(0, 2, 3, 1).contiguous()
        shown, missing, gone, hidden = self._there(shown, arrays["missing"], (truth - mean) / spread, hidden)
        with self._computing():
            guesses = self.fill(self.encoder(shown, missing)).view(count, channels, _CELLS, _CELLS)
        errors = (guesses.float() - gone) ** 2
        found: Tensor = (errors * hidden).sum() / (hidden.sum() * channels).clamp(min=1)
        return found

    def _views(
        self, arrays: Mapping[str, Tensor], seed: int, step: int, generator: torch.Generator
    ) -> Tensor:
        """Return how badly a view's other half is found among all of the batch (Chen et al. 2020, equation 1)."""
        projected = []
        for number in range(2):
            seen = self._view(arrays, seed, step, number, generator)
            with self._computing():
                features = self.encoder(*self._there(*(seen[name] for name in ARRAYS[self.form])))
                found = self.project(features)
            projected.append(functional.normalize(found.float(), dim=-1))  # (n, 128)
        likeness = (
            projected[0] @ projected[1].T / self._options.temperature
        )  # (n, n); its diagonal is the pairs
        own = torch.arange(len(likeness), device=likeness.device)
        return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2

    def _view(
        self, arrays: Mapping[str, Tensor], seed: int, step: int, number: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return a view of each value: some of its tokens or frames, or what varies it as `data.augment` says."""
        if self.form is Form.FRAMES:
            return {**arrays, "frames": _covered(arrays["frames"], 1 - self._options.kept, generator)}
        if self.form is Form.PIXELS:
            return augmentation.varied(arrays, self.form, self._amounts, seed, step, number)
        mask = arrays["mask"]
        drawn = torch.rand(mask.shape, generator=generator)
        keep = (drawn < self._options.kept) & (mask > 0)
        # of a text of which nothing would be left, the token that was nearest to being kept
        drawn = drawn.masked_fill(mask == 0, 2.0)
        first = functional.one_hot(drawn.argmin(dim=1), mask.shape[1]).bool() & (mask > 0)
        return {**arrays, "mask": (keep | first).to(mask.dtype)}


def _covered(frames: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return frames (n, t, d) of which a stretch of time and a band of each are 0 (Park et al. 2019, section 2).

    share: of the time that is covered; of the bands it is half of that.
    """
    for axis, part in ((1, share), (2, share / 2)):
        size = frames.shape[axis]
        width = round(part * size)
        begins = torch.randint(0, size - width + 1, (len(frames), 1), generator=generator)
        place = torch.arange(size)
        kept = (place < begins) | (place >= begins + width)  # (n, size)
        frames = frames * kept.unsqueeze(3 - axis)
    return frames


_DRAWN = 7  # the place of these draws among all that follow from a seed and a step
