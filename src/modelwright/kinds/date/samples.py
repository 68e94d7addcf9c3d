"""Dates to try the kind with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone

from modelwright.kinds.contract.samples import Samples


class DateSamples(Samples[str]):
    """Days and moments in the forms of ISO 8601, and what only looks like one."""

    def strict(self) -> Sequence[tuple[object, str]]:
        """Return ISO texts."""
        return [
            ("2024-03-01", "2024-03-01"),
            ("2024-03-01T00:00", "2024-03-01"),
            ("2024-03-01T10:20", "2024-03-01T10:20:00"),
            ("2024-03-01 10:20:30", "2024-03-01T10:20:30"),
            ("2024-02-29t10:20:30.5z", "2024-02-29T10:20:30.500000Z"),
            ("2024-03-01T10:20:30,123456789", "2024-03-01T10:20:30.123456"),
            ("2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-03-01T10:20+02:00", "2024-03-01T10:20:00+02:00"),
            ("2024-03-01 10:20 -0330", "2024-03-01T10:20:00-03:30"),
            ("2024-03-01T10:20-00", "2024-03-01T10:20:00Z"),
            ("0001-01-01", "0001-01-01"),
            ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ]

    def lenient(self) -> Sequence[tuple[object, str | None]]:
        """Return the dates and moments of typed tables."""
        zone = timezone(timedelta(hours=5, minutes=30))
        return [
            (date(2024, 3, 1), "2024-03-01"),
            (datetime(2024, 3, 1), "2024-03-01"),
            (datetime(2024, 3, 1, 10, 20, tzinfo=UTC), "2024-03-01T10:20:00Z"),
            (datetime(2024, 3, 1, 10, 20, tzinfo=zone), "2024-03-01T10:20:00+05:30"),
            (" 2024-03-01 ", "2024-03-01"),
            ("", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return days that there are not, other ways to write a date, and other values."""
        days = ["2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "2024-03-01T24:00"]
        days += [
            "2024-03-01T10:60",
            "2024-03-01T10:20:60",
            "2024-03-01T10:20+24:00",
            "2024-03-01T10:20+02:60",
        ]
        days += ["0001-01-01T00:00+01:00", "9999-12-31T23:00-02:00"]
        ways = [
            "20240301",
            "2024-W09-5",
            "2024-061",
            "01.03.2024",
            "03/01/2024",
            "2024-3-1",
            "2024-03",
            "10:20",
        ]
        ways += [
            "2024-03-01T",
            "2024-03-01T10",
            "2024-03-01Z",
            "٢٠٢٤-03-01",
            "2024-03-01  10:20",
            "x" * 10_000,
        ]
        return [*days, *ways, 20240301, 1.5, True, ["2024-03-01"], {"day": 1}]

    def refused_strictly(self) -> Sequence[object]:
        """Return a text with white space around it."""
        return [" 2024-03-01"]

    def values(self) -> Sequence[str | None]:
        """Return days of several years, moments, and missing ones."""
        days = [f"{2000 + step}-{1 + step % 12:02}-{1 + step:02}" for step in range(25)]
        return [*days, None, "2024-03-01T10:20:00", "2024-03-01T10:20:00+02:00", None, "2024-03-01T08:20:00Z"]

    def column(self) -> Sequence[object]:
        """Return days that repeat, as categories do."""
        return [*(f"2024-03-{1 + step % 5:02}" for step in range(40)), "", "n/a"]
