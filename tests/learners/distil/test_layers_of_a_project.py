"""A student of a fine-tuned package begins with layers of the project that has learned it, by its folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from in_process import say
from safetensors.numpy import load_file

from modelwright.testing.learners import tiny_encoder

WORDS = ["good", "fine", "bad", "poor", "day", "was"]


def declare(folder: Path, model: dict[str, object]) -> None:
    folder.mkdir()
    project = {
        "function": "f(text: text) -> y: category",
        "data": {"source": "../rows.csv"},
        "model": model,
        "learn": {"epochs": 1, "precision": "float32"},
    }
    (folder / "modelwright.yaml").write_text(json.dumps(project), encoding="utf-8")


def test_a_student_takes_layers_of_the_project_that_has_learned_its_teacher(tmp_path: Path) -> None:
    texts = [f"{one} day {other}" for one in WORDS for other in WORDS]
    rows = [f"{text},{'up' if text[0] in 'gf' else 'down'}" for text in texts]
    (tmp_path / "rows.csv").write_text("\n".join(["text,y", *rows]), encoding="utf-8")
    tiny_encoder.save(tmp_path / "weights", WORDS, layers=3)
    declare(tmp_path / "teacher", {"learner": "finetune", "pretrained": "../weights"})
    package = "../teacher/.modelwright/objects/package"
    student = {"learner": "distil", "from": package, "pretrained": "../teacher", "layers": 1, "variants": 0}
    declare(tmp_path / "early", student)
    early = say(tmp_path, "run", "--project", "early", "--to", "plan")
    assert early.returncode == 1
    assert "has learned nothing yet" in early.stdout + early.stderr
    done = say(tmp_path, "run", "--project", "teacher", "--to", "package")
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (tmp_path / "teacher" / ".modelwright/objects/package").glob("*/package")
    declare(tmp_path / "student", {**student, "from": f"{package}/{found.parent.name}/package"})
    done = say(tmp_path, "run", "--project", "student", "--to", "plan")
    assert done.returncode == 0, done.stdout + done.stderr
    (theirs,) = (tmp_path / "teacher" / ".modelwright").rglob("learned/weights.safetensors")
    (ours,) = (tmp_path / "student" / ".modelwright").rglob("choice/brought/encoder/model.safetensors")
    name = "encoder.layer.2.output.dense.weight"
    learned = load_file(theirs)[f"encoders.0.transformer.{name}"]
    assert np.array_equal(load_file(ours)[name], learned)
    assert str(tmp_path) not in (ours.parents[2] / "choice.json").read_text("utf-8")
