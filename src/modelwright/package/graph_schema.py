"""Every kind of message that an ONNX graph is made of, as onnx.proto declares them (IR version 13).

The runtime comes without the onnx package, and what loads a package must know every place where a tensor can stand. A
test compares this table with the declaration of the onnx package that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ROOT = "ModelProto"

# Of each message its fields: NUMBER NAME TYPE, with * for a repeated one, # for one that is written packed, and | for
# one of a group of which at most one is set.
_DECLARED: Mapping[str, str] = {
    "AttributeProto": (
        "1 name string; 2 f float; 3 i int64; 4 s bytes; 5 t TensorProto; 6 g GraphProto; "
        "7 floats float*; 8 ints int64*; 9 strings bytes*; 10 tensors TensorProto*; "
        "11 graphs GraphProto*; 13 doc_string string; 14 tp TypeProto; 15 type_protos TypeProto*; "
        "20 type AttributeProto.AttributeType; 21 ref_attr_name string; "
        "22 sparse_tensor SparseTensorProto; 23 sparse_tensors SparseTensorProto*"
    ),
    "DeviceConfigurationProto": "1 name string; 2 num_devices int32; 3 device string*",
    "FunctionProto": (
        "1 name string; 4 input string*; 5 output string*; 6 attribute string*; 7 node NodeProto*; "
        "8 doc_string string; 9 opset_import OperatorSetIdProto*; 10 domain string; "
        "11 attribute_proto AttributeProto*; 12 value_info ValueInfoProto*; 13 overload string; "
        "14 metadata_props StringStringEntryProto*"
    ),
    "GraphProto": (
        "1 node NodeProto*; 2 name string; 5 initializer TensorProto*; 10 doc_string string; "
        "11 input ValueInfoProto*; 12 output ValueInfoProto*; 13 value_info ValueInfoProto*; "
        "14 quantization_annotation TensorAnnotation*; 15 sparse_initializer SparseTensorProto*; "
        "16 metadata_props StringStringEntryProto*"
    ),
    "IntIntListEntryProto": "1 key int64; 2 value int64*",
    "ModelProto": (
        "1 ir_version int64; 2 producer_name string; 3 producer_version string; 4 domain string; "
        "5 model_version int64; 6 doc_string string; 7 graph GraphProto; "
        "8 opset_import OperatorSetIdProto*; 14 metadata_props StringStringEntryProto*; "
        "20 training_info TrainingInfoProto*; 25 functions FunctionProto*; "
        "26 configuration DeviceConfigurationProto*"
    ),
    "NodeDeviceConfigurationProto": (
        "1 configuration_id string; 2 sharding_spec ShardingSpecProto*; 3 pipeline_stage int32"
    ),
    "NodeProto": (
        "1 input string*; 2 output string*; 3 name string; 4 op_type string; "
        "5 attribute AttributeProto*; 6 doc_string string; 7 domain string; 8 overload string; "
        "9 metadata_props StringStringEntryProto*; "
        "10 device_configurations NodeDeviceConfigurationProto*"
    ),
    "OperatorSetIdProto": "1 domain string; 2 version int64",
    "ShardedDimProto": "1 axis int64; 2 simple_sharding SimpleShardedDimProto*",
    "ShardingSpecProto": (
        "1 tensor_name string; 2 device int64*; 3 index_to_device_group_map IntIntListEntryProto*; "
        "4 sharded_dim ShardedDimProto*"
    ),
    "SimpleShardedDimProto": "1 dim_value int64|; 2 dim_param string|; 3 num_shards int64",
    "SparseTensorProto": "1 values TensorProto; 2 indices TensorProto; 3 dims int64*",
    "StringStringEntryProto": "1 key string; 2 value string",
    "TensorAnnotation": "1 tensor_name string; 2 quant_parameter_tensor_names StringStringEntryProto*",
    "TensorProto": (
        "1 dims int64*; 2 data_type int32; 3 segment TensorProto.Segment; 4 float_data float*#; "
        "5 int32_data int32*#; 6 string_data bytes*; 7 int64_data int64*#; 8 name string; "
        "9 raw_data bytes; 10 double_data double*#; 11 uint64_data uint64*#; 12 doc_string string; "
        "13 external_data StringStringEntryProto*; 14 data_location TensorProto.DataLocation; "
        "16 metadata_props StringStringEntryProto*"
    ),
    "TensorProto.Segment": "1 begin int64; 2 end int64",
    "TensorShapeProto": "1 dim TensorShapeProto.Dimension*",
    "TensorShapeProto.Dimension": "1 dim_value int64|; 2 dim_param string|; 3 denotation string",
    "TrainingInfoProto": (
        "1 initialization GraphProto; 2 algorithm GraphProto; "
        "3 initialization_binding StringStringEntryProto*; 4 update_binding StringStringEntryProto*"
    ),
    "TypeProto": (
        "1 tensor_type TypeProto.Tensor|; 4 sequence_type TypeProto.Sequence|; "
        "5 map_type TypeProto.Map|; 6 denotation string; 7 opaque_type TypeProto.Opaque|; "
        "8 sparse_tensor_type TypeProto.SparseTensor|; 9 optional_type TypeProto.Optional|"
    ),
    "TypeProto.Map": "1 key_type int32; 2 value_type TypeProto",
    "TypeProto.Opaque": "1 domain string; 2 name string",
    "TypeProto.Optional": "1 elem_type TypeProto",
    "TypeProto.Sequence": "1 elem_type TypeProto",
    "TypeProto.SparseTensor": "1 elem_type int32; 2 shape TensorShapeProto",
    "TypeProto.Tensor": "1 elem_type int32; 2 shape TensorShapeProto",
    "ValueInfoProto": (
        "1 name string; 2 type TypeProto; 3 doc_string string; 4 metadata_props StringStringEntryProto*"
    ),
}

ENUMERATIONS: Mapping[str, frozenset[int]] = MappingProxyType(
    {"AttributeProto.AttributeType": frozenset(range(15)), "TensorProto.DataLocation": frozenset({0, 1})}
)
VARINTS = frozenset({"int32", "int64", "uint64", *ENUMERATIONS})
FIXED_BYTES: Mapping[str, int] = MappingProxyType({"float": 4, "double": 8})


@dataclass(frozen=True, slots=True)
class GraphField:
    """A field of a message of ONNX.

    type: of protocol buffers, an enumeration, or a message; in_group: whether at most one of its group is set.
    """

    number: int
    name: str
    type: str
    repeated: bool
    packed: bool
    in_group: bool

    @property
    def wire(self) -> int:
        """Return the wire type: 0 for a varint, 1 and 5 for 8 and 4 bytes, 2 for what has a length."""
        if self.packed:
            return 2
        return 0 if self.type in VARINTS else {"float": 5, "double": 1}.get(self.type, 2)

    @property
    def is_message(self) -> bool:
        """Tell whether the field holds messages."""
        return self.type in _DECLARED


def _field(declared: str) -> GraphField:
    number, name, type_ = declared.split()
    marks = type_[len(type_.rstrip("*#|")) :]
    return GraphField(int(number), name, type_.rstrip("*#|"), "*" in marks, "#" in marks, "|" in marks)


MESSAGES: Mapping[str, Mapping[int, GraphField]] = MappingProxyType(
    {
        message: MappingProxyType({one.number: one for one in map(_field, fields.split("; "))})
        for message, fields in _DECLARED.items()
    }
)
"""Message → number → field."""
