"""The repeated layers of encoders, compiled (torch.compile): one kernel in place of many, where that pays.

A compiled layer depends on what it was compiled on: the sizes of the first rows decide how loops run, and so how sums
are rounded. So all is compiled before the first step, on the same rows whenever a training begins or goes on, and what
does not fit these graphs later (validation, layers that do not learn yet, a row by itself) is computed uncompiled.
"""

from __future__ import annotations

import math
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from modelwright.core.messages import MachineError, Problem
from modelwright.learners import timing
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.plan import Execution

WORTH = 0.9  # of a step: less of a gain is within what steps differ by
_LONG_S = 300.0  # of a budget, from which it is tried
_BATCHES = 4  # on which all is compiled: of several lengths, with and without what fills rows up
_LONGEST = 200  # characters of a reason
_WITHOUT_COMPILER = "InvalidCxxCompiler"


def tried_for(keys: bool | Literal["auto"], execution: Execution, budget_s: float) -> float | None:  # noqa: FBT001
    """Return the seconds of learning that compiling must pay in; inf: it is asked for; None: it is not tried.

    keys: `learn.compile`. By default it is tried on a GPU alone: on processors no step was a tenth quicker (decision
    027), and compiling takes 10 to 20 seconds.
    """
    if keys is True:
        return math.inf
    long_on_gpu = execution.gpu is not None and budget_s > _LONG_S
    return budget_s if keys == "auto" and long_on_gpu else None


def pays(plain_s: float, compiled_s: float, begin_s: float, within_s: float) -> bool:
    """Tell whether compiled steps are worth it: clearly quicker, and earned back within so many seconds of learning.

    begin_s: that compiling takes once.
    """
    if within_s == math.inf:
        return True
    # n steps fit into the seconds; each saves a share
    return compiled_s < WORTH * plain_s and within_s * (1.0 - compiled_s / plain_s) > begin_s


@contextmanager
def compiled(run: TrainingRun, rows: EncodedRows, batches: Sequence[NDArray[np.int64]]) -> Iterator[float]:
    """Compute with compiled layers within the block, which is given the CPU seconds that compiling took.

    batches: that it is compiled on; nothing is learned of them. Raises MachineError where it cannot be compiled.
    """
    layers = repeated_layers(run.network)
    # graphs of an earlier training in this process would be taken where they fit
    torch.compiler.reset()
    begun = timing.now_s()
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, about parts of its own
            for one in layers:
                # sizes are symbols from the first, and no kernel is chosen by a clock
                one.compile(dynamic=True, options={"deterministic": True})
            for batch in batches[:_BATCHES]:
                for number, part in enumerate(np.array_split(batch, min(run.parts, len(batch)))):
                    run.read_part(rows, batch, part, number)
        run.stepper.forget()
        seconds = timing.now_s() - begun
    except Exception as error:
        _uncompiled(layers)
        run.stepper.forget()
        raise MachineError(Problem("learn.cannot-compile", reason=_reason(error))) from None
    try:
        with torch.compiler.set_stance("eager_on_recompile"):
            yield seconds
    finally:
        _uncompiled(layers)


def repeated_layers(network: Network) -> list[nn.Module]:
    """Return what is compiled: the layers of each encoder, or the encoder where it names none that it calls."""
    found: list[nn.Module] = []
    for place in range(len(network.encoders)):
        encoder = network.encoder(place)
        own = set(map(id, encoder.modules()))
        layers = [one for one in encoder.layers() if id(one) in own]
        found += layers or [encoder]
    return found


def _uncompiled(layers: Sequence[nn.Module]) -> None:
    for one in layers:
        one._compiled_call_impl = None  # what `Module.compile` sets, and nothing of torch unsets


def _reason(error: Exception) -> str:
    """Return why layers could not be compiled, in a line."""
    named = f"{type(error).__name__}: {error}"
    if _WITHOUT_COMPILER in named or shutil.which(os.environ.get("CXX", "g++")) is None:
        return "no C++ compiler"
    return named.strip().splitlines()[0][:_LONGEST]
