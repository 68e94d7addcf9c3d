"""Values that stand for nothing (-200 among readings) are named wherever they are, with what to write."""

from __future__ import annotations

import numpy as np

from modelwright.core.signature import Signature
from modelwright.stages.plan.warnings import fill_values
from modelwright.storage.formats.examples import Examples

ROWS = 400


def readings(middle: float, spread: float, seed: int) -> list[float]:
    """Return a gas sensor's readings, of which every tenth failed."""
    values = np.random.default_rng(seed).normal(middle, spread, ROWS)
    values[::10] = -200
    return values.tolist()


def test_a_fill_value_is_named_in_inputs_and_truths_of_any_scale() -> None:
    signature = Signature.parse("gas(hot: number?, high: number, usual: number) -> gas: number")
    columns = {
        "hot": readings(18, 9, 0),
        "high": readings(1100, 150, 1),  # some nine deviations away
        "usual": np.random.default_rng(2).normal(0, 90, ROWS).tolist(),  # -200 would be one of them
        "gas": readings(10, 7, 3),
    }
    found = list(fill_values(signature, Examples([str(row) for row in range(ROWS)], columns)))
    assert [(one.id, one.values["column"], one.values["count"]) for one in found] == [
        ("plan.fill-value", "hot", 40), ("plan.fill-value", "high", 40), ("plan.fill-truth", "gas", 40),
    ]  # fmt: skip
    optional, required, truth = (one.next_step for one in found)
    assert 'missing: ["-200"]' in optional
    assert "?" not in optional
    assert "high: number?" in required
    assert 'missing: ["-200"], invalid: drop' in truth
