"""The texts of a corpus in two files: all bytes one after another, and where each text begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.searching.lexical_index import DamagedIndexError

TEXTS, OFFSETS = "corpus/texts.bin", "corpus/offsets.i64"
TEXT_FILES = (TEXTS, OFFSETS)


@dataclass(frozen=True)
class PassageTexts:
    """Texts by place, read from mapped bytes when they are asked for; offsets: (N + 1,)."""

    content: bytes | memoryview
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: int) -> str:
        return bytes(self.content[int(self.offsets[place]) : int(self.offsets[place + 1])]).decode()

    @classmethod
    def of_files(cls, files: Mapping[str, bytes | memoryview]) -> PassageTexts:
        """Read what `text_files` gave; raises DamagedIndexError."""
        try:
            offsets = np.frombuffer(files[OFFSETS], dtype="<i8")
            content = files[TEXTS]
        except (KeyError, ValueError) as error:
            raise DamagedIndexError(str(error)) from None
        sound = (
            len(offsets) > 1
            and offsets[0] == 0
            and bool((np.diff(offsets) >= 0).all())
            and offsets[-1] == len(content)
        )
        if not sound:
            raise DamagedIndexError("the offsets are not those of the texts")
        return cls(content, offsets)


def text_files(passages: Sequence[str]) -> dict[str, bytes]:
    """Return the two files of passages, in their order."""
    encoded = [passage.encode() for passage in passages]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return {TEXTS: b"".join(encoded), OFFSETS: offsets.astype("<i8").tobytes()}
