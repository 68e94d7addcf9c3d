"""Clients of a registry ask this server as they would ask any other of the OpenAI protocol."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnx
import pydantic
import pytest
import tiny_tools
import tiny_writing
from onnx import TensorProto, helper
from tiny_serving import Releases, running, sealed, text_body

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server, Serving
from modelwright.kinds.contract.common import Role
from modelwright.package.body import Body
from modelwright.runtime.drivers.session.samples import SessionSamples

PAGE = Path(__file__).parents[2] / "docs" / "openai.md"
KEYS = {"known": {"me": {"role": "caller", "sha256": hashlib.sha256(b"secret").hexdigest()}}}
TURNS: Any = [{"role": "user", "content": "How much is one and one?"}]


def embedding_body() -> Body:
    """Return `embed(question: text) -> place: vector`: the text body's scores, as a vector of three."""
    text = text_body()
    state = kinds.arrays("vector").fit([np.zeros(3, np.float32), np.ones(3, np.float32)], role=Role.OUTPUT)
    model = onnx.load_from_string(text.graphs["model"])
    model.graph.node[-1].output[0] = "place.values"
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("place.values", TensorProto.FLOAT, ["batch", 3]))
    return Body(
        Signature.parse("embed(question: text) -> place: vector"),
        "once",
        {"model": model.SerializeToString(deterministic=True)},
        {"question": text.states["question"], "place": state},
    )


def program_of_page(holds: str) -> str:
    """Return the one program of the page in which this stands."""
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (found,) = [one for one in programs if holds in one]
    return str(found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a function that writes, one that gives vectors and one that names its sources, with a key."""
    base = tmp_path_factory.mktemp("clients")
    chat = Releases(tiny_writing.chat(base / "chat" / "package"))
    embed = Releases(sealed(embedding_body(), base / "embed" / "package"))
    assist = Releases(sealed(SessionSamples().body(), base / "assist" / "package"))
    tools = tiny_writing.chat(base / "call" / "package", name="call", context=1000, tools=tiny_tools.HERMES)
    reply = Releases(tiny_writing.reply(base / "reply" / "package"))
    named = {"embed": embed, "assist": assist, "call": Releases(tools), "reply": reply}
    beside = [Serving(name, ServeConfig(port=0, keys=KEYS), one) for name, one in named.items()]
    with running(chat, function="chat", beside=beside, keys=KEYS) as server:
        assert all(one.changed.wait(60) for one in named.values())
        yield server


def test_the_official_client_chats_streams_and_hears_of_errors(server: Server) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        assert {one.id for one in client.models.list()} == {"chat", "embed", "assist", "call", "reply"}
        whole = client.chat.completions.create(
            model="chat", messages=TURNS, n=2, seed=1, logprobs=True, top_logprobs=1, max_completion_tokens=5
        )
        assert len(whole.choices) == 2
        assert whole.usage.completion_tokens == 10
        assert whole.choices[0].logprobs.content[0].top_logprobs[0].logprob <= 0
        stream = client.chat.completions.create(
            model="chat",
            messages=TURNS,
            max_tokens=5,
            stream=True,
            stream_options={"include_usage": True},
        )
        parts = list(stream)
        written = "".join(one.choices[0].delta.content or "" for one in parts if one.choices)
        assert written == whole.choices[0].message.content
        assert parts[-1].usage.completion_tokens == 5
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="gpt", messages=TURNS)
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="chat", messages=TURNS, temperature=-1)
        assert refused.value.param == "temperature"
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as client:
        for call in (
            client.models.list,
            lambda: client.chat.completions.create(model="chat", messages=TURNS),
        ):
            with pytest.raises(openai.AuthenticationError) as shut:
                call()
            assert shut.value.code == "invalid_api_key"


def test_the_parts_that_the_official_client_gets_have_the_log_probabilities_of_their_own_tokens(
    server: Server,
) -> None:
    openai = pytest.importorskip("openai")
    asked: Any = {"temperature": 1.0, "n": 2, "seed": 1, "max_tokens": 12}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        chat = functools.partial(
            client.chat.completions.create,
            model="chat",
            messages=TURNS,
            logprobs=True,
            top_logprobs=5,
            **asked,
        )
        joined: dict[int, list[Any]] = {0: [], 1: []}
        for part in chat(stream=True):
            for choice in part.choices:
                joined[choice.index] += choice.logprobs.content if choice.logprobs else []
        assert [one.logprobs.content for one in chat().choices] == [joined[0], joined[1]]
        text = functools.partial(
            client.completions.create, model="reply", prompt="One and one", logprobs=3, **asked
        )
        names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
        lists: dict[int, dict[str, list[Any]]] = {place: {name: [] for name in names} for place in (0, 1)}
        for part in text(stream=True):
            for choice in part.choices:
                for name in names if choice.logprobs else ():
                    lists[choice.index][name] += getattr(choice.logprobs, name)
        whole = [{name: getattr(one.logprobs, name) for name in names} for one in text().choices]
        assert [lists[0], lists[1]] == whole


def test_the_official_client_asks_how_likely_a_text_is(server: Server) -> None:
    """As evaluation harnesses do: the prompt back, with log-probabilities, and nothing or one token behind it."""
    openai = pytest.importorskip("openai")
    asked: Any = {"model": "reply", "prompt": ["One and one", "It is two."], "temperature": 0, "logprobs": 1}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        none = client.completions.create(**asked, echo=True, max_tokens=0).choices
        one = client.completions.create(**asked, echo=True, max_tokens=1).choices
        assert [choice.text for choice in none] == asked["prompt"]
        for choice, longer in zip(none, one, strict=True):
            known = choice.logprobs
            assert len(longer.logprobs.token_logprobs) == len(known.token_logprobs) + 1
            assert longer.logprobs.token_logprobs[:-1] == known.token_logprobs
            assert "".join(known.tokens) == choice.text
        best = client.completions.create(
            **{**asked, "temperature": 1.5}, seed=1, n=1, best_of=3, max_tokens=4
        )
        assert len(best.choices) == 2
        assert best.usage.completion_tokens > 8
        with pytest.raises(openai.BadRequestError) as refused:
            client.completions.create(**asked, suffix="end")
        assert refused.value.param == "suffix"


class Pin(pydantic.BaseModel):
    """What the client's `parse` asks for."""

    digits: Annotated[str, pydantic.Field(pattern="^[0-9]{4}$")]
    owner: Literal["me", "you"] | None


def test_the_official_client_parses_what_fits_a_schema(server: Server) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        asked = {"model": "chat", "messages": TURNS, "response_format": Pin, "temperature": 1.5, "seed": 2}
        parsed = client.chat.completions.parse(**asked, max_tokens=120).choices[0].message.parsed
        assert len(parsed.digits) == 4
        with client.chat.completions.stream(**asked, max_tokens=120) as stream:
            assert stream.get_final_completion().choices[0].message.parsed == parsed
        with pytest.raises(openai.LengthFinishReasonError):
            client.chat.completions.parse(**asked, max_tokens=3)
        form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "https://a.b/c"}}}
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="chat", messages=TURNS, response_format=form)
        assert (refused.value.param, refused.value.code) == ("response_format", "schema.elsewhere")


@pytest.mark.parametrize("choice", ["required", tiny_tools.named("weather")])
def test_the_official_client_calls_tools_in_whole_and_streamed(server: Server, choice: Any) -> None:
    openai = pytest.importorskip("openai")
    asked: Any = {
        "model": "call",
        "messages": TURNS,
        "tools": tiny_tools.TOOLS,
        "tool_choice": choice,
        "temperature": 1.0,
        "seed": 3,
        "max_tokens": 200,
    }
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        whole = client.chat.completions.create(**asked).choices[0]
        (call,) = whole.message.tool_calls
        assert (whole.finish_reason, whole.message.content) == ("tool_calls", None)
        assert json.loads(call.function.arguments) is not None
        for _ in range(5):  # a machine with much to do sends several parts as one
            parts = list(client.chat.completions.create(**asked, stream=True))
            deltas = [one for part in parts for one in part.choices[0].delta.tool_calls or ()]
            if len(deltas) > 1:
                break
        assert (deltas[0].id, deltas[0].function.name) == (deltas[0].id, call.function.name)
        assert "".join(one.function.arguments for one in deltas) == call.function.arguments
        assert len(deltas) > 1, "arguments come as they are written"
        assert parts[-1].choices[0].finish_reason == "tool_calls"
        with client.chat.completions.stream(**asked) as stream:
            final = stream.get_final_completion().choices[0]
        assert final.message.tool_calls[0].function.arguments == call.function.arguments
        result = {"role": "tool", "tool_call_id": call.id, "content": "mild"}
        asked |= {"messages": [*TURNS, whole.message, result], "tool_choice": "auto", "max_tokens": 5}
        assert client.chat.completions.create(**asked).choices[0].finish_reason == "length"
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="chat", messages=TURNS, tools=tiny_tools.TOOLS)
        assert (refused.value.param, refused.value.code) == ("tools", "request.no-tools")


def test_the_tools_of_the_page_are_called(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    openai = pytest.importorskip("openai")
    program = program_of_page("tool_calls")
    assert program.count('"model": "chat"') == 1
    program = program.replace('"model": "chat"', '"model": "call"')  # whose template has tools
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        exec(
            compile(program, PAGE.name, "exec"), {"client": client}
        )  # what the page says, as it stands there
    assert capsys.readouterr().out.startswith("weather ")


def test_the_tokens_of_the_page_are_told_of(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        program = program_of_page("echo=True").replace("257", "25")  # the tokenizer here has fewer
        exec(compile(program.replace("314", "31"), PAGE.name, "exec"), {"client": client})
    assert " [None, -" in capsys.readouterr().out


def test_the_official_client_gets_vectors(server: Server) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        as_numbers = client.embeddings.create(
            model="embed", input=["new car", "dental plan"], encoding_format="float"
        )
        packed = client.embeddings.create(model="embed", input=["new car", "dental plan"])  # base64
        assert len(packed.data) == 2
        for one, other in zip(as_numbers.data, packed.data, strict=True):
            np.testing.assert_allclose(one.embedding, other.embedding, rtol=1e-6)
        assert as_numbers.data[0].embedding != as_numbers.data[1].embedding
        one, two = (
            client.embeddings.create(model="embed", input=text).usage for text in ("new", "a new car")
        )
        assert 0 < one.prompt_tokens < two.prompt_tokens == two.total_tokens
        assert packed.usage == as_numbers.usage
        with pytest.raises(openai.BadRequestError) as refused:
            client.embeddings.create(model="embed", input="x", dimensions=2)
        ignored = client.embeddings.with_raw_response.create(model="embed", input="x", user="me")
        assert ignored.headers["x-ignored-options"] == "user"
        assert refused.value.param == "dimensions"
        for odd in ([], {"a": 1}, "hex"):
            with pytest.raises(openai.BadRequestError) as refused:
                client.embeddings.create(model="embed", input="x", encoding_format=odd)
            assert refused.value.param == "encoding_format"
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="chat", input="x")


def test_the_program_of_the_page_writes(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai")
    program = program_of_page("stream=True")
    for said, here in {"http://127.0.0.1:8080": server.url, '"none"': '"secret"'}.items():
        assert program.count(said) == 1
        program = program.replace(said, here)
    exec(compile(program, PAGE.name, "exec"), {})  # what the page says, as it stands there
    assert capsys.readouterr().out.strip()


def test_the_official_client_keeps_the_sources(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    openai = pytest.importorskip("openai")
    asked: Any = {"model": "assist", "messages": [{"role": "user", "content": "lost card"}]}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        message = client.chat.completions.create(**asked).choices[0].message
        (source,) = message.model_extra["sources"]
        assert message.content in source["passage"]
        assert (source["id"], message.model_extra["act"]) == ("a", "answer")
        parts = list(client.chat.completions.create(**asked, stream=True))
        told = [one.choices[0] for one in parts if "sources" in one.choices[0].delta.model_extra]
        assert [(one.finish_reason, one.delta.model_extra["sources"]) for one in told] == [("stop", [source])]
        with client.chat.completions.stream(**asked) as stream:
            final = stream.get_final_completion().choices[0].message
        assert (final.content, final.model_extra["sources"]) == (message.content, [source])
        asked["messages"][0]["content"] = "zzz"
        refused = client.chat.completions.create(**asked).choices[0].message
        assert refused.model_extra == {"act": "refuse", "sources": []}
        program = program_of_page("sources")
        exec(
            compile(program, PAGE.name, "exec"), {"client": client}
        )  # what the page says, as it stands there
    assert capsys.readouterr().out.splitlines() == [message.content, f"a {source['passage']}"]


def test_of_a_function_that_quotes_what_has_no_effect_is_named_and_what_cannot_be_kept_is_refused(
    server: Server,
) -> None:
    openai = pytest.importorskip("openai")
    asked: Any = {"model": "assist", "messages": [{"role": "user", "content": "lost card"}]}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            **asked, temperature=0.5, max_completion_tokens=5, seed=1, user="me"
        )
        ignored = raw.headers["x-ignored-options"].split(", ")
        assert sorted(ignored) == ["max_completion_tokens", "seed", "temperature", "user"]
        assert raw.parse().choices[0].message.content
        assert "x-ignored-options" not in client.chat.completions.with_raw_response.create(**asked).headers
        promises = {"response_format": {"type": "json_object"}, "stop": ["x"], "logprobs": True}
        for name, value in promises.items():
            with pytest.raises(openai.BadRequestError) as refused:
                client.chat.completions.create(**asked, **{name: value})
            assert (refused.value.param, refused.value.code) == (name, "request.unsupported")


LANGCHAIN = """
import sys
from typing import Annotated, Literal

import pydantic
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

here = {"base_url": f"{sys.argv[1]}/v1", "api_key": "secret"}
model = ChatOpenAI(model="chat", max_tokens=5, **here)
whole = model.invoke("How much is one and one?")
assert whole.usage_metadata["output_tokens"] == 5
assert "".join(str(one.content) for one in model.stream("How much is one and one?")) == whole.content
assist = ChatOpenAI(model="assist", **here)
assert "".join(str(one.content) for one in assist.stream("lost card")) == assist.invoke("lost card").content


class Weather(pydantic.BaseModel):
    '''Tells the weather.'''

    city: Literal["Rome", "Oslo"]
    days: Annotated[int, pydantic.Field(ge=0, le=9)]


model = ChatOpenAI(model="call", max_tokens=200, temperature=1.0, seed=3, **here)
bound = model.bind_tools([Weather], tool_choice="Weather")
whole = bound.invoke("How is it in Rome?")
((name, arguments, own_id),) = [(one["name"], one["args"], one["id"]) for one in whole.tool_calls]
assert (name, Weather(**arguments).city) == ("Weather", arguments["city"])
streamed = AIMessageChunk(content="")
for part in bound.stream("How is it in Rome?"):
    streamed += part
assert [(one["name"], one["args"]) for one in streamed.tool_calls] == [(name, arguments)]
turns = [HumanMessage("How is it in Rome?"), whole, ToolMessage("mild", tool_call_id=own_id)]
assert model.bind_tools([Weather]).invoke(turns).content is not None
embeddings = OpenAIEmbeddings(model="embed", check_embedding_ctx_length=False, **here)  # as the page says
one, other = embeddings.embed_documents(["new car", "dental plan"])
assert len(one) == len(other) == 3 and one != other
print("done")
"""


@pytest.mark.proof
def test_langchain_chats_streams_calls_tools_and_embeds(server: Server, langchain_python: str) -> None:
    command = [langchain_python, "-c", LANGCHAIN, server.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == "done", done.stderr[-3000:]
