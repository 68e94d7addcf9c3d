"""How far what two bodies write, and how likely they find the truths, lie apart."""

from __future__ import annotations

from typing import final

from modelwright.outcomes.contract.written_answers import WrittenGap
from modelwright.outcomes.records.outcomes import RecordOutcomes


@final
class RecordGap(WrittenGap[RecordOutcomes]):
    """The gap of records."""
