"""Equal things have equal digests, and the digests are those of the field: SHA-256 of canonical JSON, of bytes."""

from __future__ import annotations

import hashlib

import pytest

from modelwright.core import digests


def test_canonical_json_is_one_text():
    assert digests.canonical_json({"b": [1, 2.5], "a": "é部"}) == '{"a":"é部","b":[1,2.5]}'
    assert digests.canonical_json({"b": 1, "a": 2}) == digests.canonical_json({"a": 2, "b": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digests.canonical_json([value])


def test_a_digest_is_sha256():
    assert digests.of_bytes(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert digests.of_json({"é": 1}) == hashlib.sha256('{"é":1}'.encode()).hexdigest()


@pytest.mark.parametrize(
    "size", [0, 1, digests.CHUNK_BYTES, digests.CHUNK_BYTES + 1, 2 * digests.CHUNK_BYTES + 7]
)
def test_a_file_is_read_to_its_end(tmp_path, size):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(data)
    assert digests.of_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_folder_is_its_names_and_contents(tmp_path):
    (tmp_path / "sub" / "empty").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "sub" / "b").write_bytes(b"2")
    listing = {"a": digests.of_bytes(b"1"), "sub/b": digests.of_bytes(b"2")}
    assert digests.of_folder(tmp_path) == digests.of_listing(listing) == digests.of_json(listing)
    (tmp_path / "sub" / "b").rename(tmp_path / "sub" / "c")
    assert digests.of_folder(tmp_path) != digests.of_listing(listing)
