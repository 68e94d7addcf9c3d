"""The passages of a project: a corpus, and those of them that rows name.

corpus/passages.parquet                  every passage of the corpus with its id, in the order of the source
train/passages.parquet, validation/…     those that the rows name, which is all that learning sees of a corpus
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

PASSAGES_FILE = "passages.parquet"
_SCHEMA = {"id": pl.String, "passage": pl.String}


@dataclass(frozen=True)
class Corpus:
    """Ids and passages, as many of the one as of the other; each id once, equal passages under several ids."""

    ids: Sequence[str]
    passages: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def by_id(self) -> Mapping[str, str]:
        """Return the passage of each id."""
        return dict(zip(self.ids, self.passages, strict=True))

    def distinct(self) -> tuple[list[str], list[int]]:
        """Return the passages that differ, in order, and for each id the place of its passage among them."""
        place_of: dict[str, int] = {}
        places = [place_of.setdefault(passage, len(place_of)) for passage in self.passages]
        return list(place_of), places

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        frame = pl.read_parquet(folder / PASSAGES_FILE, glob=False, hive_partitioning=False)
        return cls(frame["id"].to_list(), frame["passage"].to_list())

    @staticmethod
    def size(folder: Path) -> tuple[int, int]:
        """Return how many passages `write` wrote, and their bytes, without holding them."""
        frame = pl.scan_parquet(folder / PASSAGES_FILE, glob=False, hive_partitioning=False)
        text_bytes = pl.col("passage").str.len_bytes().cast(pl.Int64).sum().alias("text_bytes")
        (found,) = frame.select(pl.len().alias("passages"), text_bytes).collect().rows()
        return int(found[0]), int(found[1])

    def write(self, folder: Path) -> None:
        """Write the passages into a folder, which is made; equal ones give equal bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        frame = pl.DataFrame({"id": list(self.ids), "passage": list(self.passages)}, schema=_SCHEMA)
        frame.write_parquet(folder / PASSAGES_FILE, compression="zstd", row_group_size=50_000)


def named_passages(folder: Path) -> Mapping[str, str]:
    """Return the passages that the rows of a part name, by id; none of a project without a corpus."""
    return Corpus.read(folder).by_id() if (folder / PASSAGES_FILE).is_file() else {}
