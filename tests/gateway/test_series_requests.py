"""A window that is none: every fault gets one message over HTTP, which names its row; gaps are filled as declared."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from tiny_serving import Releases, running, sealed

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.gateway.server import Server
from modelwright.kinds.timeseries.window import TimeWindow
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.window_form import WindowForm

STEPS = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("series")
    draws = np.random.default_rng(0)
    columns = {
        "past": [TimeWindow.of(draws.uniform(1, 9, STEPS).tolist()) for _ in range(60)],
        "next": [TimeWindow.of(draws.uniform(1, 9, 2).tolist()) for _ in range(60)],
    }
    rows = Examples([str(row) for row in range(60)], columns, WindowForm(gaps="previous"))
    spec = learners.spec("linear")
    for name in ("out", "scratch"):
        (folder / name).mkdir()
    setup = Setup("linear", 20, 60, 1, "float32", "avx2", 0, spec.Options(), spec.Training(), {})
    signature = Signature.parse("measure(past: timeseries) -> next: timeseries")
    learners.learn("linear").learn(
        signature, Rows(rows, rows), setup, folder / "out", folder / "scratch", Silent()
    )
    package = sealed(learners.export("linear").export(folder / "out"), folder / "package")
    with running(Releases(package)) as found:
        yield found


def ask(server: Server, body: object) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.post(f"{server.url}/measure", content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("past", "said"),
    [
        ([1.0] * (STEPS - 1), "a series of 5 steps"),
        ([], "without steps"),
        ([[1.0, 2.0]] * STEPS, "2 channels"),
        ([[1.0]] * (STEPS - 1) + [[1.0, 2.0]], "step 6 has 2 channels"),
        ([1.0] * (STEPS - 1) + ["many"], "'many'"),
        ([1.0] * (STEPS - 1) + [True], "true"),
        ([1.0] * (STEPS - 1) + [{"value": 1}], "value"),
        ("1, 2, 3, 4, 5, 6", "1, 2, 3"),
        (7, "7"),
        ({"values": [1.0] * STEPS}, "values"),
        (None, "past"),
        ([None] * STEPS, "past"),
    ],
    ids=str,
)
def test_a_window_that_is_none_gets_one_message(server: Server, past: object, said: str) -> None:
    response = ask(server, {"past": past})
    assert response.status_code == 422, response.text
    assert said in response.json()["error"]["found"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_of_json_is_refused(server: Server, number: str) -> None:
    response = ask(server, f'{{"past": [1, 2, 3, 4, 5, {number}]}}')
    assert response.status_code in {400, 422}, response.text


@pytest.mark.parametrize("wrong", [["x"] * STEPS, [1.0]], ids=["parsed", "fitted"])
def test_the_window_of_a_request_is_named(server: Server, wrong: list[object]) -> None:
    response = ask(server, [{"past": [1.0] * STEPS}, {"past": wrong}])
    assert response.status_code == 422
    assert "item 1" in response.text


def test_a_longer_window_is_read_from_its_newest_steps_and_a_gap_is_filled(server: Server) -> None:
    def answer(past: list[float | None]) -> dict[str, object]:
        found: dict[str, object] = ask(server, {"past": past}).json()["outputs"]["next"]
        return found

    newest = [2.0, 3.0, 3.0, 5.0, 6.0, 7.0]
    assert answer([9.0] * 40 + newest) == answer(newest)
    gap = answer([2.0, 3.0, None, 5.0, 6.0, 7.0])
    assert gap["value"] == answer(newest)["value"]
    interval = gap["interval"]
    assert isinstance(interval, dict)
    assert interval["filled"] == 1
