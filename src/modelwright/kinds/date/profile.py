"""What is worth knowing of a column of dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.date.value import DateValue
from modelwright.kinds.shared.figures import QUANTILES


class DateProfile(Profile):
    """When the dates lie."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `earliest`, `latest` and `quantiles`, in UTC; each is a date of the column."""
        counts = values.value_counts(name="rows").rows()
        times = sorted((DateValue().comparable(value), count) for value, count in counts)
        # The quantile of a share is the first date with at least that share of the rows up to it.
        upto = np.cumsum([count for _, count in times]) / len(values)
        places = np.searchsorted(upto, QUANTILES)
        return {
            "distinct": len(counts),
            "earliest": times[0][0],
            "latest": times[-1][0],
            "quantiles": {
                f"{share:g}": times[place][0] for share, place in zip(QUANTILES, places.tolist(), strict=True)
            },
            "zones": {**_zones(values)},
        }

    def remarks(self, column: str, figures: Mapping[str, Json]) -> Iterator[Notice]:
        """Yield how many moments say their time zone; where several do, or some do not, hours are of several clocks."""
        zones = figures.get("zones")
        if not isinstance(zones, dict) or not set(zones) - {_NONE}:
            return
        counts = {zone: int(str(count)) for zone, count in zones.items()}
        without = counts.pop(_NONE, 0)
        names = [*counts][:_SHOWN_ZONES]
        yield Notice(
            "data.time-zones",
            column=column,
            count=sum(counts.values()),
            zones=names,
            without=without or None,
            several=len(counts) > 1,
        )


_NONE = ""  # of a moment that does not say its zone
_SHOWN_ZONES = 4


def _zones(values: pl.Series) -> dict[str, int]:
    """Return how many values have each offset from UTC, as they write it, the most frequent first."""
    offsets = values.str.extract(r"T.*?(Z|[+-][0-9]{2}:[0-9]{2})$").fill_null(_NONE)
    found = {str(zone): int(count) for zone, count in offsets.value_counts(name="rows").iter_rows()}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
