"""Bodies as clients of the OpenAI protocol are known to write them: what is harmless in them is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import tiny_tools
import tiny_writing
from raw_http import connected
from test_openai_clients import embedding_body
from tiny_serving import Releases, running, sealed

from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server, Serving
from modelwright.runtime.drivers.session.samples import SessionSamples

USER: dict[str, Any] = {"role": "user", "content": "How is it in Rome?"}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome","days":1}'},
}
RESULT = {"role": "tool", "tool_call_id": "c1"}
OBJECT = {
    "type": "object",
    "additionalProperties": False,
    "$schema": "http://json-schema.org/draft-07/schema#",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a function of a dialogue that has tools, one of a text, one that quotes, and one that gives vectors."""
    base = tmp_path_factory.mktemp("bodies")
    chat = Releases(tiny_writing.chat(base / "chat" / "package", context=1000, tools=tiny_tools.HERMES))
    beside = {
        "reply": Releases(tiny_writing.reply(base / "reply" / "package")),
        "assist": Releases(sealed(SessionSamples().body(), base / "assist" / "package")),
        "embed": Releases(sealed(embedding_body(), base / "embed" / "package")),
    }
    more = [Serving(name, ServeConfig(port=0), one) for name, one in beside.items()]
    with running(chat, function="chat", beside=more) as server:
        assert all(one.changed.wait(60) for one in beside.values())
        yield server


def ask(server: Server, path: str = "chat/completions", **body: Any) -> httpx.Response:
    own: dict[str, Any] = {"model": "chat", "messages": [USER], "max_tokens": 4}
    given = {**own, **body} if path == "chat/completions" else body
    return httpx.post(f"{server.url}/v1/{path}", json=given, timeout=60)


def said(content: object, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def system(content: object) -> dict[str, Any]:
    return {"role": "system", "content": content}


def parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one, "cache_control": {"type": "ephemeral"}} for one in texts]


TAKEN: dict[str, dict[str, Any]] = {
    "a system that says nothing": {"messages": [system(""), USER]},
    "an answer without a text, sent back": {"messages": [USER, said(""), USER]},
    "an answer that was cut off before its text": {"messages": [USER, said(None), USER]},
    "a refusal, sent back": {"messages": [USER, said(None, refusal="I do not say."), USER]},
    "whole messages of the official client": {
        "messages": [USER, said("Mild.", refusal=None, annotations=[], audio=None, tool_calls=None), USER]
    },
    "what a model thought, sent back": {"messages": [USER, said("Mild.", reasoning_content="Hm."), USER]},
    "marks for a cache": {"messages": [{**USER, "cache_control": {"type": "ephemeral"}}]},
    "names of speakers": {"messages": [{**USER, "name": "ann"}, said("Mild.", name="bob"), USER]},
    "texts in parts": {
        "messages": [system(parts("Be kind.")), {"role": "user", "content": parts("a", "", "b")}]
    },
    "strings as parts": {"messages": [{"role": "user", "content": ["a", "b"]}]},
    "a call without a content, and a result in parts": {
        "messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, {**RESULT, "content": parts("mild")}]
    },
    "a call beside an empty text, and an empty result": {
        "messages": [USER, said("", tool_calls=[CALL]), {**RESULT, "content": "", "name": "weather"}]
    },
    "a developer, and the system in the middle": {
        "messages": [
            {"role": "developer", "content": "Be kind."},
            USER,
            said("Mild."),
            system("Be short."),
            USER,
        ]
    },
    "an answer that is to go on": {"messages": [USER, said("It is")]},
    "a model's greeting": {"messages": [said("Hello"), USER]},
    "two turns of a user": {"messages": [USER, USER]},
    "tools of pydantic": {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "a",
                    "description": "",
                    "strict": True,
                    "parameters": {
                        "type": "object",
                        "properties": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "X"}},
                        "required": ["x"],
                        "additionalProperties": False,
                    },
                },
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    },
    "tools without parameters": {
        "tools": [{"type": "function", "function": {"name": "a", "parameters": None}}]
    },
    "everything that is null": dict.fromkeys(
        (
            *(
                "n",
                "seed",
                "stop",
                "tools",
                "tool_choice",
                "logprobs",
                "top_logprobs",
                "response_format",
                "user",
            ),
            *("temperature", "top_p", "logit_bias", "stream_options", "parallel_tool_calls", "functions"),
            *("presence_penalty", "frequency_penalty", "function_call", "modalities", "audio", "reasoning"),
        )
    ),
    "what is usual elsewhere": {
        "ignore_eos": False,
        "skip_special_tokens": True,
        "min_tokens": 0,
        "length_penalty": 1.0,
        "use_beam_search": False,
        "chat_template_kwargs": {},
        "prediction": {"type": "content", "content": "x"},
    },
    "numbers with a point": {"n": 1.0, "max_tokens": 4.0, "seed": 1.0, "top_k": 3.0},
    "usage, of a whole answer": {"stream": False, "stream_options": {"include_usage": True}},
    "no log-probabilities, and none beside": {"logprobs": False, "top_logprobs": 0},
    "no stop": {"stop": []},
    "a format with a schema of its own": {"response_format": {"type": "json_object", "schema": OBJECT}},
    "a format without a name": {
        "response_format": {"type": "json_schema", "json_schema": {"schema": OBJECT}}
    },
    "a format with nulls": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "description": None, "strict": None, "schema": OBJECT},
        }
    },
    "a function of a text, and a system that says nothing": {
        "model": "reply",
        "messages": [system(" "), USER],
    },
    "the sources of an answer, sent back": {
        "model": "assist",
        "messages": [
            USER,
            said("Mild.", act="answer", sources=[{"id": "1", "score": 1.0, "passage": "p"}]),
            USER,
        ],
    },
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_harmless_is_taken(server: Server, body: dict[str, Any], stream: bool) -> None:
    response = ask(server, **{**body, **({"stream": True} if stream else {})})
    assert response.is_success, response.text
    if stream:
        assert response.text.rstrip().endswith("data: [DONE]")
    else:
        (choice,) = response.json()["choices"]
        assert isinstance(choice["message"]["content"], str)
        assert choice["finish_reason"] in {"stop", "length"}


def test_what_turns_bring_without_effect_is_named(server: Server) -> None:
    plain = ask(server, messages=[USER, said("Mild."), USER])
    more = ask(
        server, messages=[{**USER, "name": "ann"}, said("Mild.", reasoning_content="Hm.", id="1"), USER]
    )
    assert more.json()["choices"] == plain.json()["choices"]
    assert more.headers["x-ignored-options"] == "messages.id, messages.name, messages.reasoning_content"
    refused = ask(server, messages=[USER, said("It is", prefix=True)])
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages.1.prefix")


def test_an_empty_turn_is_not_one_that_is_left_out(server: Server) -> None:
    def counted(*turns: Any) -> int:
        return int(ask(server, messages=list(turns)).json()["usage"]["prompt_tokens"])

    assert counted(system(""), USER) < counted(system("Be kind."), USER)
    assert counted(USER, said(""), USER) > counted(USER, USER)
    nothing = ask(server, messages=[system(""), {"role": "user", "content": ""}])
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (400, "request.wrong-value")


def test_a_refusal_that_is_sent_back_is_what_was_said(server: Server) -> None:
    written = [ask(server, messages=[USER, one, USER]).json()["choices"] for one in (
        said(None, refusal="No."), said("No."), said([{"type": "refusal", "refusal": "No."}])
    )]  # fmt: skip
    assert written[0] == written[1] == written[2]


def test_a_schema_of_a_json_object_holds_the_answer(server: Server) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"const": 3}},
        "required": ["a"],
        "additionalProperties": False,
    }
    found = ask(server, response_format={"type": "json_object", "schema": schema}, max_tokens=60).json()
    assert json.loads(found["choices"][0]["message"]["content"]) == {"a": 3}


def test_a_stream_of_http_1_0_comes_without_chunks_and_ends_with_its_connection(server: Server) -> None:
    """As proxies ask that keep to HTTP/1.0 behind them, which nginx does where nobody says otherwise."""
    body = json.dumps({"model": "chat", "messages": [USER], "max_tokens": 4, "stream": True}).encode()
    top = (
        f"POST /v1/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    )
    with connected(server) as connection:
        connection.sendall(f"{top}\r\n\r\n".encode() + body)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, events = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert events.startswith(b"data: {")
    assert events.endswith(b"}\n\ndata: [DONE]\n\n")
    assert events.count(b"data: ") == events.count(b"\n\n")
    whole = {**json.loads(body), "stream": False}
    for given in (whole, {**whole, "model": "other"}):
        sent = json.dumps(given).encode()
        with connected(server) as connection:
            connection.sendall(top.replace(str(len(body)), str(len(sent))).encode() + b"\r\n\r\n" + sent)
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        assert json.loads(data.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("path", ["responses", "messages", "engines/chat/completions", "chat/completion"])
def test_a_path_that_the_protocol_has_not_here_names_the_one_that_it_has(server: Server, path: str) -> None:
    response = ask(server, path, model="chat", input="Hello")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (404, "request.unknown-path")
    assert "/v1/chat/completions" in error["message"]


def test_vectors_are_as_long_as_they_are(server: Server) -> None:
    asked: dict[str, Any] = {"model": "embed", "input": "dental", "user": "me", "encoding_format": None}
    plain = ask(server, "embeddings", **asked).json()
    assert ask(server, "embeddings", **asked, dimensions=3).json() == plain
    shorter = ask(server, "embeddings", **asked, dimensions=2)
    assert (shorter.status_code, shorter.json()["error"]["param"]) == (400, "dimensions")
    assert plain["usage"] == {"prompt_tokens": 1, "total_tokens": 1}
