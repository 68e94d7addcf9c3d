"""Tagging: a pretrained encoder learns the tag of every token of a window."""

from __future__ import annotations

from modelwright.learners.locating.windowed_learn import WindowedLearn


class TagLearn(WindowedLearn):
    """Trains on windows over the texts."""
