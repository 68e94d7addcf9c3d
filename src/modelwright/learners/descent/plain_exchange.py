"""Gradients of a plain run's parts from several processes, added up in the order of the parts.

As `gradient_exchange` has it for networks with heads: for each step rank 0 sends what it is, the rows and the weights;
part p is read by rank p mod N, and what comes back of it is one vector: whether memory ran out, its loss, and the
gradients. One process that reads the same parts adds the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from modelwright.learners.contract.ranks import Ranks
from modelwright.learners.descent.gradient_exchange import connected, group
from modelwright.runtime.memory import ran_out

if TYPE_CHECKING:
    from modelwright.learners.descent.plain_run import PlainRun

_STEP, _END = 0.0, 1.0
_LOST, _LOSS, _HEAD = 0, 1, 2  # places in what comes back of a part
_HEADER = 4  # numbers: what is to be done, the step, its rows, the scale of the loss


class PlainExchange:
    """The side of rank 0: lets all ranks read parts, and adds their gradients up."""

    def __init__(self, run: PlainRun, ranks: Ranks) -> None:
        self._run, self._ranks = run, ranks

    def add(self, batch: NDArray[np.int64]) -> list[float]:
        """Let the weights have the gradient of a step, and return the loss of each part.

        All parts are read whatever comes of one, so that no rank waits for another. Raises MemoryError where memory ran
        out in one of them.
        """
        run, size = self._run, self._ranks.size
        with connected(self._ranks):
            self._send(batch)
        parts = run.parts(batch)
        losses, lost = list[float](), False
        total: Tensor | None = None  # (numbers,): of all weights
        for begin in range(0, len(parts), size):
            # N parts at a time, this rank's among them: vectors (2 + numbers,), one of each rank
            own = _of_part(run, parts[begin])
            vectors = [torch.empty_like(own) for _ in range(size)]
            with connected(self._ranks):
                distributed.gather(own, vectors, dst=0)
            for vector in vectors[: len(parts) - begin]:
                lost = lost or bool(vector[_LOST])
                losses.append(float(vector[_LOSS]))
                # in the order of the parts, as one process adds them
                total = vector[_HEAD:].clone() if total is None else total.add_(vector[_HEAD:])
        if lost:
            run.forget()
            raise MemoryError
        assert total is not None, "a step has rows"
        # as if this process had read all parts: the step that follows knows nothing of others
        pieces = torch.split(total, [weight.numel() for weight in run.weights.values()])
        for weight, gradient in zip(run.weights.values(), pieces, strict=True):
            weight.grad = gradient.view(weight.shape)
        return losses

    def end(self) -> None:
        """Tell the other ranks that there are no more steps."""
        with connected(self._ranks):
            distributed.broadcast(self._header(_END), src=0)

    def _send(self, batch: NDArray[np.int64]) -> None:
        run, device = self._run, device_of(self._run)
        distributed.broadcast(self._header(_STEP, run.step, len(batch), run.scale), src=0)
        distributed.broadcast(torch.from_numpy(batch).to(device), src=0)
        distributed.broadcast(_flat(run.averaged), src=0)

    def _header(self, *values: float) -> Tensor:
        # whole numbers up to 2^53, and a scale that is a power of two, are exact
        padded = [*map(float, values), *[0.0] * (_HEADER - len(values))]
        return torch.tensor(padded, dtype=torch.float64, device=device_of(self._run))


def serve(run: PlainRun, ranks: Ranks) -> None:
    """Read parts for rank 0 until there are no more steps."""
    device = device_of(run)
    with group(ranks, device):
        while True:
            header = torch.zeros(_HEADER, dtype=torch.float64, device=device)
            distributed.broadcast(header, src=0)
            what, step, size, scale = header.tolist()
            if what == _END:
                return
            batch = torch.zeros(int(size), dtype=torch.int64, device=device)
            distributed.broadcast(batch, src=0)
            # all that rank 0 has learned so far, (numbers,): nothing else is kept here from step to step
            weights = _flat(run.averaged)
            distributed.broadcast(weights, src=0)
            _put(run.averaged, weights)
            run.follow(int(step), scale)
            # the same parts as rank 0 has, since lengths and rows are the same
            parts = run.parts(batch.cpu().numpy())
            for begin in range(0, len(parts), ranks.size):
                place = begin + ranks.rank
                distributed.gather(_of_part(run, parts[place] if place < len(parts) else None), dst=0)


def _of_part(run: PlainRun, part: tuple[NDArray[np.int64], float] | None) -> Tensor:
    """Read a part of a step's rows; None: there is none for this rank, and the vector says nothing."""
    found = torch.zeros(_HEAD + sum(one.numel() for one in run.weights.values()), device=device_of(run))
    if part is None:
        return found
    run.forget()
    try:
        found[_LOSS] = run.read_part(*part)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        found[_LOST] = 1.0
        run.forget()
        return found
    # views of the vector, one of each weight's numbers
    into = torch.split(found[_HEAD:], [one.numel() for one in run.weights.values()])
    for weight, values in zip(run.weights.values(), into, strict=True):
        # a decoder's weights all have one; what had none would stay at 0
        if weight.grad is not None:
            values.copy_(weight.grad.reshape(-1))
    run.forget()
    return found


def device_of(run: PlainRun) -> torch.device:
    """Return where the weights of a run lie."""
    return next(iter(run.weights.values())).device


def _flat(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return all that learns or is averaged as one vector."""
    return torch.cat([values.detach().reshape(-1).float() for values in tensors.values()])


def _put(tensors: Mapping[str, Tensor], vector: Tensor) -> None:
    with torch.no_grad():
        pieces = torch.split(vector, [values.numel() for values in tensors.values()])
        for values, piece in zip(tensors.values(), pieces, strict=True):
            values.copy_(piece.view(values.shape))
