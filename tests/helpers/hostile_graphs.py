"""Graphs that ask for a file of the machine: at every place where a tensor can stand, and written in every way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from onnx import ModelProto, TensorProto, helper

TENSOR = "onnx.TensorProto"


def external(location: str, name: str = "stolen") -> TensorProto:
    """Return a tensor of eight bytes whose values lie in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.UINT8, dims=[8], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    return tensor


# -- every place ---------------------------------------------------------------------------------------------------


def ways_to_a_tensor(most: int = 6) -> dict[str, list[FieldDescriptor]]:
    """Return every way of at most so many fields from a model to a tensor, as onnx.proto declares them."""
    ways: dict[str, list[FieldDescriptor]] = {}
    queue: list[tuple[Descriptor, list[FieldDescriptor]]] = [(ModelProto.DESCRIPTOR, [])]
    while queue:
        message, way = queue.pop()
        if message.full_name == TENSOR:
            ways[".".join(one.name for one in way)] = way
        elif len(way) < most:
            queue += [
                (field.message_type, [*way, field])
                for field in message.fields
                if field.message_type is not None
            ]
    return ways


def along(way: list[FieldDescriptor], tensor: TensorProto) -> ModelProto:
    """Return a model that holds nothing but a tensor at the end of a way."""
    model = ModelProto(ir_version=10)
    message: Any = model
    for field in way:
        inner = getattr(message, field.name)
        message = inner.add() if field.is_repeated else inner
    message.CopyFrom(tensor)
    return model


# -- graphs that ONNX Runtime takes ---------------------------------------------------------------------------------


def _info(name: str, kind: int, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def looped(tensor: TensorProto) -> ModelProto:
    """Return a model that answers with a constant of the body of a Loop."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Constant", [], ["out"], value=tensor),
        ],
        "body",
        [
            _info("i", TensorProto.INT64, []),
            _info("go", TensorProto.BOOL, []),
            _info("was", TensorProto.UINT8, [8]),
        ],
        [_info("on", TensorProto.BOOL, []), _info("out", TensorProto.UINT8, [8])],
    )
    nodes = [
        helper.make_node(
            "Constant", [], ["trips"], value=helper.make_tensor("t", TensorProto.INT64, [], [1])
        ),
        helper.make_node(
            "Constant", [], ["yes"], value=helper.make_tensor("y", TensorProto.BOOL, [], [True])
        ),
        helper.make_node("Loop", ["trips", "yes", "start"], ["z"], body=body),
    ]
    return _model(nodes)


def branched(tensor: TensorProto) -> ModelProto:
    """Return a model that answers with a constant of a branch of an If."""
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=tensor)], "b", [], [_info("b", TensorProto.UINT8, [8])]
    )
    nodes = [
        helper.make_node(
            "Constant", [], ["yes"], value=helper.make_tensor("y", TensorProto.BOOL, [], [True])
        ),
        helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch),
    ]
    return _model(nodes)


def in_function(tensor: TensorProto) -> ModelProto:
    """Return a model that answers with a constant of a function of its own."""
    model = _model([helper.make_node("Steal", [], ["z"], domain="own")])
    model.opset_import.append(helper.make_opsetid("own", 1))
    body = [helper.make_node("Constant", [], ["out"], value=tensor)]
    model.functions.append(
        helper.make_function("own", "Steal", [], ["out"], body, [helper.make_opsetid("", 18)])
    )
    return model


def constant(tensor: TensorProto) -> ModelProto:
    """Return a model that answers with a constant."""
    return _model([helper.make_node("Constant", [], ["z"], value=tensor)])


def weight(tensor: TensorProto) -> ModelProto:
    """Return a model that answers with one of its weights."""
    model = _model([helper.make_node("Identity", [tensor.name], ["z"])])
    model.graph.initializer.append(tensor)
    return model


RUNNABLE: dict[str, Callable[[TensorProto], ModelProto]] = {
    "a loop": looped,
    "a branch": branched,
    "a function": in_function,
    "a constant": constant,
    "a weight": weight,
}


def _model(nodes: list[Any]) -> ModelProto:
    graph = helper.make_graph(
        nodes, "g", [_info("start", TensorProto.UINT8, [8])], [_info("z", TensorProto.UINT8, [8])]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


# -- other ways to write the same ------------------------------------------------------------------------------------

Piece = tuple[bytes, bytes, Any]  # tag; length, or nothing; payload: bytes, or pieces


def pieces(data: bytes, message: Descriptor) -> list[Piece]:
    """Return the fields of a message as they are written, messages in it taken apart."""
    found: list[Piece] = []
    place = 0
    while place < len(data):
        begin, place = place, _end(data, place)
        tag, wire = data[begin:place], data[begin] & 7
        number = _value(tag) >> 3
        if wire == 2:
            begin, place = place, _end(data, place)
            length = data[begin:place]
            payload: Any = data[place : place + _value(length)]
            place += len(payload)
            field = message.fields_by_number.get(number)  # none for one that is unknown
            inner = None if field is None else field.message_type
            found.append((tag, length, pieces(payload, inner) if inner is not None else payload))
        else:
            end = _end(data, place) if wire == 0 else place + (8 if wire == 1 else 4)
            found.append((tag, b"", data[place:end]))
            place = end
    return found


def joined(found: list[Piece]) -> bytes:
    """Return the bytes of pieces; lengths are made new, as long as they were written."""
    out = b""
    for tag, length, payload in found:
        data = payload if isinstance(payload, bytes) else joined(payload)
        out += tag + (varint(len(data), len(length)) if length else b"") + data
    return out


def varint(value: int, width: int = 1) -> bytes:
    """Return a number in at least `width` bytes."""
    out = []
    while value or not out:
        out.append(value & 0x7F)
        value >>= 7
    out += [0] * (width - len(out))
    return bytes([*(byte | 0x80 for byte in out[:-1]), out[-1]])


def longer(number: bytes) -> bytes:
    """Return the same number, in one byte more than it needs."""
    return bytes([*number[:-1], number[-1] | 0x80, 0])


def _end(data: bytes, place: int) -> int:
    while data[place] >= 0x80:
        place += 1
    return place + 1


def _value(number: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(number))


def everywhere(found: list[Piece], change: Callable[[Piece], list[Piece]]) -> list[Piece]:
    """Return pieces with every one changed, from the inside out."""
    out: list[Piece] = []
    for tag, length, payload in found:
        inner = payload if isinstance(payload, bytes) else everywhere(payload, change)
        out += change((tag, length, inner))
    return out


def _long_number(piece: Piece) -> Piece:
    tag, length, payload = piece
    return (tag, length, longer(payload)) if tag[0] & 7 == 0 else piece


WAYS: dict[str, Callable[[Piece], list[Piece]]] = {
    "long tags": lambda p: [(longer(p[0]), p[1], p[2])],
    "long lengths": lambda p: [(p[0], longer(p[1]) if p[1] else p[1], p[2])],
    "long numbers": lambda p: [_long_number(p)],
    "unknown fields": lambda p: [p, (varint(100 << 3 | 2, 2), b"\x00", b"hidden")],
    "an unknown number": lambda p: [(varint(99 << 3, 2), b"", b"\x01"), p],
    "every field twice": lambda p: [p, p],
    "groups": lambda p: [(varint(50 << 3 | 3, 2), b"", varint(50 << 3 | 4, 2)), p],
}
"""The same graph, as no writer of protocol buffers would write it; readers that are not strict take it for the same."""


def otherwise(model: ModelProto, way: str) -> bytes:
    """Return a model written in another way throughout."""
    found = pieces(model.SerializeToString(deterministic=True), ModelProto.DESCRIPTOR)
    return joined(everywhere(found, WAYS[way]))


def backwards(model: ModelProto) -> bytes:
    """Return a model with the fields of every message in the opposite order."""

    def turned(found: list[Piece]) -> list[Piece]:
        return [(t, n, p if isinstance(p, bytes) else turned(p)) for t, n, p in reversed(found)]

    return joined(turned(pieces(model.SerializeToString(deterministic=True), ModelProto.DESCRIPTOR)))


# -- chance --------------------------------------------------------------------------------------------------------


def mutated(model: ModelProto, chance: random.Random) -> bytes:
    """Return a model with a few pieces, or a few bytes, changed by chance."""
    data = model.SerializeToString(deterministic=True)
    if chance.random() < 0.6:
        share = chance.choice([0.02, 0.1, 0.5])
        ways = [*WAYS.values(), lambda p: [], lambda p: [p]]

        def change(piece: Piece) -> list[Piece]:
            return chance.choice(ways)(piece) if chance.random() < share else [piece]

        data = joined(everywhere(pieces(data, ModelProto.DESCRIPTOR), change))
    if chance.random() < 0.6 and data:
        raw = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 5])):
            place = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[place] = chance.randrange(256)
                case 1:
                    raw[place] ^= 1 << chance.randrange(8)
                case 2:
                    raw[place:place] = raw[place : place + chance.randrange(1, 9)]
                case _:
                    del raw[place : place + chance.randrange(1, 4)]
            if not raw:
                break
        data = bytes(raw)
    return data


def tensors_of(message: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TensorProto]]:
    """Yield every tensor in a message, by the declaration of the onnx package alone."""
    if message.DESCRIPTOR.full_name == TENSOR:
        yield way, message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                yield from tensors_of(one, (*way, field.name))
