"""Rows whose inputs also stand in another split, and what follows from them.

A row that teaches and proves makes the proof worth less: a function that learns it by heart looks better than
it is. So the copy that proves stays, and the copy that teaches is set aside: test before validation,
validation before train. Inputs are compared after cleaning: a difference in white space hides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelwright.core.messages import DataError, Problem
from modelwright.stages.data.split import TEST, TRAIN, VALIDATION

# More than this share of the training rows is no accident: either the files hold the same rows, or equal
# inputs are natural and `repeated: keep` is meant.
MOST_REPEATED = 0.2


@dataclass(frozen=True)
class Overlap:
    """Positions of rows, with the split in which their inputs stand, too."""

    found: Mapping[int, str]

    def count(self, where: str) -> int:
        """Return how many training and validation rows also stand in the split `where`."""
        return sum(split == where for split in self.found.values())


def overlap(splits: Sequence[str], inputs: Sequence[str], used: Sequence[int]) -> Overlap:
    """Return the rows among `used` that teach, or choose, although their inputs also prove.

    `splits` and `inputs` (one text for the cleaned inputs) are of all rows.
    """
    standing = {
        where: {inputs[place] for place in used if splits[place] == where} for where in (VALIDATION, TEST)
    }
    found = {}
    for place in used:
        if splits[place] != TEST and inputs[place] in standing[TEST]:
            found[place] = TEST
        elif splits[place] == TRAIN and inputs[place] in standing[VALIDATION]:
            found[place] = VALIDATION
    return Overlap(found)


def refuse_mass(found: Overlap, splits: Sequence[str], used: Sequence[int]) -> None:
    """Raise DataError when setting the repeated rows aside would take a large part of those that teach."""
    training = sum(splits[place] == TRAIN for place in used)
    repeated = sum(splits[place] == TRAIN for place in found.found)
    if repeated > MOST_REPEATED * training:
        raise DataError(
            Problem(
                "data.repeated-inputs",
                f"at most {MOST_REPEATED:.0%} of the training rows also stand in validation or test",
                f"{repeated:,} of {training:,}",
                "name different files; or set `data.repeated: keep`, if equal inputs are natural in this "
                "data (a few categories) rather than copies",
            )
        )
