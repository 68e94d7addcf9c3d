"""Features of a frozen network: computed once, in blocks that outlive a kill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from modelwright import kinds
from modelwright.core.progress import ProgressTask
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners.networks.encoders.contract import ARRAYS, READ, Encoder
from modelwright.learners.networks.forms import SPARED
from modelwright.learners.networks.network import Network
from modelwright.learners.training import checkpoint
from modelwright.learners.training.encoded_rows import EncodedRows, Reader

Key = TypeVar("Key")

BATCH = 64
BLOCK = 16  # batches a file; a kill loses at most one block


def features(network: Network, rows: EncodedRows, scratch: Path, task: ProgressTask) -> Tensor:
    """Return the features (n, width) of all rows, reusing the blocks that an earlier run left in `scratch`."""
    network.eval()
    batches = rows.by_length(BATCH)
    found = torch.zeros(len(rows), network.combiner.width)
    for begin in range(0, len(batches), BLOCK):
        block = batches[begin : begin + BLOCK]
        path = scratch / f"{begin // BLOCK:06d}.safetensors"
        kept = checkpoint.read(path)
        if kept is None:
            with torch.no_grad():
                # (rows of the block, width): batches differ in tokens, not in the width of their features
                values = torch.cat([network.features(rows.arrays(batch)).cpu() for batch in block])
            checkpoint.write(path, {"features": values}, {})
        else:
            values = kept[0]["features"]
        for batch, part in zip(block, torch.split(values, [len(batch) for batch in block]), strict=True):
            # batches were made by length: their rows go back to their places
            found[torch.from_numpy(batch)] = part
        task.advance(len(block))
    return found


def answers(network: Network, rows: EncodedRows) -> dict[str, Tensor]:
    """Return each output's array over all rows, answered in batches of like length."""
    network.eval()
    return by_row(network, rows)


def by_row(of: Callable[[dict[str, Tensor]], Mapping[Key, Tensor]], rows: EncodedRows) -> dict[Key, Tensor]:
    """Return what `of` gives for the arrays of all rows, in the rows' order; nothing is learned of it."""
    found: dict[Key, Tensor] = {}
    with torch.no_grad():
        for batch in rows.by_length(BATCH):
            for name, values in of(rows.arrays(batch)).items():
                # (n, columns), or (n,) where the output has none
                whole = found.setdefault(name, torch.zeros(len(rows), *values.shape[1:]))
                if values.dim() > 2 and values.shape[1] != whole.shape[1]:
                    # (n, positions, columns): those of a batch are as many as its longest row has
                    most = max(values.shape[1], whole.shape[1])
                    whole, values = _lengthened(whole, most), _lengthened(values, most)  # noqa: PLW2901
                    found[name] = whole
                whole[torch.from_numpy(batch)] = values.cpu()
    return found


def _lengthened(values: Tensor, most: int) -> Tensor:
    """Return values (n, positions, columns) with so many positions; those that are added hold 0."""
    return torch.nn.functional.pad(values, (0, 0, 0, most - values.shape[1]))


def readers(network: Network, signature: Signature, inputs: Collection[str]) -> dict[str, Reader]:
    """Return, for inputs whose encoders do not learn, what reads their arrays once instead of in every step."""
    found: dict[str, Reader] = {}
    for field in signature.inputs:
        form = kinds.arrays(field.kind).input_form
        if field.name in inputs and form is not None:
            found[field.name] = _reader(network.encoder_of(field.name), form)
    return found


def _reader(encoder: Encoder, form: Form) -> Reader:
    names = ARRAYS[form]
    # where a learned vector stands for a missing value, the network asks the second array whether it does
    presence = names[1:] if form in SPARED else ()

    def read(arrays: Mapping[str, Array]) -> dict[str, Array]:
        encoder.eval()
        device = next(encoder.parameters()).device
        with torch.no_grad():
            features: Tensor = encoder(
                *(torch.from_numpy(np.ascontiguousarray(arrays[one])).to(device) for one in names)
            )
        return {READ: features.cpu().numpy(), **{one: arrays[one] for one in presence}}

    return read
