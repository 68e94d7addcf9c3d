"""Names that clients make up: no metric grows by them, and no path reads or loads by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tiny_serving import Releases, running

from modelwright.gateway.server import Server

KEY = {"authorization": "Bearer k"}
HEIGHT = {"name": "height", "datatype": "FP64", "shape": [1], "data": [9]}
ROLES = ("caller", "viewer", "operator")
SOURCES = (
    *("file:///etc/passwd", "file%3A%2F%2F%2Fetc%2Fpasswd", "file%253A%252F%252F%252Fetc%252Fpasswd"),
    *(
        "..",
        "%2e%2e",
        "%252e%252e",
        "../..",
        "%2e%2e%2f%2e%2e",
        "%252e%252e%252f",
        "..%5c..",
        "%00",
        "measure%00",
    ),
)


@pytest.fixture(scope="module")
def server(packages: dict[str, Path]) -> Iterator[Server]:
    """Run a server with keys that may do all."""
    known = {role: {"role": role, "sha256": hashlib.sha256(role.encode()).hexdigest()} for role in ROLES}
    environment = {"MODELWRIGHT_API_KEY": "k"}
    with running(Releases(packages["linear"]), keys={"known": known}, environment=environment) as server:
        yield server


def series(client: httpx.Client) -> set[str]:
    """Return every series of the metrics, which is a name with its labels."""
    lines = client.get("/metrics", headers=KEY).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def wave(client: httpx.Client, name: str) -> None:
    """Send this name in every place where a request can hold one."""
    height = {"height": 9}
    client.post(f"/{name}", json=height, headers=KEY)
    client.post("/measure", json=height, headers={"authorization": f"Bearer {name}"})
    client.post("/measure", json=height, headers={"authorization": f"{name} k"})
    client.post("/measure", json={name: 9}, headers=KEY)
    client.post("/measure", json={"height": name}, headers=KEY)
    client.post("/measure", content=name, headers=KEY)
    client.post(f"/measure?{name}={name}&probabilities={name}", json=height, headers=KEY)
    for header in (
        "x-modelwright-version",
        "x-request-id",
        "x-timeout-ms",
        "content-type",
        "origin",
        "accept",
    ):
        client.post("/measure", json=height, headers={**KEY, header: name})
    client.post("/measure", json=height, headers={**KEY, "x-modelwright-version": str(int(name[1:], 16))})
    client.request(name.upper(), "/measure", headers=KEY)
    for path in (f"/v2/models/{name}", f"/v2/models/measure/versions/{int(name[1:], 16)}"):
        client.get(path, headers=KEY)
        client.post(f"{path}/infer", json={"inputs": [HEIGHT]}, headers=KEY)
    tensors = ({"name": name}, {"datatype": name}, {"parameters": {name: name}})
    for odd in tensors:
        client.post("/v2/models/measure/infer", json={"inputs": [{**HEIGHT, **odd}]}, headers=KEY)
    client.post("/feedback", json={"id": name, "outputs": {name: name}}, headers=KEY)
    client.get(f"/admin/{name}", headers=KEY)


def test_no_metric_grows_by_what_clients_make_up(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        wave(client, "nface0")
        first = series(client)
        for number in range(4):
            wave(client, f"nface{number + 1}")
        grown = series(client) - first
        assert not grown
        assert not [one for one in first if "nface" in one or "1026784" in one]  # 0xface0
        assert sum("modelwright_rejected_total" in one for one in first) > 4


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("verb", ["load", "unload"])
def test_the_repository_loads_from_nowhere(server: Server, source: str, verb: str) -> None:
    bodies = ({}, {"parameters": {"model_dir": source, "config": "{}", "file:1/model.onnx": "AAAA"}})
    with httpx.Client(base_url=server.url, headers=KEY) as client:
        for body in bodies:
            target = f"/v2/repository/models/{source}/{verb}".encode()  # as it stands: httpx tidies dots
            answer = client.post("/", json=body, extensions={"target": target})
            assert answer.status_code in {400, 404}, (source, answer.text)
            assert "root:" not in answer.text
        target = f"/v2/models/{source}".encode()
        assert client.get("/", extensions={"target": target}).status_code in {400, 404}
        states = client.post("/v2/repository/index", json={"ready": True}).json()
        assert [(one["name"], one["version"], one["state"]) for one in states] == [("measure", "1", "READY")]


def test_json_in_a_tensor_of_bytes_is_a_text_like_any_other(packages: dict[str, Path]) -> None:
    """A text that looks like an answer, a row or a path stays one text, and gives what the plain path gives."""
    texts = [
        '{"question": "dental"}',
        '[{"question": "car"}]',
        '"dental"',
        "null",
        "file:///etc/passwd",
        "[1e999]",
    ]
    blob = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in texts)
    tensor = {
        "name": "question",
        "datatype": "BYTES",
        "shape": [len(texts)],
        "parameters": {"binary_data_size": len(blob)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    with (
        running(Releases(packages["text"])) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        rows = client.post("/measure", json=[{"question": one} for one in texts]).json()
        length = {"inference-header-content-length": str(len(head))}
        as_bytes = client.post("/v2/models/measure/infer", content=head + blob, headers=length).json()
        plain = {**tensor, "data": texts}
        del plain["parameters"]
        as_json = client.post("/v2/models/measure/infer", json={"inputs": [plain]}).json()
    assert as_bytes["outputs"] == as_json["outputs"]
    assert as_json["outputs"][0]["data"] == [one["outputs"]["size"]["value"] for one in rows]
