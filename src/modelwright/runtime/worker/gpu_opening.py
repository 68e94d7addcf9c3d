"""Opens a package on a GPU, where that answers as the CPU does: what was measured of a package was measured there."""

from __future__ import annotations

import logging
import time

import numpy as np

from modelwright.core.messages import PackageError, Phrase
from modelwright.kinds.contract.common import DECODED, Array
from modelwright.package.packages import Package
from modelwright.runtime.function import Columns, Function
from modelwright.runtime.worker_layout import WorkerLayout

# A GPU adds in another order, so the last bits are others: without TF32 some 1e-6 of a value, and what a graph makes of
# that in its layers. More than this is another answer, or 16 bits somewhere.
ABSOLUTE = RELATIVE = 1e-3
_ROWS, _TRIES = WorkerLayout(1, 1).rows, 3
_LOG = logging.getLogger(__name__)


def opened_on_gpu(package: Package, threads: int, *, must: bool) -> Function | None:
    """Open a package on a GPU and try it beside the CPU; None where it stays there, and the log says why.

    threads: of the CPU beside it; must: also where passes are no shorter than on the CPU. Raises PackageError where the
    package cannot answer on the CPU either.
    """
    try:
        function = Function(package, threads, on_gpu=True)
        if not function.on_gpu:
            _LOG.warning("%s", Phrase("serve.cpu-driver", driver=package.body.driver))
            return None
        function.require_answer()
    except PackageError as error:
        _LOG.warning("%s", Phrase("serve.cpu-fails", error=str(error.problems[0])))
        return None
    reference = Function(package, threads)
    reference.require_answer()
    unlike = first_unlike(function, reference)
    if unlike is not None:
        _LOG.warning("%s", Phrase("serve.cpu-differs", array=unlike))
        return None
    pass_s, cpu_s = _least_s(function), _least_s(reference)
    if not must and pass_s >= cpu_s:
        _LOG.warning("%s", Phrase("serve.cpu-quicker", gpu=1e3 * pass_s, cpu=1e3 * cpu_s))
        return None
    return function


def _least_s(function: Function) -> float:
    """Return the least seconds of a few full passes."""
    columns = {name: [*values] * _ROWS for name, values in function.longest().items()}
    found = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        function.infer(columns, _ROWS)
        found.append(time.perf_counter() - begun)
    return min(found)


def first_unlike(function: Function, reference: Function) -> str | None:
    """Return the first array, `{output}.{array}`, that differs by more than ABSOLUTE + RELATIVE · |reference's|.

    Both answer rows that the kinds make of their states, typical ones and the longest: one beside the other, and each
    alone, so that the answer to a row may not depend on those beside it either.
    """
    rows: list[Columns] = [function.example(), function.longest()]
    together = {name: [*(row[name][0] for row in rows), *rows[0][name]] for name in rows[0]}
    for columns in (*rows, together):
        ours = function.infer(columns)
        theirs = {name: dict(arrays) for name, arrays in reference.infer(columns).items()}
        for output, arrays in theirs.items():
            for name, expected in arrays.items():
                if not _alike(ours[output][name], expected, is_decoded=name == DECODED):
                    return output if name == DECODED else f"{output}.{name}"
    return None


def _alike(ours: Array, expected: Array, *, is_decoded: bool) -> bool:
    if ours.shape != expected.shape:
        return False
    if is_decoded:
        pairs = zip(ours.tolist(), expected.tolist(), strict=True)
        return all(mine.value == theirs.value for mine, theirs in pairs)
    if expected.dtype.kind == "f":
        return bool(np.allclose(ours, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))
    return bool((ours == expected).all())
