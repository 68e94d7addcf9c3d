"""An answer that may call writes any text, and behind the mark of a call an object alone that fits its tool."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import tiny_decoder
import tiny_tools
from tokenizers import AddedToken, Tokenizer

from modelwright.kinds.shared.calling.offered_tools import tools_of
from modelwright.runtime.drivers.decode.answer_masks import AnswerMask, AnswerMasks
from modelwright.runtime.drivers.decode.calling.call_grammar import AddedTokens, call_grammar, further_grammar
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

BODY_FORM = '{"name": "{name}", "arguments": {arguments}}'  # without a mark
HERMES = ToolTexts.model_validate(tiny_tools.HERMES)
LLAMA = ToolTexts.model_validate({**tiny_tools.HERMES, "call": BODY_FORM, "calls_joint": None})
MISTRAL = ToolTexts.model_validate({**tiny_tools.MISTRAL_TEXTS, "calls_after": "]<|im_end|>"})
BODY = '{"name": "weather", "arguments": {"city": "Rome", "days": 3}}'
CALL = f"<tool_call>\n{BODY}\n</tool_call>"
MARKS = ("<tool_call>", "</tool_call>", "[TOOL_CALLS]")
ANY = '<tool_call>\n{"name": "loose", "arguments": {"a": [1]}}\n</tool_call>'
LOOSE = tiny_tools.tool("loose", {"type": "object", "properties": {"a": {"not": {}}}})


def tokenizer(*, special: bool | None) -> Tokenizer:
    """Return a tokenizer whose marks are special, added or (None) texts like any other."""
    found = tiny_decoder.tokenizer()
    if special:
        found.add_special_tokens([AddedToken(one, special=True) for one in MARKS])
    elif special is False:
        found.add_tokens([*MARKS, "<think>"])
    return found


def mask(
    words: Tokenizer, texts: ToolTexts, mark: str | None, *, one_call: bool = False, schema: str | None = None
) -> AnswerMask:
    added = words.get_added_tokens_decoder().items()
    tokens = AddedTokens(
        {token.content: one for one, token in added}, [one for one, token in added if not token.special]
    )
    tools = tools_of([*tiny_tools.TOOLS, LOOSE])
    masks = AnswerMasks(words, words.get_vocab_size(), [2])
    found = masks.of_calls(
        "tools", lambda: call_grammar(tools, texts, mark, tokens, one_call=one_call, schema=schema)
    )
    assert found is not None
    return found


def fits(made: AnswerMask, words: Tokenizer, text: str) -> bool:
    return made.takes_all(words.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("special", [None, False, True])
@pytest.mark.parametrize(
    ("texts", "mark", "good", "bad"),
    [
        (
            HERMES,
            "<tool_call>",
            ["", "Hi", f"I see.\n{CALL}", f"{CALL}\n{CALL}", "a <tool_ca", f"{CALL} and more", ANY],
            [CALL.replace("3", "33"), CALL.replace("weather", "other"), CALL[:-3], "<tool_call> is a mark"],
        ),
        (
            MISTRAL,
            "[TOOL_CALLS]",
            ["Hi", f"[TOOL_CALLS] [{BODY}]", f"[TOOL_CALLS] [{BODY}, {BODY}]"],
            [f"[TOOL_CALLS] [{BODY}", f"[TOOL_CALLS] [{BODY.replace('Rome', 'Bonn')}]", "[TOOL_CALLS] []"],
        ),
    ],
)  # fmt: skip
def test_calls_fit_and_texts_are_free(
    special: bool | None, texts: ToolTexts, mark: str, good: Sequence[str], bad: Sequence[str]
) -> None:
    words = tokenizer(special=special)
    assert [one for one in good if not fits(mask(words, texts, mark), words, one)] == []
    assert [one for one in bad if fits(mask(words, texts, mark), words, one)] == []


SCHEMA = json.dumps({"$ref": "#/$defs/A", "$defs": {"A": {"oneOf": [{"const": "a"}, {"type": "integer"}]}}})


@pytest.mark.parametrize("special", [None, False, True])
@pytest.mark.parametrize(
    ("texts", "mark", "good", "bad"),
    [
        (
            HERMES,
            "<tool_call>",
            [CALL, f"{CALL}\n{CALL}", f"\n{CALL}", CALL * 8, ANY],
            [CALL * 9, CALL.replace("3", "33"), f"I see.\n{CALL}", f"{CALL} and more", f'{CALL}\n"a"'],
        ),
        (
            MISTRAL,
            "[TOOL_CALLS]",
            [f"[TOOL_CALLS] [{BODY}, {BODY}]"],
            [f"[TOOL_CALLS] [{BODY}", f"[TOOL_CALLS] [{', '.join([BODY] * 9)}]"],
        ),
        (LLAMA, None, [BODY], [f"{BODY}{BODY}", BODY.replace("Rome", "Bonn"), BODY[:-1]]),
    ],
)  # fmt: skip
def test_an_answer_with_a_schema_fits_it_or_calls(
    special: bool | None, texts: ToolTexts, mark: str | None, good: Sequence[str], bad: Sequence[str]
) -> None:
    words = tokenizer(special=special)
    every = [*good, '"a"', "7"]
    assert [one for one in every if not fits(mask(words, texts, mark, schema=SCHEMA), words, one)] == []
    none = [*bad, "", "Hi", '"b"', '"a" and more']
    assert [one for one in none if fits(mask(words, texts, mark, schema=SCHEMA), words, one)] == []
    once = mask(words, texts, mark, schema=SCHEMA, one_call=True)
    assert fits(once, words, good[0] if mark != "[TOOL_CALLS]" else f"{mark} [{BODY}]")


@pytest.mark.parametrize("special", [None, False, True])
@pytest.mark.parametrize(
    ("texts", "end", "joint"),
    [(HERMES, "\n</tool_call>", "\n</tool_call>\n<tool_call>\n"), (MISTRAL, "]", ", ")],
)
def test_behind_a_call_that_must_come_others_may_follow(
    special: bool | None, texts: ToolTexts, end: str, joint: str
) -> None:
    words = tokenizer(special=special)
    added = {token.content: one for one, token in words.get_added_tokens_decoder().items()}
    masks = AnswerMasks(words, words.get_vocab_size(), [2])

    def is_taken(text: str) -> bool:
        made = masks.of_calls(
            "further", lambda: further_grammar(tools_of(tiny_tools.TOOLS), texts, AddedTokens(added, []), 3)
        )
        assert made is not None
        return fits(made, words, text)

    good = [BODY, f"{BODY}{end}", f"{BODY}{joint}{BODY}", f"{BODY}{joint}{BODY}{joint}{BODY}{end}"]
    assert [one for one in good if not is_taken(one)] == []
    bad = [
        "",
        "Hi",
        f"{BODY}{joint}",
        f"{BODY} and more",
        joint.join([BODY] * 4),
        BODY.replace("Rome", "Bonn"),
    ]
    assert [one for one in bad if is_taken(one)] == []


def test_an_answer_ends_behind_one_call_where_no_more_are_wanted() -> None:
    words = tokenizer(special=True)
    made = mask(words, HERMES, "<tool_call>", one_call=True)
    *ids, last = words.encode(f"I see. {CALL}", add_special_tokens=False).ids
    assert not any(made.take(one) for one in ids)
    assert made.take(last)
    assert not fits(mask(words, HERMES, "<tool_call>", one_call=True), words, f"{CALL}{CALL}")


def test_added_tokens_that_are_not_special_may_stand_in_a_text() -> None:
    words = tokenizer(special=False)
    assert fits(mask(words, HERMES, "<tool_call>"), words, f"<think>a<think>{CALL}<think>")
    assert fits(mask(words, HERMES, "<tool_call>", one_call=True), words, "a<think>b")
