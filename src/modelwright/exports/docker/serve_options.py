"""Which lines of the project's section `serve` go into a container, as `--set` has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, JsonValue

from modelwright.gateway.config import KnownKey, ServeConfig

# The container has an address, a certificate's end and files of its own, and requires a key whatever name it is given.
_OF_THE_MACHINE = ("host", "port", "hosts", "tls", "audit")
_ENVIRONMENT = "keys.predict"  # the container's variable has the usual name


def carried(config: ServeConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is stated and goes along, as `serve.limits.rows=100`, and the keys that are stated and do not."""
    goes, stays = [], []
    for key, value in _stated(config):
        if key in (*_OF_THE_MACHINE, _ENVIRONMENT):
            stays.append(f"serve.{key}")
        else:
            goes.append(f"serve.{key}={json.dumps(value, ensure_ascii=False)}")
    return tuple(goes), tuple(stays)


def _stated(section: BaseModel, above: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Give every key whose value is not the default, with its value as JSON; a mapping is one value."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if value == field.get_default(call_default_factory=True):
            continue
        if isinstance(value, BaseModel) and name != "tls":
            yield from _stated(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", _plain(value)


def _plain(value: object) -> JsonValue:
    if isinstance(value, KnownKey | BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    plain: JsonValue = json.loads(json.dumps(value))
    return plain
