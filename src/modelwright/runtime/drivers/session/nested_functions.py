"""Functions within a package: each whole, with its own graphs, files and states, so that the package serves alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from modelwright import kinds
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import ProjectError, ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Dumped, Role
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.package.content import Content
from modelwright.package.graph_contents import contents
from modelwright.package.packages import Package
from modelwright.runtime.drivers.contract.body_graphs import require_graphs
from modelwright.runtime.drivers.contract.settings_error import settings_error
from modelwright.runtime.drivers.session.session_settings import DRIVER, FieldState, NestedEntry


def joined(
    functions: Mapping[str, Package],
) -> tuple[dict[str, NestedEntry], dict[str, Content], dict[str, Content]]:
    """Return what the settings say of functions by their names, and the graphs and the files of them all.

    Raises ValueError where two have values of a graph in files of one name that differ.
    """
    entries: dict[str, NestedEntry] = {}
    graphs: dict[str, Content] = {}
    files: dict[str, Content] = {}
    for name, package in functions.items():
        body = package.body
        own_graphs = {graph: f"{name}-{graph}" for graph in body.graphs}
        graphs |= {own_graphs[graph]: data for graph, data in body.graphs.items()}
        # a graph names the file of its values by the path in the package, so such a file keeps its name
        kept = {
            one.location for data in body.graphs.values() for one in contents(content.view(data)).external
        }
        own_files = {path: path if path in kept else f"{name}/{path}" for path in body.files}
        for path, data in body.files.items():
            place = own_files[path]
            if content.digest(files.setdefault(place, data)) != content.digest(data):
                raise ValueError(path)
        states = {}
        for field in (*body.signature.inputs, *body.signature.outputs):
            dumped = kinds.arrays(field.kind).dump(body.states[field.name])
            assets = {asset: f"{name}/states/{field.name}/{asset}" for asset in dumped.assets}
            files |= {assets[asset]: data for asset, data in dumped.assets.items()}
            states[field.name] = FieldState(state=_plain(dumped.data), assets=assets)
        entries[name] = NestedEntry(
            signature=str(body.signature),
            package=package.digest,
            driver=body.driver,
            graphs=own_graphs,
            files=own_files,
            settings=_plain(body.settings),
            states=states,
        )
    return entries, graphs, files


def parted(body: Body, entries: Mapping[str, NestedEntry]) -> dict[str, Package]:
    """Return what `joined` joined; raises PackageError where parts are not there, or cannot be read."""
    require_graphs(body, [name for one in entries.values() for name in one.graphs.values()])
    return {name: _package(body, name, entry) for name, entry in entries.items()}


def _package(body: Body, name: str, entry: NestedEntry) -> Package:
    place = f"functions.{name}"
    if entry.driver == DRIVER:
        raise settings_error(body.driver, place, error=f"a session within one of the driver {body.driver}")
    wanted = [*entry.files.values(), *(path for one in entry.states.values() for path in one.assets.values())]
    if absent := sorted(set(wanted) - set(body.files)):
        raise settings_error(body.driver, place, fault="file", name=absent[0])
    try:
        signature = Signature.parse(entry.signature)
        fields = {one.name: one for one in (*signature.inputs, *signature.outputs)}
        if fields.keys() != entry.states.keys():
            raise settings_error(body.driver, f"{place}.states", error="not those of the signature")
        states = {
            one: _state(
                body, field, entry.states[one], Role.OUTPUT if field in signature.outputs else Role.INPUT
            )
            for one, field in fields.items()
        }
    except (ProjectError, ValueProblem, ValueError, TypeError, KeyError, AttributeError) as error:
        raise settings_error(body.driver, place, error=str(error)) from None
    own = Body(
        signature,
        entry.driver,
        {graph: body.graphs[path] for graph, path in entry.graphs.items()},
        states,
        {path: body.files[there] for path, there in entry.files.items()},
        entry.settings,
    )
    return Package(own, entry.package, 1)


def _state(body: Body, field: Field, stored: FieldState, role: Role) -> Any:
    if field.kind not in kinds.names():
        raise ValueError(f"unknown kind {field.kind}")
    kind = kinds.arrays(field.kind)
    assets = {asset: content.whole(body.files[path]) for asset, path in stored.assets.items()}
    state = kind.load(Dumped(stored.state, assets))
    kind.require(state, role)
    return state


def _plain(data: Mapping[str, JsonLike]) -> dict[str, JsonValue]:
    """Return JSON as it is read back: lists instead of tuples."""
    plain: dict[str, JsonValue] = json.loads(json.dumps(data, allow_nan=False))
    return plain
