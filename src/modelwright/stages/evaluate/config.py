"""The section `evaluate` of the project file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvaluateConfig(BaseModel):
    """How a package is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baselines: bool = Field(
        default=True,
        description="also learn and measure two simple baselines, the least that learning must beat",
    )
    baseline_rows: int = Field(
        20_000,
        ge=100,
        description="training rows, evenly spaced, that the linear baseline learns from at most",
    )
    latency_requests: int = Field(
        1000,
        ge=100,
        description="requests that latency is measured on, one after another or at the stated load",
    )
    importance_rows: int = Field(
        12_000,
        ge=0,
        description="validation rows that are answered at most to tell how much rests on each input, and a quarter of "
        "them to tell how far each input moves the answers; 0: not told",
    )
    slices: tuple[str, ...] = Field(
        (),
        description="rows that are measured apart and beside all others, without a bar, as slices of requirements are "
        "written: `age < 26`, `sex == 'female'`",
    )
    generate: int = Field(
        100,
        ge=0,
        description="of an output that is written: test rows, evenly spaced, for which answers are written, which is "
        "dear; how likely the true text is, is known of all rows",
    )
    against: str = Field(
        "champion",
        min_length=1,
        coerce_numbers_to_str=True,
        description="what people hold answers against (`modelwright judge`), and what `win_rate` is against: "
        "`champion`, the number of a version, a column of the test rows, such as the output itself (its truths), "
        "or a .csv, .tsv or .jsonl file of answers",
    )
    errors: int = Field(20, ge=0, description="wrong answers of highest confidence that the report shows")
