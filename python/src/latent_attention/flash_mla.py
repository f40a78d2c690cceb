"""FlashMLA's interface over this engine: change the import, and keep the calls.

Arguments, defaults, shapes and messages are FlashMLA's; LSEs are natural logarithms, and plus infinity for rows that see no
key. Tensors are in host memory, and may be numpy arrays. What differs is in ``docs/migration.md``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy

from . import _tensors
from ._engine import Geometry, Plan, default_engine
from .errors import InvalidArgument

__all__ = ["FlashMLASchedMeta", "flash_mla_with_kvcache", "get_mla_metadata"]

_VALUE_WIDTH = 512
_KEY_WIDTHS = (576, 512)


@dataclasses.dataclass(frozen=True)
class _Config:
    """What must stay the same for all calls with one metadata object; named as FlashMLA's messages name it."""

    b: int
    s_q: int
    h_q: int
    page_block_size: int
    h_k: int
    causal: bool
    is_fp8_kvcache: bool
    topk: int | None
    extra_page_block_size: int | None
    extra_topk: int | None


_ARGUMENTS = {
    "b": "batch_size", "s_q": "seq_len_q", "h_q": "num_heads_q", "page_block_size": "page_block_size", "h_k": "num_heads_k",
    "causal": "causal", "is_fp8_kvcache": "is_fp8_kvcache", "topk": "the last dim of indices_in_kvcache",
    "extra_page_block_size": "the page_block_size of extra_k_cache",
    "extra_topk": "the last dim of extra_indices_in_kvcache",
}


class FlashMLASchedMeta:
    """The plan of the calls that share it, made by the first of them; and again where lengths or block tables changed."""

    def __init__(self) -> None:
        self.have_initialized = False
        self.config: _Config | None = None
        self._key: Any = None
        self._plan: Plan | None = None

    def _adopt(self, config: _Config) -> None:
        """Keeps the first call's configuration, and holds later ones against it."""
        if self.config is None:
            self.config, self.have_initialized = config, True
        for field, argument in _ARGUMENTS.items():
            _assert(
                getattr(self.config, field) == getattr(config, field),
                f"sched_meta.config.{field} must be equal to {argument}. Your input arguments are inconsistent with "
                "sched_meta. Please make sure the input arguments are consistent across different invocations of "
                "flash_mla_with_kvcache on the same sched_meta.",
            )

    def _planned(self, key: Any, make: Any) -> Plan:
        if self._plan is None or key != self._key:
            self._plan, self._key = make(), key
        return self._plan


def get_mla_metadata(*args: Any, **kwargs: Any) -> tuple[FlashMLASchedMeta, None]:
    """An empty plan, and None for the second value that older versions returned. Arguments are accepted and ignored."""
    del args, kwargs
    return FlashMLASchedMeta(), None


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
    and ``cache_seqlens`` ``[batch]`` of int32; table entries past a length are never read. Returns ``out``
    ``[batch, query, head, head_dim_v]`` and the LSEs ``[batch, head, query]``.
    """
    metadata = tile_scheduler_metadata
    _assert(
        isinstance(metadata, FlashMLASchedMeta), "tile_scheduler_metadata must be of type FlashMLASchedMeta"
    )
    _assert(num_splits is None, "num_splits must be None")
    batch, query_count, head_count, width = q.shape
    metadata._adopt(
        _Config(
            batch, query_count, head_count, k_cache.shape[1], k_cache.shape[2], causal, is_fp8_kvcache,
            _last(indices), None if extra_k_cache is None else extra_k_cache.shape[1], _last(extra_indices_in_kvcache),
        )
    )
    scale = width**-0.5 if softmax_scale is None else softmax_scale
    _assert(
        all(
            given is None
            for given in (indices, attn_sink, extra_k_cache, extra_indices_in_kvcache, topk_length, extra_topk_length)
        ),
        "indices_in_kvcache, attn_sink, extra_k_cache, extra_indices_in_kvcache, topk_length and extra_topk_length must be "
        "None when dense attention is used.",
    )
    _assert(
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
    table = numpy.ascontiguousarray(_tensors.as_numpy(block_table))
    lengths = numpy.ascontiguousarray(_tensors.as_numpy(cache_seqlens))

    def make() -> Plan:
        geometry = Geometry(group, scale, _VALUE_WIDTH, width - _VALUE_WIDTH)
        return default_engine().plan(
            geometry, _every(query_count, batch), _every(table.shape[1], batch), table.reshape(-1), lengths, page_size,
            causal=causal,
        )

    plan = metadata._planned((scale, causal, table.shape, table.tobytes(), lengths.tobytes()), make)
    out = _tensors.empty(q, (batch, query_count, head_count, _VALUE_WIDTH))
    lse = _tensors.empty(q, (batch, query_count, head_count), "float32")
    rows = batch * query_count
    queries, outputs, lses = q.reshape(rows, head_count, width), out.reshape(rows, head_count, -1), lse.reshape(rows, -1)
    has_rope = width > _VALUE_WIDTH
    for kv_head in range(kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        plan.write(
            queries[:, heads, :_VALUE_WIDTH], queries[:, heads, _VALUE_WIDTH:] if has_rope else None,
            k_cache[:, :, kv_head, :_VALUE_WIDTH], k_cache[:, :, kv_head, _VALUE_WIDTH:] if has_rope else None,
            outputs[:, heads], lses[:, heads], False,
        )
    return out, _with_plus_infinity(lse).swapaxes(1, 2)


def _check_dense(q: Any, k_cache: Any, block_table: Any, cache_seqlens: Any, head_dim_v: int) -> None:
    batch, _, head_count, width = q.shape
    _check(_tensors.dtype_name(q.dtype) in ("bfloat16", "float16"), f"q must have dtype bfloat16 or float16, got {q.dtype}")
    _check(k_cache.dtype == q.dtype, "query and key must have the same dtype")
    _check(_tensors.dtype_name(cache_seqlens.dtype) == "int32", "seqlens_k must have dtype int32")
    _check(_tensors.dtype_name(block_table.dtype) == "int32", "block_table must have dtype torch.int32")
    _check(width in _KEY_WIDTHS, "Only head_size_k == 576 or 512 is supported")
    _check(head_dim_v == _VALUE_WIDTH, "Only head_size_v == 512 is supported")
    _check(batch > 0, "batch size must be positive")
    _check(
        k_cache.shape[2] > 0 and head_count % k_cache.shape[2] == 0,
        "Number of heads in key/value must divide number of heads in query",
    )
    for name, tensor, shape in (
        ("k_cache", k_cache, (*k_cache.shape[:3], width)), ("seqlens_k", cache_seqlens, (batch,)),
        ("block_table", block_table, (batch, block_table.shape[-1])),
    ):
        _check(tuple(tensor.shape) == shape, f"{name} must have shape {shape}, got {tuple(tensor.shape)}")


def _every(step: int, count: int) -> numpy.ndarray:
    """Offsets of `count` equal parts."""
    return numpy.arange(count + 1, dtype=numpy.int32) * numpy.int32(step)


def _last(tensor: Any) -> int | None:
    return None if tensor is None else tensor.shape[-1]


def _with_plus_infinity(lse: Any) -> Any:
    """LSEs with plus infinity for rows that saw no key, in place."""
    values = _tensors.as_numpy(lse)
    values[numpy.isneginf(values)] = numpy.inf
    return lse


def _assert(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidArgument(message)
