"""The weights of a graph in files of their own, from which the runtime maps them."""

from __future__ import annotations

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

FILE = "weights.bin"
_ALIGNED = 64  # bytes: a cache line, and the widest register
_LEAST = 1024  # bytes; smaller ones stay in the graph


class ExternalWeights:
    """Collects tensors: the large ones' bytes one after the other, and what the graph says of each."""

    def __init__(self, file: str = FILE) -> None:
        self.file = file
        self.tensors: dict[str, TensorProto] = {}
        self._bytes = bytearray()

    def add(self, name: str, values: NDArray) -> str:  # type: ignore[type-arg]  # of whatever type it is
        """Keep a tensor under a name, and return the name."""
        assert name not in self.tensors, name
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        data = values.tobytes()
        if len(data) < _LEAST:
            self.tensors[name] = onnx.numpy_helper.from_array(values, name)
            return name
        self._bytes += b"\0" * (-len(self._bytes) % _ALIGNED)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape, data_location=TensorProto.EXTERNAL)
        place = (("location", self.file), ("offset", str(len(self._bytes))), ("length", str(len(data))))
        for key, value in place:
            tensor.external_data.add(key=key, value=value)
        self._bytes += data
        self.tensors[name] = tensor
        return name

    @property
    def content(self) -> memoryview:
        """Return the bytes of the file."""
        return memoryview(self._bytes).toreadonly()
