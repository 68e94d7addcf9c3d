"""The kinds' states of a signature: fitted on the training split, kept in the folder of what was learned.

states.json                 the signature, and each field's state
states/{field}/{asset}      binary assets, such as a tokenizer
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Dumped, Form, Role
from modelwright.learners.contract.spec import form_of
from modelwright.storage.formats.examples import Examples

FILE, ASSETS = "states.json", "states"


def fit(
    signature: Signature,
    train: Examples,
    options: Mapping[str, Mapping[str, object]] | None = None,
    accepted: frozenset[Form] | None = None,
) -> dict[str, object]:
    """Return the state of every field from the training split; raises DataError with all that do not fit.

    options: field name → what its kind's `fit` takes beside the values; accepted: the forms of inputs that the
    learner reads, where it reads more than the first that a kind has.
    """
    states: dict[str, object] = {}
    problems = []
    inputs = {field.name: train.columns[field.name] for field in signature.inputs}
    input_kinds = {field.name: field.kind for field in signature.inputs}
    for field in (*signature.inputs, *signature.outputs):
        kind = kinds.arrays(field.kind)
        try:
            given = dict((options or {}).get(field.name, {}))
            if accepted is not None and field in signature.inputs:
                given["form"] = form_of(field, accepted)
            role = Role.OUTPUT if field in signature.outputs else Role.INPUT
            if role is Role.OUTPUT:
                given |= {"inputs": inputs, "input_kinds": input_kinds}
            if train.windows is not None:
                given["gaps"] = train.windows.gaps
            if field.range is not None:
                given["range"] = field.range
            states[field.name] = kind.fit(train.columns[field.name], role=role, **given)
        except ValueProblem as problem:
            problems.append(
                Problem(
                    "learn.unfit-column",
                    field=str(field),
                    name=field.name,
                    rows=len(train),
                    reason=problem.message,
                )
            )
    if problems:
        raise DataError(problems)
    return states


# What a package holds of an input beside its state: its values that are typical, and its arrays in the graph.
_BESIDE_BYTES = 250
_INDENT_BYTES = 4  # of a line of the manifest, where states stand four levels deep


def packed_bytes(signature: Signature, states: Mapping[str, object]) -> int:
    """Return about how many bytes the states take in a package, where a table may have thousands of columns."""
    total = 0
    for field in (*signature.inputs, *signature.outputs):
        dumped = kinds.arrays(field.kind).dump(states[field.name])
        text = json.dumps(dict(dumped.data), ensure_ascii=False, indent=1)
        total += len(text.encode()) + _INDENT_BYTES * (text.count("\n") + 1)
        if field in signature.inputs:
            total += sum(map(len, dumped.assets.values())) + _BESIDE_BYTES + 4 * len(field.name)
    return total


def write(folder: Path, signature: Signature, states: Mapping[str, object]) -> None:
    """Write the signature and the states; equal ones give equal bytes."""
    entries = {}
    for field in (*signature.inputs, *signature.outputs):
        dumped = kinds.arrays(field.kind).dump(states[field.name])
        entries[field.name] = {"state": dict(dumped.data), "assets": sorted(dumped.assets)}
        for name, content in dumped.assets.items():
            path = folder / ASSETS / field.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    text = json.dumps(
        {"signature": asdict(signature), "states": entries}, ensure_ascii=False, allow_nan=False, indent=1
    )
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[Signature, dict[str, object]]:
    """Return the signature and the states that `write` wrote."""
    data = json.loads((folder / FILE).read_text(encoding="utf-8"))
    sealed = data["signature"]
    signature = Signature(
        sealed["name"],
        tuple(_field(**field) for field in sealed["inputs"]),
        tuple(_field(**field) for field in sealed["outputs"]),
    )
    states = {}
    for field in (*signature.inputs, *signature.outputs):
        entry = data["states"][field.name]
        assets = {name: (folder / ASSETS / field.name / name).read_bytes() for name in entry["assets"]}
        states[field.name] = kinds.arrays(field.kind).load(Dumped(entry["state"], assets))
    return signature, states


def _field(name: str, kind: str, *, optional: bool, range: list[float] | None = None) -> Field:  # noqa: A002 - the field's name
    return Field(name, kind, optional, None if range is None else (range[0], range[1]))
