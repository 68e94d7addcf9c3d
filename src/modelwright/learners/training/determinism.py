"""Makes torch's results depend on the setup alone, and leaves torch as it was found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def deterministic(threads: int, seed: int, device: str = "cpu") -> Iterator[None]:
    """Run a block with deterministic algorithms, this many threads and this seed; then restore torch.

    The number of threads matters to the bits: a sum that is split otherwise is rounded otherwise. On a GPU, where torch
    has no deterministic form of an operation, it is computed all the same, and torch warns of it.
    """
    on_gpu = torch.device(device).type == "cuda"
    before = torch.get_num_threads()
    strict = torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    convolutions = torch.backends.cudnn.flags(deterministic=True, benchmark=False, allow_tf32=False)
    if on_gpu:
        # cuBLAS adds up in one order only with a workspace of a fixed size, which it reads when it is first used
        os.environ.setdefault(_WORKSPACE, ":4096:8")
    with torch.random.fork_rng(devices=[device] if on_gpu else []), convolutions:
        torch.set_num_threads(threads)
        # not `use_deterministic_algorithms`: beside the same switch it sets one of torch.compile, which
        # `descent.compiling` states itself, and imports its compiler for that (1.3 s of CPU time; an optimiser of
        # torch imports it, too, so it is spared where none is used)
        torch.set_deterministic_debug_mode("warn" if on_gpu else "error")
        # it shows who reads what nobody wrote, which takes 5 % of a step and changes no number that is read
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
            torch.set_deterministic_debug_mode(strict)
