"""Heads: one per output, chosen by the form of its answers: a linear layer, and a task with its loss.

Shapes: n rows of a batch, C classes, K members of a set, d dimensions of a vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks import contrast
from modelwright.learners.networks.encoders.contract import size_of
from modelwright.learners.networks.losses import Losses
from modelwright.learners.networks.network_plan import LogarithmPlan

Truths = Mapping[str, Tensor]
"""The truths of one output by array, (n, …), as the kind's `encode_truth` gives them."""


class Task(ABC):
    """What an output answers: its array, that array's columns (None: it is (n,)), and the loss of a row.

    The loss of a row is its negative log-likelihood where the output is a choice, so that outputs of several
    forms can be added up: a set's is the sum over its members, as K independent choices have.
    """

    array: ClassVar[str]
    of_features: ClassVar[bool] = False  # the array is the features themselves, and no layer is learned
    of_positions: ClassVar[bool] = False  # each position (a token) is answered: (n, positions, columns)

    def __init__(self, columns: int | None) -> None:
        self.columns = columns
        self.how = Losses()

    def counts(self, truths: Truths) -> Tensor | None:
        """Return how many rows have each class, (C,), of rows that have a truth; None where there are no classes."""
        return None

    def shaped(self, answers: Tensor) -> Tensor:
        """Return the output's array of what a linear layer gives, (n, columns or 1)."""
        return answers if self.columns is not None else answers.squeeze(-1)

    def evidence(self, answers: Tensor) -> Tensor:
        """Return the output's array as the features of another head: (n, columns or 1)."""
        return answers.reshape(-1, self.columns or 1)

    @abstractmethod
    def known(self, truths: Truths) -> Tensor:
        """Return which rows have a truth: bool (n,)."""

    @abstractmethod
    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the loss of each row (n,), all of which have a truth; `smoothing`: share spread evenly."""

    @abstractmethod
    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return what validation compares checkpoints by: how wrong each row's answer is, (n,)."""

    def least(self, truths: Truths) -> float | None:
        """Return how wrong the best answer is that is the same for all rows, which have a truth.

        None where `wrong` falls only as the loss does, so that it tells all that there is.
        """
        return None


@final
class ClassTask(Task):
    """One class of C: `logits` (n, C), truth `index` int64 (n,)."""

    array: ClassVar[str] = "logits"

    def known(self, truths: Truths) -> Tensor:
        """Return where a class stands; −1 is none."""
        return truths["index"] >= 0

    def evidence(self, answers: Tensor) -> Tensor:
        """Return the logarithms of the probabilities: logits mean the same with any number added."""
        return functional.log_softmax(answers, dim=-1)

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the cross-entropy of the softmax, smoothed as in Szegedy et al. 2016, section 7."""
        index = truths["index"]
        loss = functional.cross_entropy(answers, index, reduction="none", label_smoothing=smoothing)

        def sure() -> Tensor:
            return answers.softmax(dim=-1).gather(-1, index.unsqueeze(-1)).squeeze(-1)

        return self.how.of_class(self.how.of_choice(loss, sure), index)

    def counts(self, truths: Truths) -> Tensor | None:
        """Return how many rows have each class."""
        return torch.bincount(truths["index"], minlength=self.columns or 0)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return 1 where another class is the likeliest."""
        return (answers.argmax(dim=-1) != truths["index"]).to(torch.float32)

    def least(self, truths: Truths) -> float | None:
        """Return the share of rows that are not of the most frequent class."""
        return 1.0 - float(torch.bincount(truths["index"]).max()) / len(truths["index"])


@final
class FlagTask(Task):
    """Yes or no: `logit` (n,), truth `index` int64 (n,), 0 or 1."""

    array: ClassVar[str] = "logit"

    def known(self, truths: Truths) -> Tensor:
        """Return where a truth stands; −1 is none."""
        return truths["index"] >= 0

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the cross-entropy of the sigmoid."""
        # The same smoothing as of two classes: half of it falls on either side.
        index = truths["index"]
        target = index.to(answers.dtype) * (1.0 - smoothing) + smoothing / 2
        loss = functional.binary_cross_entropy_with_logits(answers, target, reduction="none")

        def sure() -> Tensor:
            return torch.where(index > 0, answers, -answers).sigmoid()

        return self.how.of_class(self.how.of_choice(loss, sure), index)

    def counts(self, truths: Truths) -> Tensor | None:
        """Return how many rows are false, and how many true."""
        return torch.bincount(truths["index"], minlength=2)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return 1 where the likelier side is the other one."""
        return ((answers >= 0) != (truths["index"] > 0)).to(torch.float32)

    def least(self, truths: Truths) -> float | None:
        """Return the share of the rarer side."""
        yes = float((truths["index"] > 0).to(torch.float32).mean())
        return min(yes, 1.0 - yes)


@final
class ScalarTask(Task):
    """A number: `value` (n,), standardised, truth `value` (n,).

    logarithm: what a head gives is one, and its loss that of the number: a mean or a median stays what it is, which the
    mean of logarithms would not.
    """

    array: ClassVar[str] = "value"

    def __init__(self, columns: int | None, logarithm: LogarithmPlan | None = None) -> None:
        super().__init__(columns)
        self.logarithm = logarithm

    def shaped(self, answers: Tensor) -> Tensor:
        """Return numbers (n,) of what a linear layer gives, (n, 1)."""
        given = super().shaped(answers)
        if (how := self.logarithm) is None:
            return given
        # in float32: an exponential of bfloat16 is 0.4 % off, and more of large amounts
        logarithms = given.float() * how.deviation + how.centre
        return logarithms.clamp(max=how.most).exp() + how.zero

    def known(self, truths: Truths) -> Tensor:
        """Return where a number stands; NaN is none."""
        return ~torch.isnan(truths["value"])

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the loss of the error, squared where nothing else is stated; nothing is smoothed."""
        return self.how.of_gap(answers - truths["value"])

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return the loss: what is best for a quantile is not best for the mean."""
        return self.loss(answers, truths, 0.0)


@final
class SetTask(Task):
    """The members of a set: `logits` (n, K), truth `members` (n, K), 0 or 1, NaN where unknown."""

    array: ClassVar[str] = "logits"

    def known(self, truths: Truths) -> Tensor:
        """Return the rows of which at least one member is known."""
        return (~torch.isnan(truths["members"])).any(dim=-1)

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the binary cross-entropy, summed over the members that are known."""
        members = truths["members"]  # (n, K)
        there = ~torch.isnan(members)
        # NaN times 0 is NaN, also in the gradient; so an unknown member is 0 before the loss and left out after.
        target = torch.where(there, members, 0.0) * (1.0 - smoothing) + smoothing / 2
        each = functional.binary_cross_entropy_with_logits(answers, target, reduction="none")

        def sure() -> Tensor:
            return torch.where(target > 0.5, answers, -answers).sigmoid()

        return torch.where(there, self.how.of_choice(each, sure), 0.0).sum(dim=-1)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return the share of known members on the wrong side (Hamming loss)."""
        members = truths["members"]
        there = ~torch.isnan(members)
        other = ((answers >= 0) != (members > 0.5)) & there
        return other.sum(dim=-1) / there.sum(dim=-1).clamp(min=1)

    def least(self, truths: Truths) -> float | None:
        """Return the share of known members on the wrong side, where each is answered as it is most often."""
        members = truths["members"]  # (n, K)
        there = ~torch.isnan(members)
        with_it = torch.where(there, members > 0.5, False).to(torch.float32).sum(0) / there.sum(0).clamp(
            min=1
        )
        often = (with_it > 0.5).to(torch.float32) * 2.0 - 1.0  # (K,)
        return float(self.wrong(often.expand_as(members), truths).mean())


@final
class VectorTask(Task):
    """A vector: `values` (n, d), truth `values` (n, d), NaN where unknown."""

    array: ClassVar[str] = "values"

    def known(self, truths: Truths) -> Tensor:
        """Return the rows of which at least one dimension is known."""
        return (~torch.isnan(truths["values"])).any(dim=-1)

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the losses of the dimensions that are known, added up; nothing is smoothed."""
        values = truths["values"]
        there = ~torch.isnan(values)
        # as in `SetTask`: NaN is replaced before the subtraction, or its gradient would be NaN
        gaps = answers - torch.where(there, values, 0.0)
        return torch.where(there, self.how.of_gap(gaps), 0.0).sum(dim=-1)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return the loss."""
        return self.loss(answers, truths, 0.0)


@final
class SeriesTask(Task):
    """A forecast: `quantiles` (n, h, q) at rising levels, truth `steps` (n, h), NaN where unknown."""

    array: ClassVar[str] = "quantiles"

    def __init__(self, steps: int, levels: Sequence[float]) -> None:
        super().__init__(steps * len(levels))
        self.steps = steps
        self.levels = tuple(levels)

    def shaped(self, answers: Tensor) -> Tensor:
        """Return quantiles (n, h, q) of (n, h·q)."""
        return answers.reshape(-1, self.steps, len(self.levels))

    def known(self, truths: Truths) -> Tensor:
        """Return the rows of which at least one step is known."""
        return (~torch.isnan(truths["steps"])).any(dim=-1)

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the pinball loss (Koenker and Bassett 1978), the mean over levels and known steps."""
        steps = truths["steps"]
        there = ~torch.isnan(steps)  # (n, h)
        levels = torch.tensor(self.levels, dtype=answers.dtype, device=answers.device)
        # as in `SetTask`: NaN is replaced before the subtraction, or its gradient would be NaN
        off = torch.where(there, steps, 0.0).unsqueeze(-1) - answers  # (n, h, q)
        each = torch.maximum(levels * off, (levels - 1.0) * off).mean(dim=-1)
        return torch.where(there, each, 0.0).sum(dim=-1) / there.sum(dim=-1).clamp(min=1)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return the pinball loss."""
        return self.loss(answers, truths, 0.0)


@final
class MatchTask(Task):
    """Two texts that belong together: `vectors` (n, 2 · d) of both, truths `own` int64 (n,) and `right` (n, m).

    `own`: the number of the row's passage; `right`: those of all passages that are right for its question. What belongs
    together is told from all other passages of the batch (`networks.contrast`).
    """

    array: ClassVar[str] = "vectors"
    of_features: ClassVar[bool] = True
    temperature: float = contrast.TEMPERATURE

    def known(self, truths: Truths) -> Tensor:
        """Return all rows: a pair is one because it is known."""
        return truths["own"] >= 0

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the contrastive loss of each row among the rows given."""
        return contrast.loss(answers, truths["own"], truths["right"], self.temperature, smoothing)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return 1 - 1 / rank of the row's passage among those of all rows given, other right ones left out."""
        return contrast.lost_ranks(answers, truths["own"], truths["right"])


@final
class TagTask(Task):
    """A tag of each token: `logits` (n, l, tags), truth `tags` int64 (n, L), L ≥ l, -1 where there is none.

    A row counts by its tokens, so that every token of a batch counts alike.
    """

    array: ClassVar[str] = "logits"
    of_positions: ClassVar[bool] = True

    def known(self, truths: Truths) -> Tensor:
        """Return which rows have a tag."""
        return (truths["tags"] >= 0).any(dim=-1)

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the cross-entropy of the tags of each row, as a share of the mean number of tokens with one."""
        tags = truths["tags"][:, : answers.shape[1]]
        # (n, tags, l) and (n, l) → (n, l), 0 where there is no tag
        each = functional.cross_entropy(
            answers.transpose(1, 2), tags, reduction="none", ignore_index=-1, label_smoothing=smoothing
        )
        return each.sum(dim=-1) / (tags >= 0).sum(dim=-1).to(answers.dtype).mean()

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return which share of the tokens in a span, or answered as in one, has another tag; 0 of a row without."""
        tags = truths["tags"][:, : answers.shape[1]]
        found = answers.argmax(dim=-1)
        counts = (tags >= 0) & ((tags > 0) | (found > 0))
        return ((found != tags) & counts).sum(dim=-1) / counts.sum(dim=-1).clamp(min=1)


@final
class PlaceTask(Task):
    """Where an answer begins and ends: `logits` (n, l, 2), truths `begin`, `end` int64 (n,), -1 none, `inside` (n, L).

    `inside`: 1 of the tokens among which a place is chosen, the first of the window among them, which stands for no
    answer (Devlin et al. 2019, section 4.3).
    """

    array: ClassVar[str] = "logits"
    of_positions: ClassVar[bool] = True

    def __init__(self, columns: int | None = None) -> None:
        super().__init__(2)  # a beginning and an end

    def known(self, truths: Truths) -> Tensor:
        """Return which rows have a truth."""
        return truths["begin"] >= 0

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the mean cross-entropy of both ends; what is not inside has no share, so that nothing is smoothed."""
        begins, ends = self._chosen(answers, truths)
        return (
            functional.cross_entropy(begins, truths["begin"], reduction="none")
            + functional.cross_entropy(ends, truths["end"], reduction="none")
        ) / 2

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return 1 where an end is another."""
        begins, ends = self._chosen(answers, truths)
        right = (begins.argmax(dim=-1) == truths["begin"]) & (ends.argmax(dim=-1) == truths["end"])
        return (~right).to(torch.float32)

    def _chosen(self, answers: Tensor, truths: Truths) -> tuple[Tensor, Tensor]:
        """Return the logits of both ends, (n, l) each, far down where no place can be."""
        # (n, l, 2): what is no token of the text is none of its places
        inside = truths["inside"][:, : answers.shape[1], None]
        begins, ends = torch.where(inside > 0, answers, -1e4).unbind(dim=-1)
        return begins, ends


_WITHOUT_COLUMNS: Mapping[Form, Callable[[None], Task]] = {
    Form.FLAG: FlagTask,
    Form.CHOICE: MatchTask,
    Form.SPAN: PlaceTask,
}


def task(form: Form, answers: Mapping[str, ArraySpec], logarithm: LogarithmPlan | None = None) -> Task:
    """Return the task of an output whose answers have these specs; logarithm: of a number that is learned as its."""
    match form:
        case Form.CODE:
            return ClassTask(size_of(answers["logits"]))
        case Form.FLAG | Form.SCALAR | Form.CHOICE | Form.SPAN:
            return ScalarTask(None, logarithm) if form is Form.SCALAR else _WITHOUT_COLUMNS[form](None)
        case Form.SET:
            return SetTask(size_of(answers["logits"]))
        case Form.VECTOR:
            return VectorTask(size_of(answers["values"]))
        case Form.SERIES:
            spec = answers["quantiles"]
            _, steps, _ = spec.shape
            assert isinstance(steps, int), f"an array of {spec.shape} has no fixed length"
            return SeriesTask(steps, spec.levels)
        case Form.SPANS:
            codes = answers["spans"].codes
            assert codes is not None, "spans have labels"
            return TagTask(1 + 2 * codes)
        case _:
            raise AssertionError(f"no head for {form}")


class Head(nn.Module):
    """A linear layer that gives an output's array; of a module that answers itself, its columns from `begin` on.

    own: of layers (batch, width) → (batch, hidden) that no other output has, and hidden; the linear layer reads the
    features as they are beside them. Outputs that share all layers share what these can hold (Ma et al. 2018, section
    4.1, calls such layers a task's tower).
    """

    def __init__(
        self, width: int, of: Task, begin: int | None = None, own: tuple[nn.Module, int] | None = None
    ) -> None:
        super().__init__()
        self.task = of
        self.begin = 0 if of.of_features else begin
        self.own = None if own is None else own[0]
        if self.begin is None:
            self.linear = nn.Linear(width + (0 if own is None else own[1]), of.columns or 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the output's array, (batch, columns) or (batch,), of features (batch, width)."""
        if self.task.of_features:
            return features
        if self.begin is not None:
            return self.task.shaped(features[:, self.begin : self.begin + (self.task.columns or 1)])
        # (batch, width), or (batch, width + hidden), → (batch, columns or 1)
        read = features if self.own is None else torch.cat([features, self.own(features)], dim=-1)
        answers: Tensor = self.linear(read)
        return self.task.shaped(answers)


def at(truths: Truths, rows: Tensor) -> dict[str, Tensor]:
    """Return the truths of some rows: positions or a mask."""
    return {name: values[rows] for name, values in truths.items()}


def mean_loss(of: Task, answers: Tensor, truths: Truths, smoothing: float = 0.0) -> Tensor:
    """Return the mean loss over the rows whose truth is known, and 0 where no row's is.

    Truths lie where it costs least to ask which are known, and go to where the answers are.
    """
    known = of.known(truths)
    if not bool(known.any()):
        return answers.sum() * 0.0  # keeps the graph, so that the gradient is 0 and not absent
    there = {name: values.to(answers.device) for name, values in at(truths, known).items()}
    return of.loss(answers[known], there, smoothing).mean()


def mean_wrong(of: Task, answers: Tensor, truths: Truths) -> float:
    """Return the mean of `Task.wrong` over the rows whose truth is known, and 0 where no row's is."""
    wrong = wrong_rows(of, answers, truths)
    return float(wrong.mean()) if len(wrong) else 0.0


def wrong_rows(of: Task, answers: Tensor, truths: Truths) -> Tensor:
    """Return `Task.wrong` of the rows whose truth is known, (rows,)."""
    known = of.known(truths)
    return of.wrong(answers[known], at(truths, known))


def compared_wrong(of: Task, answers: Tensor, truths: Truths) -> float:
    """Return what checkpoints are compared by: `mean_wrong`, but of answers that show no more than one for all would
    (within a standard error), how wrong that one is.

    Where nine rows of ten are of one class, a network that has learned nothing is 10 % wrong, and one that tells
    the rows apart well may be 11 % wrong for a while: the loss decides between those.
    """
    wrong, known = wrong_rows(of, answers, truths), of.known(truths)
    least = of.least(at(truths, known)) if len(wrong) else None
    found = float(wrong.mean()) if len(wrong) else 0.0
    if least is None:
        return found
    error = float(wrong.std(unbiased=False)) / len(wrong) ** 0.5
    return found if found < least - error else least
