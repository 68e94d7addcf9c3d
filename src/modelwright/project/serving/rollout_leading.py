"""What the gateway is to serve, from the state database; the gateway that holds the lease takes rollouts further."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from modelwright.core.messages import ModelwrightError, Phrase, Problem
from modelwright.core.rollouts.state_machine import (
    UNDER_WAY,
    Decision,
    Rollout,
    RolloutEvidence,
    Status,
    decide,
)
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, DesiredVersion, Sticky
from modelwright.storage.state.database import Standing, State
from modelwright.storage.state.releases import Release
from modelwright.storage.state.versions import Version

JUDGE_EVERY_S = 1.0  # at least; and so that judging takes a twentieth of a core's time at most
# Judging takes longer with each request of a release, most of all the first time. What took longer than this is done
# beside the traffic from then on: going back waits for nothing.
_AT_ONCE_S = 0.2
_MOST_MOVES = 4  # of one call: taken up, loaded, a step, proven
_LOG = logging.getLogger(__name__)

Judge = Callable[[Rollout, float], RolloutEvidence]
_At = tuple[int, Status, int]  # a release, its status and its step
_Judged = tuple[
    RolloutEvidence, float, float
]  # what was judged, the seconds that passed, the seconds of work


class StateReleases:
    """Tells the gateway which versions serve what share, moves rollouts on, and writes back what became of releases.

    packages: the folder of a version's package. judge: the evidence of a rollout at one of its steps, at a Unix time
    (None: no traffic is recorded); forget: called when a rollout that was judged has ended. keep_s: how long the
    version before stays loaded. clock: Unix time; elapsed: seconds that go on evenly, however the clock is set. What
    is kept here is worth no more than a second of work: a gateway that starts anew goes on from what the state
    database holds.
    """

    def __init__(
        self,
        state: State,
        packages: Callable[[Version], Path],
        judge: Judge | None = None,
        *,
        forget: Callable[[], None] | None = None,
        keep_s: float = 0.0,
        sticky: Sticky | None = None,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._packages = packages
        self._judge = judge
        self._forget = forget
        self._keep_s = keep_s
        self._sticky = sticky
        self._clock = clock
        self._elapsed = elapsed
        # a settled release as it was seen last, and since when
        self._seen: tuple[tuple[int, Status] | None, float] = (None, 0.0)
        # the release, and versions that are loaded
        self._loaded: tuple[int, frozenset[int]] = (0, frozenset())
        self._judged: tuple[_At, RolloutEvidence] | None = None
        self._judged_from = self._judge_at = 0.0  # between these times, what was judged last still holds
        self._took_s = 0.0  # by what was judged last
        self._under_way: tuple[_At, float, Future[_Judged]] | None = None
        self._judges = ThreadPoolExecutor(1, "judge")  # started when it is needed first

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        """Return the traffic that should be; leads: this gateway may take a rollout further."""
        standing = self._state.standing(self._loaded[1])
        rolling = standing.rolling
        if rolling is not None and leads and self._lead(rolling) is not rolling:
            standing = self._state.standing(self._loaded[1])
            rolling = standing.rolling
        rollout = rolling.rollout if rolling is not None else None
        if rolling is None or rollout is None:
            if self._judged is not None and self._forget is not None:
                self._forget()
            self._judged = None
            return self._settled(standing)
        versions = tuple(self._version(standing.versions[number]) for number in rollout.shares)
        return DesiredTraffic(
            rolling.id, versions, rollout.shares, rollout.shadow, self._sticky, rollout.champion
        )

    def moved(self, traffic: DesiredTraffic) -> None:
        """Write that the traffic has moved: a direct release serves, an aborted one is rolled back."""
        self._loaded = (traffic.release_id, frozenset(one.number for one in traffic.versions))
        rolling = self._state.rolling_release()
        if rolling is not None and rolling.id == traffic.release_id:
            if rolling.status is Status.ABORTED and set(traffic.shares) == {rolling.champion}:
                why = Phrase("rollout.restored", version=rolling.champion)
                self._state.advance(rolling, Decision(Status.ROLLED_BACK, rolling.step, why))
            return
        release = self._state.desired_release()
        if release is not None and release.id == traffic.release_id and release.status is not Status.SERVING:
            self._state.mark(release.id, Status.SERVING)

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Write that a release's version could not start; from another one of its traffic nothing follows."""
        rolling = self._state.rolling_release()
        if rolling is not None and rolling.id == release_id:
            if rolling.version == version and rolling.status in UNDER_WAY:
                why = Phrase("rollout.not-loaded", version=version, problem=str(problem))
                self._state.advance(rolling, Decision(Status.ABORTED, rolling.step, why))
            return
        release = self._state.desired_release()
        if release is not None and release.id == release_id and release.version == version:
            self._state.mark(release_id, Status.FAILED, str(problem))

    # -- rollouts ------------------------------------------------------------------------------------------

    def _lead(self, release: Release) -> Release:
        """Take a rollout as far as its evidence allows now."""
        for _ in range(_MOST_MOVES):
            rollout, now = release.rollout, self._clock()
            if rollout is None or release.status not in UNDER_WAY:
                break
            decision = decide(rollout, self._evidence(release, rollout, now), now)
            if decision is None:
                break
            _LOG.info("release %d: %s: %s", release.id, decision.status, decision.why)
            release = self._state.advance(release, decision)
        return release

    def _evidence(self, release: Release, rollout: Rollout, now: float) -> RolloutEvidence:
        if rollout.current is None:
            id_, versions = self._loaded
            ready = release.status is Status.WARMING and id_ == release.id and release.version in versions
            return RolloutEvidence(loaded=True if ready else None)
        at = (release.id, release.status, release.step)
        if self._judged is not None and self._judged[0] == at and self._judged_from <= now < self._judge_at:
            return self._judged[1]
        begun_at = now
        if self._took_s <= _AT_ONCE_S:
            judged_now = self._judgement(release.id, rollout, now)
        else:
            if self._under_way is None or self._under_way[0] != at:
                self._under_way = at, now, self._judges.submit(self._judgement, release.id, rollout, now)
            _, begun_at, judged_later = self._under_way
            if not judged_later.done():
                judged = self._judged
                return judged[1] if judged is not None and judged[0] == at else RolloutEvidence(loaded=True)
            judged_now = judged_later.result()
            self._under_way = None
        evidence, self._took_s, worked_s = judged_now
        self._judged = at, evidence
        # from then on, and not before: a clock that is set back would keep it for as long
        self._judged_from = min(begun_at, now)
        # By its work: waiting for a core of a busy machine, or for the disk, leaves a bad version for no longer.
        self._judge_at = now + max(JUDGE_EVERY_S, 20 * worked_s)
        return evidence

    def _judgement(self, release_id: int, rollout: Rollout, now: float) -> _Judged:
        """Return the evidence of a rollout, how many seconds it took to judge it, and how many of them were work."""
        begun, worked, evidence = time.perf_counter(), time.thread_time(), RolloutEvidence(loaded=True)
        if self._judge is not None:
            try:
                evidence = self._judge(rollout, now)
            except ModelwrightError as error:  # nothing is proven by it; going back must stay possible
                _LOG.error("the traffic of release %d cannot be judged: %s", release_id, error)
        return evidence, time.perf_counter() - begun, time.thread_time() - worked

    # -- what is settled -----------------------------------------------------------------------------------

    def _settled(self, standing: Standing) -> DesiredTraffic | None:
        """Return the traffic of the release that is settled; the version before stays loaded for a while."""
        release = standing.settled
        if release is None:
            return None
        kept = self._kept(release, standing)
        versions = (self._version(standing.versions[release.version]), *kept)
        shares = {release.version: 1.0} | {one.number: 0.0 for one in kept}
        return DesiredTraffic(release.id, versions, shares)

    def _kept(self, release: Release, standing: Standing) -> list[DesiredVersion]:
        """Return the versions that are loaded beside a young release, to go back to."""
        at = (release.id, release.status)
        if self._seen[0] != at:
            self._seen = at, self._elapsed()
        if release.moved_at is not None and self._elapsed() - self._seen[1] >= self._keep_s:
            return []
        found = []
        for number in sorted(self._loaded[1] - {release.version}):
            with suppress(ModelwrightError):  # its package is gone: then it cannot be kept
                found.append(self._version(standing.versions[number]))
        return found

    def _version(self, version: Version) -> DesiredVersion:
        return DesiredVersion(version.number, self._packages(version), version.package_digest)
