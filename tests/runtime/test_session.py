"""A function that calls others: what it asks them, what it says, and the sources that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelwright import kinds
from modelwright.core.messages import PackageError
from modelwright.kinds.contract.common import Role
from modelwright.outcomes.text_words import sentences, stands_in
from modelwright.package.packages import Package
from modelwright.runtime.drivers.index.samples import IndexSamples
from modelwright.runtime.drivers.once.samples import OnceSamples
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.quoting import quoted
from modelwright.runtime.drivers.session.samples import SessionSamples
from modelwright.runtime.function import Function
from modelwright.runtime.searching import lexical_index, passage_texts


@pytest.fixture(scope="module")
def assist() -> Function:
    return Function(Package(SessionSamples().body(), "", 1))


def dialogue(*turns: str) -> object:
    roles = ("user", "assistant")
    return kinds.value("dialogue").parse(
        [{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]
    )


def reply(function: Function, *turns: str) -> tuple[str, dict]:
    (row,) = function.answer({"messages": [dialogue(*turns)]})
    return row["reply"].value, row["reply"].details


def test_a_reply_quotes_a_passage_and_names_it(assist):
    said, details = reply(assist, "Is my card lost?")
    assert said == "A card that is lost is blocked at once."
    assert details["act"] == "answer"
    (source,) = details["sources"]
    assert source["passage"].startswith(said)
    assert {"id", "score", "passage"} == source.keys()


def test_where_nothing_is_found_it_says_so_and_cites_nothing(assist):
    said, details = reply(assist, "zzz")
    assert (said, details["act"], details["sources"]) == ("I have found nothing about this.", "refuse", [])


def test_the_last_turn_is_answered(assist):
    assert reply(assist, "transfers", "Yes?", "lost card") == reply(assist, "lost card")


def test_an_answer_to_what_was_asked_back_is_read_with_its_question(assist):
    assert reply(assist, "zzz", "What exactly is it about?", "zzz")[1]["act"] == "refuse"
    said, _ = reply(assist, "lost card", "What exactly is it about?", "zzz")
    assert said == "A card that is lost is blocked at once."


def test_a_dialogue_that_ends_without_a_question_is_refused(assist):
    (problem,) = assist.misfits({"messages": [dialogue("lost card", "It is blocked.")]})[0]
    assert problem.id == "session.no-question"


def test_a_long_quotation_comes_sentence_by_sentence():
    body = SessionSamples().body()
    passages = ("Cards are blocked. Call us at once. A new one comes by mail.", "Transfers take one day.")
    find = _found_in(passages)
    settings = {**body.settings, "sentences": 3, "functions": {"find": find[0]}}
    function = Function(Package(replace(body, settings=settings, graphs={}, files=find[1]), "", 1))
    parts = list(function.parts({"messages": [dialogue("blocked cards")]}))
    texts = [part[0]["reply"].value for part in parts]
    assert len(texts) == 3
    assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))
    assert texts[-1] == passages[0]
    assert "finish" not in parts[0][0]["reply"].details
    assert parts[-1][0]["reply"].details["finish"] == "stop"


def _found_in(passages: tuple[str, ...]) -> tuple[dict, dict]:
    body = IndexSamples().body()
    kind = kinds.arrays("choice")
    states = {**body.states, "answer": kind.fit([frozenset({one}) for one in "ab"], role=Role.OUTPUT)}
    files = {**lexical_index.build(passages).files(), **passage_texts.text_files(passages)}
    body = replace(body, states=states, files=files, settings={"passages": len(passages)})
    entries, _, files = joined({"find": Package(body, "", 1)})
    return entries["find"].model_dump(mode="json"), files


def test_a_function_that_cannot_find_is_refused():
    body = SessionSamples().body()
    entries, graphs, files = joined({"find": Package(OnceSamples().body(), "", 1)})
    settings = {**body.settings, "functions": {"find": entries["find"].model_dump(mode="json")}}
    with pytest.raises(PackageError, match=r"functions\.find"):
        Function(Package(replace(body, settings=settings, graphs=graphs, files=files), "", 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("It is, e.g. this. And that.", ["It is, e.g. this.", "And that."]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("a line\n\nanother", ["a line", "another"]),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


def test_words_stand_next_to_each_other():
    assert stands_in(["a", "b"], ["x", "a", "b"])
    assert not stands_in(["a", "b"], ["a", "x", "b"])
    assert not stands_in(["a"], ["ab"])


def test_the_sentence_with_the_rarer_words_is_quoted():
    passage = "We sell cover. The deductible is ten. Cover ends in May."
    assert quoted("what is the deductible of my cover?", [passage, "Cover for all."], 1) == [
        "The deductible is ten."
    ]
    assert quoted("anything", [passage], 3) == sentences(passage)
