"""The server keeps what its OpenAPI page promises: what breaks the schema is refused, what keeps it is taken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from every_kind import every_kind
from file_bodies import picture_body
from tiny_serving import Releases, linear_body, running, sealed, text_body

from modelwright.core.messages import Problem, StateError
from modelwright.gateway.operations import Found
from modelwright.gateway.server import Live

BODIES = {"numbers": linear_body, "text": text_body, "every kind": every_kind, "picture": picture_body}
# A function answers 422 to what no schema can say (a date that is none), so that only what breaks it must be refused.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
REFUSED = "negative_data_rejection"
FORMS = {"picture"}  # a function with files takes forms, too: there a number is a text like any other


class History:
    """The history of a function with one release; what is no request of it is refused."""

    def versions(self) -> Found:
        return {"versions": [{"number": 1}]}

    def releases(self) -> Found:
        return {"releases": [{"number": 1}]}

    def release(self, number: int) -> Found:
        if number != 1:
            raise StateError(Problem("release.unknown", number=number, known=[1]))
        return {"number": number}

    def request(self, version: int | None, strategy: str | None, by: str) -> Found:
        if strategy not in {None, "direct"}:
            raise StateError(Problem("versions.unknown", version=version or 0, known=[1]))
        return {"version": version or 1, "by": by}

    def roll_back(self, to: int | None, by: str) -> Found:
        return {"version": to or 1, "by": by}

    def abort(self, number: int, by: str) -> Found:
        return {**self.release(number), "by": by}


# `every kind` has the inputs of those that run with `make proof`, where each gets more examples, too.
@pytest.mark.parametrize(
    ("name", "examples"),
    [
        ("every kind", 10),
        *(pytest.param(name, 60, marks=pytest.mark.proof) for name in BODIES),
    ],
)
def test_no_request_that_breaks_the_schema_is_taken(name: str, examples: int, tmp_path: Path) -> None:
    checks = CHECKS if name in FORMS else f"{CHECKS},{REFUSED}"
    package = sealed(BODIES[name](), tmp_path / "package")
    # The operator's key, a record and a history, so that what is behind `/feedback` and `/admin` is asked, too.
    with running(
        Releases(package),
        live=Live(tmp_path / "live.db"),
        operations=History(),
        environment={"MODELWRIGHT_API_KEY": "boss"},
    ) as server:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *(
                "--seed",
                "7",
                "--max-examples",
                str(examples),
                "--checks",
                checks,
                "--generation-database",
                "none",
            ),
            *("--phases", "coverage,fuzzing", "--mode", "all"),
            *("--header", "Authorization: Bearer boss"),
        ]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert re.search(r"[1-9]\d* generated", done.stdout), done.stdout[-2000:]
