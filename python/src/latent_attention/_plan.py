"""Plans: who does what in an attention call, run for every layer."""

from __future__ import annotations

import ctypes
import struct
import weakref
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy
from numpy.typing import NDArray

from . import _arguments, _tensors
from ._library import check, library
from ._tensors import Described
from ._types import Element, Given, Own, Tensor, Torch

if TYPE_CHECKING:
    from ._engine import Engine, Geometry

_pack_run = struct.Struct("=44q").pack
_pack_options = struct.Struct("=15q2f8q").pack
_run = library.mla_run


class Options:
    """What only some runs need: scales of an 8-bit cache, sinks, largest scores. See ``mla_run_options``.

    Tensors are given as descriptions of rank 3 (``_tensors.rank3``).
    """

    def __init__(
        self,
        *,
        latent_tail: Described = _tensors.MISSING,
        scales: Described = _tensors.MISSING,
        group_width: int = 0,
        latent_scale: float = 1.0,
        rope_scale: float = 1.0,
        maximum_scores: Described = _tensors.MISSING,
        sinks: NDArray[numpy.float32] | None = None,
    ) -> None:
        self._sinks = sinks
        self._memory = ctypes.create_string_buffer(
            _pack_options(
                *latent_tail, *scales, group_width, latent_scale, rope_scale, *maximum_scores,
                0 if sinks is None else _tensors.address(sinks),
            )
        )
        self.address = ctypes.addressof(self._memory)


class Plan:
    """Who does what in one attention call, the same for every layer of a decode step. Made by ``Engine.plan``."""

    def __init__(self, engine: Engine, geometry: Geometry, query_count: int, handle: ctypes.c_void_p) -> None:
        self.engine = engine
        self.geometry = geometry
        self.query_count = query_count
        self._handles = (engine._handle, handle)
        weakref.finalize(self, library.mla_plan_destroy, handle)

    @overload
    def run(
        self, query_latent: Own, query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: Own | None = None, lse: Tensor | None = None, *, return_lse: Literal[False] = False, base_two: bool = False,
    ) -> Own: ...

    @overload
    def run(
        self, query_latent: Tensor, query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: Given, lse: Tensor | None = None, *, return_lse: Literal[False] = False, base_two: bool = False,
    ) -> Given: ...

    @overload
    def run(
        self, query_latent: NDArray[Element], query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: NDArray[Element] | None = None, lse: NDArray[numpy.float32] | None = None, *, return_lse: Literal[True],
        base_two: bool = False,
    ) -> tuple[NDArray[Element], NDArray[numpy.float32]]: ...

    @overload
    def run(
        self, query_latent: Torch, query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: Torch | None = None, lse: Torch | None = None, *, return_lse: Literal[True], base_two: bool = False,
    ) -> tuple[Torch, Torch]: ...

    @overload
    def run(
        self, query_latent: Tensor, query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: Given, lse: Given, *, return_lse: Literal[True], base_two: bool = False,
    ) -> tuple[Given, Given]: ...

    @overload
    def run(
        self, query_latent: Tensor, query_rope: Tensor | None, cache_latent: Tensor, cache_rope: Tensor | None,
        out: Tensor | None = None, lse: Tensor | None = None, *, return_lse: bool, base_two: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]: ...

    def run(
        self,
        query_latent: Any,
        query_rope: Any,
        cache_latent: Any,
        cache_rope: Any,
        out: Any = None,
        lse: Any = None,
        *,
        return_lse: bool = False,
        base_two: bool = False,
    ) -> Any:
        """Computes attention for all query tokens of the plan's batch.

        Queries are ``[token, head, width]``, caches ``[page, slot, width]``, with any strides and a contiguous last
        dimension; the rope parts None where the rope width is 0. Returns ``out``, or ``(out, lse)``: those given, or new
        ones of the queries' library, numpy's where that is neither torch nor numpy. LSEs are natural logarithms, or of
        base 2.
        """
        return_lse, base_two = _arguments.flag(return_lse, "return_lse"), _arguments.flag(base_two, "base_two")
        rank3, written, device = _tensors.rank3, _tensors.written, self.engine.device
        queries = rank3(query_latent, "query_latent", device)
        if out is None:
            shape = (queries[2], self.geometry.head_count, self.geometry.latent_width)
            out = _tensors.empty(query_latent, shape)
        if return_lse and lse is None:
            lse = _tensors.empty(query_latent, (queries[2], self.geometry.head_count), "float32")
        missing = _tensors.MISSING
        self.write(
            queries, missing if query_rope is None else rank3(query_rope, "query_rope", device),
            rank3(cache_latent, "cache_latent", device),
            missing if cache_rope is None else rank3(cache_rope, "cache_rope", device),
            rank3(written(out, "out"), "out", device),
            missing if lse is None else _tensors.lse(written(lse, "lse"), device), base_two,
        )
        return (out, lse) if return_lse else out

    def write(
        self, query_latent: Described, query_rope: Described, cache_latent: Described, cache_rope: Described, out: Described,
        lse: Described, base_two: bool, options: Options | None = None,
    ) -> None:
        """As ``run``, for tensors as ``_tensors.rank3`` describes them; ``_tensors.MISSING`` is one that is not given."""
        status = _run(
            *self._handles,
            _pack_run(
                *query_latent, *query_rope, *cache_latent, *cache_rope, *out, *lse, base_two,
                options.address if options else 0,
            ),
        )
        if status:
            check(status)
