"""The encoder of texts that another project has learned, as a folder of pretrained weights.

So a student of its package begins with some of its layers, as with those of any pretrained encoder; and with its heads
(`teachers_heads`), where these read the features of that encoder alone.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.numpy import load_file, save_file

from modelwright import kinds
from modelwright.learners import kind_states
from modelwright.learners.distil import teachers_heads
from modelwright.learners.networks.network_plan import NOTE, WEIGHTS, EncoderPlan, NetworkPlan
from modelwright.learners.weights.families import TRANSFORMER

_CONFIG, _TOKENIZER = "config.json", "tokenizer.json"
_POOLING = "1_Pooling/config.json"  # where sentence encoders say how they are pooled


def is_learned(folder: Path) -> bool:
    """Tell whether a folder holds what was learned, of whichever form, and not weights as their family has them."""
    return (folder / kind_states.FILE).is_file() and not (folder / _CONFIG).is_file()


def there_is_one(learned: Path) -> bool:
    """Tell whether what was learned has an encoder of texts whose layers can be taken."""
    return _found(learned) is not None


def write(learned: Path, out: Path) -> None:
    """Write config.json, model.safetensors, tokenizer.json and the pooling into a folder, which is made."""
    found = _found(learned)
    assert found is not None, "`problems` refuses a network without"
    place, plan, name = found
    signature, states = kind_states.read(learned)
    (field,) = (one for one in signature.inputs if one.name == name)
    before = f"encoders.{place}.{TRANSFORMER.name}."
    learned_weights = load_file(learned / WEIGHTS)
    weights = {
        key.removeprefix(before): values for key, values in learned_weights.items() if key.startswith(before)
    }
    (out / _POOLING).parent.mkdir(parents=True)
    (out / _CONFIG).write_text(json.dumps(plan.config[TRANSFORMER.name]), encoding="utf-8")
    pooled = {"pooling_mode_cls_token": plan.config["pooling"] == "first"}
    (out / _POOLING).write_text(json.dumps(pooled), encoding="utf-8")
    (out / _TOKENIZER).write_bytes(kinds.arrays(field.kind).dump(states[name]).assets[_TOKENIZER])
    save_file(weights, out / "model.safetensors", {"format": "pt"})  # as the readers of such folders expect
    if teachers_heads.alone(_plan(learned)):
        teachers_heads.write(out, signature, states, learned_weights)


def _found(learned: Path) -> tuple[int, EncoderPlan, str] | None:
    """Return the place of the first encoder that is a pretrained transformer, its plan, and an input that it reads."""
    if (plan := _plan(learned)) is None:
        return None
    for place, one in enumerate(plan.encoders):
        names = [name for name, of in plan.inputs.items() if of == place]
        if one.type == TRANSFORMER.name and names:
            return place, one, names[0]
    return None


def _plan(learned: Path) -> NetworkPlan | None:
    """Return the plan of the network that was learned; None where it is no network, or one of an older form."""
    note = json.loads((learned / NOTE).read_text(encoding="utf-8")) if (learned / NOTE).is_file() else {}
    return NetworkPlan.from_json(note["network"]) if "network" in note else None
