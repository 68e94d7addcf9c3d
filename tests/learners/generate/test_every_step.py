"""Each step of a language model's learning is forecast in time and memory, and names the rows beyond its context."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_decoder

from modelwright import learners
from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate.spec import ChatTemplate, GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import TENSORS, TOKENIZER, DecoderWeights
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.storage.formats.examples import Examples, read_examples
from modelwright.storage.formats.plan import BROUGHT, Machine

MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
LEARN = learners.learn("generate")
WRITE = Signature("write", (Field("start", "text", optional=True),), (Field("text", "text"),))
SCRATCH = {"pretrained": "none", "scratch": {"tokenizer": "characters", "layers": 1, "width": 32, "heads": 2}}
PREFER = {"beta": 0.1}


def documents(rows: int) -> Examples:
    texts = [f"从前有 {n} 只猫。It is {2 * n}." for n in range(rows)]
    return Examples([f"row-{n}" for n in range(rows)], {"start": [None] * rows, "text": texts})


def preferred(rows: int) -> Examples:
    return replace(tiny_decoder.asked(rows), less_liked=["No."] * rows)


def judged(rows: int) -> Examples:
    found = tiny_decoder.asked(rows)
    answers = list(found.columns["reply"])
    liked = [one if n % 2 else None for n, one in enumerate(answers)]
    disliked = [None if n % 2 else one for n, one in enumerate(answers)]
    return replace(found, columns={**found.columns, "reply": liked}, less_liked=disliked)


STEPS: dict[str, tuple[Signature, Examples, dict[str, Any]]] = {
    "pretraining": (WRITE, documents(24), SCRATCH),
    "continued pretraining": (WRITE, documents(24), {"train": "full", "template": {"goes_on": True}}),
    "instructions": (tiny_decoder.ASK, tiny_decoder.asked(24), {"train": "full"}),
    "instructions with adapters": (tiny_decoder.ASK, tiny_decoder.asked(24), {"train": "lora"}),
    "preferences": (tiny_decoder.ASK, preferred(24), {"train": "full", "prefer": PREFER}),
    "verdicts": (tiny_decoder.ASK, judged(24), {"train": "lora", "prefer": PREFER}),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder.brought(tmp_path_factory.mktemp("steps") / "weights")


@pytest.mark.parametrize("step", STEPS)
def test_it_is_forecast_in_time_and_memory(weights: Path, step: str) -> None:
    if "adapters" in step or step == "verdicts":
        pytest.importorskip("peft")
    signature, rows, options = STEPS[step]
    given = GenerateOptions.model_validate(options)
    found = LEARN.forecast(
        signature, Rows(rows), given, GenerateTraining(epochs=2), {BROUGHT: weights}, MACHINE, 60.0
    )
    assert found.steps > 0
    assert found.seconds > 0
    # a package holds the tokenizer, too
    held = sum((weights / name).stat().st_size for name in (TENSORS, TOKENIZER))
    assert found.memory_bytes > found.package_bytes > 0.9 * held


def goes_on(weights: Path, out: Path) -> Path:
    """Return weights whose texts go on as they stand."""
    shutil.copytree(weights, out)
    read = DecoderWeights.read(weights)
    assert read.template is not None
    replace(read, template=ChatTemplate(opening="<|im_end|>", goes_on=True)).write(out)
    return out


def test_weights_that_come_go_on_with_documents(weights: Path, tmp_path: Path) -> None:
    setup = Setup(
        "generate", 12, 4, 1, "float32", "avx2", 0, GenerateOptions(train="full"),
        GenerateTraining(learning_rate=0.01), {BROUGHT: goes_on(weights, tmp_path / "weights")},
    )  # fmt: skip
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    summary = LEARN.learn(
        WRITE, Rows(documents(24), documents(6)), setup, tmp_path / "out", tmp_path / "scratch", Silent()
    )
    history: Any = summary["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (weights / "tokenizer.json").read_bytes()


LONG = "很长的文字 " * 60
FORMS: dict[str, Any] = {
    "alpaca": lambda text: {"instruction": text, "output": "是"},
    "sharegpt": lambda text: {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": "是"}]},
    "openai": lambda text: {
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "是"}]
    },
    "preference": lambda text: {"prompt": text, "chosen": "是", "rejected": "否"},
    "verdict": lambda text: {"prompt": text, "completion": "是", "label": not text.startswith("4")},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_of_every_form_rows_beyond_the_context_are_counted_and_named(
    weights: Path, tmp_path: Path, form: str
) -> None:
    long = (4, 40, 41, 42, 43, 44, 45, 46)
    texts = [f"{n}? {LONG if n in long else ''}" for n in range(60)]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(FORMS[form](one)) for one in texts), "utf-8")
    given = DataConfig.model_validate({"source": "rows.jsonl", "form": form})
    data(tiny_decoder.ASK, given, tmp_path, tmp_path / "data", Silent())
    train = read_examples(tmp_path / "data" / "train", tiny_decoder.ASK)
    wanted = [
        name
        for name, turns in zip(train.ids, train.columns["messages"], strict=True)
        if LONG.strip() in turns[0].content
    ]
    assert wanted
    options = GenerateOptions.model_validate(
        {"train": "full", "prefer": PREFER if form in ("preference", "verdict") else None}
    )
    found = LEARN.forecast(
        tiny_decoder.ASK, Rows(train), options, GenerateTraining(epochs=1), {BROUGHT: weights}, MACHINE, 60.0
    )
    (left_out,) = (one for one in found.warnings if one.id == "generate.left-out")
    assert left_out.values["count"] == len(wanted)
    assert list(left_out.values["ids"]) == wanted[:5]
    assert "context" in str(left_out.values["reason"])


def test_documents_beyond_the_context_are_cut_where_they_go_on_and_else_that_is_said(
    weights: Path, tmp_path: Path
) -> None:
    rows = replace(documents(8), columns={"start": [None] * 8, "text": ["短。"] * 4 + [LONG] * 4})

    def notices(folder: Path) -> dict[str, Notice]:
        found = LEARN.forecast(
            WRITE, Rows(rows), GenerateOptions(train="full"), GenerateTraining(epochs=1), {BROUGHT: folder},
            MACHINE, 60.0,
        )  # fmt: skip
        return {one.id: one for one in found.warnings}

    said = notices(weights)
    assert said["generate.left-out"].values["count"] == 4
    assert said["generate.documents-in-turns"].values["count"] == 8
    assert (
        said["generate.documents-in-turns"].values["line"]
        == "model.template: {opening: <|im_end|>, goes_on: true}"
    )
    assert (
        not {"generate.left-out", "generate.documents-in-turns"}
        & notices(goes_on(weights, tmp_path / "weights")).keys()
    )
