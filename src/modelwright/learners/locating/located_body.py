"""The body of what was learned: one graph over windows, and the tokenizer beside it."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners.exporting import network_graph
from modelwright.learners.locating import located_folder
from modelwright.package.body import Body
from modelwright.runtime.drivers.locate.locate_settings import GRAPH, TOKENIZER

DRIVER = "locate"


def located_body(learned: Path) -> Body:
    """Return the body of the driver `locate`; equal folders give equal bytes."""
    read = located_folder.read(learned)
    graph = network_graph.export(learned).graphs[GRAPH]
    return Body(
        read.signature,
        DRIVER,
        {GRAPH: graph},
        read.states,
        {TOKENIZER: read.tokenizer},
        read.settings.model_dump(),
    )
