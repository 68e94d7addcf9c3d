"""Keys: who may do what, how often, and what is written down of it."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny_serving import Releases, running

from modelwright.core.messages import MachineError, RequestError
from modelwright.gateway.audit_log import MOST_REFUSALS, AuditLog
from modelwright.gateway.config import KeysConfig, ServeConfig
from modelwright.gateway.http.openai.fitting import PATHS
from modelwright.gateway.keys import KeyRole, Keys, RateError
from modelwright.gateway.server import Server

ROLES = ("caller", "feedback", "viewer", "operator")
INFER, VERSION = "/v2/models/measure/infer", "/v2/models/measure/versions/1/infer"
OPEN = {"/", "/healthz", "/v2/health/live", "/v2/health/ready"}
ALLOWED = {  # path → roles beside the operator; a path that is not here fails the walk
    "/measure": {"caller"},
    "/metrics": {"viewer"},
    "/feedback": {"feedback"},
    "/docs": {"caller", "viewer"},
    "/openapi.json": {"caller", "viewer"},
    "/admin/traffic": {"viewer"},
    "/admin/versions": {"viewer"},
    "/admin/releases": {"viewer"},
    "/admin/releases/{number}": {"viewer"},
    "/admin/releases/{number}/abort": set(),
    "/admin/rollback": set(),
    "/v2": {"caller", "viewer"},
    "/v2/models/{model}": {"caller", "viewer"},
    "/v2/models/{model}/ready": {"caller", "viewer"},
    "/v2/models/{model}/versions/{version}": {"caller", "viewer"},
    "/v2/models/{model}/versions/{version}/ready": {"caller", "viewer"},
    "/v1/models": {"caller", "viewer"},
    "/v1/models/{model}": {"caller", "viewer"},
    "/v1/chat/completions": {"caller"},
    "/v1/completions": {"caller"},
    "/v1/embeddings": {"caller"},
    "/v2/repository/index": {"caller", "viewer"},
    "/v2/repository/models/{model}/load": set(),
    "/v2/repository/models/{model}/unload": set(),
    INFER: {"caller"},
    VERSION: set(),  # who names a version is a tester
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


HEIGHT = {"inputs": [{"name": "height", "datatype": "FP64", "shape": [1], "data": [9]}]}


def known(**more: dict[str, Any]) -> dict[str, Any]:
    """Return a key for each role, which is the role's name."""
    keys = {role: {"role": role, "sha256": hashlib.sha256(role.encode()).hexdigest()} for role in ROLES}
    return {"known": {**keys, **more}, "docs": "closed"}


def bearer(key: str) -> dict[str, str]:
    """Return the header that brings a key."""
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def server(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with a key for each role, and an audit log."""
    log = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    with running(Releases(packages["linear"]), keys=known(), audit=str(log)) as server:
        yield server


def paths(server: Server) -> list[str]:
    """Return every path that the server has."""
    routes = server.application.other.routes
    assert all(hasattr(route, "endpoint") for route in routes), "a mounted application is walked, too"
    return ["/measure", INFER, VERSION, *PATHS, *(route.path for route in routes)]


def method_of(path: str) -> str:
    """Return the method that a path is for."""
    posts = {"/measure", "/feedback", "/admin/rollback", INFER, VERSION, *PATHS}
    posts = path in posts or path.endswith("/abort")
    return "POST" if posts or "repository" in path else "GET"


def words(answer: httpx.Response) -> str:
    """Return the text of an error, in either of its forms."""
    return json.dumps(answer.json()["error"])


def test_every_path_is_shut_without_the_right_key(server: Server):
    wrong = [
        {},
        bearer("wrong"),
        {"authorization": "Bearer"},
        {"authorization": "caller"},
        {"authorization": "Basic x"},
    ]
    with httpx.Client(base_url=server.url) as client:
        for path in paths(server):
            if path in OPEN:
                assert client.get(path).status_code in {200, 307}
                continue
            for method in METHODS:
                for headers in wrong if method == method_of(path) else wrong[:2]:
                    answer = client.request(method, path.replace("{number}", "1"), headers=headers)
                    assert answer.status_code in {401, 405}, (path, method, headers)
                    if method == method_of(path):
                        assert answer.status_code == 401
                        assert "no key, or a wrong one" in words(answer)
            for role in ROLES:
                body = (
                    HEIGHT
                    if path in {INFER, VERSION}
                    else {"model": "measure"}
                    if path in PATHS
                    else {"height": 9}
                )
                real = path.replace("{model}", "measure").replace("{version}", "1").replace("{number}", "1")
                answer = client.request(method_of(path), real, headers=bearer(role), json=body)
                may = role == "operator" or role in ALLOWED[path]
                # a request loads nothing, whoever sends it; and here is no record and no project
                missing = path in {"/feedback", *PATHS} or ("/admin/" in path and path != "/admin/traffic")
                allowed = 400 if path.endswith("load") else 404 if missing else 200
                assert answer.status_code == (allowed if may else 403), (path, role)
                assert may or "the key is for" in words(answer)


def test_a_browser_may_send_the_key_as_a_password(server: Server):
    asked = httpx.get(f"{server.url}/docs")
    assert asked.headers["www-authenticate"].startswith("Basic")
    word = base64.b64encode(b"anyone:viewer").decode()
    assert httpx.get(f"{server.url}/docs", headers={"authorization": f"Basic {word}"}).status_code == 200


def test_only_an_operator_names_the_version(server: Server):
    def asked(key: str) -> int:
        headers = {**bearer(key), "x-modelwright-version": "1"}
        return httpx.post(f"{server.url}/measure", json={"height": 9}, headers=headers).status_code

    assert (asked("caller"), asked("operator")) == (403, 200)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
def test_pages_of_other_sites_reach_no_admin_path(server: Server, headers: dict[str, str]):
    with httpx.Client(base_url=server.url, headers={**bearer("operator"), **headers}) as client:
        for path in (path for path in ALLOWED if path.startswith("/admin/")):
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                answer = client.request(method, path.replace("{number}", "1"))
                assert answer.status_code == 403, (method, path)
                assert "access-control-allow-origin" not in answer.headers
    own = {**bearer("viewer"), "origin": server.url, "sec-fetch-site": "same-origin"}
    assert httpx.get(f"{server.url}/admin/traffic", headers=own).json()["versions"][0]["share"] == 1.0


def test_what_operators_do_and_who_was_refused_is_written_down(server: Server):
    httpx.get(f"{server.url}/admin/traffic", headers=bearer("operator"))
    httpx.post(f"{server.url}/measure", json={}, headers=bearer("stranger"))
    lines = [json.loads(line) for line in Path(server.audit_file).read_text("ascii").splitlines()]
    assert any(one.get("key") == "operator" and one["path"] == "/admin/traffic" for one in lines)
    assert any(one["path"] == "/measure" and one["code"] == 401 for one in lines if "path" in one)
    assert not any("stranger" in str(one) for one in lines)


def test_refusals_cannot_fill_the_log(tmp_path: Path):
    now = 1000.0
    audit = AuditLog(tmp_path / "a.jsonl", lambda: now)
    for _ in range(3 * MOST_REFUSALS):
        audit.refused(method="GET", path="/\n{" + "x" * 5000, code=401, client="::1")
    now += 61
    audit.refused(method="GET", path="/", code=401, client="::1")
    audit.close()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(lines) == MOST_REFUSALS + 2
    assert lines[-2]["left_out"] == 2 * MOST_REFUSALS
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o077 == 0
    with pytest.raises(MachineError, match=r"audit log"):
        AuditLog(tmp_path / "no" / "such" / "folder")


def test_a_key_has_its_rate():
    now = 0.0
    config = KeysConfig(
        known={"a": {"role": "caller", "sha256": hashlib.sha256(b"k").hexdigest(), "per_s": 2}}
    )
    keys = Keys(config, {}, lambda: now)
    headers = {b"authorization": b"Bearer k"}
    for _ in range(2):
        keys.require(headers, KeyRole.CALLER)
    with pytest.raises(RateError) as refused:
        keys.require(headers, KeyRole.CALLER)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    now += 0.5
    assert keys.require(headers, KeyRole.CALLER).name == "a"
    with pytest.raises(RateError):
        keys.require(headers, KeyRole.CALLER)
    with pytest.raises(RequestError) as other:  # a role that may not costs nothing
        keys.require(headers, KeyRole.VIEWER)
    assert other.value.status == 403


def test_too_often_is_429_with_a_time(packages: dict[str, Path]):
    slow = {"role": "caller", "sha256": hashlib.sha256(b"slow").hexdigest(), "per_s": 0.01}
    with running(Releases(packages["linear"]), keys=known(slow=slow)) as server:
        codes = [
            httpx.post(f"{server.url}/measure", json={"height": 9}, headers=bearer("slow")) for _ in range(2)
        ]
    assert [one.status_code for one in codes] == [200, 429]
    assert codes[1].json()["error"]["id"] == "request.rate"
    assert int(codes[1].headers["retry-after"]) > 50


@pytest.mark.parametrize("digest", ["", "abc", "x" * 64, hashlib.sha256(b"k").hexdigest().upper()])
def test_a_digest_that_is_none_is_refused_where_it_is_written(digest: str):
    with pytest.raises(ValueError, match="sha256"):
        KeysConfig(known={"a": {"role": "caller", "sha256": digest}})


def test_https(packages: dict[str, Path], tmp_path: Path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    tls = {"certificate": str(certificate), "key": str(key)}
    with running(Releases(packages["linear"]), tls=tls) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(verify=trusting, base_url=server.url) as client:
            assert client.post("/measure", json={"height": 9}).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")  # whom nobody vouches for
    other = ServeConfig(port=0, tls={"certificate": str(certificate), "key": str(certificate)})
    with pytest.raises(MachineError) as error:
        Server("measure", other, Releases(packages["linear"]), environment={})
    assert error.value.problems[0].id == "machine.certificate"


def test_a_key_may_lie_in_a_file(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("of the file\n")
    keys = Keys(KeysConfig(), {"MODELWRIGHT_API_KEY_FILE": str(place)})
    key = keys.require({b"authorization": b"Bearer of the file"})
    assert key is not None
    assert key.role is KeyRole.OPERATOR
    with pytest.raises(RequestError):
        keys.require({b"authorization": b"Bearer other"})


@pytest.mark.parametrize(
    ("content", "more", "found"),
    [
        (None, {}, "No such file"),
        (b" \n", {}, "is empty"),
        (b"\xff\xfe", {}, "decode"),
        (b"key", {"MODELWRIGHT_API_KEY": "key"}, "both MODELWRIGHT_API_KEY and MODELWRIGHT_API_KEY_FILE"),
    ],
)
def test_a_file_without_a_key_never_opens_the_gateway(
    tmp_path: Path, content: bytes | None, more: dict[str, str], found: str
) -> None:
    place = tmp_path / "key"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(MachineError, match=found):
        Keys(KeysConfig(), {"MODELWRIGHT_API_KEY_FILE": str(place), **more})
