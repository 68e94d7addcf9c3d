"""Which form is taken: the best that keeps what the exact one shows; a bar on the size comes first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import ValidationError

from modelwright.core.messages import PackageError, Phrase
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.compression import FormChoice, read
from modelwright.learners.contract.export import Compressor
from modelwright.outcomes.contract.gap import Gap
from modelwright.package.body import Body
from modelwright.stages.package import form_search
from modelwright.stages.package.accept import Figures, Main
from modelwright.stages.package.candidate import Candidate, Trial
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.package.form_search import FormSearch

SIGNATURE = Signature.parse("f(a: number) -> b: category")
FORMS = {
    "int8": (300, 0.5),
    "int4": (150, 0.9),
    "float16": (500, 1.0),
    "prune": (700, 0.7),
    "low-rank": (900, 1.2),
    "int8-blocks": (310, 0.6),
}
OTHERWISE = ("int8-blocks",)


def body(size: int) -> Body:
    return Body(SIGNATURE, "once", {"model": b"x" * size}, {})


class Fake(Compressor):
    """Makes bodies of stated sizes; `low-rank` finds nothing to change."""

    @property
    def offers(self) -> Sequence[Sequence[FormChoice]]:
        return tuple(read(name) for name in FORMS if name not in OTHERWISE)

    @property
    def otherwise(self) -> Sequence[Sequence[FormChoice]]:
        return tuple(map(read, OTHERWISE))

    def made(self, chosen: Sequence[FormChoice]) -> Body | Phrase | None:
        if chosen[0].form == "int8-static":
            return None
        if chosen[0].form == "low-rank":
            return Phrase("package.form-changes-nothing", form="low-rank")
        return body(FORMS[chosen[0].form][0])

    def work(self, body: Body) -> float:
        (found,) = [work for size, work in FORMS.values() if size == len(body.graphs["model"])] or [1.0]  # type: ignore[arg-type]
        return found


def figures(value: float) -> Figures:
    return Figures({"b": Main("accuracy", value, 0.895, higher=True)}, {}, frozenset())


def candidate(name: str, size: int, value: float = 0.9, work: float = 1.0) -> Candidate:
    return Candidate(name, body(size), figures(value), {}, work, 0.001, changed=Gap(100, 1, 0.0, 0.0))


def search(
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: float = math.inf,
    worse: str | Sequence[str] = (),
    dependent: str = "",
) -> FormSearch:
    def tried(name: str, made: Body, trial: Trial, exact: Candidate, work: float) -> Candidate:
        lost = name in ([worse] if isinstance(worse, str) else worse)
        return candidate(name, len(made.graphs["model"]), 0.8 if lost else 0.9, work)  # type: ignore[arg-type]

    def looked_at(one: Candidate, trial: Trial) -> Candidate:
        gap = Gap(100, 3 if one.name == dependent else 0, 0.0, 0.0)
        return replace(one, batches=gap)

    monkeypatch.setattr(form_search, "try_out", tried)
    monkeypatch.setattr(form_search, "looked_at", looked_at)
    monkeypatch.setattr(form_search, "_beside_graphs", lambda exact: 10)
    return FormSearch("network", Fake(), candidate("exact", 1000), None, most_bytes)  # type: ignore[arg-type]


def taken(of: FormSearch) -> str | None:
    with Silent().task("") as task:
        found = of.auto(task).taken
    return None if found is None else found.name


def test_the_smallest_and_quickest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    # 300 · 0.5 = 150, 150 · 0.9 = 135
    assert taken(search(monkeypatch)) == "int4"


def test_a_form_that_loses_or_mixes_its_batch_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(search(monkeypatch, worse="int4")) == "int8"
    assert taken(search(monkeypatch, dependent="int4")) == "int8"
    assert taken(search(monkeypatch, worse="int4", dependent="int8")) == "prune"


def test_what_is_offered_otherwise_is_tried_where_no_offer_may_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (
        taken(search(monkeypatch, worse=[name for name in FORMS if name not in OTHERWISE])) == "int8-blocks"
    )
    assert taken(search(monkeypatch, worse=list(FORMS))) is None
    with Silent().task("") as task:
        found = search(monkeypatch).auto(task)
    assert "int8-blocks" not in [one.name for one in found.candidates], "it costs a pass over validation"


def test_a_bar_on_the_size_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, "int4", (150, 3.0))  # 450: more than the others
    assert taken(search(monkeypatch)) == "int8"
    assert taken(search(monkeypatch, most_bytes=200)) == "int4"


def test_what_gains_nothing_is_left_unless_a_bar_on_the_size_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, (size, _) in list(FORMS.items()):
        monkeypatch.setitem(FORMS, name, (size, 9.0))
    assert taken(search(monkeypatch)) is None
    assert taken(search(monkeypatch, most_bytes=200)) == "int4"


def test_what_changes_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with Silent().task("") as task:
        found = search(monkeypatch).auto(task)
    assert [name for name, _ in found.idle] == ["low-rank"]


@pytest.mark.parametrize(
    ("form", "settings", "why"),
    [
        ("low-rank", {}, "nothing to change"),
        ("int8-static", {}, "has no form"),
        ("int8-blocks", {"worse": "int8-blocks"}, "0.8"),
        ("int8", {"worse": "int8"}, "0.8"),
        ("int8", {"dependent": "int8"}, "batch"),
    ],
)
def test_insisting_on_what_must_be_refused_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, form: str, settings: dict[str, str], why: str
) -> None:
    with Silent().task("") as task, pytest.raises(PackageError) as caught:
        search(monkeypatch, **settings).insisted(read(form), task)  # type: ignore[arg-type]
    assert form in caught.value.problems[0].found
    assert why in caught.value.problems[0].found


def test_the_same_form_twice_is_refused_and_one_form_with_other_options_is_none() -> None:
    with pytest.raises(ValidationError, match="`int8` is named twice"):
        PackageConfig.model_validate({"compress": ["int8", "int8"]})
    with pytest.raises(ValidationError, match=r"`prune\(share=0.5\)` is named twice"):
        PackageConfig.model_validate({"compress": [{"form": "prune", "share": 0.5}] * 2})
    several = [{"form": "int4", "of": "tables"}, {"form": "int4", "of": "matrices", "block": 64}]
    assert len(PackageConfig.model_validate({"compress": several}).compress) == 2
