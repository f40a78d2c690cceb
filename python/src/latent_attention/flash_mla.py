"""FlashMLA's interface over this engine: change the import, and keep the calls.

Arguments, defaults, shapes and messages are FlashMLA's; LSEs are natural logarithms, and plus infinity for rows that see no
key. Tensors are in host memory, and may be numpy arrays. What differs is in ``docs/migration.md``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy

from . import _tensors
from ._engine import Geometry, Options, Plan, default_engine, merge_states
from .errors import InvalidArgument

__all__ = ["FlashMLASchedMeta", "flash_mla_sparse_fwd", "flash_mla_with_kvcache", "get_mla_metadata"]

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
    and ``cache_seqlens`` ``[batch]`` of int32; table entries past a length are never read. With ``indices``
    ``[batch, query, topk]`` attention is sparse, over FlashMLA's 8-bit tokens, and over those of ``extra_k_cache`` too.
    Returns ``out`` ``[batch, query, head, head_dim_v]`` and the LSEs ``[batch, head, query]``.
    """
    metadata = tile_scheduler_metadata
    _assert(
        isinstance(metadata, FlashMLASchedMeta), "tile_scheduler_metadata must be of type FlashMLASchedMeta"
    )
    _assert(num_splits is None, "num_splits must be None")
    _check_rank("q", q, 4)
    _check_rank("k_cache", k_cache, 4)
    _assert(
        metadata.have_initialized or indices is None or not causal,
        "causal must be False when indices_in_kvcache is not None (i.e. sparse attention is enabled)",
    )
    batch, query_count, head_count, width = q.shape
    metadata._adopt(
        _Config(
            batch, query_count, head_count, k_cache.shape[1], k_cache.shape[2], causal, is_fp8_kvcache,
            _last(indices), None if extra_k_cache is None else extra_k_cache.shape[1], _last(extra_indices_in_kvcache),
        )
    )
    scale = width**-0.5 if softmax_scale is None else softmax_scale
    if indices is not None:
        _assert(not causal, "causal must be False when sparse attention is enabled")
        _assert(is_fp8_kvcache, "is_fp8_kvcache must be True when sparse attention is enabled")
        return _sparse_decode(
            q, scale, head_dim_v, attn_sink, (k_cache, indices, topk_length),
            (extra_k_cache, extra_indices_in_kvcache, extra_topk_length),
        )
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

    plan = metadata._planned((width, scale, causal, table.shape, table.tobytes(), lengths.tobytes()), make)
    out = _tensors.empty(q, (batch, query_count, head_count, _VALUE_WIDTH))
    lse = _tensors.empty(q, (batch, query_count, head_count), "float32")
    rows = batch * query_count
    queries, lses = q.reshape(rows, head_count, width), lse.reshape(rows, head_count)
    outputs = out.reshape(rows, head_count, _VALUE_WIDTH)
    has_rope = width > _VALUE_WIDTH
    for kv_head in range(kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        plan.write(
            queries[:, heads, :_VALUE_WIDTH], queries[:, heads, _VALUE_WIDTH:] if has_rope else None,
            k_cache[:, :, kv_head, :_VALUE_WIDTH], k_cache[:, :, kv_head, _VALUE_WIDTH:] if has_rope else None,
            outputs[:, heads], lses[:, heads], False,
        )
    return out, _with_plus_infinity(lse).swapaxes(1, 2)


class _Tokens(NamedTuple):
    """An 8-bit cache as the engine takes it: descriptions of its parts."""

    codes: tuple[int, ...]
    rope: tuple[int, ...] | None
    tail: tuple[int, ...]
    scales: tuple[int, ...]
    group_width: int


def _tokens(k_cache: Any, width: int, name: str) -> _Tokens:
    """The parts of a cache of 656-byte tokens, of keys 576 wide, or of 584-byte ones, of keys 512 wide."""
    _check(
        _tensors.dtype_name(k_cache.dtype) in ("float8_e4m3fn", "int8", "uint8"),
        f"{name} must have dtype fp8_e4m3fn, int8 or uint8",
    )
    _check(len(k_cache.shape) == 4 and k_cache.shape[2] == 1, "Currently only MQA (i.e. h_kv == 1) is supported for sparse decoding")
    pages, slots, _, size = k_cache.shape
    expected = 656 if width == 576 else 584
    _check(size == expected, f"{name} must have {expected} bytes per token, got {size}")
    described = _tensors.describe(k_cache, name)
    page, slot, _, last = described.strides
    _check(
        (slot == size or slots == 1) and last == 1,
        f"The whole block must be contiguous when is_fp8_cache is True for {'kv' if name == 'key' else 'extra kv'} cache",
    )
    _check(page % 4 == 0 or pages == 1, f"{name} must have pages that start at multiples of 4 bytes")

    def part(offset: int, dtype: str, columns: int, stride: int) -> tuple[int, ...]:
        element = {"float8_e4m3fn": 1, "bfloat16": 2, "float32": 4}[dtype]
        return (
            described.address + offset, _tensors.ELEMENT_TYPES[dtype], pages, slots, columns, page // element,
            stride // element,
        )

    if width == 576:
        return _Tokens(
            part(0, "float8_e4m3fn", 512, 656), part(528, "bfloat16", 64, 656), _tensors.MISSING,
            part(512, "float32", 4, 656), 128,
        )
    return _Tokens(
        part(0, "float8_e4m3fn", 448, 576), None, part(448, "bfloat16", 64, 576),
        part(576 * slots, "float8_e4m3fn", 7, 8), 64,
    )


def _sparse_decode(
    q: Any, scale: float, head_dim_v: int, attn_sink: Any, main: tuple[Any, Any, Any], extra: tuple[Any, Any, Any]
) -> tuple[Any, Any]:
    batch, query_count, head_count, width = q.shape
    _check(width in _KEY_WIDTHS, "Only head_size_k == 576 or 512 is supported for sparse decoding")
    _check(head_dim_v == _VALUE_WIDTH, "Only head_size_v == 512 is supported for sparse decoding")
    _check(_tensors.dtype_name(q.dtype) == "bfloat16", f"q must have dtype bfloat16, got {q.dtype}")
    if extra[0] is None:
        _check(
            extra[1] is None, "extra_indices_in_kvcache must not be provided when extra_k_cache is not provided"
        )
        _check(extra[2] is None, "extra_topk_length must not be provided when extra_k_cache is not provided")
    else:
        _check(
            extra[1] is not None,
            "extra_indices_in_kvcache must be provided when extra_kcache is provided for sparse attention",
        )
    sinks = _sinks(attn_sink, head_count)
    rows = batch * query_count
    queries = q.reshape(rows, head_count, width)
    scopes = [main] if extra[0] is None else [main, extra]
    states = []
    for name, (k_cache, indices, lengths) in zip(("key", "extra k cache"), scopes):
        _check_indices(indices, (batch, query_count, indices.shape[-1]), lengths, batch)
        tokens = _tokens(k_cache, width, name)
        plan = default_engine().plan_sparse(
            Geometry(head_count, scale, _VALUE_WIDTH, width - _VALUE_WIDTH), indices.reshape(rows, -1),
            k_cache.shape[1], k_cache.shape[0], lengths=_per_row(lengths, query_count),
        )
        # What is merged later stays in fp32, and gets its sinks then.
        is_whole = len(scopes) == 1
        out = _tensors.empty(q, (rows, head_count, _VALUE_WIDTH), None if is_whole else "float32")
        lse = _tensors.empty(q, (rows, head_count), "float32")
        options = Options(
            latent_tail=tokens.tail, scales=tokens.scales, group_width=tokens.group_width, sinks=sinks if is_whole else None
        )
        has_rope = width > _VALUE_WIDTH
        plan.write(
            queries[..., :_VALUE_WIDTH], queries[..., _VALUE_WIDTH:] if has_rope else None, tokens.codes, tokens.rope, out,
            lse, False, options,
        )
        states.append((out, lse))
    out, lse = states[0]
    if len(states) > 1:
        merge_states(states, out, lse)
        out = _with_sinks(q, out, lse, sinks)
    return (
        out.reshape(batch, query_count, head_count, _VALUE_WIDTH),
        _with_plus_infinity(lse).reshape(batch, query_count, head_count).swapaxes(1, 2),
    )


def _with_sinks(like: Any, out: Any, lse: Any, sinks: numpy.ndarray | None) -> Any:
    """Outputs multiplied by the share of keys in a softmax with sinks, rounded to the type of `like`."""
    if sinks is not None:
        with numpy.errstate(over="ignore", invalid="ignore"):
            share = 1 / (1 + numpy.exp(sinks - _tensors.as_numpy(lse)))
        _tensors.as_numpy(out)[...] *= numpy.nan_to_num(share)[..., None]
    return out.to(like.dtype) if _tensors.is_torch(out) else out.astype(like.dtype)


def _sinks(attn_sink: Any, head_count: int) -> numpy.ndarray | None:
    if attn_sink is None:
        return None
    _check(_tensors.dtype_name(attn_sink.dtype) == "float32", "attn_sink must have dtype float32")
    _check(tuple(attn_sink.shape) == (head_count,), f"attn_sink must have shape ({head_count},)")
    return numpy.ascontiguousarray(_tensors.as_numpy(attn_sink))


def _per_row(lengths: Any, query_count: int) -> numpy.ndarray | None:
    """Lengths of requests for each of their query tokens."""
    return None if lengths is None else numpy.repeat(_tensors.as_numpy(lengths), query_count)


def _check_indices(indices: Any, shape: tuple[int, ...], lengths: Any, length_count: int) -> None:
    _check(_tensors.dtype_name(indices.dtype) == "int32", "indices must have dtype int32")
    _check(tuple(indices.shape) == shape, f"indices must have shape {shape}, got {tuple(indices.shape)}")
    _check(shape[-1] > 0, "topk must be positive")
    if lengths is not None:
        _check(_tensors.dtype_name(lengths.dtype) == "int32", "topk_length must have dtype int32")
        _check(tuple(lengths.shape) == (length_count,), f"topk_length must have shape ({length_count},)")


def flash_mla_sparse_fwd(
    q: Any, kv: Any, indices: Any, sm_scale: float, d_v: int = 512, attn_sink: Any = None, topk_length: Any = None
) -> tuple[Any, Any, Any]:
    """Sparse attention of ``q`` ``[query, head, width]`` over ``kv`` ``[token, KV head, width]``, both bf16.

    Each query token sees the tokens of its row of ``indices`` ``[query, KV head, topk]``; entries that are no token are
    skipped, those past ``topk_length`` ``[query]`` too. Returns outputs, largest scores and natural LSEs
    (``[query, head]``).
    """
    for name, tensor in (("q", q), ("kv", kv), ("indices", indices)):
        _check_rank(name, tensor, 3)
    query_count, head_count, width = q.shape
    token_count, kv_heads = kv.shape[:2]
    _check(width in _KEY_WIDTHS, f"Invalid d_qk: {width}")
    _check(d_v == _VALUE_WIDTH, f"Invalid d_v: {d_v}")
    for name, tensor in (("q", q), ("kv", kv)):
        _check(_tensors.dtype_name(tensor.dtype) == "bfloat16", f"{name} must have dtype bfloat16, got {tensor.dtype}")
    _check(tuple(kv.shape) == (token_count, kv_heads, width), f"kv must have width {width}, got {kv.shape[-1]}")
    _check(kv_heads > 0 and head_count % kv_heads == 0, "h_kv must divide h_q")
    _check_indices(indices, (query_count, kv_heads, indices.shape[-1]), topk_length, query_count)
    sinks = _sinks(attn_sink, head_count)
    out = _tensors.empty(q, (query_count, head_count, d_v))
    lse = _tensors.empty(q, (query_count, head_count), "float32")
    largest = _tensors.empty(q, (query_count, head_count, 1), "float32")
    group = head_count // kv_heads
    has_rope = width > _VALUE_WIDTH
    for kv_head in range(kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        # A token is a page of one slot.
        keys = kv[:, kv_head : kv_head + 1]
        plan = default_engine().plan_sparse(
            Geometry(group, sm_scale, _VALUE_WIDTH, width - _VALUE_WIDTH), indices[:, kv_head], 1, token_count,
            lengths=topk_length,
        )
        options = Options(
            maximum_scores=_tensors.rank3(largest[:, heads], "max_logits"),
            sinks=None if sinks is None else numpy.ascontiguousarray(sinks[heads]),
        )
        plan.write(
            q[:, heads, :_VALUE_WIDTH], q[:, heads, _VALUE_WIDTH:] if has_rope else None, keys[..., :_VALUE_WIDTH],
            keys[..., _VALUE_WIDTH:] if has_rope else None, out[:, heads], lse[:, heads], False, options,
        )
    return out, largest[..., 0], _with_plus_infinity(lse)


def _check_rank(name: str, tensor: Any, rank: int) -> None:
    _check(len(tensor.shape) == rank, f"{name} must have {rank} dimensions, got shape {tuple(tensor.shape)}")


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
