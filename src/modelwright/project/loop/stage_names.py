"""The names of the stages, in loop order; `table` says what each takes. Light, for the command line reads it first."""

from __future__ import annotations

DATA, TUNE, PLAN, LEARN, PACKAGE = "data", "tune", "plan", "learn", "package"
EVALUATE, RELEASE = "evaluate", "release"

LANE = (DATA, PLAN, LEARN, PACKAGE)
"""The stages of a lane: it searches nothing and evaluates nothing."""

SEALING = (DATA, TUNE, PLAN, LEARN, PACKAGE, EVALUATE)
"""The stages that seal an artifact. `release` and `monitor` act on the world and follow them."""

STAGE_NAMES = (*SEALING, RELEASE)
"""The stages that a run goes through, `tune` where the project file has that section."""
