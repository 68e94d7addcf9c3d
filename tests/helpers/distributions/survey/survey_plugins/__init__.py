"""A kind, a metric and a learner of another distribution, each in a place of its own."""

from pathlib import Path

from modelwright.core.messages import catalog

catalog.add(Path(__file__).parent / "messages")
