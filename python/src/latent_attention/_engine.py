"""Engines and plans."""

from __future__ import annotations

import ctypes
import dataclasses
import operator
import struct
import threading
import weakref
from typing import Any, Sequence

import numpy

from . import _tensors
from ._library import check, library, new_handle
from .errors import InvalidArgument

#: How work is divided, as `latent_attention.h` numbers it.
POLICIES = {"balanced": 0, "flashinfer": 1, "flash_mla": 2, "batch_invariant": 3}
#: For the pool's pages: as many as the batch needs.
PAGES_AS_NEEDED = -1

_pack_geometry = struct.Struct("=3qf4x").pack
_pack_batch = struct.Struct("=9q").pack
_pack_run = struct.Struct("=44q").pack
_pack_options = struct.Struct("=15q2f8q").pack
_pack_lists = struct.Struct("=6q").pack
_pack_tensor = struct.Struct("=7q").pack
_pack_append = struct.Struct("=34q").pack
_run = library.mla_run
#: Where tensors are, as `latent_attention.h` numbers it.
_MEMORIES = ("host", "device")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """The shape of an MLA layer after the up-projections were absorbed into the query.

    ``softmax_scale`` is that of the heads before absorption: 1/sqrt(192) for DeepSeek-V3, not 1/sqrt(576).
    """

    head_count: int
    softmax_scale: float
    latent_width: int = 512
    rope_width: int = 64


class Engine:
    """Runs plans on CPU threads; ``Engine.hopper`` on a Hopper GPU.

    ``threads`` work, the calling one included: None for as many as the process may use. ``instruction_set`` is
    ``"avx512bf16"``, ``"avx512f"``, ``"avx2"`` or ``"portable"``; None for the best there is. Threads may share an engine:
    its runs are done one after another.
    """

    def __init__(self, threads: int | None = None, instruction_set: str | None = None) -> None:
        name = None if instruction_set is None else instruction_set.encode()
        self.device: int | None = None
        self._adopt(new_handle(library.mla_engine_create_cpu, _integer(threads or 0, "threads"), name))

    @classmethod
    def hopper(cls, device: int | None = None, threads: int | None = None, memory: str = "host") -> Engine:
        """An engine on a GPU, by its number, or on a simulated H100 for None.

        With ``memory="host"`` tensors are in host memory, and copied for each run. With ``"device"`` they are on that GPU: a
        run is put into its default stream and returns at once. ``device`` is then also the engine's ``device``, None for
        other engines.
        """
        if memory not in _MEMORIES:
            raise InvalidArgument(f"memory = {memory!r}: must be one of {', '.join(_MEMORIES)}", "out_of_range")
        engine = cls.__new__(cls)
        number = -1 if device is None else _integer(device, "device")
        engine._adopt(
            new_handle(
                library.mla_engine_create_hopper, number, _MEMORIES.index(memory), _integer(threads or 0, "threads")
            )
        )
        engine.device = number if memory == "device" else None
        return engine

    def _adopt(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        weakref.finalize(self, library.mla_engine_destroy, handle)

    @property
    def worker_count(self) -> int:
        """Workers that plans are for: threads, or multiprocessors."""
        count = ctypes.c_int64()
        check(library.mla_engine_worker_count(self._handle, ctypes.byref(count)))
        return count.value

    def plan(
        self,
        geometry: Geometry,
        query_offsets: Any,
        page_offsets: Any,
        page_indices: Any,
        key_lengths: Any,
        page_size: int,
        *,
        causal: bool = False,
        pool_page_count: int | None = None,
        policy: str = "balanced",
    ) -> Plan:
        """Plans a batch, for any number of runs.

        Request ``i`` owns the query tokens ``query_offsets[i]:query_offsets[i + 1]`` and the pages
        ``page_indices[page_offsets[i]:page_offsets[i + 1]]``. Lists are int32 tensors, also on the engine's GPU, from where
        they are copied; ``page_offsets`` may be longer than needed, page lists hold garbage past their last needed entry. ``pool_page_count`` None takes caches of any size that
        has all the pages needed.
        """
        lists = [
            _tensors.indices(values, field, self.device)
            for field, values in (
                ("query_offsets", query_offsets), ("page_offsets", page_offsets), ("page_indices", page_indices),
                ("key_lengths", key_lengths),
            )
        ]
        count = len(lists[3])
        for field, values in zip(("query_offsets", "page_offsets"), lists):
            if len(values) < count + 1:
                raise InvalidArgument(
                    f"{field}.shape = ({len(values)},): must have at least {count + 1} entries for {count} key lengths",
                    "too_short",
                )
        addresses = [_address(values) for values in lists]
        batch = _pack_batch(
            count, addresses[0], addresses[1], addresses[2], len(lists[2]), addresses[3],
            _integer(page_size, "page_size"),
            PAGES_AS_NEEDED if pool_page_count is None else _integer(pool_page_count, "pool_page_count"), bool(causal),
        )
        handle = new_handle(
            library.mla_plan_create, self._handle, _packed_geometry(geometry), batch, _policy(policy)
        )
        return Plan(self, geometry, int(lists[0][count]), handle)

    def plan_sparse(
        self, geometry: Geometry, tokens: Any, page_size: int, page_count: int, *, lengths: Any = None,
        policy: str = "balanced",
    ) -> Plan:
        """Plans sparse attention: query token ``i`` sees the tokens of row ``i`` of ``tokens``, an int32 tensor of two
        dimensions.

        An entry is ``page * page_size + slot``; what is no place of the cache, -1 for one, is passed over. ``lengths`` says
        how many entries of each row count. For CPU engines.
        """
        described = _tensors.describe(tokens, "tokens")
        if described.code != _tensors.OTHER_TYPES["int32"] or len(described.shape) != 2:
            raise InvalidArgument("tokens: must be an int32 tensor of two dimensions")
        table = numpy.ascontiguousarray(_tensors.as_numpy(tokens))
        counts = None if lengths is None else _tensors.indices(lengths, "lengths")
        if counts is not None and len(counts) != len(table):
            raise InvalidArgument(f"lengths.shape = ({len(counts)},): must be ({len(table)},), one for each row of tokens")
        packed = _pack_lists(
            *table.shape, _address(table), 0 if counts is None else _address(counts),
            _integer(page_size, "page_size"), _integer(page_count, "page_count"),
        )
        handle = new_handle(
            library.mla_plan_create_sparse, self._handle, _packed_geometry(geometry), packed, _policy(policy)
        )
        return Plan(self, geometry, len(table), handle)


def _packed_geometry(geometry: Geometry) -> bytes:
    try:
        scale = float(geometry.softmax_scale)
    except (TypeError, ValueError):
        raise InvalidArgument(f"softmax_scale = {geometry.softmax_scale!r}: must be a number", "out_of_range") from None
    return _pack_geometry(
        _integer(geometry.head_count, "head_count"), _integer(geometry.latent_width, "latent_width"),
        # What is too large for fp32 becomes infinite, and is refused as such.
        _integer(geometry.rope_width, "rope_width"), ctypes.c_float(scale).value,
    )


def _integer(value: Any, field: str) -> int:
    """A number of 64 bits, from anything that is an integer."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidArgument(f"{field} = {value!r}: must be an integer", "out_of_range") from None
    if not -(2**63) <= number < 2**63:
        raise InvalidArgument(f"{field} = {number}: must fit 64 bits", "overflow")
    return number


def _policy(name: str) -> int:
    if name not in POLICIES:
        raise InvalidArgument(f"policy = {name!r}: must be one of {', '.join(POLICIES)}", "out_of_range")
    return POLICIES[name]


def _address(values: numpy.ndarray) -> int:
    return values.__array_interface__["data"][0]


class Options:
    """What only some runs need: scales of an 8-bit cache, sinks, largest scores. See ``mla_run_options``.

    Tensors are given as descriptions of rank 3 (``_tensors.rank3``).
    """

    def __init__(
        self,
        *,
        latent_tail: tuple[int, ...] = _tensors.MISSING,
        scales: tuple[int, ...] = _tensors.MISSING,
        group_width: int = 0,
        latent_scale: float = 1.0,
        rope_scale: float = 1.0,
        maximum_scores: tuple[int, ...] = _tensors.MISSING,
        sinks: numpy.ndarray | None = None,
    ) -> None:
        self._sinks = sinks
        self._memory = ctypes.create_string_buffer(
            _pack_options(
                *latent_tail, *scales, group_width, latent_scale, rope_scale, *maximum_scores,
                0 if sinks is None else _address(sinks),
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
        ones of the queries' library. LSEs are natural logarithms, or of base 2.
        """
        if out is None:
            shape = (len(query_latent), self.geometry.head_count, self.geometry.latent_width)
            out = _tensors.empty(query_latent, shape)
        if return_lse and lse is None:
            lse = _tensors.empty(query_latent, (len(query_latent), self.geometry.head_count), "float32")
        self.write(query_latent, query_rope, cache_latent, cache_rope, out, lse, base_two)
        return (out, lse) if return_lse else out

    def write(
        self, query_latent: Any, query_rope: Any, cache_latent: Any, cache_rope: Any, out: Any, lse: Any, base_two: bool,
        options: Options | None = None,
    ) -> None:
        """As ``run``, into tensors that are given; ``lse`` may be None. The cache may be described already."""
        rank3, written, device = _tensors.rank3, _tensors.written, self.engine.device
        missing = _tensors.MISSING
        status = _run(
            *self._handles,
            _pack_run(
                *rank3(query_latent, "query_latent", device),
                *(missing if query_rope is None else rank3(query_rope, "query_rope", device)),
                *(cache_latent if type(cache_latent) is tuple else rank3(cache_latent, "cache_latent", device)),
                *(missing if cache_rope is None else cache_rope if type(cache_rope) is tuple
                  else rank3(cache_rope, "cache_rope", device)),
                *rank3(written(out, "out"), "out", device),
                *(missing if lse is None else _lse(written(lse, "lse"), device)),
                base_two,
                options.address if options else 0,
            ),
        )
        if status:
            check(status)


def _lse(tensor: Any, device: int | None = None) -> tuple[int, ...]:
    """An LSE tensor `[token, head]` as one of rank 3."""
    described = _tensors.describe(tensor, "lse", device)
    if len(described.shape) != 2:
        raise InvalidArgument(f"lse.shape = {tuple(described.shape)}: must have 2 dimensions")
    if described.code != _tensors.ELEMENT_TYPES["float32"]:
        raise InvalidArgument("lse: must be of type float32")
    return (described.address, described.code, *described.shape, 1, *described.strides)


def merge_states(states: Sequence[tuple[Any, Any]], out: Any, lse: Any, *, base_two: bool = False) -> None:
    """Combines attention over disjoint sets of keys: ``states`` are pairs of outputs and LSEs, as ``Plan.run`` returns.

    ``out`` and ``lse`` are written; they may be those of one state.
    """
    outputs = b"".join(_pack_tensor(*_tensors.rank3(state[0], "outputs")) for state in states)
    lses = b"".join(_pack_tensor(*_lse(state[1])) for state in states)
    check(
        library.mla_merge_states(
            len(states), outputs, lses, base_two, _pack_tensor(*_tensors.rank3(_tensors.written(out, "out"), "out")),
            _pack_tensor(*_lse(_tensors.written(lse, "lse"))),
        )
    )


def append(
    latent: Any, rope: Any, requests: Any, positions: Any, cache_latent: Any, cache_rope: Any, page_indices: Any,
    page_offsets: Any,
) -> None:
    """Writes tokens ``[token, width]`` into a paged cache, each at a position of a request; negative requests are skipped."""
    lists = [
        _tensors.indices(values, field)
        for field, values in (
            ("requests", requests), ("positions", positions), ("page_offsets", page_offsets), ("page_indices", page_indices),
        )
    ]
    count = len(latent)
    for field, values in zip(("requests", "positions"), lists):
        if len(values) != count:
            raise InvalidArgument(f"{field}.shape = ({len(values)},): must be ({count},), the number of tokens")
    missing = _tensors.MISSING
    addresses = [_address(values) for values in lists]
    check(
        library.mla_append(
            _pack_append(
                *_rows(latent, "latent"),
                *(missing if rope is None else _rows(rope, "rope")),
                *_tensors.rank3(_tensors.written(cache_latent, "cache_latent"), "cache_latent"),
                *(missing if cache_rope is None
                  else _tensors.rank3(_tensors.written(cache_rope, "cache_rope"), "cache_rope")),
                addresses[0], addresses[1], len(lists[2]) - 1, addresses[2], addresses[3], len(lists[3]),
            )
        )
    )


def _rows(tensor: Any, field: str) -> tuple[int, ...]:
    """A tensor `[token, width]` as `[token, 1, width]`."""
    described = _tensors.describe(tensor, field)
    if len(described.shape) != 2:
        raise InvalidArgument(f"{field}.shape = {tuple(described.shape)}: must have 2 dimensions")
    (count, width), strides = described.shape, described.strides
    return _tensors.pack(
        described._replace(shape=(count, 1, width), strides=(strides[0], 0, strides[1])), field
    )


_default_lock = threading.Lock()
#: By GPU; None is the one on CPU threads.
_defaults: dict[int | None, Engine] = {}


def default_engine(device: int | None = None) -> Engine:
    """The engine that the interfaces of other libraries use, started when first asked for: all threads, or for tensors on a
    GPU, by its number."""
    with _default_lock:
        if device not in _defaults:
            _defaults[device] = Engine() if device is None else Engine.hopper(device, memory="device")
        return _defaults[device]
