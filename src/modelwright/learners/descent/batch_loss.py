"""The loss of a batch: its rows varied, read by all parts, by some of them and by each, and measured against truths.

What is drawn here follows from the moment alone, so that a resumed run draws what an unbroken one would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.auxiliary import AuxiliaryHeads
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.heads import at, mean_loss
from modelwright.learners.networks.network import Network, Parts
from modelwright.learners.training import precision
from modelwright.learners.training.augmentation import varied
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.mixing import Mix


@dataclass(frozen=True)
class Moment:
    """When a loss is asked for: the seed of the run, the step, and which part of the rows of the step is read."""

    run_seed: int
    step: int
    part: int = 0

    @property
    def place(self) -> int:
        """Return a number of this part of this step alone."""
        return self.step + self.part * 2**40

    @property
    def seed(self) -> int:
        """Return a seed of this part of this step alone."""
        return (self.run_seed * 1_000_003 + self.place) % 2**63


@dataclass(frozen=True)
class BatchLoss:
    """The loss of a network on a batch; auxiliary: heads of each part, where these are learned beside."""

    network: Network
    recipe: Recipe
    auxiliary: AuxiliaryHeads | None

    def of(self, rows: EncodedRows, batch: NDArray[np.int64], moment: Moment) -> Tensor:
        """Return the loss of a batch, (): the weighted sum of the outputs' mean losses."""
        drawn = Mix.drawn(self.recipe.regularisation, rows.signature, len(batch), moment.seed)
        mix = drawn.of_parts(self.network.part_inputs)
        with precision.computing_in(self.recipe.precision, self.network.device.type):
            arrays = self._arrays(rows, batch, moment)
            # pictures are mixed as they are, all else as the features that are read of it
            parts = self.network.read(mix.arrays(arrays))
            parts = mix.features(parts, self.network.part_inputs, arrays)
            views = self._views(parts, moment)
        place, whole = torch.from_numpy(batch), sum(share for share, _ in views)
        losses = []
        for name, head in self.network.tasks().items():
            truths = at(rows.truths[name], place)
            # a loss sums over classes and rows: in float32; of mixed rows, that of both truths by their shares
            seen = [
                share
                * part
                * mean_loss(head.task, answers[name].float(), of_part, self.recipe.label_smoothing)
                for share, answers in views
                for part, of_part in mix.truths(truths)
            ]
            losses.append(self.recipe.weights.get(name, 1.0) * _total(seen) / whole)
        if (uncertainty := self.network.uncertainty) is not None:
            # Σ exp(-s) · loss + s / 2, s the log variance of an output's error (Kendall et al. 2018, section 3.2)
            losses = [
                torch.exp(-uncertainty[number]) * loss + uncertainty[number] / 2
                for number, loss in enumerate(losses)
            ]
        return _total(losses)

    def _views(self, parts: Parts, moment: Moment) -> list[tuple[float, dict[str, Tensor]]]:
        """Return the answers to a batch from all parts, from some of them and from each, with the share of their loss.

        The parts are read once, which is what takes long. To leave one out before it is read would spend its encoder
        on nothing, and mix what stands for nothing into the statistics of its normalisations.
        """
        # (share of the loss, answers): the shares of all views but the auxiliary ones add up to 1
        views = []
        count, rows = len(parts.features), len(parts.features[0])
        left = self.recipe.left_out if self._most_left_out(count) else 0.0
        if left:
            some = self.network.without(parts, self._left_out(count, rows, moment))
            views.append((left, self._answered(some, moment)))
        views.append((1.0 - left, self._answered(parts, moment)))
        if self.auxiliary is not None:
            each = self.auxiliary(parts.features)
            views += [(self.recipe.auxiliary / len(each), answers) for answers in each]
        return views

    def _answered(self, parts: Parts, moment: Moment) -> dict[str, Tensor]:
        return self.network.answer(self._dropped(self.network.combined(parts), moment))

    def _most_left_out(self, parts: int) -> int:
        """Return how many optional inputs are left out of a row at most; one that is left may answer by itself."""
        if self.network.alone is not None:
            return max(0, min(len(self.network.spared), parts - 2))
        return min(len(self.network.spared), max(1, parts - 1))

    def _left_out(self, parts: int, rows: int, moment: Moment) -> dict[str, Tensor]:
        """Return in which rows, (n,), an optional input is left out: in each at least one, and not every part."""
        names = list(self.network.spared)
        most = self._most_left_out(parts)
        generator = np.random.default_rng([moment.seed, 2])
        counts = generator.integers(1, most + 1, size=(rows, 1))
        # (n, inputs): the place of each in an order drawn for the row; the first ones are left out
        ranks = generator.random((rows, len(names))).argsort(axis=1).argsort(axis=1)
        out = torch.from_numpy(ranks < counts).to(self.network.device)
        return dict(zip(names, out.unbind(dim=1), strict=True))

    def _arrays(self, rows: EncodedRows, batch: NDArray[np.int64], moment: Moment) -> dict[str, Tensor]:
        """Return the input arrays of a batch: varied, and tokens and values of optional inputs left out at random.

        Those for which a learned vector can stand are left out after they were read (`_views`).
        """
        arrays = self._with_fewer_tokens(self._varied(rows, batch, moment), rows, moment)
        if not self.recipe.omitted:
            return arrays
        generator = np.random.default_rng([moment.seed, 1])
        for name, blank in rows.blank.items():
            # drawn for every optional input, used or not, so that one more changes no other's draws
            out = torch.from_numpy(generator.random(len(batch)) < self.recipe.omitted)  # (batch,)
            if name in self.network.spared:
                continue
            for array, value in blank.items():
                arrays[f"{name}.{array}"] = _replaced(arrays[f"{name}.{array}"], torch.from_numpy(value), out)
        return arrays

    def _varied(self, rows: EncodedRows, batch: NDArray[np.int64], moment: Moment) -> dict[str, Tensor]:
        """Return the arrays of some rows, varied as this step draws it."""
        arrays = rows.arrays(batch)
        for place, one in enumerate(rows.signature.inputs):
            amounts, form = self.recipe.augment.get(one.name), kinds.arrays(one.kind).input_form
            if amounts and form is not None:
                own = {array: arrays[f"{one.name}.{array}"] for array in ARRAYS[form]}
                changed = varied(own, form, amounts, moment.run_seed, moment.place, place)
                arrays |= {f"{one.name}.{array}": values for array, values in changed.items()}
        return arrays

    def _with_fewer_tokens(
        self, arrays: dict[str, Tensor], rows: EncodedRows, moment: Moment
    ) -> dict[str, Tensor]:
        """Return arrays in whose texts a share of the tokens is as if it were padding: none is read, none averaged.

        Token cutoff (Shen et al. 2020), without their second view of each text, which would cost a second pass.
        """
        if not self.recipe.token_dropout:
            return arrays
        generator = np.random.default_rng([moment.seed, 4])
        left = dict(arrays)
        for one in fields_of(rows.signature.inputs, Form.TOKENS):
            if (mask := left.get(f"{one.name}.mask")) is not None:  # else its features stand for it
                out = torch.from_numpy(
                    generator.random(mask.shape) < self.recipe.token_dropout
                )  # (n, length)
                out[:, 0] = False  # so that something is left of every text, and what encoders begin it with
                left[f"{one.name}.mask"] = mask * ~out
        return left

    def _dropped(self, features: Tensor, moment: Moment) -> Tensor:
        """Return features of which a share is left out; the others are scaled up, so that the mean stays.

        What is left out is 0; to heads that were fitted, it is the mean of its feature over these rows. Their weights
        go with 1 / deviation, so that a feature far from 0 beside its spread was mostly noise when it was set to 0: of
        an encoder whose texts have a mean cosine of 0.96 (77 classes) the loss of the first step was 4.28 instead of
        3.66 at a share of 0.1, and 6.00 at 0.3; about the mean it is 3.67 and 3.74. Where features lie around 0 (a mean
        cosine of 0.22) it makes no difference: 0.836 and 0.834.
        """
        if not self.recipe.dropout:
            return features
        # A generator of its own for every step, so that a resumed run draws what an unbroken one would; the same on
        # any device.
        generator = torch.Generator().manual_seed(moment.seed)
        # (batch, width): kept with 1 - p and divided by it, so that serving needs no factor (Srivastava et al. 2014)
        kept = (torch.rand(features.shape, generator=generator) >= self.recipe.dropout).to(features.device)
        if not self.recipe.fitted or len(features) == 1:  # one row would be its own mean
            return features * kept / (1.0 - self.recipe.dropout)
        middle = features.detach().mean(dim=0, keepdim=True)  # (1, width)
        return middle + (features - middle) * kept / (1.0 - self.recipe.dropout)


def _replaced(values: Tensor, blank: Tensor, out: Tensor) -> Tensor:
    """Return values (batch, …) in which the rows of `out`, bool (batch,), are `blank` (1, …).

    Where a row has a length of its own (tokens), `blank` is filled up with 0, which no mask counts.
    """
    if blank.shape[1:] != values.shape[1:]:
        length = max(blank.shape[1], values.shape[1])
        blank, values = (torch.nn.functional.pad(one, (0, length - one.shape[1])) for one in (blank, values))
    place = out.view(-1, *[1] * (values.dim() - 1))  # (batch, 1, …)
    return torch.where(place, blank.to(values.dtype), values)


def _total(losses: Sequence[Tensor]) -> Tensor:
    return sum(losses, start=torch.zeros(()))
