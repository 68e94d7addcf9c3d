"""The JSON of a request: what json.loads reads, unless it breaks a bound; then a RequestError."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import RequestError
from modelwright.gateway.limits import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def depth_of(value: object) -> int:
    """Return how deeply a value nests."""
    if isinstance(value, dict | list):
        return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)
    return 0


@given(VALUES, st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_it_reads_what_is_within_the_bounds_and_nothing_else(value, max_depth, max_items, ascii_only) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        assert read_json(body, max_depth=max_depth, max_items=max_items) == json.loads(body.decode())
    except UnicodeDecodeError:
        return
    except RequestError as error:
        problem = error.problems[0].id
        if problem == "request.too-deep":
            assert depth_of(value) > max_depth
        elif problem == "request.too-many-items":
            assert isinstance(value, list)
            assert len(value) > max_items
        else:
            assert problem == "request.not-utf8"
    else:
        # a short list is let through by the cheap count, which its caller repeats on the parsed value
        assert depth_of(value) <= max_depth or body.count(b"[") + body.count(b"{") <= max_depth


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_request_error(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        read_json(body, max_depth=3, max_items=3)


@given(st.text(alphabet='"\\[]{},:a1 ', max_size=60))
def test_any_structure_gives_a_value_or_a_request_error(text: str) -> None:
    try:
        value = read_json(text.encode(), max_depth=2, max_items=2)
    except RequestError:
        return
    assert depth_of(value) <= 2


@pytest.mark.parametrize(
    ("body", "problem", "status"),
    [
        (b"[" * 10_000, "request.too-deep", 400),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "request.too-deep", 400),
        (b"[" + b"0," * 1_000_000 + b"0]", "request.too-many-items", 413),
        (b"[" + b"{}," * 600_000 + b"{}]", "request.too-many-items", 413),
        (b'{"a": 1, "a": 2}', "request.duplicate-key", 400),
        (b'{"a": NaN}', "request.not-finite", 400),
        (b"-Infinity", "request.not-finite", 400),
        (b"9" * 5000, "request.long-integer", 400),
        (b"", "request.not-json", 400),
        (b"\xef\xbb\xbf{}", "request.not-json", 400),
        (b"\xff", "request.not-utf8", 400),
        (b'"' + b'\\"' * 100_000, "request.not-json", 400),
    ],
)
def test_what_is_refused(body: bytes, problem: str, status: int) -> None:
    with pytest.raises(RequestError) as error:
        read_json(body, max_depth=32, max_items=1000)
    assert (error.value.problems[0].id, error.value.status) == (problem, status)


def test_of_a_byte_order_mark_it_is_said_that_it_is_one() -> None:
    with pytest.raises(RequestError, match="byte order mark"):
        read_json(b"\xef\xbb\xbf{}", max_depth=32, max_items=1000)


def test_brackets_and_commas_inside_of_texts_do_not_count() -> None:
    text = '[{,"\\' * 2000
    assert read_json(json.dumps({"q": text}).encode(), max_depth=3, max_items=3) == {"q": text}
