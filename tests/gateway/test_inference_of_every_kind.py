"""The Open Inference Protocol v2, end to end: every kind arrives as it was sent, and comes back as it was answered."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from every_kind import echoing
from file_bodies import picture
from tiny_serving import Releases, running, sealed
from waiting import eventually

from modelwright.gateway.server import Live, Server
from modelwright.storage.traffic.record import LiveRecord

INFER = "/v2/models/measure/infer"
PICTURES = [picture(20), picture(200)]
TEXTS = {
    "c": ["yes", "no"],
    "d": ["2024-03-01", "1999-12-31"],
    "q": ["Zähler 丢", '{"a": null}'],
    "t": ['["big"]', '["big", "small"]'],
}
NUMBERS = {
    "n": [1.5, -2.25],
    "b": [True, False],
    "v": [[1.0, 2.0, 3.0], [-4.0, 0.5, 0.25]],
}  # as FP32 holds them
FORMS = {"n": ("FP64", "<f8"), "b": ("BOOL", "u1"), "v": ("FP32", "<f4")}
ROWS = [
    {
        **{name: values[place] for name, values in {**NUMBERS, **TEXTS}.items()},
        "t": json.loads(TEXTS["t"][place]),
        "p": base64.b64encode(PICTURES[place]).decode(),
    }
    for place in range(2)
]
OUTPUTS = {  # datatype and shape, as metadata and answers have them
    "x": ("FP64", []),
    "y": ("BOOL", []),
    "y_confidence": ("FP32", []),
    "z": ("BYTES", []),
    "z_confidence": ("FP32", []),
    "w": ("FP32", [3]),
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record") / "live.db"


@pytest.fixture(scope="module")
def server(record: Path) -> Iterator[Server]:
    """Run a server whose function says again what it is asked, and records it."""
    package = sealed(echoing(), record.parent / "package")
    with running(Releases(package), live=Live(record)) as server:
        yield server


def tensor(name: str, datatype: str, shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, **more}


def in_json() -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a request with all data in JSON: nested, and files as base64."""
    numbers = [
        tensor(name, FORMS[name][0], list(np.shape(values)), data=values) for name, values in NUMBERS.items()
    ]
    texts = [tensor(name, "BYTES", [2], data=values) for name, values in TEXTS.items()]
    files = tensor("p", "BYTES", [2], data=[row["p"] for row in ROWS])
    return json.dumps({"inputs": [*numbers, *texts, files]}).encode(), {"content-type": "application/json"}


def in_binary() -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a request with all data in binary, which wants its answers so."""
    heads, blobs = [], []
    bytes_of = {name: [one.encode() for one in values] for name, values in TEXTS.items()} | {"p": PICTURES}
    for name, values in NUMBERS.items():
        blobs.append(np.array(values, FORMS[name][1]).tobytes())
        heads.append((name, FORMS[name][0], list(np.shape(values))))
    for name, values in bytes_of.items():
        blobs.append(b"".join(struct.pack("<I", len(one)) + one for one in values))
        heads.append((name, "BYTES", [2]))
    inputs = [
        tensor(*head, parameters={"binary_data_size": len(blob)})
        for head, blob in zip(heads, blobs, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return b"".join([head, *blobs]), {"inference-header-content-length": str(len(head))}


def values_of(answer: httpx.Response) -> dict[str, tuple[str, list[int], list[Any]]]:
    """Return the datatype, the shape and the flat values of each output."""
    length = answer.headers.get("inference-header-content-length")
    text, blob = (answer.content, b"") if length is None else _cut(answer.content, int(length))
    found = {}
    for one in json.loads(text)["outputs"]:
        if length is None:
            values = one["data"]
        else:
            data, blob = _cut(blob, one["parameters"]["binary_data_size"])
            values = _read(data, one["datatype"])
        found[one["name"]] = (one["datatype"], one["shape"], values)
    assert blob == b""
    return found


def _cut(data: bytes, place: int) -> tuple[bytes, bytes]:
    return data[:place], data[place:]


def _read(data: bytes, datatype: str) -> list[Any]:
    if datatype != "BYTES":
        return np.frombuffer(data, {"FP64": "<f8", "FP32": "<f4", "BOOL": "?"}[datatype]).tolist()
    values = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        text, data = _cut(data[4:], length)
        values.append(text.decode())
    return values


@pytest.mark.parametrize("request_of", [in_json, in_binary])
def test_every_kind_arrives_and_comes_back(server: Server, record: Path, request_of: Any) -> None:
    plain = httpx.post(f"{server.url}/measure", json=ROWS, headers={"x-request-id": request_of.__name__})
    assert plain.status_code == 200, plain.text
    body, headers = request_of()
    tensor_id = f"{request_of.__name__}-tensors"
    answer = httpx.post(server.url + INFER, content=body, headers={**headers, "x-request-id": tensor_id})
    assert answer.status_code == 200, answer.text
    found = values_of(answer)
    assert {name: (datatype, shape) for name, (datatype, shape, _) in found.items()} == {
        name: (datatype, [2, *shape]) for name, (datatype, shape) in OUTPUTS.items()
    }
    for output in ("x", "y", "z", "w"):
        wanted = [row["outputs"][output]["value"] for row in plain.json()]
        flat = [one for row in wanted for one in row] if output == "w" else wanted
        assert found[output][2] == pytest.approx(flat) if output in "xw" else found[output][2] == flat
    assert found["z"][2] == TEXTS["c"]  # it says again what it was asked
    assert found["y"][2] == NUMBERS["b"]
    assert found["x"][2] == pytest.approx(NUMBERS["n"])
    kept = LiveRecord.open(record)
    seen: dict[str, Any] = {}

    def recorded() -> bool:
        seen.update({row.id: row.inputs for row in kept.rows(0)})
        return f"{tensor_id}.1" in seen

    assert eventually(recorded)
    for place in range(2):
        assert dict(seen[f"{tensor_id}.{place}"]) == dict(seen[f"{request_of.__name__}.{place}"])
        assert seen[f"{tensor_id}.{place}"]["q"] == TEXTS["q"][place]


def test_the_metadata_are_those_of_the_answers(server: Server) -> None:
    told = httpx.get(f"{server.url}/v2/models/measure").json()
    outputs = {one["name"]: (one["datatype"], one["shape"]) for one in told["outputs"]}
    for name, (datatype, shape) in OUTPUTS.items():
        assert outputs[name] == (datatype, [-1, *(-1 for _ in shape)])
    bytes_, numbers = dict.fromkeys([*TEXTS, "p"], "BYTES"), {name: form for name, (form, _) in FORMS.items()}
    assert {one["name"]: one["datatype"] for one in told["inputs"]} == bytes_ | numbers


CLIENT = """
import base64, json, sys
import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
given = json.load(sys.stdin)
for binary in (True, False):
    inputs = []
    for name, (datatype, values) in given.items():
        kind = {"FP64": np.float64, "FP32": np.float32, "BOOL": np.bool_, "BYTES": np.object_}[datatype]
        if name == "p" and binary:
            values = [base64.b64decode(one) for one in values]
        array = np.array(values, dtype=kind)
        one = triton.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array, binary_data=binary)
        inputs.append(one)
    names = ("x", "y", "z", "w", "z_confidence")
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    answer = client.infer("measure", inputs, outputs=outputs)
    z = [one.decode() if isinstance(one, bytes) else one for one in answer.as_numpy("z").tolist()]
    print(json.dumps([*(answer.as_numpy(name).tolist() for name in ("x", "y", "w")), z]))
for call in (
    lambda: client.get_model_metadata("other"),
    lambda: client.infer("other", inputs),
    lambda: client.infer("measure", inputs, model_version="9"),
    lambda: client.load_model("measure"),
):
    try:
        call()
    except triton.InferenceServerException as error:
        print(json.dumps([error.status(), error.message()]))
"""


@pytest.mark.proof
def test_a_public_client_sends_every_kind(server: Server, triton_python: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given = {name: (FORMS[name][0], values) for name, values in NUMBERS.items()}
    given |= {name: ("BYTES", values) for name, values in TEXTS.items()}
    given["p"] = ("BYTES", [row["p"] for row in ROWS])
    done = subprocess.run(
        [triton_python, "-c", CLIENT, server.url],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for x, y, w, z in lines[:2]:
        assert (y, z) == (NUMBERS["b"], TEXTS["c"])
        assert x == pytest.approx(NUMBERS["n"])
        assert np.array(w) == pytest.approx(np.array(NUMBERS["v"]))
    refused = lines[2:]
    assert [status for status, _ in refused] == ["404", "404", "404", "400"]
    assert all(isinstance(message, str) for _, message in refused), "the protocol's errors are texts"
