"""Prompts that are given as tokens, as evaluation harnesses send them: whole, and with no template around them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_decoder
import tiny_writing
from test_gateway import eventually
from tiny_serving import Releases, running, sealed

from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Live, Server, Serving
from modelwright.runtime.drivers.session.samples import SessionSamples
from modelwright.storage.traffic.record import LiveRecord

TOKENIZER = tiny_decoder.tokenizer()
TEMPLATE = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False).ids)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a function of a text, one of a dialogue, and one that writes nothing itself."""
    base = tmp_path_factory.mktemp("tokens")
    reply = Releases(tiny_writing.reply(base / "reply" / "package"))
    beside = {
        "chat": Releases(tiny_writing.chat(base / "chat" / "package")),
        "assist": Releases(sealed(SessionSamples().body(), base / "assist" / "package")),
    }
    more = [Serving(name, ServeConfig(port=0), one) for name, one in beside.items()]
    with running(reply, function="reply", beside=more) as server:
        assert all(one.changed.wait(60) for one in beside.values())
        yield server


def asked(server: Server, prompt: object, **more: Any) -> httpx.Response:
    body = {"model": "reply", "prompt": prompt, "temperature": 0, **more}
    return httpx.post(f"{server.url}/v1/completions", json=body, timeout=60)


def choices(server: Server, prompt: object, **more: Any) -> list[dict[str, Any]]:
    response = asked(server, prompt, **more)
    assert response.is_success, response.text
    return list(response.json()["choices"])


def test_the_tokens_of_a_prompt_with_its_template_are_answered_as_its_text_is(server: Server) -> None:
    texts = ["One?", "How much 我喜欢?"]
    lists = [ids(TEMPLATE.format(one)) for one in texts]
    told = {"max_tokens": 6, "logprobs": 2}
    assert choices(server, lists, **told) == choices(server, texts, **told)
    assert choices(server, lists[0], n=2, **told) == choices(server, texts[0], n=2, **told)
    usage = asked(server, lists, **told).json()["usage"]
    assert usage["prompt_tokens"] == sum(map(len, lists))


def test_a_harness_hears_how_likely_each_of_its_tokens_is(server: Server) -> None:
    """What `lm_eval` sends for `loglikelihood`, and how it reads the answer."""
    context, continuation = [ids("How much is"), ids("你")], [ids(" one and one?"), ids("好 two")]
    prompts = [before + after for before, after in zip(context, continuation, strict=True)]
    found = choices(server, prompts, max_tokens=1, logprobs=1, seed=1234, echo=True)
    for choice, prompt, before in zip(found, prompts, context, strict=True):
        told = choice["logprobs"]
        assert {len(one) for one in told.values()} == {len(prompt) + 1}
        assert (told["token_logprobs"][0], told["top_logprobs"][0]) == (None, None)
        assert all(one <= 0 for one in told["token_logprobs"][1:])
        likely = told["top_logprobs"][len(before) : -1]
        assert all(one in top for one, top in zip(told["tokens"][len(before) : -1], likely, strict=True))
        assert told["text_offset"] == sorted(told["text_offset"])
    nothing = choices(server, prompts, max_tokens=0, logprobs=1, echo=True)
    assert [one["text"] for one in nothing] == ["How much is one and one?", "你好 two"]
    for longer, shorter in zip(found, nothing, strict=True):
        assert shorter["logprobs"] == {name: one[:-1] for name, one in longer["logprobs"].items()}


def test_what_is_written_is_as_likely_when_it_is_scored(server: Server) -> None:
    prompt = ids("How much is one and one?")
    (written,) = choices(server, prompt, max_tokens=1, logprobs=20)
    (likely,) = written["logprobs"]["top_logprobs"]
    by_text = {
        TOKENIZER.decode([one], skip_special_tokens=False): one for one in range(TOKENIZER.get_vocab_size())
    }
    known = {text: logprob for text, logprob in likely.items() if "\N{REPLACEMENT CHARACTER}" not in text}
    assert known
    scored = choices(server, [[*prompt, by_text[one]] for one in known], max_tokens=0, logprobs=0, echo=True)
    again = [one["logprobs"]["token_logprobs"][-1] for one in scored]
    assert again == pytest.approx(list(known.values()), abs=1e-3)
    (alone,) = choices(server, prompt[:1], max_tokens=0, logprobs=0, echo=True)
    assert alone["logprobs"]["token_logprobs"] == [None]


def test_tokens_are_echoed_as_text_with_and_without_log_probabilities(server: Server) -> None:
    prompt = ids("<|im_start|>user\n我喜欢")
    plain = choices(server, prompt, max_tokens=3)[0]["text"]
    for more in ({}, {"logprobs": 1}):
        (whole,) = choices(server, prompt, max_tokens=3, echo=True, **more)
        assert whole["text"] == "<|im_start|>user\n我喜欢" + plain
        assert (whole["logprobs"] is None) == (not more)
        response = asked(server, prompt, max_tokens=3, echo=True, stream=True, **more)
        *lines, last = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        parts = [one for line in lines for one in json.loads(line)["choices"]]
        assert last == "[DONE]"
        assert "".join(one["text"] for one in parts) == whole["text"]
        told = [one["logprobs"]["tokens"] for one in parts if one["logprobs"]]
        assert [*itertools.chain(*told)] == (whole["logprobs"]["tokens"] if more else [])


def test_a_function_of_a_dialogue_continues_tokens_and_no_text(server: Server) -> None:
    turns = [{"role": "user", "content": "One?"}]
    body = {"model": "chat", "messages": turns, "temperature": 0, "max_tokens": 5}
    chat = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60).json()
    written = choices(server, ids(TEMPLATE.format("One?")), model="chat", max_tokens=5)
    assert written[0]["text"] == chat["choices"][0]["message"]["content"]
    text = asked(server, "One?", model="chat")
    assert (text.status_code, text.json()["error"]["code"]) == (400, "request.tokens-alone")
    quoting = asked(server, [5, 6], model="assist")
    assert (quoting.status_code, quoting.json()["error"]["code"]) == (404, "request.not-asked-so")


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ([], "request.option"),
        ([[]], "request.option"),
        ([[5], []], "request.option"),
        ([5, "a"], "request.option"),
        ([[5], "a"], "request.option"),
        ([True], "request.option"),
        ([5.5], "request.option"),
        ([-1], "request.option"),
        ([2**31], "request.option"),
        ([100_000], "request.option"),
        ([[5]] * 129, "request.option"),
        ([5] * 240, "context_length_exceeded"),
    ],
)
def test_what_are_no_tokens_of_it_is_refused(server: Server, prompt: object, code: str) -> None:
    response = asked(server, prompt)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert asked(server, [5, 6], max_tokens=1).is_success


def test_tokens_are_asked_by_the_protocol_alone(server: Server) -> None:
    response = httpx.post(f"{server.url}/reply", json={"message": "One?", "prompt_ids": [[5, 6]]}, timeout=60)
    assert (response.status_code, response.json()["error"]["id"]) == (422, "request.unknown-input")
    assert "prompt_ids" not in httpx.get(f"{server.url}/openapi.json").text


def test_no_tokens_are_recorded_as_an_input_and_no_version_that_is_watched_is_asked_them(
    tmp_path: Path,
) -> None:
    releases = Releases(tiny_writing.reply(tmp_path / "package"))
    live = Live(tmp_path / "live.db")
    with running(releases, function="reply", live=live) as server:
        releases.ask(releases.packages[1])
        releases.share({1: 1.0, 2: 0.0}, shadow=2)
        assert releases.changed.wait(60)
        of_tokens = asked(server, ids("One?"), max_tokens=2).json()["id"]
        of_text = asked(server, "One?", max_tokens=2).json()["id"]
        record = LiveRecord.open(live.record)
        assert eventually(lambda: len(record.rows(0)) >= 2 and len(record.rows(0, version=2)) >= 1)
    inputs = {row.id: row.inputs for row in record.rows(0, version=1)}
    assert [inputs[of_tokens], *inputs[of_text].values()] == [{}, "One?"]
    assert [row.id for row in record.rows(0, version=2)] == [of_text]
