"""What an operator may ask of a project's gateway: the same history that the verbs of the command line act on."""

from __future__ import annotations

from dataclasses import dataclass

from modelwright.core.messages import Problem, StateError
from modelwright.core.rollouts.state_machine import UNDER_WAY
from modelwright.engine.store import Store
from modelwright.gateway.operations import Found
from modelwright.project import history, release_history
from modelwright.project.loop.context import Context
from modelwright.project.results.history_results import ReleaseResult

_MOST_RELEASES = 100  # of a list, the newest


@dataclass(frozen=True)
class ProjectOperations:
    """The operations on the history of a project that is served."""

    context: Context
    store: Store

    def versions(self) -> Found:
        """Return all versions, newest first."""
        found = history.versions(self.context, self.store, serving=True).as_json()
        return {"function": found["function"], "versions": found["versions"]}

    def releases(self) -> Found:
        """Return the newest releases, newest first."""
        past = self.context.state.releases()[-_MOST_RELEASES:]
        return {"releases": [release_history.release_json(one) for one in reversed(past)]}

    def release(self, number: int) -> Found:
        """Return a release, and every decision about it; raises StateError."""
        found = release_history.find_release(self.context, number)
        return release_history.release_details(found, self.context.state.decisions(number))

    def request(self, version: int | None, strategy: str | None, by: str) -> Found:
        """Request a release; raises StateError."""
        done = history.release(self.context, self.store, version, strategy, lambda _: (), by=by)
        held = [row.as_json() for row in done.requirements if row.holds_back]
        return {**_shown(done), "held_back": held}

    def roll_back(self, to: int | None, by: str) -> Found:
        """Go back; raises StateError."""
        return _shown(history.rollback(self.context, to, by=by))

    def abort(self, number: int, by: str) -> Found:
        """End a rollout; raises StateError for a release that is none, or that has ended."""
        rolling = self.context.state.rolling_release()
        if rolling is None or rolling.id != number or rolling.status not in UNDER_WAY:
            release_history.find_release(self.context, number)
            raise StateError(Problem("release.not-under-way", number=number))
        return _shown(history.end_rollout(self.context, rolling, by=by))


def _shown(done: ReleaseResult) -> Found:
    return {
        "version": done.version,
        "previous": done.previous,
        "strategy": done.strategy,
        "state": done.state,
    }
