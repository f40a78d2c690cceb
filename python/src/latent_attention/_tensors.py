"""Tensors of any library, seen as memory: address, number format, shape and strides. Nothing is copied.

A tensor is described as `(address, element type, shape, strides in elements)`; whoever passes the address on keeps the
tensor alive. Fast paths for torch and numpy; everything else by DLPack, or by `__array_interface__`.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple, Sequence

import numpy

from .errors import InvalidArgument

#: Element types as `latent_attention.h` numbers them.
ELEMENT_TYPES = {"bfloat16": 0, "float16": 1, "float32": 2, "float8_e4m3fn": 3}
#: Types of other tensors: numbers that the library never sees.
OTHER_TYPES = {"int32": 100, "int64": 101, "uint8": 103, "int8": 104, "bool": 105}

_codes_of_dtypes: dict[Any, int] = {}


def dtype_name(dtype: Any) -> str:
    """The name that torch, numpy and ml_dtypes share: `bfloat16` for `torch.bfloat16` and `ml_dtypes.bfloat16`."""
    if type(dtype).__module__ == "torch":
        return str(dtype).rpartition(".")[2]
    try:
        dtype = numpy.dtype(dtype)
    except TypeError:
        return str(dtype)
    # Numbers in the other byte order have the same name.
    return dtype.name if dtype.isnative else str(dtype)


def dtype_code(dtype: Any) -> int:
    """The number of an element type, -1 for others."""
    code = _codes_of_dtypes.get(dtype)
    if code is None:
        name = dtype_name(dtype)
        code = ELEMENT_TYPES.get(name, OTHER_TYPES.get(name, -1))
        _codes_of_dtypes[dtype] = code
    return code


def is_torch(tensor: Any) -> bool:
    """Whether a tensor is torch's, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(tensor, torch.Tensor)


#: torch.Tensor, once one has been described.
_torch_tensor: Any = None


def _note_torch(kind: type) -> None:
    global _torch_tensor
    if kind is sys.modules["torch"].Tensor:
        _torch_tensor = kind


class Described(NamedTuple):
    """A tensor as memory. `owner` keeps it alive."""

    address: int
    code: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    owner: Any


def describe(tensor: Any, field: str, device: int | None = None) -> Described:
    """Describes a tensor in host memory, or one in the memory of a CUDA device, by its number."""
    if device is not None:
        return _describe_on_device(tensor, field, device)
    if isinstance(tensor, numpy.ndarray):
        size = tensor.itemsize
        if any(stride % size for stride in tensor.strides):
            raise InvalidArgument(
                f"{field}.strides = {tensor.strides} bytes: must be multiples of the element size, {size}", "misaligned"
            )
        return Described(
            tensor.__array_interface__["data"][0], dtype_code(tensor.dtype), tensor.shape,
            tuple([stride // size for stride in tensor.strides]), tensor,
        )
    if is_torch(tensor):
        if tensor.device.type != "cpu":
            raise InvalidArgument(f"{field} is on {tensor.device}: must be in host memory", "out_of_range")
        _note_torch(type(tensor))
        return Described(tensor.data_ptr(), dtype_code(tensor.dtype), tensor.shape, tensor.stride(), tensor)
    if hasattr(tensor, "__dlpack__"):
        return _describe_capsule(tensor, field)
    if hasattr(tensor, "__array_interface__"):
        return describe(numpy.asarray(tensor), field)
    raise InvalidArgument(
        f"{field} is of type {type(tensor).__name__}: must be a torch tensor, a numpy array, or anything with __dlpack__ or "
        "__array_interface__"
    )


def _describe_on_device(tensor: Any, field: str, device: int) -> Described:
    if is_torch(tensor):
        if tensor.device.type != "cuda" or tensor.device.index != device:
            raise InvalidArgument(f"{field} is on {tensor.device}: must be on cuda:{device}", "out_of_range")
        return Described(tensor.data_ptr(), dtype_code(tensor.dtype), tensor.shape, tensor.stride(), tensor)
    if hasattr(tensor, "__dlpack__") and not isinstance(tensor, numpy.ndarray):
        return _describe_capsule(tensor, field, device)
    raise InvalidArgument(
        f"{field} is of type {type(tensor).__name__}: must be a torch tensor, or anything with __dlpack__, on cuda:{device}"
    )


def rank3(tensor: Any, field: str, device: int | None = None) -> tuple[int, ...]:
    """A tensor of rank 3 as the seven numbers of `mla_tensor`; see `describe`."""
    if device is not None:
        return _pack_rank3(_describe_on_device(tensor, field, device), field)
    # The two common cases are written out: this is most of what Python adds to a call.
    kind = type(tensor)
    if kind is numpy.ndarray and tensor.ndim == 3:
        code = _codes_of_dtypes.get(tensor.dtype, -1)
        outer, inner, width = tensor.shape
        first, second, last = tensor.strides
        size = tensor.itemsize
        if 0 <= code < 4 and (last == size or width <= 1) and not (first % size or second % size):
            return tensor.__array_interface__["data"][0], code, outer, inner, width, first // size, second // size
    elif kind is _torch_tensor and tensor.dim() == 3 and tensor.is_cpu:
        code = _codes_of_dtypes.get(tensor.dtype, -1)
        outer, inner, width = tensor.shape
        first, second, last = tensor.stride()
        if 0 <= code < 4 and (last == 1 or width <= 1):
            return tensor.data_ptr(), code, outer, inner, width, first, second
    return _pack_rank3(describe(tensor, field), field)


def _pack_rank3(described: Described, field: str) -> tuple[int, ...]:
    if len(described.shape) != 3:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 3 dimensions")
    return pack(described, field)


def written(tensor: Any, field: str) -> Any:
    """The same tensor, if it may be written to: numpy arrays, mapped files for one, can be read-only."""
    if isinstance(tensor, numpy.ndarray) and not tensor.flags.writeable:
        raise InvalidArgument(f"{field} is read-only: must be writeable")
    return tensor


def pack(described: Described, field: str) -> tuple[int, ...]:
    """The seven numbers of `mla_tensor` for a description of rank 3."""
    if not 0 <= described.code < len(ELEMENT_TYPES):
        raise InvalidArgument(f"{field}: must be of type {', '.join(ELEMENT_TYPES)}")
    outer, inner, width = described.shape
    strides = described.strides
    if strides[2] != 1 and width > 1 and outer > 0 and inner > 0:
        raise InvalidArgument(f"{field}.strides = {tuple(strides)}: the last dimension must be contiguous")
    return described.address, described.code, outer, inner, width, strides[0], strides[1]


#: A tensor that is not given.
MISSING = (0, 0, 0, 0, 0, 0, 0)


def indices(tensor: Any, field: str, device: int | None = None) -> numpy.ndarray:
    """A list of int32 as a contiguous numpy array, over the same memory where that is contiguous.

    With a device, a torch tensor on it is copied, which waits for what writes it.
    """
    if device is not None and is_torch(tensor) and tensor.device.type == "cuda":
        tensor = tensor.cpu()
    described = describe(tensor, field)
    if described.code != OTHER_TYPES["int32"]:
        raise InvalidArgument(f"Invalid dtype of {field}: expected int32, got {as_numpy(tensor).dtype}")
    if len(described.shape) != 1:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 1 dimension")
    return numpy.ascontiguousarray(as_numpy(tensor))


def as_numpy(tensor: Any) -> numpy.ndarray:
    """A tensor as a numpy array over the same memory."""
    if isinstance(tensor, numpy.ndarray):
        return tensor
    if is_torch(tensor):
        return tensor.detach().numpy()
    return numpy.from_dlpack(tensor) if hasattr(tensor, "__dlpack__") else numpy.asarray(tensor)


def empty(like: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """An uninitialised tensor of the library that `like` is from, numpy's for others; of its dtype, or of one by name."""
    if is_torch(like):
        torch = sys.modules["torch"]
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        return torch.empty(shape, dtype=dtype or like.dtype, device=like.device)
    if dtype is None:
        dtype = like.dtype if isinstance(like, numpy.ndarray) else as_numpy(like).dtype
    return numpy.empty(shape, dtype)


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("rank", ctypes.c_int32), ("type_code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_HOST_DEVICES = (1, 3)  # host memory, and host memory that CUDA has pinned
#: Type codes of DLPack: 0 signed, 1 unsigned, 2 floating-point, 4 bfloat16, 6 boolean, 10 e4m3fn.
_DLPACK_TYPES = {
    (2, 16): "float16", (2, 32): "float32", (4, 16): "bfloat16", (0, 32): "int32", (0, 64): "int64", (0, 8): "int8",
    (1, 8): "uint8", (6, 8): "bool", (10, 8): "float8_e4m3fn",
}

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)


_CUDA_DEVICE = 2


def _describe_capsule(tensor: Any, field: str, device: int | None = None) -> Described:
    # The capsule is not renamed to "used", so that it deletes what it holds when it goes.
    capsule = tensor.__dlpack__()
    content = _DLTensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    if device is None:
        if content.device_type not in _HOST_DEVICES:
            raise InvalidArgument(f"{field} is on device type {content.device_type}: must be in host memory", "out_of_range")
    elif (content.device_type, content.device_id) != (_CUDA_DEVICE, device):
        raise InvalidArgument(
            f"{field} is on device {content.device_id} of type {content.device_type}: must be on cuda:{device}", "out_of_range"
        )
    name = _DLPACK_TYPES.get((content.type_code, content.bits), "")
    shape = tuple(content.shape[: content.rank])
    if content.strides:
        strides = tuple(content.strides[: content.rank])
    else:
        strides = tuple(int(numpy.prod(shape[axis + 1 :])) for axis in range(content.rank))
    return Described(
        (content.data or 0) + content.byte_offset, ELEMENT_TYPES.get(name, OTHER_TYPES.get(name, -1)), shape, strides,
        capsule,
    )
