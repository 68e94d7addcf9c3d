"""What was freed goes back to the system, though something that stays lies behind it."""

from __future__ import annotations

import errno
import platform
import subprocess
import sys

import pytest

from modelwright.runtime.memory import ran_out

# In a child, for what a test session holds and frees meanwhile is its own affair.
CODE = """
import os
from modelwright.runtime.memory import give_back_freed, resident_bytes

freed = [bytes([1]) * 40_000 for _ in range(1_000)]  # 40 MB in parts for which malloc asks the heap
stays = bytes([1]) * 40_000  # behind them
del freed
before = resident_bytes(os.getpid())
give_back_freed()
print(before - resident_bytes(os.getpid()))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_what_was_freed_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20_000_000


@pytest.mark.parametrize(
    ("error", "so"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError("Cannot allocate memory (os error 12)"), True),  # as polars says it
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),  # text of a user's own
    ],
)
def test_that_memory_ran_out_is_told_from_other_errors(error: Exception, so: bool) -> None:
    assert ran_out(error) is so
