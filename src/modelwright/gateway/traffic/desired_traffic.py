"""The traffic that should be: the versions that are loaded, the share that each answers, and where that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from modelwright.core.messages import Problem


@dataclass(frozen=True)
class DesiredVersion:
    """A version that should be loaded: its number, and its package's folder and digest."""

    number: int
    package: Path
    digest: str


@dataclass(frozen=True)
class Sticky:
    """What keeps a caller with one version: the value of a header, of a cookie, or of an input."""

    of: Literal["header", "cookie", "input"]
    name: str


@dataclass(frozen=True)
class DesiredTraffic:
    """The versions that should be loaded, and who answers, as a release wants it now.

    shares: by a version's number, parts of the traffic that sum to 1; a version that has none is loaded and answers
    nothing (it warms up, or is kept to go back to). shadow: the number of a version that gets a copy of each request,
    and whose answers go into the record alone. champion: the number of the one that also answers for those that are not
    loaded, where the others are still to be proven: while it is loading itself, nobody answers.

        DesiredTraffic(7, (old, new), {old.number: 0.95, new.number: 0.05}, sticky=Sticky("header", "x-user"))
    """

    release_id: int
    versions: tuple[DesiredVersion, ...]
    shares: Mapping[int, float]
    shadow: int | None = None
    sticky: Sticky | None = None
    champion: int | None = None

    @classmethod
    def all_to(cls, release_id: int, version: DesiredVersion) -> DesiredTraffic:
        """Return the traffic of a release whose version answers everything."""
        return cls(release_id, (version,), {version.number: 1.0})


class DesiredReleases(Protocol):
    """Where releases are requested and reported; called from a thread of its own, one call at a time.

    The gateway asks several times a second, loads what is missing, gives the share of a version that is not loaded
    (yet) to the champion, or to the others where there is none, and unloads a version that is not named any more after
    its last answer.
    """

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        """Return the traffic that should be, or None when nothing is released yet.

        leads: whether this gateway holds the lease, and so may take the release a step further; others only follow.
        """

    def moved(self, traffic: DesiredTraffic) -> None:
        """Report that the traffic is as it should be: every version is loaded, and the shares hold."""

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Report that a version of the release could not start; what answered before goes on."""
