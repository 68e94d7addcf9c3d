from __future__ import annotations

import pytest

from modelwright import kinds

TAGS = kinds.value("tags")
ARRAYS = kinds.arrays("tags")


@pytest.mark.parametrize(
    ("given", "members", "unseen"),
    [
        (["1", "2"], [1, 1], False),
        (["1.0"], [1, 0], False),
        (["1", "1.0"], [1, 0], False),
        (["2.0", "9"], [0, 1], True),
        (["1.10"], [0, 0], True),
        ([], [0, 0], False),
    ],
)
def test_a_tag_is_the_same_in_every_spelling_that_leaves_no_doubt(
    given: list[str], members: list[int], unseen: bool
) -> None:
    state = ARRAYS.fit([frozenset({"1"}), frozenset({"2"})])
    value = TAGS.parse(given)
    assert ARRAYS.encode([value], state)["members"].tolist() == [members]
    assert ARRAYS.unseen([value], state) == [unseen]
