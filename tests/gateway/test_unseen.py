"""A value that training never showed: said, counted, recorded, judged, and refused where that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from requirement_texts import parse
from tiny_serving import Releases, running

from modelwright.core.evidence.verdict import Outcome
from modelwright.gateway.server import Live, Server
from modelwright.monitors.live_requirements import judge_live
from modelwright.runtime.function import load
from modelwright.storage.traffic.record import LiveRecord

KNOWN = {"colour": "red", "height": 9}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    return Live(tmp_path_factory.mktemp("live") / "live.db")


@pytest.fixture(scope="module")
def server(packages: dict[str, Path], live: Live) -> Iterator[Server]:
    with running(Releases(packages["table"]), live=live) as server:
        yield server


def ask(server: Server, rows: Any) -> Any:
    response = httpx.post(f"{server.url}/measure", json=rows)
    assert response.status_code == 200, response.text
    return response.json()


def counted(server: Server, name: str) -> float:
    found = server.telemetry.registry.get_sample_value(
        "modelwright_unseen_values_total", {"function": "measure", "input": name}
    )
    return found or 0.0


@pytest.mark.parametrize("colour", ["1", "1.0", " 1 ", 1, 1.0])
def test_a_known_code_is_one_value_at_every_door(
    server: Server, packages: dict[str, Path], colour: object
) -> None:
    expected = load(packages["table"])("1", 9.0)
    answer = ask(server, {"colour": colour, "height": 9})
    assert answer["outputs"] == expected.as_json()
    assert "unseen" not in answer
    for lenient in (False, True):
        (found,) = load(packages["table"]).predict([{"colour": colour, "height": 9}], lenient=lenient)
        assert (found, found.unseen) == (expected, ())


@pytest.mark.parametrize(
    ("given", "unseen"),
    [
        ({"colour": "green"}, ["colour"]),
        ({"colour": "3.0"}, ["colour"]),
        ({"colour": 1.5}, ["colour"]),
        ({"colour": True}, ["colour"]),
        ({"marks": ["urgent", "new"]}, ["marks"]),
        ({"marks": ["7.0"]}, []),
        ({"marks": []}, []),
        ({"marks": None}, []),
        ({"height": 1e9, "note": "words that nobody knows", "sent": "1999-01-01"}, []),
        ({"colour": "green", "marks": ["new"]}, ["colour", "marks"]),
    ],
)
def test_what_was_never_seen_is_marked(
    server: Server, packages: dict[str, Path], given: dict[str, object], unseen: list[str]
) -> None:
    before = {name: counted(server, name) for name in ("colour", "marks")}
    answers = ask(server, [KNOWN, {**KNOWN, **given}])
    assert "unseen" not in answers[0]
    assert answers[1].get("unseen", []) == unseen
    assert load(packages["table"])(**{**KNOWN, **given}).unseen == tuple(unseen)
    assert {name: counted(server, name) - n for name, n in before.items()} == {
        name: float(name in unseen) for name in before
    }


@pytest.mark.parametrize("blank", ["", "  ", "\u3000", None])
@pytest.mark.parametrize("name", ["colour", "note", "sent"])
def test_a_blank_is_missing_where_it_may_be_and_a_problem_where_not(
    server: Server, packages: dict[str, Path], name: str, blank: object
) -> None:
    row = {**KNOWN, name: blank}
    response = httpx.post(f"{server.url}/measure", json=row)
    if name == "colour":
        assert (response.status_code, response.json()["error"]["id"]) == (422, "request.missing-input")
    else:
        assert response.json()["outputs"] == load(packages["table"])(**KNOWN).as_json()


def test_what_was_never_seen_is_recorded_and_judged(server: Server, live: Live) -> None:
    ask(server, [{**KNOWN, "colour": "blue"}] * 300)
    record = LiveRecord.open(live.record)
    assert server.stations[0].record is not None
    assert server.stations[0].record.flush()
    assert record.rows(0)[-1].unseen == ("colour",)
    bars = {"unseen_rate": "<= 10 %", "unseen_rate[colour]": "<= 10 %", "unseen_rate[marks]": "<= 10 %"}
    requirements = [parse(key, bar) for key, bar in bars.items()]
    seen = judge_live(record, requirements, version=1, since=0)
    found = {verdict.requirement.key: verdict.outcome for verdict in seen.verdicts}
    assert found == {
        "unseen_rate": Outcome.UNMET,
        "unseen_rate[colour]": Outcome.UNMET,
        "unseen_rate[marks]": Outcome.MET,
    }


def test_it_is_refused_where_that_is_asked(packages: dict[str, Path]) -> None:
    with running(Releases(packages["table"]), unseen="refuse") as server:
        assert "unseen" not in ask(server, KNOWN)
        response = httpx.post(f"{server.url}/measure", json=[KNOWN, {**KNOWN, "colour": "green"}])
        error = response.json()["error"]
        assert (response.status_code, error["id"]) == (422, "request.unseen-value")
        assert "`colour`" in error["found"]
        assert "item 1" in error["found"]
        assert counted(server, "colour") == 1


def test_all_probabilities_are_given_where_they_are_wanted(
    server: Server, packages: dict[str, Path], live: Live
) -> None:
    url = f"{server.url}/measure"
    (expected,) = load(packages["table"]).predict([KNOWN], probabilities=True)
    one, plain = (
        httpx.post(url, json=KNOWN, params={"probabilities": asked}).json() for asked in ("true", "false")
    )
    assert one["outputs"] == expected.as_json()
    assert plain["outputs"] == ask(server, KNOWN)["outputs"]
    (listed,) = httpx.post(url, json=[KNOWN], params={"probabilities": "true"}).json()
    assert listed["outputs"] == expected.as_json()
    refused = httpx.post(url, json=KNOWN, params={"probabilities": "perhaps"})
    assert (refused.status_code, refused.json()["error"]["id"]) == (422, "request.query-value")
    assert server.stations[0].record is not None
    assert server.stations[0].record.flush()
    found = LiveRecord.open(live.record).find(one["id"])
    assert found is not None
    assert found.outputs == plain["outputs"], "the record keeps what it always kept"
