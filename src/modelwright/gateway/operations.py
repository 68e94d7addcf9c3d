"""What an operator may ask of a gateway beside answers: its versions and releases, as the state database has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Found = Mapping[str, Any]
"""What is answered, as JSON."""


class Operations(Protocol):
    """The history of a function; called in threads, several at once. What a user can put right raises UserError.

    by: who asks, for the audit of the state database. The gateway follows by itself what is requested here.
    """

    def versions(self) -> Found:
        """Return all versions, newest first, and what became of each."""

    def releases(self) -> Found:
        """Return the releases, newest first."""

    def release(self, number: int) -> Found:
        """Return a release and every decision about it, with its evidence."""

    def request(self, version: int | None, strategy: str | None, by: str) -> Found:
        """Request a release of a version (None: the newest); `held_back` names requirements that keep it from that."""

    def roll_back(self, to: int | None, by: str) -> Found:
        """Go back to a version (None: the one before), or end the rollout that is under way."""

    def abort(self, number: int, by: str) -> Found:
        """End a rollout that is under way."""
