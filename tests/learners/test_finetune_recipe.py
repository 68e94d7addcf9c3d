"""What fine-tuning leaves open follows from what it reads: rates, and whether rare classes are drawn more often."""

from __future__ import annotations

import pytest

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners.finetune.learn import _most_steps, _recipe
from modelwright.learners.finetune.spec import FinetuneOptions, FinetuneTraining
from modelwright.learners.training.encoded_rows import EncodedRows

PHOTO, TEXT = "see(photo: image) -> bright: category", "see(caption: text) -> bright: category"
BOTH, NUMBER = "see(photo: image, caption: text) -> bright: category", "see(photo: image) -> level: number"


def rows(signature: str, rare: int) -> EncodedRows:
    """Return 20 rows, so many of them of the second class."""
    signed = Signature.parse(signature)
    known = {
        "photo": [picture("PNG", "L", seed=seed) for seed in range(20)],
        "caption": ["a caption"] * 20,
        "bright": ["a"] * (20 - rare) + ["b"] * rare,
        "level": [float(row) for row in range(20)],
    }
    states = {field.name: kinds.arrays(field.kind).fit(known[field.name]) for field in signed.outputs}
    columns = {field.name: known[field.name] for field in (*signed.inputs, *signed.outputs)}
    return EncodedRows(signed, states, columns)


@pytest.mark.parametrize(
    ("signature", "rare", "rates", "balanced"),
    [
        (PHOTO, 2, (4e-4, 2e-3), True),
        (PHOTO, 10, (4e-4, 2e-3), False),
        (NUMBER, 2, (4e-4, 2e-3), False),
        (TEXT, 2, (2e-4, 1e-3), False),
        (BOTH, 2, (2e-4, 1e-3), False),
    ],
)
def test_what_is_left_open(signature: str, rare: int, rates: tuple[float, float], balanced: bool) -> None:
    recipe = _recipe(FinetuneOptions(), FinetuneTraining(), rows(signature, rare))
    assert (recipe.learning_rate, recipe.head_rate) == rates
    assert recipe.balanced is balanced


@pytest.mark.parametrize(
    ("signature", "options", "epoch", "most"),
    [
        (TEXT, {}, 50, 500),
        (TEXT, {}, 280, 1000),
        (TEXT, {}, 500, 1500),
        (TEXT, {"most_epochs": 7}, 500, 3500),
        (TEXT, {"lora": {"rank": 4}}, 500, 5000),
        (PHOTO, {}, 500, 5000),
    ],
)
def test_many_texts_are_read_in_fewer_passes(
    signature: str, options: dict[str, object], epoch: int, most: int
) -> None:
    assert _most_steps(Signature.parse(signature), FinetuneOptions.model_validate(options), epoch) == most


def test_what_is_stated_holds() -> None:
    recipe = _recipe(
        FinetuneOptions(head_rate=0.5, balanced=False), FinetuneTraining(learning_rate=0.1), rows(PHOTO, 2)
    )
    assert (recipe.learning_rate, recipe.head_rate, recipe.balanced) == (0.1, 0.5, False)
