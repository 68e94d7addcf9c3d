"""Answers each class of the output in turn, three parts in all.

settings: `gate`, a folder. Part n comes when the file n lies there; without it all come at once. A call that ends
before its last part says `closed` on stderr. A first input above 100 fails after the first part.
"""

import json
import socket
import sys
import time
from pathlib import Path

import numpy as np

from modelwright.runtime.drivers.contract.driver import Driver, Part, Running

ARRAY = "size.logits"
_WAIT_S = 60.0


class Spelling(Running):
    """Parts one, two and three are the classes one, two and three."""

    inputs = frozenset()
    outputs = frozenset({ARRAY})
    streams = True

    def __init__(self, gate):
        self.gate = Path(gate) if gate else None

    def run(self, call):
        """Yield three parts; the first two speak of the rows one by one."""
        rows = len(next(iter(call.arrays.values())))
        whole = False
        try:
            for place in range(3):
                self._wait(place)
                logits = np.eye(3, dtype=np.float32)[[place] * rows] * 9
                if place < 2:
                    for row in range(rows):
                        yield Part({ARRAY: logits[:1]}, rows=[row])
                else:
                    whole = True
                    yield Part({ARRAY: logits})
                if next(iter(call.columns.values()))[0] > 100:
                    raise ValueError("too high")
        finally:
            if self.gate and not whole:
                print("closed", file=sys.stderr, flush=True)

    def _wait(self, place):
        deadline = time.monotonic() + _WAIT_S
        while self.gate and not (self.gate / str(place)).exists() and time.monotonic() < deadline:
            time.sleep(0.005)


class SpellDriver(Driver):
    """Opens nothing; what the setting `tries` names is tried, and what became of it is said on stderr."""

    def open(self, body, threads):
        """Return the running body."""
        if tries := body.settings.get("tries"):
            print(
                json.dumps({name: _tried(**one) for name, one in tries.items()}), file=sys.stderr, flush=True
            )
        return Spelling(body.settings.get("gate"))


def _tried(read=None, write=None, connect=None):
    try:
        if read is not None:
            return Path(read).read_text("utf-8")
        if write is not None:
            return Path(write).write_text("x", "utf-8")
        socket.create_connection(("127.0.0.1", connect), timeout=5).close()
    except OSError as error:
        return type(error).__name__
    return "connected"
