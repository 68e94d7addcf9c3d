"""Near twins: found whatever the encoding, kept in one split, moved by no row that comes after, and named."""

from __future__ import annotations

import io
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


def test_a_row_that_would_link_splits_is_set_aside_and_named(tmp_path: Path) -> None:
    """Two rows of one picture that stand in different splits by their own hash, because a third came later only."""
    section = {**SECTION, "source": [SECTION["source"], "q/{label}/{n}.img"]}
    between = None
    for number in range(40):
        write(tmp_path, number, saved(scene(number)), "a" if number % 2 else "b")
    run(tmp_path, "first", **SECTION)
    places = where(tmp_path, "first")
    one, other = (
        next(n for n in range(40) if places[saved(scene(n))] == split) for split in ("train", "test")
    )
    from modelwright.stages.data import identify as module

    real = module.Printed.pairs

    def linked(self: Any) -> Any:
        found = real(self)
        order = sorted((f"{'ba'[n % 2]}", n) for n in range(40))
        ends = [order.index(("ba"[n % 2], n)) for n in (one, other)]
        return np.concatenate([found, np.array([[min(ends), 40], [max(ends), 40]], np.int64)])

    between = saved(scene(777))
    write(tmp_path, 0, between, "a", "q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Printed, "pairs", linked)
        summary = run(tmp_path, **section)
    assert warnings(summary)["data.twins-linking"].values["names"] == ["q/a/0000.img"]
    assert between not in where(tmp_path)
    aside = pl.read_parquet(tmp_path / "out" / "rejected" / "rows.parquet")
    assert aside["reason"].to_list() == ["nearly the same as rows of different splits"]
    assert "data.refused-rows" not in warnings(summary)
