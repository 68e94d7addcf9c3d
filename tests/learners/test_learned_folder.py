"""The folder of a learned network: read as it was written, and as the format before lay on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tiny_encoder
from safetensors.torch import load_file, save_file

from modelwright.learners.networks.network_plan import NetworkPlan
from modelwright.learners.training import learned_folder
from modelwright.learners.training.starting_point import starting_point


def _written(folder: Path, place: Path) -> dict[str, list[object]]:
    data = tiny_encoder.mixed(20)
    begin = starting_point(tiny_encoder.MIXED, data, {"items": folder})
    learned_folder.write(place, "probe", tiny_encoder.MIXED, begin.states, begin.network)
    return {field.name: list(data.columns[field.name]) for field in tiny_encoder.MIXED.inputs}


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    inputs = _written(tiny_encoder.save(tmp_path / "tiny"), tmp_path / "learned")
    note = json.loads((tmp_path / "learned" / "learned.json").read_text("utf-8"))
    plan = NetworkPlan.from_json(note["network"])
    assert note["format"] == 2
    assert plan.to_json() == note["network"]
    assert [one.type for one in plan.encoders] == ["transformer", "plain", "plain", "columns"]
    assert plan.inputs == {"items": 0, "age": 1, "member": 2, "region": 3}
    assert learned_folder.read(tmp_path / "learned").network.plan == plan
    assert set(learned_folder.predict(tmp_path / "learned", inputs)) == {"keys", "price", "fraud"}


def test_format_1_answers_as_it_did(tmp_path: Path) -> None:
    """There, one transformer was `text`, and the other encoders were numbered by their place in the signature."""
    now, before = tmp_path / "now", tmp_path / "before"
    inputs = _written(tiny_encoder.save(tmp_path / "tiny"), now)
    note = json.loads((now / "learned.json").read_text("utf-8"))
    config = note["network"]["encoders"][0]["config"]
    (before / "encoder").mkdir(parents=True)
    (before / "encoder" / "config.json").write_text(json.dumps(config["transformer"]))
    earlier = {"format": 1, "learner": "probe", "pooling": config["pooling"]}
    (before / "learned.json").write_text(json.dumps(earlier))
    weights = load_file(now / "weights.safetensors")
    named = {
        f"text.{name.removeprefix('encoders.0.')}" if name.startswith("encoders.0.") else name: values
        for name, values in weights.items()
    }
    assert named.keys() != weights.keys()
    save_file(named, before / "weights.safetensors")
    for file in now.rglob("*"):
        if file.is_file() and file.name not in {"learned.json", "weights.safetensors"}:
            copy = before / file.relative_to(now)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    wanted, found = learned_folder.predict(now, inputs), learned_folder.predict(before, inputs)
    for output, arrays in wanted.items():
        for array, values in arrays.items():
            np.testing.assert_array_equal(found[output][array], values)
