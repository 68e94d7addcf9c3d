"""A release: gated by verdicts, idempotent, and refused where the champion of a comparison has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from requirement_texts import parse

from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.evidence.verdict import Verdict, judge
from modelwright.core.messages import StateError
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.signature import Signature
from modelwright.stages.release.stage import ALREADY, HELD_BACK, RELEASED, release, require_copies
from modelwright.storage.state.database import State

SIGNATURE = Signature.parse("route(question: text) -> team: category")


@pytest.fixture
def state(tmp_path):
    return State.open(tmp_path / "state.db")


def version(state: State, package: str, champion: str | None) -> int:
    return state.register_version(
        package_digest=package,
        evidence_digest=f"evidence of {package}",
        champion_digest=champion,
        package_key=package,
        evidence_key=package,
    )


def in_production(state: State, number: int) -> None:
    found = state.request_release(number, "direct", "test")
    state.mark(found.id, "serving")
    assert state.production().number == number


def verdicts(bar: str, low: float, high: float) -> tuple[Verdict, ...]:
    requirement = parse("accuracy", bar, SIGNATURE)
    seen = Measurement(requirement.subject, Phase.TEST, (low + high) / 2, low, high, 500, "mid-p")
    return judge([requirement], [seen], [seen], phases={Phase.TEST})


MET = verdicts(">= champion - 0.01", 0.0, 0.02)


def test_a_version_that_was_compared_with_what_is_in_production_is_released(state):
    in_production(state, version(state, "first", None))
    number = version(state, "second", "first")
    found = release(state, number, MET, False, Strategy(), "test")
    assert (found.state, found.previous) == (RELEASED, 1)
    assert state.desired_release().version == number


def test_evidence_against_a_champion_that_is_no_longer_in_production_is_refused(state):
    in_production(state, version(state, "first", None))
    number = version(state, "third", "first")
    in_production(state, version(state, "second", "first"))
    before = state.desired_release()
    with pytest.raises(StateError) as caught:
        release(state, number, MET, False, Strategy(), "test")
    assert [problem.id for problem in caught.value.problems] == ["release.champion-changed"]
    assert "first" in str(caught.value)
    assert "second" in str(caught.value)
    assert state.desired_release() == before  # nothing was requested


def test_evidence_without_a_champion_is_refused_once_there_is_one(state):
    number = version(state, "second", None)
    in_production(state, version(state, "first", None))
    with pytest.raises(StateError) as caught:
        release(state, number, MET, False, Strategy(), "test")
    assert caught.value.problems[0].id == "release.champion-changed"


def test_evidence_against_a_champion_is_refused_where_nothing_is_in_production(state):
    number = version(state, "second", "first")
    with pytest.raises(StateError) as caught:
        release(state, number, MET, False, Strategy(), "test")
    assert caught.value.problems[0].id == "release.champion-changed"


def test_a_changed_champion_does_not_matter_where_no_bar_refers_to_it(state):
    in_production(state, version(state, "first", None))
    number = version(state, "third", "first")
    in_production(state, version(state, "second", "first"))
    assert release(state, number, verdicts(">= 0.9", 0.92, 0.95), False, Strategy(), "test").state == RELEASED


def test_what_is_not_proved_holds_a_release_back(state):
    number = version(state, "first", None)
    found = release(state, number, verdicts(">= 0.9", 0.85, 0.95), False, Strategy(), "test")
    assert (found.state, len(found.blocking)) == (HELD_BACK, 1)
    assert state.desired_release() is None
    assert release(state, number, verdicts(">= 0.9", 0.85, 0.95), True, Strategy(), "test").state == RELEASED


def test_what_is_in_production_is_not_released_again(state):
    in_production(state, version(state, "first", None))
    assert release(state, 1, MET, False, Strategy(), "test").state == ALREADY


def test_a_bar_that_is_judged_on_copies_needs_a_strategy_that_makes_some(state):
    bar = parse("disagreement", "<= 5 %", SIGNATURE)
    open_ = judge([bar], [], [], phases=tuple(Phase))  # as of a project: pending, until there is traffic
    canary = Strategy("canary")
    first = version(state, "first", None)
    assert release(state, first, open_, False, canary, "test").state == RELEASED  # nothing to compare with
    in_production(state, first)
    number, before = version(state, "second", "first"), state.desired_release()
    with pytest.raises(StateError) as caught:
        release(state, number, open_, False, canary, "test")
    (problem,) = caught.value.problems
    assert (problem.id, "disagreement" in problem.found) == ("release.no-copies", True)
    assert state.desired_release() == before  # nothing was requested
    for other in (replace(canary, shadow_first=True), Strategy("blue-green"), Strategy("shadow"), Strategy()):
        require_copies(state, open_, other)
    assert release(state, number, open_, False, Strategy("blue-green"), "test").state == RELEASED
