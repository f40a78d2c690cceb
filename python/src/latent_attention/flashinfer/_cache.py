"""FlashInfer's functions for a paged cache and its lists."""

from __future__ import annotations

from typing import Any

import numpy
from numpy.typing import NDArray

from .. import _arguments, _tensors
from .._engine import append
from .._types import Array, Own, Tensor
from ..errors import InvalidArgument
from ._checks import check_tensor


def append_paged_mla_kv_cache(
    append_ckv: Tensor,
    append_kpe: Tensor | None,
    batch_indices: Tensor,
    positions: Tensor,
    ckv_cache: Tensor,
    kpe_cache: Tensor | None,
    kv_indices: Tensor,
    kv_indptr: Tensor,
    kv_last_page_len: Tensor | None,
) -> None:
    """Writes tokens into a paged cache; those with a negative batch index are skipped. ``kv_last_page_len`` is not needed."""
    del kv_last_page_len
    integers = _tensors.integers
    offsets = integers(kv_indptr, "kv_indptr")
    if len(offsets) == 0:
        raise InvalidArgument("Invalid shape of kv_indptr: expected at least (1,), got (0,)", "too_short")
    append(
        append_ckv, append_kpe, integers(batch_indices, "batch_indices"), integers(positions, "positions"), ckv_cache,
        kpe_cache, integers(kv_indices, "kv_indices"), offsets,
    )


def get_batch_indices_positions(
    append_indptr: Own, seq_lens: Array, nnz: int, batch_indices: Own | None = None, positions: Own | None = None
) -> tuple[Own, Own]:
    """For each of ``nnz`` appended tokens its request, and its position if they are the last of each request's ``seq_lens``.

    Entries past ``append_indptr[-1]`` get the request -1.
    """
    nnz = _arguments.integer(nnz, "nnz")
    offsets, lengths = _tensors.as_numpy(append_indptr, "append_indptr"), _tensors.as_numpy(seq_lens, "seq_lens")
    _check_appended(offsets, lengths, nnz)
    requests = _written_list(batch_indices, append_indptr, nnz, -1, "batch_indices")
    places = _written_list(positions, append_indptr, nnz, 0 if positions is None else None, "positions")
    request_of_token = numpy.repeat(numpy.arange(len(offsets) - 1, dtype=numpy.int32), numpy.diff(offsets))
    tokens = numpy.arange(len(request_of_token)) + offsets[0]
    _tensors.as_numpy(requests, "batch_indices")[tokens] = request_of_token
    _tensors.as_numpy(places, "positions")[tokens] = tokens + (lengths - offsets[1:])[request_of_token]
    return requests, places


def _written_list(given: Any, like: Any, count: int, value: int | None, name: str) -> Any:
    """An int32 list to be written, the caller's or a new one, filled with a value unless that is None."""
    target = _tensors.empty(like, (count,), "int32") if given is None else given
    check_tensor(target, (count,), "int32", name)
    if value is not None:
        _tensors.as_numpy(_tensors.written(target, name), name)[...] = value
    return target


def _check_appended(offsets: NDArray[Any], lengths: NDArray[Any], nnz: int) -> None:
    for name, values, shape in (
        ("append_indptr", offsets, (max(1, offsets.size),)), ("seq_lens", lengths, (offsets.size - 1,))
    ):
        if values.shape != shape:
            raise InvalidArgument(f"Invalid shape of {name}: expected {shape}, got {values.shape}")
        if values.dtype.kind != "i":
            raise InvalidArgument(f"Invalid dtype of {name}: expected int32, got {values.dtype}")
    if not 0 <= nnz < 2**31:
        raise InvalidArgument(f"nnz = {nnz}: must be 0 to {2**31 - 1}", "out_of_range")
    steps = numpy.diff(offsets)
    if offsets[0] < 0 or (steps < 0).any():
        index = 0 if offsets[0] < 0 else int((steps < 0).argmax()) + 1
        raise InvalidArgument(f"append_indptr[{index}] = {offsets[index]}: must go up from at least 0", "bad_offsets")
    if offsets[-1] > nnz:
        raise InvalidArgument(f"append_indptr[{len(offsets) - 1}] = {offsets[-1]}: must be at most nnz, {nnz}", "out_of_range")


def get_seq_lens(kv_indptr: Own, kv_last_page_len: Own, page_size: int) -> Own:
    """Tokens of each request, from its pages and how many tokens its last one has."""
    offsets: Any = kv_indptr
    _tensors.require_arrays(1, kv_indptr=offsets, kv_last_page_len=kv_last_page_len)
    for name, values, count in (
        ("kv_indptr", offsets, max(1, len(offsets))), ("kv_last_page_len", kv_last_page_len, len(offsets) - 1)
    ):
        if _tensors.dtype_name(values.dtype) not in ("int32", "int64"):
            raise InvalidArgument(f"Invalid dtype of {name}: expected int32, got {values.dtype}")
        if len(values) != count:
            raise InvalidArgument(f"Invalid shape of {name}: expected ({count},), got {tuple(values.shape)}")
    full_pages = (offsets[1:] - offsets[:-1] - 1).clip(min=0)
    lengths: Own = full_pages * _arguments.integer(page_size, "page_size") + kv_last_page_len
    return lengths
