"""Tensors of any library, seen as memory: address, number format, shape and strides. Nothing is copied.

A tensor is described as `(address, element type, shape, strides in elements)`; whoever passes the address on keeps the
tensor alive. Fast paths for torch and numpy; everything else by DLPack, or by `__array_interface__`.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy
from numpy.typing import NDArray

from .errors import InvalidArgument

#: Element types as `latent_attention.h` numbers them.
ELEMENT_TYPES = {"bfloat16": 0, "float16": 1, "float32": 2, "float8_e4m3fn": 3}
#: Types of other tensors: numbers that the library never sees.
OTHER_TYPES = {"int32": 100, "int64": 101, "uint8": 103, "int8": 104, "bool": 105}

#: A tensor of rank 3 as `mla_tensor` has it: address, element type, three sizes, strides of the first two dimensions.
Described = tuple[int, int, int, int, int, int, int]
#: A tensor that is not given.
MISSING: Described = (0, 0, 0, 0, 0, 0, 0)

_codes_of_dtypes: dict[Any, int] = {}
_Value = TypeVar("_Value")


def array_dtype(dtype: Any) -> Any:
    """A type as arrays have it: of numpy's an instance, where a class or a name was given; itself, if it is none."""
    try:
        return dtype if type(dtype).__module__ == "torch" else numpy.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        return dtype


def dtype_name(dtype: Any) -> str:
    """The name that torch, numpy and ml_dtypes share: `bfloat16` for `torch.bfloat16` and `ml_dtypes.bfloat16`."""
    if type(dtype).__module__ == "torch":
        return str(dtype).rpartition(".")[2]
    dtype = array_dtype(dtype)
    # Numbers in the other byte order have the same name.
    return dtype.name if isinstance(dtype, numpy.dtype) and dtype.isnative else str(dtype)


def same_dtype(first: Any, second: Any) -> bool:
    """Whether two types are one, of whichever libraries."""
    return first is second or dtype_name(first) == dtype_name(second)


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


def gpu_of(tensor: Any) -> int | None:
    """The number of the GPU that a tensor of torch's is on; None for all other tensors."""
    return tensor.device.index if is_torch(tensor) and tensor.device.type == "cuda" else None


def require_arrays(rank: int | None = None, **tensors: Any) -> None:
    """Holds that each is an array of torch's or numpy's; and of a rank, if there is one."""
    for field, tensor in tensors.items():
        if not isinstance(tensor, numpy.ndarray) and not is_torch(tensor):
            raise InvalidArgument(f"{field} is of type {type(tensor).__name__}: must be a torch tensor or a numpy array")
        if rank is not None and len(tensor.shape) != rank:
            raise InvalidArgument(f"{field} must have {rank} dimensions, got shape {tuple(tensor.shape)}")


def _not_a_tensor(tensor: Any, field: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field} is of type {type(tensor).__name__}: must be a torch tensor, a numpy array, or anything with __dlpack__ or "
        "__array_interface__"
    )


#: torch.Tensor, once one has been described.
_torch_tensor: Any = None


def _note_torch(kind: type) -> None:
    global _torch_tensor
    if kind is sys.modules["torch"].Tensor:
        _torch_tensor = kind


def _address_by_interface(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


#: In numpy's C interface, which does not change, an array is Python's object header and then its address.
_ADDRESS_OFFSET = object.__basicsize__
_word = ctypes.c_size_t.from_address


def _address_by_layout(array: NDArray[Any]) -> int:
    return _word(id(array) + _ADDRESS_OFFSET).value


def _layout_is_known() -> bool:
    probe = numpy.zeros((3, 5), numpy.float16)
    views = probe, probe[1:], probe[:, 2], probe.T[1:, ::2]
    return sys.implementation.name == "cpython" and all(
        _address_by_layout(view) == _address_by_interface(view) for view in views
    )


#: Where a numpy array's memory begins. The array interface makes a dictionary for it, at eight times the price of a look at
#: the array itself, for each of five tensors of a call.
address: Callable[[NDArray[Any]], int] = _address_by_layout if _layout_is_known() else _address_by_interface


class Memory(NamedTuple):
    """A tensor as memory. `owner` keeps it alive."""

    address: int
    code: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    owner: Any


def describe(tensor: Any, field: str, device: int | None = None) -> Memory:
    """Describes a tensor in host memory, or one in the memory of a CUDA device, by its number."""
    if device is not None:
        return _describe_on_device(tensor, field, device)
    if isinstance(tensor, numpy.ndarray):
        size = max(1, tensor.itemsize)
        if any(stride % size for stride in tensor.strides):
            raise InvalidArgument(
                f"{field}.strides = {tensor.strides} bytes: must be multiples of the element size, {size}", "misaligned"
            )
        return Memory(
            address(tensor), dtype_code(tensor.dtype), tensor.shape,
            tuple([stride // size for stride in tensor.strides]), tensor,
        )
    if is_torch(tensor):
        if tensor.device.type != "cpu":
            raise InvalidArgument(f"{field} is on {tensor.device}: must be in host memory", "out_of_range")
        _note_torch(type(tensor))
        return _describe_torch(tensor, field)
    if isinstance(tensor, type):
        raise _not_a_tensor(tensor, field)
    if hasattr(tensor, "__dlpack__"):
        return _describe_capsule(tensor, field)
    if hasattr(tensor, "__array_interface__"):
        return describe(_shown(lambda: numpy.asarray(tensor), "__array_interface__", field), field)
    raise _not_a_tensor(tensor, field)


def _describe_torch(tensor: Any, field: str) -> Memory:
    if tensor.layout is not sys.modules["torch"].strided:
        raise InvalidArgument(f"{field} is of layout {tensor.layout}: must be torch.strided")
    return Memory(tensor.data_ptr(), dtype_code(tensor.dtype), tensor.shape, tensor.stride(), tensor)


def _shown(show: Callable[[], _Value], protocol: str, field: str) -> _Value:
    """What another library's tensor says of itself; its refusals, which may be anything, name the field."""
    try:
        return show()
    except Exception as error:
        raise InvalidArgument(f"{field}: its {protocol} failed: {error}") from error


def _describe_on_device(tensor: Any, field: str, device: int) -> Memory:
    if is_torch(tensor):
        if tensor.device.type != "cuda" or tensor.device.index != device:
            raise InvalidArgument(f"{field} is on {tensor.device}: must be on cuda:{device}", "out_of_range")
        return _describe_torch(tensor, field)
    if hasattr(tensor, "__dlpack__") and not isinstance(tensor, (numpy.ndarray, type)):
        return _describe_capsule(tensor, field, device)
    raise InvalidArgument(
        f"{field} is of type {type(tensor).__name__}: must be a torch tensor, or anything with __dlpack__, on cuda:{device}"
    )


def rank3(tensor: Any, field: str, device: int | None = None) -> Described:
    """A tensor of rank 3 as the numbers of `mla_tensor`; see `describe`."""
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
            return address(tensor), code, outer, inner, width, first // size, second // size
    elif kind is _torch_tensor and tensor.dim() == 3 and tensor.is_cpu:
        code = _codes_of_dtypes.get(tensor.dtype, -1)
        outer, inner, width = tensor.shape
        first, second, last = tensor.stride()
        if 0 <= code < 4 and (last == 1 or width <= 1):
            return tensor.data_ptr(), code, outer, inner, width, first, second
    return _pack_rank3(describe(tensor, field), field)


def _pack_rank3(described: Memory, field: str) -> Described:
    if len(described.shape) != 3:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 3 dimensions")
    return pack(described, field)


def written(tensor: Any, field: str) -> Any:
    """The same tensor, if it may be written to: numpy arrays, mapped files for one, can be read-only."""
    if isinstance(tensor, numpy.ndarray) and not tensor.flags.writeable:
        raise InvalidArgument(f"{field} is read-only: must be writeable")
    return tensor


def pack(described: Memory, field: str) -> Described:
    """A tensor of rank 3, described."""
    if not 0 <= described.code < len(ELEMENT_TYPES):
        raise InvalidArgument(f"{field}: must be of type {', '.join(ELEMENT_TYPES)}")
    outer, inner, width = described.shape
    strides = described.strides
    if strides[2] != 1 and width > 1 and outer > 0 and inner > 0:
        raise InvalidArgument(f"{field}.strides = {tuple(strides)}: the last dimension must be contiguous")
    return described.address, described.code, outer, inner, width, strides[0], strides[1]


def indices(tensor: Any, field: str, device: int | None = None) -> NDArray[Any]:
    """A list of int32 as a contiguous numpy array, over the same memory where that is contiguous.

    With a device, a torch tensor on it is copied, which waits for what writes it.
    """
    if device is not None and gpu_of(tensor) is not None:
        tensor = tensor.cpu()
    described = describe(tensor, field)
    if described.code != OTHER_TYPES["int32"]:
        found = getattr(tensor, "dtype", "another")
        raise InvalidArgument(f"Invalid dtype of {field}: expected int32, got {found}")
    if len(described.shape) != 1:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 1 dimension")
    return numpy.ascontiguousarray(as_numpy(tensor, field))


def in_host_memory(tensor: Any, field: str) -> NDArray[Any]:
    """A tensor as a contiguous numpy array; a copy of one on a GPU, which waits for what writes it."""
    return numpy.ascontiguousarray(as_numpy(tensor if gpu_of(tensor) is None else tensor.cpu(), field))


def contents(tensor: Any) -> Hashable:
    """What is equal for the same numbers only.

    For a tensor on a GPU these are its place in memory and how often torch has written to it, so that nobody waits for the
    GPU: its numbers are fetched only where torch does not count.
    """
    if gpu_of(tensor) is not None and not tensor.is_inference():
        return place_and_writes(tensor)
    return tuple(tensor.shape), in_host_memory(tensor, "tensor").tobytes()


def place_and_writes(tensor: Any) -> Hashable:
    """Where a tensor of torch's is, and how often torch has written to that memory. Good while the memory is not freed."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor._version


def as_numpy(tensor: Any, field: str) -> NDArray[Any]:
    """A tensor in host memory as a numpy array over the same memory."""
    if isinstance(tensor, numpy.ndarray):
        return tensor
    if is_torch(tensor):
        if tensor.device.type != "cpu":
            raise InvalidArgument(f"{field} is on {tensor.device}: must be in host memory", "out_of_range")
        return _shown(lambda: tensor.detach().numpy(), "numpy()", field)
    if not isinstance(tensor, type):
        if hasattr(tensor, "__dlpack__"):
            return _shown(lambda: numpy.from_dlpack(tensor), "__dlpack__", field)
        if hasattr(tensor, "__array_interface__"):
            return _shown(lambda: numpy.asarray(tensor), "__array_interface__", field)
    raise _not_a_tensor(tensor, field)


def integers(tensor: Any, field: str) -> NDArray[Any]:
    """A list of integers of any width in host memory, as a contiguous numpy array of int32."""
    values = as_numpy(tensor, field)
    if values.dtype.kind not in "iu":
        raise InvalidArgument(f"Invalid dtype of {field}: expected int32, got {values.dtype}")
    if values.ndim != 1:
        raise InvalidArgument(f"{field}.shape = {values.shape}: must have 1 dimension")
    narrow = numpy.ascontiguousarray(values, dtype=numpy.int32)
    wrong = numpy.flatnonzero(narrow != values)
    if len(wrong):
        raise InvalidArgument(f"{field}[{wrong[0]}] = {values[wrong[0]]}: must fit 32 bits", "overflow")
    return narrow


def lse(tensor: Any, device: int | None = None, field: str = "lse") -> Described:
    """An LSE tensor `[token, head]` of fp32 as one of rank 3, described."""
    described = describe(tensor, field, device)
    if len(described.shape) != 2:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 2 dimensions")
    if described.code != ELEMENT_TYPES["float32"]:
        raise InvalidArgument(f"{field}: must be of type float32")
    (tokens, heads), strides = described.shape, described.strides
    return described.address, described.code, tokens, heads, 1, strides[0], strides[1]


def rows(tensor: Any, field: str) -> Described:
    """A tensor `[token, width]` as `[token, 1, width]`, described."""
    described = describe(tensor, field)
    if len(described.shape) != 2:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 2 dimensions")
    (count, width), strides = described.shape, described.strides
    return pack(described._replace(shape=(count, 1, width), strides=(strides[0], 0, strides[1])), field)


def empty(like: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """An uninitialised tensor of the library that `like` is from, numpy's for others; of its dtype, or of one by name."""
    if is_torch(like):
        torch = sys.modules["torch"]
        if dtype is None and shape == like.shape:
            # Half the price of the other way.
            return torch.empty_like(like, memory_format=torch.contiguous_format)
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        return torch.empty(shape, dtype=dtype or like.dtype, device=like.device)
    if dtype is None:
        dtype = like.dtype if isinstance(like, numpy.ndarray) else as_numpy(like, "query").dtype
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


def _describe_capsule(tensor: Any, field: str, device: int | None = None) -> Memory:
    # The capsule is not renamed to "used", so that it deletes what it holds when it goes.
    capsule = _shown(tensor.__dlpack__, "__dlpack__", field)
    content = _DLTensor.from_address(_shown(lambda: _capsule_pointer(capsule, b"dltensor"), "__dlpack__", field))
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
    return Memory(
        (content.data or 0) + content.byte_offset, ELEMENT_TYPES.get(name, OTHER_TYPES.get(name, -1)), shape, strides,
        capsule,
    )
