"""Which version answers a request: by shares, the same one for the same caller, or the one that a tester names."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from itertools import accumulate

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, Sticky
from modelwright.gateway.traffic.served import Served

VERSION_HEADER = b"x-modelwright-version"
_DRAW = random.SystemRandom().random


class Route:
    """The versions that answer now, with their shares, and what decides among them."""

    def __init__(
        self,
        shares: Sequence[tuple[Served, float]],
        loaded: Mapping[int, Served],
        shadow: Served | None = None,
        sticky: Sticky | None = None,
    ) -> None:
        """Take versions with shares above 0 that sum to 1; `loaded` are those that a tester may name."""
        # In the order of their numbers: a share that grows takes callers from the other version and gives none back.
        self.shares = sorted(shares, key=lambda one: one[0].version)
        self.shadow = shadow
        self._loaded = loaded
        self._sticky = sticky
        self._ends = list(accumulate(share for _, share in self.shares))

    @classmethod
    def of(cls, desired: DesiredTraffic, loaded: Mapping[int, Served]) -> Route | None:
        """Return the route among the versions that are loaded, or None where none of them has a share.

        The share of one that is not loaded goes to the champion, or to the others where there is none.
        """
        given = {number: share for number, share in desired.shares.items() if number in loaded}
        champion = desired.champion
        if champion is not None and champion in loaded:
            given[champion] = 1 - sum(share for number, share in given.items() if number != champion)
        elif champion is not None and desired.shares.get(champion, 0) > 0:
            return None  # what is to be proven answers nobody else's share
        shares = [(loaded[number], share) for number, share in given.items() if share > 0]
        whole = sum(share for _, share in shares)
        if not shares:
            return None
        shadow = loaded.get(desired.shadow) if desired.shadow is not None else None
        return cls([(one, share / whole) for one, share in shares], loaded, shadow, desired.sticky)

    @property
    def main(self) -> Served:
        """Return the version with the largest share."""
        return max(self.shares, key=lambda one: one[1])[0]

    @property
    def is_one(self) -> bool:
        """Return whether one version answers, and no other is compared with it."""
        return len(self.shares) == 1 and self.shadow is None

    def named(self, headers: Mapping[bytes, bytes]) -> Served | None:
        """Return the version that a tester names in a header, None without one; raises RequestError (422)."""
        given = headers.get(VERSION_HEADER)
        if given is None:
            return None
        found = self._loaded.get(int(given)) if given.isdigit() and len(given) < 10 else None
        if found is None:
            shown = given[:20].decode("ascii", "replace")
            loaded = ", ".join(map(str, sorted(self._loaded)))
            raise RequestError(Problem("request.version-not-loaded", shown=shown, loaded=loaded), 422)
        return found

    def choose(self, headers: Mapping[bytes, bytes], body: object) -> Served:
        """Return the version that answers; `body` is the JSON of a request, for callers told apart by an input."""
        if len(self.shares) == 1:
            return self.shares[0][0]
        caller = self._caller(headers, body) if self._sticky is not None else None
        place = _DRAW() if caller is None else _place(caller)
        return self.shares[min(bisect(self._ends, place), len(self.shares) - 1)][0]

    def _caller(self, headers: Mapping[bytes, bytes], body: object) -> str | None:
        """Return what tells callers apart, or None where a request does not say it; of a list, its first row does."""
        assert self._sticky is not None
        name = self._sticky.name
        if self._sticky.of == "input":
            row = body[0] if isinstance(body, list) and body else body
            value = row.get(name) if isinstance(row, dict) else None
            return None if value is None else repr(value)
        if self._sticky.of == "header":
            found = headers.get(name.lower().encode())
            return None if found is None else found.decode("latin-1")
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return None
        return cookies[name].value if name in cookies else None


def _place(caller: str) -> float:
    """Return where a caller stands in [0, 1), the same in every gateway and after every restart."""
    digest = hashlib.blake2b(caller.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
