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
from pathlib import Path

from modelwright import kinds
from modelwright.core.evidence.labelled_rows import LabelPolicy
from modelwright.core.messages import MachineError, Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.config import NAME_OF_VARIABLE, KeysConfig, ServeConfig

NO_KEY = ""  # who reports where no key is needed
_BEARER, _BASIC = "bearer", "basic"


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


class Allowance:
    """How much of a thing may be used: `most` at once, and `per_s` a second for good (a token bucket)."""

    def __init__(self, per_s: float, most: float, clock: Callable[[], float]) -> None:
        self.per_s = per_s
        self._clock = clock
        self._most = most
        self._left, self._seen = most, clock()

    def spend(self, count: float) -> float:
        """Use so much; returns 0, or where that is not there (then nothing is used) the seconds until it may be."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._seen) * self.per_s)
        self._seen = now
        if self._left < count:
            return (min(count, self._most) - self._left) / self.per_s
        self._left -= count
        return 0.0


class Key:
    """One key: its name, its role, and how many requests a second it has left."""

    def __init__(self, name: str, role: KeyRole, per_s: float | None, clock: Callable[[], float]) -> None:
        self.name = name
        self.role = role
        self._requests = None if per_s is None else Allowance(per_s, max(1.0, per_s), clock)

    def spend(self) -> None:
        """Count one request; raises RateError where the key has none left."""
        if self._requests is None:
            return
        wait_s = self._requests.spend(1)
        if wait_s:
            raise RateError(Problem("request.rate", per_s=self._requests.per_s), math.ceil(wait_s))


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
        own = _own_key(config.predict, environment)
        if own:  # the only key of a small server opens all of it
            self._by_digest[_digest(own)] = Key(NAME_OF_VARIABLE, KeyRole.OPERATOR, None, clock)

    @property
    def required(self) -> bool:
        """Return whether requests need a key."""
        return bool(self._by_digest)

    def require(self, headers: Mapping[bytes, bytes], *roles: KeyRole, counts: bool = True) -> Key | None:
        """Return the key of a request, None where no keys are required; counts: towards those that it has a second.

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
        if counts:
            key.spend()
        return key


def label_policy(config: ServeConfig, signature: Signature) -> LabelPolicy:
    """Return whose labels count: of keys that there are, and of outputs that are classes.

    An operator may release and roll back, so its labels may decide by themselves, too.
    """
    known = config.keys.known
    operators = {name for name, key in known.items() if KeyRole(key.role) is KeyRole.OPERATOR}
    return LabelPolicy(
        outputs=frozenset(one.name for one in signature.outputs if kinds.value(one.kind).labelled),
        known=frozenset({NO_KEY, NAME_OF_VARIABLE, *known}),
        alone=frozenset({NAME_OF_VARIABLE, *operators, *config.feedback.alone}),
    )


def _own_key(variable: str, environment: Mapping[str, str]) -> str:
    """Return the key of the variable, or of the file that `{variable}_FILE` names, as containers mount a secret.

    Raises MachineError where the file has none, which would leave the gateway open, and where both are set.
    """
    own = environment.get(variable, "").strip()  # as the header of a request is read
    by_file = f"{variable}_FILE"
    path = environment.get(by_file, "")
    if not path:
        return own
    if own:
        raise MachineError(Problem("serve.key-twice", variable=variable, other=by_file))
    error = None
    try:
        own = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as failed:  # UnicodeDecodeError, or a name with a NUL
        error = getattr(failed, "strerror", None) or str(failed)
    if not own:
        raise MachineError(Problem("serve.key-file", path=path, variable=by_file, error=error))
    return own


def _digest(key: str) -> str:
    # Keys are long and random, so that nobody finds one by trying; a slow digest would only slow requests.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _given(headers: Mapping[bytes, bytes]) -> str:
    """Return the key that a request brings: as a bearer token, or as the password that a browser asked for."""
    header = headers.get(b"authorization", b"").decode("utf-8", "surrogateescape")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == _BEARER:
        return rest.strip()
    if scheme.lower() != _BASIC:
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
