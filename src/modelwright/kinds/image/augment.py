"""In which ways a picture may vary and still show the same."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.augment import Augment, Variation


class ImageAugment(Augment):
    """Small turns, shifts, zooms and changes of light. Mirrored pictures only where a project says that they are alike.

    A mirrored letter is another, and so is a mirrored heart.
    """

    variations: ClassVar[tuple[Variation, ...]] = (
        Variation("rotate", "degrees, either way", 180.0, 8.0),
        Variation("shift", "share of the width and of the height, either way", 0.5, 0.08),
        Variation("scale", "share by which it is enlarged or made smaller", 0.9, 0.1),
        Variation("shear", "degrees, either way", 45.0, 5.0),
        Variation("brightness", "share of the full range, either way", 1.0, 0.1),
        Variation("contrast", "share by which it is raised or lowered", 0.9, 0.15),
        Variation(
            "noise",
            "largest deviation of noise, as a share of the full range",
            0.5,
            0.05,
            on_request=True,
        ),
        Variation(
            "erase",
            "largest share of the area that is covered, in half of the pictures",
            0.5,
            0.2,
            on_request=True,
        ),
        Variation(
            "flip_horizontal", "probability that left and right are exchanged", 1.0, 0.5, on_request=True
        ),
        Variation(
            "flip_vertical", "probability that top and bottom are exchanged", 1.0, 0.5, on_request=True
        ),
    )
