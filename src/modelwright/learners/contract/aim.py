"""What learners of numbers can aim at."""

from __future__ import annotations

from typing import Literal

AIM = "aim"
"""The key of `model:` with which a learner of numbers is told it."""

Aim = Literal["mean", "median"]
"""The mean has the least squared error, the median the least absolute one."""
