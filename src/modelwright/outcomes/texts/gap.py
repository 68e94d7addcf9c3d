"""How far what two bodies write, and how likely they find the truths, lie apart."""

from __future__ import annotations

from typing import final

from modelwright.outcomes.contract.written_answers import WrittenGap
from modelwright.outcomes.texts.outcomes import TextOutcomes


@final
class TextGap(WrittenGap[TextOutcomes]):
    """The gap of texts."""
