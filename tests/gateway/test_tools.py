"""Tools by the OpenAI protocol: what may be called, calls that fit their schemas, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import tiny_tools
import tiny_writing
from tiny_serving import Releases, running

from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server, Serving

TURNS: Any = [{"role": "user", "content": "How is it in Rome?"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a function whose template has tools, one whose template has none, and one of a text."""
    base = tmp_path_factory.mktemp("tools")
    chat = Releases(tiny_writing.chat(base / "chat" / "package", context=1000, tools=tiny_tools.HERMES))
    beside = {
        "plain": Releases(tiny_writing.chat(base / "plain" / "package", name="plain")),
        "reply": Releases(tiny_writing.reply(base / "reply" / "package")),
    }
    more = [Serving(name, ServeConfig(port=0), one) for name, one in beside.items()]
    with running(chat, function="chat", beside=more) as server:
        for one in beside.values():
            assert one.changed.wait(60)
        yield server


def ask(server: Server, **body: Any) -> httpx.Response:
    given = {
        "model": "chat",
        "messages": TURNS,
        "tools": tiny_tools.TOOLS,
        "temperature": 1.0,
        "seed": 1,
        **body,
    }
    return httpx.post(f"{server.url}/v1/chat/completions", json=given, timeout=60)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("choice", ["required", tiny_tools.named("weather"), tiny_tools.named("now")])
def test_what_must_be_called_is_called_as_its_schema_says(server: Server, choice: Any, seed: int) -> None:
    answer = ask(server, tool_choice=choice, seed=seed, max_tokens=200).json()
    (found,) = answer["choices"]
    assert (found["finish_reason"], found["message"]["content"]) == ("tool_calls", None)
    (call,) = found["message"]["tool_calls"]
    name = call["function"]["name"]
    assert name == "now" or choice != tiny_tools.named("now")
    jsonschema_rs.validate(tiny_tools.PARAMETERS[name], json.loads(call["function"]["arguments"]))
    assert call["id"].startswith("call_")
    assert answer["usage"]["completion_tokens"] > 0


def allowed(mode: str, *names: str) -> dict[str, Any]:
    return {
        "type": "allowed_tools",
        "allowed_tools": {"mode": mode, "tools": [tiny_tools.named(name) for name in names]},
    }


def test_of_all_tools_that_the_prompt_has_those_alone_are_called_that_are_allowed(server: Server) -> None:
    def asked(choice: Any, seed: int = 1, **more: Any) -> Any:
        return ask(server, tool_choice=choice, seed=seed, max_tokens=200, temperature=2.0, **more).json()

    size = asked("required")["usage"]["prompt_tokens"]
    for name in ("weather", "now"):
        for seed in range(3):
            answer = asked(allowed("required", name), seed)
            called = answer["choices"][0]["message"]["tool_calls"]
            assert {one["function"]["name"] for one in called} == {name}
            assert answer["usage"]["prompt_tokens"] == size
        form = json_schema({"const": False})
        for seed in range(6):
            message = asked(allowed("auto", name), seed, response_format=form)["choices"][0]["message"]
            called = message.get("tool_calls") or []
            assert {one["function"]["name"] for one in called} <= {name}


@pytest.mark.parametrize("names", [(), ("now",) * 129])
def test_tools_that_are_allowed_are_some_and_not_too_many(server: Server, names: tuple[str, ...]) -> None:
    answer = ask(server, tool_choice=allowed("auto", *names))
    assert answer.status_code == 400
    assert '"type": "allowed_tools"' in answer.json()["error"]["message"]


def test_a_call_that_is_cut_says_so(server: Server) -> None:
    (found,) = ask(server, tool_choice=tiny_tools.named("weather"), max_tokens=25).json()["choices"]
    assert found["finish_reason"] == "length"


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def test_an_answer_calls_or_fits_its_schema(server: Server) -> None:
    """As agents ask, whose last answer alone is an object: what a call is, the schema does not hold."""
    schema = {
        "type": "object",
        "properties": {"sure": {"type": "boolean"}},
        "required": ["sure"],
        "additionalProperties": False,
    }
    form = json_schema(schema)
    endings = set()
    for seed in range(12):
        (found,) = ask(server, response_format=form, seed=seed, max_tokens=200, temperature=2.0).json()[
            "choices"
        ]
        endings.add(found["finish_reason"])
        if found["finish_reason"] == "stop":
            jsonschema_rs.validate(schema, json.loads(found["message"]["content"]))
        elif found["finish_reason"] == "tool_calls":
            for call in found["message"]["tool_calls"]:
                function = call["function"]
                jsonschema_rs.validate(
                    tiny_tools.PARAMETERS[function["name"]], json.loads(function["arguments"])
                )
    assert {"stop", "tool_calls"} <= endings
    (found,) = ask(server, response_format=form, tool_choice="required", max_tokens=200).json()["choices"]
    assert found["finish_reason"] == "tool_calls"


def test_where_nothing_is_called_tools_change_nothing(server: Server) -> None:
    def written(**more: Any) -> Any:
        return ask(server, max_tokens=8, **more).json()["choices"][0]["message"]

    without = written(tools=None)
    assert written(tool_choice="none") == written(tools=[]) == without
    assert written(model="plain", tool_choice="none")["content"]
    assert written()["content"] != without["content"], "the prompt names the tools"
    assert "tool_calls" not in written()


def test_a_dialogue_goes_on_behind_a_call(server: Server) -> None:
    message = ask(server, tool_choice="required", max_tokens=200).json()["choices"][0]["message"]
    own_id = message["tool_calls"][0]["id"]
    result = {"role": "tool", "tool_call_id": own_id, "content": "mild"}
    (found,) = ask(server, messages=[*TURNS, message, result], max_tokens=5).json()["choices"]
    assert found["finish_reason"] == "length"
    lost = ask(server, messages=[*TURNS, message, {**result, "tool_call_id": "other"}])
    assert lost.status_code == 400
    # the tools stand before the turns of the request, which counts its own
    assert "`tool_call_id` of turn 3" in lost.json()["error"]["message"]
    odd = ask(server, messages=[*TURNS, {"role": "xyz", "content": "x"}])
    assert odd.status_code == 400
    assert "turn 2" in odd.json()["error"]["message"]


def test_a_call_without_arguments_is_read_as_clients_send_it_back(server: Server) -> None:
    def read(arguments: object) -> int:
        call = {"id": "c", "type": "function", "function": {"name": "now", "arguments": arguments}}
        turns = [*TURNS, {"role": "assistant", "content": None, "tool_calls": [call]}]
        turns.append({"role": "tool", "tool_call_id": "c", "content": "noon"})
        answer = ask(server, messages=turns, max_tokens=1)
        return answer.json()["usage"]["prompt_tokens"] if answer.status_code == 200 else -answer.status_code

    assert read("") == read(" ") == read("{}")
    # what was cut at `max_tokens`, or is no object, is read as the text that it is: the result can say so
    assert read('{"a": ') > read("{}")
    assert read("[]") > read("{}")
    assert read(["a"]) == read(3) == -400


ODD = {
    "type": "function",
    "function": {"name": "odd", "parameters": {"type": "object", "properties": {"a": {"not": {}}}}},
}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"tools": "x"}, "request.option", "tools"),
        ({"tools": [3]}, "value.not-a-tool", "tools.0"),
        ({"tools": [tiny_tools.tool("a b")]}, "value.tool-name", "tools.0.function.name"),
        (
            {"tools": [tiny_tools.tool("a", {"type": "array"})]},
            "value.tool-schema",
            "tools.0.function.parameters",
        ),
        (
            {"tools": [tiny_tools.tool("a", {"title": "x" * 100_000})]},
            "value.long-tool",
            "tools.0.function.parameters",
        ),
        ({"tools": [tiny_tools.tool("a")] * 2}, "value.tool-twice", "tools.1.function.name"),
        ({"tools": [tiny_tools.tool(f"f{one}") for one in range(129)]}, "value.too-many-tools", None),
        ({"tool_choice": tiny_tools.named("other")}, "request.unknown-tool", "tool_choice"),
        ({"tool_choice": allowed("auto", "now", "other")}, "request.unknown-tool", "tool_choice"),
        ({"tool_choice": allowed("none", "now")}, "request.option", "tool_choice"),
        ({"tool_choice": allowed("auto")}, "request.option", "tool_choice"),
        ({"tool_choice": allowed("required", "now"), "stop": "x"}, "request.option", "tool_choice"),
        ({"tool_choice": "any"}, "request.option", "tool_choice"),
        ({"tool_choice": "required", "tools": None}, "request.no-tool-to-call", "tool_choice"),
        ({"tool_choice": "required", "stop": "x"}, "request.option", "tool_choice"),
        ({"parallel_tool_calls": 3}, "request.option", "parallel_tool_calls"),
        ({"response_format": json_schema({"type": "object", "if": {}})}, "schema.keyword", "response_format"),
        ({"response_format": json_schema({"const": 1}), "stop": "x"}, "request.option", "stop"),
        (
            {"tools": [tiny_tools.tool("a"), ODD], "tool_choice": "required"},
            "schema.keyword",
            "tools.1.function.parameters",
        ),
        ({"model": "plain"}, "request.no-tools", "tools"),
        ({"model": "plain", "tool_choice": "required"}, "request.no-tools", "tools"),
        ({"model": "reply"}, "request.no-tools", "tools"),
        ({"functions": [{"name": "a"}]}, "request.unsupported", "functions"),
    ],
)
def test_bad_tools_are_refused_in_the_form_of_the_protocol(
    server: Server, body: dict[str, Any], code: str, param: str | None
) -> None:
    response = ask(server, **body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("place", ["description", "parameters"])
def test_half_a_character_of_a_tool_is_refused(server: Server, place: str) -> None:
    half = {
        "description": "\ud800",
        "parameters": {"type": "object", "properties": {"a": {"const": "\ud800"}}},
    }
    tools = [{"type": "function", "function": {"name": "a", place: half[place]}}]
    body = {"model": "chat", "messages": TURNS, "tools": tools}
    sent = json.dumps(body).encode()  # as `\ud800`, which httpx would not write
    headers = {"content-type": "application/json"}
    response = httpx.post(f"{server.url}/v1/chat/completions", content=sent, headers=headers, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "value.half-a-character")


def test_the_plain_route_calls_too(server: Server) -> None:
    turns = [{"role": "tools", "content": tiny_tools.TOOLS}, *TURNS]
    body = {"messages": turns, "tool_choice": "required", "temperature": 1.0, "seed": 1, "max_tokens": 200}
    found = httpx.post(f"{server.url}/chat", json=body, timeout=60).json()["outputs"]["reply"]
    ((call,),) = (found["details"]["calls"],)
    by_protocol = ask(server, tool_choice="required", max_tokens=200).json()
    assert by_protocol["choices"][0]["message"]["tool_calls"][0]["function"] == call
    assert found["value"].startswith("<tool_call>")


def test_what_does_not_say_that_it_is_json_is_told_of_no_form(server: Server) -> None:
    given = json.dumps({"model": "chat", "messages": TURNS}).encode()
    headers = {"content-type": "text/plain"}
    answer = httpx.post(f"{server.url}/v1/chat/completions", content=given, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "request.not-json-type")
    assert "multipart" not in answer.json()["error"]["message"]
    assert "multipart" in httpx.post(f"{server.url}/chat", content=given, headers=headers).text
