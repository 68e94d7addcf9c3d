"""The keys that clients send, read from the environment."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import KeysConfig


class Keys:
    """The keys of one server; a role whose variable is not set is open to everyone."""

    def __init__(self, config: KeysConfig, environment: Mapping[str, str]) -> None:
        self.predict = environment.get(config.predict) or None
        self._expected = f"Bearer {self.predict}".encode() if self.predict else None

    def require_predict(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise RequestError (401) unless the headers hold the key for predictions."""
        if self._expected is None or hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return
        raise RequestError(Problem("request.unauthorized"), 401)
