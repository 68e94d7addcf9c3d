"""One gateway at a time takes releases further and reports; others that serve the same project only follow."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from modelwright.core.messages import Problem
from modelwright.gateway.traffic.desired_traffic import DesiredReleases, DesiredTraffic
from modelwright.storage.traffic.record import LiveRecord

NAME = "gateway"
TTL_S = 10.0
RENEW_S = 1.0  # how often it is renewed
_SURE_S = 3.0  # it is taken for ours so long after it was renewed: whatever is begun by then ends before another has it


class LeasedReleases:
    """DesiredReleases whose reports wait until this gateway holds the lease; every gateway may read them.

    Renewing waits for whoever writes into the record, which must not hold a rollback up: `renew` is called by itself.
    """

    def __init__(
        self, releases: DesiredReleases, record: LiveRecord, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Lease `releases` through the record; clock: seconds that never go back."""
        self._desired = releases
        self._record = record
        self._clock = clock
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._sure_until = clock()
        self._report: Callable[[], None] | None = None  # the newest; it makes older ones meaningless

    def renew(self) -> None:
        """Take or renew the lease; to be called every RENEW_S. Raises StateError and MachineError."""
        begun = self._clock()  # the record counts from later on, however long it is waited for
        held = self._record.lease(NAME, self._holder, TTL_S).holder == self._holder
        self._sure_until = begun + _SURE_S if held else begun

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        """Return the traffic that should be."""
        self._send()
        return self._desired.desired_traffic(leads=leads and self._leads)

    def moved(self, traffic: DesiredTraffic) -> None:
        """Report that the traffic has moved, now or when the lease is ours."""
        self._report = lambda: self._desired.moved(traffic)
        self._send()

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Report that a version could not start, now or when the lease is ours."""
        self._report = lambda: self._desired.failed(release_id, version, problem)
        self._send()

    def give_back(self) -> None:
        """Let another gateway lead from now on; `renew` is called no more."""
        self._sure_until = self._clock()
        self._record.give_back(NAME, self._holder)

    @property
    def _leads(self) -> bool:
        return self._clock() < self._sure_until

    def _send(self) -> None:
        if self._leads and self._report is not None:
            report, self._report = self._report, None
            report()
