"""The keys of adapters of a low rank, which learners that start from weights share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LoraKeys(BaseModel):
    """Adapters of a low rank beside the layers of what is pretrained, which themselves stay as they were."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(8, ge=1, le=1024, description="rank of an adapter")
    alpha: float = Field(16.0, gt=0, description="an adapter counts by alpha / rank")
