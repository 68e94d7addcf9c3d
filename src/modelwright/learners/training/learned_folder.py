"""The folder of a network that was learned.

learned.json           the format, the learner, and the plan by which the network is built again
weights.safetensors    every weight of the network
states.json, states/   the signature and the kinds' states

In format 1 all inputs of tokens shared one transformer: `encoder/config.json` was its configuration, and its weights
were named `text.…` beside those of the other inputs, which were named by their place in the signature.
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
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import kind_states
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import NOTE, WEIGHTS, EncoderPlan, NetworkPlan
from modelwright.learners.training import frozen_features
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.examples import Examples

FORMAT = 2
_ENCODER_OF_1 = "encoder/config.json"


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
) -> None:
    """Write the folder; equal networks give equal bytes."""
    kind_states.write(folder, signature, states)
    note = {"format": FORMAT, "learner": learner, "network": network.plan.to_json()}
    (folder / NOTE).write_text(_json(note), encoding="utf-8")
    # Clones, because weights that a model ties share memory, which safetensors refuses.
    weights = {
        name: weight.detach().cpu().clone().contiguous() for name, weight in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(save(weights))


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
    note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    assert note["format"] in {1, FORMAT}, f"a learned folder of format {note['format']}"
    signature, states = kind_states.read(folder)
    weights = load_file(folder / WEIGHTS)
    if note["format"] == 1:
        plan, weights = _from_1(folder, note, signature, states, weights)
    else:
        plan = NetworkPlan.from_json(note["network"])
    with torch.random.fork_rng(devices=[]):
        network = Network(signature, states, plan)
    network.load_state_dict(weights)
    return LearnedNetwork(signature, states, network.eval())


def _from_1(
    folder: Path,
    note: Mapping[str, Any],
    signature: Signature,
    states: Mapping[str, object],
    weights: Mapping[str, Tensor],
) -> tuple[NetworkPlan, dict[str, Tensor]]:
    """Return the plan of a folder of format 1, and its weights as they are named today."""
    config = json.loads((folder / _ENCODER_OF_1).read_text(encoding="utf-8"))
    encoders = [EncoderPlan("transformer", {"transformer": config, "pooling": note["pooling"]})]
    inputs: dict[str, int] = {}
    renamed = {"text": "encoders.0"}
    for place, field in enumerate(signature.inputs):
        kind = kinds.arrays(field.kind)
        assert kind.input_form is not None
        if kind.input_form is Form.TOKENS:
            inputs[field.name] = 0
            continue
        made = registry.scratch(kind.input_form)
        inputs[field.name] = len(encoders)
        renamed[f"encoders.{place}"] = f"encoders.{len(encoders)}"
        encoders.append(
            EncoderPlan(made.name, made.config(kind.input_form, kind.specs(states[field.name]), {}, {}))
        )
    found = {}
    for name, values in weights.items():
        before = next((one for one in renamed if name.startswith(f"{one}.")), None)
        found[name if before is None else renamed[before] + name[len(before) :]] = values
    return NetworkPlan(tuple(encoders), inputs), found


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True) + "\n"
