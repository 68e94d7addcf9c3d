"""Rows in the forms that people have: what is asked, what is answered, and by their places those that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data

CHAT = "chat(messages: dialogue) -> reply: text"
REPLY = "answer(question: text) -> reply: text"
WRITE = "write(start: text?) -> text: text"
ROWS = 40

Row = dict[str, Any]


def read(
    folder: Path, rows: list[Row], function: str = CHAT, **config: Any
) -> tuple[list[Row], dict[str, Notice]]:
    """Return the rows that are used, of all splits, and the notices by id."""
    (folder / "rows.jsonl").write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
    )
    return of_file(folder, "rows.jsonl", function, **config)


def of_file(folder: Path, name: str, function: str, **config: Any) -> tuple[list[Row], dict[str, Notice]]:
    given = DataConfig.model_validate({"source": name, **config})
    summary = data(Signature.parse(function), given, folder, folder / "out", Silent())
    frames = [pl.read_parquet(folder / f"out/{split}/rows.parquet") for split in SPLITS]
    notices = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[arg-type, union-attr]
    rows = [
        {name: _plain(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in pl.concat(frames).to_dicts()
    ]
    return rows, {one.id: one for one in notices}


def _plain(cell: list[Any]) -> list[Any]:
    """Return turns without saying that they are learned, as nearly all are."""
    return [
        {name: one for name, one in turn.items() if (name, one) != ("learned", True)}
        if isinstance(turn, dict)
        else turn
        for turn in cell
    ]


def turns(*texts: str) -> list[Row]:
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


def shared(*texts: str) -> list[Row]:
    return [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]


def of_answer(rows: list[Row], answer: str) -> Row:
    return next(row for row in rows if row["reply"] == answer)


FORMED: dict[str, tuple[Any, list[str]]] = {
    "alpaca": (
        lambda n: {"instruction": f"把 {n} 翻倍", "input": f"{n}", "output": f"是 {2 * n}"},
        ["把 3 翻倍\n3"],
    ),
    "completion": (
        lambda n: {"prompt": turns("Hello", "Yes?", f"{n}?"), "completion": turns("", f"是 {2 * n}")[1:]},
        ["Hello", "Yes?", "3?"],
    ),
    "sharegpt": (
        lambda n: {"conversations": shared("你好", "在", f"{n}?", f"是 {2 * n}")},
        ["你好", "在", "3?"],
    ),
    "openai": (
        lambda n: {"messages": turns("Hello", "Yes?", f"{n}?", f"是 {2 * n}")},
        ["Hello", "Yes?", "3?"],
    ),
    "preference": (
        lambda n: {"prompt": f"{n}?", "chosen": f"是 {2 * n}", "rejected": [{"from": "gpt", "value": "No"}]},
        ["3?"],
    ),
}


@pytest.mark.parametrize("form", FORMED)
def test_a_form_is_recognised_and_said_and_can_be_named(tmp_path: Path, form: str) -> None:
    make, wanted = FORMED[form]
    rows, notices = read(tmp_path, [make(n) for n in range(ROWS)])
    assert notices["data.row-form"].values["form"] == form
    assert len(rows) == ROWS
    found = of_answer(rows, "是 6")
    assert found["messages"] == turns(*wanted)
    assert found.get("rejected") == ("No" if form == "preference" else None)
    named, said = read(tmp_path, [make(n) for n in range(ROWS)], form=form)
    assert named == rows
    assert "data.row-form" not in said


VERDICTS: dict[str, Any] = {
    "openai": lambda n: {"messages": turns(f"{n}?", f"A {n}"), "label": n % 3 > 0},
    "sharegpt": lambda n: {"conversations": shared(f"{n}?", f"A {n}"), "kto_tag": n % 3 > 0},
    "alpaca": lambda n: {"instruction": f"{n}?", "input": "", "output": f"A {n}", "label": str(n % 3 > 0)},
    "trl": lambda n: {
        "prompt": turns(f"{n}?"),
        "completion": turns("", f"A {n}")[1:],
        "label": int(n % 3 > 0),
    },
}


@pytest.mark.parametrize("form", VERDICTS)
def test_an_answer_that_was_not_liked_is_no_truth_of_its_row(tmp_path: Path, form: str) -> None:
    rows, notices = read(tmp_path, [VERDICTS[form](n) for n in range(ROWS)])
    assert notices["data.row-form"].values["form"] == "verdict"
    assert len(rows) == ROWS
    for row in rows:
        n = int(row["messages"][0]["content"].rstrip("?"))
        assert (row["reply"], row["rejected"]) == ((f"A {n}", None) if n % 3 else (None, f"A {n}"))


def test_a_label_that_is_no_verdict_is_a_column_like_any_other(tmp_path: Path) -> None:
    rows, notices = read(tmp_path, [{**FORMED["alpaca"][0](n), "label": "maths"} for n in range(ROWS)])
    assert notices["data.row-form"].values["form"] == "alpaca"
    assert "rejected" not in rows[0]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (("prompt", "completion"), "completion"),
        (("question", "answer"), "completion"),
        (("query", "response"), "completion"),
        (("instruction", "response"), "alpaca"),
    ],
)
def test_a_prompt_and_its_answer_stand_in_two_columns(
    tmp_path: Path, columns: tuple[str, str], wanted: str
) -> None:
    rows = [dict(zip(columns, (f"{n}?", f"A {n}"), strict=True)) for n in range(ROWS)]
    for function, before in ((CHAT, turns("3?")), ("say(message: text) -> reply: text", "3?")):
        found, notices = read(tmp_path, rows, function)
        assert notices["data.row-form"].values["form"] == wanted
        row = of_answer(found, "A 3")
        assert row["messages" if function == CHAT else "message"] == before


def test_what_an_instruction_is_about_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    rows = [{"instruction": f"Double {n}", "context": "Numbers.", "response": f"A {n}"} for n in range(ROWS)]
    found, _ = read(tmp_path, rows)
    assert of_answer(found, "A 3")["messages"] == turns("Double 3\nNumbers.")


CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
FUNCTION = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
STATED = {"name": "add", "arguments": {"a": 1}}
CALLED: dict[str, Row] = {
    "sharegpt": {"from": "function_call", "value": json.dumps(STATED)},
    "several": {"from": "function_call", "value": json.dumps([STATED])},
    "part": {"role": "assistant", "content": [{"type": "tool_call", "value": json.dumps(STATED)}]},
    "protocol": {"role": "assistant", "content": None, "tool_calls": [{"function": STATED}]},
    "first protocol": {"role": "assistant", "function_call": {"name": "add", "arguments": '{"a": 1}'}},
}


@pytest.mark.parametrize(
    "tools", [[FUNCTION], json.dumps([FUNCTION]), [{"type": "function", "function": FUNCTION}]]
)
@pytest.mark.parametrize("form", CALLED)
def test_a_call_is_one_however_it_is_written(tmp_path: Path, form: str, tools: Any) -> None:
    named = "functions" if form == "first protocol" else "tools"
    rows = [
        {
            "conversations": [
                {"from": "human", "value": f"{n}?"},
                CALLED[form],
                {"from": "observation", "value": "2"},
                {"from": "gpt", "value": f"A {n}"},
            ],
            named: tools,
        }
        for n in range(ROWS)
    ]
    found, notices = read(tmp_path, rows)
    assert "data.form-dropped" not in notices
    offered, asked, called, result = of_answer(found, "A 3")["messages"]
    assert json.loads(offered["content"]) == [{"type": "function", "function": FUNCTION}]
    assert (asked["content"], called["content"], result["content"]) == ("3?", CALL, "2")


@pytest.mark.parametrize("more", [{}, {"form": "openai"}, {"form": "sharegpt"}])
@pytest.mark.parametrize("beside", [{}, {"messages": [], "output": "x"}])
def test_dialogues_may_stand_in_any_column_that_is_named(tmp_path: Path, beside: Row, more: Row) -> None:
    rows = [{"items": shared(f"{n}?", "b", "c", f"A {n}"), **beside} for n in range(ROWS)]
    found, _ = read(tmp_path, rows, columns={"messages": "items"}, **more)
    assert of_answer(found, "A 3")["messages"] == turns("3?", "b", "c")
    with pytest.raises(DataError):  # nobody has named it
        read(tmp_path, [{"items": one["items"]} for one in rows], **more)


def test_a_list_without_tools_offers_none(tmp_path: Path) -> None:
    none = ("[ ]", "[]", "", None)
    rows = [{"messages": turns(f"{n}?", f"A {n}"), "tools": none[n % 4]} for n in range(ROWS)]
    found, notices = read(tmp_path, rows)
    assert "data.form-dropped" not in notices
    assert len(of_answer(found, "A 4")["messages"]) == 1


def test_what_stands_like_a_call_and_is_none_stays_a_text(tmp_path: Path) -> None:
    odd = {"from": "function_call", "value": "add(1)"}
    rows = [{"conversations": [*shared(f"{n}?"), odd, *shared("so", f"A {n}")]} for n in range(ROWS)]
    found, _ = read(tmp_path, rows)
    assert of_answer(found, "A 3")["messages"][1]["content"] == "add(1)"


def test_preferences_that_are_one_text_each_are_parted_into_turns(tmp_path: Path) -> None:
    begin = "\n\nHuman: {n}?\n\nAssistant: Yes?\n\nHuman: Go on\n\nAssistant:"
    rows = [{one: f"{begin.format(n=n)} {one} {n}" for one in ("chosen", "rejected")} for n in range(ROWS)]
    found, _ = read(tmp_path, rows)
    row = of_answer(found, "chosen 3")
    assert row["messages"] == turns("3?", "Yes?", "Go on")
    assert row["rejected"] == "rejected 3"


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"prompt": "a", "completion": "b", "label": None}, "in the column `label`"),
        ({"prompt": "a", "completion": "b", "label": "perhaps"}, "in the column `label`"),
        ({"prompt": "a", "completion": " ", "label": False}, "an empty answer in the column `completion`"),
        ({"prompt": "a", "completion": None, "label": True}, "an empty answer in the column `completion`"),
    ],
)
def test_rows_without_a_verdict_or_an_answer_are_named(tmp_path: Path, odd: Row, why: str) -> None:
    good = [{"prompt": f"{n}?", "completion": f"A {n}", "label": bool(n % 2)} for n in range(ROWS)]
    with pytest.raises(DataError, match="row 6") as error:
        read(tmp_path, [*good[:5], odd, *good[5:]])
    assert why in str(error.value)


def test_the_tools_of_a_row_come_first_and_are_set_aside_by_a_line(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{n}?"},
                {"role": "assistant", "content": "", "tool_calls": [call]},
            ],
            "tools": json.dumps(tools),
        }
        for n in range(ROWS)
    ]
    found, notices = read(tmp_path, rows)
    assert "data.form-dropped" not in notices
    answer = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    turns = of_answer(found, answer)["messages"]
    assert [one["role"] for one in turns] == ["tools", "user"]
    assert json.loads(turns[0]["content"]) == tools
    found, notices = read(tmp_path, rows, tools=False)
    assert [one["role"] for one in of_answer(found, answer)["messages"]] == ["user"]
    assert notices["data.form-dropped"].values["count"] == ROWS


def test_calls_of_tools_are_what_the_assistant_writes_and_what_is_not_read_is_counted(tmp_path: Path) -> None:
    parts = [{"type": "reasoning", "value": "hm"}, {"type": "text"}]
    call = {"function": {"name": "add", "arguments": '{"a": 1}'}}
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{n}?"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "2"},
                {"role": "assistant", "content": [parts[0], {**parts[1], "text": f"A {n}"}]},
            ],
            "tools": "[{}]",
        }
        for n in range(ROWS)
    ]  # fmt: skip
    found, notices = read(tmp_path, rows)
    spoken = of_answer(found, "A 3")["messages"]
    assert [one["role"] for one in spoken] == ["user", "assistant", "tool"]
    assert spoken[1]["content"] == '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    assert notices["data.form-dropped"].values["count"] == ROWS


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"conversations": shared("a", "b", "c")}, "`reply`: a dialogue whose last turn is of the role `user`"),
        ({"conversations": shared("a", "")}, "`reply`: a dialogue without a text in turn 2"),
        ({"conversations": [*shared("a"), *shared("b"), {"from": "gpt", "value": "c"}]}, "follows one of `user`"),
        ({"conversations": [{"from": "gpt", "value": "c"}]}, "nothing stands before the answer"),
        ({"conversations": [{"from": "judge", "value": "c"}]}, "as the role of turn 1"),
        ({"conversations": shared("", "c")}, "without a text in turn 1"),
        ({"conversations": []}, "without a turn"),
        ({"conversations": "hello"}, "a list of turns"),
        ({"conversations": [3]}, "as turn 1"),
        ({"conversations": shared("a", "b"), "label": False}, "labelled as a bad one"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_named_by_their_place_or_set_aside(
    tmp_path: Path, odd: Row, why: str
) -> None:
    good = [{"conversations": shared(f"{n}?", f"A {n}")} for n in range(ROWS)]
    with pytest.raises(DataError, match="row 6") as error:
        read(tmp_path, [*good[:5], odd, *good[5:]])
    assert why in str(error.value)
    found, _ = read(tmp_path, [*good[:5], odd, *good[5:]], invalid="drop")
    assert len(found) == ROWS


ODD_OF_FORM: dict[str, tuple[Row, str]] = {
    "alpaca": (
        {"instruction": "翻倍", "history": [["你好", "在"], ["再见"]], "output": "是"},
        "`messages`: a dialogue without a text in turn 4",
    ),
    "sharegpt": (
        {"conversations": [*shared("你好"), *shared("在吗", "在")]},
        "`messages`: a dialogue in which turn 2 (`user`) follows one of `user`",
    ),
    "openai": ({"messages": turns("你好", "在", "再见")}, "`reply`: a dialogue whose last turn is of the role `user`"),
    "preference": (
        {"prompt": turns("你好", "在"), "chosen": "是", "rejected": [{"from": "gpt", "value": "否"}]},
        "`messages`: a dialogue in which turn 3 (`assistant`) follows one of `assistant`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", ODD_OF_FORM)
def test_rows_of_each_form_that_do_not_alternate_are_named_by_the_column_that_is_wrong(
    tmp_path: Path, form: str
) -> None:
    make, _ = FORMED[form]
    odd, why = ODD_OF_FORM[form]
    rows = [make(n) for n in range(ROWS)]
    with pytest.raises(DataError, match="in row 4") as error:
        read(tmp_path, [*rows[:3], odd, *rows[3:]], form=form)
    assert why in str(error.value)
    found, notices = read(tmp_path, [*rows[:3], odd, *rows[3:]], form=form, invalid="drop")
    assert len(found) == ROWS
    assert notices["data.refused-rows"].values["count"] == 1


def test_of_single_verdicts_what_is_no_verdict_belongs_to_the_answer(tmp_path: Path) -> None:
    rows = [VERDICTS["trl"](n) for n in range(ROWS)]
    with pytest.raises(DataError, match=r"`reply`: .*in row 2"):
        read(tmp_path, [rows[0], {**rows[1], "label": "perhaps"}, *rows[2:]])


def test_a_function_of_a_text_takes_one_turn_and_empty_answers_are_named(tmp_path: Path) -> None:
    rows: list[Row] = [{"instruction": f"Double {n}", "output": f"A {n}"} for n in range(ROWS)]
    found, _ = read(tmp_path, rows, REPLY)
    assert of_answer(found, "A 3")["question"] == "Double 3"
    with pytest.raises(DataError, match="3 turns before the answer in row 1"):
        read(tmp_path, [{"conversations": shared("a", "b", "c", "d")}, *rows], REPLY, form="sharegpt")
    with pytest.raises(DataError, match="`reply` has no value in row 2"):
        read(tmp_path, [rows[0], {"instruction": "x", "output": ""}, *rows[1:]], REPLY)


def test_a_form_that_is_not_there_or_does_not_fit_the_function_is_refused(tmp_path: Path) -> None:
    rows = [{"text": f"Once {n}"} for n in range(ROWS)]
    with pytest.raises(DataError, match="not of the form `alpaca`"):
        read(tmp_path, rows, form="alpaca")
    with pytest.raises(DataError, match="do not fit"):
        read(tmp_path, rows, form="text")
    with pytest.raises(DataError, match="messages"):
        read(tmp_path, rows, form="columns")


def test_texts_are_told_apart_by_themselves_and_a_file_is_cut_at_its_blank_lines(tmp_path: Path) -> None:
    documents = [f"Speech {n}.\nIt goes on." for n in range(ROWS)]
    (tmp_path / "all.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    rows, notices = of_file(tmp_path, "all.txt", WRITE, piece=30)
    assert sorted(row["text"] for row in rows) == sorted(documents)
    assert {row["start"] for row in rows} == {None}
    assert notices.keys() == {"data.row-form"}
    sizes = [pl.read_parquet(tmp_path / f"out/{split}/rows.parquet").height for split in SPLITS]
    assert min(sizes) > 0
    short, _ = of_file(tmp_path, "all.txt", WRITE, piece=16)
    assert max(len(row["text"]) for row in short) <= 16
    assert {row["text"] for row in short} >= {"It goes on.", "Speech 3."}


GROUPED = {"split": {"by": "group"}}


def splits_of(folder: Path, column: str) -> dict[str, set[str]]:
    """Return in which splits the rows of each value of a column are."""
    found: dict[str, set[str]] = {}
    for split in SPLITS:
        for value in pl.read_parquet(folder / f"out/{split}/rows.parquet")[column]:
            found.setdefault(value, set()).add(split)
    return found


def test_beside_messages_a_conversation_is_the_name_of_a_dialogue(tmp_path: Path) -> None:
    rows = [{"conversation": f"c{n // 2}", "messages": turns(f"{n}?", f"{2 * n}")} for n in range(ROWS)]
    _, notices = read(tmp_path, rows, group="conversation", **GROUPED)
    assert notices["data.row-form"].values["form"] == "openai"
    found = splits_of(tmp_path, "conversation")
    assert len(found) == ROWS // 2
    assert all(len(splits) == 1 for splits in found.values()), "a dialogue stays in one split"


def test_pieces_of_a_text_are_grouped_by_its_file(tmp_path: Path) -> None:
    names = [f"{n}.txt" for n in range(12)]
    for name in names:
        text = "\n\n".join(f"Line {one} of {name}." for one in range(4))
        (tmp_path / name).write_text(text, encoding="utf-8")
    given = {"source": names, "piece": 20, "group": "file", **GROUPED}
    data(Signature.parse(WRITE), DataConfig.model_validate(given), tmp_path, tmp_path / "out", Silent())
    found = splits_of(tmp_path, "file")
    assert sorted(found) == sorted(names)
    assert all(len(splits) == 1 for splits in found.values())


@pytest.mark.parametrize("source", ["books/*.txt", "books/", "books/**"])
def test_a_pattern_of_plain_texts_is_read_as_they_are_one_by_one(tmp_path: Path, source: str) -> None:
    (tmp_path / "books" / "old").mkdir(parents=True)
    for n in range(6):
        text = "\n\n".join(f"Line {one} of {n}." for one in range(20))
        (tmp_path / "books" / ("old" if source != "books/*.txt" else "") / f"{n}.txt").write_text(text)
    rows, notices = of_file(tmp_path, source, WRITE, piece=20, group="file")
    assert len(rows) == 120
    assert len({row["file"] for row in rows}) == 6
    assert notices["data.row-form"].values["form"] == "text"


def test_a_table_that_is_called_a_text_is_said_to_be_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("question\treply\n" + "".join(f"{n}?\tA {n}\n" for n in range(ROWS)))
    with pytest.raises(DataError) as caught:
        of_file(tmp_path, "rows.txt", REPLY)
    assert [one.id for one in caught.value.problems] == ["data.plain-text"]


def test_rows_of_a_document_that_nobody_has_grouped_are_said(tmp_path: Path) -> None:
    function = "route(question: text, context: text) -> topic: category"
    texts = [f"The document number {n} tells at some length about cats and dogs." for n in range(60)]
    rows = [
        {"question": f"{n}, {one}?", "context": texts[n], "topic": "ab"[one % 2]}
        for n in range(60)
        for one in range(2)
    ]
    _, notices = read(tmp_path, rows, function)
    said = notices["data.shared-text"]
    assert (said.values["column"], said.values["count"], said.values["rows"]) == ("context", 120, 120)
    assert "data.group: context" in said.next_step
    _, notices = read(tmp_path, rows, function, group="context", **GROUPED)
    assert "data.shared-text" not in notices
    phrase = "Nothing else is known about the matter that this is about."
    for others in (
        [{**row, "context": row["context"][:22]} for row in rows],
        rows[:60] + [{**row, "context": phrase} for row in rows[60:]],
    ):
        _, notices = read(tmp_path, others, function)
        assert "data.shared-text" not in notices, "names and phrases are no documents"


def test_rows_that_go_on_with_the_dialogue_of_another_are_said(tmp_path: Path) -> None:
    rows = []
    for n in range(15):
        begun = turns(f"{n}?", f"{n}!", "And more?", "No.")
        rows += [{"messages": begun[:2]}, {"messages": begun}]
    _, notices = read(tmp_path, rows)
    said = notices["data.shared-text"]
    assert (said.values["column"], said.values["count"]) == ("messages", 30)
    assert "which dialogue" in said.next_step
    _, notices = read(tmp_path, [{"messages": turns(f"{n}?", "Yes.")} for n in range(ROWS)])
    assert "data.shared-text" not in notices
