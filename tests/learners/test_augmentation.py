"""Each variation does what its name says, and what is drawn follows from seed and step alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modelwright import kinds
from modelwright.kinds.contract.augment import Augment
from modelwright.kinds.contract.common import Form
from modelwright.learners.training import augmentation
from modelwright.learners.training.augmentation import varied

NAMES = [one.name for one in kinds.facet("image", Augment).variations]
AMOUNTS = {one.name: one.usual for one in kinds.facet("image", Augment).variations} | {
    "erase": 0.3,
    "rotate": 30.0,
}


def pictures(count: int = 16, height: int = 24, width: int = 40, channels: int = 3) -> torch.Tensor:
    draw = np.random.default_rng(0)
    return torch.from_numpy(draw.integers(40, 216, (count, height, width, channels), dtype=np.uint8))


def pixels(
    given: torch.Tensor, seed: int = 0, step: int = 1, place: int = 0, **amounts: float
) -> torch.Tensor:
    arrays = {"pixels": given, "missing": torch.zeros(len(given))}
    found = varied(arrays, Form.PIXELS, amounts, seed, step, place)
    assert found.keys() == arrays.keys()
    assert found["pixels"].shape == given.shape
    return found["pixels"]


@pytest.mark.parametrize("kind", kinds.having(Augment))
def test_a_learner_can_vary_what_a_kind_says(kind: str) -> None:
    form = kinds.arrays(kind).input_form
    assert form is not None
    assert augmentation.takes(form)


@pytest.mark.parametrize("name", NAMES)
def test_each_variation_changes_pictures_by_what_is_drawn_for_them(name: str) -> None:
    given = pictures()
    found = pixels(given, **{name: AMOUNTS[name]})
    changed = [bool((one != two).any()) for one, two in zip(found, given, strict=True)]
    assert any(changed)
    assert found.min() >= 0
    assert found.max() <= 255
    assert torch.equal(found, pixels(given, **{name: AMOUNTS[name]}))
    for other in ({"seed": 1}, {"step": 2}, {"place": 1}):
        assert not torch.equal(found, pixels(given, **other, **{name: AMOUNTS[name]}))  # type: ignore[arg-type]


def test_nothing_declared_changes_nothing() -> None:
    given = pictures()
    assert pixels(given) is given


@pytest.mark.parametrize(("name", "axis"), [("flip_horizontal", 2), ("flip_vertical", 1)])
def test_a_flip_is_exact(name: str, axis: int) -> None:
    given = pictures()
    assert torch.equal(pixels(given, **{name: 1.0}), given.flip(axis).to(torch.float32))


def test_a_shift_moves_by_at_most_its_share() -> None:
    given = torch.zeros(64, 41, 81, 1, dtype=torch.uint8)
    given[:, 20, 40] = 255
    found = pixels(given, shift=0.25)
    places = torch.stack(
        [torch.tensor(np.unravel_index(int(one.argmax()), (41, 81))) for one in found[..., 0]]
    )
    down, across = (places - torch.tensor([20, 40])).abs().max(dim=0).values.tolist()
    assert 0.15 * 41 < down <= 0.25 * 41 + 1
    assert 0.15 * 81 < across <= 0.25 * 81 + 1


def disc(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    inside = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2 < 10**2
    return (inside.to(torch.uint8) * 255).view(1, height, width, 1).expand(32, -1, -1, -1)


@pytest.mark.parametrize(("height", "width"), [(40, 40), (30, 90), (90, 30)])
def test_a_turn_keeps_the_shape_of_things_whatever_the_sides(height: int, width: int) -> None:
    given = disc(height, width)
    assert (pixels(given, rotate=180.0) - given).abs().mean() < 4


def test_scale_and_shear_change_area_as_they_say() -> None:
    given = disc(60, 60).to(torch.float32)
    area = given[0].sum()
    scaled = pixels(given, scale=0.5).sum(dim=(1, 2, 3)) / area
    assert 1.5 < scaled.max() <= 1.5**2 * 1.05
    assert 1 / 1.5**2 * 0.95 <= scaled.min() < 0.7
    assert ((pixels(given, shear=20.0).sum(dim=(1, 2, 3)) / area - 1).abs() < 0.05).all()


def test_light_changes_by_at_most_its_share() -> None:
    given = pictures(64)
    bright = pixels(given, brightness=0.1).mean(dim=(1, 2, 3)) - given.to(torch.float32).mean(dim=(1, 2, 3))
    assert 15 < bright.abs().max() <= 25.6
    assert bright.min() < 0 < bright.max()
    ratio = pixels(given, contrast=0.3).std(dim=(1, 2, 3)) / given.to(torch.float32).std(dim=(1, 2, 3))
    assert 0.69 <= ratio.min() < 0.9
    assert 1.1 < ratio.max() <= 1.31


def test_erasing_covers_at_most_its_share_of_half_of_them() -> None:
    given = pictures(200, 32, 32)
    changed = (pixels(given, erase=0.25) != given).any(dim=-1).to(torch.float32).mean(dim=(1, 2))
    assert changed.max() <= 0.25 + 0.07  # the edges of a rectangle fall on whole pixels
    assert 0.3 < (changed > 0).to(torch.float32).mean() < 0.7
