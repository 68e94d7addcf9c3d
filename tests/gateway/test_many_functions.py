"""Several functions on one address: each by itself, and what they say together."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_keys import ALLOWED, method_of
from tiny_serving import Releases, linear_body, running, sealed, text_body

import modelwright
from modelwright.core.messages import MachineError, ModelwrightError
from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Live, Server, Serving

KEYS = {name: name[0] * 32 for name in ("caller", "viewer", "feedback", "stranger")}

OPEN = {"/", "/healthz", "/v2/health/live", "/v2/health/ready"}


def known(*names: str) -> dict[str, Any]:
    digests = {name: sha256(KEYS[name].encode()).hexdigest() for name in names}
    return {"known": {name: {"role": name, "sha256": digest} for name, digest in digests.items()}}


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[name]}"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, packages: dict[str, Path]) -> Path:
    """Return a package of `sort(question: text) -> size: category`."""
    body = text_body()
    named = dataclasses.replace(body, signature=Signature.parse("sort(question: text) -> size: category"))
    return sealed(named, tmp_path_factory.mktemp("sort") / "package")


@pytest.fixture(scope="module")
def url(asked: Path, packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve `measure`, `sort`, and `broken`, whose package is damaged."""
    damaged = tmp_path_factory.mktemp("broken") / "package"
    shutil.copytree(asked, damaged)
    (damaged / "manifest.json").chmod(0o644)
    (damaged / "manifest.json").write_text("{")
    second, third = Releases(asked), Releases(damaged)
    beside = [
        Serving("sort", ServeConfig(), second, Live(asked.parent / "live.db")),
        Serving("broken", ServeConfig(), third),
        Serving("unrecorded", ServeConfig(), Releases(asked), Live(asked / "manifest.json" / "live.db")),
    ]
    live = Live(asked.parent / "measure.db")
    with running(Releases(packages["linear"]), beside=beside, live=live) as server:
        assert second.changed.wait(60)
        assert third.changed.wait(60)
        yield server.url


def test_each_function_answers_whatever_becomes_of_another(url: str) -> None:
    with modelwright.connect(url, tries=1) as client:
        assert client.measure(9.0).size == "small"
        assert client.sort("does my plan cover dental").size
        assert client.functions() == ("measure", "sort")
    assert httpx.post(f"{url}/broken", json={"question": "x"}).status_code == 503
    for path in ("/unrecorded", "/v2/models/other", "/v2/models/other/infer", "/docs?function=other"):
        assert httpx.request("POST" if path.endswith("d") else "GET", url + path).status_code == 404


def test_health_and_the_index_cover_all(url: str) -> None:
    assert httpx.get(f"{url}/healthz").json() == {"live": True}
    ready = httpx.get(f"{url}/v2/health/ready")
    # what does not start is in nobody's way; and who has no key learns no name
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "functions": 3, "answering": 2})
    assert httpx.get(f"{url}/v2/models/broken/ready").status_code != 200
    assert httpx.get(f"{url}/v2/models/sort/ready").json() == {"name": "sort", "ready": True}
    index = httpx.post(f"{url}/v2/repository/index", json={}).json()
    assert [(one["name"], one["state"]) for one in index] == [("measure", "READY"), ("sort", "READY")]
    assert httpx.post(f"{url}/v2/repository/index", json={"ready": True}).json() == index
    for path in ("models/other/infer", "models/other", "repository/index"):  # the last: `ready` is no number
        refused = httpx.post(f"{url}/v2/{path}", json={"ready": 1})
        assert (refused.status_code in {400, 404}, type(refused.json()["error"])) == (True, str), path
    tensor = {"name": "question", "datatype": "BYTES", "shape": [1], "data": ["dental"]}
    answer = httpx.post(f"{url}/v2/models/sort/infer", json={"inputs": [tensor]}).json()
    assert answer["model_name"] == "sort"


def test_metrics_are_one_exposition(url: str) -> None:
    httpx.post(f"{url}/measure", json={"height": 9.0})
    httpx.post(f"{url}/sort", json={"question": "x"})
    response = httpx.get(f"{url}/metrics")
    families = list(text_string_to_metric_families(response.text))
    assert len({one.name for one in families}) == len(families)
    counted = {
        s.labels["function"]
        for one in families
        for s in one.samples
        if s.name == "modelwright_requests_total"
    }
    assert counted == {"measure", "sort", "broken"}
    only = httpx.get(f"{url}/metrics?function=sort").text
    assert 'function="sort"' in only
    assert 'function="measure"' not in only


def test_one_description_holds_every_function(url: str) -> None:
    described = httpx.get(f"{url}/openapi.json").json()
    assert {"/measure", "/sort", "/metrics"} <= described["paths"].keys()
    inferring = {
        f"/v2/models/{name}{of}/infer" for name in ("measure", "sort") for of in ("", "/versions/{version}")
    }
    assert {"/v2", "/v2/repository/index", *inferring} <= described["paths"].keys()
    assert {"measure.Row", "sort.Row"} <= described["components"]["schemas"].keys()
    text = json.dumps(described)
    for name in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert name in described["components"]["schemas"]


def test_the_pages_lead_to_each_function(url: str) -> None:
    page = httpx.get(f"{url}/docs")
    assert "script-src" not in page.headers["content-security-policy"]
    assert 'href="docs?function=sort"' in page.text
    assert "not ready yet" in page.text
    assert "sort(question: text)" in httpx.get(f"{url}/docs?function=sort").text


def test_each_function_has_its_traffic(url: str) -> None:
    found = httpx.get(f"{url}/admin/traffic").json()["functions"]
    assert [one["share"] for one in found["sort"]["versions"]] == [1.0]
    assert found["broken"]["versions"] == []


def test_a_key_opens_its_own_function_alone(asked: Path, packages: dict[str, Path]) -> None:
    second = Releases(asked)
    beside = [Serving("sort", ServeConfig(keys=known("viewer")), second)]
    with running(Releases(packages["linear"]), beside=beside, keys=known("caller")) as server:
        assert second.changed.wait(60)
        for function, row in (("measure", {"height": 9.0}), ("sort", {"question": "x"})):
            assert httpx.post(f"{server.url}/{function}", json=row).status_code == 401
        asking = httpx.post(f"{server.url}/measure", json={"height": 9.0}, headers=bearer("caller"))
        assert asking.status_code == 200
        assert httpx.post(f"{server.url}/sort", json={}, headers=bearer("caller")).status_code == 401
        shown = httpx.get(f"{server.url}/metrics", headers=bearer("viewer"))
        assert 'function="sort"' in shown.text
        assert 'function="measure"' not in shown.text
        index = httpx.post(f"{server.url}/v2/repository/index", headers=bearer("viewer")).json()
        assert {one["name"] for one in index} == {"sort"}
        assert httpx.get(f"{server.url}/metrics").status_code == 401
        assert httpx.get(f"{server.url}/admin/traffic").status_code == 401


def test_a_public_address_needs_keys_of_every_function(asked: Path, packages: dict[str, Path]) -> None:
    config = ServeConfig(host="0.0.0.0", port=0, keys=known("caller"))
    beside = [Serving("sort", ServeConfig(), Releases(asked))]
    before = threading.active_count()
    with pytest.raises(MachineError) as error:
        Server("measure", config, Releases(packages["linear"]), environment={}, beside=beside)
    assert error.value.problems[0].id == "machine.public-address"
    assert threading.active_count() == before


def test_names_of_any_script(packages: dict[str, Path], tmp_path: Path) -> None:
    signature = Signature.parse("größe(height: number, width: number?) -> size: category")
    package = sealed(dataclasses.replace(linear_body(), signature=signature), tmp_path / "package")
    second = Releases(package)
    with running(Releases(packages["linear"]), beside=[Serving("größe", ServeConfig(), second)]) as server:
        assert second.changed.wait(60)
        with modelwright.connect(server.url) as client:
            assert client["größe"](9.0) == client.measure(9.0)
        assert "function1.Row" in httpx.get(f"{server.url}/openapi.json").json()["components"]["schemas"]


def test_a_truth_goes_to_the_function_that_gave_the_answer(url: str) -> None:
    with modelwright.connect(url) as client:
        client.feedback(client.sort("dental"), size="large")
        client.feedback(client.measure(9.0), size="large")
    taken = f"{url}/metrics"
    for function in ("measure", "sort"):
        text = httpx.get(taken, params={"function": function}).text
        counted = re.findall(r'feedback_rows_total\{function="(\w+)",result="(\w+)"\} [1-9]', text)
        assert counted == [(function, "accepted")]
    id_ = "chosen-by-the-caller"
    for function, row in (("measure", {"height": 9.0}), ("sort", {"question": "x"})):
        httpx.post(f"{url}/{function}", json=row, headers={"x-request-id": id_})
    truth = {"id": id_, "size": "small"}
    both = httpx.post(f"{url}/feedback", json=truth)
    assert (both.status_code, both.json()["error"]["id"]) == (409, "request.which-function")
    assert httpx.post(f"{url}/feedback?function=sort", json=truth).json()["accepted"] == 1
    assert httpx.post(f"{url}/feedback?function=other", json=truth).status_code == 404
    for body, status, problem in [
        ({"id": "nobody-gave-it", "size": "small"}, 404, "feedback.unknown-id"),
        ({"size": "small"}, 422, "feedback.no-id"),
        ([], 200, None),
        ("[", 400, "request.not-json"),
    ]:
        given = {"content": body} if isinstance(body, str) else {"json": body}
        answer = httpx.post(f"{url}/feedback", **given, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json().get("error", {}).get("id")) == (status, problem)


def test_a_change_must_name_its_function(url: str) -> None:
    for path in ("rollback", "releases", "releases/1/abort"):
        answer = httpx.post(f"{url}/admin/{path}", json={})
        assert (answer.status_code, answer.json()["error"]["id"]) == (422, "request.which-function")
        # of a package alone there are no operations
        named = httpx.post(f"{url}/admin/{path}?function=sort", json={})
        assert named.json()["error"]["id"] == "admin.no-project"
    assert httpx.post(f"{url}/metrics").status_code == 405
    assert httpx.post(f"{url}/nothing").status_code == 404


def test_a_refusal_is_written_down_where_it_is_one(
    asked: Path, packages: dict[str, Path], tmp_path: Path
) -> None:
    logs = {name: tmp_path / f"{name}.jsonl" for name in ("measure", "sort")}

    def settings(name: str, *roles: str, per_s: float | None = None) -> dict[str, Any]:
        keys = known(*roles)
        keys["known"] = {role: {**one, "per_s": per_s} for role, one in keys["known"].items()}
        return {"audit": str(logs[name]), "keys": keys}

    def lines(name: str) -> list[tuple[str, int, str | None]]:
        entries = [json.loads(line) for line in logs[name].read_text().splitlines()]
        logs[name].write_text("")
        return [(one["path"], one["code"], one.get("key")) for one in entries]

    second = Releases(asked)
    sort = ServeConfig(**settings("sort", "viewer", "feedback", per_s=1))
    beside = [Serving("sort", sort, second, Live(tmp_path / "sort.db"))]
    with running(Releases(packages["linear"]), beside=beside, **settings("measure", "caller")) as server:
        assert second.changed.wait(60)
        assert httpx.get(f"{server.url}/admin/traffic", headers=bearer("viewer")).status_code == 200
        assert (lines("measure"), lines("sort")) == ([], [("/admin/traffic", 200, "viewer")])
        assert httpx.get(f"{server.url}/admin/traffic", headers=bearer("stranger")).status_code == 401
        refused = [("/admin/traffic", 401, None)]
        assert (lines("measure"), lines("sort")) == (refused, refused)
        truth = {"id": "unknown", "size": "small"}
        # one of one request a second: to find whose answer it is uses none
        answers = [
            httpx.post(f"{server.url}/feedback", json=truth, headers=bearer("feedback")) for _ in range(2)
        ]
        assert [one.status_code for one in answers] == [404, 429]
        big = httpx.post(f"{server.url}/feedback", content=b"x" * 3_000_000)
        assert big.status_code == 401  # before its body is read
        assert [path for path, _, _ in lines("measure")] == ["/feedback"]


def test_every_path_of_a_function_is_shut_to_the_keys_of_another(
    asked: Path, packages: dict[str, Path]
) -> None:
    second = Releases(asked)
    ours, theirs = (known(name) for name in ("caller", "stranger"))
    for one in (ours, theirs):
        one["docs"] = "closed"
        one["known"] = {name: {**key, "role": "operator"} for name, key in one["known"].items()}
    beside = [Serving("sort", ServeConfig(keys=theirs), second)]
    with running(Releases(packages["linear"]), beside=beside, keys=ours) as server:
        assert second.changed.wait(60)
        routes = [route.path for route in server.stations[0].application.other.routes]
        paths = ["/measure", "/v2/models/measure/infer", *(one for one in routes if one not in OPEN)]
        with httpx.Client(base_url=server.url) as client:
            for path in paths:
                real = path.replace("{model}", "measure").replace("{version}", "1").replace("{number}", "1")
                for query in ({}, {"function": "measure"}):
                    for method in ("GET", "POST", "DELETE"):
                        for headers in ({}, bearer("stranger"), {"authorization": "Bearer wrong"}):
                            answer = client.request(method, real, params=query, headers=headers)
                            where = (method, real, query, headers)
                            if "measure" in real or query:
                                assert answer.status_code in {401, 405}, where
                            elif headers != bearer("stranger"):
                                # a change that names no function does nothing, whoever asks
                                assert answer.status_code in {401, 405, 422}, where
                            assert "measure" not in answer.text or real == "/v2/models/measure", where


def test_every_path_of_a_function_is_shut_to_a_key_of_the_wrong_role(
    asked: Path, packages: dict[str, Path]
) -> None:
    """As with one function: what a caller may not there, a caller may not here, on any path that there is."""
    ours, second = {**known("caller", "viewer", "feedback"), "docs": "closed"}, Releases(asked)
    beside = [Serving("sort", ServeConfig(keys=ours), second)]
    with running(Releases(packages["linear"]), beside=beside, keys=ours) as server:
        assert second.changed.wait(60)
        routes = [route.path for route in server.stations[0].application.other.routes]
        paths = ["/measure", "/v2/models/measure/infer", *(one for one in routes if one not in OPEN)]
        assert set(paths) <= set(ALLOWED), "a path that the table of roles does not have"
        with httpx.Client(base_url=server.url) as client:
            for path, role in itertools.product(paths, ("caller", "viewer", "feedback")):
                if role in ALLOWED[path]:
                    continue
                real = path.replace("{model}", "measure").replace("{version}", "1").replace("{number}", "1")
                for method in ("GET", "POST", "PUT", "DELETE"):
                    answer = client.request(
                        method, real, params={"function": "measure"}, headers=bearer(role)
                    )
                    assert answer.status_code in {403, 405}, (method, real, role)
                    assert method != method_of(path) or answer.status_code == 403, (method, real, role)


@pytest.mark.proof
def test_requests_that_break_the_joined_schema_are_refused(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--seed", "7"]
    command += ["--max-examples", "40", "--generation-database", "none", "--phases", "coverage,fuzzing"]
    command += [
        "--checks",
        "not_a_server_error,status_code_conformance,response_schema_conformance",
        "--mode",
        "all",
    ]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_first_that_cannot_be_opened_stops_no_other(asked: Path, packages: dict[str, Path]) -> None:
    second, damaged = Releases(asked), Live(asked / "manifest.json" / "live.db")
    with running(
        Releases(packages["linear"]),
        wait=False,
        live=damaged,
        beside=[Serving("sort", ServeConfig(), second)],
    ) as server:
        assert second.changed.wait(60)
        assert httpx.post(f"{server.url}/sort", json={"question": "x"}).status_code == 200
        assert httpx.post(f"{server.url}/measure", json={"height": 9.0}).status_code == 404
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200
    with pytest.raises(ModelwrightError):
        Server("measure", ServeConfig(port=0), Releases(packages["linear"]), live=damaged, environment={})
