"""Threads of OpenMP that wait for each other shortly by spinning, then asleep: set before a library loads OpenMP.

By default a thread that waits for the others spins for milliseconds, on a core that another program, or the very
thread that it waits for, could use. Beside busy programs two threads then took ten times as long as one
(docs/decisions/010). Sleeping at once costs a tenth on a quiet machine; spinning for some microseconds costs little
on either. No bit of a result follows from how threads wait.
"""

from __future__ import annotations

from collections.abc import MutableMapping

SPINS = "2000"  # turns of GNU OpenMP's loop, tens of microseconds
_CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # whoever sets one of them before us has the last word


def prepare(environment: MutableMapping[str, str]) -> None:
    """Ask for short waits, where the environment asks for none."""
    if not any(name in environment for name in _CHOICES):
        environment["GOMP_SPINCOUNT"] = SPINS
