"""Near twins: found whatever the encoding, kept in one split, moved by no row that comes after, and named."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageEnhance

from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.twins import Prints
from modelwright.kinds.image.twins import ImageTwins
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.stages.data.twins.near_pairs import near_pairs
from modelwright.stages.data.twins.twin_rows import placed
from modelwright.storage.formats.near_twins import NearTwins

SORT = Signature("sort", (Field("photo", "image"),), (Field("label", "category"),))
TEST, TRAIN, VALIDATION = 2, 0, 1


def scene(number: int) -> Image.Image:
    """Return a picture of soft shapes, another one for each number."""
    draw = np.random.default_rng(number)
    small = Image.fromarray(draw.integers(0, 256, (6, 6, 3), np.uint8))
    return small.resize((64, 48), Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def as_another(image: Image.Image, how: str) -> bytes:
    match how:
        case "jpeg":
            return saved(image, "JPEG", quality=90)
        case "small":
            return saved(image.resize((40, 30)))
        case "bright":
            return saved(ImageEnhance.Brightness(image).enhance(1.1))
        case "pale":
            return saved(ImageEnhance.Contrast(image).enhance(0.7))
        case _:
            return saved(image.convert("L"))


@pytest.mark.parametrize("how", ["jpeg", "small", "pale", "grey", "bright"])
def test_a_picture_saved_anew_is_a_twin_and_another_is_none(how: str) -> None:
    facet = ImageTwins()
    values = [saved(scene(n)) for n in range(30)] + [as_another(scene(n), how) for n in range(30)]
    pairs = near_pairs(facet.prints(values), facet.most_bits, facet.most_difference).tolist()
    assert [pair for pair in pairs if pair[1] - pair[0] != 30] == []
    assert len(pairs) >= (28 if how != "bright" else 15), "what is too bright is cut, and another picture"


def test_what_tells_nothing_has_no_twins() -> None:
    plain = [saved(Image.new("RGB", (9, 9), (n, n, n))) for n in range(5)]
    found = ImageTwins().prints([*plain, None, b"", b"no picture", saved(scene(1))[:80], saved(scene(1))])
    assert found.telling.tolist() == [False] * 9 + [True]
    assert len(near_pairs(found, 12, 1.0)) == 0


def test_the_print_of_a_value_does_not_depend_on_those_beside() -> None:
    values = [saved(scene(n)) for n in range(4)]
    together = ImageTwins().prints(values)
    alone = [ImageTwins().prints([one]) for one in values]
    assert (np.concatenate([one.hashes for one in alone]) == together.hashes).all()
    assert (np.concatenate([one.details for one in alone]) == together.details).all()


@pytest.mark.parametrize("most", [0, 3, 20])
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_bands_find_every_pair(rows: int, most: int) -> None:
    """As comparing all with all does, also where most bits are the same in all rows."""
    draw = np.random.default_rng(rows + most)
    bits = np.zeros((rows, 128), np.uint8)
    bits[:, :40] = draw.integers(0, 2, (rows, 40))
    for row in range(0, rows - 1, 3):
        bits[row + 1] = bits[row]
        bits[row + 1, draw.choice(128, int(draw.integers(0, most + 3)), replace=False)] ^= 1
    hashes = np.packbits(bits, axis=1).view(np.uint64).reshape(rows, 2)
    prints = Prints(hashes, np.zeros((rows, 1), np.uint8), np.ones(rows, np.bool_))
    found = {tuple(pair) for pair in near_pairs(prints, most, 0.0).tolist()}
    far = {(a, b) for b in range(rows) for a in range(b) if int((bits[a] != bits[b]).sum()) > most}
    equal = {(a, b) for b in range(rows) for a in range(b) if (bits[a] == bits[b]).all()}
    near = {(a, b) for b in range(rows) for a in range(b)} - far
    assert not found & far
    firsts = {b: min(a for a, c in equal if c == b) for _, b in equal}
    single = {(a, b) for a, b in near - equal if a not in firsts and b not in firsts}
    assert found == single | {(a, b) for b, a in firsts.items()}


def test_details_tell_pairs_of_one_hash_apart() -> None:
    details = np.array([[0, 0], [2, 2], [9, 9]], np.uint8)
    prints = Prints(np.zeros((3, 1), np.uint64), details, np.ones(3, np.bool_))
    assert near_pairs(prints, 0, 2.0).tolist() == [[0, 1]]


def test_sixty_thousand_rows_take_seconds() -> None:
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 1 << 63, (60_000, 8), np.uint64)
    hashes[1::2] = hashes[::2] ^ np.uint64(5)
    prints = Prints(hashes, np.zeros((60_000, 1), np.uint8), np.ones(60_000, np.bool_))
    assert len(near_pairs(prints, 20, 0.0)) == 30_000


def pairs(*given: tuple[int, int]) -> np.ndarray[Any, Any]:
    return np.array(given, np.int64).reshape(-1, 2)


@pytest.mark.parametrize(
    ("near", "splits", "expected", "linking"),
    [
        ((), (TRAIN, TEST), (TRAIN, TEST), ()),
        (((0, 1),), (TEST, TRAIN), (TEST, TEST), ()),
        (((0, 1), (1, 2)), (TEST, TRAIN, VALIDATION), (TEST, TEST, TEST), ()),
        (((0, 2), (1, 2)), (TEST, TRAIN, TRAIN), (TEST, TRAIN, TRAIN), (2,)),  # it would link two splits
        (((0, 2), (1, 2), (2, 3)), (TEST, TRAIN, TRAIN, TRAIN), (TEST, TRAIN, TRAIN, TRAIN), (2,)),
        (((0, 2), (1, 2)), (TRAIN, TRAIN, TEST), (TRAIN, TRAIN, TRAIN), ()),
    ],
)
def test_a_row_goes_where_its_oldest_twin_is(
    near: tuple[tuple[int, int], ...], splits: Any, expected: Any, linking: Any
) -> None:
    twins, found = placed(pairs(*near), np.array(splits, np.uint8), np.ones(len(splits), np.bool_))
    assert found.tolist() == list(expected)
    assert np.flatnonzero(twins.linking).tolist() == list(linking)


def test_rows_of_a_file_for_one_split_stay_there_and_move_no_other() -> None:
    splits, ours = np.array([TEST, TRAIN, TRAIN], np.uint8), np.array([False, True, True])
    _, found = placed(pairs((0, 1), (1, 2)), splits, ours)
    assert found.tolist() == [TEST, TRAIN, TRAIN]


# -- the stage ------------------------------------------------------------------------------------------------------


def write(folder: Path, number: int, content: bytes, label: str, split: str = "p") -> None:
    place = folder / split / label / f"{number:04}.img"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def run(folder: Path, name: str = "out", **section: Any) -> Mapping[str, Any]:
    return data(SORT, DataConfig(**section), folder, folder / name, Silent())


def where(folder: Path, name: str = "out") -> dict[bytes, str]:
    return {
        content: split
        for split in ("train", "validation", "test")
        for content in pl.read_parquet(folder / name / split / "rows.parquet")["photo"]
    }


def warnings(summary: Mapping[str, Any]) -> dict[str, Notice]:
    return {one["id"]: Notice.from_wire(one) for one in summary["warnings"]}


SECTION: dict[str, Any] = {
    "source": "p/{label}/{n}.img",
    "columns": {"photo": "file"},
    "untested": "*",
}


def test_twins_stand_on_one_side_and_later_rows_move_none(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path, number, saved(scene(number)), "a" if number % 2 else "b")
    run(tmp_path, "first", **SECTION)
    before = where(tmp_path, "first")
    section = {**SECTION, "source": [SECTION["source"], "q/{label}/{n}.img"]}
    for number in range(40):
        write(tmp_path, number, as_another(scene(number), "jpeg"), "a" if number % 2 else "b", "q")
    summary = run(tmp_path, **section)
    after = where(tmp_path)
    assert {content: after[content] for content in before} == before
    for number in range(40):
        assert after[as_another(scene(number), "jpeg")] == after[saved(scene(number))]
    said = warnings(summary)
    assert said["data.twins"].values["count"] == 80
    assert said["data.twins"].values["groups"] == 40
    assert not {"data.twins-across", "data.twins-of-another-class"} & said.keys()
    assert "data.twins" not in warnings(run(tmp_path, "ignored", twins="ignore", **section))
    assert where(tmp_path, "ignored") != after


def test_twins_across_given_splits_and_of_another_class_are_named(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path, number, saved(scene(number)), "a" if number % 2 else "b", "train")
        write(tmp_path, number, saved(scene(number + 100)), "a" if number % 2 else "b", "test")
    write(tmp_path, 50, as_another(scene(3), "jpeg"), "b", "test")
    summary = run(
        tmp_path,
        train="train/{label}/*.img",
        test="test/{label}/*.img",
        columns={"photo": "file"},
        untested="*",
    )
    said = warnings(summary)
    assert said["data.twins-across"].values["count"] == 2
    assert set(said["data.twins-across"].values["names"]) == {"test/b/0050.img", "train/a/0003.img"}
    assert said["data.twins-of-another-class"].values["count"] == 2
    assert where(tmp_path)[as_another(scene(3), "jpeg")] == "test"


def between(number: int, share: float) -> bytes:
    """Return a picture that is on its way from one to another: of 0, 0.024 and 0.048 only neighbours are twins."""
    return saved(Image.blend(scene(number), scene(number + 500), share))


def test_a_row_that_would_link_splits_is_set_aside_and_named(tmp_path: Path) -> None:
    """Two pictures that are no twins stand in different splits by their own hash; then comes one that is both's."""
    facet = ImageTwins()
    chains = []
    for number in range(40):
        chain = [between(number, share) for share in (0.0, 0.048, 0.024)]
        near = near_pairs(facet.prints(chain), facet.most_bits, facet.most_difference).tolist()
        if near == [[0, 2], [1, 2]]:
            chains.append((number, *chain))
    assert len(chains) > 10
    for number, one, other, _ in chains:
        write(tmp_path, number, one, "a" if number % 2 else "b")
        write(tmp_path, number + 100, other, "a" if number % 2 else "b")
    run(tmp_path, "first", **SECTION)
    before = where(tmp_path, "first")
    for number, _, _, middle in chains:
        write(tmp_path, number, middle, "a" if number % 2 else "b", "q")
    summary = run(tmp_path, **{**SECTION, "source": [SECTION["source"], "q/{label}/{n}.img"]})
    after = where(tmp_path)
    assert {content: after.get(content) for content in before} == before
    apart = [chain for chain in chains if before[chain[1]] != before[chain[2]]]
    assert 0 < len(apart) < len(chains)
    for _, one, other, middle in chains:
        assert after.get(middle) == (before[one] if before[one] == before[other] else None)
    said = warnings(summary)["data.twins-linking"].values
    assert said["count"] == len(apart)
    assert set(said["names"]) <= {f"q/{'a' if chain[0] % 2 else 'b'}/{chain[0]:04}.img" for chain in apart}
    aside = pl.read_parquet(tmp_path / "out" / "rejected" / "rows.parquet")
    assert aside["reason"].to_list() == ["nearly the same as rows of different splits"] * len(apart)
    assert "data.refused-rows" not in warnings(summary)


# -- what is sealed of them -----------------------------------------------------------------------------------------

HOW = ("jpeg", "small", "pale", "grey")


def test_the_groups_are_sealed_with_the_rows(tmp_path: Path) -> None:
    """Each picture comes five times; a part without twins has no file of them."""
    for number in range(30):
        every = [saved(scene(number)), *(as_another(scene(number), how) for how in HOW)]
        for copy, content in enumerate(every):
            write(tmp_path, number * 10 + copy, content, "a" if number % 2 else "b")
    run(tmp_path, **SECTION)
    of_content = {
        content: number
        for number in range(30)
        for content in [saved(scene(number)), *(as_another(scene(number), how) for how in HOW)]
    }
    pictures = 0
    for split in ("train", "validation", "test"):
        rows = pl.read_parquet(tmp_path / "out" / split / "rows.parquet")
        numbers = [of_content[content] for content in rows["photo"]]
        codes = NearTwins.read(tmp_path / "out" / split).codes(rows["id"].to_list())
        assert codes is not None
        groups = {int(code): set(np.flatnonzero(codes == code).tolist()) for code in codes}
        # A copy whose colours were cut or rounded may be no twin; none is with another picture.
        for members in groups.values():
            assert len({numbers[row] for row in members}) == 1
        assert len(groups) <= len(set(numbers)) * 1.2
        pictures += len(set(numbers))
    assert pictures == 30


@pytest.mark.parametrize("section", [{"twins": "ignore"}, {}])
def test_without_twins_nothing_is_sealed_of_them(tmp_path: Path, section: Mapping[str, Any]) -> None:
    for number in range(30):
        write(tmp_path, number, saved(scene(number)), "a" if number % 2 else "b")
        if section:
            write(tmp_path, number + 50, as_another(scene(number), "jpeg"), "a" if number % 2 else "b")
    run(tmp_path, **SECTION, **section)
    for split in ("train", "validation", "test"):
        assert [one.name for one in (tmp_path / "out" / split).iterdir()] == ["rows.parquet"]


KILLED = """
import sys
from pathlib import Path
import test_data_twins as here
here.run(Path(sys.argv[1]), sys.argv[2], **here.GROWING)
"""
GROWING = {**SECTION, "source": [SECTION["source"], "q/{label}/{n}.img"]}


def test_a_growing_set_moves_no_row_though_a_run_over_it_was_killed(tmp_path: Path) -> None:
    def grow(numbers: range, split: str) -> None:
        for number in numbers:
            write(tmp_path, number, saved(scene(number % 40)), "a" if number % 2 else "b", split)

    grow(range(30), "p")
    run(tmp_path, "before", **SECTION)
    old = where(tmp_path, "before")
    grow(range(20, 90), "q")  # new pictures, and copies of old ones
    for number in range(30):
        write(tmp_path, number + 200, as_another(scene(number), "jpeg"), "a" if number % 2 else "b", "q")
    command = [sys.executable, "-c", KILLED, str(tmp_path), "killed"]
    with subprocess.Popen(command, cwd=Path(__file__).parent) as process:
        while not (tmp_path / "killed").exists() and process.poll() is None:
            pass
        process.kill()
    run(tmp_path, "killed", **GROWING)
    run(tmp_path, "unbroken", **GROWING)
    found = where(tmp_path, "unbroken")
    assert {content: found.get(content) for content in old} == old
    for split in ("train", "validation", "test"):
        for file in (tmp_path / "unbroken" / split).iterdir():
            assert (tmp_path / "killed" / split / file.name).read_bytes() == file.read_bytes()
