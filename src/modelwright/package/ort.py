"""ONNX Runtime with its telemetry off: import it from here.

From 1.29 on, its official builds for Linux report every session that is opened to a collector of their maker (names of
graphs, hashes of weights, an id of the device), and keep what was not sent in the user's cache. What a package holds is
nobody else's business. The runtime looks at the variable when it is loaded; who sets it before us has the last word.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

onnxruntime.disable_telemetry_events()  # where it was loaded before us, and the variable came too late

__all__ = ["onnxruntime"]
