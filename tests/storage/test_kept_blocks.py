"""Blocks that could be made again: what was kept comes back as it was, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from modelwright.storage.kept_blocks import KeptBlocks


def test_a_block_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path / "made" / "here", 1000)
    assert kept.get("a") is None
    kept.put("a", b"one")
    kept.put("empty", b"")
    assert (kept.get("a"), kept.get("empty"), kept.get("b")) == (b"one", b"", None)


def test_what_is_damaged_or_cut_is_not_given(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path, 1000)
    for damage in (b"", b"x" * 5, None):
        kept.put("a", b"a block of bytes")
        whole = (tmp_path / "a").read_bytes()
        (tmp_path / "a").write_bytes(whole[:-1] if damage is None else damage)
        assert kept.get("a") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptBlocks(tmp_path / "file", 1000)
    kept.put("a", b"one")
    kept.trim()
    assert kept.get("a") is None


def test_the_blocks_that_were_needed_last_stay(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path, 2 * (32 + 10))
    for number, name in enumerate("abc"):
        kept.put(name, b"0123456789")
        os.utime(tmp_path / name, (number, number))
    assert kept.get("a")  # needed just now
    kept.trim()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "c"]
