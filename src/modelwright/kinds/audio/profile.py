"""What is worth knowing of a column of sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.kinds.audio._decoding import header, loudness
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread


class AudioProfile(Profile):
    """Formats, rates, channels and lengths, and how many sounds are silent or clipped."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `seconds`, rows by `formats`, `rates` and `channels`, and the `silent` and `clipped`."""
        headers = [header(value) for value in values]
        heard = [loudness(value) for value in values]
        return {
            "distinct": values.n_unique(),
            "formats": {**_counted(one.format for one in headers)},
            "rates": {**_counted(str(one.rate) for one in headers)},
            "channels": {**_counted(str(one.channels) for one in headers)},
            "seconds": spread(np.array([one.seconds for one in headers])),
            "silent": sum(one.silent for one in heard),
            "clipped": sum(one.clipped for one in heard),
        }

    def remarks(self, column: str, figures: Mapping[str, Json]) -> Iterator[Notice]:
        """Yield how many sounds are silent, how many clipped, and how many are of another rate than most."""
        rates = figures.get("rates")
        if not isinstance(rates, dict):
            return
        counts = {int(rate): int(str(count)) for rate, count in rates.items()}
        rows = sum(counts.values())
        if silent := figures["silent"]:
            yield Notice("sound.silent", column=column, count=silent, rows=rows)
        if clipped := figures["clipped"]:
            yield Notice("sound.clipped", column=column, count=clipped, rows=rows)
        if len(counts) > 1:
            most, *others = counts
            apart = rows - counts[most]
            yield Notice("sound.rates", column=column, count=apart, rows=rows, rate=most, others=others[:3])


def _counted(names: Iterator[str]) -> dict[str, int]:
    """Return the rows by name, the most frequent first, those of equal count by name."""
    found = Counter(names)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
