"""What the server answers, path by path, and what it refuses."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.core.messages import MachineError
from modelwright.core.signature import Signature
from modelwright.gateway.address import listen
from modelwright.gateway.config import LimitsConfig, ServeConfig
from modelwright.gateway.http.pages.docs_page import docs
from modelwright.gateway.http.pages.openapi import openapi
from modelwright.gateway.server import Server
from modelwright.package.body import Body
from modelwright.runtime.function import load

JSON = {"content-type": "application/json"}


def problem(response: httpx.Response) -> str:
    """Return the id of an error, whose form is the same everywhere."""
    error = response.json()["error"]
    assert set(error) == {"id", "rule", "found", "next"}
    assert all(isinstance(text, str) and text for text in error.values())
    for internal in ("Traceback", "/src/", ".py", "modelwright.", "0x"):
        assert internal not in response.text
    return error["id"]


def metrics(client: httpx.Client) -> dict[str, float]:
    """Return every sample by its name and labels."""
    text = client.get("/metrics").text
    return {
        f"{s.name}{json.dumps({k: v for k, v in sorted(s.labels.items()) if k != 'function'})}": s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_one_object_gets_one_answer(client: httpx.Client, packages: dict[str, Path]) -> None:
    response = client.post("/measure", json={"height": 9.0})
    answer = response.json()
    assert response.headers["content-type"] == "application/json"
    assert answer == {
        "id": response.headers["x-request-id"],
        "version": 1,
        "outputs": {"size": answer["outputs"]["size"]},
    }
    assert answer["outputs"]["size"] == load(packages["linear"])(9.0).as_json()["size"]


def test_a_list_gets_a_list_in_its_order(client: httpx.Client, packages: dict[str, Path]) -> None:
    rows = [{"height": h, "width": None if h % 2 else 4} for h in range(100)]
    answers = client.post("/measure", json=rows).json()
    assert [a["outputs"]["size"]["value"] for a in answers] == [
        p.size for p in load(packages["linear"]).predict(rows)
    ]
    assert len({a["id"] for a in answers}) == 100
    assert client.post("/measure", json=[]).json() == []


def test_the_callers_request_id_is_kept_when_it_is_sane(client: httpx.Client) -> None:
    def asked(given: str) -> str:
        response = client.post("/measure", json={"height": 1}, headers={"x-request-id": given})
        assert response.json()["id"] == response.headers["x-request-id"]
        return response.json()["id"]

    assert asked("order-17.A_b:9") == "order-17.A_b:9"
    for odd in ("x" * 129, "a b", "<script>", "a;b", ""):
        assert asked(odd) != odd
    refused = client.post("/measure", json={}, headers={"x-request-id": "mine"})
    assert (refused.status_code, refused.headers["x-request-id"]) == (422, "mine")


GZIP = gzip.compress(b'{"height": 9.0}')
REFUSALS: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "a missing input": (b"{}", JSON, 422, "request.missing-input"),
    "null for an input": (b'{"height": null}', JSON, 422, "request.missing-input"),
    "an unknown input": (b'{"height": 1, "depth": 1}', JSON, 422, "request.unknown-input"),
    "a text for a number": (b'{"height": "3"}', JSON, 422, "request.wrong-value"),
    "a nested value": (b'{"height": {"a": [1]}}', JSON, 422, "request.wrong-value"),
    "true for a number": (b'{"height": true}', JSON, 422, "request.wrong-value"),
    "a number beyond floats": (b'{"height": 1e999}', JSON, 422, "request.wrong-value"),
    "half a surrogate pair as a key": (b'{"\\ud800": 1}', JSON, 422, "request.unknown-input"),
    "no object": (b'"text"', JSON, 422, "request.not-an-object"),
    "a list of lists": (b"[[1]]", JSON, 422, "request.not-an-object"),
    "null": (b"null", JSON, 422, "request.not-an-object"),
    "nothing": (b"", JSON, 400, "request.not-json"),
    "no JSON": (b"height=3", JSON, 400, "request.not-json"),
    "two values": (b"{} {}", JSON, 400, "request.not-json"),
    "no UTF-8": (b'{"height": "\xff"}', JSON, 400, "request.not-utf8"),
    "NaN": (b'{"height": NaN}', JSON, 400, "request.not-finite"),
    "a key twice": (b'{"height": 1, "height": 2}', JSON, 400, "request.duplicate-key"),
    "10,000 levels": (b"[" * 10_000, JSON, 400, "request.too-deep"),
    "a million items": (b"[" + b"0," * 999_999 + b"0]", JSON, 413, "request.too-many-items"),
    "1,001 items": (json.dumps([{"height": 1}] * 1001).encode(), JSON, 413, "request.too-many-items"),
    "a long text": (json.dumps({"height": "x" * 20_001}).encode(), JSON, 422, "request.text-too-long"),
    "a large body": (b" " * (2 * 2**20 + 1), JSON, 413, "request.too-large"),
    "an endless integer": (b'{"height": 1' + b"0" * 5000 + b"}", JSON, 400, "request.long-integer"),
    "an integer beyond floats": (b'{"height": 1' + b"0" * 400 + b"}", JSON, 422, "request.wrong-value"),
    "a wide row": (json.dumps({f"x{n}": 1 for n in range(10_000)}).encode(), JSON, 422, "request.too-wide"),
    "brotli": (b"{}", {**JSON, "content-encoding": "br"}, 415, "request.encoding"),
    "gzip twice": (b"{}", {**JSON, "content-encoding": "gzip, gzip"}, 415, "request.encoding"),
    "no gzip": (b'{"height": 1}', {**JSON, "content-encoding": "gzip"}, 400, "request.bad-gzip"),
    "half a gzip": (GZIP[:-4], {**JSON, "content-encoding": "gzip"}, 400, "request.bad-gzip"),
    "two gzips": (GZIP + GZIP, {**JSON, "content-encoding": "gzip"}, 400, "request.bad-gzip"),
    "a gzip of blanks": (
        gzip.compress(b" " * 2**20),
        {**JSON, "content-encoding": "gzip"},
        413,
        "request.too-large-unpacked",
    ),
    "a gzip beyond the limit": (
        gzip.compress(os.urandom(2**18).hex().encode() * 5),
        {**JSON, "content-encoding": "gzip"},
        413,
        "request.too-large-unpacked",
    ),
    "no content-type": (b"{}", {}, 415, "request.not-json-type"),
    "a form": (b"{}", {"content-type": "application/x-www-form-urlencoded"}, 415, "request.not-json-type"),
    "a type that begins like JSON": (
        b"{}",
        {"content-type": "application/jsonx"},
        415,
        "request.not-json-type",
    ),
}


@pytest.mark.parametrize(("body", "headers", "status", "expected"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_refused(
    client: httpx.Client, body: bytes, headers: dict[str, str], status: int, expected: str
) -> None:
    before = metrics(client).get(f'modelwright_rejected_total{{"reason": "{expected}"}}', 0)
    response = client.post("/measure", content=body, headers=headers)
    assert (response.status_code, problem(response)) == (status, expected)
    after = metrics(client)
    assert after[f'modelwright_rejected_total{{"reason": "{expected}"}}'] == before + 1
    assert after["modelwright_requests_in_flight{}"] == 0
    assert client.post("/measure", json={"height": 1}).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity"])
def test_a_packed_body_is_read_like_a_plain_one(client: httpx.Client, encoding: str) -> None:
    body = b'{"height": 9.0}' if encoding == "identity" else GZIP
    packed = client.post("/measure", content=body, headers={**JSON, "content-encoding": encoding})
    assert packed.json()["outputs"] == client.post("/measure", json={"height": 9.0}).json()["outputs"]


def test_a_content_type_with_a_charset_is_json(client: httpx.Client) -> None:
    for given in ("application/json; charset=utf-8", "Application/JSON"):
        assert client.post("/measure", content=b'{"height": 1}', headers={"content-type": given}).is_success


def test_the_item_that_is_wrong_is_named(client: httpx.Client) -> None:
    response = client.post("/measure", json=[{"height": 1}, {"height": "x"}])
    assert "item 1" in response.json()["error"]["found"]


def test_unknown_paths_and_wrong_methods(client: httpx.Client) -> None:
    for path in (
        "/other",
        "/measure/",
        "/measure/x",
        "/admin",
        "/%00",
    ):
        response = client.get(path)
        assert (response.status_code, problem(response)) == (404, "request.unknown-path")
    for method, path, allowed in (
        ("GET", "/measure", "POST"),
        ("PUT", "/measure", "POST"),
        ("POST", "/metrics", "GET"),
    ):
        response = client.request(method, path)
        assert (response.status_code, problem(response)) == (405, "request.wrong-method")
        assert allowed in response.headers["allow"]
    assert client.head("/v2/health/live").status_code == 200


def test_health(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_metrics_count_what_happened(packages: dict[str, Path]) -> None:
    with running(Releases(packages["linear"])) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            client.post("/measure", json={"height": 1})
        client.post("/measure", json=[{"height": 1}] * 5)
        client.post("/measure", json={})
        found = metrics(client)
    assert found['modelwright_requests_total{"code": "200", "version": "1"}'] == 4
    assert found['modelwright_requests_total{"code": "422", "version": "1"}'] == 1
    assert found["modelwright_request_duration_seconds_count{}"] == 5
    assert found["modelwright_queue_duration_seconds_count{}"] == 4
    assert found["modelwright_inference_duration_seconds_count{}"] == 4
    assert found["modelwright_batch_size_sum{}"] == 8
    assert found['modelwright_traffic_weight{"version": "1"}'] == 1
    assert found["modelwright_requests_in_flight{}"] == 0
    assert 0 < found["modelwright_request_duration_seconds_sum{}"] < 60


def test_openapi_describes_the_function(client: httpx.Client) -> None:
    page = client.get("/openapi.json").json()
    assert page["openapi"].startswith("3.1")
    assert set(page["paths"]["/measure"]) == {"post"}
    row = page["components"]["schemas"]["Row"]
    assert row["required"] == ["height"]
    assert row["properties"]["height"] == {"type": "number"}
    assert {"type": "null"} in row["properties"]["width"]["anyOf"]
    for path in page["paths"]:
        expected = {404} if path.startswith("/admin/") and path != "/admin/traffic" else {200, 405}
        assert client.get(path.format(number=1, version=1)).status_code in expected | {
            405
        }  # a package has no releases
    truth = page["components"]["schemas"]["Truth"]
    assert set(truth["properties"]) == {"id", "size"}
    assert set(page["paths"]["/admin/releases"]) == {"get", "post"}
    assert "text/event-stream" in page["paths"]["/measure"]["post"]["responses"]["200"]["content"]
    assert client.get("/healthz").json() == {"live": True}
    front = client.get("/")
    assert (front.status_code, front.headers["location"]) == (307, "docs")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


def test_docs_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    response = client.get("/docs")
    tags = _Tags()
    tags.feed(response.text)
    assert tags.links == ["openapi.json", "metrics"], "relative: a proxy may put a path before them"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'<script nonce="{nonce}">' in response.text
    # An address in quotes or brackets would be fetched; the name of SVG's elements is none.
    assert not re.search(r"""["'(=]\s*(\w+:)?//""", response.text.replace("http://www.w3.org/2000/svg", ""))
    assert "unsafe" not in policy
    assert "measure(height: number, width: number?)" in response.text.replace("&gt;", ">")


def test_docs_of_any_script() -> None:
    signature = Signature.parse("分派(问题: text) -> 部门: category")
    page, _ = docs(signature, 3, {})
    assert '"%E5%88%86%E6%B4%BE"' in page
    assert "问题" in page
    row = openapi(signature, 3, 500)["components"]["schemas"]["Row"]
    assert row["properties"]["问题"]["maxLength"] == 500, "what is promised is what is taken"


def test_a_name_in_any_script_is_a_path(tmp_path: Path) -> None:
    body = linear_body()
    signature = Signature.parse(str(body.signature).replace("measure", "größe"))
    folder = sealed(Body(signature, body.driver, body.graphs, body.states), tmp_path / "p")
    releases = Releases(folder)
    with running(releases, function="größe") as server:
        for path in ("/größe", "/gro\u0308ße", "/gr%C3%B6%C3%9Fe"):
            assert httpx.post(server.url + path, json={"height": 1}).is_success


@pytest.mark.parametrize("connections", [1, pytest.param(8, marks=pytest.mark.proof), 32])
def test_many_connections_get_the_answers_of_the_loaded_function(
    packages: dict[str, Path], connections: int
) -> None:
    ask = load(packages["text"])
    words = ("dental", "cover", "car", "does", "my", "plan", "new", "insure", "zebra")
    questions = [" ".join(words[(i + j) % 9] for j in range(i % 13 + 1)) for i in range(96)]

    def asked(part: list[str]) -> list[dict]:
        with httpx.Client(base_url=server.url) as client:
            return [client.post("/measure", json={"question": q}).json()["outputs"]["size"] for q in part]

    with running(Releases(packages["text"])) as server, ThreadPoolExecutor(connections) as pool:
        parts = [questions[i::connections] for i in range(connections)]
        answers = list(pool.map(asked, parts))
    for part, given in zip(parts, answers, strict=True):
        for question, answer in zip(part, given, strict=True):
            expected = ask(question)
            assert answer["value"] == expected.size
            assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-6)


def test_a_key_is_asked_for_when_one_is_set(packages: dict[str, Path]) -> None:
    with running(Releases(packages["linear"]), environment={"MODELWRIGHT_API_KEY": "s3cret"}) as server:
        ask: Callable[..., httpx.Response] = lambda **h: httpx.post(  # noqa: E731
            f"{server.url}/measure", json={"height": 1}, headers=h
        )
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "s3cret"},
            {"authorization": b"\xff"},
        ):
            response = ask(**headers)
            assert (response.status_code, problem(response)) == (401, "request.unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
            assert "s3cret" not in response.text
        assert ask(authorization="Bearer s3cret").status_code == 200
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200


def refused(config: ServeConfig, key: str | None) -> str:
    """Return the id of why an address is refused."""
    with pytest.raises(MachineError) as error:
        listen(config, has_keys=key is not None)
    return error.value.problems[0].id


def test_a_public_address_needs_a_key() -> None:
    for host in ("0.0.0.0", "::"):
        assert refused(ServeConfig(host=host, port=0), None) == "machine.public-address"
    assert refused(ServeConfig(host="no such host", port=0), "key") == "machine.unknown-host"
    assert refused(ServeConfig().model_copy(update={"port": 70_000}), None) == "machine.address-refused"
    for host, key in (("0.0.0.0", "key"), ("127.0.0.1", None), ("localhost", None)):
        listen(ServeConfig(host=host, port=0), has_keys=key is not None).close()


def test_a_port_in_use_is_told(linear: Server, packages: dict[str, Path]) -> None:
    port = int(linear.url.rsplit(":", 1)[1])
    with pytest.raises(MachineError) as error:
        Server("measure", ServeConfig(port=port), Releases(packages["linear"]), environment={})
    assert error.value.problems[0].id == "machine.port-in-use"
    assert str(port) in error.value.problems[0].found


@pytest.mark.parametrize(
    ("text", "size"), [("2 MiB", 2**21), ("10kB", 10_000), ("1.5 MB", 1_500_000), ("7", 7), (9, 9)]
)
def test_sizes_are_read_with_their_units(text: object, size: int) -> None:
    assert LimitsConfig(body=text).body == size


@pytest.mark.parametrize("text", ["2 mib", "-1 MB", "MB", "1e3", "1 TB"])
def test_sizes_in_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="body"):
        LimitsConfig(body=text)
