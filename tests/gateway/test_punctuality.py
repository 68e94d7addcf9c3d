"""How long a queue may be where nearly all answers must be in time: it follows the answers themselves."""

from __future__ import annotations

import random

import pytest

from modelwright.gateway.traffic.punctuality import IN_TIME, MOST_LATE, Punctuality

BAR_S, ROW_S = 0.1, 0.004


@pytest.mark.parametrize("slower", [0.6, 1.0, 3.0])
def test_at_most_one_answer_in_twenty_is_late_however_wrong_the_expectation_is(slower: float) -> None:
    """A queue that is always as long as it may be, on a machine that is `slower` than its passes tell."""
    draw, kept = random.Random(0), Punctuality(BAR_S)
    late, longest = [], []
    for _ in range(6000):
        rows = 0
        while kept.admits((rows + 1) * ROW_S):
            rows += 1
        seconds = rows * ROW_S * slower * draw.uniform(0.6, 1.4)
        kept.learn(seconds, ROW_S, waited=True)
        late.append(seconds > IN_TIME * BAR_S)
        longest.append(rows)
    assert sum(late[1000:]) / 5000 < 1.5 * MOST_LATE
    assert sum(longest[1000:]) / 5000 > 0.5 * IN_TIME * BAR_S / (
        ROW_S * slower * 1.4
    )  # and it refuses no more


def test_what_an_idle_worker_answers_too_late_refuses_nobody() -> None:
    kept = Punctuality(BAR_S)
    for _ in range(100):
        kept.learn(2.0, 500 * ROW_S, waited=True)  # a list
        kept.learn(2.0, ROW_S, waited=False)  # the machine did something else
    assert kept.factor == 1.0
