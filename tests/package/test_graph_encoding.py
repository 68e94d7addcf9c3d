"""Graphs are taken as the onnx package writes them, and in no other way; no place of a tensor is overlooked."""

from __future__ import annotations

import random

import pytest
from hostile_graphs import (
    RUNNABLE,
    WAYS,
    along,
    backwards,
    external,
    mutated,
    otherwise,
    tensors_of,
    ways_to_a_tensor,
)
from onnx import ModelProto, TensorProto, helper, numpy_helper, onnx_ml_pb2

from modelwright.package.graph_contents import contents
from modelwright.package.graph_encoding import GraphEncodingError, parts
from modelwright.package.graph_schema import ENUMERATIONS, MESSAGES

SECRET = "secret.bin"


def declared() -> dict:
    """Return every message of the onnx package that is installed."""
    found = {}
    queue = list(onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values())
    while queue:
        message = queue.pop()
        found[message.full_name.removeprefix("onnx.")] = message
        queue += message.nested_types
    return found


def test_the_table_is_that_of_the_onnx_package():
    known = declared()
    assert set(known) == set(MESSAGES)
    for name, message in known.items():
        ours = {(f.number, f.name, f.type, f.repeated, f.packed, f.in_group) for f in MESSAGES[name].values()}
        theirs = set()
        for field in message.fields:
            inner = field.message_type or field.enum_type
            type_ = inner.full_name.removeprefix("onnx.") if inner else TYPES[field.type]
            grouped = field.containing_oneof is not None
            theirs.add((field.number, field.name, type_, field.is_repeated, field.is_packed, grouped))
        assert ours == theirs, name
    for name, values in ENUMERATIONS.items():
        message, _, enum = name.partition(".")
        assert values == set(known[message].enum_types_by_name[enum].values_by_number)


TYPES = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 9: "string", 12: "bytes"}


PLACES = ways_to_a_tensor()


@pytest.mark.parametrize("way", PLACES.values(), ids=PLACES.keys())
def test_a_tensor_with_its_values_elsewhere_is_seen_wherever_it_stands(way):
    model = along(way, external(SECRET))
    found = contents(model.SerializeToString(deterministic=True)).external
    at_the_top = [one.name for one in way] == ["graph", "initializer"]
    assert [(one.location, one.initializer) for one in found] == [(SECRET, at_the_top)]


def test_the_ways_to_a_tensor_pass_every_field_that_leads_to_one():
    last = {(way[-1].containing_type.name, way[-1].name) for way in PLACES.values()}
    expected = {("GraphProto", "initializer"), ("AttributeProto", "t"), ("AttributeProto", "tensors")}
    assert last == expected | {("SparseTensorProto", "values"), ("SparseTensorProto", "indices")}
    passed = {field.name for way in PLACES.values() for field in way}
    assert passed >= {"functions", "training_info", "g", "graphs", "sparse_tensor", "sparse_initializer"}


@pytest.mark.parametrize("make", RUNNABLE.values(), ids=RUNNABLE.keys())
@pytest.mark.parametrize("way", [*WAYS, "backwards"])
def test_the_same_graph_written_otherwise_is_refused(make, way):
    model = make(external(SECRET))
    assert contents(model.SerializeToString(deterministic=True)).external
    written = backwards(model) if way == "backwards" else otherwise(model, way)
    with pytest.raises(GraphEncodingError):
        contents(written)
    with pytest.raises(GraphEncodingError):
        contents(backwards(make(numpy_helper.from_array(numpy_array(), "w"))))


def numpy_array():
    """Return eight bytes."""
    import numpy as np

    return np.arange(8, dtype=np.uint8)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x08\x8a\x00", "long"),  # 10, in two bytes
        (b"\x88\x00\x0a", "long"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "long"),  # more than 64 bits
        (b"\x08", "long"),
        (b"\x12\x05abc", "cut"),
        (b"\x12\x02\xc3\x28", "text"),
        (b"\x08\x0a\x08\x0a", "twice"),
        (b"\x12\x01a\x08\x0a", "order"),
        (b"\x0d\x00\x00\x00\x00", "wire"),
        (b"\x0a\x01a", "wire"),
        (b"\x00\x00", "unknown"),
        (b"\xf8\x07\x01", "unknown"),
        (b"\x3a\x04\x2a\x02\x70\x02", "unknown"),  # a data location of 2
        (b"\x3a\x04\x2a\x02\x22\x00", "empty"),  # float_data of none
        (b"\x3a\x06\x2a\x04\x22\x02\x00\x00", "cut"),  # half a float
        (b"\x3a\x06\x2a\x04\x3a\x02\x81\x00", "long"),  # int64_data
        (b"\x3a\x0a\x2a\x08\x2a\x06\xff\xff\xff\xff\x0f\x00", "long"),  # int32_data beyond 32 bits
        (b"\x3a\x0a\x5a\x08\x12\x06\x0a\x00\x22\x00\x32\x00", "twice"),  # a tensor type and a sequence type
    ],
)
def test_what_is_wrong_and_where_is_told(data, fault):
    with pytest.raises(GraphEncodingError) as error:
        list(parts(data))
    assert error.value.fault == fault
    assert error.value.place.startswith("model")


def test_a_graph_within_a_graph_has_an_end():
    model = ModelProto(ir_version=10)
    graph = model.graph
    for _ in range(60):
        graph = graph.node.add().attribute.add().g
    try:
        written = model.SerializeToString()
    except Exception:  # protocol buffers refuse to write it as well
        return
    with pytest.raises(GraphEncodingError) as error:
        list(parts(written))
    assert error.value.fault == "deep"


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)])
def test_every_number_is_taken_as_it_is_written(number):
    attribute = helper.make_attribute("a", [number] * 3)
    graph = helper.make_graph([helper.make_node("N", [], [])], "g", [], [])
    graph.node[0].attribute.append(attribute)
    tensors = [helper.make_tensor("t", TensorProto.INT64, [3], [number] * 3)]
    if -(2**31) <= number < 2**31:
        tensors.append(helper.make_tensor("u", TensorProto.INT32, [3], [number] * 3))
    graph.initializer.extend(tensors)
    model = helper.make_model(graph)
    assert list(parts(model.SerializeToString()))[-1].values["ir_version"] == model.ir_version


def agree(data: bytes) -> bool:
    """Check that what is taken means the same to the onnx package; return whether it was taken."""
    try:
        ours = contents(data).external
    except GraphEncodingError:
        return False
    model = ModelProto.FromString(data)
    assert model.SerializeToString(deterministic=True) == data
    theirs = [tensor.name for _, tensor in tensors_of(model) if tensor.external_data or tensor.data_location]
    assert sorted(one.name for one in ours) == sorted(theirs)
    return True


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_means_the_same_to_the_onnx_package(seed):
    chance = random.Random(seed)
    models = [make(external(SECRET)) for make in RUNNABLE.values()]
    models += [along(way, external(SECRET)) for way in PLACES.values()]
    taken = [agree(mutated(chance.choice(models), chance)) for _ in range(750)]
    assert 20 < sum(taken) < len(taken) - 20  # of both there are enough for the test to say something
