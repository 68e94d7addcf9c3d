"""A log is bounded: lines alike are counted, and nothing in a line acts on a terminal or looks like another line."""

from __future__ import annotations

import io
import logging

import pytest

from modelwright.runtime.log_lines import MOST_ALIKE, MOST_LINES, WINDOW_S, BoundedHandler


class Log:
    """A logger of its own, its clock, and what it wrote."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = BoundedHandler(self.stream, lambda: self.now)
        self.logger = logging.Logger("modelwright.test")
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        """Return what was written, without its time."""
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    """Return a log."""
    return Log()


def test_lines_alike_are_written_a_few_times_and_counted(log):
    for _ in range(1_206):
        log.logger.error("the disk is full")
    assert len(log.lines) == MOST_ALIKE
    log.logger.error("another")
    assert len(log.lines) == MOST_ALIKE + 1
    log.now = WINDOW_S + 1
    log.logger.error("the disk is full")
    assert "… 1,203 more such lines: the disk is full" in log.stream.getvalue()
    assert log.lines[-1].endswith("the disk is full")


def test_exceptions_of_other_requests_are_alike(log):
    def fails(number: int) -> None:
        try:
            raise ValueError(f"no such row: {number}")
        except ValueError:
            log.logger.exception("request %s", number)

    for number in range(5_000):
        fails(number)
    assert len(log.stream.getvalue()) < 5_000
    log.handler.close()
    assert "… 4,997 more such lines: ValueError" in log.stream.getvalue()


def test_however_many_sorts_of_lines_there_are_a_window_is_bounded(log):
    for number in range(50_000):
        log.logger.error("no such path: %d", number)
    assert len(log.lines) == MOST_LINES
    assert len(log.handler._alike) <= MOST_LINES
    log.handler.close()
    assert f"… {50_000 - MOST_LINES:,} more lines" in log.lines[-1]


def test_a_window_that_has_passed_begins_anew(log):
    for minute in range(5):
        log.now = minute * (WINDOW_S + 1)
        for _ in range(10):
            log.logger.error("again")
    log.handler.close()
    assert log.stream.getvalue().count("… 7 more such lines") == 5


def test_a_line_cannot_look_like_two_nor_act_on_a_terminal(log):
    log.logger.error(
        "name: %s", "a\n2026-01-01 00:00:00,000 INFO all is well \x1b[2J\x07\r\u202e\u2028\u200b"
    )
    first, second = log.stream.getvalue().rstrip("\n").split("\n")
    assert second.startswith("    2026")
    assert second.endswith(r"\x1b[2J\x07\r\u202e\u2028\u200b")
    assert "name: a" in first
