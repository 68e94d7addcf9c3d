from __future__ import annotations

from modelwright.core.picture import MOST_BYTES, Picture


def test_a_picture_is_a_data_uri_of_bounded_size():
    found = Picture.of("image/png", b"abc", 3, 2)
    assert found is not None
    assert found.uri == "data:image/png;base64,YWJj"
    assert Picture.of("image/svg+xml", b"x" * (MOST_BYTES + 1), 3, 2) is None


def test_what_is_no_base64_never_stands_in_a_page():
    assert Picture("image/png", 'AA" onload="x', 1, 1).uri == "data:image/png;base64,"
