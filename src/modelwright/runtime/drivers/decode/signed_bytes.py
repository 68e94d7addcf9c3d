"""Matrices of whole bytes, for processors that multiply signed bytes quicker, and for those that cannot.

A byte b around 128 is the signed byte b - 128 around 0: products and sums are the same whole numbers, and answers the
same to the bit. A body has its bytes once, unsigned, in a file of their own, and two graphs over it.
"""

from __future__ import annotations

import numpy as np

from modelwright.package.body import Body
from modelwright.package.content import Content, view
from modelwright.runtime import machine
from modelwright.runtime.drivers.decode.cached_graph import GRAPH

SIGNED = "signed"  # the graph that reads the bytes as signed ones
BYTES = "bytes.bin"
ZERO = 128  # of unsigned bytes


def opened_graph(body: Body) -> tuple[str, dict[str, Content]]:
    """Return the name of the graph to open on this processor, and the files beside it."""
    if SIGNED not in body.graphs or not machine.multiplies_signed_bytes():
        return GRAPH, dict(body.files)
    unsigned = np.frombuffer(view(body.files[BYTES]), dtype=np.uint8)
    return SIGNED, {**body.files, BYTES: (unsigned ^ np.uint8(ZERO)).data}
