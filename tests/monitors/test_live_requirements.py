"""Live measurements from a real record: what counts as slow, and what counts as failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from requirement_texts import parse

from modelwright.core.evidence.verdict import Outcome
from modelwright.core.messages import ProjectError
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.gateway.traffic.recording import Traffic
from modelwright.monitors.live_requirements import LiveVerdicts, judge_live
from modelwright.storage.traffic.record import LiveRecord


def requirements() -> list[Requirement]:
    """Return one bar that traffic can show of each sort, and one that it cannot."""
    bars = {"latency_p95": "<= 100 ms", "failure_rate": "<= 10 %", "size": "<= 1 MB"}
    return [parse(key, bar) for key, bar in bars.items()]


def judged(path: Path, rows: list[tuple[int, float, int]], **given: float | int | None) -> LiveVerdicts:
    """Write rows (version, latency, code), one a second from time 1000 on, and judge them."""
    record = LiveRecord.open(path / "live.db")
    record.record([Traffic(f"r{i}", 1000.0 + i, v, {}, None, s, code) for i, (v, s, code) in enumerate(rows)])
    assert record.flush()
    record.close()
    return judge_live(record, requirements(), **{"version": 1, "since": 0.0, **given})  # type: ignore[arg-type]


def outcomes(seen: LiveVerdicts) -> dict[str, Outcome]:
    """Return the verdicts by metric."""
    return {verdict.requirement.subject.metric: verdict.outcome for verdict in seen.verdicts}


def test_good_traffic_meets_the_bars(tmp_path: Path) -> None:
    seen = judged(tmp_path, [(1, 0.01, 200)] * 500)
    assert outcomes(seen) == {"latency_p95": Outcome.MET, "failure_rate": Outcome.MET}
    assert (seen.requests, seen.failures, seen.dropped) == (500, 0, 0)


def test_bad_traffic_does_not(tmp_path: Path) -> None:
    seen = judged(tmp_path, [(1, 0.5, 200)] * 300 + [(1, 0.01, 500)] * 200)
    assert outcomes(seen) == {"latency_p95": Outcome.UNMET, "failure_rate": Outcome.UNMET}
    assert (seen.requests, seen.failures) == (500, 200)


def test_refusals_that_took_no_time_do_not_look_fast(tmp_path: Path) -> None:
    seen = judged(tmp_path, [(1, 0.5, 200)] * 50 + [(1, 0.0001, 503)] * 950)
    assert outcomes(seen)["latency_p95"] is Outcome.UNMET
    latency = next(m for m in seen.measurements if m.subject.metric == "latency_p50")
    assert (latency.value, latency.n) == (0.5, 50)


def test_waiting_in_vain_counts_as_slow_and_as_failed(tmp_path: Path) -> None:
    seen = judged(tmp_path, [(1, 30.0, 504)] * 100)
    assert outcomes(seen) == {"latency_p95": Outcome.UNMET, "failure_rate": Outcome.UNMET}


def test_without_traffic_everything_is_pending(tmp_path: Path) -> None:
    assert set(outcomes(judged(tmp_path, [])).values()) == {Outcome.PENDING}


@pytest.mark.parametrize(
    ("given", "requests"),
    [({"version": 2}, 3), ({"version": None}, 8), ({"since": 1004.0}, 1), ({"until": 1002.0}, 2)],
)
def test_a_version_and_a_time_are_picked_out(tmp_path: Path, given: dict, requests: int) -> None:
    rows = [(1, 0.01, 200)] * 5 + [(2, 0.01, 200)] * 3
    assert judged(tmp_path, rows, **given).requests == requests


def test_how_fast_answers_are_written_is_judged_where_they_are(tmp_path: Path) -> None:
    signature = Signature.parse("reply(message: text) -> answer: text")
    bars = [
        parse(key, bar, signature)
        for key, bar in {"ttft_p95": "<= 300 ms", "tokens_per_second": ">= 40"}.items()
    ]
    record = LiveRecord.open(tmp_path / "live.db")
    record.record([Traffic(f"r{i}", 1000.0 + i, 1, {}, None, 2.0, 200) for i in range(5)])
    assert record.flush()
    before = judge_live(record, bars, version=1, since=0.0)
    assert outcomes(before) == dict.fromkeys(("ttft_p95", "tokens_per_second"), Outcome.PENDING)
    written = [
        Traffic(
            f"w{i}", 2000.0 + i, 1, {}, None, 2.0, 200, first_s=0.1, tokens_per_second=[30.0, None][i % 2]
        )
        for i in range(200)
    ]
    record.record(written)
    assert record.flush()
    seen = judge_live(record, bars, version=1, since=0.0)
    record.close()
    assert outcomes(seen) == {"ttft_p95": Outcome.MET, "tokens_per_second": Outcome.UNMET}
    found = {one.subject.metric: (one.value, one.n) for one in seen.measurements}
    assert found["ttft_p50"] == (0.1, 200)
    assert found["tokens_per_second"] == (30.0, 100)


def test_only_a_function_that_writes_has_a_first_token() -> None:
    with pytest.raises(ProjectError) as found:
        parse("ttft_p95", "<= 300 ms", Signature.parse("route(question: text) -> domain: category"))
    assert found.value.problems[0].id == "requirement.kind"
    with pytest.raises(ProjectError):
        parse("tokens_per_second", ">= 40 /s")
    parse("ttft_p95", "<= 300 ms", Signature.parse("order(mail: text) -> order: record"))
