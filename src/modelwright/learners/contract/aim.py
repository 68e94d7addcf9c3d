"""What learners of numbers can aim at."""

from __future__ import annotations

from typing import Literal

Aim = Literal["mean", "median"]
"""The mean has the least squared error, the median the least absolute one."""
