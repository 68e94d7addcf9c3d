"""The folder of a network that was learned.

learned.json           the format, the learner, how tokens are pooled
weights.safetensors    every weight of the network
encoder/config.json    the configuration of the transformer
states.json, states/   the signature and the kinds' states
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners import kind_states
from modelwright.learners.networks import pretrained
from modelwright.learners.networks.network import Network
from modelwright.learners.training import frozen_features
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.examples import Examples

FORMAT = 1
_NOTE, _WEIGHTS, _ENCODER = "learned.json", "weights.safetensors", "encoder/config.json"


@dataclass(frozen=True)
class LearnedNetwork:
    """A network with its weights, and what its inputs and outputs are."""

    signature: Signature
    states: Mapping[str, object]
    network: Network


def write(
    folder: Path,
    learner: str,
    signature: Signature,
    states: Mapping[str, object],
    network: Network,
    config: dict[str, object],
) -> None:
    """Write the folder; equal networks give equal bytes."""
    (folder / _ENCODER).parent.mkdir(parents=True, exist_ok=True)
    kind_states.write(folder, signature, states)
    (folder / _ENCODER).write_text(_json(config), encoding="utf-8")
    note = {"format": FORMAT, "learner": learner, "pooling": network.text.pooling}
    (folder / _NOTE).write_text(_json(note), encoding="utf-8")
    # Clones, because weights that a model ties share memory, which safetensors refuses.
    weights = {name: weight.detach().clone().contiguous() for name, weight in network.state_dict().items()}
    (folder / _WEIGHTS).write_bytes(save(weights))


def calibrated(
    signature: Signature,
    states: Mapping[str, object],
    network: Network,
    answers: Mapping[str, Tensor],
    validation: Examples,
) -> dict[str, object]:
    """Return the states with what the network's answers on validation show of confidence."""
    found = dict(states)
    for field in signature.outputs:
        arrays = {network.tasks()[field.name].task.array: answers[field.name].numpy()}
        kind = kinds.arrays(field.kind)
        found[field.name] = kind.calibrate(
            arrays, validation.columns[field.name], states[field.name], validation.columns
        )
    return found


def predict(folder: Path, inputs: Mapping[str, Sequence[object]]) -> dict[str, dict[str, Array]]:
    """Answer with torch: output → array → values."""
    learned = read(folder)
    answers = frozen_features.answers(learned.network, EncodedRows(learned.signature, learned.states, inputs))
    tasks = learned.network.tasks()
    return {name: {tasks[name].task.array: values.numpy()} for name, values in answers.items()}


def read(folder: Path) -> LearnedNetwork:
    """Read what `write` wrote."""
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    assert note["format"] == FORMAT, f"a learned folder of format {note['format']}"
    signature, states = kind_states.read(folder)
    transformer = pretrained.build(json.loads((folder / _ENCODER).read_text(encoding="utf-8")))
    with torch.random.fork_rng(devices=[]):
        network = Network(signature, states, pretrained.text_encoder(transformer, note["pooling"]))
    network.load_state_dict(load_file(folder / _WEIGHTS))
    return LearnedNetwork(signature, states, network.eval())


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True) + "\n"
