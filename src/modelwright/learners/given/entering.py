"""How the inputs of a function enter a graph: the states of their kinds, the wiring, and what was taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Problem, ProjectError, ValueProblem
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.learners.given import brought
from modelwright.learners.given.given_graph import GivenGraph, Port
from modelwright.learners.given.matching import GraphEntry, Matched
from modelwright.learners.given.wiring import InputWiring, PixelWiring, PortType
from modelwright.storage.formats.examples import Examples

_UNKNOWN = -1.0  # the code of what is none of the classes, as scikit-learn's encoders may have it
Layout = Literal["nchw", "nhwc", "nhw", "flat"]


@dataclass
class Entered:
    """What is settled of the inputs."""

    ports: Mapping[str, PortType]
    states: dict[str, object] = field(default_factory=dict)
    wired: list[InputWiring] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def wirings(self) -> tuple[InputWiring, ...]:
        """Return the wirings in the order in which the inputs enter."""
        return tuple(self.wired)


def entered(
    signature: Signature, matched: Matched, graph: GivenGraph, train: Examples, folder: Path
) -> Entered:
    """Return states and wiring of all inputs; folder: as `prepare` wrote it. Raises ProjectError and DataError."""
    ports = {one.name: one for one in graph.inputs}
    found = Entered({name: PortType(str(port.dtype), _rank(port, matched)) for name, port in ports.items()})
    for one in matched.entries:
        state, wired = _one(one, graph, train, found.notices, folder)
        found.states[one.field.name] = state
        found.wired.append(wired)
    found.states = {one.name: found.states[one.name] for one in signature.inputs}
    _require_widths(found, matched, ports)
    if matched.in_order:
        names = [one.field.name for one in matched.entries]
        found.notices.append(
            Notice(
                "given.column-order",
                column=None,
                count=len(names),
                port=matched.entries[-1].port.name,
                line=f"model: {{columns: [{', '.join(names)}]}}",
            )
        )
    return found


def _rank(port: Port, matched: Matched) -> int:
    """Return the number of axes; 2 where the graph does not say, 4 of a picture."""
    if port.rank is not None:
        return port.rank
    return 4 if any(one.port == port and one.form is Form.PIXELS for one in matched.entries) else 2


def _one(
    one: GraphEntry, graph: GivenGraph, train: Examples, notices: list[Notice], folder: Path
) -> tuple[object, InputWiring]:
    wired = InputWiring(one.field.name, one.port.name, one.form.value, one.options.missing)
    if one.form is Form.PIXELS:
        size, channels, layout = _sizes(one)
        state = _fitted(one, train, size=size, channels=channels, fit=one.options.fit)
        return state, replace(wired, pixels=_pixels(one, channels, layout, notices))
    if one.form is Form.TOKENS:
        tokenizer = brought.tokenizer(folder, one.field.name).read_bytes()
        state = _fitted(
            one, train, tokenizer=tokenizer, max_length=one.options.max_length, limit=one.options.max_length
        )
        mask, types = (None if port is None else port.name for port in (one.mask, one.types))
        return state, replace(wired, mask=mask, types=types)
    if one.form is Form.CODE:
        return _code(one, graph, train, notices, wired)
    if one.form is Form.SET:
        return _set(one, train, notices, wired)
    state = _fitted(one, train, form=one.form, gaps=True, raw=True)
    whole = one.port.dtype not in {"float", "double", "float16"}
    if whole and one.form in {Form.AMOUNT, Form.VECTOR}:
        notices += _cut(one, train)
    return state, wired


def _fitted(one: GraphEntry, train: Examples, also: Sequence[object] = (), **options: object) -> object:
    column = train.columns[one.field.name]
    values = [*column, *also] if also else column  # large ones are read as they are asked for
    try:
        return kinds.arrays(one.field.kind).fit(values, role=Role.INPUT, **options)
    except ValueProblem as problem:
        raise DataError(
            Problem(
                "learn.unfit-column",
                field=str(one.field),
                name=one.field.name,
                rows=len(train),
                reason=problem.message,
            )
        ) from None


def _cut(one: GraphEntry, train: Examples) -> list[Notice]:
    """Return how many numbers lose their fraction, where the graph reads whole ones."""
    values = [value for value in train.columns[one.field.name] if value is not None]
    numbers = [value for value in values if isinstance(value, float) and value != int(value)]
    if not numbers:
        return []
    return [Notice("given.fraction-lost", column=one.field.name, count=len(numbers), port=str(one.port))]


def _code(
    one: GraphEntry, graph: GivenGraph, train: Examples, notices: list[Notice], wired: InputWiring
) -> tuple[object, InputWiring]:
    """Return the wiring of a category: its text, or its code among the classes that are declared or sorted."""
    text = one.port.dtype == "string"
    declared = one.options.classes
    state = _fitted(one, train, declared or (graph.known_values(one.port.name) if text else ()))
    names = kinds.arrays(one.field.kind).known(state)
    if text:
        return state, replace(wired, table=("", *names))
    order = list(declared or names)
    absent = _UNKNOWN if one.options.missing is None else one.options.missing
    codes = [float(order.index(name)) if name in order else absent for name in names]
    if declared is None:
        notices.append(_order(one, order))
    elif lacking := [name for name in names if name not in order]:
        column = train.columns[one.field.name]
        count = sum(value in lacking for value in column)
        notices.append(Notice("given.code-absent", column=one.field.name, count=count, classes=lacking))
    return state, replace(wired, table=(absent, *codes))


def _set(
    one: GraphEntry, train: Examples, notices: list[Notice], wired: InputWiring
) -> tuple[object, InputWiring]:
    declared = one.options.classes
    state = _fitted(one, train, [frozenset(declared)] if declared else ())
    names = list(kinds.arrays(one.field.kind).known(state))
    order = list(declared or names)
    if declared is None:
        notices.append(_order(one, order))
    return state, replace(wired, places=tuple(names.index(name) for name in order))


def _order(one: GraphEntry, order: Sequence[str]) -> Notice:
    names = ", ".join(f'"{name}"' for name in order)
    return Notice(
        "given.code-order",
        column=one.field.name,
        count=len(order),
        classes=list(order[:12]),
        line=f"model: {{inputs: {{{one.field.name}: {{classes: [{names}]}}}}}}",
    )


def _require_widths(found: Entered, matched: Matched, ports: Mapping[str, Port]) -> None:
    """Raise ProjectError where the columns of vectors and sets, which the rows show, are not as many as are read."""
    for name, port in ports.items():
        entries = [one for one in matched.entries if one.port == port]
        if not entries or any(one.form in {Form.PIXELS, Form.TOKENS} for one in entries):
            continue
        width = 0
        for one in entries:
            if one.form is Form.VECTOR:
                spec = kinds.arrays(one.field.kind).specs(found.states[one.field.name])["values"]
                width += cast("int", spec.shape[1])
            elif one.form is Form.SET:
                width += len(next(w for w in found.wired if w.field == one.field.name).places)
            else:
                width += 1
        wanted = 1 if port.rank == 1 else port.shape[1] if port.shape is not None else None
        if isinstance(wanted, int) and width != wanted:
            raise ProjectError(
                Problem(
                    "given.row-width",
                    port=name,
                    wanted=wanted,
                    width=width,
                    inputs=[one.field.name for one in entries],
                ).at("model.inputs")
            )


# -- pictures --------------------------------------------------------------------------------------------------


def _sizes(one: GraphEntry) -> tuple[tuple[int, int], Literal[1, 3], Layout]:
    """Return height and width, the number of channels, and the layout: as declared, else as the shape shows."""
    shape = one.port.shape
    rank = None if shape is None else len(shape)
    layout = one.options.layout or _layout(one, rank)
    axes = list(shape or (None,) * 4)
    at = {"nchw": (2, 3, 1), "nhwc": (1, 2, 3), "nhw": (1, 2, None), "flat": (None, None, None)}[layout]
    if layout != "flat" and len(axes) != {"nhw": 3}.get(layout, 4):
        raise _unfit(one, "layout")
    read = [axes[place] if place is not None else None for place in at]
    channels = _channels(one, layout, read[2])
    height, width = read[0], read[1]
    size = one.options.size
    if size is None:
        if not isinstance(height, int) or not isinstance(width, int):
            raise _unfit(one, "size")
        size = (height, width)
    fixed = [axis for axis in (height, width) if isinstance(axis, int)]
    if fixed and list(size) != [
        height if isinstance(height, int) else size[0],
        width if isinstance(width, int) else size[1],
    ]:
        raise _unfit(one, "size")
    if (
        layout == "flat"
        and len(axes) == 2
        and isinstance(axes[1], int)
        and axes[1] != size[0] * size[1] * channels
    ):
        raise _unfit(one, "size")
    return size, channels, layout


def _layout(one: GraphEntry, rank: int | None) -> Layout:
    shape = one.port.shape
    if rank == 2:
        return "flat"
    if rank == 3:
        return "nhw"
    if rank == 4 and shape is not None:
        first, last = shape[1] in (1, 3), shape[3] in (1, 3)
        if first != last:
            return "nchw" if first else "nhwc"
    raise _unfit(one, "layout")


def _channels(one: GraphEntry, layout: Layout, axis: int | str | None) -> Literal[1, 3]:
    stated = {"grey": 1, "rgb": 3, "bgr": 3}.get(one.options.channels or "")
    if layout == "nhw":
        axis = 1
    if axis is None or isinstance(axis, str):
        if stated is None:
            raise _unfit(one, "channels")
        axis = stated
    if axis not in (1, 3) or (stated is not None and stated != axis):
        raise _unfit(one, "channels")
    return 1 if axis == 1 else 3


def _pixels(one: GraphEntry, channels: int, layout: Layout, notices: list[Notice]) -> PixelWiring:
    own = one.options
    scale = own.scale
    if scale is None:
        scale = 1.0 if one.port.dtype == "uint8" else 255.0
        if one.port.dtype != "uint8":
            notices.append(Notice("given.scaling", column=one.field.name, count=None, port=str(one.port)))
    if own.channels is None and channels == 3:
        notices.append(Notice("given.channel-order", column=one.field.name, count=None))
    mean = own.mean or (0.0,) * channels
    deviation = own.deviation or (1.0,) * channels
    for key, values in (("mean", mean), ("deviation", deviation)):
        if len(values) not in (1, channels):
            raise _unfit(one, key)
    return PixelWiring(
        layout,
        own.channels == "bgr",
        scale,
        tuple(mean) * (channels // len(mean)),
        tuple(deviation) * (channels // len(deviation)),
    )


def _unfit(one: GraphEntry, key: str) -> ProjectError:
    name = one.field.name
    problem = Problem("given.picture", name=name, port=str(one.port), key=key)
    return ProjectError(problem.at(f"model.inputs.{name}"))
