"""Answers that are given again: by whom, and never across versions."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import httpx
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server, Serving
from modelwright.gateway.traffic.cache import Cache
from modelwright.runtime.function import load
from modelwright.runtime.worker.channel import Reply

SIZE = {"cache": {"size": "1 MiB"}}


def hits(server: Server) -> float:
    """Return how many requests were answered without a worker."""
    found = server.telemetry.registry.get_sample_value(
        "modelwright_cache_hits_total", {"function": "measure"}
    )
    return found or 0.0


def test_an_answer_is_given_again_and_never_that_of_another_version(packages: dict[str, Path]):
    releases = Releases(packages["linear"])
    with running(releases, **SIZE) as server, httpx.Client(base_url=server.url) as client:

        def size(version: int, height: float, query: str = "") -> dict[str, object]:
            headers = {"x-modelwright-version": str(version)}
            answer = client.post(f"/measure{query}", json={"height": height}, headers=headers).json()
            assert answer["version"] == version
            return answer["outputs"]["size"]

        first = size(1, 9.5)
        assert (size(1, 9.5), hits(server)) == (first, 1)
        assert "probabilities" in size(1, 9.5, "?probabilities=true")  # another question
        size(1, 9.6)
        assert hits(server) == 1
        releases.ask(packages["shifted"])
        releases.share({1: 1.0, 2: 0.0})
        assert releases.changed.wait(60)
        assert size(2, 9.5) == load(packages["shifted"])(9.5).as_json()["size"] != first
        assert hits(server) == 1
        ids = [client.post("/measure", json={"height": 9.5}).json()["id"] for _ in range(2)]
        assert ids[0] != ids[1]
        assert hits(server) == 3


def test_what_one_function_keeps_no_other_gives(packages: dict[str, Path], tmp_path: Path) -> None:
    """Two functions of one gateway with the same inputs and version numbers, asked the same in turns."""
    signature = Signature.parse("weigh(height: number, width: number?) -> size: category")
    other = sealed(dataclasses.replace(linear_body(3.0), signature=signature), tmp_path / "weigh")
    second, row = Releases(other), {"height": 9.5}
    beside = [Serving("weigh", ServeConfig(**SIZE), second)]
    expected = {
        "measure": load(packages["linear"])(9.5).as_json()["size"],
        "weigh": load(other)(9.5).as_json()["size"],
    }
    assert expected["measure"] != expected["weigh"]
    with running(Releases(packages["linear"]), beside=beside, **SIZE) as server:
        assert second.changed.wait(60)
        tensor = {"name": "height", "datatype": "FP64", "shape": [1], "data": [9.5]}
        for _ in range(2):
            for name, size in expected.items():
                answer = httpx.post(f"{server.url}/{name}", json=row).json()
                assert answer["outputs"]["size"] == size
                infer = f"{server.url}/v2/models/{name}/infer"
                outputs = httpx.post(infer, json={"inputs": [tensor]}).json()["outputs"]
                assert outputs[0]["data"] == [size["value"]]
        assert hits(server) == 3  # of the four that `measure` was asked


def test_what_one_path_keeps_another_gives_in_its_own_form(packages: dict[str, Path]):
    """A row asked alone, in a list, as a tensor, with probabilities or by another key: as without a cache."""
    tensor = {"name": "height", "datatype": "FP64", "shape": [1], "data": [9.5]}
    paths = [
        ("/measure", {"height": 9.5}),
        ("/measure", [{"height": 9.5}]),
        ("/measure", [{"height": 9.5}, {"height": 9.5}]),
        ("/measure?probabilities=true", {"height": 9.5}),
        ("/v2/models/measure/infer", {"inputs": [tensor]}),
        ("/measure", {"height": 9.5, "width": 0}),
        ("/measure", {"height": True}),
    ]

    def asked(server: Server, path: str, body: object, key: str = "k") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {key}"}
        found = httpx.post(f"{server.url}{path}", json=body, headers=headers)
        return found.status_code, re.sub(
            r'"id": ?"[^"]*"', "", found.text
        )  # each answer has an id of its own

    known = {"a": {"role": "caller", "sha256": hashlib.sha256(b"a").hexdigest()}}
    more = {"keys": {"known": known}, "environment": {"MODELWRIGHT_API_KEY": "k"}}
    with running(Releases(packages["linear"]), **more) as server:
        plain = [asked(server, *one) for one in paths]
    assert len(set(plain)) == len(paths)
    with running(Releases(packages["linear"]), **more, **SIZE) as server:
        for order in (paths, paths[::-1], paths):
            again = {str(one): asked(server, *one) for one in order}
            assert [again[str(one)] for one in paths] == plain
        before = hits(server)
        assert before >= 2 * (len(paths) - 1)  # the last is no row
        assert asked(server, *paths[0], "a") == plain[0]  # what a function answers is no secret of a key
        assert asked(server, *paths[0], "wrong")[0] == 401  # and what is kept is not for strangers
        assert hits(server) == before + 1


def test_nothing_is_kept_of_private_inputs_unless_that_is_said(packages: dict[str, Path]):
    for private, expected in ((False, 0), (True, 1)):
        options = {"cache": {"size": "1 MiB", "private": private}, "record": {"private": ["height"]}}
        with running(Releases(packages["linear"]), **options) as server:
            for _ in range(2):
                assert httpx.post(f"{server.url}/measure", json={"height": 9.5}).is_success
            assert hits(server) == expected


def test_answers_are_kept_unless_an_input_is_private_or_versions_are_compared(packages: dict[str, Path]):
    releases = Releases(packages["linear"])
    with running(releases, cache={}) as server, httpx.Client(base_url=server.url) as client:

        def ask() -> int:
            before = hits(server)
            assert client.post("/measure", json={"height": 9.5}).is_success
            return int(hits(server) - before)

        assert [ask(), ask()] == [0, 1]
        releases.ask(packages["shifted"])
        releases.share({1: 0.5, 2: 0.5})
        assert releases.changed.wait(60)
        # an answer that is kept takes no time, and a new version has none: it would look slow
        assert [ask() for _ in range(6)] == [0] * 6
    for changed in ({"cache": {}, "record": {"private": ["height"]}}, {"cache": {"size": 0}}):
        with running(Releases(packages["linear"]), **changed) as server:
            for _ in range(2):
                assert httpx.post(f"{server.url}/measure", json={"height": 9.5}).is_success
            assert hits(server) == 0
    assert ServeConfig().cache.size == 64 << 20


def test_it_keeps_what_was_used_last_within_its_bytes():
    cache = Cache(5_000)
    keys = [bytes([n]) for n in range(20)]
    for key in keys:
        cache.put(key, Reply([[["small", 0.5]]], 1.0, 1.0, 4))
        cache.get(keys[0])
    kept = [key for key in keys if cache.get(key) is not None]
    assert keys[0] in kept
    assert kept[-1] == keys[-1]
    assert 3 < len(kept) < 10
    assert cache.get(keys[0]).batch_rows == 0
    cache.put(b"large", Reply([[["x" * 10_000, 0.5]]], 0.0, 0.0, 1))
    cache.put(b"failed", Reply(None, 0.0, 0.0, 1))
    assert cache.get(b"large") is None
    assert cache.get(b"failed") is None
