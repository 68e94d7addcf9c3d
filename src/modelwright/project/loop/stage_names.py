"""The names of the stages, in loop order; `table` says what each takes. Light, for the command line reads it first."""

from __future__ import annotations

DATA, PLAN, LEARN, PACKAGE, EVALUATE, RELEASE = "data", "plan", "learn", "package", "evaluate", "release"

SEALING = (DATA, PLAN, LEARN, PACKAGE, EVALUATE)
"""The stages that seal an artifact. `release` and `monitor` act on the world and follow them."""

STAGE_NAMES = (*SEALING, RELEASE)
"""The stages that a run goes through."""
