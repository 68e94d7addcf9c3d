"""The facet `twins`: which values are nearly the same, though their bytes differ. Needs the extra `learn`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prints:
    """What near twins are known by: `hashes` uint64 (n, words), `details` uint8 (n, m), `telling` (n,).

    A value that is not telling (missing, refused, or plain: one colour, silence) has no twins.
    """

    hashes: NDArray[np.uint64]
    details: NDArray[np.uint8]
    telling: NDArray[np.bool_]


class Twins(ABC):
    """Finds near twins: the same picture saved anew, the same sound at another rate.

    Two values are twins where their hashes differ in at most `most_bits` bits (a Hamming distance over all words), and
    their details by at most `most_difference` on average. A kind without this facet has no twins but equal values.
    """

    most_bits: ClassVar[int]
    most_difference: ClassVar[float]

    @abstractmethod
    def prints(self, values: Sequence[Any]) -> Prints:
        """Return the prints of values (None: missing); one that the kind would refuse is not telling, and no error.

        The print of a value does not depend on the values beside it.
        """
