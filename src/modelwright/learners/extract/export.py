"""Exports extraction as a graph over windows."""

from __future__ import annotations

from modelwright.learners.locating.windowed_export import WindowedExport


class ExtractExport(WindowedExport):
    """Makes one graph of the encoder and its heads."""
