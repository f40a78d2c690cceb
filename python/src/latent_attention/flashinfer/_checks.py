"""Checks of tensors, with FlashInfer's messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _tensors


def check_tensor(tensor: Any, shape: Sequence[int], dtype: Any, name: str) -> None:
    """Holds an array against a shape and an element type, a name or as arrays have it."""
    if getattr(tensor, "dtype", None) is dtype and getattr(tensor, "shape", None) == shape:
        return
    _tensors.require_arrays(**{name: tensor})
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"Invalid shape of {name}: expected {tuple(shape)}, got {tuple(tensor.shape)}")
    if not _tensors.same_dtype(tensor.dtype, dtype):
        raise ValueError(f"Invalid dtype of {name}: expected {dtype}, got {tensor.dtype}")
