"""FlashInfer's MLA interface over this engine: change the import, and keep the calls.

Arguments, defaults, dtypes, strictness and messages are FlashInfer's. Tensors are in host memory, and may be numpy arrays.
What differs is in ``docs/migration.md``.
"""

from __future__ import annotations

import math
from typing import Any, Sequence

import numpy

from . import _tensors
from ._engine import Geometry, Options, Plan, append, default_engine
from ._engine import merge_states as _merge
from .errors import InvalidArgument

__all__ = [
    "BatchMLAPagedAttentionWrapper", "append_paged_mla_kv_cache", "get_batch_indices_positions", "get_seq_lens",
    "merge_state", "merge_state_in_place", "merge_states",
]

_KV_TYPES = ("float16", "bfloat16", "float8_e4m3fn")
#: Columns that share one of `ckv_scale_arr`.
_SCALED_COLUMNS = 128
_BACKENDS = ("auto", "fa2", "fa3")


class BatchMLAPagedAttentionWrapper:
    """Attention over a paged latent cache: ``plan`` once per decode step, ``run`` once per layer.

    ``float_workspace_buffer`` says where tensors are: on a GPU if it is, where runs are put into the default stream; it is
    not used otherwise and may be None. With ``use_cuda_graph`` the four index tensors are the caller's,
    and ``plan`` copies into them; this engine reads what ``plan`` was given. ``backend`` chooses among FlashInfer's kernels;
    all its names but ``"cutlass"`` run this engine.
    """

    def __init__(
        self,
        float_workspace_buffer: Any,
        use_cuda_graph: bool = False,
        qo_indptr: Any = None,
        kv_indptr: Any = None,
        kv_indices: Any = None,
        kv_len_arr: Any = None,
        backend: str = "auto",
    ) -> None:
        if backend not in _BACKENDS:
            raise InvalidArgument(f"backend={backend!r} is not supported: must be one of {', '.join(_BACKENDS)}")
        self.device = getattr(float_workspace_buffer, "device", "cpu")
        self._gpu = self.device.index if getattr(self.device, "type", None) == "cuda" else None
        if use_cuda_graph and self._gpu is not None:
            raise InvalidArgument("use_cuda_graph=True is not supported on a GPU: the default stream cannot be captured")
        self._backend = backend
        self._use_cuda_graph = use_cuda_graph
        self._buffers = {
            "qo_indptr": qo_indptr, "kv_indptr": kv_indptr, "kv_indices": kv_indices, "kv_len_arr": kv_len_arr,
        }
        self._plan: Plan | None = None

    def plan(
        self,
        qo_indptr: Any,
        kv_indptr: Any,
        kv_indices: Any,
        kv_len_arr: Any,
        num_heads: int,
        head_dim_ckv: int,
        head_dim_kpe: int,
        page_size: int,
        causal: bool,
        sm_scale: float,
        q_data_type: Any,
        kv_data_type: Any,
        use_profiler: bool = False,
    ) -> None:
        """Plans a batch for the runs that follow. Index tensors are int32; ``kv_indptr`` may be longer than needed."""
        _check_types(q_data_type, kv_data_type, head_dim_ckv, head_dim_kpe)
        lists = {
            "qo_indptr": _tensors.indices(qo_indptr, "qo_indptr", self._gpu),
            "kv_indptr": _tensors.indices(kv_indptr, "kv_indptr", self._gpu),
            "kv_indices": _tensors.indices(kv_indices, "kv_indices", self._gpu),
            "kv_len_arr": _tensors.indices(kv_len_arr, "kv_len_arr", self._gpu),
        }
        _check_lists(**lists)
        buffers = self._checked_buffers(lists) if self._use_cuda_graph else []
        geometry = Geometry(num_heads, sm_scale, head_dim_ckv, head_dim_kpe)
        self._plan = default_engine(self._gpu).plan(
            geometry, lists["qo_indptr"], lists["kv_indptr"], lists["kv_indices"], lists["kv_len_arr"], page_size,
            causal=causal,
        )
        for buffer, values in buffers:
            buffer[...] = values
        self._head_dim_ckv = head_dim_ckv
        self._has_rope = head_dim_kpe > 0
        self._q_data_type = q_data_type
        self._kv_data_type = kv_data_type
        self._kv_is_fp8 = _tensors.dtype_name(kv_data_type) == "float8_e4m3fn"
        self._use_profiler = use_profiler

    def _checked_buffers(self, lists: dict[str, numpy.ndarray]) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
        """The caller's buffers, each with what goes into it."""
        buffers = []
        for field, values in lists.items():
            buffer = self._buffers[field]
            if buffer is None:
                raise InvalidArgument(f"{field} must be given to the constructor when use_cuda_graph is True")
            target = _tensors.as_numpy(_tensors.written(buffer, field))
            if field == "kv_indices":
                target = target[: len(values)]
            if target.shape != values.shape:
                raise InvalidArgument(f"Invalid shape of {field}: its buffer has {target.shape}, got {values.shape}")
            buffers.append((target, values))
        return buffers

    def run(
        self,
        q_nope: Any,
        q_pe: Any,
        ckv_cache: Any,
        kpe_cache: Any,
        out: Any = None,
        lse: Any = None,
        return_lse: bool = False,
        profiler_buffer: Any = None,
        kv_len: Any = None,
        page_table: Any = None,
        return_lse_base_on_e: bool = False,
        o_scale: float | None = None,
        *,
        ckv_scale: float | None = None,
        ckv_scale_arr: Any = None,
        kpe_scale: float | None = None,
    ) -> Any:
        """Computes attention; returns ``out``, or ``(out, lse)`` with ``return_lse``. LSEs have base 2 by default.

        ``lse`` is written where it is given, with ``return_lse`` or without.
        """
        plan = self._plan
        if plan is None:
            raise RuntimeError("plan must be called before run")
        if o_scale is not None:
            raise ValueError("o_scale is only supported with the cutlass backend for now.")
        self._check_dtypes(q_nope, q_pe, ckv_cache, kpe_cache)
        if self._kv_is_fp8:
            _check_scales(ckv_scale, ckv_scale_arr, kpe_scale)
        elif ckv_scale is not None or ckv_scale_arr is not None or kpe_scale is not None:
            raise ValueError("ckv_scale / ckv_scale_arr / kpe_scale are only valid when kv_data_type is FP8.")
        if profiler_buffer is None and self._use_profiler:
            raise ValueError("Profiler is enabled, profiler_buffer must be provided")
        if out is None:
            out = _tensors.empty(q_nope, q_nope.shape)
        else:
            _check_tensor(out, q_nope.shape, q_nope.dtype, "out")
        if lse is None:
            if return_lse:
                lse = _tensors.empty(q_nope, q_nope.shape[:2], "float32")
        else:
            _check_tensor(lse, q_nope.shape[:2], "float32", "lse")
        rope = (q_pe, kpe_cache) if self._has_rope else (None, None)
        options = self._options(ckv_cache, ckv_scale, ckv_scale_arr, kpe_scale) if self._kv_is_fp8 else None
        plan.write(q_nope, rope[0], ckv_cache, rope[1], out, lse, not return_lse_base_on_e, options)
        return (out, lse) if return_lse else out

    def _options(self, ckv_cache: Any, ckv_scale: float | None, ckv_scale_arr: Any, kpe_scale: float) -> Options:
        if ckv_scale is not None:
            return Options(latent_scale=ckv_scale, rope_scale=kpe_scale)
        groups = self._head_dim_ckv // _SCALED_COLUMNS
        _check_tensor(ckv_scale_arr, (*ckv_cache.shape[:-1], groups), "float32", "ckv_scale_arr")
        is_torch = _tensors.is_torch(ckv_scale_arr)
        if not (ckv_scale_arr.is_contiguous() if is_torch else ckv_scale_arr.flags.c_contiguous):
            raise ValueError("ckv_scale_arr must be contiguous.")
        scales = _tensors.rank3(ckv_scale_arr, "ckv_scale_arr")
        return Options(scales=scales, group_width=_SCALED_COLUMNS, rope_scale=kpe_scale)

    def _check_dtypes(self, q_nope: Any, q_pe: Any, ckv_cache: Any, kpe_cache: Any) -> None:
        planned = self._q_data_type
        if q_nope.dtype != planned or q_pe.dtype != planned:
            name, tensor = ("q_nope", q_nope) if q_nope.dtype != planned else ("q_pe", q_pe)
            raise ValueError(f"{name}.dtype={tensor.dtype} does not match the planned q_data_type={planned}.")
        planned = self._kv_data_type
        if ckv_cache.dtype != planned or kpe_cache.dtype != planned:
            name, tensor = ("ckv_cache", ckv_cache) if ckv_cache.dtype != planned else ("kpe_cache", kpe_cache)
            raise ValueError(f"{name}.dtype={tensor.dtype} does not match the planned kv_data_type={planned}.")


def _check_types(q_data_type: Any, kv_data_type: Any, head_dim_ckv: int, head_dim_kpe: int) -> None:
    kv_type, q_type = _tensors.dtype_name(kv_data_type), _tensors.dtype_name(q_data_type)
    if kv_type not in _KV_TYPES:
        supported = ", ".join(f"torch.{name}" for name in _KV_TYPES)
        raise ValueError(f"MLA kv_data_type {kv_data_type} is not supported. Supported dtypes: [{supported}].")
    if head_dim_kpe < 0:
        raise ValueError(f"head_dim_kpe must be >= 0, got {head_dim_kpe}.")
    if kv_type == "float8_e4m3fn":
        if q_type != "bfloat16":
            raise ValueError(
                f"FP8 kv_data_type for MLA currently only supports q_data_type=torch.bfloat16, got {q_data_type}."
            )
        if head_dim_ckv != 512 or head_dim_kpe not in (0, 64):
            raise ValueError(
                "FP8 kv_data_type for MLA currently only supports head_dim_ckv=512 and head_dim_kpe in (0, 64), got "
                f"head_dim_ckv={head_dim_ckv}, head_dim_kpe={head_dim_kpe}."
            )
    elif q_type != kv_type:
        raise ValueError(f"q_data_type {q_data_type} must be kv_data_type {kv_data_type}, unless that is FP8.")


def _check_lists(
    qo_indptr: numpy.ndarray, kv_indptr: numpy.ndarray, kv_indices: numpy.ndarray, kv_len_arr: numpy.ndarray
) -> None:
    del kv_indices
    batch_size = len(kv_len_arr)
    for name, values in (("qo_indptr", qo_indptr), ("kv_indptr", kv_indptr)):
        if len(values) <= batch_size:
            raise InvalidArgument(
                f"Invalid shape of {name}: expected at least ({batch_size + 1},), got ({len(values)},)", "too_short"
            )
    if batch_size and int(kv_len_arr.min()) < 0:
        index = int((kv_len_arr < 0).argmax())
        raise InvalidArgument(f"kv_len[{index}]{kv_len_arr[index]} should be non-negative", "not_positive")
    for name, values in (("qo_indptr", qo_indptr), ("kv_indptr", kv_indptr)):
        steps = values[1 : batch_size + 1] < values[:batch_size]
        if steps.any():
            index = int(steps.argmax())
            raise InvalidArgument(
                f"{name}[{index + 1}]{values[index + 1]} - {name}[{index}]{values[index]} should be non-negative",
                "bad_offsets",
            )


def _check_scales(ckv_scale: float | None, ckv_scale_arr: Any, kpe_scale: float | None) -> None:
    if (ckv_scale is None) == (ckv_scale_arr is None):
        raise ValueError("Exactly one of ckv_scale or ckv_scale_arr is required when kv_data_type is FP8.")
    if kpe_scale is None:
        raise ValueError("kpe_scale is required when kv_data_type is FP8.")
    for name, scale in (("ckv_scale", ckv_scale), ("kpe_scale", kpe_scale)):
        if scale is not None and not (math.isfinite(float(scale)) and float(scale) > 0):
            raise ValueError(f"{name} must be a finite positive value, got {scale}")


def _check_tensor(tensor: Any, shape: Sequence[int], dtype: Any, name: str) -> None:
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"Invalid shape of {name}: expected {tuple(shape)}, got {tuple(tensor.shape)}")
    if tensor.dtype != dtype and _tensors.dtype_name(tensor.dtype) != dtype:
        raise ValueError(f"Invalid dtype of {name}: expected {dtype}, got {tensor.dtype}")


def append_paged_mla_kv_cache(
    append_ckv: Any,
    append_kpe: Any,
    batch_indices: Any,
    positions: Any,
    ckv_cache: Any,
    kpe_cache: Any,
    kv_indices: Any,
    kv_indptr: Any,
    kv_last_page_len: Any,
) -> None:
    """Writes tokens into a paged cache; those with a negative batch index are skipped. ``kv_last_page_len`` is not needed."""
    del kv_last_page_len
    append(
        append_ckv, append_kpe, _as_int32(batch_indices), _as_int32(positions), ckv_cache, kpe_cache, _as_int32(kv_indices),
        _as_int32(kv_indptr),
    )


def _as_int32(tensor: Any) -> numpy.ndarray:
    return numpy.ascontiguousarray(_tensors.as_numpy(tensor), dtype=numpy.int32)


def get_batch_indices_positions(
    append_indptr: Any, seq_lens: Any, nnz: int, batch_indices: Any = None, positions: Any = None
) -> tuple[Any, Any]:
    """For each of ``nnz`` appended tokens its request, and its position if they are the last of each request's ``seq_lens``.

    Entries past ``append_indptr[-1]`` get the request -1.
    """
    offsets, lengths = _tensors.as_numpy(append_indptr), _tensors.as_numpy(seq_lens)
    _check_appended(offsets, lengths, nnz)
    if batch_indices is None:
        batch_indices = _tensors.empty(append_indptr, (nnz,), "int32")
    _check_tensor(batch_indices, (nnz,), "int32", "batch_indices")
    if positions is None:
        positions = _tensors.empty(append_indptr, (nnz,), "int32")
        _tensors.as_numpy(positions)[...] = 0
    _check_tensor(positions, (nnz,), "int32", "positions")
    requests = numpy.repeat(numpy.arange(len(offsets) - 1, dtype=numpy.int32), numpy.diff(offsets))
    tokens = numpy.arange(len(requests)) + offsets[0]
    target = _tensors.as_numpy(batch_indices)
    target[...] = -1
    target[tokens] = requests
    _tensors.as_numpy(positions)[tokens] = tokens + (lengths - offsets[1:])[requests]
    return batch_indices, positions


def _check_appended(offsets: numpy.ndarray, lengths: numpy.ndarray, nnz: int) -> None:
    for name, values, shape in (
        ("append_indptr", offsets, (max(1, offsets.size),)), ("seq_lens", lengths, (offsets.size - 1,))
    ):
        if values.shape != shape:
            raise InvalidArgument(f"Invalid shape of {name}: expected {shape}, got {values.shape}")
        if values.dtype.kind != "i":
            raise InvalidArgument(f"Invalid dtype of {name}: expected int32, got {values.dtype}")
    steps = numpy.diff(offsets)
    if offsets[0] < 0 or (steps < 0).any():
        index = 0 if offsets[0] < 0 else int((steps < 0).argmax()) + 1
        raise InvalidArgument(f"append_indptr[{index}] = {offsets[index]}: must go up from at least 0", "bad_offsets")
    if offsets[-1] > nnz:
        raise InvalidArgument(f"append_indptr[{len(offsets) - 1}] = {offsets[-1]}: must be at most nnz, {nnz}", "out_of_range")


def get_seq_lens(kv_indptr: Any, kv_last_page_len: Any, page_size: int) -> Any:
    """Tokens of each request, from its pages and how many tokens its last one has."""
    full_pages = (kv_indptr[1:] - kv_indptr[:-1] - 1).clip(min=0)
    return full_pages * page_size + kv_last_page_len


def merge_state(v_a: Any, s_a: Any, v_b: Any, s_b: Any) -> tuple[Any, Any]:
    """Attention over two disjoint sets of keys together. LSEs ``s`` have base 2."""
    out = _tensors.empty(v_a, v_a.shape)
    lse = _tensors.empty(s_a, s_a.shape, "float32")
    _merge([(v_a, _as_float32(s_a)), (v_b, _as_float32(s_b))], out, lse, base_two=True)
    return out, lse


def merge_state_in_place(v: Any, s: Any, v_other: Any, s_other: Any, mask: Any = None) -> None:
    """As ``merge_state``, into ``(v, s)``; with a ``mask`` ``[token]``, only where that is true."""
    _check_tensor(s, s.shape, "float32", "s")
    if mask is None:
        _merge([(v, s), (v_other, _as_float32(s_other))], v, s, base_two=True)
        return
    chosen = _tensors.as_numpy(mask).astype(bool)
    if chosen.shape != (len(v),):
        raise ValueError(f"Invalid shape of mask: expected {(len(v),)}, got {chosen.shape}")
    for token in numpy.flatnonzero(chosen):
        rows = slice(int(token), int(token) + 1)
        _merge([(v[rows], s[rows]), (v_other[rows], _as_float32(s_other)[rows])], v[rows], s[rows], base_two=True)


def merge_states(v: Any, s: Any) -> tuple[Any, Any]:
    """Attention over disjoint sets of keys together: ``v`` is ``[token, state, head, width]``, ``s`` ``[token, state, head]``."""
    if len(v.shape) != 4:
        raise InvalidArgument(f"v.shape = {tuple(v.shape)}: must have 4 dimensions")
    tokens, states, heads, width = v.shape
    if tuple(s.shape) != (tokens, states, heads):
        raise InvalidArgument(f"Invalid shape of s: expected {(tokens, states, heads)}, got {tuple(s.shape)}")
    s = _as_float32(s)
    out = _tensors.empty(v, (tokens, heads, width))
    lse = _tensors.empty(v, (tokens, heads), "float32")
    _merge([(v[:, state], s[:, state]) for state in range(states)], out, lse, base_two=True)
    return out, lse


def _as_float32(tensor: Any) -> Any:
    if _tensors.dtype_name(tensor.dtype) == "float32":
        return tensor
    return tensor.float() if _tensors.is_torch(tensor) else tensor.astype(numpy.float32)
