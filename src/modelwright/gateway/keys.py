"""The keys that clients send, what each of them may do, and how often."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import KeysConfig

NAME_OF_VARIABLE = "environment"  # what the key of the variable is called where keys are named
_BEARER, _BASIC = "bearer", "basic"
_LONGEST = 1000  # characters of a header that is looked at


class KeyRole(StrEnum):
    """What a key is for. `operator` may do everything."""

    CALLER = "caller"
    FEEDBACK = "feedback"
    VIEWER = "viewer"
    OPERATOR = "operator"


class RateError(RequestError):
    """A key has been used too often; `retry_after_s` later it may be used again."""

    def __init__(self, problem: Problem, retry_after_s: int) -> None:
        super().__init__(problem, 429)
        self.retry_after_s = retry_after_s


class Key:
    """One key: its name, its role, and how many requests a second it has left (a token bucket of one second)."""

    def __init__(self, name: str, role: KeyRole, per_s: float | None, clock: Callable[[], float]) -> None:
        self.name = name
        self.role = role
        self._per_s = per_s
        self._clock = clock
        self._most = max(1.0, per_s or 0.0)
        self._left, self._seen = self._most, clock()

    def spend(self) -> None:
        """Count one request; raises RateError where the key has none left."""
        if self._per_s is None:
            return
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._seen) * self._per_s)
        self._seen = now
        if self._left < 1:
            wait_s = (1 - self._left) / self._per_s
            raise RateError(Problem("request.rate", per_s=self._per_s), math.ceil(wait_s))
        self._left -= 1


class Keys:
    """The keys of one server; where there is none at all, everything is open."""

    def __init__(
        self,
        config: KeysConfig,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_digest = {
            one.sha256: Key(name, KeyRole(one.role), one.per_s, clock) for name, one in config.known.items()
        }
        own = environment.get(config.predict)
        if own:  # the only key of a small server opens all of it
            self._by_digest[_digest(own)] = Key(NAME_OF_VARIABLE, KeyRole.OPERATOR, None, clock)

    @property
    def required(self) -> bool:
        """Return whether requests need a key."""
        return bool(self._by_digest)

    def require(self, headers: Mapping[bytes, bytes], *roles: KeyRole) -> Key | None:
        """Return the key of a request, None where no keys are required.

        Raises RequestError (401 without a key that is known, 403 for a role that is none of `roles`) and RateError.
        """
        if not self._by_digest:
            return None
        digest = _digest(_given(headers))
        # Every digest is compared, each in constant time: how long it takes tells nothing of a key.
        found = [key for known, key in self._by_digest.items() if hmac.compare_digest(known, digest)]
        if not found:
            raise RequestError(Problem("request.unauthorized"), 401)
        key = found[0]
        if key.role not in {*roles, KeyRole.OPERATOR}:
            wanted = [role.value for role in roles]
            raise RequestError(Problem("request.forbidden", role=key.role.value, wanted=wanted), 403)
        key.spend()
        return key


def _digest(key: str) -> str:
    # Keys are long and random, so that nobody finds one by trying; a slow digest would only slow requests.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _given(headers: Mapping[bytes, bytes]) -> str:
    """Return the key that a request brings: as a bearer token, or as the password that a browser asked for."""
    header = headers.get(b"authorization", b"")[:_LONGEST].decode("utf-8", "surrogateescape")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == _BEARER:
        return rest.strip()
    if scheme.lower() != _BASIC:
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
