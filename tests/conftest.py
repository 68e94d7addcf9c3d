"""What all tests share: gold files, the texts that people read."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["serving_fixtures"]
GOLD = Path(__file__).parent / "gold"


@pytest.fixture
def gold():
    """Compare a text with `tests/gold/NAME`; MODELWRIGHT_UPDATE_GOLD=1 writes it (then read the diff)."""

    def compare(name, text):
        path = GOLD / name
        if os.environ.get("MODELWRIGHT_UPDATE_GOLD"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text.splitlines() == path.read_text(encoding="utf-8").splitlines(), name

    return compare
