"""The Open Inference Protocol v2: tensors in JSON and in binary, metadata, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tiny_serving import Releases, running
from waiting import eventually

from modelwright.core.messages import RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.http.v2 import tensors
from modelwright.gateway.server import Server
from modelwright.runtime.function import load

INFER = "/v2/models/measure/infer"
FIELDS = Signature.parse(
    "f(a: text, b: number?, c: boolean?, d: vector?, e: tags?, g: date?) -> y: category"
).inputs


def tensor(name: str, datatype: str, shape: list[Any], data: Any = None, **more: Any) -> dict[str, Any]:
    """Return a tensor in JSON."""
    return {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        **({} if data is None else {"data": data}),
        **more,
    }


HEIGHTS = tensor("height", "FP64", [3], [1.0, 9.5, 20.0])


def infer(client: httpx.Client, *inputs: Any, path: str = INFER, **more: Any) -> httpx.Response:
    """Ask with tensors in JSON."""
    return client.post(path, json={"inputs": [*inputs], **more})


def test_a_tensor_gets_tensors(client: httpx.Client, packages: dict[str, Path]):
    expected = load(packages["linear"]).predict([{"height": h} for h in (1.0, 9.5, 20.0)])
    answer = infer(client, HEIGHTS, id="mine-1")
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "mine-1"
    assert (body["model_name"], body["model_version"], body["id"]) == ("measure", "1", "mine-1")
    size, confidence = body["outputs"]
    assert size == tensor("size", "BYTES", [3], [one.size for one in expected])
    assert confidence["name"] == "size_confidence"
    assert confidence["data"] == pytest.approx([one.confidence for one in expected], abs=1e-6)


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("height", "FP64", [3, 1], [[1.0], [9.5], [20.0]])],
        [tensor("height", "FP32", [3], [1, 9.5, 20])],
        [tensor("height", "FP64", [3], [1, 9.5, 20]), tensor("width", "FP64", [3], [None, None, None])],
    ],
)
def test_other_ways_to_say_the_same(client: httpx.Client, inputs: list[Any]):
    asked, expected = infer(client, *inputs), infer(client, HEIGHTS)
    assert asked.json()["outputs"] == expected.json()["outputs"]


def test_binary_in_and_out(client: httpx.Client):
    blob = np.array([1.0, 9.5, 20.0]).tobytes()
    head = json.dumps(
        {
            "inputs": [tensor("height", "FP64", [3], parameters={"binary_data_size": len(blob)})],
            "outputs": [{"name": "size_confidence"}, {"name": "size", "parameters": {"binary_data": False}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    answer = client.post(
        INFER, content=head + blob, headers={"inference-header-content-length": str(len(head))}
    )
    assert answer.headers.get_list("content-type") == ["application/octet-stream"]
    cut = int(answer.headers["inference-header-content-length"])
    outputs = {one["name"]: one for one in json.loads(answer.content[:cut])["outputs"]}
    plain = {one["name"]: one for one in infer(client, HEIGHTS).json()["outputs"]}
    assert outputs["size"] == plain["size"]
    assert outputs["size_confidence"]["parameters"] == {"binary_data_size": 12}
    found = np.frombuffer(answer.content[cut:], "<f4")
    assert found.tolist() == pytest.approx(plain["size_confidence"]["data"], abs=1e-6)


def test_what_is_told_of_a_model(client: httpx.Client):
    told = client.get("/v2/models/measure").json()
    assert told["inputs"][0] == {"name": "height", "datatype": "FP64", "shape": [-1]}
    assert [one["name"] for one in told["outputs"]] == ["size", "size_confidence"]
    assert client.get("/v2/models/measure/versions/1").json() == told
    for path in ("/v2/models/measure/ready", "/v2/models/measure/versions/1/ready"):
        assert client.get(path).json() == {"name": "measure", "ready": True}
    assert client.post("/v2/repository/index").json()[0]["state"] == "READY"
    assert "binary_tensor_data" in client.get("/v2").json()["extensions"]
    assert infer(client, HEIGHTS, path="/v2/models/measure/versions/1/infer").status_code == 200
    for path in ("/v2/models/other", "/v2/models/measure/versions/2/ready", "/v2/models/measure/versions/x"):
        assert client.get(path).status_code == 404
    for path in (
        *("/v2/models/other/infer", "/v2/models/measure/versions/x/infer", "/v2/models/a/b/infer"),
        "/v2/models/measure/versions/9/infer",
    ):
        assert infer(client, HEIGHTS, path=path).status_code == 404
    refused = client.post("/v2/repository/models/measure/load")
    assert refused.status_code == 400
    assert "modelwright release" in refused.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", f"/v2{path}", 404) for path in ("/other", "/models", "/models/other", "/models/measure/x")),
        ("GET", "/v2/models/measure/versions/9", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/measure/versions/9/infer", 404),
        ("POST", "/v2/models/measure", 405),
        ("GET", "/v2/models/measure/infer", 405),
        ("GET", "/v2/repository/index", 405),
        ("POST", "/v2/repository/models/measure/load", 400),
    ],
)
def test_every_error_below_v2_is_a_text(client: httpx.Client, method: str, path: str, status: int):
    answer = client.request(method, path, json={"inputs": [HEIGHTS]} if method == "POST" else None)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_refused_keys_are_told_in_the_protocols_form(packages: dict[str, Path]):
    known = {"eye": {"role": "viewer", "sha256": hashlib.sha256(b"eye").hexdigest(), "per_s": 1}}
    with running(Releases(packages["linear"]), keys={"known": known}) as server:
        headers = {"authorization": "Bearer eye"}
        answers = [
            httpx.get(f"{server.url}/v2"),
            httpx.post(f"{server.url}/v2/repository/models/measure/load", headers=headers),
        ]
        for _ in range(100):  # one a second is more than a busy machine may ask in a row
            answers.append(httpx.get(f"{server.url}/v2/models/measure", headers=headers))
            if answers[-1].status_code == 429:
                break
    assert [one.status_code for one in answers][:2] == [401, 403]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert all(isinstance(one.json()["error"], str) for one in answers if not one.is_success)


def test_the_index_lists_those_that_answer_where_that_is_asked(packages: dict[str, Path], tmp_path: Path):
    folder = Path(shutil.copytree(packages["linear"], tmp_path / "p"))
    with running(Releases(folder)) as server, httpx.Client(base_url=server.url) as client:

        def states(**body: Any) -> list[str]:
            return [one["state"] for one in client.post("/v2/repository/index", json=body).json()]

        assert states(ready=True) == states(ready=False) == states() == ["READY"]
        moved = folder.rename(tmp_path / "elsewhere")  # so that no restart succeeds
        os.kill(server.gateway.current.worker.process.pid, signal.SIGKILL)
        assert eventually(lambda: states() == ["UNAVAILABLE"])
        assert states(ready=True) == []
        moved.rename(folder)
        for wrong in (b"{", b"[]", b'{"ready": 1}', b'{"ready": NaN}'):
            answer = client.post("/v2/repository/index", content=wrong)
            assert (answer.status_code, type(answer.json()["error"])) == (400, str)
        assert client.post("/v2/repository/index", content=b" " * 20_000).status_code == 413


BAD: dict[str, list[Any]] = {
    "no tensor": [],
    "no object": [1],
    "no name": [{"datatype": "FP64", "shape": [1], "data": [1]}],
    "an unknown input": [tensor("depth", "FP64", [1], [1])],
    "an input twice": [HEIGHTS, HEIGHTS],
    "a shape that overflows": [tensor("height", "FP64", [2**40, 2**40], [1])],
    "a negative dimension": [tensor("height", "FP64", [-1], [1])],
    "a dimension of truth": [tensor("height", "FP64", [True], [1])],
    "a fraction of a dimension": [tensor("height", "FP64", [1.0], [1])],
    "no dimension": [tensor("height", "FP64", [], [1])],
    "many dimensions": [tensor("height", "FP64", [1] * 9, [1])],
    "two columns": [tensor("height", "FP64", [1, 2], [1, 2])],
    "too few values": [tensor("height", "FP64", [3], [1, 2])],
    "too many values": [tensor("height", "FP64", [1], [1, 2])],
    "no data": [tensor("height", "FP64", [1])],
    "ragged data": [tensor("height", "FP64", [2, 1], [[1], 2])],
    "another datatype": [tensor("height", "BYTES", [1], ["1"])],
    "a list as a datatype": [{"name": "height", "datatype": [], "shape": [1], "data": [1]}],
    "an object as a datatype": [{"name": "height", "datatype": {}, "shape": [1], "data": [1]}],
    "no datatype": [{"name": "height", "shape": [1], "data": [1]}],
    "rows that differ": [HEIGHTS, tensor("width", "FP64", [2], [1, 2])],
    "bytes that are not there": [tensor("height", "FP64", [1], parameters={"binary_data_size": 8})],
    "bytes and data": [tensor("height", "FP64", [1], [1], parameters={"binary_data_size": 0})],
    "a negative size": [tensor("height", "FP64", [1], parameters={"binary_data_size": -8})],
    "odd parameters": [tensor("height", "FP64", [1], [1], parameters=[])],
}


@pytest.mark.parametrize("inputs", BAD.values(), ids=BAD.keys())
def test_what_is_refused(client: httpx.Client, inputs: list[Any]):
    answer = infer(client, *inputs)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)
    assert "Traceback" not in answer.text


def test_what_is_refused_elsewhere(client: httpx.Client):
    assert infer(client, tensor("height", "FP64", [1], ["3"])).status_code == 422
    assert infer(client, tensor("height", "FP64", [1001], [1] * 1001)).status_code == 413
    assert infer(client, HEIGHTS, outputs=[{"name": "colour"}]).status_code == 400
    assert infer(client, HEIGHTS, outputs=5).status_code == 400
    assert len(infer(client, HEIGHTS, outputs=[]).json()["outputs"]) == 2  # as where none are named
    assert infer(client, HEIGHTS, id=5).status_code == 400
    assert infer(client, HEIGHTS, id="<script>").headers["x-request-id"] != "<script>"
    assert client.get(INFER).status_code == 405
    half = client.post(INFER, content=b'{"inputs": [{"name": "\\ud800", "shape": [1], "data": [1]}]}')
    assert half.status_code == 400
    for length in ("99999", "-1", "x", "1" * 30):
        answer = client.post(INFER, content=b"{}", headers={"inference-header-content-length": length})
        assert answer.status_code == 400


def bytes_tensor(*values: bytes) -> bytes:
    """Return texts as the binary extension has them."""
    return b"".join(struct.pack("<I", len(one)) + one for one in values)


def test_every_kind_of_tensor_in_binary():
    parts = {
        "a": ("BYTES", [2], bytes_tensor("Zähler 丢".encode(), b"x")),
        "b": ("INT64", [2], np.array([3, -4]).tobytes()),
        "c": ("BOOL", [2], bytes([1, 0])),
        "d": ("FP32", [2, 3], np.arange(6, dtype=np.float32).tobytes()),
        "e": ("BYTES", [2], bytes_tensor(b'["x", "y"]', b"")),
        "g": ("BYTES", [2], bytes_tensor(b"2024-03-01", b"2024-03-02")),
    }
    given = [
        tensor(name, kind, shape, parameters={"binary_data_size": len(blob)})
        for name, (kind, shape, blob) in parts.items()
    ]
    rows = tensors.rows_of(FIELDS, given, b"".join(blob for *_, blob in parts.values()), 10)
    assert rows[0] == {
        "a": "Zähler 丢", "b": 3, "c": True, "d": [0.0, 1.0, 2.0], "e": ["x", "y"], "g": "2024-03-01"
    }  # fmt: skip
    assert rows[1]["e"] == ""


def test_in_binary_nan_is_a_number_that_is_missing():
    blob = np.array([1.5, np.nan], np.float32).tobytes()
    given = [tensor("b", "FP32", [2], parameters={"binary_data_size": len(blob)})]
    assert tensors.rows_of(FIELDS, given, blob, 10) == [{"b": 1.5}, {"b": None}]


@pytest.mark.parametrize(
    "blob",
    [b"", b"\x01", b"\x05\x00\x00\x00ab", b"\xff\xff\xff\xff", bytes_tensor(b"a", b"b"), bytes_tensor(b"a") + b"x",
     bytes_tensor(b"\xff")],
)  # fmt: skip
def test_broken_binary_texts_are_refused(blob: bytes):
    given = [tensor("a", "BYTES", [1], parameters={"binary_data_size": len(blob)})]
    with pytest.raises(RequestError) as refused:
        tensors.rows_of(FIELDS, given, blob, 10)
    assert refused.value.status == 400


CLIENT = """
import sys
import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("measure", "1")
told = client.get_model_metadata("measure")
assert told["inputs"][0]["datatype"] == "FP64", told
assert client.get_model_repository_index()[0]["name"] == "measure"
assert client.get_server_metadata()["name"] == "modelwright"
for binary in (True, False):
    given = triton.InferInput("height", [3], "FP64")
    given.set_data_from_numpy(np.array([1.0, 9.5, 20.0]), binary_data=binary)
    outputs = [triton.InferRequestedOutput(n, binary_data=binary) for n in ("size", "size_confidence")]
    for wanted in (outputs, None):
        answer = client.infer("measure", [given], outputs=wanted, request_id="r-1")
        size = [one.decode() if isinstance(one, bytes) else one for one in answer.as_numpy("size")]
        print(size, answer.as_numpy("size_confidence").shape, answer.get_response()["id"])
bad = triton.InferInput("depth", [1], "FP64")
bad.set_data_from_numpy(np.array([1.0]))
try:
    client.infer("measure", [bad])
except triton.InferenceServerException as error:
    print("refused:", error.message())
"""


@pytest.mark.proof
def test_a_public_client_of_the_protocol(linear: Server, packages: dict[str, Path], triton_python: str):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [triton_python, "-c", CLIENT, linear.url],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = [
        one.size for one in load(packages["linear"]).predict([{"height": h} for h in (1.0, 9.5, 20.0)])
    ]
    lines = done.stdout.splitlines()
    assert lines[:4] == [f"{expected} (3,) r-1"] * 4
    assert "depth" in lines[4]
