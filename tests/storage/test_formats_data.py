"""The formats of `data`: what is written is read, what an earlier version sealed is migrated, the rest is refused."""

import json

import pytest

from modelwright.core.messages import StateError
from modelwright.core.signature import Signature
from modelwright.storage.formats import data
from modelwright.storage.formats.data import ColumnProfile, Counts, DataProfile, SourceCounts, SplitCounts

COUNTS = Counts(
    rows_read=5,
    rows={"train": 3, "validation": 1, "test": 1},
    splits={"train": SplitCounts(read=3, used=2, rejected=1, duplicates=0, conflicts={"risk": 1})},
    classes={"risk": {"good": {"train": 2, "test": 1}}},
    also_in_test=1,
    also_in_validation=0,
    sources=(SourceCounts("source", "loans.csv", 5, "utf-8", ";"),),
    test_sketch=("0a", "0b"),
)
PROFILE = DataProfile(
    rows={"train": 3, "validation": 1},
    inputs={"income": ColumnProfile("number", 4, 1, 3, {"least": 1.5, "quantiles": {"0.5": 2.0}})},
    outputs={"risk": ColumnProfile("category", 4, 0, 1, {}, {"good": {"train": 2, "validation": 1}})},
    columns={"income": "Net income", "risk": "risk"},
    keep={"lang": "Language"},
)
CENSUS_OF_FORMAT_1 = {
    "format": 1,
    "read": 5,
    "rows": {"train": 3, "validation": 1, "test": 1},
    "splits": {"train": {"read": 3, "used": 2, "rejected": 1, "duplicates": 0, "conflicts": {"risk": 1}}},
    "classes": {"risk": {"good": {"train": 2, "test": 1}}},
    "also_in_test": 1,
    "also_in_validation": 0,
    "sources": [{"for": "source", "name": "loans.csv", "rows": 5, "encoding": "utf-8", "separator": ";"}],
    "test_sketch": ["0a", "0b"],
}
PROFILE_OF_FORMAT_1 = {
    "format": 1,
    "rows": {"train": 3, "validation": 1},
    "inputs": {
        "income": {"kind": "number", "rows": 4, "missing": 1, "least": 1.5, "most": 1.5},
        "note": {"kind": "text", "rows": 4, "missing": 0, "distinct": 2, "characters": {"least": 3.0}},
        "age": {"kind": "number", "rows": 4, "missing": 4},
    },
    "outputs": {
        "risk": {
            "kind": "category", "rows": 4, "missing": 0, "distinct": 1, "classes": {"good": 4},
            "splits": {"good": {"train": 3, "validation": 1}},
        }
    },
    "columns": {"income": "Net income"},
    "keep": {},
}  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    signature = Signature.parse("grade(income: number?, note: text) -> risk: category")
    data.write_signature(signature, tmp_path / "profile")
    PROFILE.write(tmp_path / "profile")
    COUNTS.write(tmp_path / "counts")
    assert data.read_signature(tmp_path / "profile") == signature
    assert DataProfile.read(tmp_path / "profile") == PROFILE
    assert Counts.read(tmp_path / "counts") == COUNTS
    before = (tmp_path / "counts" / "counts.json").read_bytes()
    COUNTS.write(tmp_path / "counts")
    assert (tmp_path / "counts" / "counts.json").read_bytes() == before


def test_the_census_of_an_earlier_version_is_read_as_counts(tmp_path):
    (tmp_path / "census.json").write_text(json.dumps(CENSUS_OF_FORMAT_1))
    assert Counts.read(tmp_path) == COUNTS


def test_the_profile_of_an_earlier_version_is_read(tmp_path):
    (tmp_path / "profile.json").write_text(json.dumps(PROFILE_OF_FORMAT_1))
    profile = DataProfile.read(tmp_path)
    assert profile.inputs["income"] == ColumnProfile("number", 4, 1, 1, {"least": 1.5, "most": 1.5})
    assert profile.inputs["note"].distinct == 2
    assert profile.inputs["note"].figures == {"characters": {"least": 3.0}}
    assert profile.inputs["age"].distinct is None
    assert profile.outputs["risk"].classes == {"good": {"train": 3, "validation": 1}}
    assert profile.outputs["risk"].figures == {"classes": {"good": 4}}


def test_a_signature_without_a_number_is_that_of_an_earlier_version(tmp_path):
    text = {"name": "f", "inputs": [{"name": "a", "kind": "text", "optional": False}], "outputs": []}
    (tmp_path / "signature.json").write_text(json.dumps(text))
    assert str(data.read_signature(tmp_path)) == "f(a: text)"


def test_a_newer_format_says_so(tmp_path):
    (tmp_path / "counts.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(StateError) as caught:
        Counts.read(tmp_path)
    assert caught.value.problems[0].id == "format.newer"
    assert "99" in caught.value.problems[0].found


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", '{"rows_read": 1}', '{"format": 0}', '{"format": "2"}', '{"format": 2, "rows": 3}',
        '{"format": 1, "read": 1}', '{"format": 1, "sources": [1], "read": 1}', None,
    ],
)  # fmt: skip
def test_what_is_none_of_ours_is_refused_with_its_file(tmp_path, content):
    if content is not None:
        (tmp_path / "counts.json").write_text(content)
    with pytest.raises(StateError) as caught:
        Counts.read(tmp_path)
    problem = caught.value.problems[0]
    assert problem.id == "format.unreadable"
    assert problem.where == str(tmp_path / "counts.json")
    assert "modelwright data --force" in problem.next_step
