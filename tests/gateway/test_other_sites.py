"""What a page of another site makes a browser send, and keys that are written oddly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tiny_serving import Releases, running

from modelwright.gateway.server import Server

ROW = b'{"height": 1}'


@pytest.fixture(scope="module")
def keyless(packages: dict[str, Path]) -> Iterator[Server]:
    """Run a server without keys that also answers for a name of its own."""
    with running(Releases(packages["linear"]), hosts=["models.example"]) as server:
        yield server


def asked(server: Server, **headers: str) -> tuple[int, str]:
    """Return the status of the answer to a row, and the id of what is wrong ("" for nothing)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = httpx.post(f"{server.url}/measure", content=ROW, headers=named)
    return found.status_code, found.json().get("error", {}).get("id", "")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "a.localhost", "models.example:80"]
)
def test_a_server_without_keys_answers_for_this_machine_and_its_names(keyless: Server, host: str) -> None:
    assert asked(keyless, host=host, content_type="application/json") == (200, "")


@pytest.mark.parametrize(
    "host", ["attacker.example", "localhost.attacker.example", "models.example.attacker.example"]
)
def test_a_name_that_was_led_here_is_refused_on_every_path(keyless: Server, host: str) -> None:
    assert asked(keyless, host=host, content_type="application/json") == (403, "request.other-host")
    for path in (
        "/openapi.json",
        "/docs",
        "/metrics",
        "/admin/traffic",
        "/v2/models/measure",
    ):
        found = httpx.get(f"{keyless.url}{path}", headers={"host": host})
        assert (path, found.status_code) == (path, 403)


@pytest.mark.parametrize(
    "given", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_what_a_page_of_another_site_may_send_without_asking_is_refused(keyless: Server, given: str) -> None:
    for more in ({}, {"sec_fetch_site": "cross-site"}):
        found = asked(keyless, content_type=given, origin="http://attacker.example", **more)
        assert found == (403, "request.foreign-form")


def test_a_page_of_the_server_itself_is_no_other_site(keyless: Server) -> None:
    own = {"content_type": "text/plain", "origin": keyless.url}
    assert asked(keyless, **own)[1] != "request.foreign-form"
    assert asked(keyless, **own, sec_fetch_site="same-origin")[1] != "request.foreign-form"
    assert asked(keyless, **own, sec_fetch_site="same-site") == (403, "request.foreign-form")


def test_a_long_key_is_read_whole_and_blanks_around_it_are_none_of_it(packages: dict[str, Path]) -> None:
    key = "k" * 1_500
    with running(Releases(packages["linear"]), environment={"MODELWRIGHT_API_KEY": f" {key}\n"}) as server:
        given = {"content_type": "application/json"}
        assert asked(server, authorization=f"Bearer {key}", **given) == (200, "")
        for wrong in (key[:-1], key + "k", key[:-1] + "K"):
            assert asked(server, authorization=f"Bearer {wrong}", **given)[0] == 401
        alike = f"Bearer {key[:-1]}ĸ".encode()  # a letter that looks like a k
        found = httpx.post(f"{server.url}/measure", content=ROW, headers={b"authorization": alike})
        assert found.status_code == 401


@pytest.mark.parametrize(
    "scheme", ["Basic", "Digest", "Negotiate", "Token", "bearer eyJhbGciOiJub25lIn0.e30.", "Bearer"]
)
def test_no_other_scheme_lets_in(keyed: Server, scheme: str) -> None:
    assert asked(keyed, authorization=f"{scheme} k k", content_type="application/json")[0] == 401


@pytest.fixture(scope="module")
def keyed(packages: dict[str, Path]) -> Iterator[Server]:
    """Run a server with a key."""
    with running(Releases(packages["linear"]), environment={"MODELWRIGHT_API_KEY": "k"}) as server:
        yield server
