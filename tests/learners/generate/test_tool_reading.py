"""Templates of the forms that published weights have are taken apart with their tools."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import tiny_decoder
import tiny_tools
import yaml

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.kinds.contract.common import LIKELIHOOD
from modelwright.kinds.dialogue.value import DialogueTurn
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate import folder_files
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining
from modelwright.learners.generate.templates import template_reading
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.runtime.drivers.contract.driver import Call
from modelwright.runtime.drivers.decode.driver import DecodeDriver
from modelwright.storage.formats.plan import BROUGHT, Machine

LEARN = learners.learn("generate")

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def test_the_texts_of_the_page_are_texts() -> None:
    page = (Path(__file__).parents[3] / "docs" / "writing.md").read_text("utf-8")
    (text,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "calls_after" in one)
    model = yaml.safe_load(text)["model"]
    assert model.pop("learner") == "generate"
    template = GenerateOptions.model_validate(model).template
    assert template is not None
    assert template.tools is not None
    assert template.tools.call == tiny_tools.HERMES["call"]


def test_hermes_and_qwen() -> None:
    found = template_reading.read(tiny_tools.QWEN, TOKENS).tools
    assert found is not None
    assert found.call == '<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>'
    assert (found.calls_before, found.calls_joint, found.content_joint) == ("", "\n", "\n")
    assert found.calls_after == "<|im_end|>\n"
    assert found.results_before == "<|im_start|>user"
    assert found.result == "\n<tool_response>\n{result}\n</tool_response>"
    assert (found.opening, found.system_before) == ("<|im_start|>system\nYou help.", "<|im_start|>system\n")
    assert (found.item, found.indent, found.joint, found.at) == ("whole", None, "\n", "first")


def test_an_object_alone_as_llama_has_it() -> None:
    found = template_reading.read(tiny_tools.LLAMA, TOKENS).tools
    assert found is not None
    assert found.call == '{"name": "{name}", "parameters": {arguments}}'
    assert (found.prefix, found.calls_joint, found.quoted, found.indent) == ("", None, True, 4)
    assert (found.keys.arguments, found.result) == ("parameters", '<|tool|>\n"{result}"<|end|>')
    assert found.user.endswith("<|user|>\nAnswer with a call.\n\n{tools}\n\n")


def test_a_list_with_ids_as_mistral_has_it() -> None:
    found = template_reading.read(tiny_tools.MISTRAL, TOKENS).tools
    assert found is not None
    assert found.call == '{"name": "{name}", "arguments": {arguments}, "id": "{id}"}'
    assert (found.calls_before, found.calls_joint, found.calls_after) == ("[TOOL_CALLS] [", ", ", "]</s>")
    assert (found.at, found.system_before) == ("last", None)
    assert found.user == "[AVAILABLE_TOOLS] [{tools}][/AVAILABLE_TOOLS][INST] "
    assert found.result == '[TOOL_RESULTS] {"content": {result}, "call_id": "{id}"}[/TOOL_RESULTS]'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tool | tojson", "tool.function.name"),
        ("'\\n<tool_response>\\n'", "'\\n<tool_response>\\n' + m.name"),
        ("call.function.arguments | tojson", "call.function.arguments | length"),
        ("m.role == 'tool'", "m.role == 'nobody'"),
        ("tool | tojson", "tool | nonsense"),
    ],
)
def test_tools_that_cannot_be_read_are_none_and_turns_are_read(old: str, new: str) -> None:
    assert old in tiny_tools.QWEN
    if new.endswith("nonsense"):
        new = "tool.__class__.__mro__[1].__subclasses__()"
    found = template_reading.read(tiny_tools.QWEN.replace(old, new), TOKENS)
    assert found.tools is None
    assert found.user.before == "<|im_start|>user\n"


@pytest.mark.parametrize("template", [tiny_tools.QWEN, tiny_tools.LLAMA, tiny_tools.MISTRAL])
def test_weights_with_such_a_template_call_as_schemas_say(tmp_path: Path, template: str) -> None:
    folder = tiny_decoder.save(tmp_path / "weights", template=template)
    config = json.loads((folder / "config.json").read_text("utf-8")) | {"max_position_embeddings": 2000}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    brought, out = tmp_path / "brought", tmp_path / "learned"
    brought.mkdir()
    out.mkdir()
    options = GenerateOptions(pretrained="weights", context=2000)
    bring = learners.bring("generate")
    assert bring is not None
    bring.prepare(options, tmp_path, brought)
    setup = Setup("generate", 1, 1, 1, "float32", "avx2", 0, options, GenerateTraining(), {BROUGHT: brought})
    rows = Rows(tiny_decoder.asked(2), tiny_decoder.asked(2))
    LEARN.learn(tiny_decoder.ASK, rows, setup, out, tmp_path / "scratch", Silent())
    running = DecodeDriver().open(learners.export("generate").export(out), 1)
    turns = (
        DialogueTurn("tools", json.dumps(tiny_tools.TOOLS)),
        DialogueTurn("user", "How is it in Rome?"),
    )
    call = Call({}, {"messages": [turns]}, {"tool_choice": "required", "temperature": 1.0, "max_tokens": 300})
    assert not running.misfits(call)
    (*_, last) = running.run(call)
    (answer,) = last.answers["reply"]
    assert answer.details["finish"] == "stop"
    (made,) = answer.details["calls"]
    jsonschema_rs.validate(tiny_tools.PARAMETERS[made["name"]], json.loads(made["arguments"]))
    # the learner and the package agree how likely the call is, as the template writes it
    found = running.log_likelihoods(Call({}, {"messages": [turns]}, {}), "reply", [answer.value])
    assert found is not None
    wanted = LEARN.predict(out, {"messages": [turns], "reply": [answer.value]})["reply"][LIKELIHOOD]
    assert found[0, 1] == wanted[0, 1] > 10
    assert found[0, 0] == pytest.approx(wanted[0, 0], rel=1e-3)


def test_of_several_templates_one_is_for_tools_and_what_is_not_read_is_said(tmp_path: Path) -> None:
    folder = tiny_decoder.save(tmp_path / "weights", template=None)
    own = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))

    def read(*templates: tuple[str, str]) -> DecoderWeights:
        named = [{"name": name, "template": text} for name, text in templates]
        text = json.dumps({**own, "chat_template": named})
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
        return folder_files.read(folder, "weights")

    found = read(("default", tiny_decoder.CHATML), ("tool_use", tiny_tools.QWEN))
    assert found.template is not None
    assert found.template.tools is not None
    other = read(("default", tiny_decoder.CHATML), ("tool_use", tiny_tools.MISTRAL))
    assert (other.template, other.lacks_tools) == (read(("default", tiny_decoder.CHATML)).template, True)
    brought = tmp_path / "brought"
    brought.mkdir()
    other.write(brought)
    machine = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
    estimate = LEARN.forecast(
        tiny_decoder.ASK, Rows(tiny_decoder.asked(2)), GenerateOptions(), GenerateTraining(),
        {BROUGHT: brought}, machine, 9.0,
    )  # fmt: skip
    assert [one.id for one in estimate.warnings] == ["generate.tools-unread"]
