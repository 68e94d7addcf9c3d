"""`match` of two texts: the cosine of their vectors decides, of one encoder that reads each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_encoder

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.training import learned_folder
from modelwright.package.content import whole
from modelwright.storage.formats.examples import Examples

SAME = Signature.parse("same(one: text, other: text) -> same: boolean")
GROUPS = (("lost", "stolen", "blocked"), ("fee", "rate", "money"))


def pairs(rows: int) -> Examples:
    """Return texts of a word each, which belong together where their words are of one group."""
    one, other, same = [], [], []
    for row in range(rows):
        first, second = GROUPS[row % 2], GROUPS[(row // 2) % 2]
        one.append(f"the {first[row % 3]} card")
        other.append(f"my {second[(row // 3) % 3]} card")
        same.append(first is second)
    return Examples([str(row) for row in range(rows)], {"one": one, "other": other, "same": same})


def learned(place: Path, **options: object) -> Path:
    spec = learners.spec("match")
    encoder = tiny_encoder.save(place / "encoder")
    setup = Setup(
        "match", 80, 16, 1, "float32", "avx2", 0, spec.Options(**options), spec.Training(learning_rate=3e-3),
        {"one": encoder, "other": encoder},
    )  # fmt: skip
    out, scratch = place / "out", place / "scratch"
    out.mkdir()
    scratch.mkdir()
    learners.learn("match").learn(SAME, Rows(pairs(96), pairs(36)), setup, out, scratch, Silent())
    return out


def test_pairs_are_told_apart_by_a_cosine_alone(tmp_path: Path) -> None:
    out = learned(tmp_path, freeze_words=False)
    read = learned_folder.read(out)
    assert len(read.network.encoders) == 1, "both texts share an encoder"
    assert read.network.combiner.width == 1
    held = pairs(36)
    inputs = {name: held.columns[name] for name in ("one", "other")}
    (logit,) = learners.learn("match").predict(out, inputs)["same"].values()
    right = float(((logit >= 0) == np.array(held.columns["same"])).mean())
    assert right > 0.8
    # a cosine is the same from either side
    (turned,) = (
        learners.learn("match")
        .predict(out, {"one": inputs["other"], "other": inputs["one"]})["same"]
        .values()
    )
    assert turned == pytest.approx(logit, abs=1e-4)
    body = learners.export("match").export(out)
    assert body.driver == "once"
    graph = onnx.load_from_string(whole(body.graphs["model"])).graph
    stored, turned = (
        {one.name for one in graph.initializer},
        [one for one in graph.node if one.op_type == "Transpose"],
    )
    assert not any(one.input[0] in stored for one in turned), (
        "a layer that is read twice is a product with a matrix"
    )


def test_a_signature_of_another_shape_is_refused() -> None:
    spec = learners.spec("match")
    assert spec.refuses(SAME) is None
    assert spec.refuses(tiny_encoder.CHOOSE) is None
    for text in ("f(a: text) -> y: boolean", "f(a: text, b: text, c: text) -> y: boolean"):
        assert "two inputs" in str(spec.refuses(Signature.parse(text)))
    assert "one input" in str(spec.refuses(Signature.parse("f(a: text, b: text) -> y: choice")))
    assert spec.refuses(Signature.parse("f(a: text, b: number) -> y: boolean")) is not None


def test_keys_of_passages_are_said_to_change_nothing() -> None:
    spec = learners.spec("match")
    (found,) = spec.without_effect(SAME, spec.Options(shown=3, hard_negatives=False))
    assert found.values["keys"] == ["model.hard_negatives", "model.shown"]
    assert list(spec.without_effect(SAME, spec.Options(pooling="mean"))) == []
    assert list(spec.without_effect(tiny_encoder.CHOOSE, spec.Options(shown=3))) == []


def test_two_encoders_have_no_common_cosine(tmp_path: Path) -> None:
    spec = learners.spec("match")
    folders = {name: tiny_encoder.save(tmp_path / name) for name in ("one", "other")}
    with pytest.raises(ProjectError) as raised:
        learners.learn("match").forecast(
            SAME, Rows(pairs(20)), spec.Options(), spec.Training(), folders, tiny_encoder.MACHINE, 5.0
        )
    assert [one.id for one in raised.value.problems] == ["match.two-encoders"]


def test_how_much_is_read_is_said_with_its_own_key(tmp_path: Path) -> None:
    spec = learners.spec("match")
    encoder = tiny_encoder.save(tmp_path / "encoder")
    long = Examples(
        [str(row) for row in range(20)],
        {"one": ["card " * 40] * 20, "other": ["fee"] * 20, "same": [row % 2 == 0 for row in range(20)]},
    )
    given = {"one": encoder, "other": encoder}
    found = learners.learn("match").forecast(
        SAME, Rows(long), spec.Options(passage_length=16), spec.Training(), given, tiny_encoder.MACHINE, 5.0
    )
    (notice,) = (one for one in found.warnings if one.id == "plan.cut-texts")
    assert "passage_length" in notice.next_step


def test_a_cosine_is_taken_unmeasured_after_every_learner_with_heads_on_features() -> None:
    # of 879 pairs of lcqmc, one step of each answered 80 % by heads and 63 % by a cosine
    match, probe, finetune = (learners.spec(name) for name in ("match", "probe", "finetune"))
    assert match.rank_for(SAME) < probe.rank_for(SAME) < finetune.rank_for(SAME)
    assert match.rank_for(tiny_encoder.CHOOSE) > learners.spec("lexical").rank_for(tiny_encoder.CHOOSE)
