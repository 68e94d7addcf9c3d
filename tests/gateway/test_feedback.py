"""`POST /feedback` of a real server: what it takes, what it refuses, and what then stands in the record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import waiting
from tiny_serving import Releases, running

import modelwright
from modelwright.core.evidence.labelled_rows import LabelPolicy
from modelwright.core.messages import ProjectError, RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.keys import label_policy
from modelwright.gateway.server import Live, Server
from modelwright.gateway.traffic.recording import Traffic
from modelwright.project.declaration import project_file
from modelwright.storage.traffic.record import LiveRecord

KEYS = {
    "desk": {"role": "feedback"},
    "branch": {"role": "feedback"},
    "till": {"role": "feedback"},
    "app": {"role": "caller"},
    "boss": {"role": "operator"},
}


def keys() -> dict[str, Any]:
    """Return the keys of a server; each is the name of who has it."""
    return {
        "known": {
            name: {**one, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name, one in KEYS.items()
        }
    }


@pytest.fixture(scope="module")
def server(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with keys and a record."""
    live = Live(tmp_path_factory.mktemp("live") / "live.db")
    with running(
        Releases(packages["linear"]), live=live, keys=keys(), feedback={"per_hour": 60}, record={"days": 1}
    ) as server:
        server.live = live.record  # type: ignore[attr-defined]
        yield server


def report(server: Server, body: Any, key: str = "desk", **options: Any) -> httpx.Response:
    """Report truths with a key."""
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{server.url}/feedback", json=body, headers=headers, **options)


def answered(server: Server, n: int = 1) -> list[str]:
    """Return the ids of n new answers, all `small`."""
    headers = {"authorization": "Bearer app"}
    found = httpx.post(f"{server.url}/measure", json=[{"height": 1}] * n, headers=headers).json()
    assert {one["outputs"]["size"]["value"] for one in found} == {"small"}
    return [one["id"] for one in found]


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["id"]


def test_a_truth_is_taken_at_once_corrected_and_recorded(server: Server) -> None:
    first, second = answered(server, 2)
    assert report(server, {"id": first, "size": "small"}).json() == {
        "accepted": 1, "corrected": 0, "unknown": [], "shared": [],
    }  # fmt: skip
    assert (
        report(server, [{"id": first, "size": "large"}, {"id": second, "size": "small"}]).json()["corrected"]
        == 1
    )
    assert report(server, {"id": first, "size": "small"}, key="branch").json()["corrected"] == 0
    assert report(server, [{"id": second, "size": "large"}] * 2, key="boss").json()["corrected"] == 1
    record = LiveRecord.open(server.live)  # type: ignore[attr-defined]
    wanted = {("desk", False), ("branch", True), ("desk", True), ("boss", False)}
    assert eventually(lambda: {(one.key, one.right) for one in record.labels(1, 0.0)} == wanted)
    assert record.find(second).feedback == {"size": "large"}


eventually = partial(waiting.eventually, timeout_s=10.0)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"id": "nobody", "size": "small"}, 404, "feedback.unknown-id"),
        ({"size": "small"}, 422, "feedback.no-id"),
        ({"id": 7, "size": "small"}, 422, "feedback.no-id"),
        ({"id": "x\ud800", "size": "small"}, 422, "feedback.no-id"),
        ({"id": "x' OR 1=1 --", "size": "small"}, 422, "feedback.no-id"),
        ({"id": "ID"}, 422, "feedback.no-truth"),
        ({"id": "ID", "sise": "small"}, 422, "feedback.unknown-output"),
        ({"id": "ID", "height": 1}, 422, "feedback.unknown-output"),
        ({"id": "ID", "size": "smal"}, 422, "request.wrong-value"),
        ({"id": "ID", "size": None}, 422, "request.wrong-value"),
        ({"id": "ID", "size": "  "}, 422, "request.wrong-value"),
        ({"id": "ID", "size": ["small"]}, 422, "request.wrong-value"),
        ("ID", 422, "feedback.not-an-object"),
        ([["ID"]], 422, "feedback.not-an-object"),
        ([{"id": "ID", "size": "small"}, {"id": "ID", "size": "huge"}], 422, "request.wrong-value"),
        ([{"id": "ID", "size": "small"}] * 61, 413, "request.too-many-items"),
    ],
)
def test_what_is_no_truth_is_refused_and_nothing_of_it_kept(
    server: Server, body: Any, status: int, problem: str
) -> None:
    (one,) = answered(server)
    headers = {"authorization": "Bearer boss", "content-type": "application/json"}
    content = json.dumps(here(body, one)).encode()  # ASCII, half a surrogate pair included
    assert error(httpx.post(f"{server.url}/feedback", content=content, headers=headers)) == (status, problem)
    record = LiveRecord.open(server.live)  # type: ignore[attr-defined]
    assert eventually(lambda: record.find(one) is not None)
    assert record.find(one).feedback == {}


def here(body: Any, id_: str) -> Any:
    """Return a body with the id of an answer in the place of `ID`."""
    if isinstance(body, list):
        return [here(one, id_) for one in body]
    if isinstance(body, dict):
        return {name: here(value, id_) for name, value in body.items()}
    return id_ if body == "ID" else body


def test_no_path_but_json_and_no_key_but_its_own(server: Server) -> None:
    (one,) = answered(server)
    body = {"id": one, "size": "small"}
    assert error(report(server, body, key="app")) == (403, "request.forbidden")
    assert error(report(server, body, key="stranger")) == (401, "request.unauthorized")
    headers = {"authorization": "Bearer desk"}
    assert httpx.get(f"{server.url}/feedback", headers=headers).status_code == 405
    assert httpx.post(f"{server.url}/feedback", data=body, headers=headers).status_code == 415
    assert (
        httpx.post(
            f"{server.url}/feedback", content=b"{", headers={**headers, "content-type": "application/json"}
        ).status_code
        == 400
    )


def test_of_a_list_what_is_known_is_taken_and_the_rest_named(server: Server) -> None:
    (one,) = answered(server)
    headers = {"authorization": "Bearer app", "x-request-id": "mine"}
    for _ in range(2):  # a caller that gives two requests one id
        httpx.post(f"{server.url}/measure", json={"height": 1}, headers=headers)
    body = [{"id": id_, "size": "small"} for id_ in ("nobody", one, "mine", "nobody")]
    assert report(server, body, "branch").json() == {
        "accepted": 1, "corrected": 0, "unknown": ["nobody"], "shared": ["mine"],
    }  # fmt: skip
    assert error(report(server, body[2], "branch")) == (409, "feedback.shared-id")
    assert report(server, [], "branch").json()["accepted"] == 0
    registry = server.telemetry.registry
    labels = {"function": "measure", "result": "unknown"}
    assert registry.get_sample_value("modelwright_feedback_rows_total", labels) == 1.0


def test_an_answer_of_long_ago_cannot_be_labelled(server: Server) -> None:
    record = LiveRecord.open(server.live)  # type: ignore[attr-defined]
    record.record([Traffic("old", time.time() - 86_500, 1, {}, {"size": {"value": "small"}}, 0.01, 200)])
    record.close()
    assert error(report(server, {"id": "old", "size": "small"}, "boss")) == (404, "feedback.unknown-id")


def test_a_key_has_its_number_of_labels_an_hour(server: Server) -> None:
    body = [{"id": "nobody", "size": "small"}] * 60  # what is in vain counts, too
    assert report(server, body, "till").status_code == 404
    refused = report(server, body[0], "till")
    assert error(refused) == (429, "feedback.too-many")
    assert int(refused.headers["retry-after"]) <= 60
    assert report(server, body[0], "branch").status_code == 404  # another key has its own


def test_without_a_record_there_is_nothing_to_be_reported(linear: Server) -> None:
    answer = httpx.post(f"{linear.url}/feedback", json={"id": "x", "size": "small"})
    assert error(answer) == (404, "feedback.no-record")


def test_an_operator_and_whom_the_file_names_decide_alone() -> None:
    signature = Signature.parse("f(a: text) -> b: category, c: number, d: boolean")
    policy = label_policy(ServeConfig(keys=keys(), feedback={"alone": ["desk"]}), signature)
    assert policy == LabelPolicy(
        frozenset({"b", "d"}),
        frozenset({"", "environment", *KEYS}),
        frozenset({"boss", "desk", "environment"}),
    )


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("serve.feedback.alone=[nobody]", "the name of no key"),
        ("serve.keys.known={environment: {role: feedback, sha256: %s}}" % ("a" * 64), "environment variable"),
        ("serve.feedback.per_hour=0", "per_hour"),
    ],
)
def test_names_that_are_none_are_refused_in_the_file(setting: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=says):
        project_file.from_mapping({"function": "f(a: text) -> b: category"}, [setting], tmp_path)


def test_the_client_reports_truths_too(server: Server) -> None:
    with modelwright.connect(server.url, "boss") as client:
        answer = client.measure(1.0)
        client.feedback(answer, size="small")
        with pytest.raises(RequestError) as error:
            client.feedback("nobody-was-given-this", size="small")
    assert error.value.status == 404
    assert report(server, {"id": answer.id, "size": "large"}, key="boss").json()["corrected"] == 1
