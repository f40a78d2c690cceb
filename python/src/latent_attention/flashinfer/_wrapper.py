"""FlashInfer's wrapper: a plan for a decode step, run for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy
from numpy.typing import NDArray

from .. import _arguments, _tensors
from .._engine import Geometry, default_engine
from .._plan import Options, Plan
from .._types import Array, DType, Element, Own, Tensor, Torch
from ..errors import InvalidArgument
from ._checks import check_tensor

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
        float_workspace_buffer: Array | None,
        use_cuda_graph: bool = False,
        qo_indptr: Array | None = None,
        kv_indptr: Array | None = None,
        kv_indices: Array | None = None,
        kv_len_arr: Array | None = None,
        backend: Literal["auto", "fa2", "fa3"] = "auto",
    ) -> None:
        if not isinstance(backend, str) or backend not in _BACKENDS:
            raise InvalidArgument(f"backend={backend!r} is not supported: must be one of {', '.join(_BACKENDS)}")
        if float_workspace_buffer is not None:
            _tensors.require_arrays(float_workspace_buffer=float_workspace_buffer)
        self.device = getattr(float_workspace_buffer, "device", "cpu")
        self._gpu = _tensors.gpu_of(float_workspace_buffer)
        self._use_cuda_graph = _arguments.flag(use_cuda_graph, "use_cuda_graph")
        if self._use_cuda_graph and self._gpu is not None:
            raise InvalidArgument("use_cuda_graph=True is not supported on a GPU: the default stream cannot be captured")
        self._backend = backend
        self._buffers = {
            "qo_indptr": qo_indptr, "kv_indptr": kv_indptr, "kv_indices": kv_indices, "kv_len_arr": kv_len_arr,
        }
        self._plan: Plan | None = None

    def plan(
        self,
        qo_indptr: Tensor,
        kv_indptr: Tensor,
        kv_indices: Tensor,
        kv_len_arr: Tensor,
        num_heads: int,
        head_dim_ckv: int,
        head_dim_kpe: int,
        page_size: int,
        causal: bool,
        sm_scale: float,
        q_data_type: DType,
        kv_data_type: DType,
        use_profiler: bool = False,
    ) -> None:
        """Plans a batch for the runs that follow. Index tensors are int32; ``kv_indptr`` may be longer than needed."""
        num_heads, page_size = _arguments.integer(num_heads, "num_heads"), _arguments.integer(page_size, "page_size")
        head_dim_ckv = _arguments.integer(head_dim_ckv, "head_dim_ckv")
        head_dim_kpe = _arguments.integer(head_dim_kpe, "head_dim_kpe")
        sm_scale, use_profiler = _arguments.number(sm_scale, "sm_scale"), _arguments.flag(use_profiler, "use_profiler")
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
        self._array_types = _tensors.array_dtype(q_data_type), _tensors.array_dtype(kv_data_type)
        self._kv_is_fp8 = _tensors.dtype_name(kv_data_type) == "float8_e4m3fn"
        self._use_profiler = use_profiler

    def _checked_buffers(self, lists: dict[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """The caller's buffers, each with what goes into it."""
        buffers = []
        for field, values in lists.items():
            buffer = self._buffers[field]
            if buffer is None:
                raise InvalidArgument(f"{field} must be given to the constructor when use_cuda_graph is True")
            target = _tensors.as_numpy(_tensors.written(buffer, field), field)
            if target.dtype != numpy.int32:
                raise InvalidArgument(f"Invalid dtype of {field}: its buffer must be int32, has {target.dtype}")
            if field == "kv_indices" and target.ndim == 1:
                target = target[: len(values)]
            if target.shape != values.shape:
                raise InvalidArgument(f"Invalid shape of {field}: its buffer has {target.shape}, got {values.shape}")
            buffers.append((target, values))
        return buffers

    @overload
    def run(
        self, q_nope: Own, q_pe: Own, ckv_cache: Array, kpe_cache: Array, out: Own | None = None, lse: Array | None = None,
        return_lse: Literal[False] = False, profiler_buffer: Array | None = None, kv_len: Array | None = None,
        page_table: Array | None = None, return_lse_base_on_e: bool = False, o_scale: None = None, *,
        ckv_scale: float | None = None, ckv_scale_arr: Array | None = None, kpe_scale: float | None = None,
    ) -> Own: ...

    @overload
    def run(
        self, q_nope: NDArray[Element], q_pe: NDArray[Element], ckv_cache: Array, kpe_cache: Array,
        out: NDArray[Element] | None = None, lse: NDArray[numpy.float32] | None = None, *, return_lse: Literal[True],
        profiler_buffer: Array | None = None, kv_len: Array | None = None, page_table: Array | None = None,
        return_lse_base_on_e: bool = False, o_scale: None = None, ckv_scale: float | None = None,
        ckv_scale_arr: Array | None = None, kpe_scale: float | None = None,
    ) -> tuple[NDArray[Element], NDArray[numpy.float32]]: ...

    @overload
    def run(
        self, q_nope: Torch, q_pe: Torch, ckv_cache: Array, kpe_cache: Array, out: Torch | None = None,
        lse: Torch | None = None, *, return_lse: Literal[True], profiler_buffer: Array | None = None,
        kv_len: Array | None = None, page_table: Array | None = None, return_lse_base_on_e: bool = False,
        o_scale: None = None, ckv_scale: float | None = None, ckv_scale_arr: Array | None = None,
        kpe_scale: float | None = None,
    ) -> tuple[Torch, Torch]: ...

    @overload
    def run(
        self, q_nope: Own, q_pe: Own, ckv_cache: Array, kpe_cache: Array, out: Own | None = None, lse: Array | None = None,
        return_lse: bool = False, profiler_buffer: Array | None = None, kv_len: Array | None = None,
        page_table: Array | None = None, return_lse_base_on_e: bool = False, o_scale: None = None, *,
        ckv_scale: float | None = None, ckv_scale_arr: Array | None = None, kpe_scale: float | None = None,
    ) -> Own | tuple[Own, Array]: ...

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
        return_lse = _arguments.flag(return_lse, "return_lse")
        return_lse_base_on_e = _arguments.flag(return_lse_base_on_e, "return_lse_base_on_e")
        # Mostly the types are the very objects that were planned, which is quickly seen.
        q_type, kv_type = self._array_types
        try:
            is_planned = (
                q_nope.dtype is q_type and q_pe.dtype is q_type and ckv_cache.dtype is kv_type and kpe_cache.dtype is kv_type
            )
        except AttributeError:
            is_planned = False
        if not is_planned:
            self._check_arrays(q_nope=q_nope, q_pe=q_pe, ckv_cache=ckv_cache, kpe_cache=kpe_cache)
        if self._kv_is_fp8:
            _check_scales(ckv_scale, ckv_scale_arr, kpe_scale)
        elif ckv_scale is not None or ckv_scale_arr is not None or kpe_scale is not None:
            raise ValueError("ckv_scale / ckv_scale_arr / kpe_scale are only valid when kv_data_type is FP8.")
        if profiler_buffer is None and self._use_profiler:
            raise ValueError("Profiler is enabled, profiler_buffer must be provided")
        rank3, gpu = _tensors.rank3, self._gpu
        queries = rank3(q_nope, "q_nope", gpu)
        if out is None:
            out = _tensors.empty(q_nope, q_nope.shape)
        else:
            check_tensor(out, q_nope.shape, q_nope.dtype, "out")
        if lse is None:
            if return_lse:
                lse = _tensors.empty(q_nope, q_nope.shape[:2], "float32")
        else:
            check_tensor(lse, q_nope.shape[:2], "float32", "lse")
        missing, written = _tensors.MISSING, _tensors.written
        plan.write(
            queries, rank3(q_pe, "q_pe", gpu) if self._has_rope else missing, rank3(ckv_cache, "ckv_cache", gpu),
            rank3(kpe_cache, "kpe_cache", gpu) if self._has_rope else missing, rank3(written(out, "out"), "out", gpu),
            missing if lse is None else _tensors.lse(written(lse, "lse"), gpu), not return_lse_base_on_e,
            self._options(ckv_cache, ckv_scale, ckv_scale_arr, kpe_scale) if self._kv_is_fp8 else None,
        )
        return (out, lse) if return_lse else out

    def _options(self, ckv_cache: Any, ckv_scale: Any, ckv_scale_arr: Any, kpe_scale: Any) -> Options:
        """What scales mean for a run; they have been checked."""
        if ckv_scale is not None:
            return Options(latent_scale=float(ckv_scale), rope_scale=float(kpe_scale))
        groups = self._head_dim_ckv // _SCALED_COLUMNS
        check_tensor(ckv_scale_arr, (*ckv_cache.shape[:-1], groups), "float32", "ckv_scale_arr")
        is_torch = _tensors.is_torch(ckv_scale_arr)
        if not (ckv_scale_arr.is_contiguous() if is_torch else ckv_scale_arr.flags.c_contiguous):
            raise ValueError("ckv_scale_arr must be contiguous.")
        scales = _tensors.rank3(ckv_scale_arr, "ckv_scale_arr")
        return Options(scales=scales, group_width=_SCALED_COLUMNS, rope_scale=float(kpe_scale))

    def _check_arrays(self, **tensors: Any) -> None:
        """Holds tensors against the types that were planned."""
        _tensors.require_arrays(**tensors)
        for name, tensor in tensors.items():
            field = "q_data_type" if name.startswith("q_") else "kv_data_type"
            planned = self._q_data_type if name.startswith("q_") else self._kv_data_type
            if not _tensors.same_dtype(tensor.dtype, planned):
                raise ValueError(f"{name}.dtype={tensor.dtype} does not match the planned {field}={planned}.")


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
    qo_indptr: NDArray[Any], kv_indptr: NDArray[Any], kv_indices: NDArray[Any], kv_len_arr: NDArray[Any]
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
        if scale is not None and not 0 < _arguments.number(scale, name) < math.inf:
            raise ValueError(f"{name} must be a finite positive value, got {scale}")
