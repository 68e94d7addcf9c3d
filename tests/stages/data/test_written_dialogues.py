"""Dialogues as data sets write them: answers that are not to be learned, lists of texts, trees of messages."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import tiny_decoder
import tiny_tools
import tiny_writing
from test_row_forms import CHAT, ROWS, of_answer, of_file, read, turns

from modelwright import kinds
from modelwright.core.messages import DataError
from modelwright.package import packages
from modelwright.runtime.drivers.decode.decode_settings import DecodeSettings
from modelwright.runtime.drivers.decode.prompts import TOKENIZER, Prompts

WRITING = Path(__file__).parents[3] / "docs" / "writing.md"
MARKS = {"weight": 0, "loss_weight": 0.0, "train": False, "training": False, "loss": False}


@pytest.mark.parametrize("mark", MARKS)
def test_answers_that_are_not_to_be_learned_are_known_as_such(tmp_path: Path, mark: str) -> None:
    rows = []
    for n in range(ROWS):
        spoken = turns(f"{n}?", "Yes?", "Go on", f"A {n}")
        rows.append(
            {"messages": [{**one, mark: MARKS[mark] if at == 1 else 1} for at, one in enumerate(spoken)]}
        )
    found, notices = read(tmp_path, rows)
    assert "data.form-dropped" not in notices
    unlearned = {"role": "assistant", "content": "Yes?", "learned": False}
    assert of_answer(found, "A 3")["messages"] == [*turns("3?"), unlearned, *turns("Go on")]


def test_what_stands_behind_the_last_answer_that_is_learned_is_left_out_and_counted(tmp_path: Path) -> None:
    behind = [{"role": "user", "content": "More?"}, {"role": "assistant", "content": "No.", "weight": 0}]
    rows = [{"messages": [*turns(f"{n}?", f"A {n}"), *behind]} for n in range(ROWS)]
    found, notices = read(tmp_path, rows)
    assert of_answer(found, "A 3")["messages"] == turns("3?")
    said = notices["data.form-dropped"].values
    assert (said["name"], said["count"]) == ("weight: 0", ROWS)


def test_a_dialogue_of_which_nothing_is_learned_is_refused(tmp_path: Path) -> None:
    behind = {"role": "assistant", "content": "No.", "train": False}
    with pytest.raises(DataError, match="no answer is to be learned"):
        read(tmp_path, [{"messages": [*turns(f"{n}?"), behind]} for n in range(ROWS)])


@pytest.mark.parametrize("calls", [False, True])
def test_of_a_turn_that_is_not_learned_no_token_is(tmp_path: Path, calls: bool) -> None:
    call = {"function": {"name": "now", "arguments": "{}"}}
    said = {
        "role": "assistant",
        "content": None if calls else "It is two.",
        **({"tool_calls": [call]} if calls else {}),
    }
    tools = [{"role": "tools", "content": tiny_tools.TOOLS}] if calls else []

    def spoken(turn: dict[str, object]) -> str:
        given = [
            *tools,
            *turns("How much?"),
            turn,
            *([{"role": "tool", "content": "3"}] if calls else turns("So?")),
        ]
        value = kinds.value("dialogue").parse(given)
        stretches = prompts.stretches(
            {"messages": kinds.value("dialogue").from_wire(kinds.value("dialogue").to_wire(value))}
        )
        return "".join(
            tokenizer.decode(one.ids, skip_special_tokens=False) for one in stretches if one.spoken
        )

    package = tiny_writing.chat(tmp_path / "package", tools=tiny_tools.HERMES)
    body = packages.read(package).body
    settings = DecodeSettings.of(body)
    prompts = Prompts(body.signature, settings.prompt, body.files[TOKENIZER], 10**6, settings.tools)
    tokenizer = tiny_decoder.tokenizer()
    assert ("now" if calls else "It is two.") in spoken(said)
    assert spoken({**said, "weight": 0}) == ""
    assert spoken({**said, "weight": 1}) == spoken(said)


def test_texts_in_a_list_take_turns(tmp_path: Path) -> None:
    rows = [{"id": n, "data": [f"{n}?", "Yes?", "Go on", f"A {n}"]} for n in range(ROWS)]
    found, _ = read(tmp_path, rows, columns={"messages": "data"})
    assert of_answer(found, "A 3")["messages"] == turns("3?", "Yes?", "Go on")


def test_trees_of_messages_are_refused_with_the_lines_that_make_dialogues_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def message(name: str, parent: str | None, role: str, tree: int) -> dict[str, object]:
        return {
            "message_id": name,
            "parent_id": parent,
            "role": role,
            "text": name,
            "message_tree_id": f"t{tree}",
        }

    rows = []
    for n in range(ROWS):
        rows += [message(f"{n}?", None, "prompter", n), message(f"A {n}", f"{n}?", "assistant", n)]
        rows += [message(f"B {n}", f"{n}?", "assistant", n), message(f"{n} more?", f"A {n}", "prompter", n)]
    rows += [message("C", "3 more?", "assistant", 3)]
    with pytest.raises(DataError, match=r"docs/writing\.md") as error:
        read(tmp_path, rows)
    assert error.value.problems[0].id == "data.message-tree"
    pl.DataFrame(rows).write_parquet(tmp_path / "messages.parquet")
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", WRITING.read_text("utf-8"), re.DOTALL)
    (program,) = (one for one in programs if "parent_id" in one)
    exec(compile(program, WRITING.name, "exec"), {})  # what the page says, as it stands there
    found, _ = of_file(tmp_path, "dialogues.parquet", CHAT, group="tree", split={"by": "group"})
    assert len(found) == 2 * ROWS, "an answer that is gone on with is no end"
    assert of_answer(found, "C")["messages"] == turns("3?", "A 3", "3 more?")
    assert of_answer(found, "B 3")["messages"] == turns("3?")
