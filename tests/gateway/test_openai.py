"""The OpenAI protocol over the wire, in its own words; `test_openai_clients` asks by clients of a registry."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import tiny_decoder
import tiny_writing
from raw_http import closed, connected, eventually
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server, Serving

TURNS = [{"role": "user", "content": "How much is one and one?"}]


def held_to(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `response_format` of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a function of a dialogue, one of a text, and one that classifies, at one address."""
    base = tmp_path_factory.mktemp("openai")
    chat = Releases(tiny_writing.chat(base / "chat" / "package"))
    beside = {
        "reply": Releases(tiny_writing.reply(base / "reply" / "package")),
        "measure": Releases(sealed(linear_body(), base / "measure" / "package")),
    }
    more = [Serving(name, ServeConfig(port=0), one) for name, one in beside.items()]
    with running(chat, function="chat", beside=more, limits={"queue": 200}) as server:
        for one in beside.values():
            assert one.changed.wait(60)
        yield server


def ask(server: Server, path: str = "chat/completions", **body: Any) -> httpx.Response:
    """Ask by one path; `chat` is asked for TURNS where nothing else is said."""
    given = {"model": "chat", **({"messages": TURNS} if path == "chat/completions" else {}), **body}
    sent = {name: value for name, value in given.items() if value is not ...}
    return httpx.post(f"{server.url}/v1/{path}", json=sent, timeout=60)


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the chunks of a stream, which is whole."""
    assert response.headers["content-type"].startswith("text/event-stream")
    *lines, last = [line for line in response.text.split("\n\n") if line]
    assert last == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def text_of(parts: list[dict[str, Any]], place: int = 0) -> str:
    """Return what a stream has written for one choice."""
    choices = [one for part in parts for one in part["choices"] if one["index"] == place]
    return "".join(one["delta"].get("content", "") for one in choices)


def test_an_answer_has_the_form_of_a_chat_completion(server: Server) -> None:
    found = ask(server, max_tokens=6).json()
    (choice,) = found["choices"]
    assert found["object"] == "chat.completion"
    assert (found["model"], found["system_fingerprint"]) == ("chat", "version-1")
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] == "length"
    usage = found["usage"]
    assert usage["completion_tokens"] == 6
    assert usage["total_tokens"] == usage["prompt_tokens"] + 6
    own = httpx.post(f"{server.url}/chat", json={"messages": TURNS}, timeout=60).json()
    assert own["outputs"]["reply"]["value"].startswith(choice["message"]["content"])


def test_a_stream_writes_what_the_whole_answer_is(server: Server) -> None:
    whole = ask(server, temperature=1.5, seed=3, n=2, logprobs=True, top_logprobs=2).json()
    response = ask(
        server,
        temperature=1.5,
        seed=3,
        n=2,
        logprobs=True,
        top_logprobs=2,
        stream=True,
        stream_options={"include_usage": True},
    )
    parts = chunks(response)
    for place, choice in enumerate(whole["choices"]):
        assert text_of(parts, place) == choice["message"]["content"]
        streamed = [
            token
            for part in parts
            for one in part["choices"]
            if one["index"] == place and one["logprobs"]
            for token in one["logprobs"]["content"]
        ]
        assert streamed == choice["logprobs"]["content"]
        assert all(len(one["top_logprobs"]) == 2 for one in streamed)
        ends = [one["finish_reason"] for part in parts for one in part["choices"] if one["index"] == place]
        assert [one for one in ends if one] == [choice["finish_reason"]]
    assert whole["choices"][0]["message"] != whole["choices"][1]["message"], "each choice has its noise"
    assert (parts[-1]["choices"], parts[-1]["usage"]["completion_tokens"]) == (
        [],
        whole["usage"]["completion_tokens"],
    )
    assert {part["id"] for part in parts} == {response.headers["x-request-id"]}
    assert all(part["usage"] is None for part in parts[:-1])


def test_a_seed_gives_the_same_text_and_none_gives_another(server: Server) -> None:
    def written(**more: Any) -> str:
        return str(ask(server, temperature=3.0, **more).json()["choices"][0]["message"]["content"])

    assert written(seed=7) == written(seed=7)
    assert len({written() for _ in range(4)}) > 1


def test_a_stop_text_ends_the_answer_before_it(server: Server) -> None:
    text = ask(server).json()["choices"][0]["message"]["content"]
    stop = next(one for one in text[1:] if one.isascii() and one.isprintable())
    choice = ask(server, stop=[stop]).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text[: text.index(stop)], "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_fits_its_response_format(server: Server, stream: bool) -> None:
    digits = {"type": "string", "pattern": "^[0-9]{4}$"}
    form = held_to({"type": "object", "properties": {"pin": digits}, "required": ["pin"]})

    def asked(**more: Any) -> list[tuple[str, str]]:
        response = ask(server, temperature=2.0, seed=5, n=3, stream=stream, **more)
        if not stream:
            return [(one["message"]["content"], one["finish_reason"]) for one in response.json()["choices"]]
        parts = chunks(response)
        ends = {
            one["index"]: one["finish_reason"]
            for part in parts
            for one in part["choices"]
            if one["finish_reason"]
        }
        return [(text_of(parts, place), ends[place]) for place in range(3)]

    whole = asked(response_format=form, max_tokens=100)
    assert [end for _, end in whole] == ["stop"] * 3
    assert all(len(json.loads(text)["pin"]) == 4 for text, _ in whole)
    assert len(set(whole)) == 3
    assert [end for _, end in asked(response_format=form, max_tokens=3)] == ["length"] * 3
    any_object = asked(response_format={"type": "json_object"}, max_tokens=2)
    assert all(text.startswith("{") for text, _ in any_object)
    assert asked(response_format={"type": "text"}) == asked()


def test_prompts_of_completions_are_answered_in_turn(server: Server) -> None:
    found = ask(server, "completions", model="reply", prompt=["One?", "Two?"], n=2, logprobs=1).json()
    assert [one["index"] for one in found["choices"]] == [0, 1, 2, 3]
    first = found["choices"][0]
    assert first["text"] == found["choices"][1]["text"], "the likeliest tokens have no noise"
    told = first["logprobs"]
    assert len(told["tokens"]) == len(told["token_logprobs"]) == len(told["text_offset"])
    assert found["usage"]["total_tokens"] > 0
    streamed = ask(server, "completions", model="reply", prompt="One?", stream=True)
    assert "".join(c["text"] for part in chunks(streamed) for c in part["choices"]) == first["text"]


def test_the_bytes_of_tokens_are_those_of_the_text_though_a_character_takes_several(server: Server) -> None:
    form = held_to({"const": "我 🙂"})
    (choice,) = ask(server, response_format=form, logprobs=True, top_logprobs=1, max_tokens=60).json()[
        "choices"
    ]
    tokens = choice["logprobs"]["content"]
    assert "\N{REPLACEMENT CHARACTER}" in "".join(one["token"] for one in tokens)
    assert all(one["bytes"] for token in tokens for one in (token, *token["top_logprobs"]))
    data = b"".join(bytes(one["bytes"]) for one in tokens)
    assert data.startswith(choice["message"]["content"].encode())
    asked = {"model": "reply", "prompt": "One?", "response_format": form, "logprobs": 0, "max_tokens": 60}
    told = ask(server, "completions", **asked).json()["choices"][0]
    of_text = [told["text"].index(one) for one in "我🙂"]
    assert set(of_text) < set(told["logprobs"]["text_offset"])
    assert max(told["logprobs"]["text_offset"]) <= len(told["text"])
    parts = chunks(ask(server, "completions", **asked, stream=True))
    streamed = [
        one["logprobs"]["text_offset"] for part in parts for one in part["choices"] if one["logprobs"]
    ]
    assert [*itertools.chain(*streamed)] == told["logprobs"]["text_offset"]


def test_a_prompt_stands_before_its_answer_with_how_likely_it_was(server: Server) -> None:
    prompt = "How much 我喜欢?"
    asked: dict[str, Any] = {"model": "reply", "prompt": [prompt, "One?"], "max_tokens": 4}
    plain = [one["text"] for one in ask(server, "completions", **asked).json()["choices"]]
    echoed = ask(server, "completions", **asked, echo=True).json()["choices"]
    assert [one["text"] for one in echoed] == [prompt + plain[0], "One?" + plain[1]]
    assert echoed[0]["logprobs"] is None
    choice = ask(server, "completions", **asked, echo=True, logprobs=1).json()["choices"][0]
    told = choice["logprobs"]
    assert choice["text"] == prompt + plain[0]
    assert {len(one) for one in told.values()} == {len(told["tokens"])}
    assert all(one <= 0 for one in told["token_logprobs"])
    assert all(token in tops for token, tops in zip(told["tokens"], told["top_logprobs"], strict=True))
    assert told["text_offset"] == sorted(told["text_offset"])
    assert (told["text_offset"][0], told["text_offset"][-4]) == (0, len(prompt))
    nothing = ask(server, "completions", **{**asked, "max_tokens": 0}, echo=True, logprobs=1).json()
    assert nothing["choices"][0]["text"] == prompt
    of_prompt = nothing["choices"][0]["logprobs"]
    assert of_prompt == {name: one[:-4] for name, one in told.items()}
    assert nothing["usage"]["completion_tokens"] == 0
    parts = chunks(ask(server, "completions", **asked, echo=True, logprobs=1, stream=True))
    first = [one for part in parts for one in part["choices"] if one["index"] == 0]
    assert "".join(one["text"] for one in first) == choice["text"]
    streamed = [one["logprobs"] for one in first if one["logprobs"]]
    assert {name: [*itertools.chain(*(one[name] for one in streamed))] for name in told} == told
    spoken = chunks(ask(server, "completions", **asked, echo=True, stream=True))
    texts = [
        "".join(c["text"] for part in spoken for c in part["choices"] if c["index"] == n) for n in (0, 1)
    ]
    assert texts == [one["text"] for one in echoed]


def test_what_is_told_of_a_prompt_is_not_recorded(server: Server) -> None:
    served = server.gateway.current
    assert served is not None
    as_json = {"reply": {"value": "a", "confidence": None, "details": {"tokens": 1, "prompt_logprobs": [{}]}}}
    recorded = served.outputs_recorded([["a", None, None, None, {}]], as_json)
    assert recorded["reply"]["details"] == {"tokens": 1}
    assert as_json["reply"]["details"]["prompt_logprobs"], "it is answered all the same"


def test_the_best_of_several_answers_are_those_whose_tokens_are_likeliest(server: Server) -> None:
    asked: dict[str, Any] = {"model": "reply", "prompt": ["One?", "Two?"], "max_tokens": 5, "seed": 3}
    asked |= {"temperature": 2.0, "logprobs": 0}
    every = ask(server, "completions", **asked, n=4).json()
    found = ask(server, "completions", **asked, n=2, best_of=4).json()
    assert [one["index"] for one in found["choices"]] == [0, 1, 2, 3]
    assert found["usage"] == every["usage"], "what was written and is not shown counts, too"

    def mean(choice: dict[str, Any]) -> float:
        known = choice["logprobs"]["token_logprobs"]
        return float(sum(known) / len(known))

    for place in (0, 1):
        best = sorted(every["choices"][4 * place :][:4], key=mean, reverse=True)[:2]
        assert [one["text"] for one in best] == [one["text"] for one in found["choices"][2 * place :][:2]]
    unasked = ask(server, "completions", **{**asked, "logprobs": None}, best_of=4).json()["choices"]
    assert [one["text"] for one in unasked] == [found["choices"][place]["text"] for place in (0, 2)]
    assert {one["logprobs"] for one in unasked} == {None}
    none = ask(server, "completions", **{**asked, "max_tokens": 0}, best_of=2, echo=True).json()["choices"]
    assert [one["text"] for one in none] == ["One?", "Two?"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"suffix": "end"}, "request.unsupported", "suffix"),
        ({"echo": 1}, "request.option", "echo"),
        ({"best_of": 129}, "request.option", "best_of"),
        ({"n": 3, "best_of": 2}, "request.option", "best_of"),
        ({"best_of": 2, "stream": True}, "request.option", "best_of"),
        ({"prompt": [1, "two"]}, "request.option", "prompt"),
        ({"prompt": []}, "request.option", "prompt"),
        ({"logprobs": 21, "echo": True}, "request.option", "logprobs"),
        ({"prompt": "one " * 400, "echo": True, "logprobs": 1}, "context_length_exceeded", None),
    ],
)
def test_what_completions_refuse_is_named(
    server: Server, body: dict[str, Any], code: str, param: str | None
) -> None:
    response = ask(server, "completions", **{"model": "reply", "prompt": "One?", **body})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)


def test_a_function_of_one_text_takes_one_turn(server: Server) -> None:
    parts = [{"type": "text", "text": "One?"}]
    turn = ask(server, model="reply", messages=[{"role": "user", "content": parts}])
    assert turn.json()["choices"][0]["message"]["content"]
    two = ask(server, model="reply", messages=[{"role": "system", "content": "Be kind."}, *TURNS])
    assert (two.status_code, two.json()["error"]["code"]) == (400, "request.one-turn")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "other"}, 404, "model_not_found", None),
        ({"model": ...}, 400, "request.option", "model"),
        ({"messages": []}, 400, "request.option", "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "request.wrong-value", "messages"),
        ({"messages": [{"role": "user", "content": "one " * 400}]}, 400, "context_length_exceeded", None),
        ({"temperature": -1}, 400, "request.option", "temperature"),
        ({"n": 0}, 400, "request.option", "n"),
        ({"n": 10**9}, 400, "request.option", "n"),
        ({"stop": [""]}, 400, "request.option", "stop"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, 400, "request.option", "max_tokens"),
        ({"max_tokens": -1}, 400, "request.option", "max_tokens"),
        ({"top_logprobs": 2}, 400, "request.option", "top_logprobs"),
        ({"stream_options": True}, 400, "request.option", "stream_options"),
        ({"stream": "yes"}, 400, "request.option", "stream"),
        ({"presence_penalty": 2.5}, 400, "request.option", "presence_penalty"),
        ({"logit_bias": {"a": 1}}, 400, "request.option", "logit_bias"),
        ({"logit_bias": {"5": 101}}, 400, "request.option", "logit_bias"),
        ({"logit_bias": {"99999": 1}}, 400, "request.option", "logit_bias"),
        ({"best_of": 2}, 400, "request.unsupported", "best_of"),
        ({"tools": [{"type": "function"}]}, 400, "value.not-a-tool", "tools.0"),
        ({"response_format": {"type": "xml"}}, 400, "request.option", "response_format"),
        ({"response_format": {"type": "json_schema"}}, 400, "request.option", "response_format"),
        ({"response_format": held_to({"type": "nothing"})}, 400, "schema.invalid", "response_format"),
        ({"response_format": held_to({"not": {}})}, 400, "schema.keyword", "response_format"),
        ({"response_format": held_to({"$ref": "file:///a"})}, 400, "schema.elsewhere", "response_format"),
        ({"response_format": held_to({"$ref": "#"})}, 400, "schema.endless", "response_format"),
        ({"response_format": held_to({"enum": []})}, 400, "schema.refused", "response_format"),
        ({"response_format": held_to({"maximum": 10**25})}, 400, "schema.refused", "response_format"),
        ({"response_format": {"type": "json_object"}, "stop": "}"}, 400, "request.option", "stop"),
        ({"max_tokns": 3}, 400, "request.unsupported", "max_tokns"),
        ({"model": "measure"}, 404, "request.not-asked-so", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_refused_is_said_in_its_form(
    server: Server, body: dict[str, Any], status: int, code: str, param: str | None, stream: bool
) -> None:
    response = ask(server, **{"stream": True, **body} if stream and "stream_options" not in body else body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_a_pattern_that_unfolds_without_bound_ends_its_own_answer_alone(server: Server) -> None:
    huge = held_to({"type": "string", "pattern": "^(a{1000}){1000}$"})
    refused = ask(server, response_format=huge)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "schema.dead-end")
    *_, last = ask(server, response_format=huge, stream=True).text.strip().split("\n\n")
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "schema.dead-end"
    assert ask(server, max_tokens=1).is_success


def test_a_number_beyond_all_floats_is_refused(server: Server) -> None:
    schema = '{"type":"json_schema","json_schema":{"name":"a","schema":{"maximum":-1e999}}}'
    for body in ('"temperature":1e999', f'"response_format":{schema}'):
        text = f'{{"model":"chat","messages":[{{"role":"user","content":"a"}}],{body}}}'
        response = httpx.post(
            f"{server.url}/v1/chat/completions", content=text, headers={"content-type": "application/json"}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (400, "request.not-finite")


def test_what_is_harmless_is_ignored_and_named(server: Server) -> None:
    response = ask(server, user="me", metadata={"a": "b"}, best_of=1, max_tokens=1, stop=None)
    assert response.is_success
    assert response.headers["x-ignored-options"] == "user, metadata, best_of"


def test_tokens_are_made_likelier_and_less_likely(server: Server) -> None:
    def written(**more: Any) -> str:
        return str(ask(server, max_tokens=6, **more).json()["choices"][0]["message"]["content"])

    usual = written()
    assert written(presence_penalty=0, frequency_penalty=0.0, logit_bias={}) == usual
    letter = tiny_decoder.tokenizer().token_to_id("m")
    assert written(logit_bias={str(letter): 100}) == "mmmmmm"
    assert len(written(frequency_penalty=2, presence_penalty=-2)) > 0


@pytest.mark.parametrize("most", [0, 10**9])
def test_any_bound_of_tokens_ends(server: Server, most: int) -> None:
    found = ask(server, max_completion_tokens=most).json()
    assert found["choices"][0]["finish_reason"] in ({"length"} if most == 0 else {"length", "stop"})
    assert found["usage"]["completion_tokens"] <= 240


def test_models_are_the_functions(server: Server) -> None:
    models = httpx.get(f"{server.url}/v1/models").json()
    assert {one["id"] for one in models["data"]} == {"chat", "reply", "measure"}
    assert httpx.get(f"{server.url}/v1/models/reply").json()["object"] == "model"
    unknown = httpx.get(f"{server.url}/v1/models/none")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    nowhere = httpx.get(f"{server.url}/v1/nowhere")
    assert (nowhere.status_code, nowhere.json()["error"]["type"]) == (404, "invalid_request_error")
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert {"/v1/models", "/v1/chat/completions", "/v1/completions"} <= paths.keys()
    assert "/v1/embeddings" not in paths


def test_of_a_wrong_option_it_is_said_what_is_wrong_with_it(server: Server) -> None:
    def said(**body: Any) -> str:
        return str(ask(server, **body).json()["error"]["message"])

    assert "at most 16" in said(stop=["a"] * 17)
    assert said(n=0).startswith("`n` has a value that is none of its own: it takes 1 … 128")
    assert said(response_format={"type": "json_object"}, stop="}") == (
        "`stop` does not go with `response_format`: leave one of the two out"
    )
    assert said(response_format=held_to({"not": {}})).startswith("`response_format` has the keyword `not`")


def test_what_gives_no_vectors_has_no_embeddings(server: Server) -> None:
    response = ask(server, "embeddings", input="One?")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "request.not-asked-so")


def test_our_own_path_streams_where_the_body_says_so(server: Server) -> None:
    response = httpx.post(f"{server.url}/chat", json={"messages": TURNS, "stream": True}, timeout=60)
    assert response.headers["content-type"].startswith("text/event-stream")
    *_, end = response.text.strip().split("\n\n")
    assert end.startswith("event: end\n")
    plain = httpx.post(f"{server.url}/chat", json={"messages": TURNS, "stream": False}, timeout=60)
    assert json.loads(end.partition("data: ")[2])["outputs"] == plain.json()["outputs"]
    odd = httpx.post(f"{server.url}/chat", json={"messages": TURNS, "stream": 1})
    assert (odd.status_code, odd.json()["error"]["id"]) == (422, "request.option")


LONG: dict[str, Any] = {"n": 128, "max_tokens": 200, "temperature": 2.0, "stream": True}


@contextmanager
def streaming(server: Server) -> Iterator[Iterator[str]]:
    """Ask for much, and yield the lines of the answer, which has begun."""
    body = {"model": "chat", "messages": TURNS, **LONG}
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body, timeout=60) as response:
        lines = (line for line in response.iter_lines() if line)
        assert json.loads(next(lines).removeprefix("data: "))["choices"]
        yield lines


def test_beyond_its_queue_it_answers_429(server: Server) -> None:
    with streaming(server):
        refused = ask(server, **LONG)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["type"] == "rate_limit_error"
        beside = httpx.post(f"{server.url}/reply", json={"message": "One?"}, timeout=60)
        assert beside.is_success, "another function has a queue of its own"


@pytest.mark.parametrize("leaves", ["closes", "resets", "ends its half"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(server: Server, leaves: str, stream: bool) -> None:
    body = json.dumps({"model": "chat", "messages": TURNS, **LONG, "stream": stream}).encode()
    top = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    with connected(server) as connection:
        connection.sendall(f"{top}content-type: application/json\r\n\r\n".encode() + body)
        assert eventually(lambda: server.gateway.rows_under_way == 128)
        if leaves == "ends its half":  # until something is sent, that looks like a client that has closed
            connection.shutdown(socket.SHUT_WR)
            assert closed(connection)
        elif leaves == "resets":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    # what was left would have taken thousands of steps; each request of the loop waits for all before it
    assert eventually(lambda: not server.gateway.rows_under_way)
    answer = ask(server, max_tokens=1)
    assert answer.is_success
    assert answer.json()["usage"]["completion_tokens"] == 1


def test_a_worker_that_dies_ends_its_streams_with_an_error(server: Server) -> None:
    with streaming(server) as lines:
        served = server.gateway.current
        assert served is not None
        served.worker.process.kill()
        *_, last = lines
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "serve.unavailable")
    deadline = time.monotonic() + 60
    while (again := ask(server, max_tokens=1)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert again.is_success


def test_tokens_are_counted_and_timed(server: Server) -> None:
    def figures() -> dict[str, float]:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if 'function="chat"' in line and "_bucket" not in line)
        return {name.partition("{")[0].removeprefix("modelwright_"): float(value) for name, value in pairs}

    before = figures()
    usage = ask(server, max_tokens=7).json()["usage"]
    after = figures()
    rise = {name: after[name] - before.get(name, 0.0) for name in after}
    assert rise["written_tokens_total"] == 7
    assert rise["prompt_tokens_total"] == usage["prompt_tokens"]
    assert rise["kept_prompt_tokens_total"] == usage["prompt_tokens_details"]["cached_tokens"]
    assert rise["time_to_first_token_seconds_count"] == 1
    assert rise["time_between_tokens_seconds_count"] == 6
    assert 0 < rise["time_to_first_token_seconds_sum"] < 60
    assert (after["answers_waiting"], after["answers_writing"]) == (0, 0)
    whole = httpx.get(f"{server.url}/metrics").text
    assert 'time_between_tokens_seconds_count{function="measure"}' not in whole, "it writes nothing"
