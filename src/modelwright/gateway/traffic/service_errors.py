"""Why the gateway cannot answer now: HTTP statuses from 500 on, and 429 where too many ask at once."""

from __future__ import annotations

from modelwright.core.messages import Problem

_RETRY_AFTER_S = 1


class ServiceError(Exception):
    """The gateway cannot answer now: an HTTP status, and when to try again."""

    def __init__(self, problem: Problem, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Return what an answer with this error says beside its body."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}


def not_ready() -> ServiceError:
    """Return the error of a gateway that has no version yet."""
    return ServiceError(Problem("serve.not-ready"), 503, _RETRY_AFTER_S)


def overloaded(queue: int) -> ServiceError:
    """Return the error of a gateway that has `queue` rows under way."""
    return ServiceError(Problem("serve.overloaded", most=queue), 429, _RETRY_AFTER_S)


def waits_too_long(waits_s: float, most_s: float) -> ServiceError:
    """Return the error of a request that would wait longer than it may."""
    problem = Problem("serve.waits-too-long", wait_ms=round(1000 * waits_s), most_ms=round(1000 * most_s))
    return ServiceError(problem, 503, max(_RETRY_AFTER_S, round(waits_s)))


def too_many_bytes(most: int) -> ServiceError:
    """Return the error of a gateway that has requests of `most` bytes under way."""
    return ServiceError(Problem("serve.too-many-bytes", most=most), 503, _RETRY_AFTER_S)


def unavailable() -> ServiceError:
    """Return the error of a version whose worker is being started again."""
    return ServiceError(Problem("serve.unavailable"), 503, _RETRY_AFTER_S)


def ending() -> ServiceError:
    """Return the error of a request that is not answered by the time when the server ends."""
    return ServiceError(Problem("serve.ending"), 503, _RETRY_AFTER_S)


def late(timeout_s: float) -> ServiceError:
    """Return the error of a request that was not answered in time."""
    return ServiceError(Problem("serve.timeout", seconds=timeout_s), 504)


def body_failed() -> ServiceError:
    """Return the error of a body that cannot answer an input."""
    return ServiceError(Problem("serve.body-failed"), 500)
