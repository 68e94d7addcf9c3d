"""The section `serve` of the project file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[A-Za-z]*)", re.ASCII)


def _bytes(value: Any) -> Any:
    """Read `2 MiB` as a number of bytes; anything else is left for pydantic to judge."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None or match["unit"] not in _UNITS:
        raise ValueError(f"must be a size such as `2 MiB` ({', '.join(filter(None, _UNITS))})")
    return int(float(match["number"]) * _UNITS[match["unit"]])


ByteCount = Annotated[int, BeforeValidator(_bytes)]


class ServeConfig(BaseModel):
    """How the gateway answers, and what it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        "127.0.0.1", description="the address to listen on; one that other machines reach needs a key"
    )
    port: int = Field(8080, ge=0, le=65535, description="the port; 0 takes any that is free")
    threads: int | None = Field(
        None, ge=1, description="cores a version uses; None: as many as its package was timed with"
    )
    max_batch: int = Field(16, ge=1, description="rows that are answered in one pass")
    max_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="how long at most a request waits for others to share its pass"
    )
    queue: int = Field(1024, ge=1, description="rows that may be under way; more are refused with 503")
    timeout_s: float = Field(30.0, gt=0, description="a request that is not answered by then gets 504")
    body_timeout_s: float = Field(
        10.0, gt=0, description="a request that has not been sent whole by then gets 408"
    )
    start_timeout_s: float = Field(120.0, gt=0, description="how long a version may take until it can answer")
    drain_s: float = Field(
        30.0, gt=0, description="how long requests under way may take to end when a version goes"
    )
    max_body: ByteCount = Field(
        2 * 2**20, ge=1, description="bytes of a request, such as `2 MiB`; more get 413"
    )
    max_items: int = Field(1000, ge=1, description="rows of one request; more get 413")
    max_text: int = Field(20_000, ge=1, description="characters of one text; more get 413")
    max_depth: int = Field(32, ge=2, description="how deeply the JSON of a request may nest; deeper gets 400")
    private: tuple[str, ...] = Field((), description="inputs that the record of traffic leaves out")
    record_days: float = Field(30.0, gt=0, description="how long the record of traffic is kept")
    record: bool = Field(
        default=True, description="whether answers are recorded, so that live traffic can be judged"
    )
