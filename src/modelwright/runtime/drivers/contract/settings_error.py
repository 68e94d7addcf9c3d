"""What is said of settings that a driver cannot run with."""

from __future__ import annotations

from modelwright.core.messages import PackageError, Problem


def settings_error(
    driver: str, key: str, *, fault: str | None = None, name: str | None = None, error: str | None = None
) -> PackageError:
    """Return the error of settings that are none of this driver's; fault: which of the message's texts says why."""
    return PackageError(
        Problem(
            "package.bad-settings",
            driver=driver,
            key=key[:80],
            fault=fault,
            name=None if name is None else name[:80],
            error=None if error is None else error[:200],
        )
    )
