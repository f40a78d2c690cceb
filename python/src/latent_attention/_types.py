"""Types for annotations: what is a tensor, and variables for the caller's own types, which come back."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeVar, Union

import numpy
from numpy.typing import NDArray


class SupportsDLPack(Protocol):
    """A tensor of any library that shows its memory by DLPack."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...


class SupportsArrayInterface(Protocol):
    """A tensor of any library that shows its memory by numpy's array interface."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


class TorchTensor(SupportsDLPack, Protocol):
    """`torch.Tensor`, by what is used of it: annotations need no torch."""

    @property
    def shape(self) -> Any: ...

    @property
    def dtype(self) -> Any: ...

    def data_ptr(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> Any: ...


class TorchDType(Protocol):
    """`torch.dtype`, likewise."""

    @property
    def is_floating_point(self) -> bool: ...

    @property
    def is_signed(self) -> bool: ...


#: Any tensor.
Tensor = Union[SupportsDLPack, SupportsArrayInterface]
#: A tensor of a library that new tensors can be made of.
Array = Union[NDArray[Any], TorchTensor]
#: An element type by its name, or as torch, numpy or ml_dtypes has it.
DType = Union[TorchDType, "numpy.dtype[Any]", type[numpy.generic], str]

#: The caller's array, torch's or numpy's.
Own = TypeVar("Own", bound=Array)
#: The caller's array, torch's.
Torch = TypeVar("Torch", bound=TorchTensor)
#: Elements of the caller's array, numpy's.
Element = TypeVar("Element", bound=numpy.generic)
#: A tensor of any library that is given to be written.
Given = TypeVar("Given", bound=Tensor)

#: How work is divided.
Policy = Literal["balanced", "flashinfer", "flash_mla", "batch_invariant"]
#: Instruction sets of CPUs.
InstructionSet = Literal["avx512bf16", "avx512f", "avx2", "portable"]
#: Where tensors are.
Memory = Literal["host", "device"]
