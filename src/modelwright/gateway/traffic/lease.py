"""One gateway at a time reports what became of a release; others that serve the same project only follow."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable

from modelwright.core.messages import Problem
from modelwright.gateway.traffic.desired_release import DesiredRelease, DesiredReleases
from modelwright.storage.traffic.record import LiveRecord

NAME = "gateway"
TTL_S = 10.0  # renewed with every reading of the desired release, each second


class LeasedReleases:
    """DesiredReleases whose reports wait until this gateway holds the lease; every gateway may read them."""

    def __init__(self, releases: DesiredReleases, record: LiveRecord) -> None:
        self._desired = releases
        self._record = record
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._report: Callable[[], None] | None = None  # the newest; it makes older ones meaningless

    def desired_release(self) -> DesiredRelease | None:
        """Return the release that should be serving; renews the lease."""
        self._send()
        return self._desired.desired_release()

    def moved(self, release_id: int) -> None:
        """Report that the traffic has moved, now or when the lease is ours."""
        self._report = lambda: self._desired.moved(release_id)
        self._send()

    def failed(self, release_id: int, problem: Problem) -> None:
        """Report that a release could not start, now or when the lease is ours."""
        self._report = lambda: self._desired.failed(release_id, problem)
        self._send()

    def give_back(self) -> None:
        """Let another gateway report from now on."""
        self._record.give_back(NAME, self._holder)

    def _send(self) -> None:
        held = self._record.lease(NAME, self._holder, TTL_S).holder == self._holder
        if held and self._report is not None:
            report, self._report = self._report, None
            report()
