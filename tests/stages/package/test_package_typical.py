"""What a package says is typical of its inputs: medians and the most frequent, and nothing of private ones."""

from __future__ import annotations

from modelwright.core.signature import Signature
from modelwright.package.manifest import Typical
from modelwright.stages.package.typical import typical_values
from modelwright.storage.formats.data import ColumnProfile, DataProfile

SIGNATURE = Signature.parse(
    "f(age: number, job: category, note: text, sent: date, marks: tags, on: boolean) -> y: category"
)
FIGURES = {
    "age": {"quantiles": {"0.05": 20.0, "0.5": 41.0, "0.95": 77.0}},
    "job": {"classes": {"clerk": 7, "cook": 2}},
    "note": {"characters": {"quantiles": {"0.5": 80.0}}},
    "sent": {"quantiles": {"0.05": "2020-01-01", "0.5": "2022-02-02", "0.95": "2024-03-03"}},
    "marks": {"tags": {"urgent": 9, "new": 1}},
    "on": {"classes": {"true": 8, "false": 1}},
}
PROFILE = DataProfile(
    {"train": 9, "validation": 1},
    {one.name: ColumnProfile(one.kind, 10, 0, 9, FIGURES[one.name]) for one in SIGNATURE.inputs},
    {},
    {},
    {},
)


def test_typical_values_are_medians_and_the_most_frequent() -> None:
    assert typical_values(SIGNATURE, PROFILE, ()) == {
        "age": Typical(value=41.0, low=20.0, high=77.0),
        "job": Typical(value="clerk"),
        "sent": Typical(value="2022-02-02", low="2020-01-01", high="2024-03-03"),
        "marks": Typical(value=["urgent"]),
        "on": Typical(value=True),
    }


def test_nothing_is_said_of_private_inputs() -> None:
    assert typical_values(SIGNATURE, PROFILE, ("age", "job")).keys() == {"sent", "marks", "on"}
