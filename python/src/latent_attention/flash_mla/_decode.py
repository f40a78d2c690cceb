"""FlashMLA's decoding."""

from __future__ import annotations

from typing import Any, overload

import numpy
from numpy.typing import NDArray

from .. import _arguments, _tensors
from .._engine import Geometry, default_engine
from .._plan import Plan
from .._types import Array, Element, Torch, TorchTensor
from ._checks import KEY_WIDTHS, VALUE_WIDTH, check, require, with_plus_infinity
from ._metadata import Config, FlashMLASchedMeta
from ._sparse import sparse_decode


@overload
def flash_mla_with_kvcache(
    q: NDArray[Element], k_cache: NDArray[Any], block_table: Array | None, cache_seqlens: Array | None, head_dim_v: int,
    tile_scheduler_metadata: FlashMLASchedMeta, num_splits: None = None, softmax_scale: float | None = None,
    causal: bool = False, is_fp8_kvcache: bool = False, indices: Array | None = None, attn_sink: Array | None = None,
    extra_k_cache: Array | None = None, extra_indices_in_kvcache: Array | None = None, topk_length: Array | None = None,
    extra_topk_length: Array | None = None,
) -> tuple[NDArray[Element], NDArray[numpy.float32]]: ...


@overload
def flash_mla_with_kvcache(
    q: Torch, k_cache: TorchTensor, block_table: Array | None, cache_seqlens: Array | None, head_dim_v: int,
    tile_scheduler_metadata: FlashMLASchedMeta, num_splits: None = None, softmax_scale: float | None = None,
    causal: bool = False, is_fp8_kvcache: bool = False, indices: Array | None = None, attn_sink: Array | None = None,
    extra_k_cache: Array | None = None, extra_indices_in_kvcache: Array | None = None, topk_length: Array | None = None,
    extra_topk_length: Array | None = None,
) -> tuple[Torch, Torch]: ...


def flash_mla_with_kvcache(
    q: Any,
    k_cache: Any,
    block_table: Any,
    cache_seqlens: Any,
    head_dim_v: int,
    tile_scheduler_metadata: FlashMLASchedMeta,
    num_splits: None = None,
    softmax_scale: float | None = None,
    causal: bool = False,
    is_fp8_kvcache: bool = False,
    indices: Any = None,
    attn_sink: Any = None,
    extra_k_cache: Any = None,
    extra_indices_in_kvcache: Any = None,
    topk_length: Any = None,
    extra_topk_length: Any = None,
) -> tuple[Any, Any]:
    """Decoding attention over a paged cache.

    ``q`` is ``[batch, query, head, width]``, ``k_cache`` ``[block, slot, KV head, width]``, ``block_table`` ``[batch, any]``
    and ``cache_seqlens`` ``[batch]`` of int32; table entries past a length are never read. With ``indices``
    ``[batch, query, topk]`` attention is sparse, over FlashMLA's 8-bit tokens, and over those of ``extra_k_cache`` too.
    Returns ``out`` ``[batch, query, head, head_dim_v]`` and the LSEs ``[batch, head, query]``. Dense attention takes torch
    tensors on a GPU too.
    """
    metadata = tile_scheduler_metadata
    require(
        isinstance(metadata, FlashMLASchedMeta), "tile_scheduler_metadata must be of type FlashMLASchedMeta"
    )
    require(num_splits is None, "num_splits must be None")
    head_dim_v, causal = _arguments.integer(head_dim_v, "head_dim_v"), _arguments.flag(causal, "causal")
    is_fp8_kvcache = _arguments.flag(is_fp8_kvcache, "is_fp8_kvcache")
    _tensors.require_arrays(4, q=q, k_cache=k_cache, **_given(extra_k_cache=extra_k_cache))
    _tensors.require_arrays(3, **_given(indices=indices, extra_indices_in_kvcache=extra_indices_in_kvcache))
    require(
        metadata.have_initialized or indices is None or not causal,
        "causal must be False when indices_in_kvcache is not None (i.e. sparse attention is enabled)",
    )
    batch, query_count, head_count, width = q.shape
    metadata.adopt(
        Config(
            batch, query_count, head_count, k_cache.shape[1], k_cache.shape[2], causal, is_fp8_kvcache,
            _last(indices), None if extra_k_cache is None else extra_k_cache.shape[1], _last(extra_indices_in_kvcache),
        )
    )
    scale = max(1, width) ** -0.5 if softmax_scale is None else _arguments.number(softmax_scale, "softmax_scale")
    if indices is not None:
        require(not causal, "causal must be False when sparse attention is enabled")
        require(is_fp8_kvcache, "is_fp8_kvcache must be True when sparse attention is enabled")
        return sparse_decode(
            q, scale, head_dim_v, attn_sink, (k_cache, indices, topk_length),
            (extra_k_cache, extra_indices_in_kvcache, extra_topk_length),
        )
    require(
        all(given is None for given in (attn_sink, extra_k_cache, extra_indices_in_kvcache, topk_length, extra_topk_length)),
        "indices_in_kvcache, attn_sink, extra_k_cache, extra_indices_in_kvcache, topk_length and extra_topk_length must be "
        "None when dense attention is used.",
    )
    require(
        block_table is not None and cache_seqlens is not None,
        "block_table and cache_seqlens must be provided when dense attention is used.",
    )
    _check_dense(q, k_cache, block_table, cache_seqlens, head_dim_v)
    return _dense(q, k_cache, block_table, cache_seqlens, metadata, scale, causal and query_count > 1)


def _dense(
    q: Any, k_cache: Any, block_table: Any, cache_seqlens: Any, metadata: FlashMLASchedMeta, scale: float, causal: bool
) -> tuple[Any, Any]:
    batch, query_count, head_count, width = q.shape
    page_size, kv_heads = k_cache.shape[1:3]
    group = head_count // kv_heads
    gpu = _tensors.gpu_of(q)

    def make() -> Plan:
        table = _tensors.in_host_memory(block_table, "block_table")
        lengths = _tensors.in_host_memory(cache_seqlens, "cache_seqlens")
        return default_engine(gpu).plan(
            Geometry(group, scale, VALUE_WIDTH, width - VALUE_WIDTH), _every(query_count, batch),
            _every(table.shape[1], batch), table.reshape(-1), lengths, page_size, causal=causal,
        )

    lists = block_table, cache_seqlens
    plan = metadata.planned((gpu, width, scale, causal, *map(_tensors.contents, lists)), lists, make)
    out = _tensors.empty(q, (batch, query_count, head_count, VALUE_WIDTH))
    lse = _tensors.empty(q, (batch, query_count, head_count), "float32")
    rows = batch * query_count
    queries, lses = q.reshape(rows, head_count, width), lse.reshape(rows, head_count)
    outputs = out.reshape(rows, head_count, VALUE_WIDTH)
    has_rope = width > VALUE_WIDTH
    rank3, missing = _tensors.rank3, _tensors.MISSING
    for kv_head in range(kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        keys = k_cache[:, :, kv_head]
        plan.write(
            rank3(queries[:, heads, :VALUE_WIDTH], "q", gpu),
            rank3(queries[:, heads, VALUE_WIDTH:], "q", gpu) if has_rope else missing,
            rank3(keys[..., :VALUE_WIDTH], "k_cache", gpu),
            rank3(keys[..., VALUE_WIDTH:], "k_cache", gpu) if has_rope else missing,
            rank3(outputs[:, heads], "out", gpu), _tensors.lse(lses[:, heads], gpu), False,
        )
    return out, with_plus_infinity(lse).swapaxes(1, 2)


def _check_dense(q: Any, k_cache: Any, block_table: Any, cache_seqlens: Any, head_dim_v: int) -> None:
    _tensors.require_arrays(2, block_table=block_table)
    _tensors.require_arrays(1, cache_seqlens=cache_seqlens)
    batch, _, head_count, width = q.shape
    check(_tensors.dtype_name(q.dtype) in ("bfloat16", "float16"), f"q must have dtype bfloat16 or float16, got {q.dtype}")
    check(_tensors.same_dtype(k_cache.dtype, q.dtype), "query and key must have the same dtype")
    check(_tensors.dtype_name(cache_seqlens.dtype) == "int32", "seqlens_k must have dtype int32")
    check(_tensors.dtype_name(block_table.dtype) == "int32", "block_table must have dtype torch.int32")
    check(width in KEY_WIDTHS, "Only head_size_k == 576 or 512 is supported")
    check(head_dim_v == VALUE_WIDTH, "Only head_size_v == 512 is supported")
    check(batch > 0, "batch size must be positive")
    check(
        k_cache.shape[2] > 0 and head_count % k_cache.shape[2] == 0,
        "Number of heads in key/value must divide number of heads in query",
    )
    for name, tensor, shape in (
        ("k_cache", k_cache, (*k_cache.shape[:3], width)), ("seqlens_k", cache_seqlens, (batch,)),
        ("block_table", block_table, (batch, block_table.shape[-1])),
    ):
        check(tuple(tensor.shape) == shape, f"{name} must have shape {shape}, got {tuple(tensor.shape)}")


def _every(step: int, count: int) -> NDArray[numpy.int32]:
    """Offsets of `count` equal parts."""
    return numpy.arange(count + 1, dtype=numpy.int32) * numpy.int32(step)


def _given(**tensors: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {field: tensor for field, tensor in tensors.items() if tensor is not None}


def _last(tensor: Any) -> int | None:
    return None if tensor is None else int(tensor.shape[-1])
