"""Vectors of passages are encoded once: packaging again takes them from the cache of the project, bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_encoder

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.match import export as match_export
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.storage.formats.corpus import Corpus

pytestmark = pytest.mark.proof  # what is kept is tested in storage/test_kept_blocks.py every time


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Body]:
    """Return what `match` learns in one step, and its body without passages."""
    place = tmp_path_factory.mktemp("match")
    encoder = tiny_encoder.save(place / "encoder")
    spec = learners.spec("match")
    setup = Setup(
        "match", 1, 4, 1, "float32", "avx2", 0, spec.Options(), spec.Training(), {"question": encoder}
    )  # fmt: skip
    out, scratch = place / "out", place / "scratch"
    out.mkdir()
    scratch.mkdir()
    rows = Rows(tiny_encoder.chosen(8), tiny_encoder.chosen(4))
    learners.learn("match").learn(tiny_encoder.CHOOSE, rows, setup, out, scratch, Silent())
    return out, learners.export("match").export(out)


class Packaging:
    """The export of one learned folder, with the passages that the graph had to encode each time."""

    def __init__(self, learned: tuple[Path, Body], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exporter, self.place = learners.export("match"), place
        self.learned, self.body = learned
        self.encoded: list[int] = []
        real = match_export.open_session

        def counting(*given: Any) -> Any:
            session, encoded = real(*given), self.encoded

            class Counted:
                def get_inputs(self) -> Any:
                    return session.get_inputs()

                def run(self, names: Any, arrays: Any) -> Any:
                    encoded.append(len(next(iter(arrays.values()))))
                    return session.run(names, arrays)

            return Counted()

        monkeypatch.setattr(match_export, "open_session", counting)
        monkeypatch.setattr(match_export, "_BATCH", 2)
        monkeypatch.setattr(match_export, "_BLOCK", 2)  # blocks of four passages

    def files(self, passages: list[str], number: int, cache: Path | None) -> tuple[dict[str, bytes], int]:
        """Return the vectors of a corpus, and how many passages were encoded for them."""
        self.encoded.clear()
        corpus = Corpus([f"p{place}" for place in range(len(passages))], passages)
        columns = {"question": passages[:3], "answer": [frozenset({f"p{place}"}) for place in range(3)]}
        body: Body = self.exporter.indexed(
            self.learned, self.body, corpus, columns, self.place / str(number), 1, Silent(), cache
        )
        vectors = {
            name: content.whole(one) for name, one in body.files.items() if name.startswith("vectors/")
        }
        assert vectors
        return vectors, sum(self.encoded)


def test_only_what_is_new_is_encoded(
    learned: tuple[Path, Body], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaging, cache = Packaging(learned, tmp_path, monkeypatch), tmp_path / "cache"
    words = ("dental", "cover", "car", "loan", "fee", "card", "rate")
    passages = [f"{word} and {word} again" for word in words]
    plain, _ = packaging.files(passages, 0, None)
    first, count = packaging.files(passages, 1, cache)
    again, none = packaging.files(passages, 2, cache)
    assert plain == first == again
    assert (count, none) == (7, 0)
    more, added = packaging.files([*passages, "a last one"], 3, cache)
    assert added == 4  # the last block
    assert more == packaging.files([*passages, "a last one"], 4, None)[0]
    (kept, *_) = sorted(cache.iterdir())
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")  # what is damaged is made again
    assert packaging.files(passages, 5, cache)[0] == plain
    cache_file = tmp_path / "no-folder"
    cache_file.write_text("")
    assert packaging.files(passages, 6, cache_file) == (
        plain,
        7,
    )  # where nothing can be written, nothing is kept


def test_the_least_needed_go_first(
    learned: tuple[Path, Body], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaging, cache = Packaging(learned, tmp_path, monkeypatch), tmp_path / "cache"
    packaging.files(["a" + " a" * place for place in range(8)], 0, cache)
    sizes = [one.stat().st_size for one in cache.iterdir()]
    monkeypatch.setattr(match_export, "_MOST_KEPT_BYTES", sum(sizes))
    packaging.files(["a" + " a" * place for place in range(8, 12)], 1, cache)
    assert len(list(cache.iterdir())) == 2
    assert packaging.files(["a" + " a" * place for place in range(8, 12)], 2, cache)[1] == 0
