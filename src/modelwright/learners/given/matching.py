"""Which input of a graph reads which input of the function, and which of its outputs answers which.

By name, where names are the same or declared; else where there is only one way. Reads no rows, so `check` can say what
does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelwright import kinds
from modelwright.core.messages import Phrase, Problem, ProjectError, did_you_mean
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import form_of
from modelwright.learners.given.given_graph import GivenGraph, Port
from modelwright.learners.given.spec import GivenInput, GivenOptions, GivenOutput, GivenSpec
from modelwright.learners.given.wiring import DTYPES

_IDS = ("input_ids", "ids", "tokens")
_MASKS = ("attention_mask", "input_mask", "mask")
_TYPES = ("token_type_ids", "segment_ids")
_ALONE = {Form.AMOUNT, Form.SCALAR, Form.CODE}  # one column each
_NAMED = {Form.CODE, Form.FLAG, Form.SET}  # outputs whose columns have names


@dataclass(frozen=True)
class GraphEntry:
    """An input of the function, and the graph's input that reads it; mask, types: further ones, of tokens."""

    field: Field
    form: Form
    port: Port
    options: GivenInput
    mask: Port | None = None
    types: Port | None = None


@dataclass(frozen=True)
class GraphExit:
    """An output of the function, and the tensor that answers it; `shown`: the graph's own name for that output."""

    field: Field
    form: Form
    port: Port
    shown: str
    options: GivenOutput


@dataclass(frozen=True)
class Matched:
    """All inputs in the order in which they enter, all outputs; in_order: whether it is the signature's by default."""

    entries: tuple[GraphEntry, ...]
    exits: tuple[GraphExit, ...]
    in_order: bool


def form(field: Field) -> Form:
    """Return the form in which an input is read."""
    found = form_of(field, GivenSpec.inputs)
    assert found is not None, "a specification refuses what has no form"
    return found


def match(signature: Signature, options: GivenOptions, graph: GivenGraph) -> Matched:
    """Return what reads what; raises ProjectError with all that does not fit."""
    problems = list(_unknown(signature, options))
    entries: tuple[GraphEntry, ...] = ()
    exits: tuple[GraphExit, ...] = ()
    in_order = False
    if not problems:
        for step in ("inputs", "outputs"):
            try:
                if step == "inputs":
                    entries, in_order = _entries(signature, options, graph)
                else:
                    exits = tuple(_exits(signature, options, graph))
            except ProjectError as error:
                problems += error.problems
    if problems:
        raise ProjectError(problems)
    return Matched(entries, exits, in_order)


def classes_of(signature: Signature, options: GivenOptions, field: Field) -> tuple[str, ...] | None:
    """Return the classes that the project declares for an output, by column; None where it declares none."""
    own = options.outputs.get(field.name)
    return own.classes if own is not None and own.classes is not None else options.classes


def _unknown(signature: Signature, options: GivenOptions) -> Iterator[Problem]:
    inputs = [one.name for one in signature.inputs]
    outputs = [one.name for one in signature.outputs]
    for key, names, known in (
        ("model.inputs", [*options.inputs], inputs),
        ("model.columns", [*(options.columns or ())], inputs),
        ("model.outputs", [*options.outputs], outputs),
    ):
        for name in names:
            if name not in known:
                near = did_you_mean(name, known)
                yield Problem("given.unknown-name", key=key, name=name, near=near, known=known).at(key)
    columns = options.columns or ()
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if list(columns).count(name) > 1)
        yield Problem("given.column-twice", name=twice).at("model.columns")
    named = [one for one in signature.outputs if kinds.arrays(one.kind).output_form in _NAMED]
    if options.classes is not None and len(named) != 1:
        yield Problem("given.classes-of-which", outputs=[one.name for one in named]).at("model.classes")
    stated = {f"model.outputs.{name}.classes": one.classes for name, one in options.outputs.items()}
    for key, classes in {"model.classes": options.classes, **stated}.items():
        if classes is not None and len(set(classes)) < len(classes):
            yield Problem("given.class-twice", key=key, classes=list(classes)).at(key)


# -- inputs ----------------------------------------------------------------------------------------------------


def _entries(
    signature: Signature, options: GivenOptions, graph: GivenGraph
) -> tuple[tuple[GraphEntry, ...], bool]:
    ports = {one.name: one for one in graph.inputs}
    left = dict(ports)
    taken: list[GraphEntry] = []
    fields: list[Field] = []
    texts = [one for one in signature.inputs if form(one) is Form.TOKENS]
    for field in signature.inputs:
        own = options.inputs.get(field.name, GivenInput())
        if form(field) is Form.TOKENS:
            taken.append(_tokens(field, own, left, graph, signature, alone=len(texts) == 1))
            continue
        name = own.input or field.name
        if own.input is not None and own.input not in ports:
            raise _no_fit(graph, signature, Phrase("given.no-port", name=own.input), field.name)
        shares = options.columns is not None and field.name in options.columns and own.input is None
        if name in left and not shares:
            taken.append(GraphEntry(field, form(field), left.pop(name), own))
        else:
            fields.append(field)
    shared, in_order = _shared(fields, left, options, graph, signature)
    entries = (*taken, *shared)
    for port in ports.values():
        _require_readable(
            port, [one for one in entries if port in (one.port, one.mask, one.types)], graph, signature
        )
    return entries, in_order


def _tokens(
    field: Field,
    own: GivenInput,
    left: dict[str, Port],
    graph: GivenGraph,
    signature: Signature,
    *,
    alone: bool,
) -> GraphEntry:
    if own.tokenizer is None:
        key = f"model.inputs.{field.name}"
        raise ProjectError(Problem("given.no-tokenizer", column=field.name).at(key))
    names = (
        [own.input] if own.input is not None else [field.name, f"{field.name}.ids", *(_IDS if alone else ())]
    )
    if own.input is None and alone and len(left) == 1:
        names = [*names, *left]
    found = next((name for name in names if name in left), None)
    if found is None:
        raise _no_fit(graph, signature, Phrase("given.no-port", name=names[0]), field.name)
    ids = left.pop(found)
    others = []
    for known in (_MASKS, _TYPES):
        further = next((one for one in (*known, *(f"{field.name}.{k}" for k in known)) if one in left), None)
        others.append(left.pop(further) if further is not None else None)
    return GraphEntry(field, Form.TOKENS, ids, own, *others)


def _shared(
    fields: Sequence[Field],
    left: Mapping[str, Port],
    options: GivenOptions,
    graph: GivenGraph,
    signature: Signature,
) -> tuple[list[GraphEntry], bool]:
    """Return the inputs without a graph's input of their own, as columns of the one that is left."""
    if not fields and not left:
        return [], False
    if not fields:
        raise _no_fit(graph, signature, Phrase("given.port-without-input", name=next(iter(left))))
    if not left:
        raise _no_fit(
            graph, signature, Phrase("given.input-without-port", name=fields[0].name), fields[0].name
        )
    if len(left) > 1:
        reason = Phrase("given.several-ports", ports=list(left), inputs=[one.name for one in fields])
        raise _no_fit(graph, signature, reason, fields[0].name)
    (port,) = left.values()
    by_name = {one.name: one for one in fields}
    order = options.columns
    if order is None and graph.columns is not None and set(graph.columns) == set(by_name):
        order = graph.columns
    if order is not None and set(order) != set(by_name):
        lacking = [name for name in by_name if name not in order]
        more = [name for name in order if name not in by_name]
        reason = Phrase("given.columns-differ", lacking=lacking or None, more=more or None)
        raise _no_fit(graph, signature, reason)
    entries = [
        GraphEntry(by_name[name], form(by_name[name]), port, options.inputs.get(name, GivenInput()))
        for name in order or by_name
    ]
    return entries, order is None and len(fields) > 1


def _require_readable(
    port: Port, entries: Sequence[GraphEntry], graph: GivenGraph, signature: Signature
) -> None:
    """Raise ProjectError for a graph's input whose type or shape is none that these inputs of the function make."""
    names = [one.field.name for one in entries]
    texts = port.dtype == "string"
    if port.dtype not in DTYPES:
        raise _no_fit(graph, signature, Phrase("given.port-type", name=port.name), names[0])
    if texts and any(one.form is not Form.CODE for one in entries):
        raise _no_fit(graph, signature, Phrase("given.port-of-texts", name=port.name, inputs=names), names[0])
    pixels = [one for one in entries if one.form is Form.PIXELS]
    if pixels and len(entries) > 1:
        raise _no_fit(graph, signature, Phrase("given.picture-among-columns", name=port.name), names[0])
    rank = port.rank
    if rank is not None and not (1 <= rank <= 2 or (pixels and 2 <= rank <= 4)):
        raise _no_fit(graph, signature, Phrase("given.port-rank", name=port.name, rank=rank), names[0])
    if any(one.form is Form.TOKENS for one in entries):
        if port.shape is not None and len(port.shape) > 1 and isinstance(port.shape[1], int):
            reason = Phrase("given.fixed-length", name=port.name, length=port.shape[1])
            raise _no_fit(graph, signature, reason, names[0])
        return
    if pixels:
        return
    width = sum(1 if one.form in _ALONE else _declared_width(one) or 0 for one in entries)
    known = all(one.form in _ALONE or _declared_width(one) for one in entries)
    wanted = 1 if rank == 1 else port.shape[1] if port.shape is not None else None
    if known and isinstance(wanted, int) and wanted != width:
        reason = Phrase("given.width", name=port.name, wanted=wanted, width=width, inputs=names)
        raise _no_fit(graph, signature, reason)
    for one in entries:
        whole = port.dtype not in {"float", "double", "float16", "string"}
        if whole and one.field.optional and one.options.missing is None and one.form is not Form.CODE:
            key = f"model.inputs.{one.field.name}.missing"
            raise ProjectError(Problem("given.no-missing", column=one.field.name, port=str(port)).at(key))


def _declared_width(one: GraphEntry) -> int | None:
    return None if one.options.classes is None or one.form is not Form.SET else len(one.options.classes)


def _no_fit(graph: GivenGraph, signature: Signature, reason: Phrase, name: str | None = None) -> ProjectError:
    return ProjectError(
        Problem(
            "given.inputs",
            graph=[str(one) for one in graph.inputs],
            inputs=[str(one) for one in signature.inputs],
            reason=reason,
            name=name,
        ).at("model.inputs")
    )


# -- outputs ---------------------------------------------------------------------------------------------------


def _exits(signature: Signature, options: GivenOptions, graph: GivenGraph) -> Iterator[GraphExit]:
    tensors = {one.name: graph.tensor(one) for one in graph.outputs}
    taken = {_wanted(field, options) for field in signature.outputs} & tensors.keys()
    unnamed = [field for field in signature.outputs if _wanted(field, options) not in tensors]
    for field in signature.outputs:
        own = options.outputs.get(field.name, GivenOutput())
        made = kinds.arrays(field.kind).output_form
        assert made is not None, "a specification refuses what has no form"
        wanted = _wanted(field, options)
        if own.output is not None and own.output not in tensors:
            raise _no_answer(graph, field, Phrase("given.no-exit", name=own.output))
        if wanted in tensors:
            if not _can_answer(tensors[wanted], made):
                labels = made in _NAMED
                raise _no_answer(graph, field, Phrase("given.exit-type", name=wanted, labels=labels))
            yield GraphExit(field, made, tensors[wanted], wanted, own)
            continue
        fitting = [name for name, one in tensors.items() if name not in taken and _can_answer(one, made)]
        if not fitting:
            labels = made in _NAMED and any(not _can_answer(one, made) for one in tensors.values())
            raise _no_answer(graph, field, Phrase("given.no-fitting-exit", labels=labels))
        split = all(options.outputs.get(one.name, GivenOutput()).column is not None for one in unnamed)
        if len(fitting) > 1 or (len(unnamed) > 1 and not split):
            raise _no_answer(graph, field, Phrase("given.several-exits", exits=fitting))
        yield GraphExit(field, made, tensors[fitting[0]], fitting[0], own)


def _wanted(field: Field, options: GivenOptions) -> str:
    own = options.outputs.get(field.name)
    return own.output if own is not None and own.output is not None else field.name


def _can_answer(port: Port, made: Form) -> bool:
    """Tell whether a tensor can hold answers of a form: whole numbers are labels, which carry no confidence."""
    if port.dtype is None:
        return False
    if made is Form.SCALAR:
        return port.is_float or "int" in port.dtype
    return port.is_float


def _no_answer(graph: GivenGraph, field: Field, reason: Phrase) -> ProjectError:
    return ProjectError(
        Problem(
            "given.outputs",
            graph=[str(one) for one in graph.outputs],
            field=str(field),
            name=field.name,
            reason=reason,
        ).at("model.outputs")
    )
