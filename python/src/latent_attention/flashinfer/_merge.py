"""FlashInfer's functions that combine attention over disjoint sets of keys. LSEs have base 2."""

from __future__ import annotations

from typing import Any, overload

import numpy
from numpy.typing import NDArray

from .. import _tensors
from .._engine import merge_states as _merge
from .._types import Array, Element, Torch
from ..errors import InvalidArgument
from ._checks import check_tensor


@overload
def merge_state(
    v_a: NDArray[Element], s_a: NDArray[Any], v_b: NDArray[Element], s_b: NDArray[Any]
) -> tuple[NDArray[Element], NDArray[numpy.float32]]: ...


@overload
def merge_state(v_a: Torch, s_a: Torch, v_b: Torch, s_b: Torch) -> tuple[Torch, Torch]: ...


def merge_state(v_a: Any, s_a: Any, v_b: Any, s_b: Any) -> tuple[Any, Any]:
    """Attention over two disjoint sets of keys together. LSEs ``s`` have base 2."""
    _tensors.require_arrays(3, v_a=v_a, v_b=v_b)
    s_a, s_b = _as_float32(s_a, "s_a"), _as_float32(s_b, "s_b")
    out = _tensors.empty(v_a, v_a.shape)
    lse = _tensors.empty(s_a, s_a.shape, "float32")
    _merge([(v_a, s_a), (v_b, s_b)], out, lse, base_two=True)
    return out, lse


def merge_state_in_place(v: Array, s: Array, v_other: Array, s_other: Array, mask: Array | None = None) -> None:
    """As ``merge_state``, into ``(v, s)``; with a ``mask`` ``[token]``, only where that is true."""
    _tensors.require_arrays(3, v=v, v_other=v_other)
    _tensors.require_arrays(2, s=s, s_other=s_other)
    check_tensor(s, s.shape, "float32", "s")
    others = _as_float32(s_other, "s_other")
    if mask is None:
        _merge([(v, s), (v_other, others)], v, s, base_two=True)
        return
    chosen = _tensors.as_numpy(mask, "mask")
    if chosen.dtype.kind not in "biu":
        raise InvalidArgument(f"Invalid dtype of mask: expected bool, got {chosen.dtype}")
    if chosen.shape != (len(v),):
        raise ValueError(f"Invalid shape of mask: expected {(len(v),)}, got {chosen.shape}")
    for token in numpy.flatnonzero(chosen):
        rows = slice(int(token), int(token) + 1)
        _merge([(v[rows], s[rows]), (v_other[rows], others[rows])], v[rows], s[rows], base_two=True)


@overload
def merge_states(v: NDArray[Element], s: NDArray[Any]) -> tuple[NDArray[Element], NDArray[numpy.float32]]: ...


@overload
def merge_states(v: Torch, s: Torch) -> tuple[Torch, Torch]: ...


def merge_states(v: Any, s: Any) -> tuple[Any, Any]:
    """Attention over disjoint sets of keys together: ``v`` is ``[token, state, head, width]``, ``s`` ``[token, state, head]``."""
    _tensors.require_arrays(v=v)
    if len(v.shape) != 4:
        raise InvalidArgument(f"v.shape = {tuple(v.shape)}: must have 4 dimensions")
    tokens, states, heads, width = v.shape
    s = _as_float32(s, "s")
    if tuple(s.shape) != (tokens, states, heads):
        raise InvalidArgument(f"Invalid shape of s: expected {(tokens, states, heads)}, got {tuple(s.shape)}")
    out = _tensors.empty(v, (tokens, heads, width))
    lse = _tensors.empty(v, (tokens, heads), "float32")
    _merge([(v[:, state], s[:, state]) for state in range(states)], out, lse, base_two=True)
    return out, lse


def _as_float32(tensor: Any, name: str) -> Any:
    """LSEs in fp32: a copy, where they are of another type."""
    _tensors.require_arrays(**{name: tensor})
    dtype = _tensors.dtype_name(tensor.dtype)
    if dtype == "float32":
        return tensor
    if dtype not in ("float64", "float16", "bfloat16"):
        raise InvalidArgument(f"Invalid dtype of {name}: expected float32, got {tensor.dtype}")
    return tensor.float() if _tensors.is_torch(tensor) else tensor.astype(numpy.float32)
