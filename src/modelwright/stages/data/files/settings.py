"""The section `data.files` of the project file: where the files that cells name lie, and how large they may be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelwright.core.byte_count import ByteCount
from modelwright.tables.files.held_files import MOST_BYTES


class FilesConfig(BaseModel):
    """Where files lie whose paths stand in a column (of images, sounds and other values that are files)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str | None = Field(
        None,
        min_length=1,
        description="the folder from which the paths in tables count, and that they may not leave; by default that of "
        "the table, or else of the project",
    )
    largest: ByteCount = Field(
        MOST_BYTES, ge=1, description="bytes of one file, such as `32 MB`; a row with a larger one is refused"
    )
