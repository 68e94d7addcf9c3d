"""What `data.augment` declares, as amounts; and what is wrong with it, each with the keys that lead there."""

from __future__ import annotations

import pytest

from modelwright import kinds
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.augment import Augment
from modelwright.kinds.varying import amounts, augment_problems

SIGNATURE = Signature.parse("see(photo: image?, other: image, note: text) -> what: category")
USUAL = dict(kinds.facet("image", Augment).default_amounts())


def test_without_a_declaration_every_input_that_varies_varies_a_little_and_is_not_mirrored() -> None:
    found = amounts(SIGNATURE, "auto")
    assert found == {"photo": USUAL, "other": USUAL}
    assert {"rotate", "brightness"} <= USUAL.keys()
    assert not {"flip_horizontal", "flip_vertical", "noise", "erase"} & USUAL.keys()


@pytest.mark.parametrize(
    ("declared", "photo", "other"),
    [
        ("none", None, None),
        ({"photo": "none"}, None, USUAL),
        ({"photo": {"rotate": 10}}, {"rotate": 10.0}, USUAL),
        ({"photo": {"rotate": 0, "shift": 0.2}, "other": "none"}, {"shift": 0.2}, None),
        ({"photo": {"flip_horizontal": True, "rotate": False}}, {"flip_horizontal": 0.5}, USUAL),
        ({"photo": {"rotate": True}}, {"rotate": USUAL["rotate"]}, USUAL),
    ],
)
def test_what_is_declared_is_taken(declared: object, photo: object, other: object) -> None:
    found = amounts(SIGNATURE, declared)  # type: ignore[arg-type]
    assert (found.get("photo"), found.get("other")) == (photo, other)


@pytest.mark.parametrize(
    ("declared", "path", "id"),
    [
        ("automatic", (), "augment.not-a-setting"),
        ({"photos": "auto"}, ("photos",), "augment.unknown-input"),
        ({"what": "auto"}, ("what",), "augment.unknown-input"),
        ({"note": {"rotate": 3}}, ("note",), "augment.fixed"),
        ({"photo": 3}, ("photo",), "augment.not-a-setting"),
        ({"photo": {"rotation": 3}}, ("photo", "rotation"), "augment.unknown"),
        ({"photo": {"rotate": -1}}, ("photo", "rotate"), "augment.range"),
        ({"photo": {"rotate": 181}}, ("photo", "rotate"), "augment.range"),
        ({"photo": {"rotate": float("nan")}}, ("photo", "rotate"), "augment.range"),
        ({"photo": {"rotate": "10"}}, ("photo", "rotate"), "augment.range"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(declared: object, path: tuple[str, ...], id: str) -> None:  # noqa: A002
    found = list(augment_problems(SIGNATURE, declared))  # type: ignore[arg-type]
    assert [(at, problem.id) for at, problem in found] == [(path, id)]
    with pytest.raises(ProjectError, match=r"\w"):
        amounts(SIGNATURE, declared)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", kinds.having(Augment))
def test_a_kind_says_how_it_varies(name: str) -> None:
    variations = kinds.facet(name, Augment).variations
    assert len({one.name for one in variations}) == len(variations) > 0
    assert all(0 < one.usual <= one.most for one in variations)
    assert all(one.summary and "\n" not in one.summary for one in variations)
