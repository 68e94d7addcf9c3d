"""Runs the graph over rows whose keys and values lie in slots: what it adds to them is written in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import PackageError, Problem
from modelwright.package.ort import onnxruntime
from modelwright.runtime.drivers.decode.cache_memory import SPARE, CacheMemory
from modelwright.runtime.drivers.decode.decode_settings import DRIVER, DecodeSettings, bad_settings

GRAPH = "model"
_OWN = {
    "ids": "tensor(int64)",
    "lengths": "tensor(int32)",
    "total": "tensor(int32)",
    "places": "tensor(int64)",
}
_PAST = re.compile(r"past\.([0-9]+)\.key")
_FLOAT = "tensor(float)"


class CachedGraph:
    """The opened graph and its cache. Used by one thread at a time; `interrupt` may come from another."""

    def __init__(self, session: onnxruntime.InferenceSession, settings: DecodeSettings) -> None:
        """Take the sizes from the graph itself; raises PackageError where it is no decoder with a cache."""
        self._session = session
        self.chunk = settings.chunk
        layers, key_heads, context, head_width = _sizes(session)
        if context != settings.context:
            raise bad_settings("context", error=f"{settings.context} ≠ {context}")
        logits = next(one for one in session.get_outputs() if one.name == "logits")
        self.words = int(logits.shape[1])
        self.cache = CacheMemory(layers, settings.slots, key_heads, context, head_width)
        self._names = [f"{layer}.{one}" for layer in range(layers) for one in ("key", "value")]
        self.most_places = max(settings.slots, settings.chunk)  # of one run
        self.reads_alike = False  # to the bit, in any pieces, alone or beside others
        self.needs_company = False  # a row that writes alone, for the bits that it has among others
        self._logits = np.zeros((self.most_places, self.words), dtype=np.float32)
        self._bound: dict[tuple[int, int, int, int], _Bound] = {}
        self._options = onnxruntime.RunOptions()

    def run(
        self, slot: int, ids: NDArray[np.int64], lengths: Sequence[int], places: Sequence[int]
    ) -> NDArray[np.float32]:
        """Read tokens (n, t) into the slots from `slot` on; return the logits after those at `places`, (k, words).

        lengths: positions that each row has afterwards; places: counted through all rows. What is returned is
        overwritten by the next call.
        """
        rows, length = ids.shape
        key = (slot, rows, length, len(places))
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bind(*key)
            # what comes again and again; pieces of prompts have any length
            if length == 1:
                self._bound[key] = bound
        bound.ids[:] = ids
        bound.lengths[:] = np.asarray(lengths) - 1
        bound.total[...] = max(lengths)
        bound.places[:] = places
        self._session.run_with_iobinding(bound.binding, self._options)
        return self._logits[: len(places)]

    def write(self, ids: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.float32]:
        """Read a token (n, 1) of each row that writes, in the slots from 0 on; return their logits, (n, words).

        A row alone gets another one beside it where the runtime multiplies one row by other means than several.
        """
        if len(ids) > 1 or not self.needs_company:
            return self.run(0, ids, lengths, range(len(ids)))
        return self.run(SPARE, np.vstack([ids, ids]), [1, *lengths], [1])

    def interrupt(self) -> None:
        """Let the runtime stop at the next node; every later run gets options of its own."""
        options, self._options = self._options, onnxruntime.RunOptions()
        options.terminate = True

    def _bind(self, slot: int, rows: int, length: int, kept: int) -> _Bound:
        binding = self._session.io_binding()
        bound = _Bound(binding, rows, length, kept)
        for name, array in (
            ("ids", bound.ids),
            ("lengths", bound.lengths),
            ("total", bound.total),
            ("places", bound.places),
        ):
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        shape = (rows, *self.cache.slot_shape)
        for index, name in enumerate(self._names):
            address = self.cache.address(index, slot)
            binding.bind_input(f"past.{name}", "cpu", 0, np.float32, shape, address)
            binding.bind_output(f"present.{name}", "cpu", 0, np.float32, shape, address)
        out = (kept, self.words)
        binding.bind_output("logits", "cpu", 0, np.float32, out, self._logits.ctypes.data)
        return bound


class _Bound:
    """A binding with the small arrays that it reads: they are written before each run."""

    def __init__(self, binding: Any, rows: int, length: int, kept: int) -> None:
        self.binding = binding
        self.ids = np.zeros((rows, length), dtype=np.int64)
        self.lengths = np.zeros(rows, dtype=np.int32)
        self.total = np.zeros((), dtype=np.int32)
        self.places = np.zeros(kept, dtype=np.int64)


def _sizes(session: onnxruntime.InferenceSession) -> tuple[int, int, int, int]:
    """Return layers, key heads, context and head width; raises PackageError for inputs or outputs of other names."""
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = {one.name: one for one in session.get_outputs()}
    layers = sum(_PAST.fullmatch(name) is not None for name in inputs)
    cached = [f"{layer}.{one}" for layer in range(layers) for one in ("key", "value")]
    wanted = set(_OWN) | {f"past.{name}" for name in cached}
    absent = sorted(
        (wanted ^ inputs.keys()) | ({"logits", *(f"present.{name}" for name in cached)} ^ outputs.keys())
    )
    if layers == 0 or absent:
        raise _no_decoder(absent[0] if absent else "past.0.key")
    for name, kind in _OWN.items():
        if inputs[name].type != kind:
            raise _no_decoder(name)
    sizes = inputs["past.0.key"].shape[1:]
    if len(sizes) != 3 or not all(type(one) is int and one > 0 for one in sizes):
        raise _no_decoder("past.0.key")
    for name in cached:
        for one in (inputs[f"past.{name}"], outputs[f"present.{name}"]):
            if one.type != _FLOAT or one.shape[1:] != sizes:
                raise _no_decoder(one.name)
    logits = outputs["logits"]
    if logits.type != _FLOAT or len(logits.shape) != 2 or type(logits.shape[1]) is not int:
        raise _no_decoder("logits")
    key_heads, context, head_width = sizes
    return layers, key_heads, context, head_width


def _no_decoder(name: str) -> PackageError:
    return PackageError(Problem("package.no-decoder", driver=DRIVER, name=name[:80]))
