"""Hashes rows while the stage does its other work: hashing holds the lock of Python, so it has a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modelwright.stages.data.hashing import row_digests

Digests = NDArray[np.uint64]


@dataclass(frozen=True)
class Hash:
    """One hash of a row: a BLAKE2b of 8 bytes with a key and a purpose, which keep hashes apart."""

    key: bytes = b""
    person: bytes = b""

    def of(self, rows: Sequence[bytes]) -> Digests:
        """Return the digest of each row (n,) as a number."""
        return _numbers(row_digests.digests(rows, self.key, self.person))


@dataclass(frozen=True)
class RowTexts:
    """The texts of rows in UTF-8, and all of them one after the other."""

    rows: Sequence[bytes]
    whole: bytes


class Hasher:
    """Hashes the texts of rows, in a process of its own if `beside`, else at once.

    with Hasher(beside=True) as hasher:
        of_rows = hasher.digests(texts, Hash(b"key"), Hash(b"other"))
        …                                                       what else there is to do
        first, second = of_rows.result()
    """

    def __init__(self, *, beside: bool) -> None:
        """Start the process where one is wanted and can be had."""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = ThreadPoolExecutor(1)
        if beside:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
                    [sys.executable, "-I", "-S", row_digests.__file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # what goes wrong is seen here: the rows are hashed at once
                )
            except OSError:
                self._process = None

    def digests(self, texts: RowTexts, *hashes: Hash) -> Future[tuple[Digests, ...]]:
        """Return what will be the digests of all rows by each hash, (n,) numbers each."""
        if self._process is None:
            done: Future[tuple[Digests, ...]] = Future()
            done.set_result(_at_once(texts, hashes))
            return done
        return self._thread.submit(self._from_process, self._process, texts, hashes)

    def _from_process(
        self, process: subprocess.Popen[bytes], texts: RowTexts, hashes: Sequence[Hash]
    ) -> tuple[Digests, ...]:
        assert process.stdin is not None
        assert process.stdout is not None
        lengths = np.fromiter(map(len, texts.rows), np.int64, len(texts.rows))
        header = {
            "rows": len(texts.rows),
            "bytes": len(texts.whole),
            "hashes": [{"key": one.key.hex(), "person": one.person.hex()} for one in hashes],
        }
        size = row_digests.DIGEST_BYTES * len(texts.rows)
        try:
            process.stdin.write(json.dumps(header).encode() + b"\n" + np.cumsum(lengths).tobytes())
            process.stdin.write(texts.whole)
            process.stdin.flush()
            found = process.stdout.read(size * len(hashes))
        except OSError:
            found = b""
        if len(found) != size * len(hashes):  # it died: killed for memory, say
            return _at_once(texts, hashes)
        return tuple(_numbers(found[at * size : (at + 1) * size]) for at in range(len(hashes)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, which ends with its input; a process that was killed took it with it."""
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def _at_once(texts: RowTexts, hashes: Sequence[Hash]) -> tuple[Digests, ...]:
    return tuple(one.of(texts.rows) for one in hashes)


def _numbers(digests: bytes) -> Digests:
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)
