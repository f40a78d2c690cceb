"""Attention over lists of tokens, sparse, in FlashMLA's 8-bit caches and in bf16."""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy
from numpy.typing import NDArray

from .. import _arguments, _tensors
from .._engine import Geometry, default_engine, merge_states
from .._plan import Options
from .._tensors import Described
from .._types import Array, Element, Torch
from ._checks import KEY_WIDTHS, VALUE_WIDTH, check, with_plus_infinity


class Tokens(NamedTuple):
    """An 8-bit cache as the engine takes it: descriptions of its parts."""

    codes: Described
    rope: Described
    tail: Described
    scales: Described
    group_width: int


def tokens_of(k_cache: Any, width: int, name: str) -> Tokens:
    """The parts of a cache of 656-byte tokens, of keys 576 wide, or of 584-byte ones, of keys 512 wide."""
    check(
        _tensors.dtype_name(k_cache.dtype) in ("float8_e4m3fn", "int8", "uint8"),
        f"{name} must have dtype fp8_e4m3fn, int8 or uint8",
    )
    check(
        len(k_cache.shape) == 4 and k_cache.shape[2] == 1,
        "Currently only MQA (i.e. h_kv == 1) is supported for sparse decoding",
    )
    pages, slots, _, size = k_cache.shape
    expected = 656 if width == 576 else 584
    check(size == expected, f"{name} must have {expected} bytes per token, got {size}")
    described = _tensors.describe(k_cache, name)
    page, slot, _, last = described.strides
    check(
        (slot == size or slots == 1) and last == 1,
        f"The whole block must be contiguous when is_fp8_cache is True for {'kv' if name == 'key' else 'extra kv'} cache",
    )
    check(page % 4 == 0 or pages == 1, f"{name} must have pages that start at multiples of 4 bytes")

    def part(offset: int, dtype: str, columns: int, stride: int) -> Described:
        element = {"float8_e4m3fn": 1, "bfloat16": 2, "float32": 4}[dtype]
        return (
            described.address + offset, _tensors.ELEMENT_TYPES[dtype], pages, slots, columns, page // element,
            stride // element,
        )

    if width == 576:
        return Tokens(
            part(0, "float8_e4m3fn", 512, 656), part(528, "bfloat16", 64, 656), _tensors.MISSING,
            part(512, "float32", 4, 656), 128,
        )
    return Tokens(
        part(0, "float8_e4m3fn", 448, 576), _tensors.MISSING, part(448, "bfloat16", 64, 576),
        part(576 * slots, "float8_e4m3fn", 7, 8), 64,
    )


def sparse_decode(
    q: Any, scale: float, head_dim_v: int, attn_sink: Any, main: tuple[Any, Any, Any], extra: tuple[Any, Any, Any]
) -> tuple[Any, Any]:
    batch, query_count, head_count, width = q.shape
    check(width in KEY_WIDTHS, "Only head_size_k == 576 or 512 is supported for sparse decoding")
    check(head_dim_v == VALUE_WIDTH, "Only head_size_v == 512 is supported for sparse decoding")
    check(_tensors.dtype_name(q.dtype) == "bfloat16", f"q must have dtype bfloat16, got {q.dtype}")
    if extra[0] is None:
        check(
            extra[1] is None, "extra_indices_in_kvcache must not be provided when extra_k_cache is not provided"
        )
        check(extra[2] is None, "extra_topk_length must not be provided when extra_k_cache is not provided")
    else:
        check(
            extra[1] is not None,
            "extra_indices_in_kvcache must be provided when extra_kcache is provided for sparse attention",
        )
    sinks = _sinks(attn_sink, head_count)
    rows = batch * query_count
    queries, rank3 = q.reshape(rows, head_count, width), _tensors.rank3
    missing = _tensors.MISSING
    scopes = [main] if extra[0] is None else [main, extra]
    states = []
    for name, prefix, (k_cache, indices, lengths) in zip(("key", "extra k cache"), ("", "extra_"), scopes):
        _check_indices(indices, (batch, query_count, indices.shape[-1]), lengths, batch, prefix)
        tokens = tokens_of(k_cache, width, name)
        plan = default_engine().plan_sparse(
            Geometry(head_count, scale, VALUE_WIDTH, width - VALUE_WIDTH), indices.reshape(rows, -1),
            k_cache.shape[1], k_cache.shape[0], lengths=_per_row(lengths, query_count),
        )
        # What is merged later stays in fp32, and gets its sinks then.
        is_whole = len(scopes) == 1
        out = _tensors.empty(q, (rows, head_count, VALUE_WIDTH), None if is_whole else "float32")
        lse = _tensors.empty(q, (rows, head_count), "float32")
        options = Options(
            latent_tail=tokens.tail, scales=tokens.scales, group_width=tokens.group_width, sinks=sinks if is_whole else None
        )
        has_rope = width > VALUE_WIDTH
        plan.write(
            rank3(queries[..., :VALUE_WIDTH], "q"), rank3(queries[..., VALUE_WIDTH:], "q") if has_rope else missing,
            tokens.codes, tokens.rope, rank3(out, "out"), _tensors.lse(lse), False, options,
        )
        states.append((out, lse))
    out, lse = states[0]
    if len(states) > 1:
        merge_states(states, out, lse)
        out = _with_sinks(q, out, lse, sinks)
    return (
        out.reshape(batch, query_count, head_count, VALUE_WIDTH),
        with_plus_infinity(lse).reshape(batch, query_count, head_count).swapaxes(1, 2),
    )


def _with_sinks(like: Any, out: Any, lse: Any, sinks: NDArray[numpy.float32] | None) -> Any:
    """Outputs multiplied by the share of keys in a softmax with sinks, rounded to the type of `like`."""
    if sinks is not None:
        with numpy.errstate(over="ignore", invalid="ignore"):
            share = 1 / (1 + numpy.exp(sinks - _tensors.as_numpy(lse, "lse")))
        _tensors.as_numpy(out, "out")[...] *= numpy.nan_to_num(share)[..., None]
    return out.to(like.dtype) if _tensors.is_torch(out) else out.astype(like.dtype)


def _sinks(attn_sink: Any, head_count: int) -> NDArray[numpy.float32] | None:
    if attn_sink is None:
        return None
    _tensors.require_arrays(attn_sink=attn_sink)
    check(_tensors.dtype_name(attn_sink.dtype) == "float32", "attn_sink must have dtype float32")
    check(tuple(attn_sink.shape) == (head_count,), f"attn_sink must have shape ({head_count},)")
    return numpy.ascontiguousarray(_tensors.as_numpy(attn_sink, "attn_sink"))


def _per_row(lengths: Any, query_count: int) -> NDArray[Any] | None:
    """Lengths of requests for each of their query tokens."""
    return None if lengths is None else numpy.repeat(_tensors.as_numpy(lengths, "topk_length"), query_count)


def _check_indices(indices: Any, shape: tuple[int, ...], lengths: Any, length_count: int, prefix: str = "") -> None:
    check(_tensors.dtype_name(indices.dtype) == "int32", f"{prefix}indices must have dtype int32")
    check(tuple(indices.shape) == shape, f"{prefix}indices must have shape {shape}, got {tuple(indices.shape)}")
    check(shape[-1] > 0, f"{prefix}topk must be positive")
    if lengths is not None:
        name = f"{prefix}topk_length"
        _tensors.require_arrays(**{name: lengths})
        check(_tensors.dtype_name(lengths.dtype) == "int32", f"{name} must have dtype int32")
        check(tuple(lengths.shape) == (length_count,), f"{name} must have shape ({length_count},)")


@overload
def flash_mla_sparse_fwd(
    q: NDArray[Element], kv: NDArray[Element], indices: Array, sm_scale: float, d_v: int = 512,
    attn_sink: Array | None = None, topk_length: Array | None = None,
) -> tuple[NDArray[Element], NDArray[numpy.float32], NDArray[numpy.float32]]: ...


@overload
def flash_mla_sparse_fwd(
    q: Torch, kv: Torch, indices: Array, sm_scale: float, d_v: int = 512, attn_sink: Array | None = None,
    topk_length: Array | None = None,
) -> tuple[Torch, Torch, Torch]: ...


def flash_mla_sparse_fwd(
    q: Any, kv: Any, indices: Any, sm_scale: float, d_v: int = 512, attn_sink: Any = None, topk_length: Any = None
) -> tuple[Any, Any, Any]:
    """Sparse attention of ``q`` ``[query, head, width]`` over ``kv`` ``[token, KV head, width]``, both bf16.

    Each query token sees the tokens of its row of ``indices`` ``[query, KV head, topk]``; entries that are no token are
    skipped, those past ``topk_length`` ``[query]`` too. Returns outputs, largest scores and natural LSEs
    (``[query, head]``).
    """
    _tensors.require_arrays(3, q=q, kv=kv, indices=indices)
    sm_scale, d_v = _arguments.number(sm_scale, "sm_scale"), _arguments.integer(d_v, "d_v")
    query_count, head_count, width = q.shape
    token_count, kv_heads = kv.shape[:2]
    check(width in KEY_WIDTHS, f"Invalid d_qk: {width}")
    check(d_v == VALUE_WIDTH, f"Invalid d_v: {d_v}")
    for name, tensor in (("q", q), ("kv", kv)):
        check(_tensors.dtype_name(tensor.dtype) == "bfloat16", f"{name} must have dtype bfloat16, got {tensor.dtype}")
    check(tuple(kv.shape) == (token_count, kv_heads, width), f"kv must have width {width}, got {kv.shape[-1]}")
    check(kv_heads > 0 and head_count % kv_heads == 0, "h_kv must divide h_q")
    _check_indices(indices, (query_count, kv_heads, indices.shape[-1]), topk_length, query_count)
    sinks = _sinks(attn_sink, head_count)
    out = _tensors.empty(q, (query_count, head_count, d_v))
    lse = _tensors.empty(q, (query_count, head_count), "float32")
    largest = _tensors.empty(q, (query_count, head_count, 1), "float32")
    group, rank3 = head_count // kv_heads, _tensors.rank3
    missing = _tensors.MISSING
    has_rope = width > VALUE_WIDTH
    for kv_head in range(kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        # A token is a page of one slot.
        keys = kv[:, kv_head : kv_head + 1]
        plan = default_engine().plan_sparse(
            Geometry(group, sm_scale, VALUE_WIDTH, width - VALUE_WIDTH), indices[:, kv_head], 1, token_count,
            lengths=topk_length,
        )
        options = Options(
            maximum_scores=rank3(largest[:, heads], "max_logits"),
            sinks=None if sinks is None else numpy.ascontiguousarray(sinks[heads]),
        )
        plan.write(
            rank3(q[:, heads, :VALUE_WIDTH], "q"), rank3(q[:, heads, VALUE_WIDTH:], "q") if has_rope else missing,
            rank3(keys[..., :VALUE_WIDTH], "kv"), rank3(keys[..., VALUE_WIDTH:], "kv") if has_rope else missing,
            rank3(out[:, heads], "out"), _tensors.lse(lse[:, heads]), False, options,
        )
    return out, largest[..., 0], with_plus_infinity(lse)
