"""The model's file rewritten in memory: matrices of 4 bits in blocks become 8 bits by column, which run faster.

`MatMulNBits` unpacks its matrix at every call. `DynamicQuantizeMatMul` multiplies integers, which took 2.4
times less time where it was measured, with the same F1 (docs/pii-model.md). Matrices are quantised to 7 of
the 8 bits, so that sums of pairs cannot overflow the 16 bits of processors without VNNI, and every machine
gives one answer. The rest of the file is kept byte for byte. Only what is needed of protocol buffers' wire
format (https://protobuf.dev/programming-guides/encoding) and of ONNX's messages (onnx.proto, IR version 10)
is here, since the package `onnx` would bring a compiler for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Field = tuple[int, int, bytes]
"""Number, wire type, and payload; of a varint its value's bytes."""

_VARINT, _LENGTH = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_GRAPH: Final = 7  # in ModelProto
_NODE, _INITIALIZER = 1, 5  # in GraphProto
_INPUT, _OUTPUT, _NAME, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 3, 4, 5, 7  # in NodeProto
_DIMS, _TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9  # in TensorProto
_FLOAT, _INT8 = 1, 3  # TensorProto.DataType
_STEPS: Final = 63
"""The largest weight: 7 bits with a sign."""


class ModelFileError(ValueError):
    """The file is not laid out as the model that this was written for."""


def eight_bits(model: bytes) -> bytes:
    """A model whose `MatMulNBits` are `DynamicQuantizeMatMul`.

    Raises ModelFileError when there are none, or they are not of 4 bits in blocks with a scale each.
    """
    fields = list(_fields(model))
    if all(number != _GRAPH for number, _, _ in fields):
        raise ModelFileError("the file holds no model")
    return b"".join(
        _encoded(number, wire, _graph(payload) if number == _GRAPH else payload)
        for number, wire, payload in fields
    )


def _graph(graph: bytes) -> bytes:
    fields = list(_fields(graph))
    tensors = {
        name: payload
        for number, _, payload in fields
        if number == _INITIALIZER
        for name in _strings(payload, _TENSOR_NAME)
    }
    replaced: set[str] = set()
    out: list[bytes] = []
    for number, wire, payload in fields:
        if number == _NODE and _strings(payload, _OPERATOR) == ["MatMulNBits"]:
            node, added = _rewritten(payload, tensors)
            replaced.update(_strings(payload, _INPUT)[1:])
            out.append(_encoded(number, wire, node))
            out += (_encoded(_INITIALIZER, _LENGTH, tensor) for tensor in added)
        else:
            out.append(_encoded(number, wire, payload))
    if not replaced:
        raise ModelFileError("the model has no MatMulNBits")
    dropped = {_encoded(_INITIALIZER, _LENGTH, tensors[name]) for name in replaced}
    return b"".join(field for field in out if field not in dropped)


def _rewritten(node: bytes, tensors: dict[str, bytes]) -> tuple[bytes, list[bytes]]:
    inputs = _strings(node, _INPUT)
    settings = dict(_attribute(payload) for number, _, payload in _fields(node) if number == _ATTRIBUTE)
    if len(inputs) != 3 or settings.get("bits") != 4:  # noqa: PLR2004  # matrix, packed weights, scales
        raise ModelFileError("a MatMulNBits is not of 4 bits with a scale for each block")
    packed, scales = (_array(tensors[name]) for name in inputs[1:])
    weights, scale = _requantised(packed, scales, settings["K"], settings["block_size"])
    name = inputs[1]
    matrix, factors = f"{name}_int8", f"{name}_factors"
    rewritten = b"".join(
        (
            *(_encoded(_INPUT, _LENGTH, text.encode()) for text in (inputs[0], matrix, factors)),
            *(_encoded(_OUTPUT, _LENGTH, text.encode()) for text in _strings(node, _OUTPUT)),
            *(_encoded(_NAME, _LENGTH, text.encode()) for text in _strings(node, _NAME)),
            _encoded(_OPERATOR, _LENGTH, b"DynamicQuantizeMatMul"),
            _encoded(_DOMAIN, _LENGTH, b"com.microsoft"),
        )
    )
    return rewritten, [_tensor(matrix, weights, _INT8), _tensor(factors, scale, _FLOAT)]


def _requantised(
    packed: npt.NDArray[Any], scales: npt.NDArray[Any], rows: int, block: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Unpack blocks of 4 bits (low half first, 8 is zero), and quantise each column of the matrix anew."""
    columns = packed.shape[0]
    blocks = np.empty((columns, packed.shape[1], block), np.float32)
    blocks[:, :, 0::2] = (packed & 0x0F).astype(np.float32) - 8
    blocks[:, :, 1::2] = (packed >> 4).astype(np.float32) - 8
    blocks *= scales.reshape(columns, -1, 1)
    matrix = blocks.reshape(columns, -1)[:, :rows].T
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / _STEPS
    return np.ascontiguousarray(np.rint(matrix / scale), np.int8), scale.astype(np.float32)


def _array(tensor: bytes) -> npt.NDArray[Any]:
    shape, kind, raw = [], 0, b""
    for number, wire, payload in _fields(tensor):
        if number == _DIMS:
            shape += [_varint(payload, 0)[0]] if wire == _VARINT else list(_varints(payload))
        elif number == _TYPE:
            kind = _varint(payload, 0)[0]
        elif number == _RAW:
            raw = payload
    if not raw:
        raise ModelFileError("a tensor is not stored as raw data")
    return np.frombuffer(raw, np.float32 if kind == _FLOAT else np.uint8).reshape(shape)


def _tensor(name: str, values: npt.NDArray[Any], kind: int) -> bytes:
    return b"".join(
        (
            *(_encoded(_DIMS, _VARINT, _as_varint(size)) for size in values.shape),
            _encoded(_TYPE, _VARINT, _as_varint(kind)),
            _encoded(_TENSOR_NAME, _LENGTH, name.encode()),
            _encoded(_RAW, _LENGTH, values.tobytes()),
        )
    )


def _attribute(payload: bytes) -> tuple[str, int]:
    name, value = "", 0
    for number, _, content in _fields(payload):
        if number == 1:
            name = content.decode()
        elif number == 3:  # noqa: PLR2004  # AttributeProto.i
            value = _varint(content, 0)[0]
    return name, value


def _strings(message: bytes, field: int) -> list[str]:
    return [payload.decode() for number, _, payload in _fields(message) if number == field]


def _fields(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, end = _varint(message, at)
        elif wire == _LENGTH:
            size, at = _varint(message, at)
            end = at + size
        elif wire in _FIXED:
            end = at + _FIXED[wire]
        else:
            raise ModelFileError("the file is no protocol buffer")
        if end > len(message):
            raise ModelFileError("the file ends too early")
        yield number, wire, message[at:end]
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ModelFileError("the file ends too early")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            return value, at


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:  # noqa: PLR2004  # the continuation bit
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _encoded(number: int, wire: int, payload: bytes) -> bytes:
    head = _as_varint(number << 3 | wire)
    return head + (_as_varint(len(payload)) if wire == _LENGTH else b"") + payload
