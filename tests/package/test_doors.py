"""What `data` settled about how inputs are written holds at every door: words, calls, frames, requests, forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from every_kind import every_kind
from test_package import change_manifest, ids
from tiny_serving import Releases, running, sealed

from modelwright.core.messages import PackageError, RequestError
from modelwright.gateway.server import Server
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.kinds.shared.numbers import NumberForm
from modelwright.runtime.function import Function, load

MISSING = ("k.A.", "-999")
SETTLED = {
    "n": SettledCells(missing=MISSING, numbers=(NumberForm(",", "."),)),
    "c": SettledCells(missing=MISSING),
    "d": SettledCells(missing=MISSING, dates=("%d.%m.%Y",)),
    "t": SettledCells(tag_separator="|"),
}
PLAIN = {"n": 1234.5, "b": True, "c": "no", "d": "2000-12-31", "t": ["big", "small"]}
WRITTEN = {"n": "1.234,5", "b": "yes", "c": "no", "d": "31.12.2000", "t": "big|small"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(every_kind(), tmp_path_factory.mktemp("doors") / "package", settled=SETTLED)


@pytest.fixture(scope="module")
def function(package: Path) -> Function:
    return load(package)


@pytest.fixture(scope="module")
def server(package: Path) -> Iterator[Server]:
    with running(Releases(package)) as server:
        yield server


def refused(status: int, response: httpx.Response) -> str:
    assert response.status_code == status, response.text
    found: str = response.json()["error"]["id"]
    return found


def test_what_is_sealed_is_read_again(function: Function) -> None:
    assert function.settled == SETTLED


def test_values_are_the_same_at_every_door(function: Function, server: Server) -> None:
    expected = function.rows.read(PLAIN)
    assert function.rows.read(WRITTEN, lenient=True) == expected
    as_json = {**PLAIN, "d": WRITTEN["d"]}
    assert function.rows.read(as_json) == expected
    served = server.gateway.current
    assert served is not None
    assert served.rows.read(WRITTEN, lenient=True) == expected
    url = f"{server.url}/measure"
    assert httpx.post(url, json=as_json).status_code == 200
    form = {**WRITTEN, "t": "big|small"}
    assert httpx.post(url, files={name: (None, value) for name, value in form.items()}).status_code == 200
    frame = pl.DataFrame([WRITTEN])
    assert function.predict(frame) == function.predict([PLAIN])


@pytest.mark.parametrize(
    ("name", "given"), [("n", -999), ("n", -999.0), ("c", "k.A."), ("c", -999), ("d", "k.A."), ("d", "")]
)
def test_a_missing_word_is_missing_at_every_door(
    function: Function, server: Server, name: str, given: Any
) -> None:
    row = {**PLAIN, name: given}
    for lenient in (False, True):
        with pytest.raises(RequestError) as error:
            function.predict([row], lenient=lenient)
        assert [one.id for one in error.value.problems] == ["request.missing-input"]
    assert refused(422, httpx.post(f"{server.url}/measure", json=row)) == "request.missing-input"


@pytest.mark.parametrize(("name", "given"), [("d", "12/31/2000"), ("n", "1.234,5"), ("n", "k.A.")])
def test_what_no_request_may_hold_is_refused(server: Server, name: str, given: Any) -> None:
    response = httpx.post(f"{server.url}/measure", json={**PLAIN, name: given})
    assert refused(422, response) == "request.wrong-value"


def test_the_description_says_how_dates_may_be_written(server: Server) -> None:
    row = httpx.get(f"{server.url}/openapi.json").json()["components"]["schemas"]["Row"]["properties"]
    assert "%d.%m.%Y" in row["d"]["description"]
    assert "k.A." in row["c"]["description"]


def test_a_package_of_an_earlier_format_is_read_as_before(package: Path, tmp_path: Path) -> None:
    old = sealed(every_kind(), tmp_path / "old")

    def earlier(manifest: dict[str, Any]) -> None:
        manifest["format"] = 2
        del manifest["cells"]

    change_manifest(old, earlier)
    function = load(old)
    assert function.settled is None
    assert function.predict([PLAIN])
    with pytest.raises(RequestError):
        function.predict([{**PLAIN, "d": "31.12.2000"}])


@pytest.mark.parametrize(
    "cells",
    [
        {"n": {"numbers": [{"decimal": "x"}]}},
        {"n": {"numbers": [{"decimal": ",", "thousands": ","}]}},
        {"n": {"numbers": "1"}},
        {"d": {"dates": ["%Q"]}},
        {"d": {"dates": [1]}},
        {"n": {"missing": [None]}},
        {"n": {"gaps": ["a"]}},
        {"t": {"tag_separator": ""}},
        {"other": {}},
        {"n": {"more": 1}},
        [],
    ],
)
def test_what_no_data_settles_is_no_package(tmp_path: Path, cells: Any) -> None:
    folder = sealed(every_kind(), tmp_path / "package")
    change_manifest(folder, lambda manifest: manifest.update(cells=cells))
    with pytest.raises(PackageError) as refused:
        load(folder)
    assert ids(refused) == {"package.bad-manifest"}


def test_an_earlier_format_knows_no_cells(tmp_path: Path) -> None:
    folder = sealed(every_kind(), tmp_path / "package", settled=SETTLED)
    change_manifest(folder, lambda manifest: manifest.update(format=2))
    with pytest.raises(PackageError):
        load(folder)
