"""From which confidence a session answers, as messages without a reply show it."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.learners.session.refusal import FEWEST, UNLEARNED, settled

RNG = np.random.default_rng(0)
KNOWN = RNG.normal(1.0, 0.5, (40, 3))
EMPTY = RNG.normal(-1.0, 0.5, (40, 3))
EVIDENCE = np.concatenate([KNOWN, EMPTY])
REPLIES = ["a reply"] * 40 + [None] * 40


def test_messages_without_a_reply_are_refused_and_few_others():
    refusal, (note,) = settled(EVIDENCE, REPLIES, None, 0.1)
    assert note.id == "session.refusal-learned"
    assert note.values["count"] >= 36
    assert note.values["wrongly"] <= 4
    assert refusal.answer_from == note.values["least"]
    assert len(refusal.sureness) == 4


def test_none_of_those_with_a_reply_need_be_refused():
    _, (note,) = settled(EVIDENCE, REPLIES, None, 0.0)
    assert note.values["wrongly"] == 0


def test_what_is_stated_stays():
    refusal, (note,) = settled(EVIDENCE, REPLIES, 0.7, 0.1)
    assert refusal.answer_from == 0.7
    assert refusal.sureness is not None
    assert note.values["is_stated"]
    assert "as `model.answer_from` says" in note.found


@pytest.mark.parametrize("stated", [None, 0.4])
def test_without_such_messages_nothing_is_learned(stated):
    refusal, notes = settled(KNOWN, ["a reply"] * 40, stated, 0.1)
    assert (refusal.answer_from, refusal.sureness, notes) == (stated or UNLEARNED, None, [])


def test_too_few_are_named():
    few = FEWEST - 1
    refusal, (note,) = settled(EVIDENCE[: 40 + few], REPLIES[: 40 + few], None, 0.1)
    assert (refusal.answer_from, refusal.sureness) == (UNLEARNED, None)
    assert (note.id, note.values["count"]) == ("session.few-unanswered", few)


def test_a_message_that_asks_nothing_shows_nothing():
    beside = np.concatenate([EVIDENCE, np.full((3, 3), np.nan)])
    assert settled(beside, [*REPLIES, None, None, "a reply"], None, 0.1) == settled(
        EVIDENCE, REPLIES, None, 0.1
    )
