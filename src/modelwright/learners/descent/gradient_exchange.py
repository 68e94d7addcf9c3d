"""Gradients of a step's parts from several processes, added up in the order of the parts.

One process that reads the same parts one after another (`learn.optimiser.accumulate`) adds the same numbers in the same
order, so the bits are the same. A sum in another order, as an all-reduce takes it, is rounded otherwise.

For each step rank 0 sends what it is, the rows and the weights; part p is read by rank p mod N. What comes back of a
part is one vector: whether memory ran out, its loss, which weights have a gradient, and the gradients.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from modelwright.core.messages import MachineError
from modelwright.learners.contract.ranks import Ranks
from modelwright.learners.steps import thawing
from modelwright.learners.steps.batch_statistics import Seen
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.runtime.memory import ran_out

if TYPE_CHECKING:
    from modelwright.learners.descent.training_run import TrainingRun

_STEP, _END = 0.0, 1.0
_LOST, _LOSS, _HEAD = 0, 1, 2  # places in what comes back of a part
_INTERFACE = "GLOO_SOCKET_IFNAME"
_LONGEST = timedelta(days=7)  # that a rank waits, while rank 0 evaluates; one that ends is seen at once

Rows = NDArray[np.int64]


@contextmanager
def group(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Meet the other processes, and be one of their group within the block."""
    assert ranks.folder is not None
    backend = "nccl" if device.type == "cuda" else "gloo"
    store = distributed.FileStore(str(ranks.folder / "store"), ranks.size)  # type: ignore[attr-defined]
    # all are on this machine: no port is open to another
    given = os.environ.get(_INTERFACE)
    os.environ[_INTERFACE] = given or "lo"
    try:
        ranks.meet()
        with connected(ranks):
            distributed.init_process_group(
                backend, store=store, rank=ranks.rank, world_size=ranks.size, timeout=_LONGEST
            )
        yield
    finally:
        if given is None:
            del os.environ[_INTERFACE]
        ranks.leave()
        if distributed.is_initialized():
            with suppress(RuntimeError):
                distributed.destroy_process_group()


@contextmanager
def connected(ranks: Ranks) -> Iterator[None]:
    """Raise MachineError where a connection breaks since another process has ended."""
    try:
        yield
    except RuntimeError:
        # what torch says of the connection tells less than how the other end did
        if (problem := ranks.ended()) is not None:
            raise MachineError(problem) from None
        raise


@contextmanager
def exchanging(
    run: Any, ranks: Ranks, device: torch.device, exchange: Callable[[Any, Ranks], Any]
) -> Iterator[None]:
    """Let a run have its gradients from all ranks within the block; with one there is nothing to exchange.

    exchange: makes what the run then has as its `exchange`, of the run and the ranks.
    """
    if ranks.size == 1:
        yield
        return
    with group(ranks, device):
        run.exchange = exchange(run, ranks)
        try:
            yield
            run.exchange.end()
        finally:
            run.exchange = None


class GradientExchange:
    """The side of rank 0: lets all ranks compute gradients, and adds them up."""

    def __init__(self, run: TrainingRun, ranks: Ranks) -> None:
        self._run, self._ranks = run, ranks
        self._vector = _Vector(run)

    def add(self, rows: EncodedRows, batch: Rows, parts: Sequence[Rows]) -> list[tuple[float, Seen]]:
        """Let the weights have the gradient of a step, and return each part's loss and statistics.

        All parts are read whatever comes of one, so that no rank waits for another. Raises MemoryError where memory ran
        out in one of them.
        """
        run, weights = self._run, list(self._run.weights.values())
        with connected(self._ranks):
            self._send(batch, len(parts))
        found, lost = list[tuple[float, Seen]](), False
        # of each weight its gradient, of the weight's shape; None where no part has given one
        total: list[Tensor | None] = [None] * len(weights)
        for begin in range(0, len(parts), self._ranks.size):
            # N parts at a time, this rank's among them: vectors (length,), one of each rank
            own = self._vector.of_part(rows, batch, parts[begin], begin)
            vectors = [torch.empty_like(own) for _ in range(self._ranks.size)]
            with connected(self._ranks):
                distributed.gather(own, vectors, dst=0)
            for vector in vectors[: len(parts) - begin]:
                lost = lost or bool(vector[_LOST])
                gradients, seen = self._vector.read(vector)
                found.append((float(vector[_LOSS]), seen))
                for place, one in enumerate(gradients):
                    before = total[place]
                    if one is not None:
                        # in the order of the parts, as one process adds them
                        total[place] = one.clone() if before is None else before.add_(one)
        if lost:
            run.stepper.forget()
            raise MemoryError
        for weight, gradient in zip(weights, total, strict=True):
            weight.grad = gradient
        return found

    def end(self) -> None:
        """Tell the other ranks that there are no more steps."""
        with connected(self._ranks):
            distributed.broadcast(self._header(_END), src=0)

    def _send(self, batch: Rows, parts: int) -> None:
        run = self._run
        distributed.broadcast(self._header(_STEP, run.step, parts, len(batch), run.scaling.scale), src=0)
        distributed.broadcast(torch.from_numpy(batch).to(run.network.device), src=0)
        distributed.broadcast(_flat(run), src=0)

    def _header(self, *values: float) -> Tensor:
        # whole numbers up to 2^53, and a scale that is a power of two, are exact
        padded = [*map(float, values), *[0.0] * (5 - len(values))]
        return torch.tensor(padded, dtype=torch.float64, device=self._run.network.device)


def serve(run: TrainingRun, rows: EncodedRows, ranks: Ranks) -> None:
    """Compute gradients for rank 0 until there are no more steps."""
    device, vector = run.network.device, _Vector(run)
    with group(ranks, device):
        while True:
            header = torch.zeros(5, dtype=torch.float64, device=device)
            distributed.broadcast(header, src=0)
            what, step, count, size, scale = header.tolist()
            if what == _END:
                return
            batch = torch.zeros(int(size), dtype=torch.int64, device=device)
            distributed.broadcast(batch, src=0)
            # all that rank 0 has learned so far, (numbers,): nothing else is kept here from step to step
            weights = _flat(run)
            distributed.broadcast(weights, src=0)
            _put(run, weights)
            run.step, run.scaling.scale = int(step), scale
            thawing.apply(run.weights, run.thawing, run.step)
            chosen = batch.cpu().numpy()
            parts = np.array_split(chosen, int(count))
            for begin in range(0, len(parts), ranks.size):
                place = begin + ranks.rank
                part = parts[place] if place < len(parts) else None
                distributed.gather(vector.of_part(rows, chosen, part, place), dst=0)


class _Vector:
    """What comes back of a part, as one vector of float32."""

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._weights = list(run.weights.values())
        self._widths = run.statistics.widths
        # (2 + flags + numbers,): the head, a flag for each weight and each normalisation, and what these flags speak of
        flags = len(self._weights) + len(self._widths)
        self._numbers = [weight.numel() for weight in self._weights]
        self._numbers += [2 * width for width in self._widths]
        self._begin = _HEAD + flags
        self._length = self._begin + sum(self._numbers)

    def of_part(self, rows: EncodedRows, batch: Rows, part: Rows | None, number: int) -> Tensor:
        """Read a part of the rows of a step; None: there is none for this rank, and the vector says nothing."""
        run = self._run
        found = torch.zeros(self._length, device=run.network.device)
        if part is None:
            return found
        run.stepper.forget()
        try:
            loss, seen = run.read_part(rows, batch, part, number)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            found[_LOST] = 1.0
            run.stepper.forget()
            return found
        found[_LOSS] = loss
        values = [weight.grad for weight in self._weights] + seen.of_layers
        for place, (one, into) in enumerate(
            zip(values, torch.split(found[self._begin :], self._numbers), strict=True)
        ):
            if one is not None:
                found[_HEAD + place] = 1.0
                into.copy_(one.reshape(-1))
        run.stepper.forget()
        return found

    def read(self, vector: Tensor) -> tuple[list[Tensor | None], Seen]:
        """Return the gradient of each weight, None where it has none, and the statistics."""
        # a weight that has no gradient is left alone by its optimiser, which one of zeros would not be
        flags = vector[_HEAD : self._begin].tolist()
        shapes = [weight.shape for weight in self._weights] + [
            torch.Size((2, width)) for width in self._widths
        ]
        found = [
            values.view(shape) if flag else None
            for flag, values, shape in zip(
                flags, torch.split(vector[self._begin :], self._numbers), shapes, strict=True
            )
        ]
        count = len(self._weights)
        return found[:count], Seen(found[count:])


def _flat(run: TrainingRun) -> Tensor:
    """Return all that learns or is averaged as one vector."""
    return torch.cat([values.detach().reshape(-1).float() for values in run.averaged.values()])


def _put(run: TrainingRun, vector: Tensor) -> None:
    with torch.no_grad():
        pieces = torch.split(vector, [values.numel() for values in run.averaged.values()])
        for values, piece in zip(run.averaged.values(), pieces, strict=True):
            values.copy_(piece.view(values.shape))
