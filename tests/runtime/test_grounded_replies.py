"""Replies that a decoder writes on what another function finds: prompt, parts, sources, and what these do not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import tiny_writing

from modelwright import kinds
from modelwright.core.messages import PackageError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Role
from modelwright.package.packages import Package, read
from modelwright.runtime.drivers.index.samples import IndexSamples
from modelwright.runtime.drivers.once.samples import OnceSamples
from modelwright.runtime.drivers.rerank.samples import same_body
from modelwright.runtime.drivers.session.grounded_prompt import GroundedPrompts
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.samples import SessionSamples
from modelwright.runtime.drivers.session.supporting import stands_by_words, unsupported
from modelwright.runtime.function import Function
from modelwright.runtime.searching import lexical_index, passage_texts

PASSAGES = ("A lost card is blocked at once.", "Transfers take one day.", "card " * 300)


def found_in(passages: tuple[str, ...]) -> Package:
    """Return a function that finds passages by their words."""
    body = IndexSamples().body()
    ids = [frozenset({str(place)}) for place in range(len(passages))]
    states = {**body.states, "answer": kinds.arrays("choice").fit(ids, role=Role.OUTPUT)}
    files = {**lexical_index.build(passages).files(), **passage_texts.text_files(passages)}
    return Package(
        replace(body, states=states, files=files, settings={"passages": len(passages)}), "0" * 64, 1
    )


def session(functions: Mapping[str, Package], **settings: Any) -> Function:
    """Return a session that calls functions."""
    body = SessionSamples().body()
    entries, graphs, files = joined(functions)
    stated = {name: entry.model_dump(mode="json") for name, entry in entries.items()}
    named = {**body.settings, "instruct": "Say it.", **settings, "functions": stated}
    return Function(Package(replace(body, settings=named, graphs=graphs, files=files), "", 1))


@pytest.fixture(scope="module")
def reply(tmp_path_factory) -> Package:
    return read(tiny_writing.chat(tmp_path_factory.mktemp("writing") / "package"))


@pytest.fixture(scope="module")
def assist(reply) -> Function:
    return session({"find": found_in(PASSAGES[:2]), "reply": reply})


def dialogue(text: str) -> object:
    return kinds.value("dialogue").parse([{"role": "user", "content": text}])


def test_a_reply_is_written_on_the_passages_part_by_part(assist, reply):
    columns = {"messages": [dialogue("lost card"), dialogue("zzz")]}
    *parts, last = assist.parts(columns)
    written, refused = (last[row]["reply"] for row in (0, 1))
    assert (refused.details["act"], refused.details["sources"]) == ("refuse", [])
    assert [one["id"] for one in written.details["sources"]] == ["0"]
    assert written.details["act"] == "answer"
    texts = [part[0]["reply"].value for part in parts if 0 in part]
    assert len(texts) >= min(3, written.details["tokens"])
    assert all(written.value.startswith(one) for one in texts)
    # the same as the function itself writes of the passage above the question
    prompt = dialogue(f"Say it.\n\n[1] {PASSAGES[0]}\n\nlost card")
    (own,) = Function(reply).answer({"messages": [prompt]})
    assert own["reply"].value == written.value


def test_options_reach_the_function_that_writes(assist):
    columns = {"messages": [dialogue("zzz"), dialogue("lost card"), dialogue("lost card")]}
    options = {"max_tokens": 3, "temperature": 3.0, "seed": [1, 2, 3]}
    *_, last = assist.parts(columns, options)
    assert last[1]["reply"].details["tokens"] <= 3
    assert last[1]["reply"].value != last[2]["reply"].value
    assert assist.misfits(columns, {"temperature": -1.0})[0][0].id == "request.option"
    assert assist.options["max_tokens"]


def test_what_stands_in_no_passage_is_named(assist):
    (row,) = assist.answer({"messages": [dialogue("lost card")]})
    said = row["reply"]
    assert said.details["unsupported"] == unsupported(said.value, PASSAGES[:1], stands_by_words)


def test_passages_beyond_the_context_are_cut_and_counted(reply):
    found = session({"find": found_in(PASSAGES), "reply": reply})
    (row,) = found.answer({"messages": [dialogue("card")]})
    details = row["reply"].details
    assert details["passages_cut"] >= 1
    assert details["prompt_tokens"] + 16 <= 240


def test_the_first_passage_is_cut_where_it_fits_not_alone(reply):
    prompts = GroundedPrompts(reply, Function(reply), "Say it.", 3)
    choices = [{"id": "a", "passage": PASSAGES[2].strip()}, {"id": "b", "passage": PASSAGES[0]}]
    found = prompts.of("card", [{"role": "user", "content": "card"}], choices)
    assert found.cut == 2
    assert [one["id"] for one in found.sources] == ["a"]
    shown = found.value[0].content
    assert 5 < shown.count("card") < 300


def test_a_dialogue_that_fits_without_a_passage_alone_is_answered_and_a_longer_one_refused(assist):
    (problem,) = assist.misfits({"messages": [dialogue("lost card " * 200)]})[0]
    assert problem.id == "request.long-prompt"


def test_a_function_of_one_text_is_shown_all_in_one(reply, tmp_path):
    of_text = read(tiny_writing.reply(tmp_path / "package"))
    found = session({"find": found_in(PASSAGES[:2]), "reply": of_text})
    (row,) = found.answer({"messages": [dialogue("lost card")]})
    (own,) = Function(of_text).answer({"message": [f"Say it.\n\n[1] {PASSAGES[0]}\n\nlost card"]})
    assert row["reply"].value == own["answer"].value


def test_a_function_that_writes_nothing_is_refused():
    find, other = found_in(PASSAGES[:2]), Package(OnceSamples().body(), "", 1)
    for role in ("reply", "entails"):
        with pytest.raises(PackageError, match=rf"functions\.{role}"):
            session({"find": find, role: other})


@pytest.mark.parametrize(
    ("passage", "holds"), [("A lost card is blocked in one day.", True), (PASSAGES[0], False)]
)
def test_a_function_says_what_a_passage_holds(reply, passage, holds):
    body = same_body()  # true where the passage has the word `day`, whatever the sentence says
    states = dict(
        zip(("passage", "sentence"), (body.states[one] for one in ("passage", "question")), strict=True)
    )
    signature = Signature.parse("entails(sentence: text, passage: text) -> same: boolean")
    graph = body.graphs["model"].replace(b"question", b"sentence")  # of one length
    states["same"] = body.states["same"]
    entails = Package(replace(body, signature=signature, states=states, graphs={"model": graph}), "", 1)
    found = session({"find": found_in((passage, PASSAGES[1])), "reply": reply, "entails": entails})
    (row,) = found.answer({"messages": [dialogue("lost card")]})
    said = row["reply"]
    assert [one["passage"] for one in said.details["sources"]] == [passage]
    by_words = unsupported(said.value, [passage], stands_by_words)
    assert by_words, "it writes nonsense, which no words support"
    assert said.details["unsupported"] == ([] if holds else by_words)


@pytest.mark.parametrize(
    ("sentence", "stands"),
    [
        ("The card is blocked at once.", True),
        ("Your lost card was blocked.", True),
        ("Your lost card costs 10 euros.", False),
        ("Transfers are free.", False),
        ("...", True),
    ],
)
def test_a_sentence_stands_where_its_telling_words_do(sentence, stands):
    assert (not unsupported(sentence, PASSAGES[:1], stands_by_words)) is stands


def test_chinese_stands_by_its_characters():
    assert stands_by_words("信用卡立即挂失", ["信用卡丢失后请立即挂失。"])
    assert not stands_by_words("转账需要三天", ["信用卡丢失后请立即挂失。"])
