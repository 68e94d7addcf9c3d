"""Extraction: a pretrained encoder learns where in a window an answer begins, and where it ends."""

from __future__ import annotations

from modelwright.learners.locating.windowed_learn import WindowedLearn


class ExtractLearn(WindowedLearn):
    """Trains on windows over the texts."""
