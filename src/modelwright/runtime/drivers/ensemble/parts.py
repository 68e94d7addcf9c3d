"""The settings of an ensemble: its parts, each a body of its own, and what each has in the answers.

    {"parts": [{"name": "trees", "driver": "once", "graphs": {"model": "trees"}, "files": {}, "settings": {},
                "states": {"title": {"state": {…}, "assets": {"terms.txt": "trees/title/terms.txt"}}}}, …],
     "shares": {"price": {"trees": {"weight": 0.6, "temperature": 1.0}, …}}}

Parts share the states of the body; `states` holds those inputs of a part that are encoded otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from modelwright import kinds
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Dumped, Role
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.package.content import Content
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.settings_error import settings_error
from modelwright.runtime.drivers.ensemble.mean_answers import Share

DRIVER = "ensemble"
bad_settings = partial(settings_error, DRIVER)


class _StateEntry(BaseModel):
    """The state of an input as it is stored: JSON, and assets by name, each a file of the package."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    state: dict[str, JsonValue]
    assets: dict[str, str] = {}


class _PartEntry(BaseModel):
    """A body of its own: which graphs and files of the package are its own, under the names that it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    driver: str
    graphs: dict[str, str]
    files: dict[str, str] = {}
    settings: dict[str, JsonValue] = {}
    states: dict[str, _StateEntry] = {}


class _ShareEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weight: float = Field(gt=0, le=1)
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    parts: list[_PartEntry] = Field(min_length=2)
    shares: dict[str, dict[str, _ShareEntry]]


@dataclass(frozen=True)
class EnsemblePart:
    """A body among others; own: the inputs whose states are not those of the others."""

    name: str
    body: Body
    own: frozenset[str]


@dataclass(frozen=True)
class Ensemble:
    """Parts, and by output what each part has in its answers."""

    parts: Sequence[EnsemblePart]
    shares: Mapping[str, Mapping[str, Share]]


def joined(
    bodies: Mapping[str, Body], shares: Mapping[str, Mapping[str, Share]], states: Mapping[str, Any]
) -> Body:
    """Return one body of several of one signature.

    bodies: by name, the first of which has the states of inputs that are shared where they are equal; states: of the
    outputs, as the mixture is decoded. Raises ValueError where two name different files alike.
    """
    first = next(iter(bodies.values()))
    graphs: dict[str, Content] = {}
    files: dict[str, Content] = {}
    entries = []
    for name, body in bodies.items():
        own_graphs = {graph: name if graph == "model" else f"{name}-{graph}" for graph in body.graphs}
        graphs |= {own_graphs[graph]: data for graph, data in body.graphs.items()}
        for path, data in body.files.items():  # a graph names its external data by the path in the package
            if content.digest(files.setdefault(path, data)) != content.digest(data):
                raise ValueError(path)
        own, assets = _own_states(name, body, first)
        files |= assets
        entries.append(
            _PartEntry(
                name=name,
                driver=body.driver,
                graphs=own_graphs,
                files={path: path for path in body.files},
                settings=_plain(body.settings),
                states=own,
            )
        )
    settings = _Settings(
        parts=entries,
        shares={
            output: {
                name: _ShareEntry(weight=one.weight, temperature=one.temperature)
                for name, one in found.items()
            }
            for output, found in shares.items()
        },
    )
    inputs = {field.name: first.states[field.name] for field in first.signature.inputs}
    return Body(
        first.signature, DRIVER, graphs, {**inputs, **states}, files, settings.model_dump(mode="json")
    )


def parted(body: Body) -> Ensemble:
    """Return what `joined` joined; raises PackageError for settings that are not an ensemble's."""
    try:
        settings = _Settings.model_validate(_plain(body.settings))
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_settings(".".join(map(str, first["loc"])) or "settings", error=first["msg"]) from None
    names = [one.name for one in settings.parts]
    outputs = {field.name for field in body.signature.outputs}
    if len(set(names)) < len(names):
        raise bad_settings("parts", fault="names")
    if set(settings.shares) != outputs:
        raise bad_settings("shares", fault="outputs")
    for output, shares in settings.shares.items():
        if not shares or not shares.keys() <= set(names):
            raise bad_settings(f"shares.{output}", fault="parts")
        if abs(sum(one.weight for one in shares.values()) - 1.0) > 1e-6:
            raise bad_settings(f"shares.{output}", fault="weights")
    used = [graph for one in settings.parts for graph in one.graphs.values()]
    require_graphs(body, used)
    parts = [_part(body, entry) for entry in settings.parts]
    shares_of = {
        output: {name: Share(one.weight, one.temperature) for name, one in shares.items()}
        for output, shares in settings.shares.items()
    }
    return Ensemble(parts, shares_of)


def _part(body: Body, entry: _PartEntry) -> EnsemblePart:
    if entry.driver == DRIVER:
        raise bad_settings(f"parts.{entry.name}", fault="nested")
    wanted = [*entry.files.values(), *(path for one in entry.states.values() for path in one.assets.values())]
    if absent := sorted(set(wanted) - set(body.files)):
        raise bad_settings(f"parts.{entry.name}", fault="file", name=absent[0])
    fields = {field.name: field for field in body.signature.inputs}
    if other := sorted(entry.states.keys() - fields.keys()):
        raise bad_settings(f"parts.{entry.name}.states", fault="input", name=other[0])
    states = dict(body.states)
    for name, stored in entry.states.items():
        kind = kinds.arrays(fields[name].kind)
        assets = {asset: content.whole(body.files[path]) for asset, path in stored.assets.items()}
        try:
            states[name] = kind.load(Dumped(stored.state, assets))
            kind.require(states[name], Role.INPUT)
        except (ValueProblem, ValueError, TypeError, KeyError, AttributeError) as error:
            raise bad_settings(f"parts.{entry.name}.states.{name}", error=str(error)) from None
    graphs = {own: body.graphs[name] for own, name in entry.graphs.items()}
    files = {own: body.files[path] for own, path in entry.files.items()}
    whole = replace(
        body, driver=entry.driver, graphs=graphs, states=states, files=files, settings=entry.settings
    )
    return EnsemblePart(entry.name, whole, frozenset(entry.states))


def _own_states(name: str, body: Body, first: Body) -> tuple[dict[str, _StateEntry], dict[str, Content]]:
    """Return the states of inputs that are not those of the first body, and their assets as files of the package."""
    entries: dict[str, _StateEntry] = {}
    files: dict[str, Content] = {}
    for field in body.signature.inputs:
        kind = kinds.arrays(field.kind)
        own, shared = (kind.dump(one.states[field.name]) for one in (body, first))
        if (_plain(own.data), dict(own.assets)) == (_plain(shared.data), dict(shared.assets)):
            continue
        paths = {asset: f"parts/{name}/{field.name}/{asset}" for asset in own.assets}
        entries[field.name] = _StateEntry(state=_plain(own.data), assets=paths)
        files |= {paths[asset]: data for asset, data in own.assets.items()}
    return entries, files


def _plain(data: Mapping[str, JsonLike]) -> dict[str, Any]:
    """Return JSON as it is read back: lists instead of tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return plain
