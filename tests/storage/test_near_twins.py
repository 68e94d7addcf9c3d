"""Groups of near twins are sealed beside the rows, by id; a part without any has no file."""

import json

import pytest

from modelwright.core.messages import StateError
from modelwright.storage.formats.near_twins import NearTwins

IDS = ["a", "b", "a-1", "c", "d"]


def test_groups_come_back_as_codes_of_the_rows(tmp_path):
    found = NearTwins.of(IDS, [7, 3, 7, 3, 5])
    assert found.groups == (("a", "a-1"), ("b", "c"))
    found.write(tmp_path)
    assert json.loads((tmp_path / "near-twins.json").read_text("utf-8"))["format"] == 1
    read = NearTwins.read(tmp_path)
    assert read == found
    codes = read.codes(["d", *IDS[:4]])  # whatever the order of the rows
    assert codes is not None
    assert [(codes == code).sum() for code in codes.tolist()] == [1, 2, 2, 2, 2]
    assert codes[1] == codes[3] != codes[2]


@pytest.mark.parametrize("codes", [[], [0, 1, 2, 3, 4]])
def test_a_part_without_twins_has_no_file(tmp_path, codes):
    NearTwins.of(IDS[: len(codes)], codes).write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert NearTwins.read(tmp_path) == NearTwins()  # as of a part that an earlier version sealed
    assert NearTwins.read(tmp_path).codes(IDS) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 99, "groups": []}', '{"format": 1, "groups": 3}']
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "near-twins.json").write_text(content, "utf-8")
    with pytest.raises(StateError, match=r"near-twins\.json"):
        NearTwins.read(tmp_path)
