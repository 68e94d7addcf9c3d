"""The types of JSON, for what is read from a file or sent over a wire before its own type is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What `json.loads` returns."""

JsonObject: TypeAlias = dict[str, Json]

JsonLike: TypeAlias = bool | int | float | str | Sequence["JsonLike"] | Mapping[str, "JsonLike"] | None
"""What `json.dumps` takes: tuples and read-only mappings, too."""
