"""docs/security.md: its tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from tiny_serving import Releases, running

from modelwright.core.units import parse_bytes
from modelwright.gateway.audit_log import MOST_REFUSALS
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http.exchange import MOST_RATIO
from modelwright.gateway.http.form_data import MOST_PARTS
from modelwright.gateway.http.protocol import MAX_HEAD_BYTES, MOST_HEADERS, MOST_PIPELINED
from modelwright.gateway.keys import KeyRole

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
DEEP = '{"height": ' + "[" * 9 + "]" * 9 + "}"


def table(heading: str) -> list[list[str]]:
    """Return the cells of the rows of the table with this first heading."""
    lines = PAGE.partition(f"| {heading} |")[2].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    assert rows, heading
    return rows


def default_of(cell: str) -> float | None:
    """Return a default as the page writes it."""
    if cell == "none":
        return None
    return parse_bytes(cell) if "B" in cell else float(cell)


def test_the_limits_are_those_of_the_code() -> None:
    found = {name.strip("`"): default_of(default) for name, default, _ in table("setting")}
    assert found == LimitsConfig().model_dump()
    bounds = [int(value) for _, value, _ in table("bound")]
    assert bounds == [MAX_HEAD_BYTES, MOST_HEADERS, MOST_PIPELINED, MOST_RATIO, MOST_PARTS, MOST_REFUSALS]


def test_the_roles_are_those_of_the_code() -> None:
    assert {row[0].strip("`") for row in table("role")} == {role.value for role in KeyRole}


def test_what_is_beyond_a_limit_gets_its_status_and_what_is_open_is_open(packages: dict[str, Path]) -> None:
    says = {name.strip("`"): beyond for name, _, beyond in table("setting")}
    limits = {"body": 200, "rows": 2, "text": 10, "depth": 8}
    key = {"authorization": "Bearer k", "content-type": "application/json"}
    beyond = {
        "body": '{"question": "' + "x" * 300 + '"}',
        "rows": '[{"question": "a"}, {"question": "a"}, {"question": "a"}]',
        "text": '{"question": "dental dental"}',
        "depth": DEEP,
    }
    environment = {"MODELWRIGHT_API_KEY": "k"}
    with (
        running(Releases(packages["text"]), limits=limits, environment=environment) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        for name, body in beyond.items():
            assert str(client.post("/measure", content=body, headers=key).status_code) == says[name], name
        row = next(line for line in PAGE.splitlines() if line.startswith("| a key set"))
        is_open = set(re.findall(r"`(/[^`]*)`", row))
        paths = {route.path for route in server.application.other.routes}
        assert is_open <= paths
        for path in paths:
            real = path.replace("{number}", "1")
            refused = {client.get(real).status_code, client.post(real).status_code} & {401}
            assert bool(refused) == (path not in is_open), path
