"""Reads a file that a caller names: a path object, or `@cat.jpg` on a command line. Bounded, and with a plain refusal.

A path that stands in a table is another matter: whoever wrote the table need not be whoever reads it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from modelwright.core.messages import ValueProblem

MOST_BYTES = 32_000_000
_SHOWN = 200  # characters of a path


def content(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file; raises ValueProblem where there is none, it is empty, too large or unreadable."""
    name = str(path)[:_SHOWN]
    try:
        # Without waiting: a pipe that nobody writes to would be opened for ever.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - of a descriptor
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                folder = stat.S_ISDIR(mode)
                raise ValueProblem("value.no-file", path=name, most=most, folder=folder, other=not folder)
            found = file.read(most + 1)
    except FileNotFoundError:
        raise ValueProblem("value.no-file", path=name, most=most, missing=True) from None
    except IsADirectoryError:
        raise ValueProblem("value.no-file", path=name, most=most, folder=True) from None
    except (OSError, ValueError) as error:  # ValueError: a zero character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueProblem("value.no-file", path=name, most=most, error=reason) from None
    if not found:
        raise ValueProblem("value.no-file", path=name, most=most, empty=True)
    if len(found) > most:
        raise ValueProblem("value.no-file", path=name, most=most, large=True)
    return found
