"""Every path that reads a body: whatever is sent, the answer is a refusal in the path's own form, and nothing stays."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import waiting
from tiny_serving import Releases, running

from modelwright.gateway.http.openai.fitting import PATHS
from modelwright.gateway.server import Live, Server

MODEL = "/v2/models/measure"
INDEX = "/v2/repository/index"
DOORS = (
    *("/measure", f"{MODEL}/infer", f"{MODEL}/versions/1/infer", "/feedback", *PATHS),
    *(INDEX, "/v2/repository/models/measure/load", "/v2/repository/models/measure/unload"),
    *("/admin/releases", "/admin/releases/1/abort", "/admin/rollback"),
)
DEEP = b"[" * 100_000 + b"]" * 100_000
TENSOR = b'{"inputs": [{"name": "question", "datatype": "BYTES", "shape": %s, "data": %s}]}'
BODIES: dict[str, bytes] = {
    "deep lists": DEEP,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep in a value": b'{"question": ' + DEEP + b', "inputs": [], "messages": [], "to": 1, "id": "x"}',
    "a key twice": b'{"question": "a", "question": "b", "id": 1, "id": 2, "to": 1, "to": 2, "model": 1, "model": 2}',
    "a key twice, written otherwise": b'{"to": 1, "\\u0074o": 2, "id": 1, "\\u0069d": 2, "model": 1, "mode\\u006c": 2}',
    "NaN": b'{"question": NaN, "to": NaN, "temperature": NaN}',
    "infinities": b'{"question": Infinity, "to": -Infinity, "temperature": Infinity}',
    "a number beyond floats": b'{"question": 1e999, "to": 1e999, "temperature": 1e999, "ready": 1e999}',
    "a long integer": b'{"to": ' + b"9" * 10_000 + b"}",
    "half a surrogate pair": b'{"question": "\\ud800", "to": "\\udfff", "\\ud800": 1}',
    "NUL between values": b'{"question":\x00 "a"}',
    "NUL in a text as it is": b'{"question": "a\x00b"}',
    "no UTF-8": b'{"question": "\xff\xfe"}',
    "UTF-16": '{"question": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[1",
    "a million items": b"[" + b"0," * 200_000 + b"0]",
    "a million keys": b"{" + b",".join(b'"k%d":0' % number for number in range(100_000)) + b"}",
    "an end that lacks": b'{"question": "a',
    "a pickle": b"\x80\x04\x95\x19\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "a shape that overflows": TENSOR % (b"[9223372036854775808, 9223372036854775808]", b'["a"]'),
    "a shape that is nearly whole": TENSOR % (b"[4294967296, 4294967296, 0]", b"[]"),
    "a negative dimension": TENSOR % (b"[-1]", b'["a"]'),
    "two negative dimensions": TENSOR % (b"[-1, -1]", b'["a"]'),
    "a wrong count": TENSOR % (b"[3]", b'["a"]'),
    "an absurd count of bytes": b'{"inputs": [{"name": "question", "datatype": "BYTES", "shape": [1],'
    b' "parameters": {"binary_data_size": 18446744073709551616}}]}',
}
_BLANKS = gzip.compress(b" " * 50_000_000, 1)
BOMBS = (_BLANKS, gzip.compress(_BLANKS), gzip.compress(BODIES["deep objects"], 1))
ROW = {"question": "dental"}


class Nothing:
    """Operations that refuse to be reached."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"`{name}` was reached by a body that is none")


@pytest.fixture(scope="module")
def server(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with a record, a project to act on, and a key that may do all."""
    known = {"all": {"role": "operator", "sha256": hashlib.sha256(b"k").hexdigest()}}
    live = Live(tmp_path_factory.mktemp("record") / "live.db")
    with running(
        Releases(packages["text"]), keys={"known": known}, live=live, operations=Nothing()
    ) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


def refused(answer: httpx.Response, where: object) -> None:
    """Check that an answer is a refusal in words, and shows nothing of what is inside."""
    assert 400 <= answer.status_code < 500, (where, answer.status_code, answer.text[:200])
    error = answer.json()["error"]
    assert isinstance(error, str) or isinstance(error.get("id", error.get("message")), str), where
    for inside in ("Traceback", 'File "', ".py", "site-packages", str(Path(__file__).parents[2])):
        assert inside not in answer.text, (where, inside)
    assert len(answer.content) < 5_000, where


@pytest.mark.parametrize("door", DOORS)
def test_whatever_is_sent_is_refused_in_words_and_leaves_nothing(
    server: Server, client: httpx.Client, door: str
) -> None:
    for name, body in BODIES.items():
        answer = client.post(door, content=body)
        if door == INDEX and answer.status_code == 200:  # of an object it reads `ready` alone
            assert isinstance(json.loads(body), dict)
            assert "ready" not in json.loads(body)
        else:
            refused(answer, (door, name))
    for bomb in BOMBS:
        for coding in ("gzip", "gzip, gzip"):
            answer = client.post(door, content=bomb, headers={"content-encoding": coding})
            refused(answer, (door, len(bomb), coding))
    assert waiting.eventually(lambda: in_flight(server) == 0)
    assert server.gateway.rows_under_way == 0
    assert client.post("/measure", json=ROW).status_code == 200


def in_flight(server: Server) -> float | None:
    """Return the gauge of requests in flight."""
    labels = {"function": "measure"}
    return server.telemetry.registry.get_sample_value("modelwright_requests_in_flight", labels)


NUL: Mapping[str, Mapping[str, Any]] = {
    "/measure": {"question": "dental\x00cover"},
    f"{MODEL}/infer": {
        "inputs": [{"name": "question", "datatype": "BYTES", "shape": [1], "data": ["dental\x00cover"]}]
    },
}


@pytest.mark.parametrize("door", NUL)
def test_nul_in_a_text_is_a_character_like_any_other(client: httpx.Client, door: str) -> None:
    plain = client.post("/measure", json={"question": "dental\u0000cover"}).json()
    answer = client.post(door, content=json.dumps(NUL[door]))
    assert answer.status_code == 200
    assert plain["outputs"]["size"]["value"] in answer.text


def test_where_we_are_at_fault_nothing_of_it_is_shown(server: Server, client: httpx.Client) -> None:
    for path in ("/admin/versions", "/admin/releases", "/admin/releases/1"):  # all of which `Nothing` breaks
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["id"]) == (500, "serve.fault")
        assert "AssertionError" not in answer.text


@pytest.mark.parametrize(
    "number", ["9" * 20, "9" * 400, "9" * 5_000, "-1", "0x1", "1.0", "%00", "1%00", "１", "1e5"]
)
def test_numbers_in_paths_are_numbers(client: httpx.Client, number: str) -> None:
    for path in (
        f"/admin/releases/{number}/abort",
        f"{MODEL}/versions/{number}/infer",
        f"{MODEL}/versions/{number}",
    ):
        for method in ("GET", "POST"):
            answer = client.request(method, path, content=b"{" if method == "POST" else None)
            refused(answer, (method, path[:60]))
