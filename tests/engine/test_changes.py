from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.engine.changes import config_changes

SAME_START = "a purpose that is long enough to be cut, which says "


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (3, "3", '3 → "3"'),
        (1, 1.0, "1 → 1.0"),
        ("a\n", "a", '"a\\n" → a'),
        ("", "a", '"" → a'),
        ("absent", "null", "absent → null"),
        (
            SAME_START + "one",
            SAME_START + "two",
            "a purpose th…cut, which says one → a purpose th…cut, which says two",
        ),
        (
            SAME_START + "one",
            SAME_START + "one thing",
            "a purpose th…, which says one → a purpose th…, which says one thing",
        ),
        ("a" * 50, "b" * 50, f"{'a' * 39}… → {'b' * 39}…"),
        (["a", "b", "b"], ["b", "c"], "gained c, lost a, b"),
        (["a"], [], "lost a"),
        ([], list("abcde"), "gained a, b, c and 2 more"),
        (["a", "b"], ["b", "a"], "in another order"),
        (
            [SAME_START + "1"],
            [SAME_START + "2"],
            "gained a purpose th…cut, which says 2, lost a purpose th…cut, which says 1",
        ),
        ([3, 4], ["3", 4], 'gained "3", lost 3'),
        (["a"], "a", '["a"] → a'),
        ([{"n": 1}, 2], [{"n": 1}, [2]], "gained [2], lost 2"),
    ],
)
def test_what_is_said_of_a_value(old: object, new: object, words: str) -> None:
    assert config_changes({"k": old}, {"k": new}) == [f"config `k` {words}"]


def test_a_change_is_named_by_its_dotted_key() -> None:
    old = {"plan": {"try": [{"name": "a", "on": {"x": 1}}, {"name": "b"}], "same": [1]}}
    new = {"plan": {"try": [{"name": "a", "on": {"x": 2}}, {"name": "b"}], "same": [1], "more": {"y": 1}}}
    assert config_changes(old, new) == [
        'config `plan.more` absent → {"y":1}',
        "config `plan.try[0].on.x` 1 → 2",
    ]


def test_a_requirement_that_changed_stands_alone() -> None:
    long = [f"recall[class-{number}] where language == 'zh' >= 0.9" for number in range(9)]
    (words,) = config_changes({"requirements": long}, {"requirements": [*long[:8], long[8] + "5"]})
    assert (
        words
        == "config `requirements` gained recall[class…e == 'zh' >= 0.95, lost recall[class…e == 'zh' >= 0.9"
    )


PLAIN = st.characters(exclude_characters="…→")
VALUES = st.integers() | st.none() | st.text(PLAIN) | st.text("ab", min_size=30, max_size=90)


@given(VALUES, VALUES, st.text("ab", max_size=60))
def test_two_sides_never_read_alike_and_are_short(old: object, new: object, start: str) -> None:
    before, after = [start + one if isinstance(one, str) else one for one in (old, new)]
    assume(digests.canonical_json(before) != digests.canonical_json(after))
    (words,) = config_changes({"k": before}, {"k": after})
    sides = words.removeprefix("config `k` ").split(" → ")
    assert len(set(sides)) == 2
    assert max(map(len, sides)) <= 40
