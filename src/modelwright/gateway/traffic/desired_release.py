"""The release that should serve, and where it is read and reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelwright.core.messages import Problem


@dataclass(frozen=True)
class DesiredRelease:
    """The version that should answer: a release, its version's number, its package's folder and digest."""

    release_id: int
    version: int
    package: Path
    digest: str


class DesiredReleases(Protocol):
    """Where releases are requested and reported; called from a thread of its own, one call at a time."""

    def desired_release(self) -> DesiredRelease | None:
        """Return the release that should be serving, or None when there is none yet."""

    def moved(self, release_id: int) -> None:
        """Report that the traffic has moved to the release."""

    def failed(self, release_id: int, problem: Problem) -> None:
        """Report that the release could not start; what served before goes on."""
