"""Requests with files: as a form, as base64, as a data URI; and what of them is refused, before it is kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from file_bodies import LEVELS, picture, picture_body
from hypothesis import given
from hypothesis import strategies as st
from test_http import problem
from tiny_serving import Releases, running, sealed

from modelwright.core.messages import RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import form_data
from modelwright.gateway.server import Live, Server
from modelwright.runtime.function import load
from modelwright.storage.traffic.record import LiveRecord

FILE_LIMIT = 50_000
DARK = picture(20)
NOISE = bytes(range(256)) * 400  # larger than the limit of a file


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(picture_body(), tmp_path_factory.mktemp("pictures") / "package")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live") / "live.db"


@pytest.fixture(scope="module")
def server(package: Path, record: Path) -> Iterator[Server]:
    limits = {"file": FILE_LIMIT, "body": 20_000, "text": 200}
    with running(Releases(package), live=Live(record), limits=limits) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as client:
        yield client


def size_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.json()["outputs"]["size"]["value"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("size", LEVELS)
def test_a_picture_is_one_however_it_is_sent(
    client: httpx.Client, package: Path, size: str, form: str
) -> None:
    content = picture(LEVELS[size], form)
    text = base64.b64encode(content).decode()
    assert load(package)(content).size == size
    ways = {
        "base64": client.post("/measure", json={"photo": text}),
        "data URI": client.post("/measure", json={"photo": f"data:image/{form.lower()};base64,{text}"}),
        "file": client.post("/measure", files={"photo": ("cat.jpg", content)}),
        "file without a name": client.post("/measure", files={"photo": (None, content, "image/png")}),
        "base64 in a form": client.post("/measure", files={"photo": (None, text)}),
        "a form in gzip": client.post(
            "/measure",
            content=gzip.compress(body_of(("photo", content, 'filename="a"'))),
            headers={"content-type": TYPE, "content-encoding": "gzip"},
        ),
    }
    assert {name: size_of(one) for name, one in ways.items()} == dict.fromkeys(ways, size)
    rows = client.post("/measure", json=[{"photo": text}, {"photo": text, "height": 1}]).json()
    assert [row["outputs"]["size"]["value"] for row in rows] == [size, size]


def test_other_values_of_a_form_are_read_as_on_the_command_line(client: httpx.Client, record: Path) -> None:
    asked = {
        "plain": [("height", "9.5"), ("marks", "urgent;7")],
        "several": [("height", "9.5"), ("marks", "urgent"), ("marks", "7")],
    }
    for name, fields in asked.items():
        body = body_of(
            ("photo", DARK, 'filename="a.png"'), *((key, text.encode(), "") for key, text in fields)
        )
        headers = {"content-type": TYPE, "x-request-id": f"form-{name}"}
        assert size_of(client.post("/measure", content=body, headers=headers)) == "small"
    blank = client.post("/measure", files={"photo": ("a", DARK)}, data={"height": "", "marks": ""})
    assert size_of(blank) == "small"
    kept = recorded(record, {"form-plain", "form-several"})
    for row in kept.values():
        assert row["height"] == 9.5
        assert sorted(row["marks"]) == ["7", "urgent"]


def test_the_record_keeps_digest_and_size_of_a_file_and_not_the_file(
    client: httpx.Client, record: Path
) -> None:
    text = base64.b64encode(DARK).decode()
    client.post("/measure", json={"photo": text}, headers={"x-request-id": "as-text"})
    client.post("/measure", files={"photo": ("a", DARK)}, headers={"x-request-id": "as-file"})
    found = {"sha256": hashlib.sha256(DARK).hexdigest(), "bytes": len(DARK)}
    kept = recorded(record, {"as-text", "as-file"})
    assert {name: row["photo"] for name, row in kept.items()} == {"as-text": found, "as-file": found}
    whole = b"".join(path.read_bytes() for path in record.parent.glob("live.db*"))
    assert text.encode() not in whole
    assert DARK[-40:] not in whole


def recorded(record: Path, ids: set[str]) -> dict[str, dict]:
    """Return the inputs of rows in the record, once they are written there."""
    for _ in range(200):
        rows = map(LiveRecord(record).find, ids)
        found = {row.id: dict(row.inputs) for row in rows if row is not None}
        if found.keys() == ids:
            return found
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("they are not written")


BOUNDARY = "xyz"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
Part = tuple[str, bytes, str]


def body_of(*parts: Part, end: bytes = b"--xyz--\r\n") -> bytes:
    """Return a form of parts: a name, the content, and what else its disposition and headers say."""
    lines = []
    for name, content, more in parts:
        disposition, _, headers = more.partition("\n")
        head = f'--xyz\r\ncontent-disposition: form-data; name="{name}"{"; " + disposition if disposition else ""}\r\n'
        head += "".join(f"{line}\r\n" for line in headers.splitlines())
        lines.append(head.encode() + b"\r\n" + content + b"\r\n")
    return b"".join(lines) + end


PHOTO: Part = ("photo", DARK, 'filename="a.png"')
REFUSED: dict[str, tuple[bytes, str, int, str]] = {
    "no boundary": (body_of(PHOTO), "multipart/form-data", 400, "request.bad-form"),
    "an endless boundary": (body_of(PHOTO), TYPE + "x" * 300, 400, "request.bad-form"),
    "another boundary": (body_of(PHOTO), TYPE + "z", 400, "request.bad-form"),
    "nothing": (b"", TYPE, 400, "request.bad-form"),
    "cut in the file": (body_of(PHOTO)[:120], TYPE, 400, "request.bad-form"),
    "without the last boundary": (body_of(PHOTO, end=b""), TYPE, 400, "request.bad-form"),
    "JSON": (b'{"photo": ""}', TYPE, 400, "request.bad-form"),
    "a form of no parts": (b"--xyz--\r\n", TYPE, 422, "request.missing-input"),
    "a name of none": (body_of(("", DARK, 'filename="a"')), TYPE, 400, "request.bad-form"),
    "no disposition": (b"--xyz\r\nx: y\r\n\r\n1\r\n--xyz--\r\n", TYPE, 400, "request.bad-form"),
    "a name in Latin-1": (
        body_of(PHOTO).replace(b'"photo"', b'"ph\xf6to"'),
        TYPE,
        400,
        "request.bad-form",
    ),
    "a header twice": (body_of(("photo", DARK, 'filename="a"\na: b\nA: c')), TYPE, 400, "request.bad-form"),
    "many headers": (
        body_of(("photo", DARK, "\n" + "\n".join(f"h{n}: v" for n in range(50)))),
        TYPE,
        400,
        "request.bad-form",
    ),
    "a long header": (body_of(("photo", DARK, f'filename="{"a" * 9000}"')), TYPE, 400, "request.bad-form"),
    "base64 by its header": (
        body_of(("photo", DARK, 'filename="a"\ncontent-transfer-encoding: base64')),
        TYPE,
        400,
        "request.bad-form",
    ),
    "a text in UTF-16": (
        body_of(PHOTO, ("height", b"1", "\ncontent-type: text/plain; charset=utf-16")),
        TYPE,
        400,
        "request.bad-form",
    ),
    "a text that is not UTF-8": (body_of(PHOTO, ("height", b"\xff", "")), TYPE, 400, "request.bad-form"),
    "an unknown input": (body_of(PHOTO, ("hight", b"1", "")), TYPE, 422, "request.unknown-input"),
    "an unknown file": (
        body_of(PHOTO, ("foto", NOISE[:30_000], 'filename="b"')),
        TYPE,
        422,
        "request.unknown-input",
    ),
    "wide": (body_of(*[(f"x{n}", b"", "") for n in range(99)]), TYPE, 422, "request.too-wide"),
    "no photo": (body_of(("height", b"1", "")), TYPE, 422, "request.missing-input"),
    "no file chosen": (body_of(("photo", b"", 'filename=""')), TYPE, 422, "request.missing-input"),
    "an empty file": (body_of(("photo", b"", 'filename="a"')), TYPE, 422, "request.wrong-value"),
    "a text as a picture": (body_of(("photo", b"a text", 'filename="a"')), TYPE, 422, "request.wrong-value"),
    "half a picture": (body_of(("photo", DARK[:-30], 'filename="a"')), TYPE, 422, "request.wrong-value"),
    "a path": (body_of(("photo", b"/etc/passwd", "")), TYPE, 422, "request.wrong-value"),
    "a path behind @": (body_of(("photo", b"@/etc/passwd", "")), TYPE, 422, "request.wrong-value"),
    "a file for a number": (
        body_of(PHOTO, ("height", b"1", 'filename="h"')),
        TYPE,
        422,
        "request.file-for-value",
    ),
    "JSON for a number": (
        body_of(PHOTO, ("height", b"1", "\ncontent-type: application/json")),
        TYPE,
        422,
        "request.file-for-value",
    ),
    "a text for a number": (body_of(PHOTO, ("height", b"tall", "")), TYPE, 422, "request.wrong-value"),
    "a number twice": (
        body_of(PHOTO, ("height", b"1", ""), ("height", b"2", "")),
        TYPE,
        422,
        "request.wrong-value",
    ),
    "two pictures": (body_of(PHOTO, PHOTO), TYPE, 422, "request.part-twice"),
    "a picture and a text": (body_of(PHOTO, ("photo", b"abc", "")), TYPE, 422, "request.part-twice"),
    "a text and a picture": (body_of(("photo", b"abc", ""), PHOTO), TYPE, 422, "request.part-twice"),
    "a large file": (body_of(("photo", NOISE[:60_000], 'filename="a"')), TYPE, 413, "request.file-too-large"),
    "a large form": (body_of(("photo", NOISE, 'filename="a"')), TYPE, 413, "request.too-large"),
    "a long text": (body_of(PHOTO, ("marks", b"m" * 201, "")), TYPE, 422, "request.text-too-long"),
    "a long base64": (body_of(("photo", b"A" * 80_000, "")), TYPE, 422, "request.text-too-long"),
    "urlencoded": (b"photo=1", "application/x-www-form-urlencoded", 415, "request.not-json-type"),
    "another multipart": (body_of(PHOTO), "multipart/mixed; boundary=xyz", 415, "request.not-json-type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_row_as_a_form_is_refused_with_its_reason(client: httpx.Client, name: str) -> None:
    body, content_type, status, wanted = REFUSED[name]
    response = client.post("/measure", content=body, headers={"content-type": content_type})
    assert (response.status_code, problem(response)) == (status, wanted), response.text
    # Without a length that says so, the file in it is too large before the form is.
    if name == "a large form":
        wanted = "request.file-too-large"
    for size in (997, FILE_LIMIT, len(body) or 1):
        chunked = client.post(
            "/measure",
            content=(body[at : at + size] for at in range(0, len(body), size)),
            headers={"content-type": content_type},
        )
        assert (chunked.status_code, problem(chunked)) == (status, wanted), chunked.text


@pytest.mark.parametrize(
    ("size", "status", "wanted"),
    [(FILE_LIMIT + 1, 413, "request.file-too-large"), (FILE_LIMIT * 2, 413, "request.too-large")],
)
def test_a_large_file_in_json_is_refused_by_its_size(client: httpx.Client, size, status, wanted) -> None:
    big = picture(0, "BMP", (size, 1))
    response = client.post("/measure", json={"photo": base64.b64encode(big).decode()})
    assert (response.status_code, problem(response)) == (status, wanted)


def test_the_limit_of_texts_is_not_that_of_files(client: httpx.Client) -> None:
    text = base64.b64encode(picture(20, "BMP", (240, 160))).decode()  # of 200 characters, as texts here
    assert size_of(client.post("/measure", json={"photo": text})) == "small"
    # line breaks as mail has them, and as PEM
    for width in (76, 64):
        lines = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))
        assert size_of(client.post("/measure", json={"photo": lines})) == "small"


def test_the_description_says_both_content_types(client: httpx.Client) -> None:
    body = client.get("/openapi.json").json()["paths"]["/measure"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
    form = body["multipart/form-data"]["schema"]
    assert form["required"] == ["photo"]
    assert form["properties"]["photo"]["contentMediaType"] == "image/*"
    assert "contentEncoding" not in form["properties"]["photo"]


def read_in(*chunks: bytes) -> object:
    """Return the row of a form that comes in these pieces."""
    left = list(chunks)

    async def receive() -> dict:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    signature = picture_body().signature
    headers = {b"content-type": TYPE.encode()}
    return asyncio.run(form_data.read(headers, receive, signature, {"photo"}, LimitsConfig()))


WHOLE = body_of(
    ("photo", b"\r\n--xy\r\n--xxyz \x00\r\n-\r\n--xy", 'filename="a"'),
    ("marks", b"a", ""),
    ("marks", b"b", ""),
)


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=6))
def test_a_form_reads_the_same_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(set(cuts)), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in zip(places, places[1:], strict=False)]
    assert read_in(*pieces) == {"photo": b"\r\n--xy\r\n--xxyz \x00\r\n-\r\n--xy", "marks": ["a", "b"]}


def test_what_lies_in_a_part_that_is_no_input_is_not_kept() -> None:
    assert read_in(body_of(("other", NOISE, 'filename="a"'))) == {"other": None}


def test_a_form_has_a_bounded_number_of_parts() -> None:
    with pytest.raises(RequestError) as error:
        read_in(body_of(*[("marks", b"a", "")] * (form_data.MOST_PARTS + 1)))
    assert error.value.problems[0].id == "request.too-many-parts"


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_do_more_than_be_refused(junk: bytes, at: int) -> None:
    for body in (junk, WHOLE[:at] + junk + WHOLE[at:], b"--xyz\r\n" + junk):
        with contextlib.suppress(RequestError):
            assert isinstance(read_in(body), dict)
